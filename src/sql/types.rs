//! Parses Flink's type names to Arrow types, and formats them.
//!
//! | SQL | Arrow |
//! |---|---|
//! | `STRING`, `VARCHAR(n)`, `CHAR(n)` | Utf8 |
//! | `BYTES`, `VARBINARY(n)`, `BINARY(n)` | Binary |
//! | `DECIMAL(p, s)` | Decimal128 |
//! | `TIME(p)` | Time32 in milliseconds |
//! | `TIMESTAMP(p)` | Timestamp without zone: milliseconds for p ≤ 3, microseconds for p ≤ 6, else nanoseconds |
//! | `TIMESTAMP_LTZ(p)` | the same in UTC |
//! | `ARRAY<T>`, `MAP<K, V>`, `ROW<a T, ...>` | List, Map, Struct |

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, Fields, TimeUnit};
use sqlparser::tokenizer::{Token, Word};

use crate::common::{Error, Result, suggest};

use crate::common::type_names::digits;
pub use crate::common::type_names::display;

use super::ast::Source;
use super::cursor::{Cursor, MAX_DEPTH, TOO_DEEP};
use super::dialect::Dialect;
use super::text::Text;

/// Every name that begins a type.
const NAMES: [&str; 24] = [
    "BOOLEAN",
    "TINYINT",
    "SMALLINT",
    "INT",
    "INTEGER",
    "BIGINT",
    "FLOAT",
    "DOUBLE",
    "DECIMAL",
    "DEC",
    "NUMERIC",
    "STRING",
    "VARCHAR",
    "CHAR",
    "BYTES",
    "VARBINARY",
    "BINARY",
    "DATE",
    "TIME",
    "TIMESTAMP",
    "TIMESTAMP_LTZ",
    "ARRAY",
    "MAP",
    "ROW",
];

/// Type names of other systems, and ours for them.
const SYNONYMS: [(&str, &str); 16] = [
    ("BOOL", "BOOLEAN"),
    ("BYTE", "TINYINT"),
    ("SHORT", "SMALLINT"),
    ("LONG", "BIGINT"),
    ("INT64", "BIGINT"),
    ("INT32", "INT"),
    ("UUID", "STRING"),
    ("JSON", "STRING"),
    ("REAL", "FLOAT"),
    ("FLOAT32", "FLOAT"),
    ("FLOAT64", "DOUBLE"),
    ("TEXT", "STRING"),
    ("DATETIME", "TIMESTAMP(3)"),
    ("TIMESTAMPTZ", "TIMESTAMP_LTZ"),
    ("STRUCT", "ROW"),
    ("BLOB", "BYTES"),
];

/// Types of Flink that are not supported.
const MISSING: [&str; 4] = ["MULTISET", "RAW", "VARIANT", "NULL"];

/// Parses a type.
pub(super) fn data_type(cursor: &mut Cursor<'_>) -> Result<DataType> {
    let mut reader = Reader::new(cursor);
    let data_type = reader.data_type()?;
    if reader.closed > 0 {
        return Err(reader.cursor.error("one `>` too many"));
    }
    Ok(data_type)
}

/// Parses `NOT NULL` or `NULL`; returns whether NULL is allowed.
pub(super) fn nullable(cursor: &mut Cursor<'_>) -> bool {
    if cursor.take(&["NOT", "NULL"]) {
        return false;
    }
    cursor.take(&["NULL"]);
    true
}

/// Parses one type, with its nested types.
struct Reader<'c, 'a> {
    cursor: &'c mut Cursor<'a>,
    /// Closing brackets that are left of a `>>`.
    closed: usize,
    depth: usize,
    /// For each time type parsed: its number of digits of a second, if its unit has more.
    digits: Vec<Option<u32>>,
}

impl<'c, 'a> Reader<'c, 'a> {
    fn new(cursor: &'c mut Cursor<'a>) -> Self {
        Self { cursor, closed: 0, depth: 0, digits: Vec::new() }
    }

    /// `(n)` of a time type, if present.
    fn precision(&mut self, unit: impl Fn(Option<u32>) -> TimeUnit) -> Result<TimeUnit> {
        let precision = self.argument(0, 9, "a precision")?;
        let unit = unit(precision);
        self.digits.push(precision.filter(|precision| *precision < u32::from(digits(unit))));
        Ok(unit)
    }

    fn data_type(&mut self) -> Result<DataType> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.cursor.error(TOO_DEEP));
        }
        let mut data_type = self.simple()?;
        while self.closed == 0 && self.cursor.take(&["ARRAY"]) {
            data_type = DataType::List(item(data_type, true));
        }
        self.depth -= 1;
        Ok(data_type)
    }

    fn simple(&mut self) -> Result<DataType> {
        let at = self.cursor.pos();
        let name = match &self.cursor.peek().token {
            Token::Word(Word { value, quote_style: None, .. }) => value.to_ascii_uppercase(),
            _ => return Err(self.cursor.expected("a type").hint(format!("types are {}", NAMES.join(", ")))),
        };
        if !NAMES.contains(&name.as_str()) {
            return Err(self.cursor.text.place(at, unknown(&name)));
        }
        self.cursor.next();
        Ok(match name.as_str() {
            "BOOLEAN" => DataType::Boolean,
            "TINYINT" => DataType::Int8,
            "SMALLINT" => DataType::Int16,
            "INT" | "INTEGER" => DataType::Int32,
            "BIGINT" => DataType::Int64,
            "FLOAT" => DataType::Float32,
            "DOUBLE" => {
                self.cursor.take(&["PRECISION"]);
                DataType::Float64
            }
            "DECIMAL" | "DEC" | "NUMERIC" => self.decimal()?,
            "STRING" => DataType::Utf8,
            "VARCHAR" | "CHAR" => {
                self.argument(1, u32::MAX, "a length")?;
                DataType::Utf8
            }
            "BYTES" => DataType::Binary,
            "VARBINARY" | "BINARY" => {
                self.argument(1, u32::MAX, "a length")?;
                DataType::Binary
            }
            "DATE" => DataType::Date32,
            "TIME" => {
                let unit = self.precision(|_| TimeUnit::Millisecond)?;
                self.cursor.take(&["WITHOUT", "TIME", "ZONE"]);
                DataType::Time32(unit)
            }
            "TIMESTAMP" => self.timestamp()?,
            "TIMESTAMP_LTZ" => DataType::Timestamp(self.precision(unit)?, utc()),
            "ARRAY" => {
                self.open()?;
                let (element, nullable) = self.inner()?;
                self.close()?;
                DataType::List(item(element, nullable))
            }
            "MAP" => self.map()?,
            _ => self.row()?,
        })
    }

    /// `(n)`, if present.
    fn argument(&mut self, min: u32, max: u32, what: &str) -> Result<Option<u32>> {
        if !self.cursor.take_symbol(&Token::LParen) {
            return Ok(None);
        }
        let n = self.ranged(min, max, what)?;
        self.cursor.expect_symbol(&Token::RParen)?;
        Ok(Some(n))
    }

    fn ranged(&mut self, min: u32, max: u32, what: &str) -> Result<u32> {
        let at = self.cursor.pos();
        let n = self.cursor.number(what)?;
        if (min..=max).contains(&n) {
            return Ok(n);
        }
        let range = if max == u32::MAX { format!("at least {min}") } else { format!("from {min} to {max}") };
        Err(self.cursor.text.error(at, format!("{what} has to be {range}, not {n}")))
    }

    fn decimal(&mut self) -> Result<DataType> {
        if !self.cursor.take_symbol(&Token::LParen) {
            return Ok(DataType::Decimal128(10, 0));
        }
        let precision = self.ranged(1, 38, "a precision")?;
        let scale = if self.cursor.take_symbol(&Token::Comma) { self.ranged(0, precision, "a scale")? } else { 0 };
        self.cursor.expect_symbol(&Token::RParen)?;
        // Both are at most 38.
        Ok(DataType::Decimal128(u8::try_from(precision).unwrap_or(38), i8::try_from(scale).unwrap_or(0)))
    }

    fn timestamp(&mut self) -> Result<DataType> {
        let unit = self.precision(unit)?;
        if self.cursor.take(&["WITH", "LOCAL", "TIME", "ZONE"]) {
            return Ok(DataType::Timestamp(unit, utc()));
        }
        if self.cursor.sees(&["WITH", "TIME", "ZONE"]) {
            return Err(self
                .cursor
                .error("TIMESTAMP WITH TIME ZONE is not supported: a zone is not kept per value")
                .hint("TIMESTAMP_LTZ holds a point in time"));
        }
        self.cursor.take(&["WITHOUT", "TIME", "ZONE"]);
        Ok(DataType::Timestamp(unit, None))
    }

    fn map(&mut self) -> Result<DataType> {
        self.open()?;
        let (key, _) = self.inner()?;
        if self.closed > 0 {
            return Err(self.cursor.expected("`,` and the type of the values inside MAP<...>"));
        }
        self.cursor.expect_symbol(&Token::Comma)?;
        let (value, nullable) = self.inner()?;
        self.close()?;
        let entry = Fields::from(vec![Field::new("key", key, false), Field::new("value", value, nullable)]);
        Ok(DataType::Map(Arc::new(Field::new("entries", DataType::Struct(entry), false)), false))
    }

    /// `ROW<a T, ...>`, `ROW(a T, ...)`, or without names; the fields are then f0, f1, ...
    fn row(&mut self) -> Result<DataType> {
        let round = self.cursor.take_symbol(&Token::LParen);
        if !round {
            self.open()?;
        }
        let mut fields: Vec<Field> = Vec::new();
        loop {
            let at = self.cursor.pos();
            let name = if self.unnamed() { format!("f{}", fields.len()) } else { self.cursor.name("the name of a field")? };
            if fields.iter().any(|f| *f.name() == name) {
                return Err(self.cursor.text.error(at, format!("field `{name}` is given twice")));
            }
            let (data_type, nullable) = self.inner()?;
            fields.push(Field::new(name, data_type, nullable));
            if self.closed > 0 {
                break; // a `>>` has also ended this row: what follows belongs to the outer type
            }
            if matches!(self.cursor.peek().token, Token::SingleQuotedString(_)) {
                self.cursor.next(); // a comment
            }
            if !self.cursor.take_symbol(&Token::Comma) {
                break;
            }
        }
        if round {
            self.cursor.expect_symbol(&Token::RParen)?;
        } else {
            self.close()?;
        }
        Ok(DataType::Struct(fields.into()))
    }

    /// Whether the next field of a row is a type without a name: the token after its first word then cannot begin a type.
    fn unnamed(&self) -> bool {
        match &self.cursor.peek().token {
            Token::Word(Word { value, quote_style: None, .. }) if NAMES.iter().any(|n| n.eq_ignore_ascii_case(value)) => {
                match &self.cursor.peek_nth(1).token {
                    Token::Word(Word { value, quote_style: None, .. }) => !NAMES.iter().any(|n| n.eq_ignore_ascii_case(value)),
                    _ => true,
                }
            }
            _ => false,
        }
    }

    /// A nested type, and whether it is nullable.
    fn inner(&mut self) -> Result<(DataType, bool)> {
        let data_type = self.data_type()?;
        let nullable = self.closed > 0 || nullable(self.cursor);
        Ok((data_type, nullable))
    }

    fn open(&mut self) -> Result<()> {
        self.cursor.expect_symbol(&Token::Lt)
    }

    /// Consumes a `>`; the tokenizer merges two of them into one symbol.
    fn close(&mut self) -> Result<()> {
        if self.closed > 0 {
            self.closed -= 1;
        } else if self.cursor.take_symbol(&Token::ShiftRight) {
            self.closed = 1;
        } else {
            self.cursor.expect_symbol(&Token::Gt)?;
        }
        Ok(())
    }
}

fn unknown(name: &str) -> Error {
    if name == "INTERVAL" {
        return Error::sql("no column of a table is an INTERVAL")
            .hint("declare it as STRING, or its length as BIGINT; queries compute with intervals");
    }
    if MISSING.contains(&name) {
        return Error::sql(format!("type {name} is not supported")).hint(format!("types are {}", NAMES.join(", ")));
    }
    let near = SYNONYMS.iter().find(|(other, _)| *other == name).map(|(_, ours)| *ours).or_else(|| suggest::nearest(name, NAMES));
    let near = near.map(|near| format!("did you mean `{near}`? ")).unwrap_or_default();
    Error::sql(format!("unknown type `{name}`")).hint(format!("{near}types are {}", NAMES.join(", ")))
}

/// Flink's default precision of a timestamp is 6.
fn unit(precision: Option<u32>) -> TimeUnit {
    match precision.unwrap_or(6) {
        0..=3 => TimeUnit::Millisecond,
        4..=6 => TimeUnit::Microsecond,
        _ => TimeUnit::Nanosecond,
    }
}

/// The digits of a second of the types in a text whose unit has more: one entry for each TIME and TIMESTAMP, in order. `None` if there is
/// nothing to truncate.
pub fn fewer_digits(text: &str) -> Option<Vec<Option<u32>>> {
    if !text.contains('(') {
        return None;
    }
    let source = Source::new("<type>", text);
    let text = Text::new(&source);
    let mut cursor = Cursor::new(&text, super::tokens::tokens_of(&text).ok()?, Dialect::default());
    let mut reader = Reader::new(&mut cursor);
    reader.data_type().ok()?;
    reader.digits.iter().any(Option::is_some).then_some(reader.digits)
}

/// The zone of every TIMESTAMP_LTZ.
pub fn utc() -> Option<Arc<str>> {
    Some("UTC".into())
}

fn item(element: DataType, nullable: bool) -> FieldRef {
    Arc::new(Field::new_list_field(element, nullable))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<DataType> {
        Dialect::default().data_type(text)
    }

    #[test]
    fn timestamps_may_have_fewer_digits_than_their_unit() {
        for (declared, digits) in [
            ("TIMESTAMP(0)", Some(vec![Some(0)])),
            ("timestamp_ltz ( 4 )", Some(vec![Some(4)])),
            ("TIMESTAMP(2) WITH LOCAL TIME ZONE", Some(vec![Some(2)])),
            ("TIMESTAMP(3)", None),
            ("TIMESTAMP", None),
            ("TIMESTAMP(8)", Some(vec![Some(8)])),
            ("TIMESTAMP(9) NOT NULL", None),
            ("TIME(0)", Some(vec![Some(0)])),
            (
                "ROW<t TIMESTAMP(0) NOT NULL, a ARRAY<TIMESTAMP(3)>, m MAP<TIMESTAMP(7), TIME(1)>>",
                Some(vec![Some(0), None, Some(7), Some(1)]),
            ),
            ("DECIMAL(10, 2)", None),
        ] {
            assert_eq!(fewer_digits(declared), digits, "{declared}");
        }
    }

    #[test]
    fn flink_to_arrow_and_back() {
        for (sql, arrow) in [
            ("BOOLEAN", DataType::Boolean),
            ("TINYINT", DataType::Int8),
            ("SMALLINT", DataType::Int16),
            ("INT", DataType::Int32),
            ("BIGINT", DataType::Int64),
            ("FLOAT", DataType::Float32),
            ("DOUBLE", DataType::Float64),
            ("DECIMAL(10, 0)", DataType::Decimal128(10, 0)),
            ("DECIMAL(38, 38)", DataType::Decimal128(38, 38)),
            ("STRING", DataType::Utf8),
            ("BYTES", DataType::Binary),
            ("DATE", DataType::Date32),
            ("TIME(3)", DataType::Time32(TimeUnit::Millisecond)),
            ("TIMESTAMP(3)", DataType::Timestamp(TimeUnit::Millisecond, None)),
            ("TIMESTAMP(6)", DataType::Timestamp(TimeUnit::Microsecond, None)),
            ("TIMESTAMP(9)", DataType::Timestamp(TimeUnit::Nanosecond, None)),
            ("TIMESTAMP_LTZ(3)", DataType::Timestamp(TimeUnit::Millisecond, utc())),
            ("ARRAY<INT>", DataType::List(item(DataType::Int32, true))),
            ("ARRAY<STRING NOT NULL>", DataType::List(item(DataType::Utf8, false))),
        ] {
            assert_eq!(parse(sql).unwrap(), arrow, "{sql}");
            assert_eq!(display(&arrow), sql);
        }
    }

    #[test]
    fn spellings_of_the_same_type() {
        for (sql, display_as) in [
            ("integer", "INT"),
            ("Double Precision", "DOUBLE"),
            ("DECIMAL", "DECIMAL(10, 0)"),
            ("NUMERIC(5)", "DECIMAL(5, 0)"),
            ("dec(5,2)", "DECIMAL(5, 2)"),
            ("VARCHAR(2147483647)", "STRING"),
            ("CHAR", "STRING"),
            ("VARBINARY(10)", "BYTES"),
            ("BINARY", "BYTES"),
            ("TIME", "TIME(3)"),
            ("TIMESTAMP", "TIMESTAMP(6)"),
            ("TIMESTAMP(0)", "TIMESTAMP(3)"),
            ("TIMESTAMP(3) WITHOUT TIME ZONE", "TIMESTAMP(3)"),
            ("TIMESTAMP(3) WITH LOCAL TIME ZONE", "TIMESTAMP_LTZ(3)"),
            ("TIMESTAMP_LTZ", "TIMESTAMP_LTZ(6)"),
            ("INT ARRAY", "ARRAY<INT>"),
            ("ARRAY<ARRAY<INT>>", "ARRAY<ARRAY<INT>>"),
            ("MAP<STRING, ARRAY<ARRAY<INT>>>", "MAP<STRING, ARRAY<ARRAY<INT>>>"),
            ("ROW<a ROW<b INT>> ARRAY", "ARRAY<ROW<a ROW<b INT>>>"),
            ("ROW<a ROW<b ARRAY<INT>>, c INT, d ROW<e INT>>", "ROW<a ROW<b ARRAY<INT>>, c INT, d ROW<e INT>>"),
            ("ROW(a INT, `b c` STRING)", "ROW<a INT, `b c` STRING>"),
            ("ROW<a INT NOT NULL 'the first', b ROW<c DATE>>", "ROW<a INT NOT NULL, b ROW<c DATE>>"),
            ("ROW<INT, TIMESTAMP(3), STRING NOT NULL>", "ROW<f0 INT, f1 TIMESTAMP(3), f2 STRING NOT NULL>"),
            ("ROW<date DATE, `time` TIME(3), map MAP<STRING, INT>>", "ROW<date DATE, time TIME(3), map MAP<STRING, INT>>"),
        ] {
            assert_eq!(display(&parse(sql).unwrap()), display_as, "{sql}");
        }
    }

    #[test]
    fn wrong_types() {
        for (sql, message, hint) in [
            ("STIRNG", "unknown type `STIRNG`", "did you mean `STRING`?"),
            ("LONG", "unknown type `LONG`", "did you mean `BIGINT`?"),
            ("MULTISET<INT>", "type MULTISET is not supported", "types are"),
            ("DECIMAL(39, 2)", "a precision has to be from 1 to 38, not 39", ""),
            ("DECIMAL(5, 6)", "a scale has to be from 0 to 5, not 6", ""),
            ("TIMESTAMP(10)", "a precision has to be from 0 to 9, not 10", ""),
            ("TIMESTAMP(3) WITH TIME ZONE", "TIMESTAMP WITH TIME ZONE is not supported", "TIMESTAMP_LTZ"),
            ("ARRAY<INT", "expected `>`, found the end of the statement", ""),
            ("ARRAY<INT>>", "one `>` too many", ""),
            ("ARRAY", "expected `<`", ""),
            ("MAP<INT>", "expected `,`, found `>`", ""),
            ("MAP<ARRAY<INT>>, INT", "expected `,` and the type of the values", ""),
            ("ROW<a ROW<b INT>>, c INT", "expected the end of the statement, found `,`", ""),
            ("ROW<a INT, a INT>", "field `a` is given twice", ""),
            ("'INT'", "expected a type, found `'INT'`", "types are"),
            ("INT INT", "expected the end of the statement, found `INT`", ""),
        ] {
            let error = parse(sql).unwrap_err();
            assert!(error.message().starts_with(message), "{sql}: {error}");
            assert!(error.hint_text().unwrap_or_default().contains(hint), "{sql}: {error}");
            assert!(error.place().is_some(), "{sql}: {error}");
        }
        assert!(parse(&"ARRAY<".repeat(10_000)).unwrap_err().message().contains("nested too deeply"));
    }
}
