use std::collections::HashMap;

use arrow::array::{AsArray, StringArray};
use arrow::datatypes::{Int64Type, Schema};
use datafusion::execution::TaskContext;

use crate::operators::changes::normalize::*;
use crate::operators::epoch::context::{EpochContext, StateId, StateTables};
use crate::operators::epoch::stateful::EpochTime;
use crate::state::{KeyGroups, StateDelta, StateMemory, StateTable};

/// `(key, value, weight)`.
type Record<'a> = (&'a str, Option<i64>, i64);

fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![Field::new("v", DataType::Int64, true), Field::new("k", DataType::Utf8, false)]))
}

fn records(rows: &[Record<'_>]) -> RecordBatch {
    let columns: [ArrayRef; 3] = [
        Arc::new(rows.iter().map(|r| r.1).collect::<Int64Array>()),
        Arc::new(StringArray::from_iter_values(rows.iter().map(|r| r.0))),
        Arc::new(Int64Array::from_iter_values(rows.iter().map(|r| r.2))),
    ];
    RecordBatch::try_new(zset::weighted(&schema()), columns.to_vec()).unwrap()
}

/// An operator with its table, run epoch by epoch.
struct Running {
    operator: Normalize,
    table: Arc<KeyedTable>,
    unmatched: i64,
}

impl Running {
    fn new(width: usize, ttl: Option<i64>) -> Self {
        let operator = Normalize::new(schema(), Upserts { key: vec![1], width, ttl }).unwrap();
        let memory = StateMemory::new(1 << 30, std::env::temp_dir());
        let table = Arc::new(KeyedTable::new(Arc::clone(operator.stored.layout()), memory).unwrap());
        Self { operator, table, unmatched: 0 }
    }

    /// The changes of an epoch, as text in order.
    async fn epoch(&mut self, clock: i64, batches: &[&[Record<'_>]]) -> Vec<String> {
        let id = StateId { node: 0, table: 0, groups: KeyGroups::ALL };
        let state = StateTables::from([(id, StateTable::Keyed(Arc::clone(&self.table)))]);
        let epoch = Arc::new(EpochContext::new(HashMap::new(), state, &StateMemory::unlimited(), false));
        let epoch_time = EpochTime { clock, ..EpochTime::default() };
        let ctx = OperatorContext::new(0, epoch_time, Arc::clone(&epoch), Arc::new(TaskContext::default()));
        let input = batches.iter().map(|rows| records(rows)).collect();
        let out = self.operator.process_epoch(&ctx, vec![input]).await.unwrap();
        drop(ctx);
        let mut report = epoch.finish();
        self.unmatched += report.unmatched;
        if let Some(StateDelta::Keyed(delta)) = report.deltas.remove(&id) {
            drop(epoch);
            Arc::get_mut(&mut self.table).unwrap().fold(&delta).unwrap();
        }
        out.iter().flat_map(lines).collect()
    }
}

fn lines(batch: &RecordBatch) -> Vec<String> {
    let (weights, columns) = batch.columns().split_last().unwrap();
    let cell = |c: &ArrayRef, row| arrow::util::display::array_value_to_string(c, row).unwrap();
    let line = |row: usize| columns.iter().map(|c| cell(c, row)).collect::<Vec<_>>().join("|");
    weights.as_primitive::<Int64Type>().values().iter().enumerate().map(|(row, w)| format!("{w:+} {}", line(row))).collect()
}

#[tokio::test]
async fn the_row_that_goes_is_told() {
    let mut running = Running::new(2, None);
    assert_eq!(running.epoch(0, &[&[("a", Some(1), 1), ("b", Some(1), 1)], &[("a", Some(2), 1)]]).await, ["+1 1|b", "+1 2|a"]);
    assert_eq!(running.epoch(0, &[&[("a", Some(3), 1), ("a", Some(4), 1), ("b", None, -1)]]).await, ["-1 2|a", "-1 1|b", "+1 4|a"]);
    // Redelivery, and there and back within an epoch.
    assert!(running.epoch(0, &[&[("a", Some(4), 1), ("c", Some(1), 1), ("c", None, -1)]]).await.is_empty());
    assert_eq!(running.epoch(0, &[&[("b", None, 1)]]).await, ["+1 |b"]);
    assert_eq!((running.unmatched, running.table.len()), (0, 2));
    assert!(running.epoch(0, &[]).await.is_empty());
}

#[tokio::test]
async fn what_is_not_there_cannot_go_however_epochs_are_cut() {
    let all: &[Record<'_>] = &[("a", None, -1), ("a", Some(1), 1), ("a", None, -1), ("a", None, -1), ("b", None, -1), ("b", Some(1), 1)];
    let (mut whole, mut single) = (Running::new(2, None), Running::new(2, None));
    whole.epoch(0, &[all]).await;
    for record in all {
        single.epoch(0, &[&[*record]]).await;
    }
    assert_eq!((whole.unmatched, single.unmatched), (3, 3));
    assert_eq!((whole.table.len(), single.table.len()), (1, 1));
}

#[tokio::test]
async fn changes_of_unread_columns_yield_no_rows() {
    let mut running = Running::new(1, None);
    assert_eq!(running.epoch(0, &[&[("a", Some(1), 1), ("b", Some(1), 1)]]).await, ["+2 1"]);
    assert!(running.epoch(0, &[&[("a", None, -1), ("c", Some(1), 1)]]).await.is_empty());
    let mut counting = Running::new(0, None);
    assert_eq!(counting.epoch(0, &[&[("a", Some(1), 1), ("b", Some(1), 1)]]).await, ["+2 "]);
    assert!(counting.epoch(0, &[&[("a", Some(7), 1)]]).await.is_empty());
}

#[tokio::test]
async fn ttl_forgets_in_silence() {
    let mut running = Running::new(2, Some(100));
    assert_eq!(running.epoch(0, &[&[("a", Some(1), 1), ("b", Some(1), 1)]]).await, ["+1 1|a", "+1 1|b"]);
    assert!(running.epoch(80, &[&[("a", Some(1), 1)]]).await.is_empty());
    assert!(running.epoch(150, &[]).await.is_empty());
    assert_eq!(running.table.len(), 1);
    assert_eq!(running.epoch(150, &[&[("a", Some(2), 1), ("b", Some(2), 1)]]).await, ["-1 1|a", "+1 2|a", "+1 2|b"]);
}
