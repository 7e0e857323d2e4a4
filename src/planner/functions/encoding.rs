//! Encodings of text and bytes: base 64, hexadecimal digits, character sets, URLs, digests.

use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use datafusion::logical_expr::ScalarUDF;
use sha2::{Digest, Sha224, Sha256, Sha384, Sha512};
use url::form_urlencoded;

use crate::common::{Error, Result};

use super::rows::{ColumnValue, returns};
use super::scalar::{Param, Row, Scalar};

const TEXT: &[&[Param]] = &[&[Param::Text]];
const CODED: &[&[Param]] = &[&[Param::Text], &[Param::Bytes]];

pub(super) fn functions() -> Vec<Arc<ScalarUDF>> {
    use Param::{Bytes, Int, Text};
    [
        Scalar::rows("to_base64", CODED, |row| Some(BASE64_STANDARD.encode(coded(row)?))),
        Scalar::rows("from_base64", TEXT, |row| {
            let bytes = BASE64_STANDARD.decode(row.text(0)?).ok()?;
            Some(String::from_utf8_lossy(&bytes).into_owned())
        }),
        Scalar::rows("sha1", CODED, |row| Some(hex(sha1::Sha1::digest(coded(row)?)))),
        Scalar::rows("sha224", CODED, |row| Some(hex(Sha224::digest(coded(row)?)))),
        Scalar::rows("sha256", CODED, |row| Some(hex(Sha256::digest(coded(row)?)))),
        Scalar::rows("sha384", CODED, |row| Some(hex(Sha384::digest(coded(row)?)))),
        Scalar::rows("sha512", CODED, |row| Some(hex(Sha512::digest(coded(row)?)))),
        Scalar::rows("sha2", &[&[Text, Int], &[Bytes, Int]], |row| {
            let bytes = coded(row)?;
            match row.int(1)? {
                224 => Some(hex(Sha224::digest(bytes))),
                256 => Some(hex(Sha256::digest(bytes))),
                384 => Some(hex(Sha384::digest(bytes))),
                512 => Some(hex(Sha512::digest(bytes))),
                _ => None,
            }
        }),
        Scalar::rows("hex", &[&[Text], &[Int], &[Bytes]], |row| match row.int(0) {
            Some(number) => Some(format!("{number:X}")),
            None => Some(coded(row)?.iter().map(|b| format!("{b:02X}")).collect()),
        }),
        Scalar::rows("unhex", TEXT, unhex),
        Scalar::rows("bin", &[&[Int]], |row| Some(format!("{:b}", row.int(0)?))),
        Scalar::rows("chr", &[&[Int]], |row| {
            let code = row.int(0)?;
            // The lowest byte counts.
            Some(if code < 0 { String::new() } else { char::from((code & 0xff) as u8).to_string() })
        }),
        by_charset("encode", &[&[Text, Text]], |row, charset| Some(charset.encode(row.text(0)?))),
        by_charset("decode", &[&[Bytes, Text], &[Text, Text]], |row, charset| Some(charset.decode(coded(row)?))),
        Scalar::rows::<String>("url_encode", TEXT, |row| Some(form_urlencoded::byte_serialize(row.text(0)?.as_bytes()).collect())),
        Scalar::rows("url_decode", TEXT, |row| {
            let text = row.text(0)?;
            let whole = |at: usize| text.get(at + 1..at + 3).is_some_and(|code| code.bytes().all(|b| b.is_ascii_hexdigit()));
            if !text.match_indices('%').all(|(at, _)| whole(at)) {
                return None;
            }
            // Decodes it as a form with one field; `&` would begin another field.
            let field = format!("v={}", text.replace('&', "%26"));
            form_urlencoded::parse(field.as_bytes()).next().map(|(_, value)| value.into_owned())
        }),
    ]
    .into_iter()
    .map(Scalar::udf)
    .collect()
}

/// The bytes of the first argument, which is text or bytes.
fn coded<'a>(row: &Row<'a>) -> Option<&'a [u8]> {
    row.text(0).map(str::as_bytes).or_else(|| row.bytes(0))
}

fn hex(bytes: impl AsRef<[u8]>) -> String {
    bytes.as_ref().iter().map(|b| format!("{b:02x}")).collect()
}

/// Bytes from hexadecimal digits. If their number is odd, the first digit is replaced by a zero.
fn unhex(row: &Row<'_>) -> Option<Vec<u8>> {
    let text = row.text(0)?;
    let even = text.len() % 2;
    let digits = text.bytes().map(|b| char::from(b).to_digit(16).and_then(|digit| u8::try_from(digit).ok()));
    let digits: Vec<u8> = digits.collect::<Option<_>>()?;
    let zero = if even == 0 { None } else { Some(0) };
    Some(zero.into_iter().chain(digits[even..].chunks(2).map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit))).collect())
}

/// One of the character sets that every Java runtime has.
#[derive(Clone, Copy)]
enum Charset {
    Ascii,
    Latin1,
    Utf8,
    Utf16Be,
    Utf16Le,
    /// Big-endian, with a byte order mark.
    Utf16,
}

impl Charset {
    fn from_name(name: &str) -> Result<Self> {
        Ok(match name.to_uppercase().as_str() {
            "US-ASCII" | "ASCII" => Self::Ascii,
            "ISO-8859-1" | "LATIN1" => Self::Latin1,
            "UTF-8" | "UTF8" => Self::Utf8,
            "UTF-16BE" => Self::Utf16Be,
            "UTF-16LE" => Self::Utf16Le,
            "UTF-16" | "UTF16" => Self::Utf16,
            _ => {
                let hint = "write US-ASCII, ISO-8859-1, UTF-8, UTF-16BE, UTF-16LE or UTF-16";
                return Err(Error::sql(format!("`{name}` is no character set")).hint(hint));
            }
        })
    }

    /// Characters that the set lacks become question marks.
    fn encode(self, text: &str) -> Vec<u8> {
        let below =
            |most: u32| text.chars().map(|c| u8::try_from(u32::from(c)).ok().filter(|b| u32::from(*b) <= most).unwrap_or(b'?')).collect();
        match self {
            Self::Ascii => below(127),
            Self::Latin1 => below(255),
            Self::Utf8 => text.as_bytes().to_vec(),
            Self::Utf16Be => text.encode_utf16().flat_map(u16::to_be_bytes).collect(),
            Self::Utf16Le => text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
            Self::Utf16 => [0xfe, 0xff].into_iter().chain(text.encode_utf16().flat_map(u16::to_be_bytes)).collect(),
        }
    }

    /// Invalid bytes become U+FFFD.
    fn decode(self, bytes: &[u8]) -> String {
        let wide = |bytes: &[u8], unit: fn([u8; 2]) -> u16| {
            let units: Vec<u16> = bytes.chunks(2).map(|pair| <[u8; 2]>::try_from(pair).map_or(0xfffd, unit)).collect();
            String::from_utf16_lossy(&units)
        };
        match (self, bytes) {
            (Self::Ascii, _) => bytes.iter().map(|b| if b.is_ascii() { char::from(*b) } else { char::REPLACEMENT_CHARACTER }).collect(),
            (Self::Latin1, _) => bytes.iter().map(|b| char::from(*b)).collect(),
            (Self::Utf8, _) => String::from_utf8_lossy(bytes).into_owned(),
            (Self::Utf16, [0xff, 0xfe, rest @ ..]) | (Self::Utf16Le, rest) => wide(rest, u16::from_le_bytes),
            (Self::Utf16, [0xfe, 0xff, rest @ ..]) | (Self::Utf16Be | Self::Utf16, rest) => wide(rest, u16::from_be_bytes),
        }
    }
}

/// A function whose second argument is a character set.
fn by_charset<T: ColumnValue>(
    name: &'static str,
    forms: &'static [&'static [Param]],
    body: impl Fn(&Row<'_>, Charset) -> Option<T> + Send + Sync + 'static,
) -> Scalar {
    Scalar::new(name, forms, returns::<T>, move |call| {
        let args = call.row_args()?;
        let rows = (0..call.rows).map(|row| {
            let row = args.row(row);
            let Some(name) = row.text(1) else { return Ok(None) };
            Ok(body(&row, Charset::from_name(name)?))
        });
        Ok(T::array(rows.collect::<Result<_>>()?))
    })
}
