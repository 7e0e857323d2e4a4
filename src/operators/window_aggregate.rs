//! GROUP BY window: partial aggregates wait in their window's pane, and each window comes out once, when it is complete.

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use async_trait::async_trait;
use datafusion::physical_plan::ExecutionPlan;

use crate::common::Result;
use crate::state::{PaneDelta, PaneTable};

use super::merge::{Functions, GroupMerger};
use super::panes::{by_pane, keep};
use super::stateful::{Operator, Step, TableKind, TableSpec};

/// Final aggregation per window.
///
/// ```text
///  rows ▶ late filter ▶ partial aggregate ─┬─ window end > W ─▶ delta: added to the window's pane
///                        (DataFusion's)    └─ window end ≤ W ─┐
///  state n−1: panes ──── window end ≤ W ──────────────────────┴▶ merge ▶ evaluate ▶ output, panes dropped
/// ```
/// Input rows are partial aggregates: group columns, then the aggregates' state fields. W is the watermark at the epoch's
/// *end*, known because the stage below has run to its end before this node executes.
///
/// # Invariants
/// * A window comes out at most once: its pane goes in the epoch that emits it, and rows for it are late from then on.
/// * The output does not depend on how the input was split into epochs, because merging partial states is associative.
///
/// With allowed lateness the output is partial rows again, for a [`super::KeyedAggregate`] above that shows a result when the first of
/// them come. Rows that come between the window's end and the end of its lateness pass at once, and correct that result.
#[derive(Debug)]
pub struct WindowAggregate {
    functions: Functions,
    /// Which group column tells the window's end, and how many milliseconds to add to it.
    end: (usize, i64),
    /// What comes out is partial.
    partial: bool,
}

impl WindowAggregate {
    /// Finishes partial rows as `last`, DataFusion's final aggregate over an empty input of them, would.
    ///
    /// # Errors
    /// When `last` is something else.
    pub fn new(last: Arc<dyn ExecutionPlan>, end: (usize, i64)) -> Result<Self> {
        Ok(Self { functions: Functions::new(last)?, end, partial: false })
    }

    /// The same without finishing them.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn partial(last: Arc<dyn ExecutionPlan>, end: (usize, i64)) -> Result<Self> {
        Ok(Self { functions: Functions::new(last)?, end, partial: true })
    }

    /// Whether what comes out is partial.
    pub fn is_partial(&self) -> bool {
        self.partial
    }

    /// Which group column tells the window's end, and how many milliseconds to add to it.
    pub fn end(&self) -> (usize, i64) {
        self.end
    }

    /// DataFusion's final aggregate, over an empty input.
    pub fn last(&self) -> &Arc<dyn ExecutionPlan> {
        self.functions.last()
    }

    /// One step: state and partial rows in, results and delta out.
    fn advance(&self, state: &PaneTable, input: &[RecordBatch], watermark: i64) -> Result<(RecordBatch, PaneDelta)> {
        let mut arrived = by_pane(input, self.end.0, self.end.1)?;
        let mut delta = PaneDelta::default();

        let mut closing: BTreeMap<i64, Vec<RecordBatch>> =
            state.closing(watermark).into_iter().map(|end| (end, state.pane(end).to_vec())).collect();
        if !closing.is_empty() {
            delta.close_to = Some(watermark);
        }
        let open = arrived.split_off(&watermark.saturating_add(1));
        for (end, batches) in arrived {
            closing.entry(end).or_default().extend(batches);
        }
        let mut results = GroupMerger::new(&self.functions)?;
        for batch in closing.values().flatten() {
            results.merge(batch)?;
        }
        keep(&self.functions, state, open, &mut delta)?;
        Ok((if self.partial { results.into_state()? } else { results.into_results()? }, delta))
    }
}

#[async_trait]
impl Operator for WindowAggregate {
    fn name(&self) -> &'static str {
        "WindowAggregate"
    }

    fn describe(&self) -> String {
        let end = self.functions.partial().field(self.end.0).name();
        let what = if self.partial { "first" } else { "final" };
        format!("{what} on {end}, aggregates=[{}]", self.functions.names())
    }

    fn schema(&self) -> SchemaRef {
        if self.partial { Arc::clone(self.functions.partial()) } else { self.functions.results() }
    }

    fn tables(&self) -> Vec<TableSpec> {
        let bound = Some("the watermark (window end)".to_string());
        vec![TableSpec { name: "panes", kind: TableKind::Panes, bound, waits: true }]
    }

    async fn step(&self, step: &Step, inputs: Vec<Vec<RecordBatch>>) -> Result<Vec<RecordBatch>> {
        let (results, delta) = self.advance(step.panes(0)?.as_ref(), inputs.first().map_or(&[], Vec::as_slice), step.watermark())?;
        step.change(0, delta)?;
        Ok(vec![results])
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
