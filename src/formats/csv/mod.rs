//! CSV as Flink reads and writes it in messages: one line per message, a field per column in declared order, no header.
//!
//! | SQL type | CSV |
//! |---|---|
//! | STRING | the text; an empty field is an empty text, unless `csv.empty-string-as-null` makes it NULL |
//! | all others | as in format 'json', without its quotes; empty is NULL |
//! | ARRAY | elements, separated by `;` |
//! | ROW | its fields in order, in the same way |
//!
//! `split.rs` cuts a line into fields; the JSON format reads and writes their values, so that both formats accept the same numbers, times
//! and bytes. Flink refuses an empty number, and so what it writes for a NULL; here it is NULL.

use arrow::datatypes::{DataType, SchemaRef};

use crate::common::type_names::display;
use crate::common::{Error, OptionSpec, Result};

use super::FormatOptions;

mod decode;
mod encode;
mod guess;
mod split;

pub use decode::CsvDecoder;
pub use encode::CsvEncoder;
pub use guess::{guess, whole};

use split::Splitter;

const FIELD_DELIMITER: &str = "csv.field-delimiter";
const DISABLE_QUOTE: &str = "csv.disable-quote-character";
const QUOTE: &str = "csv.quote-character";
const ALLOW_COMMENTS: &str = "csv.allow-comments";
const IGNORE_PARSE_ERRORS: &str = "csv.ignore-parse-errors";
const ARRAY_DELIMITER: &str = "csv.array-element-delimiter";
const ESCAPE: &str = "csv.escape-character";
const NULL_LITERAL: &str = "csv.null-literal";
/// Set for files unless their table says otherwise; not for messages.
pub const EMPTY_IS_NULL: &str = "csv.empty-string-as-null";
const SCIENTIFIC: &str = "csv.write-bigdecimal-in-scientific-notation";

/// The options of this format.
pub fn options() -> Vec<OptionSpec> {
    vec![
        OptionSpec::text(FIELD_DELIMITER, "what stands between fields (default: `,`); `\\t` is a tab"),
        OptionSpec::flag(DISABLE_QUOTE, "true: quotes mean nothing"),
        OptionSpec::text(QUOTE, "what stands around a field that holds the delimiter (default: `\"`)"),
        OptionSpec::flag(ALLOW_COMMENTS, "true: a message that begins with `#` is no row"),
        OptionSpec::flag(IGNORE_PARSE_ERRORS, "true: a field that does not fit becomes NULL; false: a bad record stops the job"),
        OptionSpec::text(ARRAY_DELIMITER, "what stands between the elements of an ARRAY and the fields of a ROW (default: `;`)"),
        OptionSpec::text(ESCAPE, "the character that takes the meaning from the next one (default: none)"),
        OptionSpec::flag(EMPTY_IS_NULL, "true: an empty field that is not quoted is NULL in STRING columns, too"),
        OptionSpec::text(NULL_LITERAL, "what stands for NULL (default: an empty field, but for STRING)"),
        OptionSpec::flag(SCIENTIFIC, "accepted; decimals are always written as plain numbers"),
    ]
}

/// The options, parsed.
#[derive(Debug, Clone)]
pub struct CsvOptions {
    /// The byte between fields.
    pub delimiter: u8,
    /// The byte around a field that holds the delimiter.
    pub quote: Option<u8>,
    /// The byte that escapes the next one.
    pub escape: Option<u8>,
    /// Whether lines that begin with `#` are comments.
    pub comments: bool,
    lenient: bool,
    empty_is_null: bool,
    element: String,
    null: Option<String>,
}

impl CsvOptions {
    /// Parses a format's options.
    ///
    /// # Errors
    /// Names the invalid option.
    pub fn read(options: &FormatOptions) -> Result<Self> {
        let without = options.flag(DISABLE_QUOTE)?.unwrap_or(false);
        let quote = character(options, QUOTE)?;
        if let (true, Some(_)) = (without, quote) {
            let (with, value) = (DISABLE_QUOTE, options.get(QUOTE).unwrap_or_default());
            return Err(options.wrong(QUOTE, value, &format!("leave it out, or leave out `{with}`")));
        }
        options.flag(SCIENTIFIC)?;
        let element = options.get(ARRAY_DELIMITER).map_or_else(|| ";".to_string(), plain);
        if element.is_empty() {
            return Err(options.wrong(ARRAY_DELIMITER, "", "give one character or more"));
        }
        Ok(Self {
            delimiter: character(options, FIELD_DELIMITER)?.unwrap_or(b','),
            quote: (!without).then_some(quote.unwrap_or(b'"')),
            escape: character(options, ESCAPE)?,
            comments: options.flag(ALLOW_COMMENTS)?.unwrap_or(false),
            lenient: options.flag(IGNORE_PARSE_ERRORS)?.unwrap_or(false),
            empty_is_null: options.flag(EMPTY_IS_NULL)?.unwrap_or(false),
            element,
            null: options.get(NULL_LITERAL).map(str::to_string),
        })
    }

    /// Whether a field represents NULL, whatever its column is.
    pub fn is_null(&self, field: &str) -> bool {
        self.null.as_deref() == Some(field)
    }

    /// Whether a text of several lines is one row: all quotes in it are closed, and nothing follows a closing quote.
    pub fn is_row(&self, text: &[u8]) -> bool {
        std::str::from_utf8(text).is_ok_and(|text| Splitter::new(self).split(text).is_ok())
    }

    /// Splits a line into fields.
    ///
    /// # Errors
    /// Why it is not a line of CSV.
    pub fn fields(&self, line: &str) -> std::result::Result<Vec<String>, &'static str> {
        let mut splitter = Splitter::new(self);
        splitter.split(line)?;
        Ok((0..splitter.len()).filter_map(|i| splitter.field(line, i)).map(|(text, _)| text.to_string()).collect())
    }

    /// Writes the names of columns as a line.
    ///
    /// # Errors
    /// When a name needs quotes, and there are none.
    pub fn header(&self, schema: &SchemaRef) -> std::result::Result<Vec<u8>, String> {
        let mut line = Vec::new();
        for (n, field) in schema.fields().iter().enumerate() {
            if n > 0 {
                line.push(self.delimiter);
            }
            self.field(field.name().as_bytes(), false, &mut line)?;
        }
        Ok(line)
    }
}

/// Reads an option with one character, which must be ASCII: a byte of other characters could occur inside a character.
fn character(options: &FormatOptions, key: &str) -> Result<Option<u8>> {
    let Some(value) = options.get(key) else { return Ok(None) };
    match plain(value).as_bytes() {
        [byte] if byte.is_ascii() && !matches!(byte, b'\n' | b'\r') => Ok(Some(*byte)),
        _ => Err(options.wrong(key, value, "give one ASCII character; a tab is `\\t`")),
    }
}

/// Resolves Java's escapes, which Flink allows in these options.
fn plain(value: &str) -> String {
    let code = |digits: &str| u32::from_str_radix(digits, 16).ok().and_then(char::from_u32);
    match value {
        "\\t" => "\t".to_string(),
        "\\\\" => "\\".to_string(),
        _ => value.strip_prefix("\\u").and_then(code).map_or_else(|| value.to_string(), String::from),
    }
}

/// Checks that CSV can hold these columns.
fn check(schema: &SchemaRef) -> Result<()> {
    let simple = |data_type: &DataType| !data_type.is_nested();
    let fits = |data_type: &DataType| match data_type {
        DataType::List(element) => simple(element.data_type()),
        DataType::Struct(fields) => fields.iter().all(|field| simple(field.data_type())),
        other => simple(other),
    };
    match schema.fields().iter().find(|field| !fits(field.data_type())) {
        None => Ok(()),
        Some(field) => {
            Err(Error::sql(format!("format 'csv' cannot hold column `{}` of type {}", field.name(), display(field.data_type())))
                .hint("single values can be used, and ARRAY and ROW of them; format 'json' holds all types"))
        }
    }
}
