//! What stands behind the name of a meta command.

use clap::ValueEnum;

use crate::common::{Error, Result};

use super::meta::{Expanded, Go, Meta, PEEKED};
use super::render::Format;

pub(super) fn some(argument: &str) -> Option<String> {
    (!argument.is_empty()).then(|| argument.to_string())
}

pub(super) fn needed(argument: &str, what: &str) -> Result<String> {
    some(argument).ok_or_else(|| Error::usage(format!("{what} is missing")))
}

/// A text without the quotes around it.
pub(super) fn unquoted(text: &str) -> String {
    let inner = |quote| text.strip_prefix(quote)?.strip_suffix(quote);
    inner('\'').or_else(|| inner('"')).unwrap_or(text).to_string()
}

/// SHOW with psql's pattern: `*` stands for any text, `?` for one character.
pub(super) fn listed(show: &str, pattern: &str) -> Meta {
    if pattern.is_empty() {
        return Meta::Sql(show.to_string());
    }
    let like = pattern.replace('_', "\\_").replace('*', "%").replace('?', "_");
    Meta::Sql(format!("{show} LIKE {}", crate::sql::literal(&like)))
}

pub(super) fn switch(argument: &str) -> Result<Option<bool>> {
    match argument.to_ascii_lowercase().as_str() {
        "" => Ok(None),
        "on" | "true" | "1" => Ok(Some(true)),
        "off" | "false" | "0" => Ok(Some(false)),
        other => Err(Error::usage(format!("`{other}` is neither on nor off"))),
    }
}

pub(super) fn expanded(argument: &str) -> Result<Option<Expanded>> {
    match argument.to_ascii_lowercase().as_str() {
        "auto" => Ok(Some(Expanded::Auto)),
        other => Ok(switch(other)?.map(|on| if on { Expanded::On } else { Expanded::Off })),
    }
}

pub(super) fn mode(argument: &str) -> Result<Meta> {
    if argument.is_empty() {
        return Ok(Meta::Mode(None));
    }
    let format = match argument.to_ascii_lowercase().as_str() {
        // What psql and DuckDB call them.
        "ascii" | "aligned" => Format::Table,
        "duckbox" | "unicode" => Format::Box,
        "line" => Format::Vertical,
        "tabs" => Format::Tsv,
        "jsonlines" => Format::Ndjson,
        name => Format::from_str(name, false)
            .map_err(|_| Error::usage(format!("there is no format `{name}`")).hint(Format::names().join(", ")))?,
    };
    Ok(Meta::Mode(Some(format)))
}

pub(super) fn most_rows(argument: &str) -> Result<Meta> {
    let rows = |text: String| text.parse().map_err(|_| Error::usage(format!("`{text}` is no number of rows")));
    Ok(Meta::MostRows(some(argument).map(rows).transpose()?))
}

pub(super) fn watch(argument: &str) -> Result<Meta> {
    let seconds: f64 = if argument.is_empty() {
        2.0
    } else {
        argument.parse().map_err(|_| Error::usage(format!("`{argument}` is no number of seconds")))?
    };
    if !(0.1..=86_400.0).contains(&seconds) {
        return Err(Error::usage("between 0.1 and 86400 seconds, please"));
    }
    Ok(Meta::Watch(seconds))
}

pub(super) fn peek(argument: &str) -> Result<Meta> {
    let argument = needed(argument, "a table")?;
    let (name, rows) = match argument.rsplit_once(char::is_whitespace) {
        Some((name, rows)) if rows.bytes().all(|c| c.is_ascii_digit()) => (name.trim_end(), rows),
        _ => (argument.as_str(), ""),
    };
    let rows: u32 = if rows.is_empty() { PEEKED } else { rows.parse().map_err(|_| Error::usage(format!("{rows} rows are too many")))? };
    if rows == 0 {
        return Err(Error::usage("at least one row, please"));
    }
    Ok(Meta::Peek(unquoted(name.trim_matches('`')), rows as usize))
}

pub(super) fn set(argument: &str) -> Result<Meta> {
    let Some((name, value)) = argument.split_once(|c: char| c.is_whitespace() || c == '=') else {
        return if argument.is_empty() { Ok(Meta::Set(None)) } else { Ok(Meta::Set(Some((argument.to_string(), String::new())))) };
    };
    Ok(Meta::Set(Some((name.to_string(), unquoted(value.trim())))))
}

/// The format of a file by the end of its name, if that says one.
pub(super) fn format_of(file: &str) -> Option<Format> {
    let (_, end) = file.rsplit_once('.')?;
    Some(match end.to_ascii_lowercase().as_str() {
        "csv" => Format::Csv,
        "tsv" => Format::Tsv,
        "json" => Format::Json,
        "ndjson" | "jsonl" => Format::Ndjson,
        "md" => Format::Markdown,
        _ => return None,
    })
}

/// A file for one answer.
pub(super) fn go(argument: &str, expanded: bool) -> Result<Meta> {
    if argument.starts_with(['|', '(']) {
        let hint = "write the answer to a file with \\g FILE and hand that on with \\! COMMAND; the pager is $PAGER";
        return Err(Error::usage("an answer goes to a file or to the screen").hint(hint));
    }
    Ok(Meta::Go(Go { file: some(argument).map(|file| unquoted(&file)), expanded }))
}
