//! Parses durations and sizes as users write them in options: `100 ms`, `5s`, `1 min`, `64 MB`.

use std::time::Duration;

use super::{Error, Result};

/// Parses a duration as Flink does: an integer and a unit (`ms` if missing), with or without a space.
pub fn duration(text: &str) -> Result<Duration> {
    let (number, unit) = split(text);
    let wrong =
        || Error::sql(format!("`{text}` is not a duration")).hint("write a number and a unit: `100 ms`, `5 s`, `1 min`, `2 h`, `1 d`");
    let n: u64 = number.parse().map_err(|_| wrong())?;
    let nanos: u64 = match unit.to_ascii_lowercase().as_str() {
        "ns" | "nano" | "nanosecond" | "nanoseconds" => 1,
        "us" | "µs" | "micro" | "microsecond" | "microseconds" => 1_000,
        "" | "ms" | "milli" | "millis" | "millisecond" | "milliseconds" => 1_000_000,
        "s" | "sec" | "secs" | "second" | "seconds" => 1_000_000_000,
        "m" | "min" | "mins" | "minute" | "minutes" => 60_000_000_000,
        "h" | "hour" | "hours" => 3_600_000_000_000,
        "d" | "day" | "days" => 86_400_000_000_000,
        _ => return Err(wrong()),
    };
    n.checked_mul(nanos).map(Duration::from_nanos).ok_or_else(wrong)
}

/// Parses a size in bytes: `64 MB`, `128mb`, `1 GiB`, `4096`. Units are powers of 1024, as in Flink.
pub fn bytes(text: &str) -> Result<u64> {
    let (number, unit) = split(text);
    let wrong = || Error::sql(format!("`{text}` is not a size")).hint("write a number and a unit: `512 KB`, `64 MB`, `2 GB`");
    let n: u64 = number.parse().map_err(|_| wrong())?;
    let shift = match unit.to_ascii_lowercase().as_str() {
        "" | "b" | "byte" | "bytes" => 0,
        "k" | "kb" | "kib" | "kibibytes" => 10,
        "m" | "mb" | "mib" | "mebibytes" => 20,
        "g" | "gb" | "gib" | "gibibytes" => 30,
        "t" | "tb" | "tib" | "tebibytes" => 40,
        _ => return Err(wrong()),
    };
    n.checked_mul(1 << shift).ok_or_else(wrong)
}

fn split(text: &str) -> (&str, &str) {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    (&text[..end], text[end..].trim())
}

/// A count with its noun: `1 row`, `2 rows`.
pub fn counted(n: u64, what: &str) -> String {
    if n == 1 { format!("1 {what}") } else { format!("{n} {what}s") }
}

/// A readable count: `950`, `1.2 k`, `3.4 M`.
#[expect(clippy::cast_precision_loss, reason = "shown with three digits")]
pub fn human(n: u64) -> String {
    match n {
        0..=9_999 => n.to_string(),
        10_000..=999_999 => format!("{:.1}k", n as f64 / 1e3),
        1_000_000..=999_999_999 => format!("{:.2}M", n as f64 / 1e6),
        _ => format!("{:.2}G", n as f64 / 1e9),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        assert_eq!(duration("100ms").unwrap(), Duration::from_millis(100));
        assert_eq!(duration(" 5 s ").unwrap(), Duration::from_secs(5));
        assert_eq!(duration("1 min").unwrap(), Duration::from_secs(60));
        assert_eq!(duration("250").unwrap(), Duration::from_millis(250));
        for wrong in ["", "s", "-1 s", "5 parsecs", "99999999999999 d"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn sizes() {
        assert_eq!(bytes("64 MB").unwrap(), 64 << 20);
        assert_eq!(bytes("4096").unwrap(), 4096);
        assert!(bytes("1 XB").is_err());
    }
}
