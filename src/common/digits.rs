//! Limits of DECIMAL.

/// Returns the smallest number with more than this many digits.
const fn beyond(precision: u8) -> u128 {
    match 10_u128.checked_pow(precision as u32) {
        Some(beyond) => beyond,
        None => u128::MAX,
    }
}

/// Whether an unscaled value has at most this many digits.
#[inline]
pub fn fits(value: i128, precision: u8) -> bool {
    value.unsigned_abs() < beyond(precision)
}

/// Returns the greatest number with this many digits.
pub fn greatest(precision: u8) -> i128 {
    i128::try_from(beyond(precision)).map_or(i128::MAX, |beyond| beyond - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thirty_eight_digits_are_the_most() {
        assert!(fits(-99, 2) && !fits(100, 2) && !fits(-100, 2));
        assert!(fits(10_i128.pow(38) - 1, 38) && !fits(10_i128.pow(38), 38) && !fits(i128::MIN, 38));
        assert_eq!(greatest(3), 999);
        assert_eq!(greatest(38), 10_i128.pow(38) - 1);
    }
}
