//! GROUP BY a window that overlaps others: each row is aggregated once, and windows are put together from panes.

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::Int64Array;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use async_trait::async_trait;
use datafusion::physical_plan::ExecutionPlan;

use crate::common::Result;
use crate::state::{PaneDelta, PaneTable};

use super::merge::{Functions, GroupMerger};
use super::panes::{Panes, by_pane, keep};
use super::stateful::{Operator, Step, TableKind, TableSpec};

/// The table of panes.
const PANES: u32 = 0;
/// The table of ends.
const ENDS: u32 = 1;

/// Final aggregation per window of HOP or CUMULATE, whose windows share panes.
///
/// ```text
///  rows ▶ their pane ▶ late filter ▶ partial aggregate per pane ─┐
///                                                                ├─▶ for each window end in (closed, W]: merge its panes, evaluate
///  state n−1: panes, until their last window has closed ─────────┘
///
///  HOP(slide 2, size 6)   |___|___|___|          a row is kept in one pane, not in three windows
///                             |___|___|___|
///  panes                  | 1 | 2 | 3 | 4 |      the second window is panes 2, 3 and 4, the first one 1, 2 and 3
/// ```
/// Input rows are partial aggregates whose window columns hold the bounds of a *pane*; those of a window are put in their place when
/// it closes. W is the watermark at the epoch's end.
///
/// # Invariants
/// * A window comes out at most once: what is closed is remembered with the table of ends, and a row that comes for a window that is
///   closed has been reported late for it, although it stays in its pane for the others.
/// * The table of ends holds the end of the next window that has rows, so that an epoch is due when W reaches it. It may hold
///   later ends, too.
/// * The output does not depend on how the input was split into epochs, because merging partial states is associative.
#[derive(Debug)]
pub struct PaneAggregate {
    functions: Functions,
    /// Which group column tells the pane's end, and how many milliseconds to add to it.
    end: (usize, i64),
    /// The windows, and the group columns that hold them.
    panes: Panes,
}

impl PaneAggregate {
    /// Finishes partial rows as `last`, DataFusion's final aggregate over an empty input of them, would.
    ///
    /// # Errors
    /// When `last` is something else.
    pub fn new(last: Arc<dyn ExecutionPlan>, end: (usize, i64), panes: Panes) -> Result<Self> {
        Ok(Self { functions: Functions::new(last)?, end, panes })
    }

    /// Which group column tells the pane's end, and how many milliseconds to add to it.
    pub fn end(&self) -> (usize, i64) {
        self.end
    }

    /// The windows, and the group columns that hold them.
    pub fn panes(&self) -> &Panes {
        &self.panes
    }

    /// DataFusion's final aggregate, over an empty input.
    pub fn last(&self) -> &Arc<dyn ExecutionPlan> {
        self.functions.last()
    }

    /// Merges rows of a pane into those of its windows that end after `closed`, up to `watermark`.
    fn give(&self, windows: &mut GroupMerger<'_>, pane: i64, rows: &[RecordBatch], closed: i64, watermark: i64) -> Result<()> {
        for window in self.panes.windows.windows_of_pane(pane).filter(|(_, end)| *end > closed && *end <= watermark) {
            for batch in rows {
                windows.merge(&self.panes.in_window(batch, window)?)?;
            }
        }
        Ok(())
    }

    /// Rows of a pane as one batch, with a row per group.
    fn compact(&self, rows: &[RecordBatch]) -> Result<RecordBatch> {
        let mut merger = GroupMerger::new(&self.functions)?;
        rows.iter().try_for_each(|batch| merger.merge(batch))?;
        merger.into_state()
    }

    /// One step: panes, what is closed, and partial rows in; results and the panes' delta out. `late_to` is up to where rows that
    /// arrive are late.
    fn advance(
        &self,
        state: &PaneTable,
        input: &[RecordBatch],
        closed: i64,
        late_to: i64,
        watermark: i64,
    ) -> Result<(RecordBatch, PaneDelta)> {
        let windows = self.panes.windows;
        let mut results = GroupMerger::new(&self.functions)?;
        let mut delta = PaneDelta::default();
        let some_close = windows.first_end_after(closed).is_none_or(|end| end <= watermark);
        for pane in state.panes().filter(|_| some_close) {
            let rows = state.pane(pane);
            if windows.pane_ends_after(pane, closed).is_none_or(|end| end > watermark) {
                continue;
            }
            if rows.len() == 1 {
                self.give(&mut results, pane, rows, closed, watermark)?;
                continue;
            }
            // It is read once more for each of its windows.
            let rows = self.compact(rows)?;
            self.give(&mut results, pane, std::slice::from_ref(&rows), closed, watermark)?;
            delta.replace.push((pane, rows));
        }
        let done = windows.panes_done(watermark);
        let mut open = BTreeMap::new();
        for (pane, rows) in by_pane(input, self.end.0, self.end.1)? {
            self.give(&mut results, pane, &rows, closed.max(late_to), watermark)?;
            if pane > done {
                open.insert(pane, rows);
            }
        }
        delta.replace.retain(|(pane, _)| *pane > done && !open.contains_key(pane));
        keep(&self.functions, state, open, &mut delta)?;
        if state.next_close().is_some_and(|first| first <= done) {
            delta.close_to = Some(done);
        }
        Ok((results.into_results()?, delta))
    }

    /// The end of the next window that has rows when this step is over.
    fn next_end(&self, state: &PaneTable, delta: &PaneDelta, watermark: i64) -> Option<i64> {
        let gone = delta.close_to.unwrap_or(i64::MIN);
        let panes = state.panes().filter(|pane| *pane > gone).chain(delta.add.iter().map(|(pane, _)| *pane));
        panes.filter_map(|pane| self.panes.windows.pane_ends_after(pane, watermark)).min()
    }
}

/// The rows of the table of ends.
fn end_schema() -> SchemaRef {
    Arc::new(Schema::new(vec![Field::new("end", DataType::Int64, false)]))
}

#[async_trait]
impl Operator for PaneAggregate {
    fn name(&self) -> &'static str {
        "PaneAggregate"
    }

    fn describe(&self) -> String {
        let pane = self.panes.windows.pane().unwrap_or_default();
        format!("final per window of {}, which share panes of {pane} ms, aggregates=[{}]", self.panes.windows, self.functions.names())
    }

    fn schema(&self) -> SchemaRef {
        self.functions.results()
    }

    fn tables(&self) -> Vec<TableSpec> {
        let bound = || Some("the watermark (window end)".to_string());
        vec![
            TableSpec { name: "panes", kind: TableKind::Panes, bound: bound(), waits: false },
            TableSpec { name: "ends", kind: TableKind::Panes, bound: bound(), waits: true },
        ]
    }

    async fn step(&self, step: &Step, inputs: Vec<Vec<RecordBatch>>) -> Result<Vec<RecordBatch>> {
        let (state, ends) = (step.panes(PANES)?, step.panes(ENDS)?);
        let closed = ends.closed_to().unwrap_or(i64::MIN);
        let (watermark, late_to) = (step.watermark().max(closed), step.moment.start.unwrap_or(i64::MIN));
        let input = inputs.first().map_or(&[][..], Vec::as_slice);
        let (results, delta) = self.advance(&state, input, closed, late_to, watermark)?;
        let mut due = PaneDelta { close_to: (watermark > closed).then_some(watermark), ..PaneDelta::default() };
        if let Some(end) = self.next_end(&state, &delta, watermark).filter(|end| ends.pane(*end).is_empty()) {
            due.add.push((end, RecordBatch::try_new(end_schema(), vec![Arc::new(Int64Array::from(vec![end]))])?));
        }
        step.change(PANES, delta)?;
        step.change(ENDS, due)?;
        Ok(vec![results])
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
