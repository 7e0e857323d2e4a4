//! Functions over texts.

use std::sync::{Arc, LazyLock};

use arrow::array::Int32Array;
use arrow::datatypes::DataType;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use datafusion::logical_expr::ScalarUDF;
use regex::Regex;
use sha2::{Digest, Sha224, Sha256, Sha384, Sha512};
use url::form_urlencoded;

use super::scalar::{Param, Row, Scalar};

const TEXT: &[&[Param]] = &[&[Param::Text]];

pub(super) fn functions() -> Vec<Arc<ScalarUDF>> {
    use Param::{Int, Text};
    [
        Scalar::text("split_index", &[&[Text, Text, Int], &[Text, Int, Int]], split_index),
        Scalar::text("concat", &[&[]], |row| (0..row.len()).map(|n| row.text(n)).collect()).rest(Text),
        Scalar::text("to_base64", TEXT, |row| Some(BASE64_STANDARD.encode(row.text(0)?))),
        Scalar::text("from_base64", TEXT, |row| {
            let bytes = BASE64_STANDARD.decode(row.text(0)?).ok()?;
            Some(String::from_utf8_lossy(&bytes).into_owned())
        }),
        Scalar::text("sha224", TEXT, |row| Some(hex(Sha224::digest(row.text(0)?)))),
        Scalar::text("sha256", TEXT, |row| Some(hex(Sha256::digest(row.text(0)?)))),
        Scalar::text("sha384", TEXT, |row| Some(hex(Sha384::digest(row.text(0)?)))),
        Scalar::text("sha512", TEXT, |row| Some(hex(Sha512::digest(row.text(0)?)))),
        Scalar::text("sha2", &[&[Text, Int]], |row| {
            let text = row.text(0)?;
            match row.int(1)? {
                224 => Some(hex(Sha224::digest(text))),
                256 => Some(hex(Sha256::digest(text))),
                384 => Some(hex(Sha384::digest(text))),
                512 => Some(hex(Sha512::digest(text))),
                _ => None,
            }
        }),
        Scalar::text("hex", &[&[Text], &[Int]], |row| match row.int(0) {
            Some(number) => Some(format!("{number:X}")),
            None => Some(row.text(0)?.bytes().map(|b| format!("{b:02X}")).collect()),
        }),
        Scalar::text("bin", &[&[Int]], |row| Some(format!("{:b}", row.int(0)?))),
        Scalar::text("lpad", &[&[Text, Int, Text]], |row| {
            let (text, fill) = padded(row)?;
            Some(fill + &text)
        }),
        Scalar::text("rpad", &[&[Text, Int, Text]], |row| {
            let (text, fill) = padded(row)?;
            Some(text + &fill)
        }),
        Scalar::text("parse_url", &[&[Text, Text], &[Text, Text, Text]], parse_url),
        Scalar::text("url_encode", TEXT, |row| Some(form_urlencoded::byte_serialize(row.text(0)?.as_bytes()).collect())),
        Scalar::text("url_decode", TEXT, |row| {
            // As the value of a form with one field; `&` would begin another one.
            let field = format!("v={}", row.text(0)?.replace('&', "%26"));
            form_urlencoded::parse(field.as_bytes()).next().map(|(_, value)| value.into_owned())
        }),
        Scalar::new(
            "locate",
            &[&[Text, Text], &[Text, Text, Int]],
            |_| Ok(DataType::Int32),
            |call| {
                let places = call.map(|row| locate(row.text(0)?, row.text(1)?, if row.len() > 2 { row.int(2)? } else { 1 }))?;
                Ok(Arc::new(Int32Array::from(places)))
            },
        ),
    ]
    .into_iter()
    .map(Scalar::udf)
    .collect()
}

/// `SPLIT_INDEX(text, separator, index)`: the index from 0; a separator may be given by its character code.
fn split_index(row: &Row<'_>) -> Option<String> {
    let text = row.text(0).filter(|text| !text.is_empty())?;
    let index = usize::try_from(row.int(2)?).ok()?;
    let code = row.int(1).map(|code| u8::try_from(code).ok().filter(|code| *code > 0));
    let found = match code {
        Some(code) => text.split(char::from(code?)).nth(index),
        None => match row.text(1)? {
            "" => text.split_whitespace().nth(index),
            separator => text.split(separator).nth(index),
        },
    };
    found.map(str::to_string)
}

/// The first `length` characters of a text, and what is missing to that length.
fn padded(row: &Row<'_>) -> Option<(String, String)> {
    let (text, length, pad) = (row.text(0)?, usize::try_from(row.int(1)?).ok()?, row.text(2)?);
    if pad.is_empty() {
        return None;
    }
    let text: String = text.chars().take(length).collect();
    let fill = pad.chars().cycle().take(length - text.chars().count()).collect();
    Some((text, fill))
}

/// The place of `part` in `text` from a place on, in characters from 1; 0 if it is not there.
fn locate(part: &str, text: &str, from: i64) -> Option<i32> {
    let Ok(from) = usize::try_from(from - 1) else { return Some(0) };
    if from > text.chars().count() {
        return Some(0);
    }
    let start = text.char_indices().nth(from).map_or(text.len(), |(i, _)| i);
    let place = text[start..].find(part).map_or(0, |i| from + text[start..start + i].chars().count() + 1);
    i32::try_from(place).ok()
}

fn hex(bytes: impl AsRef<[u8]>) -> String {
    bytes.as_ref().iter().map(|b| format!("{b:02x}")).collect()
}

/// The parts of a URL as Java's `URL` has them.
static URL: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"(?s)^\s*(?i:(?<protocol>https?|ftp|file|jar)):(?://(?<authority>[^/?#]*))?(?<file>(?<path>[^?#]*)(?:\?(?<query>[^#]*))?)(?:#(?<ref>.*))?$").ok()
});

/// `PARSE_URL(url, part [, key])`.
fn parse_url(row: &Row<'_>) -> Option<String> {
    let url = URL.as_ref()?.captures(row.text(0)?)?;
    let authority = url.name("authority").map(|m| m.as_str());
    let of = |name: &str| url.name(name).map(|m| m.as_str().to_string());
    let found = match row.text(1)? {
        "HOST" => authority.map(|a| a.rsplit_once('@').map_or(a, |(_, host)| host)).map(|host| without_port(host).to_string()),
        "USERINFO" => authority.and_then(|a| a.rsplit_once('@')).map(|(user, _)| user.to_string()),
        "AUTHORITY" => authority.map(str::to_string),
        "PROTOCOL" => of("protocol").map(|p| p.to_lowercase()),
        "PATH" => of("path"),
        "QUERY" => of("query"),
        "REF" => of("ref"),
        "FILE" => of("file"),
        _ => None,
    };
    if row.len() < 3 {
        return found;
    }
    let (key, query) = (row.text(2)?, found.filter(|_| row.text(1) == Some("QUERY"))?);
    query.split('&').find_map(|pair| pair.strip_prefix(key)?.strip_prefix('=')).map(str::to_string)
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    }
}
