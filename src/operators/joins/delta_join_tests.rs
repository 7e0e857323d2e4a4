use arrow::array::{AsArray, Int64Array};
use arrow::datatypes::Schema;

use crate::operators::joins::delta_join::*;
use crate::state::StateMemory;

/// `(key, value, weight)`.
type Row = (i64, i64, i64);

/// The rows that a side with a TTL of 100 ms stores, epoch by epoch: clock, changes, and the rows after them.
fn kept(updating: bool, epochs: &[(i64, &[Row], &[Row])]) {
    let schema = Arc::new(Schema::new(["k", "v"].map(|name| Field::new(name, DataType::Int64, true)).to_vec()));
    let side = Side { schema, key: vec![0], updating, until: None, ttl: Some(100) };
    let kept = side.rows();
    let mut table = KeyedTable::new(Arc::clone(kept.layout()), StateMemory::new(1 << 30, std::env::temp_dir())).unwrap();
    for (clock, changes, expected) in epochs {
        let column = |of: fn(&Row) -> i64| Arc::new(changes.iter().map(of).collect::<Int64Array>()) as ArrayRef;
        let changes = RecordBatch::try_new(zset::weighted(&side.schema), vec![column(|r| r.0), column(|r| r.1), column(|r| r.2)]);
        let rows = side.refreshed(&kept, &table, &changes.unwrap(), *clock).unwrap();
        table.fold(&KeyedDelta::new(vec![rows], Some(clock - 100))).unwrap();
        assert_eq!(table.unmatched(), 0, "at {clock}");
        let all = kept.without_time(&table.get(&[Arc::new(Int64Array::from(vec![1, 2, 3])) as ArrayRef]).unwrap()).unwrap();
        let value = |column: usize, row: usize| all.column(column).as_primitive::<Int64Type>().value(row);
        let mut rows: Vec<Row> = (0..all.num_rows()).map(|row| (value(0, row), value(1, row), value(2, row))).collect();
        rows.sort_unstable();
        assert_eq!(rows, *expected, "at {clock}");
    }
}

#[test]
fn ttl_forgets_rows_that_do_not_change() {
    kept(
        true,
        &[
            (0, &[(1, 10, 1), (1, 11, 1), (2, 20, 2)], &[(1, 10, 1), (1, 11, 1), (2, 20, 2)]),
            // One row changes; another of its key does not.
            (60, &[(1, 10, 1), (2, 20, -1)], &[(1, 10, 2), (1, 11, 1), (2, 20, 1)]),
            (100, &[], &[(1, 10, 2), (2, 20, 1)]),
            // A row that has expired cannot be retracted, a stored one can.
            (120, &[(1, 11, -1), (2, 20, -1)], &[(1, 10, 2)]),
            (150, &[(1, 10, -1), (1, 11, 1)], &[(1, 10, 1), (1, 11, 1)]),
            (250, &[], &[]),
        ],
    );
}

#[test]
fn ttl_of_rows_that_only_come_counts_from_each() {
    kept(
        false,
        &[(0, &[(1, 10, 1)], &[(1, 10, 1)]), (60, &[(1, 10, 1)], &[(1, 10, 1), (1, 10, 1)]), (100, &[], &[(1, 10, 1)]), (160, &[], &[])],
    );
}
