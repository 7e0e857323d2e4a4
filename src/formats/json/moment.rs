//! A fast path for timestamps in the form that almost all messages have; arrow parses the others.

use arrow::array::timezone::Tz;
use arrow::compute::kernels::cast_utils::string_to_datetime;
use arrow::datatypes::TimeUnit;
use chrono::Utc;

use crate::common::calendar;

/// `"2024-05-01 12:00:00`.
const SECONDS: usize = 20;

/// Returns the days since 1970 of a valid date `yyyy-MM-dd`.
fn days(date: &[u8; 10]) -> Option<i64> {
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = *date else { return None };
    let (year, month, day) = (two(y1, y2)? * 100 + two(y3, y4)?, two(m1, m2)?, two(d1, d2)?);
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 => 28 + u32::from(leap),
        _ => return None,
    };
    if day == 0 || day > length {
        return None;
    }
    // Years begin in March here: the leap day is the last of its year, and months alternate.
    let (year, month) = if month > 2 { (year + 400, month - 3) } else { (year + 399, month + 9) };
    let whole = year * 365 + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day;
    // 0000-03-01 is day 719_468 before 1970; the 400 years that were added have 146_097 days, and `day` begins with 1.
    Some(i64::from(whole) - 719_469 - 146_097)
}

#[inline]
fn two(tens: u8, ones: u8) -> Option<u32> {
    let (tens, ones) = (tens.wrapping_sub(b'0'), ones.wrapping_sub(b'0'));
    (tens < 10 && ones < 10).then(|| u32::from(tens) * 10 + u32::from(ones))
}

/// Parses `"2024-05-01 12:00:00.345"`, including quotes, with a space or `T`, up to nine fractional digits and an optional `Z`; also
/// returns its length in bytes. `None` for any other form, valid or not.
#[inline]
pub(super) fn quoted(text: &[u8], unit: TimeUnit) -> Option<(i64, usize)> {
    let [b'"', rest @ ..] = text.first_chunk::<SECONDS>()? else { return None };
    let (date, time) = rest.split_first_chunk::<10>()?;
    let [b' ' | b'T', h1, h2, b':', m1, m2, b':', s1, s2] = *time else { return None };
    let (hour, minute, second) = (two(h1, h2)?, two(m1, m2)?, two(s1, s2)?);
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let mut at = SECONDS;
    let mut nanos = 0_u32;
    if text.get(at) == Some(&b'.') {
        at += 1;
        let mut weight = 100_000_000;
        while let Some(digit) = text.get(at).map(|b| b.wrapping_sub(b'0')).filter(|d| *d < 10) {
            nanos += u32::from(digit) * weight;
            // A tenth digit is left to arrow.
            if weight == 0 {
                return None;
            }
            weight /= 10;
            at += 1;
        }
        if at == SECONDS + 1 {
            return None;
        }
    }
    at += usize::from(text.get(at) == Some(&b'Z'));
    if text.get(at) != Some(&b'"') {
        return None;
    }
    let seconds = days(date)? * 86_400 + i64::from(hour * 3_600 + minute * 60 + second);
    Some((scaled(seconds, nanos, unit)?, at + 1))
}

#[inline]
fn scaled(seconds: i64, nanos: u32, unit: TimeUnit) -> Option<i64> {
    if !calendar::has_time(seconds, TimeUnit::Second) {
        return None;
    }
    let nanos = i64::from(nanos);
    match unit {
        TimeUnit::Second => Some(seconds),
        TimeUnit::Millisecond => Some(seconds * 1_000 + nanos / 1_000_000),
        TimeUnit::Microsecond => Some(seconds * 1_000_000 + nanos / 1_000),
        // Nanoseconds reach from 1677 to 2262.
        TimeUnit::Nanosecond => i64::try_from(i128::from(seconds) * 1_000_000_000 + i128::from(nanos)).ok(),
    }
}

/// Parses a text in any form that arrow supports. Without an offset it is local to `zone`, or UTC.
pub(super) fn parse(text: &str, unit: TimeUnit, zone: Option<Tz>) -> Option<i64> {
    let at = match zone {
        Some(zone) => string_to_datetime(&zone, text).ok()?.with_timezone(&Utc),
        None => string_to_datetime(&Utc, text).ok()?,
    };
    if !calendar::has_time(at.timestamp(), TimeUnit::Second) {
        return None;
    }
    match unit {
        TimeUnit::Second => Some(at.timestamp()),
        TimeUnit::Millisecond => Some(at.timestamp_millis()),
        TimeUnit::Microsecond => Some(at.timestamp_micros()),
        TimeUnit::Nanosecond => at.timestamp_nanos_opt(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNITS: [TimeUnit; 4] = [TimeUnit::Second, TimeUnit::Millisecond, TimeUnit::Microsecond, TimeUnit::Nanosecond];

    #[test]
    fn every_day_is_as_the_calendar_says() {
        let mut date = chrono::NaiveDate::from_ymd_opt(0, 1, 1).unwrap();
        while chrono::Datelike::year(&date) < 10_000 {
            let text = date.format("%Y-%m-%d").to_string();
            assert_eq!(days(text.as_bytes().try_into().unwrap()), Some(i64::from(date.to_epoch_days())), "{text}");
            date = date.succ_opt().unwrap();
        }
        for wrong in ["2023-02-29", "1900-02-29", "2024-04-31", "2024-00-10", "2024-13-01", "2024-01-00", "2024-01-32", "2024-1a-01"] {
            assert_eq!(days(wrong.as_bytes().try_into().unwrap()), None, "{wrong}");
        }
    }

    #[test]
    fn what_is_read_at_once_is_what_arrow_reads() {
        let (mut both, mut one) = (0, 0);
        for date in ["2024-05-01", "1969-12-31", "1600-02-29", "2300-01-01", "2023-02-29", "2024-5-01", "0000-01-01", "9999-12-31"] {
            for separator in [" ", "T", "t", "x", ""] {
                for time in ["12:00:00", "23:59:59", "24:00:00", "12:60:00", "12:00:60", "120000", "12:00", "aa:00:00", ""] {
                    for fraction in ["", ".", ".3", ".345", ".345678", ".123456789", ".1234567891", ".000000001", ".x"] {
                        for zone in ["", "Z", "z", "+02:00", " ", "ZZ"] {
                            let text = format!("{date}{separator}{time}{fraction}{zone}");
                            for unit in UNITS {
                                let slow = parse(&text, unit, None);
                                if let Some((fast, len)) = quoted(format!("\"{text}\", ").as_bytes(), unit) {
                                    assert_eq!((Some(fast), len), (slow, text.len() + 2), "{text}");
                                    both += 1;
                                } else {
                                    one += usize::from(slow.is_some());
                                }
                            }
                        }
                    }
                }
            }
        }
        assert!(both > 500 && one > 1_000, "{both} and {one}");
    }
}
