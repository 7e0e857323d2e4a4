//! Converts values without an SQL type to text and back: UUIDs, addresses, durations, numbers of any length, and columns declared STRING.

use std::net::IpAddr;

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Timelike};
use uuid::Uuid;

use super::types::CqlType;

/// Why a value cannot be decoded or encoded.
pub(super) type Reason = String;

/// The `date` value of 1970-01-01.
pub(super) const DATE_ZERO: i64 = 1 << 31;

/// Nanoseconds of a day.
pub(super) const DAY: i64 = 86_400_000_000_000;

const UNREADABLE: &str = "is not what its type says";

/// The bytes of a number of fixed size.
pub(super) fn fixed<const N: usize>(bytes: &[u8]) -> Result<[u8; N], Reason> {
    bytes.try_into().map_err(|_| UNREADABLE.to_string())
}

/// Decodes a scalar value as text.
///
/// # Errors
/// When the bytes are invalid for the type.
pub(super) fn text_of(of: &CqlType, bytes: &[u8]) -> Result<String, Reason> {
    Ok(match of {
        CqlType::Text | CqlType::Ascii => std::str::from_utf8(bytes).map_err(|_| "is no text")?.to_string(),
        CqlType::Boolean => (bytes != [0]).to_string(),
        CqlType::Float => format!("{:?}", f32::from_be_bytes(fixed(bytes)?)),
        CqlType::Double => format!("{:?}", f64::from_be_bytes(fixed(bytes)?)),
        CqlType::TinyInt | CqlType::SmallInt | CqlType::Int | CqlType::BigInt | CqlType::Counter | CqlType::Varint => integer_text(bytes),
        CqlType::Decimal => {
            let (scale, unscaled) = decimal_parts(bytes)?;
            pointed(&integer_text(unscaled), scale)?
        }
        CqlType::Uuid | CqlType::TimeUuid => Uuid::from_bytes(fixed(bytes)?).to_string(),
        CqlType::Inet => address(bytes)?.to_string(),
        CqlType::Duration => {
            let (months, days, nanos) = duration_parts(bytes).ok_or(UNREADABLE)?;
            duration_text(months, days, nanos)
        }
        CqlType::Date => {
            let days = i64::from(u32::from_be_bytes(fixed(bytes)?)) - DATE_ZERO;
            let date = i32::try_from(days).ok().and_then(NaiveDate::from_epoch_days);
            date.ok_or("is beyond the dates that have a text")?.to_string()
        }
        CqlType::Time => {
            let nanos = i64::from_be_bytes(fixed(bytes)?);
            let seconds = u32::try_from(nanos.div_euclid(1_000_000_000)).ok();
            let time = seconds
                .and_then(|s| NaiveTime::from_num_seconds_from_midnight_opt(s, u32::try_from(nanos.rem_euclid(1_000_000_000)).ok()?));
            time.ok_or(UNREADABLE)?.format("%H:%M:%S%.f").to_string()
        }
        CqlType::Timestamp => {
            let at = DateTime::from_timestamp_millis(i64::from_be_bytes(fixed(bytes)?));
            at.ok_or("is beyond the times that have a text")?.format("%Y-%m-%d %H:%M:%S%.3fZ").to_string()
        }
        _ => return Err("has no text".to_string()),
    })
}

/// Encodes a text.
///
/// # Errors
/// When the text is not a value of the type.
pub(super) fn bytes_of(of: &CqlType, text: &str) -> Result<Vec<u8>, Reason> {
    let no = || format!("is no `{of}`");
    let trimmed = text.trim();
    Ok(match of {
        CqlType::Text => text.as_bytes().to_vec(),
        CqlType::Ascii if text.is_ascii() => text.as_bytes().to_vec(),
        CqlType::Boolean => match trimmed.to_ascii_lowercase().as_str() {
            "true" => vec![1],
            "false" => vec![0],
            _ => return Err(no()),
        },
        CqlType::Float => trimmed.parse::<f32>().map_err(|_| no())?.to_be_bytes().to_vec(),
        CqlType::Double => trimmed.parse::<f64>().map_err(|_| no())?.to_be_bytes().to_vec(),
        CqlType::TinyInt => trimmed.parse::<i8>().map_err(|_| no())?.to_be_bytes().to_vec(),
        CqlType::SmallInt => trimmed.parse::<i16>().map_err(|_| no())?.to_be_bytes().to_vec(),
        CqlType::Int => trimmed.parse::<i32>().map_err(|_| no())?.to_be_bytes().to_vec(),
        CqlType::BigInt => trimmed.parse::<i64>().map_err(|_| no())?.to_be_bytes().to_vec(),
        CqlType::Varint => integer_bytes(trimmed).ok_or_else(no)?,
        CqlType::Decimal => {
            let (whole, fraction) = trimmed.split_once('.').unwrap_or((trimmed, ""));
            let scale = i32::try_from(fraction.len()).map_err(|_| no())?;
            let mut bytes = scale.to_be_bytes().to_vec();
            bytes.extend(integer_bytes(&format!("{whole}{fraction}")).ok_or_else(no)?);
            bytes
        }
        CqlType::Uuid => Uuid::parse_str(trimmed).map_err(|_| no())?.as_bytes().to_vec(),
        CqlType::TimeUuid => {
            let uuid = Uuid::parse_str(trimmed).ok().filter(|uuid| uuid.get_version_num() == 1);
            uuid.ok_or_else(|| format!("{}: it takes a UUID of version 1", no()))?.as_bytes().to_vec()
        }
        CqlType::Inet => match trimmed.parse::<IpAddr>().map_err(|_| no())? {
            IpAddr::V4(address) => address.octets().to_vec(),
            IpAddr::V6(address) => address.octets().to_vec(),
        },
        CqlType::Duration => {
            let (months, days, nanos) = duration_of(trimmed).ok_or_else(|| format!("{}: write it as `1mo15d3h20m1s5ms`", no()))?;
            let mut bytes = Vec::new();
            for part in [i64::from(months), i64::from(days), nanos] {
                vint(part, &mut bytes);
            }
            bytes
        }
        CqlType::Date => date_bytes(NaiveDate::parse_from_str(trimmed, "%Y-%m-%d").map_err(|_| no())?.to_epoch_days()),
        CqlType::Time => {
            let time = trimmed.parse::<NaiveTime>().map_err(|_| no())?;
            let nanos = i64::from(time.num_seconds_from_midnight()) * 1_000_000_000 + i64::from(time.nanosecond());
            nanos.to_be_bytes().to_vec()
        }
        CqlType::Timestamp => {
            let zoned = DateTime::parse_from_rfc3339(&trimmed.replacen(' ', "T", 1)).map(|at| at.timestamp_millis());
            let plain = || {
                ["%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f"].iter().find_map(|form| NaiveDateTime::parse_from_str(trimmed, form).ok())
            };
            let millis = zoned.ok().or_else(|| plain().map(|at| at.and_utc().timestamp_millis())).ok_or_else(no)?;
            millis.to_be_bytes().to_vec()
        }
        _ => return Err(no()),
    })
}

/// Encodes a date, given as days since 1970.
pub(super) fn date_bytes(days: i32) -> Vec<u8> {
    u32::try_from(i64::from(days) + DATE_ZERO).unwrap_or(0).to_be_bytes().to_vec()
}

fn address(bytes: &[u8]) -> Result<IpAddr, Reason> {
    match bytes.len() {
        4 => Ok(IpAddr::from(fixed::<4>(bytes)?)),
        _ => Ok(IpAddr::from(fixed::<16>(bytes)?)),
    }
}

/// Splits a `decimal` into scale and number.
pub(super) fn decimal_parts(bytes: &[u8]) -> Result<(i32, &[u8]), Reason> {
    let (scale, unscaled) = bytes.split_at_checked(4).ok_or(UNREADABLE)?;
    Ok((i32::from_be_bytes(fixed(scale)?), unscaled))
}

/// Decodes a big-endian integer in two's complement, if it fits.
pub(super) fn integer(bytes: &[u8]) -> Option<i128> {
    let negative = bytes.first().is_some_and(|byte| *byte >= 0x80);
    let filler = if negative { 0xff } else { 0 };
    let extra = bytes.len().saturating_sub(16);
    let (front, rest) = bytes.split_at(extra);
    if front.iter().any(|byte| *byte != filler) || (extra > 0 && (rest[0] >= 0x80) != negative) {
        return None;
    }
    let mut all = [filler; 16];
    all[16 - rest.len()..].copy_from_slice(rest);
    Some(i128::from_be_bytes(all))
}

/// Encodes an integer in as few bytes as possible.
pub(super) fn shortest(value: i128) -> Vec<u8> {
    let bytes = value.to_be_bytes();
    let filler = if value < 0 { 0xff } else { 0 };
    let mut begin = 0;
    while begin < 15 && bytes[begin] == filler && (bytes[begin + 1] >= 0x80) == (value < 0) {
        begin += 1;
    }
    bytes[begin..].to_vec()
}

fn integer_text(bytes: &[u8]) -> String {
    if let Some(value) = integer(bytes) {
        return value.to_string();
    }
    let negative = bytes[0] >= 0x80;
    let mut rest: Vec<u8> = if negative { negated(bytes) } else { bytes.to_vec() };
    let mut groups = Vec::new();
    while rest.iter().any(|byte| *byte != 0) {
        let mut remainder = 0_u64;
        for byte in &mut rest {
            let value = remainder << 8 | u64::from(*byte);
            *byte = u8::try_from(value / 1_000_000_000).unwrap_or(0);
            remainder = value % 1_000_000_000;
        }
        groups.push(remainder);
    }
    let mut text = String::from(if negative { "-" } else { "" });
    for (i, group) in groups.iter().rev().enumerate() {
        text.push_str(&if i == 0 { group.to_string() } else { format!("{group:09}") });
    }
    text
}

/// Encodes an integer of any length.
fn integer_bytes(text: &str) -> Option<Vec<u8>> {
    if let Ok(value) = text.parse::<i128>() {
        return Some(shortest(value));
    }
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if digits.is_empty() || digits.len() > 10_000 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    // Little-endian.
    let mut bytes: Vec<u8> = Vec::new();
    for digit in digits.bytes() {
        let mut carry = u32::from(digit - b'0');
        for byte in &mut bytes {
            let value = u32::from(*byte) * 10 + carry;
            *byte = u8::try_from(value & 0xff).unwrap_or(0);
            carry = value >> 8;
        }
        if carry > 0 {
            bytes.push(u8::try_from(carry).unwrap_or(0));
        }
    }
    bytes.push(0);
    bytes.reverse();
    Some(if negative { negated(&bytes) } else { bytes })
}

fn negated(bytes: &[u8]) -> Vec<u8> {
    let (mut out, mut carry) = (bytes.to_vec(), true);
    for byte in out.iter_mut().rev() {
        let (value, over) = (!*byte).overflowing_add(u8::from(carry));
        (*byte, carry) = (value, over);
    }
    out
}

/// Inserts the decimal point before the last digits of an integer.
fn pointed(digits: &str, scale: i32) -> Result<String, Reason> {
    let (sign, digits) = digits.strip_prefix('-').map_or(("", digits), |digits| ("-", digits));
    let Ok(scale) = usize::try_from(scale) else {
        let zeros = usize::try_from(-i64::from(scale)).ok().filter(|n| *n <= 10_000).ok_or("is too large for a text")?;
        return Ok(format!("{sign}{digits}{}", "0".repeat(if digits == "0" { 0 } else { zeros })));
    };
    if scale == 0 {
        return Ok(format!("{sign}{digits}"));
    }
    if scale > 10_000 {
        return Err("has too many digits for a text".to_string());
    }
    let digits = format!("{digits:0>width$}", width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    Ok(format!("{sign}{whole}.{fraction}"))
}

/// Units of durations: names, and the number of months, days or nanoseconds.
const MONTHS: [(&str, i64); 2] = [("y", 12), ("mo", 1)];
const DAYS: [(&str, i64); 2] = [("w", 7), ("d", 1)];
const NANOS: [(&str, i64); 6] =
    [("h", 3_600_000_000_000), ("m", 60_000_000_000), ("s", 1_000_000_000), ("ms", 1_000_000), ("us", 1_000), ("ns", 1)];

fn duration_text(months: i32, days: i32, nanos: i64) -> String {
    let mut text = String::from(if months < 0 || days < 0 || nanos < 0 { "-" } else { "" });
    let begin = text.len();
    let mut put = |value: u64, units: &[(&str, i64)]| {
        let mut rest = value;
        for (unit, size) in units {
            let size = size.unsigned_abs();
            if rest >= size {
                text.push_str(&format!("{}{unit}", rest / size));
                rest %= size;
            }
        }
    };
    put(u64::from(months.unsigned_abs()), &MONTHS);
    put(u64::from(days.unsigned_abs()), &DAYS[1..]);
    put(nanos.unsigned_abs(), &NANOS);
    if text.len() == begin { "0s".to_string() } else { text }
}

fn duration_of(text: &str) -> Option<(i32, i32, i64)> {
    let (sign, mut rest) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
    let (mut months, mut days, mut nanos) = (0_i64, 0_i64, 0_i64);
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit())?;
        let value: i64 = rest[..end].parse().ok()?;
        rest = &rest[end..];
        let end = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
        let unit = rest[..end].to_ascii_lowercase().replace('µ', "u");
        rest = &rest[end..];
        let size = |units: &[(&str, i64)]| units.iter().find(|(name, _)| *name == unit).map(|(_, size)| *size);
        let (total, size) = if let Some(size) = size(&MONTHS) {
            (&mut months, size)
        } else if let Some(size) = size(&DAYS) {
            (&mut days, size)
        } else {
            (&mut nanos, size(&NANOS)?)
        };
        *total = total.checked_add(value.checked_mul(size)?)?;
    }
    Some((i32::try_from(sign * months).ok()?, i32::try_from(sign * days).ok()?, sign * nanos))
}

fn duration_parts(mut bytes: &[u8]) -> Option<(i32, i32, i64)> {
    let mut next = || {
        let first = *bytes.first()?;
        let extra = usize::try_from(first.leading_ones()).ok()?;
        let body = bytes.get(1..=extra)?;
        let own = if extra >= 7 { 0 } else { u64::from(first) & (0xff >> (extra + 1)) };
        let value = body.iter().fold(own, |value, byte| value << 8 | u64::from(*byte));
        bytes = &bytes[1 + extra..];
        // Zigzag encoding: the lowest bit is the sign.
        i64::try_from(value >> 1).ok().map(|half| if value & 1 == 1 { !half } else { half })
    };
    Some((i32::try_from(next()?).ok()?, i32::try_from(next()?).ok()?, next()?))
}

/// Appends a number as Cassandra writes it in durations: the first byte has as many leading ones as bytes follow.
fn vint(value: i64, out: &mut Vec<u8>) {
    let zigzag = ((value << 1) ^ (value >> 63)).cast_unsigned();
    let bits = 64 - usize::try_from(zigzag.leading_zeros()).unwrap_or(0);
    let extra = if bits > 56 { 8 } else { bits.saturating_sub(1) / 7 };
    let bytes = zigzag.to_be_bytes();
    if extra == 8 {
        out.push(0xff);
        out.extend(bytes);
        return;
    }
    let begin = out.len();
    out.extend(&bytes[7 - extra..]);
    out[begin] |= !(0xff_u8.checked_shr(u32::try_from(extra).unwrap_or(8)).unwrap_or(0));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_comes_back() {
        let long = "-123456789012345678901234567890123456789012345678901234567890";
        for (of, text) in [
            (CqlType::Varint, "0"),
            (CqlType::Varint, "-128"),
            (CqlType::Varint, "170141183460469231731687303715884105727"),
            (CqlType::Varint, "170141183460469231731687303715884105728"),
            (CqlType::Varint, long),
            (CqlType::Decimal, "-0.001"),
            (CqlType::Decimal, "1234567890123456789012345678901234567890.5"),
            (CqlType::Uuid, "550e8400-e29b-41d4-a716-446655440000"),
            (CqlType::TimeUuid, "c81d4e2e-bcf2-11e6-869b-7df92533d2db"),
            (CqlType::Inet, "10.0.0.1"),
            (CqlType::Inet, "2001:db8::1"),
            (CqlType::Duration, "0s"),
            (CqlType::Duration, "1y2mo3d4h5m6s7ms8us9ns"),
            (CqlType::Duration, "-63d"),
            (CqlType::Duration, "2562047h47m16s854ms775us807ns"),
            (CqlType::Date, "1969-12-31"),
            (CqlType::Time, "23:59:59.999999999"),
            (CqlType::Timestamp, "1969-12-31 23:59:59.999Z"),
            (CqlType::Double, "0.1"),
            (CqlType::TinyInt, "-128"),
            (CqlType::Boolean, "true"),
        ] {
            assert_eq!(text_of(&of, &bytes_of(&of, text).unwrap()).unwrap(), text, "{of}");
        }
    }

    #[test]
    fn bytes_are_those_of_cassandra() {
        assert_eq!(shortest(128), [0, 128]);
        assert_eq!(shortest(-129), [0xff, 0x7f]);
        assert_eq!(shortest(-1), [0xff]);
        assert_eq!(integer(&[0xff, 0x7f]), Some(-129));
        for (value, expected) in
            [(0, vec![0]), (-1, vec![1]), (63, vec![126]), (64, vec![0x80, 0x80]), (10_000_000_000, vec![0xf4, 0xa8, 0x17, 0xc8, 0x00])]
        {
            let mut bytes = Vec::new();
            vint(value, &mut bytes);
            assert_eq!(bytes, expected, "{value}");
        }
    }

    #[test]
    fn what_is_no_value_says_so() {
        for (of, text) in [
            (CqlType::TimeUuid, "550e8400-e29b-41d4-a716-446655440000"),
            (CqlType::Inet, "10.0.0"),
            (CqlType::Duration, "3 hours"),
            (CqlType::Duration, ""),
            (CqlType::Ascii, "ä"),
            (CqlType::TinyInt, "128"),
            (CqlType::Varint, "1e3"),
        ] {
            assert!(bytes_of(&of, text).unwrap_err().contains(&format!("is no `{of}`")), "{text}");
        }
    }
}
