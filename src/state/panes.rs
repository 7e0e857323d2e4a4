//! State kept per window end: what a window aggregate holds of windows that are still open.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Int64Array};
use arrow::compute::concat_batches;
use arrow::datatypes::{DataType, Field, Int64Type, Schema};
use arrow::record_batch::RecordBatch;

use crate::common::{Error, Result};

/// The column that names the pane of a stored row: the window's end in milliseconds since 1970.
const PANE: &str = "__pane";
/// The column that says what a stored row does.
const OP: &str = "__op";

/// Partial aggregates of open windows: for each pane (a window's end in milliseconds since 1970) batches of one schema,
/// to be merged when the window closes.
///
/// # Invariants
/// * Every pane's end is above [`Self::closed_to`]; closing drops whole panes and never leaves one behind.
/// * The table changes only by [`Self::fold`], after the epoch has succeeded; an operator reads version n−1 and returns a
///   [`PaneDelta`].
/// * Folding the deltas of a run in order gives the same table as the run had, whatever was compacted on the way.
#[derive(Debug, Clone, Default)]
pub struct PaneTable {
    panes: BTreeMap<i64, Vec<RecordBatch>>,
    closed_to: Option<i64>,
}

/// What one epoch changes in a [`PaneTable`], in order: rows put in place of a pane's, rows added, panes dropped.
#[derive(Debug, Clone, Default)]
pub struct PaneDelta {
    /// Panes whose rows are replaced (compacted) by these.
    pub replace: Vec<(i64, RecordBatch)>,
    /// Rows that are added to panes.
    pub add: Vec<(i64, RecordBatch)>,
    /// All panes that end at or before this are dropped.
    pub close_to: Option<i64>,
}

impl PaneDelta {
    /// Whether it changes nothing.
    pub fn is_empty(&self) -> bool {
        self.replace.is_empty() && self.add.is_empty() && self.close_to.is_none()
    }

    /// Adds what a later epoch changed, so that one commit can cover several epochs without writing what is gone again.
    pub fn merge(&mut self, later: Self) {
        for (end, batch) in later.replace {
            self.replace.retain(|(e, _)| *e != end);
            self.add.retain(|(e, _)| *e != end);
            self.replace.push((end, batch));
        }
        self.add.extend(later.add);
        if let Some(to) = later.close_to {
            self.replace.retain(|(e, _)| *e > to);
            self.add.retain(|(e, _)| *e > to);
            self.close_to = self.close_to.max(Some(to));
        }
    }
}

impl PaneTable {
    /// The batches of one pane.
    pub fn pane(&self, end: i64) -> &[RecordBatch] {
        self.panes.get(&end).map_or(&[], Vec::as_slice)
    }

    /// The ends of all panes, in order.
    pub fn panes(&self) -> impl Iterator<Item = i64> {
        self.panes.keys().copied()
    }

    /// The ends of the panes that close when time has come to `watermark`, in order.
    pub fn closing(&self, watermark: i64) -> Vec<i64> {
        self.panes.range(..=watermark).map(|(end, _)| *end).collect()
    }

    /// The end of the pane that closes next.
    pub fn next_close(&self) -> Option<i64> {
        self.panes.keys().next().copied()
    }

    /// Everything that ends at or before this is closed.
    pub fn closed_to(&self) -> Option<i64> {
        self.closed_to
    }

    /// How many panes are open.
    pub fn len(&self) -> usize {
        self.panes.len()
    }

    /// Whether no pane is open.
    pub fn is_empty(&self) -> bool {
        self.panes.is_empty()
    }

    /// How many rows and bytes are kept.
    pub fn size(&self) -> (usize, usize) {
        let batches = || self.panes.values().flatten();
        (batches().map(RecordBatch::num_rows).sum(), batches().map(RecordBatch::get_array_memory_size).sum())
    }

    /// Takes in what an epoch changed.
    pub fn fold(&mut self, delta: &PaneDelta) {
        for (end, batch) in &delta.replace {
            self.panes.insert(*end, vec![batch.clone()]);
        }
        for (end, batch) in &delta.add {
            self.panes.entry(*end).or_default().push(batch.clone());
        }
        if let Some(to) = delta.close_to {
            self.closed_to = self.closed_to.max(Some(to));
            self.panes = self.panes.split_off(&to.saturating_add(1));
        }
    }

    /// The whole table for a commit, a batch per pane, which [`Self::restore`] takes back.
    pub fn snapshot(&self) -> impl Iterator<Item = Result<RecordBatch>> {
        self.panes.iter().filter_map(|(end, batches)| {
            let first = batches.first()?;
            Some(concat_batches(first.schema_ref(), batches).map_err(Into::into).and_then(|pane| tagged(*end, Op::Add, &pane)))
        })
    }

    /// A delta's rows as one batch for a commit; `None` if there are none. What it closes stands in the commit's header.
    ///
    /// # Errors
    /// When Arrow refuses to build a batch.
    pub fn encode(delta: &PaneDelta) -> Result<Option<RecordBatch>> {
        let replace = delta.replace.iter().map(|(end, b)| tagged(*end, Op::Replace, b));
        one(replace.chain(delta.add.iter().map(|(end, b)| tagged(*end, Op::Add, b))).collect::<Result<Vec<_>>>()?)
    }

    /// Takes back what [`Self::snapshot`] or [`Self::encode`] wrote.
    ///
    /// # Errors
    /// When the batch is not such.
    pub fn restore(&mut self, stored: &RecordBatch) -> Result<()> {
        let wrong = || Error::state("a stored state table lacks its pane column");
        let (tags, columns) = stored.columns().split_at_checked(2).ok_or_else(wrong)?;
        let panes = tags[0].as_primitive_opt::<Int64Type>().ok_or_else(wrong)?;
        let ops = tags[1].as_primitive_opt::<Int64Type>().ok_or_else(wrong)?;
        let fields: Vec<_> = stored.schema_ref().fields().iter().skip(2).cloned().collect();
        let rows = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns.to_vec())?;
        let mut start = 0;
        while start < rows.num_rows() {
            let tag = (panes.value(start), ops.value(start));
            let len = (start..rows.num_rows()).take_while(|i| (panes.value(*i), ops.value(*i)) == tag).count();
            let kept = self.panes.entry(tag.0).or_default();
            if tag.1 == Op::Replace as i64 {
                kept.clear();
            }
            kept.push(rows.slice(start, len));
            start += len;
        }
        Ok(())
    }
}

/// What a stored row does to its pane.
#[derive(Clone, Copy)]
enum Op {
    Add = 0,
    Replace = 1,
}

/// Puts the pane and the operation before a batch's columns.
fn tagged(pane: i64, op: Op, batch: &RecordBatch) -> Result<RecordBatch> {
    let constant = |value: i64| Arc::new(Int64Array::from_value(value, batch.num_rows())) as ArrayRef;
    let mut columns = vec![constant(pane), constant(op as i64)];
    columns.extend(batch.columns().iter().cloned());
    let mut fields = vec![Arc::new(Field::new(PANE, DataType::Int64, false)), Arc::new(Field::new(OP, DataType::Int64, false))];
    fields.extend(batch.schema_ref().fields().iter().cloned());
    Ok(RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)?)
}

fn one(batches: Vec<RecordBatch>) -> Result<Option<RecordBatch>> {
    let Some(first) = batches.first() else { return Ok(None) };
    Ok(Some(concat_batches(first.schema_ref(), &batches)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(values: &[i64]) -> RecordBatch {
        let schema = Arc::new(Schema::new(vec![Field::new("v", DataType::Int64, false)]));
        RecordBatch::try_new(schema, vec![Arc::new(Int64Array::from(values.to_vec()))]).unwrap()
    }

    #[test]
    fn deltas_read_back_give_the_same_table() {
        let deltas = [
            PaneDelta { add: vec![(3000, batch(&[1])), (6000, batch(&[2]))], ..PaneDelta::default() },
            PaneDelta { add: vec![(6000, batch(&[3]))], close_to: Some(3000), ..PaneDelta::default() },
            PaneDelta { replace: vec![(6000, batch(&[5]))], add: vec![(9000, batch(&[4]))], ..PaneDelta::default() },
        ];
        let (mut live, mut read) = (PaneTable::default(), PaneTable::default());
        let mut merged = PaneDelta::default();
        for delta in &deltas {
            live.fold(delta);
            read.restore(&PaneTable::encode(delta).unwrap().unwrap()).unwrap();
            read.fold(&PaneDelta { close_to: delta.close_to, ..PaneDelta::default() });
            merged.merge(delta.clone());
        }
        let mut once = PaneTable::default();
        once.restore(&PaneTable::encode(&merged).unwrap().unwrap()).unwrap();
        assert_eq!(live.pane(6000), [batch(&[5])]);
        assert_eq!(once.panes, live.panes);
        assert_eq!(live.panes, read.panes);
        let mut again = PaneTable::default();
        live.snapshot().for_each(|batch| again.restore(&batch.unwrap()).unwrap());
        let rows = |table: &PaneTable| table.panes.iter().map(|(end, b)| (*end, one(b.clone()).unwrap())).collect::<Vec<_>>();
        assert_eq!(rows(&again), rows(&live));
        assert_eq!(live.next_close(), Some(6000));
    }
}
