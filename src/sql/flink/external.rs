//! DataFusion's `CREATE EXTERNAL TABLE`, parsed as the equivalent CREATE TABLE.
//!
//! | DataFusion | here |
//! |---|---|
//! | `STORED AS PARQUET` (CSV, JSON, NDJSON, AVRO, ARROW) | `'connector' = 'filesystem', 'format' = 'parquet'` |
//! | `LOCATION 'path'` | `'path' = 'path'` |
//! | `STORED AS KAFKA` | `'connector' = 'kafka'` |
//! | `LOCATION 'host:9092/topic'`, or `'topic'` | `'properties.bootstrap.servers'`, `'topic'` |
//! | `STORED AS` anything else | `'connector' = 'anything else'`, its location as `path` |
//! | `OPTIONS ('key' 'value', key value, 'key' = 'value')` | the same keys |

use sqlparser::tokenizer::{Token, Word};

use crate::common::Result;
use crate::sql::ast::{CreateTable, Options, Pos};
use crate::sql::cursor::Cursor;

use super::columns::{self, Columns, Words, partitions};

/// The formats of files.
const FILES: [(&str, &str); 6] =
    [("PARQUET", "parquet"), ("CSV", "csv"), ("JSON", "json"), ("NDJSON", "json"), ("AVRO", "avro"), ("ARROW", "arrow")];

/// Parses the rest of CREATE EXTERNAL TABLE.
pub(super) fn table(cursor: &mut Cursor<'_>, words: Words) -> Result<CreateTable> {
    let if_not_exists = cursor.take(&["IF", "NOT", "EXISTS"]);
    let name = cursor.object_name("the name of a table")?;
    let mut columns = if cursor.peek().token == Token::LParen { columns::columns(cursor)? } else { Columns::default() };
    let (mut stored, mut location, mut options, mut partitioned_by) = (None, None, Options::default(), Vec::new());
    while !cursor.at_end() {
        let at = cursor.pos();
        if cursor.take(&["STORED", "AS"]) {
            stored = Some((cursor.name("a format: PARQUET, CSV, JSON, AVRO or KAFKA")?, at));
        } else if cursor.take(&["LOCATION"]) {
            location = Some((cursor.string("a location")?, at));
        } else if cursor.take(&["PARTITIONED", "BY"]) {
            partitioned_by = partitions(cursor, &columns)?;
        } else if cursor.sees(&["WITH", "ORDER"]) {
            return Err(cursor.error("WITH ORDER is not supported: no order of files is relied on").hint("leave it out"));
        } else if cursor.take(&["OPTIONS"]) {
            options = pairs(cursor)?;
        } else {
            return Err(cursor.expected("STORED AS, LOCATION, PARTITIONED BY or OPTIONS"));
        }
    }
    let Some((stored, at)) = stored else {
        return Err(cursor
            .expected("STORED AS")
            .hint("write STORED AS PARQUET LOCATION '...', or STORED AS KAFKA LOCATION 'host:9092/topic'"));
    };
    if !columns.columns.is_empty() {
        columns::check(cursor, &mut columns)?;
    }
    let mut all = Options::default();
    for (key, value, at) in connection(&stored, at, location) {
        if options.get(key).is_none() {
            all.push(key.to_string(), value, at)?;
        }
    }
    for (key, value) in options.iter() {
        all.push(key.to_string(), value.to_string(), options.pos(key))?;
    }
    let Columns { columns, watermark, primary_key, .. } = columns;
    let Words { or_replace, temporary } = words;
    let options = all;
    Ok(CreateTable {
        name,
        or_replace,
        temporary,
        if_not_exists,
        columns,
        watermark,
        primary_key,
        partitioned_by,
        options,
        ..CreateTable::default()
    })
}

/// STORED AS and LOCATION as options.
fn connection(stored: &str, at: Pos, location: Option<(String, Pos)>) -> Vec<(&'static str, String, Pos)> {
    let word = stored.to_ascii_uppercase();
    if let Some((_, format)) = FILES.iter().find(|(file, _)| *file == word) {
        let mut options = vec![("connector", "filesystem".to_string(), at)];
        options.extend(location.map(|(path, at)| ("path", path, at)));
        options.push(("format", (*format).to_string(), at));
        return options;
    }
    let mut options = vec![("connector", word.to_ascii_lowercase(), at)];
    match location {
        Some((location, at)) if word.ends_with("KAFKA") => {
            let location = location.strip_prefix("kafka://").unwrap_or(&location);
            let (servers, topic) = location.rsplit_once('/').map_or((None, location), |(servers, topic)| (Some(servers), topic));
            options.push(("topic", topic.to_string(), at));
            options.extend(servers.filter(|s| !s.is_empty()).map(|s| ("properties.bootstrap.servers", s.to_string(), at)));
        }
        Some((location, at)) => options.push(("path", location, at)),
        None => {}
    }
    options
}

/// `(key value, 'key' 'value', 'key' = 'value', ...)`.
fn pairs(cursor: &mut Cursor<'_>) -> Result<Options> {
    let mut options = Options::default();
    cursor.expect_symbol(&Token::LParen)?;
    while !cursor.take_symbol(&Token::RParen) {
        let at = cursor.pos();
        let key = key(cursor)?;
        cursor.take_symbol(&Token::Eq);
        let value = match cursor.peek().token.clone() {
            Token::Number(value, _) | Token::Word(Word { value, quote_style: None, .. }) => {
                cursor.next();
                value
            }
            _ => cursor.string("the option's value")?,
        };
        options.push(key, value, at).map_err(|error| cursor.text.place(at, error))?;
        if !cursor.take_symbol(&Token::Comma) && cursor.peek().token != Token::RParen {
            return Err(cursor.expected("`,` or `)`"));
        }
    }
    Ok(options)
}

/// A quoted key, or words joined by dots.
fn key(cursor: &mut Cursor<'_>) -> Result<String> {
    if let Token::SingleQuotedString(_) = cursor.peek().token {
        return cursor.string("an option: 'key' 'value'");
    }
    let mut key = cursor.name("an option: 'key' 'value'")?;
    while cursor.take_symbol(&Token::Period) {
        key = format!("{key}.{}", cursor.name("the rest of the option's key")?);
    }
    Ok(key)
}
