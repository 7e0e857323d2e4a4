//! Converts DECIMAL from text and back, exactly: without floating point, and with explicit rounding.

use crate::common::digits::fits;

/// Returns the unscaled value of `text` with this precision and scale. Digits beyond the scale are rounded half up, as Flink does. `None`
/// when it is not a number, or has more digits before the point than fit.
pub(super) fn parse(text: &str, precision: u8, scale: i8) -> Option<i128> {
    let trimmed = text.trim();
    let (negative, unsigned) = match trimmed.as_bytes().first()? {
        b'-' => (true, trimmed.get(1..)?),
        b'+' => (false, trimmed.get(1..)?),
        _ => (false, trimmed),
    };
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (unsigned, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all = || whole.bytes().chain(fraction.bytes());
    if (whole.is_empty() && fraction.is_empty()) || !all().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let zeros = all().take_while(|b| *b == b'0').count();
    let digits = whole.len() + fraction.len() - zeros;
    if digits == 0 {
        return Some(0);
    }
    // How many of the digits belong to the unscaled value; zeros are appended if there are too few.
    let kept = digits as i64 - fraction.len() as i64 + i64::from(exponent) + i64::from(scale);
    if kept > i64::from(precision) {
        return None;
    }
    if kept < 0 {
        return Some(0);
    }
    let kept = usize::try_from(kept).ok()?;
    let mut rest = all().skip(zeros);
    let mut value: i128 = 0;
    for _ in 0..kept {
        let digit = rest.next().map_or(0, |b| i128::from(b - b'0'));
        value = value.checked_mul(10)?.checked_add(digit)?;
    }
    if rest.next().is_some_and(|b| b >= b'5') {
        value += 1;
    }
    if !fits(value, precision) {
        return None;
    }
    Some(if negative { -value } else { value })
}

/// Appends an unscaled value as a plain number.
pub(super) fn write(value: i128, scale: i8, out: &mut Vec<u8>) {
    if value < 0 {
        out.push(b'-');
    }
    let digits = value.unsigned_abs().to_string();
    let Ok(scale) = usize::try_from(scale) else {
        out.extend_from_slice(digits.as_bytes());
        out.extend(std::iter::repeat_n(b'0', usize::from(scale.unsigned_abs())));
        return;
    };
    let padded = format!("{digits:0>width$}", width = scale + 1);
    let (whole, fraction) = padded.split_at(padded.len() - scale);
    out.extend_from_slice(whole.as_bytes());
    if !fraction.is_empty() {
        out.push(b'.');
        out.extend_from_slice(fraction.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_exactly() {
        for (text, value) in [
            ("1", 100),
            ("-1.5", -150),
            ("0.005", 1),
            ("0.0049", 0),
            ("1e2", 10_000),
            ("123E-2", 123),
            ("+.5", 50),
            ("0", 0),
            ("99999999.99", 9_999_999_999),
            ("1e-400", 0),
            ("0e999999", 0),
            ("-9999999.994", -999_999_999),
        ] {
            assert_eq!(parse(text, 10, 2), Some(value), "{text}");
        }
        for wrong in ["", "-", "abc", "1.2.3", "1e", "1e99999999999", "true", "100000000", "99999999.995", "1e9", "0x1", "1_0"] {
            assert!(parse(wrong, 10, 2).is_none(), "{wrong}");
        }
        let long = "9".repeat(400);
        assert!(parse(&long, 38, 0).is_none());
        assert_eq!(parse(&format!("0.{long}"), 38, 0), Some(1));
    }

    #[test]
    fn writes_plainly() {
        for (value, scale, text) in [(0, 2, "0.00"), (-5, 2, "-0.05"), (12345, 2, "123.45"), (7, 0, "7"), (7, -2, "700")] {
            let mut out = Vec::new();
            write(value, scale, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), text);
        }
    }
}
