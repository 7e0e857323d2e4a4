//! Rows for tests: every column draws from a few distinct values, and a row is known by how its values print.

use std::sync::Arc;

use arrow::array::*;
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::compute::take;
use arrow::datatypes::*;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use rand::Rng;
use rand::rngs::StdRng;

use crate::common::WEIGHT;

/// A row as it prints, and its weight last.
pub(super) type Row = Vec<String>;

/// The distinct values of a kind of column; NULL is one of them unless the kind is `time`.
pub(super) fn universe(kind: &str) -> ArrayRef {
    let texts = || [Some("a"), Some("b"), Some(""), None, Some("a text that is longer than twelve bytes"), Some("ä\0ß")];
    let ints = [Some(1), Some(-7), None, Some(i32::MAX), Some(0)];
    match kind {
        "int" => Arc::new(Int64Array::from(vec![Some(1), None, Some(-5), Some(i64::MAX), Some(0)])),
        "many" => Arc::new(Int64Array::from_iter_values(0..400)),
        "time" => Arc::new(Int64Array::from_iter_values(0..60)),
        "text" => Arc::new(StringArray::from(texts().to_vec())),
        "view" => Arc::new(StringViewArray::from(texts().to_vec())),
        "bytes" => Arc::new(BinaryArray::from(vec![Some(&b"\0"[..]), None, Some(b""), Some(b"\xff\xfe")])),
        "flag" => Arc::new(BooleanArray::from(vec![Some(true), None, Some(false)])),
        "stamp" => Arc::new(TimestampMillisecondArray::from(vec![Some(0), None, Some(-1), Some(1 << 40)]).with_timezone("UTC")),
        "decimal" => {
            let values = Decimal128Array::from(vec![Some(0), None, Some(-12345), Some(10i128.pow(19))]);
            Arc::new(values.with_precision_and_scale(20, 3).unwrap())
        }
        "float" => Arc::new(Float64Array::from(vec![Some(0.0), Some(-0.0), Some(f64::NAN), None, Some(1.5), Some(f64::INFINITY)])),
        "dictionary" => Arc::new([Some("x"), None, Some("y"), Some("z")].into_iter().collect::<DictionaryArray<Int32Type>>()),
        "struct" => {
            let fields = Fields::from(vec![Field::new("a", DataType::Int32, true), Field::new("b", DataType::Utf8View, true)]);
            let columns: Vec<ArrayRef> =
                vec![Arc::new(Int32Array::from(ints.to_vec())), Arc::new(StringViewArray::from(texts()[..5].to_vec()))];
            let nulls = NullBuffer::from(vec![true, true, true, false, true]);
            Arc::new(StructArray::new(fields, columns, Some(nulls)))
        }
        "list" => {
            let field = Arc::new(Field::new("item", DataType::Int32, true));
            let offsets = OffsetBuffer::from_lengths([2, 0, 0, 1, 2]);
            let nulls = NullBuffer::from(vec![true, true, false, true, true]);
            Arc::new(ListArray::new(field, offsets, Arc::new(Int32Array::from(ints.to_vec())), Some(nulls)))
        }
        "map" => {
            let mut map = MapBuilder::new(None, StringBuilder::new(), Int32Builder::new());
            for entries in [vec![("a", 1)], vec![], vec![("a", 1), ("b", 2)], vec![("b", 2)]] {
                for (key, value) in entries {
                    map.keys().append_value(key);
                    map.values().append_value(value);
                }
                map.append(true).unwrap();
            }
            Arc::new(map.finish())
        }
        _ => panic!("no kind {kind}"),
    }
}

/// A schema with a column for each kind.
pub(super) fn schema(kinds: &[&str]) -> SchemaRef {
    let field = |(i, kind): (usize, &&str)| Field::new(format!("c{i}"), universe(kind).data_type().clone(), *kind != "time");
    Arc::new(Schema::new(kinds.iter().enumerate().map(field).collect::<Vec<_>>()))
}

/// Random rows of these kinds with these weights.
pub(super) fn random(kinds: &[&str], weights: Vec<i64>, rng: &mut StdRng) -> RecordBatch {
    let mut columns = random_columns(kinds, weights.len(), rng);
    let mut fields = schema(kinds).fields().to_vec();
    fields.push(Arc::new(Field::new(WEIGHT, DataType::Int64, false)));
    columns.push(Arc::new(Int64Array::from(weights)));
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).unwrap()
}

pub(super) fn random_columns(kinds: &[&str], rows: usize, rng: &mut StdRng) -> Vec<ArrayRef> {
    let column = |kind: &&str| {
        let values = universe(kind);
        let picks: Vec<u32> = (0..rows).map(|_| rng.random_range(0..values.len() as u32)).collect();
        take(&values, &UInt32Array::from(picks), None).unwrap()
    };
    kinds.iter().map(column).collect()
}

/// The rows as they print.
pub(super) fn printed(columns: &[ArrayRef], rows: usize) -> Vec<Row> {
    let options = FormatOptions::new().with_null("NULL");
    let formats: Vec<_> = columns.iter().map(|c| ArrayFormatter::try_new(c, &options).unwrap()).collect();
    (0..rows).map(|row| formats.iter().map(|f| f.value(row).to_string()).collect()).collect()
}
