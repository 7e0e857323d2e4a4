//! Joins of a stream with tables that are not streams: each row meets them as they are in its epoch.

use std::collections::BTreeSet;
use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNodeRecursion};
use datafusion::common::{Dependency, JoinType};
use datafusion::datasource::provider_as_source;
use datafusion::logical_expr::{Expr, Filter, Join, LogicalPlan, Projection, TableScan};

use crate::common::{Error, Result};
use crate::operators::LookupJoin;
use crate::operators::windows::arithmetic::WindowKind;

use super::super::clock::{Clock, Live, from_column};
use super::super::provider::TableSource;
use super::super::window_tvf::WindowTvf;
use super::recompute::Partitioning;
use super::{Input, Lowered, Lowering, columns};
use crate::planner::nodes::StageInput;
use crate::planner::properties::StreamProperties;

/// A join of a stream with a subplan over static tables alone, the stream on its left: that side is the small one, of which
/// DataFusion makes the build side.
pub(super) struct Lookup<'a> {
    join: &'a Join,
    /// The stream stands on the right of the join as it was written.
    swapped: bool,
    stream: &'a LogicalPlan,
    /// What the stream is joined with, at every epoch anew.
    table: LogicalPlan,
}

impl<'a> Lookup<'a> {
    /// The join as a lookup; nothing if both sides have streams or neither has one, or if rows of the static side come out that
    /// meet none of the stream: those have to be known before, and are never joined for good.
    pub(super) fn of(join: &'a Join) -> Result<Option<Self>> {
        use JoinType::{Inner, Left, LeftAnti, LeftMark, LeftSemi, Right, RightAnti, RightMark, RightSemi};
        for swapped in [false, true] {
            let fits = match join.join_type {
                Inner => true,
                Left | LeftSemi | LeftAnti | LeftMark => !swapped,
                // NOT IN is only ever written with the rows that are asked for on the left.
                Right | RightSemi | RightAnti | RightMark => swapped && !join.null_aware,
                JoinType::Full => false,
            };
            let (stream, table) = if swapped { (&join.right, &join.left) } else { (&join.left, &join.right) };
            let (of_stream, of_table) = (Side::of(stream)?, Side::of(table)?);
            if fits && of_stream.has_stream && of_table.can_be_static {
                return Ok(Some(Self { join, swapped, stream, table: as_static(table)? }));
            }
        }
        Ok(None)
    }

    /// The join over `leaf` in place of the stream, with the columns that it has as it was written.
    fn over(&self, leaf: LogicalPlan) -> Result<LogicalPlan> {
        let Join { on, filter, join_type, join_constraint, null_equality, null_aware, schema, .. } = self.join.clone();
        let (on, join_type) = match self.swapped {
            true => (on.into_iter().map(|(left, right)| (right, left)).collect(), join_type.swap()),
            false => (on, join_type),
        };
        let (leaf, table) = (Arc::new(leaf), Arc::new(self.table.clone()));
        let join = Join::try_new(leaf, table, on, filter, join_type, join_constraint, null_equality, null_aware)?;
        let join = LogicalPlan::Join(join);
        if !self.swapped {
            return Ok(join);
        }
        Ok(LogicalPlan::Projection(Projection::try_new_with_schema(columns(&schema), Arc::new(join), schema)?))
    }

    /// Where the stream's columns begin among those that come out.
    fn offset(&self) -> usize {
        let both = matches!(self.join.join_type, JoinType::Inner | JoinType::Right);
        if self.swapped && both { self.join.left.schema().fields().len() } else { 0 }
    }

    /// What is known of the rows that come out: all that is known of the stream's, but for keys of rows that may meet several.
    fn traits(&self, stream: &StreamProperties) -> StreamProperties {
        let offset = self.offset();
        let moved = |column: &usize| column + offset;
        let keys = stream.keys.iter().filter(|_| self.meets_one()).map(|key| key.iter().map(moved).collect()).collect();
        let times = stream.times.iter().map(|(column, time)| (moved(column), time.clone())).collect();
        StreamProperties { keys, times, session: None, ..stream.clone() }
    }

    /// Whether a row of the stream comes out once at most.
    fn meets_one(&self) -> bool {
        if !matches!(self.join.join_type, JoinType::Inner | JoinType::Left | JoinType::Right) || self.table.max_rows() == Some(1) {
            return true;
        }
        let schema = self.table.schema();
        let sides = self.join.on.iter().map(|(left, right)| if self.swapped { left } else { right });
        let joined: BTreeSet<usize> = sides.filter_map(|e| super::copied(e, schema)).collect();
        schema.functional_dependencies().iter().any(|d| {
            d.mode == Dependency::Single
                && d.target_indices.len() == schema.fields().len()
                && d.source_indices.iter().all(|i| joined.contains(i))
        })
    }
}

impl Lowering {
    /// A join of which one side is static; nothing if it is none.
    ///
    /// Rows that only come are joined and forgotten. Of rows that go again it is kept what they gave, because the tables may have
    /// changed when they go.
    pub(super) async fn lookup(&mut self, plan: &LogicalPlan, join: &Join) -> Result<Option<Lowered>> {
        let Some(lookup) = Lookup::of(join)? else { return Ok(None) };
        let stream = self.lower(lookup.stream).await?;
        let traits = lookup.traits(&stream.traits);
        let original = Arc::clone(lookup.stream.schema());
        let rebuild = |_: &LogicalPlan, leaves: Vec<LogicalPlan>| {
            let leaf = leaves.into_iter().next().ok_or_else(|| Error::internal("a lookup has one input"))?;
            lookup.over(leaf)
        };
        if stream.traits.updating {
            let row = columns(&original);
            let partitioning = Partitioning { inputs: vec![row.clone()], output: row };
            return self.recompute_over(plan, vec![original], vec![stream], partitioning, traits.keys, rebuild).await.map(Some);
        }
        let sub = self.subplan(plan, &[original], rebuild).await?;
        let operator = LookupJoin::new(sub, plan.display().to_string());
        let inputs = vec![Input::Piece(Box::new(stream))];
        self.operator(Arc::new(operator), inputs, plan.schema(), None, traits).await.map(Some)
    }
}

/// What one side of a join reads.
struct Side {
    has_stream: bool,
    can_be_static: bool,
}

impl Side {
    fn of(plan: &LogicalPlan) -> Result<Self> {
        let mut side = Self { has_stream: false, can_be_static: true };
        plan.apply_with_subqueries(|node| {
            match node {
                LogicalPlan::TableScan(scan) => side.has_stream |= static_table(scan).is_none(),
                // Its parts are planned as one.
                LogicalPlan::RecursiveQuery(_) => side.can_be_static = false,
                LogicalPlan::Extension(e) => {
                    let node = e.node.as_any();
                    // Sessions are found by an operator of their own.
                    let session = node.downcast_ref::<WindowTvf>().is_some_and(|w| matches!(w.kind, WindowKind::Session { .. }));
                    side.can_be_static &= !session && !node.is::<StageInput>();
                }
                _ => {}
            }
            Ok(TreeNodeRecursion::Continue)
        })?;
        side.can_be_static &= !side.has_stream;
        Ok(side)
    }
}

/// The table that a scan reads, as of each epoch, if it is no stream.
fn static_table(scan: &TableScan) -> Option<TableSource> {
    TableSource::of(scan)?.as_static()
}

/// The same plan over its tables as of the epoch, by the epoch's clock.
fn as_static(plan: &LogicalPlan) -> Result<LogicalPlan> {
    let plan = plan.clone().transform_up_with_subqueries(|node| match &node {
        LogicalPlan::TableScan(scan) => {
            let Some(table) = static_table(scan) else { return Ok(Transformed::no(node)) };
            Ok(Transformed::yes(LogicalPlan::TableScan(TableScan { source: provider_as_source(Arc::new(table)), ..scan.clone() })))
        }
        LogicalPlan::Extension(e) => {
            let any = e.node.as_any();
            if let Some(clock) = any.downcast_ref::<Clock>() {
                return Ok(Transformed::yes(Clock::entered(clock.input.clone())?));
            }
            let Some(live) = any.downcast_ref::<Live>() else { return Ok(Transformed::no(node)) };
            let passes = Filter::try_new(from_column(live.predicate.clone())?, Arc::new(Clock::entered(live.input.clone())?))?;
            let rows: Vec<Expr> = columns(live.input.schema());
            let rows = Projection::try_new_with_schema(rows, Arc::new(LogicalPlan::Filter(passes)), Arc::clone(live.input.schema()))?;
            Ok(Transformed::yes(LogicalPlan::Projection(rows)))
        }
        _ => Ok(Transformed::no(node)),
    })?;
    Ok(plan.data)
}
