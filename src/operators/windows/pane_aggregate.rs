//! GROUP BY overlapping windows: each row is aggregated once, into a pane, and windows are merged from panes.

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::Int64Array;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use async_trait::async_trait;
use datafusion::physical_plan::ExecutionPlan;
use serde::{Deserialize, Serialize};

use crate::common::Result;
use crate::state::{PaneDelta, PaneTable, SpillableBatches};

use super::panes::{MergedRows, Panes, append_run, by_pane, compact, merge};
use crate::operators::aggregates::merge::{Functions, Merged};
use crate::operators::epoch::portable::{PlanBytes, PlanDecoder, PlanEncoder, PortableOperator};
use crate::operators::epoch::stateful::{Operator, OperatorContext, PartitionKey, Placement, TableSpec, all_keyed, key_columns};

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
///  HOP(slide 2, size 6)   |___|___|___|          a row is stored in one pane, not in three windows
///                             |___|___|___|
///  panes                  | 1 | 2 | 3 | 4 |      the second window is panes 2, 3 and 4, the first one 1, 2 and 3
/// ```
/// Input rows are partial aggregates whose window columns hold the bounds of a *pane*; those of a window replace them when it
/// closes. W is the watermark at the epoch's end.
///
/// # Invariants
/// * A window is emitted at most once: the table of ends records up to where windows are closed, and a row for a closed window was
///   reported late for it, although it stays in its pane for the others.
/// * The table of ends is a timer: it holds the end of the next window that has rows, so that an epoch is due when W reaches it. It
///   may also hold later ends.
/// * The output does not depend on how the input was split into epochs, because merging partial states is associative.
#[derive(Debug)]
pub struct PaneAggregate {
    functions: Functions,
    /// The group column of the pane's end, and the milliseconds to add to it.
    end: (usize, i64),
    /// The windows, and the group columns that hold them.
    panes: Panes,
}

impl PaneAggregate {
    /// Evaluates partial rows with the functions of `last`, DataFusion's final aggregate over an empty input.
    ///
    /// # Errors
    /// When `last` is something else.
    pub fn new(last: Arc<dyn ExecutionPlan>, end: (usize, i64), panes: Panes) -> Result<Self> {
        Ok(Self { functions: Functions::new(last)?, end, panes })
    }

    /// The group column of the pane's end, and the milliseconds to add to it.
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

    /// The group columns without those of the window.
    fn key(&self) -> impl Iterator<Item = usize> {
        let of_window = |column: &usize| *column == self.end.0 || self.panes.columns.iter().any(|(window, _)| window == column);
        (0..self.functions.groups()).filter(move |column| !of_window(column))
    }

    /// Rows of a pane as rows of its windows that end after `closed`, up to `watermark`, and their size in bytes.
    fn in_windows(
        &self,
        pane: i64,
        rows: &SpillableBatches,
        closed: i64,
        watermark: i64,
    ) -> (usize, impl Iterator<Item = Result<RecordBatch>> + Send + use<>) {
        let closing = self.panes.windows.windows_of_pane(pane).filter(|(_, end)| *end > closed && *end <= watermark);
        let closing: Vec<_> = closing.collect();
        let (size, panes, rows) = (rows.size() * closing.len(), self.panes.clone(), rows.clone());
        let given = closing.into_iter().flat_map(move |window| {
            let panes = panes.clone();
            rows.batches().map(move |batch| panes.in_window(&batch?, window))
        });
        (size, given)
    }

    /// Takes the panes, the time up to which windows are closed, and partial rows; returns results and the panes' delta.
    async fn advance(
        &self,
        ctx: &OperatorContext,
        state: &PaneTable,
        input: &[RecordBatch],
        closed: i64,
    ) -> Result<(MergedRows, PaneDelta)> {
        let (watermark, late_to) = (ctx.watermark().max(closed), ctx.epoch_time.start.unwrap_or(i64::MIN));
        let (windows, done) = (self.panes.windows, self.panes.windows.panes_done(watermark));
        let mut delta = PaneDelta::default();
        let mut given = Vec::new();
        let mut merged = Vec::new();
        let some_close = windows.first_end_after(closed).is_none_or(|end| end <= watermark);
        for pane in state.panes().filter(|_| some_close) {
            if windows.pane_ends_after(pane, closed).is_none_or(|end| end > watermark) {
                continue;
            }
            // The pane is read again for each of its windows.
            let rows = match state.runs(pane) {
                [one] => one.clone(),
                several => {
                    let rows = compact(&self.functions, several, None, state, &ctx.tasks).await?;
                    merged.push((pane, rows.clone()));
                    rows
                }
            };
            given.push(self.in_windows(pane, &rows, closed, watermark));
        }
        let mut open = BTreeMap::new();
        for (pane, rows) in by_pane(input, self.end.0, self.end.1)? {
            given.push(self.in_windows(pane, &ctx.epoch.spill_context().keep(rows.clone())?, closed.max(late_to), watermark));
            if pane > done {
                open.insert(pane, rows);
            }
        }
        merged.retain(|(pane, _)| *pane > done && !open.contains_key(pane));
        merged.into_iter().for_each(|(pane, rows)| delta.put(pane, 0, rows));
        append_run(&self.functions, state, open, &mut delta, &ctx.tasks).await?;
        if state.next_close().is_some_and(|first| first <= done) {
            delta.close_to = Some(done);
        }
        let size = given.iter().map(|(size, _)| size).sum();
        let rows = Box::new(given.into_iter().flat_map(|(_, rows)| rows));
        let results = merge(&self.functions, rows, size, Merged::Results, state, &ctx.tasks)?;
        Ok((results, delta))
    }

    /// The end of the next window that has rows, after this step.
    fn next_end(&self, state: &PaneTable, delta: &PaneDelta, watermark: i64) -> Option<i64> {
        let gone = delta.close_to.unwrap_or(i64::MIN);
        let panes = state.panes().filter(|pane| *pane > gone).chain(delta.panes());
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
        let panes = Placement::columns(self.functions.partial(), self.key());
        vec![TableSpec::by_pane("panes", panes), TableSpec::by_pane("ends", Placement::Broadcast).timer()]
    }

    /// Excludes the columns of the window: the panes of a window have to be in one partition.
    fn partition_keys(&self) -> Option<Vec<PartitionKey>> {
        all_keyed([key_columns(self.functions.partial(), self.key())])
    }

    async fn process_epoch(&self, ctx: &OperatorContext, inputs: Vec<Vec<RecordBatch>>) -> Result<Vec<RecordBatch>> {
        let (state, ends) = (ctx.panes(PANES)?, ctx.panes(ENDS)?);
        let closed = ends.closed_to().unwrap_or(i64::MIN);
        let watermark = ctx.watermark().max(closed);
        let (results, delta) = self.advance(ctx, &state, inputs.first().map_or(&[], Vec::as_slice), closed).await?;
        let mut due = PaneDelta::closing((watermark > closed).then_some(watermark));
        if let Some(end) = self.next_end(&state, &delta, watermark).filter(|end| ends.runs(*end).is_empty()) {
            let row = RecordBatch::try_new(end_schema(), vec![Arc::new(Int64Array::from(vec![end]))])?;
            due.put(end, 0, ends.spill_context().keep([row])?);
        }
        ctx.emit_delta(PANES, delta)?;
        ctx.emit_delta(ENDS, due)?;
        Ok(results.into_output(ctx))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// The serialized form of a [`PaneAggregate`].
#[derive(Debug, Serialize, Deserialize)]
pub struct PaneAggregateParts {
    last: PlanBytes,
    end: (usize, i64),
    panes: Panes,
}

impl PortableOperator for PaneAggregate {
    const NAME: &'static str = "PaneAggregate";
    type Parts = PaneAggregateParts;

    fn encode(&self, encoder: &PlanEncoder<'_>) -> Result<PaneAggregateParts> {
        Ok(PaneAggregateParts { last: encoder.plan(self.last())?, end: self.end(), panes: self.panes().clone() })
    }

    fn decode(parts: PaneAggregateParts, decoder: &PlanDecoder<'_>) -> Result<Self> {
        Self::new(decoder.plan(&parts.last)?, parts.end, parts.panes)
    }
}
