//! The mapping of Cassandra's types to SQL types.
//!
//! | Cassandra | ours |
//! |---|---|
//! | `boolean`, `tinyint`, `smallint`, `int`, `bigint`, `float`, `double` | BOOLEAN, TINYINT, SMALLINT, INT, BIGINT, FLOAT, DOUBLE |
//! | `counter` | BIGINT, read only |
//! | `varint`, `decimal` | DECIMAL(38, 0), DECIMAL(38, 18) |
//! | `text`, `ascii`, `uuid`, `timeuuid`, `inet`, `duration` | STRING |
//! | `blob`, and custom types | BYTES |
//! | `date`, `time`, `timestamp` | DATE, TIME, TIMESTAMP_LTZ(3) |
//! | `list<t>`, `set<t>`, `vector<t, n>`, `map<k, v>` | ARRAY, ARRAY, ARRAY, MAP |
//! | `tuple<...>`, user-defined types | ROW, of a tuple with the fields `f0`, `f1`, ... |

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Fields, TimeUnit};

use crate::common::{Error, Result};

use super::identifiers::quoted;

/// A column's type, as the server reports it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum CqlType {
    Ascii,
    BigInt,
    Blob,
    Boolean,
    Counter,
    Date,
    Decimal,
    Double,
    Duration,
    Float,
    Inet,
    Int,
    SmallInt,
    Text,
    Time,
    Timestamp,
    TimeUuid,
    TinyInt,
    Uuid,
    Varint,
    List(Box<CqlType>),
    Set(Box<CqlType>),
    Map(Box<CqlType>, Box<CqlType>),
    Tuple(Vec<CqlType>),
    /// A user-defined type: its name, and its fields.
    Udt(String, Vec<(String, CqlType)>),
    /// A fixed number of elements of fixed size.
    Vector(Box<CqlType>, usize),
    /// A custom type, read as bytes.
    Other(String),
}

/// User-defined types by name: the names of their fields, and the types as text.
pub(super) type Udts = BTreeMap<String, Vec<(String, String)>>;

impl CqlType {
    /// Parses a type as `system_schema` writes it.
    pub(super) fn parse(text: &str, udts: &Udts) -> Self {
        let text = text.trim();
        let Some((name, inner)) = text.strip_suffix('>').and_then(|text| text.split_once('<')) else { return Self::simple(text, udts) };
        let parts = parts(inner);
        let part = |i: usize| Box::new(parts.get(i).map_or_else(|| Self::Other(text.to_string()), |part| Self::parse(part, udts)));
        match (name, parts.len()) {
            ("frozen", 1) => *part(0),
            ("list", 1) => Self::List(part(0)),
            ("set", 1) => Self::Set(part(0)),
            ("map", 2) => Self::Map(part(0), part(1)),
            ("tuple", _) => Self::Tuple(parts.iter().map(|part| Self::parse(part, udts)).collect()),
            ("vector", 2) => match (part(0), parts[1].trim().parse()) {
                (of, Ok(n)) if of.fixed_size().is_some() => Self::Vector(of, n),
                _ => Self::Other(text.to_string()),
            },
            _ => Self::Other(text.to_string()),
        }
    }

    fn simple(text: &str, udts: &Udts) -> Self {
        match text {
            "ascii" => Self::Ascii,
            "bigint" => Self::BigInt,
            "blob" => Self::Blob,
            "boolean" => Self::Boolean,
            "counter" => Self::Counter,
            "date" => Self::Date,
            "decimal" => Self::Decimal,
            "double" => Self::Double,
            "duration" => Self::Duration,
            "float" => Self::Float,
            "inet" => Self::Inet,
            "int" => Self::Int,
            "smallint" => Self::SmallInt,
            "text" | "varchar" => Self::Text,
            "time" => Self::Time,
            "timestamp" => Self::Timestamp,
            "timeuuid" => Self::TimeUuid,
            "tinyint" => Self::TinyInt,
            "uuid" => Self::Uuid,
            "varint" => Self::Varint,
            _ => {
                let name = text.trim_matches('"').replace("\"\"", "\"");
                let Some(fields) = udts.get(&name) else { return Self::Other(text.to_string()) };
                let fields = fields.iter().map(|(field, of)| (field.clone(), Self::parse(of, udts))).collect();
                Self::Udt(name, fields)
            }
        }
    }

    /// Returns the size of a value within a vector, if all values of the type have the same size.
    pub(super) fn fixed_size(&self) -> Option<usize> {
        match self {
            Self::Float | Self::Int => Some(4),
            Self::Double | Self::BigInt => Some(8),
            _ => None,
        }
    }

    /// The type of an undeclared column.
    pub(super) fn natural(&self) -> DataType {
        let list = |of: &Self| DataType::List(Arc::new(Field::new_list_field(of.natural(), true)));
        match self {
            Self::Boolean => DataType::Boolean,
            Self::TinyInt => DataType::Int8,
            Self::SmallInt => DataType::Int16,
            Self::Int => DataType::Int32,
            Self::BigInt | Self::Counter => DataType::Int64,
            Self::Float => DataType::Float32,
            Self::Double => DataType::Float64,
            Self::Varint => DataType::Decimal128(38, 0),
            Self::Decimal => DataType::Decimal128(38, 18),
            Self::Text | Self::Ascii | Self::Uuid | Self::TimeUuid | Self::Inet | Self::Duration => DataType::Utf8,
            Self::Blob | Self::Other(_) => DataType::Binary,
            Self::Date => DataType::Date32,
            Self::Time => DataType::Time32(TimeUnit::Millisecond),
            Self::Timestamp => DataType::Timestamp(TimeUnit::Millisecond, Some(Arc::from("UTC"))),
            Self::List(of) | Self::Set(of) | Self::Vector(of, _) => list(of),
            Self::Map(key, value) => {
                let entry = Fields::from(vec![Field::new("key", key.natural(), false), Field::new("value", value.natural(), true)]);
                DataType::Map(Arc::new(Field::new("entries", DataType::Struct(entry), false)), false)
            }
            Self::Tuple(parts) => {
                DataType::Struct(parts.iter().enumerate().map(|(i, part)| Field::new(format!("f{i}"), part.natural(), true)).collect())
            }
            Self::Udt(_, fields) => DataType::Struct(fields.iter().map(|(name, of)| Field::new(name, of.natural(), true)).collect()),
        }
    }

    /// Whether values of this type can be read as the declared type.
    pub(super) fn reads_as(&self, declared: &DataType) -> bool {
        use DataType::{Binary, Boolean, Date32, Decimal128, Float32, Float64, Time32, Timestamp, Utf8};
        match (self, declared) {
            (Self::Blob | Self::Other(_), Binary) => true,
            (Self::List(of) | Self::Set(of) | Self::Vector(of, _), DataType::List(item)) => of.reads_as(item.data_type()),
            (Self::Map(key, value), DataType::Map(entries, _)) => match entries.data_type() {
                DataType::Struct(fields) if fields.len() == 2 => {
                    key.reads_as(fields[0].data_type()) && value.reads_as(fields[1].data_type())
                }
                _ => false,
            },
            (Self::Tuple(parts), DataType::Struct(fields)) => {
                parts.len() == fields.len() && parts.iter().zip(fields).all(|(part, field)| part.reads_as(field.data_type()))
            }
            (Self::Udt(_, own), DataType::Struct(fields)) => {
                fields.iter().all(|field| own.iter().any(|(name, of)| name == field.name() && of.reads_as(field.data_type())))
            }
            (_, Utf8) => self.is_scalar() && !matches!(self, Self::Blob | Self::Other(_)),
            (Self::Boolean, Boolean) | (Self::Date, Date32) | (Self::Time, Time32(_)) | (Self::Timestamp, Timestamp(..)) => true,
            (Self::Float, Float32 | Float64) | (Self::Double, Float64) => true,
            (Self::Decimal, Decimal128(..)) => true,
            (of, Decimal128(..)) => of.is_integer(),
            (of, declared) => of.is_integer() && declared.is_integer(),
        }
    }

    /// Whether values that are equal here have the same bytes there, so that a lookup by a value of the declared type finds its row.
    pub(super) fn finds(&self, declared: &DataType) -> bool {
        match (self, declared) {
            (Self::Text | Self::Ascii | Self::Uuid | Self::TimeUuid | Self::Inet, DataType::Utf8) => true,
            (Self::Blob, DataType::Binary) | (Self::Boolean, DataType::Boolean) | (Self::Date, DataType::Date32) => true,
            (Self::Timestamp, DataType::Timestamp(unit, _)) => *unit != TimeUnit::Second,
            (Self::Counter, _) => false,
            (of, DataType::Decimal128(_, 0)) => of.is_integer(),
            (of, declared) => of.is_integer() && declared.is_integer(),
        }
    }

    /// Whether values of the type have the same order here and there.
    pub(super) fn is_ordered(&self) -> bool {
        self.is_integer() || matches!(self, Self::Text | Self::Ascii | Self::Blob | Self::Date | Self::Timestamp)
    }

    fn is_integer(&self) -> bool {
        matches!(self, Self::TinyInt | Self::SmallInt | Self::Int | Self::BigInt | Self::Counter | Self::Varint)
    }

    fn is_scalar(&self) -> bool {
        !matches!(self, Self::List(_) | Self::Set(_) | Self::Map(..) | Self::Tuple(_) | Self::Udt(..) | Self::Vector(..))
    }
}

/// The type as CQL writes it.
impl fmt::Display for CqlType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::List(of) => write!(f, "list<{of}>"),
            Self::Set(of) => write!(f, "set<{of}>"),
            Self::Map(key, value) => write!(f, "map<{key}, {value}>"),
            Self::Vector(of, n) => write!(f, "vector<{of}, {n}>"),
            Self::Tuple(parts) => {
                let parts: Vec<String> = parts.iter().map(ToString::to_string).collect();
                write!(f, "tuple<{}>", parts.join(", "))
            }
            Self::Udt(name, _) => write!(f, "{}", quoted(name)),
            Self::Other(name) => write!(f, "{name}"),
            simple => write!(f, "{}", format!("{simple:?}").to_ascii_lowercase()),
        }
    }
}

/// Splits at the commas of the outermost level.
fn parts(text: &str) -> Vec<&str> {
    let (mut parts, mut depth, mut begin) = (Vec::new(), 0_usize, 0);
    for (i, byte) in text.bytes().enumerate() {
        match byte {
            b'<' => depth += 1,
            b'>' => depth = depth.saturating_sub(1),
            b',' if depth == 0 => {
                parts.push(&text[begin..i]);
                begin = i + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[begin..]);
    parts
}

/// Checks that Cassandra has a type for values of this one.
///
/// # Errors
/// For a type that Cassandra does not have.
pub(super) fn declarable(data_type: &DataType) -> Result<()> {
    use DataType::{Binary, Boolean, Date32, Decimal128, Float32, Float64, Int8, Int16, Int32, Int64, Time32, Timestamp, Utf8};
    match data_type {
        Boolean | Int8 | Int16 | Int32 | Int64 | Float32 | Float64 | Decimal128(..) | Utf8 | Binary | Date32 | Time32(_)
        | Timestamp(..) => Ok(()),
        DataType::List(item) => declarable(item.data_type()),
        DataType::Map(entries, _) => declarable(entries.data_type()),
        DataType::Struct(fields) => fields.iter().try_for_each(|field| declarable(field.data_type())),
        _ => Err(Error::sql("Cassandra has no type for it").hint("declare it as STRING")),
    }
}

/// The type of a column in a table that is created.
pub(super) fn for_create(data_type: &DataType) -> String {
    match data_type {
        DataType::Boolean => "boolean".to_string(),
        DataType::Int8 => "tinyint".to_string(),
        DataType::Int16 => "smallint".to_string(),
        DataType::Int32 => "int".to_string(),
        DataType::Int64 => "bigint".to_string(),
        DataType::Float32 => "float".to_string(),
        DataType::Float64 => "double".to_string(),
        DataType::Decimal128(_, 0) => "varint".to_string(),
        DataType::Decimal128(..) => "decimal".to_string(),
        DataType::Binary => "blob".to_string(),
        DataType::Date32 => "date".to_string(),
        DataType::Time32(_) => "time".to_string(),
        DataType::Timestamp(..) => "timestamp".to_string(),
        DataType::List(item) => format!("frozen<list<{}>>", for_create(item.data_type())),
        DataType::Map(entries, _) => match entries.data_type() {
            DataType::Struct(fields) if fields.len() == 2 => {
                format!("frozen<map<{}, {}>>", for_create(fields[0].data_type()), for_create(fields[1].data_type()))
            }
            _ => "text".to_string(),
        },
        DataType::Struct(fields) => {
            let parts: Vec<String> = fields.iter().map(|field| for_create(field.data_type())).collect();
            format!("frozen<tuple<{}>>", parts.join(", "))
        }
        _ => "text".to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_as_the_server_writes_them() {
        let udts = Udts::from([(
            "Address".to_string(),
            vec![("city".to_string(), "text".to_string()), ("zips".to_string(), "frozen<list<int>>".to_string())],
        )]);
        for (text, expected) in [
            ("int", "int"),
            ("frozen<map<text, frozen<list<tuple<int, uuid>>>>>", "map<text, list<tuple<int, uuid>>>"),
            ("set<frozen<\"Address\">>", "set<\"Address\">"),
            ("vector<float, 3>", "vector<float, 3>"),
            ("vector<text, 3>", "vector<text, 3>"),
            ("'org.example.Mine'", "'org.example.Mine'"),
        ] {
            assert_eq!(CqlType::parse(text, &udts).to_string(), expected);
        }
        let CqlType::Udt(_, fields) = CqlType::parse("\"Address\"", &udts) else { unreachable!() };
        assert_eq!(fields[1].1, CqlType::List(Box::new(CqlType::Int)));
        assert_eq!(CqlType::parse("vector<text, 3>", &udts).natural(), DataType::Binary);
    }
}
