//! Converts the words of COPY to the options of a table.

use crate::common::{Error, Result, suggest};
use crate::sql::ast::Options;

use super::options::{self, NAME};

/// The names of options in COPY, which are DuckDB's, and in tables.
const WORDS: [(&str, &str); 12] = [
    ("format", "format"),
    ("header", "csv.header"),
    ("delimiter", "csv.field-delimiter"),
    ("delim", "csv.field-delimiter"),
    ("sep", "csv.field-delimiter"),
    ("quote", "csv.quote-character"),
    ("escape", "csv.escape-character"),
    ("null", "csv.null-literal"),
    ("nullstr", "csv.null-literal"),
    ("compression", "compression"),
    ("codec", "compression"),
    ("overwrite", ""),
];

/// The options of the table that COPY writes.
///
/// # Errors
/// For a word that is not an option of files.
pub fn copy_options(path: &str, words: &[(String, String)]) -> Result<Options> {
    let mut table = Options::default();
    table.set("connector", NAME);
    table.set("path", path);
    let own = options::all();
    for (word, value) in words {
        let key = match WORDS.iter().find(|(name, _)| *name == word) {
            // An existing file is replaced anyway.
            Some((_, "")) => continue,
            Some((_, key)) => *key,
            None if own.iter().any(|spec| spec.matches(word)) => word,
            None => {
                let names: Vec<&str> = WORDS.iter().map(|(name, _)| *name).collect();
                return Err(Error::sql(format!("COPY has no option `{word}`")).hint(suggest::hint(word, &names)));
            }
        };
        let value = match (key, value.to_ascii_lowercase().as_str()) {
            ("csv.header", "1" | "on" | "yes") => "true",
            ("csv.header", "0" | "off" | "no") => "false",
            ("compression", "gz") => "gzip",
            ("compression", "zst") => "zstd",
            _ => value.as_str(),
        };
        table.set(key, value);
    }
    Ok(table)
}
