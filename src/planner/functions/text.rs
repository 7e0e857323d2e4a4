//! Functions over text.

use std::sync::{Arc, LazyLock};

use datafusion::logical_expr::ScalarUDF;
use regex::Regex;

use super::scalar::{Param, Row, Scalar};

const TEXT: &[&[Param]] = &[&[Param::Text]];

pub(super) fn functions() -> Vec<Arc<ScalarUDF>> {
    use Param::{Int, Text};
    [
        Scalar::rows::<String>("concat", &[&[]], |row| (0..row.len()).map(|n| row.text(n)).collect()).rest(Text),
        Scalar::rows("lpad", &[&[Text, Int, Text]], |row| {
            let (text, fill) = padded(row)?;
            Some(fill + &text)
        }),
        Scalar::rows("rpad", &[&[Text, Int, Text]], |row| {
            let (text, fill) = padded(row)?;
            Some(text + &fill)
        }),
        Scalar::rows("parse_url", &[&[Text, Text], &[Text, Text, Text]], parse_url),
        Scalar::rows("is_alpha", TEXT, |row| row.text(0).map(|text| !text.is_empty() && text.chars().all(char::is_alphabetic))),
        Scalar::rows("is_digit", TEXT, |row| row.text(0).map(|text| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()))),
        Scalar::rows("is_decimal", TEXT, |row| {
            let number = row.text(0)?.trim();
            // Names such as `inf` are not numbers here.
            Some(number.parse::<f64>().is_ok() && !number.contains(|c: char| c.is_alphabetic() && !matches!(c, 'e' | 'E')))
        }),
        Scalar::rows("split", &[&[Text, Text]], split),
    ]
    .into_iter()
    .map(Scalar::udf)
    .collect()
}

/// `SPLIT(text, separator)`: an empty separator splits between all characters.
fn split(row: &Row<'_>) -> Option<Vec<Option<String>>> {
    Some(match (row.text(0)?, row.text(1)?) {
        (text, "") => text.chars().map(|c| Some(c.to_string())).collect(),
        (text, separator) => text.split(separator).map(|part| Some(part.to_string())).collect(),
    })
}

/// The first `length` characters of a text, and the padding it needs to reach that length.
fn padded(row: &Row<'_>) -> Option<(String, String)> {
    let (text, length, pad) = (row.text(0)?, usize::try_from(row.int(1)?).ok()?, row.text(2)?);
    if pad.is_empty() {
        return None;
    }
    let text: String = text.chars().take(length).collect();
    let fill = pad.chars().cycle().take(length - text.chars().count()).collect();
    Some((text, fill))
}

/// The parts of a URL as defined by Java's `URL`.
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
