use arrow::array::{Int64Array, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema};

use super::*;

fn batch(values: impl IntoIterator<Item = i64>) -> RecordBatch {
    let schema = Arc::new(Schema::new(vec![Field::new("v", DataType::Int64, false)]));
    RecordBatch::try_new(schema, vec![Arc::new(Int64Array::from_iter_values(values))]).unwrap()
}

/// Every pane's runs with their values.
fn values(table: &PaneTable) -> Vec<(i64, Vec<Vec<i64>>)> {
    let of = |run: &SpillableBatches| {
        let columns = run.read().unwrap().into_iter().map(|b| b.column(0).clone());
        columns.flat_map(|c| c.as_any().downcast_ref::<Int64Array>().unwrap().values().to_vec()).collect()
    };
    table.panes.iter().map(|(end, runs)| (*end, runs.iter().map(of).collect())).collect()
}

fn delta(table: &PaneTable, puts: &[(i64, usize, std::ops::Range<i64>)], close_to: Option<i64>) -> PaneDelta {
    let mut delta = PaneDelta::closing(close_to);
    for (pane, at, rows) in puts {
        // Two batches to a run, so that one has to go on in a commit.
        let half = rows.start + (rows.end - rows.start) / 2;
        let run = table.spill_context().keep([batch(rows.start..half), batch(half..rows.end)]).unwrap();
        delta.put(*pane, *at, run);
    }
    delta
}

fn read_back(delta: &PaneDelta, table: &mut PaneTable) {
    delta.clone().into_rows().for_each(|batch| table.restore(&batch.unwrap()).unwrap());
    table.fold(&PaneDelta::closing(delta.close_to));
}

#[test]
fn deltas_read_back_give_the_same_table() {
    let folder = tempfile::tempdir().unwrap();
    for limit in [usize::MAX, 4 << 10, 0] {
        let memory = StateMemory::new(limit, folder.path().into());
        let [mut live, mut read, mut once, mut again] = std::array::from_fn(|_| PaneTable::new(&memory));
        let deltas = [
            delta(&live, &[(3000, 0, 0..3), (6000, 0, 10..14)], None),
            delta(&live, &[(6000, 1, 20..100_000)], Some(3000)),
            delta(&live, &[(6000, 2, 30..33), (9000, 0, 40..42)], None),
            delta(&live, &[(6000, 1, 50..50_000), (9000, 1, 60..64)], None),
            delta(&live, &[(9000, 2, 70..75)], None),
        ];
        let mut merged = PaneDelta::default();
        for delta in &deltas {
            live.fold(delta);
            read_back(delta, &mut read);
            merged.merge(delta.clone());
        }
        read_back(&merged, &mut once);
        live.snapshot().for_each(|batch| again.restore(&batch.unwrap()).unwrap());
        let runs = |ranges: &[std::ops::Range<i64>]| ranges.iter().map(|r| r.clone().collect()).collect::<Vec<Vec<i64>>>();
        let expected = vec![(6000, runs(&[10..14, 50..50_000])), (9000, runs(&[40..42, 60..64, 70..75]))];
        assert_eq!(values(&live), expected);
        assert_eq!([values(&read), values(&once), values(&again)], [expected.clone(), expected.clone(), expected]);
        assert_eq!((live.next_close(), live.closed_to(), live.size().0), (Some(6000), Some(3000), 4 + 49_950 + 11));
        assert!(memory.resident() <= limit, "{memory:?}");
    }
}
