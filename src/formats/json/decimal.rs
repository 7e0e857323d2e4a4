//! DECIMAL from text, exactly: no floating point on the way, no digit lost unnoticed.

/// The unscaled value of `text` with this precision and scale. Digits behind the scale are rounded half up, as Flink does.
///
/// # Errors
/// When it is no number, or has more digits before the point than fit.
pub(super) fn parse(text: &str, precision: u8, scale: i8) -> Result<i128, String> {
    let wrong = || format!("`{}` is not a number", super::text::shorten(text, 60));
    let trimmed = text.trim();
    let (negative, unsigned) = match trimmed.as_bytes().first() {
        Some(b'-') => (true, &trimmed[1..]),
        Some(b'+') => (false, &trimmed[1..]),
        _ => (false, trimmed),
    };
    let (mantissa, exponent) = match unsigned.find(['e', 'E']) {
        Some(at) => (&unsigned[..at], unsigned[at + 1..].parse::<i32>().map_err(|_| wrong())?),
        None => (unsigned, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if (whole.is_empty() && fraction.is_empty()) || !whole.bytes().chain(fraction.bytes()).all(|b| b.is_ascii_digit()) {
        return Err(wrong());
    }
    let overflow = || format!("`{}` does not fit DECIMAL({precision}, {scale})", super::text::shorten(text, 60));
    let digits: Vec<u8> = whole.bytes().chain(fraction.bytes()).skip_while(|b| *b == b'0').collect();
    if digits.is_empty() {
        return Ok(0);
    }
    // How many digits of `digits` stand before the end of the unscaled value.
    let kept = digits.len() as i64 - fraction.len() as i64 + i64::from(exponent) + i64::from(scale);
    if kept > i64::from(precision) {
        return Err(overflow());
    }
    if kept < 0 {
        return Ok(0);
    }
    let kept = usize::try_from(kept).map_err(|_| overflow())?;
    let mut value: i128 = 0;
    for i in 0..kept {
        let digit = digits.get(i).map_or(0, |b| i128::from(b - b'0'));
        value = value.checked_mul(10).and_then(|v| v.checked_add(digit)).ok_or_else(overflow)?;
    }
    if digits.get(kept).is_some_and(|b| *b >= b'5') {
        value += 1;
    }
    if value >= 10_i128.checked_pow(u32::from(precision)).unwrap_or(i128::MAX) {
        return Err(overflow());
    }
    Ok(if negative { -value } else { value })
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
            assert_eq!(parse(text, 10, 2), Ok(value), "{text}");
        }
        for wrong in ["", "-", "abc", "1.2.3", "1e", "1e99999999999", "true", "100000000", "99999999.995", "1e9", "0x1", "1_0"] {
            assert!(parse(wrong, 10, 2).is_err(), "{wrong}");
        }
        let long = "9".repeat(400);
        assert!(parse(&long, 38, 0).is_err());
        assert_eq!(parse(&format!("0.{long}"), 38, 0), Ok(1));
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
