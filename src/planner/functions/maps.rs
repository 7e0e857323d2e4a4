//! Functions that build maps.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, MapArray, MapBuilder, MapFieldNames, StringBuilder, UInt64Array, new_null_array};
use arrow::buffer::OffsetBuffer;
use arrow::compute::{concat, take};
use arrow::datatypes::{DataType, Field, Fields};
use datafusion::logical_expr::ScalarUDF;
use indexmap::IndexMap;

use crate::common::{Error, Result};

use super::args::range;
use super::compiled::Compiled;
use super::regex::compile;
use super::scalar::{Call, Param, Scalar, nth};

pub(super) fn functions() -> Vec<Arc<ScalarUDF>> {
    use Param::{Map, Text};
    let (pairs, values) = (Compiled::new(compile), Compiled::new(compile));
    [
        Scalar::new("map_union", &[&[Map]], nth::<0>, map_union).rest(Map),
        Scalar::new("str_to_map", &[&[Text], &[Text, Text, Text]], |_| Ok(texts_by_text()), move |call| str_to_map(call, &pairs, &values)),
    ]
    .into_iter()
    .map(Scalar::udf)
    .collect()
}

/// MAP<STRING, STRING>.
fn texts_by_text() -> DataType {
    let fields = Fields::from(vec![Field::new("key", DataType::Utf8, false), Field::new("value", DataType::Utf8, true)]);
    DataType::Map(Arc::new(Field::new("entries", DataType::Struct(fields), false)), false)
}

/// `STR_TO_MAP(text [, between pairs, between key and value])`: the last value of a repeated key wins; a pair without a value has NULL.
fn str_to_map(call: &Call, pairs: &Compiled<regex::Regex>, values: &Compiled<regex::Regex>) -> Result<ArrayRef> {
    let (args, mut pairs, mut values) = (call.row_args()?, pairs.batch(), values.batch());
    let names = MapFieldNames { entry: "entries".into(), key: "key".into(), value: "value".into() };
    let mut out = MapBuilder::new(Some(names), StringBuilder::new(), StringBuilder::new());
    for row in 0..call.rows {
        let row = args.row(row);
        let separators = if row.len() > 1 { (row.text(1), row.text(2)) } else { (Some(","), Some("=")) };
        let (Some(text), (Some(pair), Some(value))) = (row.text(0), separators) else {
            out.append(false)?;
            continue;
        };
        let (pair, value) = (pairs.get(pair)?, values.get(value)?);
        let mut found: IndexMap<&str, Option<&str>> = IndexMap::new();
        if !text.is_empty() {
            for part in pair.split(text) {
                let mut halves = value.splitn(part, 2);
                found.insert(halves.next().unwrap_or(part), halves.next());
            }
        }
        for (key, value) in found {
            out.keys().append_value(key);
            out.values().append_option(value);
        }
        out.append(true)?;
    }
    Ok(Arc::new(out.finish()))
}

/// `MAP_UNION(map, ...)`: if several maps have a key, the value of the last one wins.
fn map_union(call: &Call) -> Result<ArrayRef> {
    let maps = (0..call.args.len()).map(|n| call.keyed(n)).collect::<Result<Option<Vec<MapArray>>>>();
    let Some(maps) = maps? else { return Ok(new_null_array(call.types().first().unwrap_or(&DataType::Null), call.rows)) };
    let Some(DataType::Map(field, sorted)) = maps.first().map(|map| map.data_type().clone()) else {
        return Err(Error::internal("a map is none"));
    };
    let entries = maps.iter().map(|map| map.entries() as &dyn Array).collect::<Vec<_>>();
    let all = concat(&entries)?;
    let keys = arrow::row::RowConverter::new(vec![arrow::row::SortField::new(all.as_struct().column(0).data_type().clone())])?
        .convert_columns(&[Arc::clone(all.as_struct().column(0))])?;
    let starts: Vec<usize> = maps.iter().scan(0, |start, map| Some(std::mem::replace(start, *start + map.entries().len()))).collect();
    let (mut places, mut lengths, mut valid): (Vec<u64>, Vec<usize>, Vec<bool>) = Default::default();
    for row in 0..call.rows {
        let mut found: IndexMap<arrow::row::Row<'_>, u64> = IndexMap::new();
        valid.push(maps.iter().all(|map| map.is_valid(row)));
        for (map, start) in maps.iter().zip(&starts).filter(|_| valid.last() == Some(&true)) {
            for place in range(map.offsets(), row).map(|place| start + place) {
                found.insert(keys.row(place), place as u64);
            }
        }
        lengths.push(found.len());
        places.extend(found.into_values());
    }
    let entries = take(&all, &UInt64Array::from(places), None)?;
    let entries = entries.as_struct().clone();
    Ok(Arc::new(MapArray::try_new(field, OffsetBuffer::from_lengths(lengths), entries, Some(valid.into()), sorted)?))
}
