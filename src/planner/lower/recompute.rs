//! Lowers nodes without an incremental form: the batch plan over stored input, by key if there is one, by window if windows are final.

use std::collections::BTreeSet;
use std::sync::Arc;

use datafusion::common::DFSchemaRef;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::{Expr, LogicalPlan, Sort};
use datafusion::physical_expr::PhysicalExpr;

use crate::common::{Error, Result};
use crate::operators::changes::recompute::Keyed;
use crate::operators::changes::subplan::SubPlan;
use crate::operators::windows::window_batch::{WindowBatch, WindowInput};
use crate::operators::{Constants, FirstRows, Recompute};
use crate::sql::ast::Emit;

use super::super::current_watermark::{misplaced, node_asks};
use super::super::first_rows::FirstRowsNode;
use super::{Input, Lowered, Lowering, title};
use crate::planner::nodes::StageInput;
use crate::planner::properties::{StreamProperties, Time};

/// How the rows of a node's inputs and of its output are partitioned: one list of key expressions per input, and one for
/// the output. Empty lists: one partition.
pub(super) struct Partitioning {
    pub inputs: Vec<Vec<Expr>>,
    pub output: Vec<Expr>,
}

impl Partitioning {
    pub(super) fn none(inputs: usize) -> Self {
        Self { inputs: vec![Vec::new(); inputs], output: Vec::new() }
    }
}

impl Lowering {
    /// An unknown node: recomputed as a whole after every change.
    pub(super) async fn fallback(&mut self, plan: &LogicalPlan) -> Result<Lowered> {
        let mut inputs = Vec::new();
        for input in plan.inputs() {
            inputs.push(self.lower(input).await?);
        }
        if inputs.is_empty() {
            return Err(Error::sql(format!("{} cannot run continuously yet", title(plan))));
        }
        let partitioning = Partitioning::none(inputs.len());
        self.recompute(plan, inputs, partitioning, Vec::new()).await
    }

    /// ORDER BY with LIMIT: one node, because the order determines the rows.
    pub(super) async fn limit(&mut self, plan: &LogicalPlan) -> Result<Lowered> {
        let Some(sort) = sort_below(plan) else { return self.fallback(plan).await };
        let input = self.lower(&sort.input).await?;
        self.top(plan, sort, input).await
    }

    /// LIMIT without ORDER BY: the first rows to arrive over append-only input, else recomputed.
    pub(super) async fn first_rows(&mut self, plan: &LogicalPlan, first: &FirstRowsNode) -> Result<Lowered> {
        let input = self.lower(&first.input).await?;
        if input.properties.updating || input.properties.sources.is_empty() || self.emit == Emit::Changes {
            let plan = first.ordered()?;
            let sort = sort_below(&plan).ok_or_else(|| Error::internal("an ordered LIMIT without an order"))?;
            return self.top(&plan, sort, input).await;
        }
        let most = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
        let properties = input.properties.clone();
        let operator = FirstRows::new(Arc::clone(first.input.schema().inner()), most(first.skip), first.fetch.map_or(i64::MAX, most));
        self.operator(Arc::new(operator), vec![Input::Piece(Box::new(input))], plan.schema(), None, properties).await
    }

    async fn top(&mut self, plan: &LogicalPlan, sort: &Sort, input: Lowered) -> Result<Lowered> {
        let originals = vec![Arc::clone(sort.input.schema())];
        self.recompute_over(plan, originals, vec![input], Partitioning::none(1), Vec::new(), |plan, leaves| {
            let leaf = leaves.first().ok_or_else(|| Error::internal("ORDER BY has one input"))?;
            replace(plan, &|p| matches!(p, LogicalPlan::Sort(_)), leaf)
        })
        .await
    }

    /// Constant rows.
    pub(super) async fn constants(&mut self, plan: &LogicalPlan) -> Result<Lowered> {
        let rows = self.subplan(plan, &[], |plan, _| Ok(plan.clone())).await?;
        self.operator(Arc::new(Constants::new(rows)), Vec::new(), plan.schema(), None, StreamProperties::default()).await
    }

    /// Recomputes `plan`, whose inputs are lowered already.
    pub(super) async fn recompute(
        &mut self,
        plan: &LogicalPlan,
        inputs: Vec<Lowered>,
        partitioning: Partitioning,
        keys: Vec<BTreeSet<usize>>,
    ) -> Result<Lowered> {
        let originals: Vec<DFSchemaRef> = plan.inputs().iter().map(|i| Arc::clone(i.schema())).collect();
        self.recompute_over(
            plan,
            originals,
            inputs,
            partitioning,
            keys,
            |plan, leaves| Ok(plan.with_new_exprs(plan.expressions(), leaves)?),
        )
        .await
    }

    /// The same for a plan whose inputs are not its children: `rebuild` replaces them by leaves.
    pub(super) async fn recompute_over(
        &mut self,
        plan: &LogicalPlan,
        originals: Vec<DFSchemaRef>,
        inputs: Vec<Lowered>,
        partitioning: Partitioning,
        keys: Vec<BTreeSet<usize>>,
        rebuild: impl FnOnce(&LogicalPlan, Vec<LogicalPlan>) -> Result<LogicalPlan>,
    ) -> Result<Lowered> {
        let sub = self.subplan(plan, &originals, rebuild).await?;
        let mut keyed = Vec::new();
        let mut weighted = Vec::new();
        let mut sources = BTreeSet::new();
        for ((input, original), key) in inputs.into_iter().zip(&originals).zip(&partitioning.inputs) {
            keyed.push(Keyed { schema: Arc::clone(original.inner()), key: self.physical(key, original)? });
            sources.extend(input.properties.sources.iter().cloned());
            weighted.push(Input::Piece(Box::new(super::linear::with_weights(input)?)));
        }
        let output = Keyed { schema: sub.schema(), key: self.physical(&partitioning.output, plan.schema())? };
        let operator = Recompute::new(sub, keyed, output, title(plan))?;
        let properties = StreamProperties { updating: true, keys, sources, ..StreamProperties::default() };
        self.operator(Arc::new(operator), weighted, plan.schema(), None, properties).await
    }

    /// Evaluates `plan` per window: `ends` are the columns of the window's end per input, `keys` the keys by which its result can be
    /// computed in parts, besides the windows.
    #[expect(clippy::too_many_arguments, reason = "a plan, its inputs, and what is known of each")]
    pub(super) async fn closing(
        &mut self,
        plan: &LogicalPlan,
        originals: Vec<DFSchemaRef>,
        inputs: Vec<Lowered>,
        ends: Vec<(usize, Time)>,
        keys: Vec<Vec<Expr>>,
        properties: StreamProperties,
        rebuild: impl FnOnce(&LogicalPlan, Vec<LogicalPlan>) -> Result<LogicalPlan>,
    ) -> Result<Lowered> {
        let sub = self.subplan(plan, &originals, rebuild).await?;
        let node = self.next_node();
        let mut windows = Vec::new();
        let mut guarded = Vec::new();
        let mut time: Option<Time> = None;
        for (((input, original), (column, end)), key) in inputs.into_iter().zip(&originals).zip(ends).zip(keys) {
            let shift = end.to_end().ok_or_else(|| Error::internal("a window without an end"))?;
            let key = self.physical(&key, original)?;
            windows.push(WindowInput { schema: Arc::clone(original.inner()), end: (column, shift), key });
            guarded.push(Input::Piece(Box::new(self.with_late_filter(input, node, column, &end, shift)?)));
            time = Some(match time {
                None => end,
                Some(t) => Time {
                    sources: t.sources.union(&end.sources).cloned().collect(),
                    watermark_delay: t.watermark_delay.max(end.watermark_delay),
                    ..t
                },
            });
        }
        let operator = WindowBatch::new(sub, windows, title(plan));
        self.operator(Arc::new(operator), guarded, plan.schema(), time.as_ref(), properties).await
    }

    /// The batch plan of a node over leaves in place of its inputs.
    pub(super) async fn subplan(
        &mut self,
        plan: &LogicalPlan,
        originals: &[DFSchemaRef],
        rebuild: impl FnOnce(&LogicalPlan, Vec<LogicalPlan>) -> Result<LogicalPlan>,
    ) -> Result<SubPlan> {
        let numbers: Vec<u32> = originals.iter().map(|_| self.next_leaf()).collect();
        let leaves = numbers.iter().zip(originals).map(|(n, schema)| StageInput::plan(*n, 1, Arc::clone(schema))).collect();
        let plan = FirstRowsNode::all_ordered(rebuild(plan, leaves)?)?;
        plan.apply(|node| match node_asks(node)? {
            true => Err(misplaced(&title(&plan)).into()),
            false => Ok(TreeNodeRecursion::Continue),
        })?;
        let physical = self.inner.query_planner().create_physical_plan(&plan, &self.inner).await?;
        Ok(SubPlan::new(physical, numbers))
    }

    pub(super) fn physical(&self, exprs: &[Expr], schema: &DFSchemaRef) -> Result<Vec<Arc<dyn PhysicalExpr>>> {
        exprs.iter().map(|e| Ok(self.inner.create_physical_expr(e.clone(), schema)?)).collect()
    }
}

/// The same chain of nodes over a leaf in place of the input of the one where `bottom` holds.
pub(super) fn replace(plan: &LogicalPlan, bottom: &dyn Fn(&LogicalPlan) -> bool, leaf: &LogicalPlan) -> Result<LogicalPlan> {
    let inputs = plan.inputs();
    let [input] = inputs.as_slice() else { return Err(Error::internal(format!("{} has not one input", title(plan)))) };
    let input = if bottom(plan) { leaf.clone() } else { replace(input, bottom, leaf)? };
    Ok(plan.with_new_exprs(plan.expressions(), vec![input])?)
}

/// ORDER BY below linear nodes, if nothing else is in between.
fn sort_below(plan: &LogicalPlan) -> Option<&Sort> {
    match plan {
        LogicalPlan::Sort(sort) => Some(sort),
        LogicalPlan::Projection(_) | LogicalPlan::SubqueryAlias(_) | LogicalPlan::Limit(_) => sort_below(plan.inputs().first()?),
        _ => None,
    }
}
