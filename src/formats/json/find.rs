//! Finds the end of a string: the next byte that is not plain text, sixteen bytes at a time.

/// Returns the index of the first `"`, `\` or control character at or after `at`, or the length.
#[inline]
pub(super) fn special(bytes: &[u8], mut at: usize) -> usize {
    while let Some(chunk) = bytes.get(at..).and_then(<[u8]>::first_chunk::<16>) {
        let found = mask(*chunk);
        if found != 0 {
            return at + found.trailing_zeros() as usize;
        }
        at += 16;
    }
    let rest = bytes.get(at..).unwrap_or_default();
    at + rest.iter().position(|b| is_special(*b)).unwrap_or(rest.len())
}

#[inline]
fn is_special(b: u8) -> bool {
    b < 0x20 || b == b'"' || b == b'\\'
}

/// Returns one bit per byte, the first byte in the lowest bit.
#[cfg(target_arch = "x86_64")]
#[inline]
fn mask(chunk: [u8; 16]) -> u32 {
    use std::arch::x86_64::{_mm_cmpeq_epi8, _mm_min_epu8, _mm_movemask_epi8, _mm_or_si128, _mm_set_epi64x, _mm_set1_epi8};
    let bits = u128::from_le_bytes(chunk);
    // SAFETY: SSE2 is part of every x86-64, and none of these takes a pointer.
    unsafe {
        let chunk = _mm_set_epi64x((bits >> 64) as i64, bits as i64);
        let quote = _mm_cmpeq_epi8(chunk, _mm_set1_epi8(b'"' as i8));
        let backslash = _mm_cmpeq_epi8(chunk, _mm_set1_epi8(b'\\' as i8));
        let control = _mm_cmpeq_epi8(_mm_min_epu8(chunk, _mm_set1_epi8(0x1f)), chunk);
        _mm_movemask_epi8(_mm_or_si128(_mm_or_si128(quote, backslash), control)) as u32
    }
}

#[cfg(not(target_arch = "x86_64"))]
#[inline]
fn mask(chunk: [u8; 16]) -> u32 {
    chunk.iter().enumerate().fold(0, |found, (i, b)| found | (u32::from(is_special(*b)) << i))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_at_every_place() {
        for b in 0..=255_u8 {
            for at in 0..40 {
                let mut text = vec![b'a'; 40];
                text[at] = b;
                let expected = if b < 0x20 || b == b'"' || b == b'\\' { at } else { 40 };
                assert_eq!(special(&text, 0), expected, "{b} at {at}");
                assert_eq!(special(&text, at), expected, "{b} from {at}");
            }
        }
        assert_eq!((special(b"", 0), special(b"ab", 2), special(b"\"\"", 1)), (0, 2, 1));
    }
}
