//! Changelogs for sinks: checks that a sink accepts them, and consolidates a commit's changes by key.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use arrow::array::{Int64Array, UInt32Array};
use arrow::compute::{concat_batches, take_record_batch};
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;

use crate::common::{Error, Result};
use crate::connectors::SinkMode;
use crate::operators::changes::zset;
use crate::planner::Output;
use crate::state::SpillableBatches;

/// Rejects an updating query into an append-only sink, with hints.
///
/// # Errors
/// When the sink does not accept changes.
pub fn check(table: &str, output: &Output, mode: &SinkMode) -> Result<()> {
    match mode {
        SinkMode::Append if output.updating => Err(Error::sql(format!(
            "INSERT INTO {table}: the query updates rows that it gave before, and the table can only add rows"
        ))
        .hint(
            "ways out: a table with a PRIMARY KEY that takes updates (connector `upsert-kafka`), a changelog format (`debezium-json`), or a \
             query that is final per window: GROUP BY window_start, window_end of TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '3' SECOND)) \
             over a column with a WATERMARK, without EMIT CHANGES",
        )),
        _ => Ok(()),
    }
}

/// The warning if several rows of an updating query may share a key of the sink: the newest change wins then, and the delete of one row
/// deletes the other. `target` holds the columns that the INSERT fills, by position.
pub fn unproven_key(table: &str, output: &Output, mode: &SinkMode, target: &SchemaRef) -> Option<String> {
    let SinkMode::Upsert(key) = mode else { return None };
    let in_key = |column: &usize| target.fields().get(*column).is_some_and(|f| key.contains(f.name()));
    if !output.updating || output.keys.iter().any(|unique| unique.iter().all(in_key)) {
        return None;
    }
    let names = |unique: &BTreeSet<usize>| {
        let names = unique.iter().filter_map(|column| output.schema.fields().get(*column)).map(|f| f.name().as_str());
        format!("({})", names.collect::<Vec<_>>().join(", "))
    };
    let known = match output.keys.first() {
        Some(unique) => format!("they are known to differ in {} only", names(unique)),
        None => "nothing is known of what they differ in".to_string(),
    };
    Some(format!(
        "INSERT INTO {table}: rows of the query may share a PRIMARY KEY ({}): {known}. The newest change of a key counts, and a row that goes takes the key away",
        key.join(", ")
    ))
}

/// The rows of a commit for a sink: for a keyed sink the last row of each key; for a changelog sink the sum of
/// all changes.
///
/// # Errors
/// When rows cannot be compared.
pub fn consolidate(
    mode: &SinkMode,
    updating: bool,
    rows: SpillableBatches,
) -> Result<Box<dyn Iterator<Item = Result<RecordBatch>> + Send>> {
    let merged = match (mode, updating) {
        (SinkMode::Discard, _) => None,
        (SinkMode::Append, _) | (SinkMode::Changelog, false) => return Ok(Box::new(rows.batches())),
        (SinkMode::Changelog, true) => whole(&rows, |schema, batches| {
            let changes = zset::consolidate(schema, batches)?;
            Ok(concat_batches(schema, &[zset::filter(&changes, |w| w < 0)?, zset::filter(&changes, |w| w > 0)?])?)
        })?,
        (SinkMode::Upsert(key), false) => whole(&rows, |schema, batches| last_per_key(&concat_batches(schema, batches)?, key))?,
        (SinkMode::Upsert(key), true) => whole(&rows, |schema, batches| upserts(&zset::consolidate(schema, batches)?, key))?,
    };
    Ok(Box::new(merged.into_iter().filter(|rows| rows.num_rows() > 0).map(Ok)))
}

/// Merges all rows; `None` if there are none.
fn whole(rows: &SpillableBatches, merge: impl FnOnce(&SchemaRef, &[RecordBatch]) -> Result<RecordBatch>) -> Result<Option<RecordBatch>> {
    let batches = rows.read()?;
    batches.first().map(|first| merge(first.schema_ref(), &batches)).transpose()
}

fn key_columns(schema: &SchemaRef, key: &[String]) -> Result<Vec<usize>> {
    key.iter().map(|k| Ok(schema.index_of(k)?)).collect()
}

fn last_per_key(rows: &RecordBatch, key: &[String]) -> Result<RecordBatch> {
    let columns = rows.project(&key_columns(&rows.schema(), key)?)?;
    let Some(keys) = zset::encode(columns.columns())? else { return Ok(rows.clone()) };
    let last: HashMap<&[u8], u32> = keys.iter().zip(0u32..).map(|(k, i)| (k.data(), i)).collect();
    let kept: BTreeSet<u32> = last.into_values().collect();
    Ok(take_record_batch(rows, &UInt32Array::from_iter_values(kept))?)
}

/// Reduces changes to one row per key: +1 with its current row, −1 if it was deleted.
fn upserts(changes: &RecordBatch, key: &[String]) -> Result<RecordBatch> {
    let goes = zset::filter(changes, |w| w < 0)?;
    let comes = zset::filter(changes, |w| w > 0)?;
    let schema = changes.schema();
    // Insertions after retractions, so that they win.
    let last = last_per_key(&concat_batches(&schema, &[goes, comes])?, key)?;
    let signs: Int64Array = zset::weights(&last)?.unary(i64::signum);
    zset::with_weights(&zset::rows_of(&last)?, &schema, Arc::new(signs))
}

#[cfg(test)]
mod tests {
    use arrow::array::StringArray;
    use arrow::datatypes::{DataType, Field, Schema};

    use super::*;
    use crate::state::{SpillContext, StateMemory};

    fn changes(rows: &[(&str, i64, i64)]) -> RecordBatch {
        let fields = vec![Field::new("k", DataType::Utf8, false), Field::new("v", DataType::Int64, false)];
        let schema = zset::weighted(&Arc::new(Schema::new(fields)));
        let keys = StringArray::from_iter_values(rows.iter().map(|r| r.0));
        let values = Int64Array::from_iter_values(rows.iter().map(|r| r.1));
        let weights = Int64Array::from_iter_values(rows.iter().map(|r| r.2));
        RecordBatch::try_new(schema, vec![Arc::new(keys), Arc::new(values), Arc::new(weights)]).unwrap()
    }

    #[test]
    fn a_key_of_the_query_has_to_lie_within_the_sinks() {
        let schema = changes(&[]).schema();
        let output = |keys: &[&[usize]], updating| Output {
            shape: Default::default(),
            stage: 0,
            schema: Arc::clone(&schema),
            updating,
            keys: keys.iter().map(|k| k.iter().copied().collect()).collect(),
            order: Vec::new(),
            sources: BTreeSet::new(),
            nodes: BTreeSet::new(),
            identity: String::new(),
        };
        let warned = |output: &Output| unproven_key("t", output, &SinkMode::Upsert(vec!["k".into()]), &schema);
        assert!(warned(&output(&[&[0]], true)).is_none() && warned(&output(&[&[]], true)).is_none());
        assert!(warned(&output(&[&[0, 1]], false)).is_none());
        assert!(warned(&output(&[&[0, 1]], true)).unwrap().contains("known to differ in (k, v) only"));
        assert!(warned(&output(&[], true)).unwrap().contains("nothing is known"));
        assert!(unproven_key("t", &output(&[], true), &SinkMode::Changelog, &schema).is_none());
    }

    #[test]
    fn a_keyed_sink_gets_each_key_once() {
        let a = changes(&[("a", 1, 1), ("b", 1, 1), ("c", 1, -1)]);
        let b = changes(&[("a", 1, -1), ("a", 2, 1), ("b", 1, -1), ("d", 7, 1)]);
        let mode = SinkMode::Upsert(vec!["k".into()]);
        let spill = SpillContext::new(&StateMemory::unlimited());
        let consolidate = |mode: &SinkMode| {
            let rows = spill.keep([a.clone(), b.clone()]).unwrap();
            consolidate(mode, true, rows).unwrap().collect::<Result<Vec<_>>>().unwrap()
        };
        let out = consolidate(&mode);
        assert_eq!(out, [changes(&[("c", 1, -1), ("a", 2, 1), ("d", 7, 1)])]);
        let log = consolidate(&SinkMode::Changelog);
        assert_eq!(log, out);
    }
}
