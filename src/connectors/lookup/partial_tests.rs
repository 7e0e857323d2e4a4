//! Tests of which keys a partial cache keeps, and for how long.

use std::sync::Arc;
use std::time::Duration;

use arrow::array::{AsArray, Int32Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Int32Type, Schema, SchemaRef};
use async_trait::async_trait;
use parking_lot::Mutex;

use crate::common::{Projection, Result};

use super::{Limits, Lookup, partial};

/// A table in which keys below 100 have two rows each; the last requested key is in every answer. It records the keys of each call.
#[derive(Debug, Default)]
struct Table(Mutex<Vec<Vec<i32>>>);

fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![Field::new("name", DataType::Utf8, true), Field::new("id", DataType::Int32, false)]))
}

#[async_trait]
impl Lookup for Table {
    fn key(&self, _: &[&str]) -> Option<Vec<String>> {
        Some(vec!["id".to_string()])
    }

    async fn get(&self, keys: &RecordBatch, projection: &Projection) -> Result<Vec<RecordBatch>> {
        let mut asked: Vec<i32> = keys.column(0).as_primitive::<Int32Type>().values().to_vec();
        let ids: Vec<i32> = asked.iter().filter(|id| **id < 100).flat_map(|id| [*id, *id]).chain([7]).collect();
        asked.sort_unstable();
        self.0.lock().push(asked);
        let names: StringArray = ids.iter().enumerate().map(|(i, id)| (i % 2 == 0).then(|| format!("n{id}"))).collect();
        let all = RecordBatch::try_new(schema(), vec![Arc::new(names), Arc::new(Int32Array::from(ids))])?;
        Ok(vec![all.project(&projection.iter().map(|(i, _)| i).collect::<Vec<_>>())?])
    }
}

fn limits() -> Limits {
    Limits { max_rows: None, after_write: Some(Duration::from_secs(600)), after_access: None, missing: true }
}

/// Returns the keys that reach the table while these keys are looked up, one list after the other.
async fn asked(limits: Limits, keys: &[&[i32]]) -> Vec<Vec<i32>> {
    let table = Arc::new(Table::default());
    let cache = partial(Arc::clone(&table) as _, schema(), limits).unwrap();
    for keys in keys {
        let ids = RecordBatch::try_from_iter([("id", Arc::new(Int32Array::from(keys.to_vec())) as _)]).unwrap();
        // Without the key's column.
        let names = cache.get(&ids, &Projection::columns(&schema(), &[0]).unwrap()).await.unwrap();
        let mut names: Vec<String> = names
            .iter()
            .flat_map(|b| b.column(0).as_string::<i32>().iter().map(|n| n.unwrap_or("-").to_string()).collect::<Vec<_>>())
            .collect();
        names.sort();
        let mut expected: Vec<String> = keys.iter().filter(|id| **id < 100).flat_map(|id| [format!("n{id}"), "-".to_string()]).collect();
        expected.sort();
        assert_eq!(names, expected, "{keys:?}");
    }
    table.0.lock().clone()
}

#[tokio::test]
async fn known_keys_are_not_asked_for_again_nor_are_missing_ones() {
    assert_eq!(asked(limits(), &[&[1, 200], &[1, 2, 200], &[2, 1]]).await, [vec![1, 200], vec![2]]);
    let forgetful = Limits { missing: false, ..limits() };
    assert_eq!(asked(forgetful, &[&[1, 200], &[1, 200]]).await, [vec![1, 200], vec![200]]);
}

#[tokio::test]
async fn keys_go_with_time_and_for_room() {
    for of in [Limits { after_write: Some(Duration::ZERO), ..limits() }, Limits { after_access: Some(Duration::ZERO), ..limits() }] {
        assert_eq!(asked(of, &[&[1], &[1]]).await, [vec![1], vec![1]]);
    }
    // The limit holds two keys of two rows: 1 was requested last before 3 came, so 2 was evicted.
    let small = Limits { max_rows: Some(4), ..limits() };
    assert_eq!(asked(small, &[&[1], &[2], &[1], &[3], &[1], &[2]]).await, [vec![1], vec![2], vec![3], vec![2]]);
}
