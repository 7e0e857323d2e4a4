//! Lowers lookup joins: each row of a stream is joined with static tables as of its epoch.

use std::collections::BTreeSet;
use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchema, Dependency, JoinType, NullEquality, TableReference};
use datafusion::datasource::provider_as_source;
use datafusion::logical_expr::{Expr, ExprSchemable, Filter, Join, LogicalPlan, LogicalPlanBuilder, Projection, TableScan, try_cast};

use crate::common::{Error, Result};
use crate::operators::LookupJoin;
use crate::operators::windows::arithmetic::WindowKind;

use super::super::clock::{Clock, TemporalFilterNode, from_column};
use super::super::provider::TableSource;
use super::super::window_tvf::WindowTvf;
use super::recompute::Partitioning;
use super::{Input, Lowered, Lowering, columns};
use crate::planner::lookup_scan::LookupScan;
use crate::planner::nodes::StageInput;
use crate::planner::properties::StreamProperties;

/// A join of a stream with a subplan over static tables only. The stream is on the left, because it is the small side, which
/// DataFusion uses as the build side.
pub(super) struct Lookup<'a> {
    join: &'a Join,
    /// Whether the stream is on the right of the original join.
    swapped: bool,
    stream: &'a LogicalPlan,
    /// The static subplan, executed in every epoch.
    table: LogicalPlan,
    /// How its rows are found by key, or why they are not.
    keyed: std::result::Result<Keyed, &'static str>,
}

/// A table that looks up rows by the join key.
struct Keyed {
    /// The table's name in the plan.
    table: TableReference,
    /// The table's key columns, and the expressions over the stream that they equal.
    key: Vec<(String, Expr)>,
}

impl<'a> Lookup<'a> {
    /// The join as a lookup; `None` if not exactly one side has streams, or if unmatched rows of the static side are emitted:
    /// those are never final.
    pub(super) fn from_join(join: &'a Join) -> Result<Option<Self>> {
        use JoinType::{Inner, Left, LeftAnti, LeftMark, LeftSemi, Right, RightAnti, RightMark, RightSemi};
        for swapped in [false, true] {
            let fits = match join.join_type {
                Inner => true,
                Left | LeftSemi | LeftAnti | LeftMark => !swapped,
                // NOT IN always has the preserved rows on the left.
                Right | RightSemi | RightAnti | RightMark => swapped && !join.null_aware,
                JoinType::Full => false,
            };
            let (stream, table) = if swapped { (&join.right, &join.left) } else { (&join.left, &join.right) };
            let (of_stream, of_table) = (Side::new(stream)?, Side::new(table)?);
            if fits && of_stream.has_stream && of_table.can_be_static {
                let table = as_static(table)?;
                let lookup = Self { join, swapped, stream, keyed: Err(""), table };
                let keyed = lookup.keyed();
                return Ok(Some(lookup.with_keys(keyed)?));
            }
        }
        Ok(None)
    }

    /// The join over `leaf` in place of the stream, with the columns of the original join.
    fn over(&self, leaf: LogicalPlan) -> Result<LogicalPlan> {
        let Join { on, filter, join_type, join_constraint, null_equality, null_aware, schema, .. } = self.join.clone();
        let (on, join_type) = match self.swapped {
            true => (on.into_iter().map(|(left, right)| (right, left)).collect(), join_type.swap()),
            false => (on, join_type),
        };
        let table = match &self.keyed {
            Ok(keyed) => keyed.over(&self.table, &leaf)?,
            Err(_) => self.table.clone(),
        };
        let (leaf, table) = (Arc::new(leaf), Arc::new(table));
        let join = Join::try_new(leaf, table, on, filter, join_type, join_constraint, null_equality, null_aware)?;
        let join = LogicalPlan::Join(join);
        if !self.swapped {
            return Ok(join);
        }
        Ok(LogicalPlan::Projection(Projection::try_new_with_schema(columns(&schema), Arc::new(join), schema)?))
    }

    /// The lookup by key, if the join compares enough of the table's columns with the stream's. A lookup never finds rows with a NULL
    /// key, so a join that matches NULLs scans the table.
    fn keyed(&self) -> std::result::Result<Keyed, &'static str> {
        if self.join.null_aware || self.join.null_equality == NullEquality::NullEqualsNull {
            return Err("NULLs are compared, too, and no key finds them");
        }
        let scan = only_scan(&self.table).ok_or("what is joined is more than its rows")?;
        let source = TableSource::from_scan(scan).filter(|source| source.finds_by_key()).ok_or("it finds none by key")?;
        let sides = self.join.on.iter().map(|(left, right)| if self.swapped { (right, left) } else { (left, right) });
        let compared: Vec<(String, Expr)> = sides.filter_map(|(stream, table)| compared(&self.table, table, stream)).collect();
        let names: Vec<&str> = compared.iter().map(|(name, _)| name.as_str()).collect();
        let wanted = source.lookup_key(&names).ok_or("the join equals no columns by which it finds rows")?;
        let key = wanted.into_iter().map(|name| compared.iter().find(|(column, _)| *column == name).cloned());
        let key = key.collect::<Option<_>>().ok_or("the join equals no columns by which it finds rows")?;
        Ok(Keyed { table: scan.table_name.clone(), key })
    }

    /// How rows of the table are found, for EXPLAIN.
    fn found(&self) -> String {
        match &self.keyed {
            Ok(Keyed { key, .. }) => {
                let names: Vec<&str> = key.iter().map(|(name, _)| name.as_str()).collect();
                format!("its rows are found by key ({}), those of an epoch in one request", names.join(", "))
            }
            Err(why) => format!("all of its rows are read: {why}"),
        }
    }

    /// Sets the keys; an error if they are missing and the table cannot be scanned.
    fn with_keys(self, keyed: std::result::Result<Keyed, &'static str>) -> Result<Self> {
        self.table.apply_with_subqueries(|node| {
            if let LogicalPlan::TableScan(scan) = node
                && let Some(table) = TableSource::from_scan(scan)
                && !table.has_snapshot()
                && !keyed.as_ref().is_ok_and(|keyed| keyed.table == scan.table_name)
            {
                return Err(table.not_whole().into());
            }
            Ok(TreeNodeRecursion::Continue)
        })?;
        Ok(Self { keyed, ..self })
    }

    /// The index of the stream's first column in the output.
    fn offset(&self) -> usize {
        let both = matches!(self.join.join_type, JoinType::Inner | JoinType::Right);
        if self.swapped && both { self.join.left.schema().fields().len() } else { 0 }
    }

    /// The properties of the output: those of the stream, but without keys if a row may have several matches.
    fn properties(&self, stream: &StreamProperties) -> StreamProperties {
        let offset = self.offset();
        let moved = |column: &usize| column + offset;
        let keys = stream.keys.iter().filter(|_| self.meets_one()).map(|key| key.iter().map(moved).collect()).collect();
        let times = stream.times.iter().map(|(column, time)| (moved(column), time.clone())).collect();
        StreamProperties { keys, times, session: None, ..stream.clone() }
    }

    /// Whether a row of the stream is emitted at most once.
    fn meets_one(&self) -> bool {
        if !matches!(self.join.join_type, JoinType::Inner | JoinType::Left | JoinType::Right) || self.table.max_rows() == Some(1) {
            return true;
        }
        let schema = self.table.schema();
        let sides = self.join.on.iter().map(|(left, right)| if self.swapped { left } else { right });
        is_key(schema, sides)
    }
}

impl Lowering {
    /// Lowers a lookup join; `None` if the join is not one.
    ///
    /// Append-only rows need no state. For a changelog the output is stored, because the tables may have changed when a row is retracted.
    pub(super) async fn lookup(&mut self, plan: &LogicalPlan, join: &Join) -> Result<Option<Lowered>> {
        if let Some(inner) = semi_as_inner(join)? {
            return self.lower(&inner).await.map(Some);
        }
        let Some(lookup) = Lookup::from_join(join)? else { return Ok(None) };
        let stream = self.lower(lookup.stream).await?;
        let properties = lookup.properties(&stream.properties);
        let original = Arc::clone(lookup.stream.schema());
        let rebuild = |_: &LogicalPlan, leaves: Vec<LogicalPlan>| {
            let leaf = leaves.into_iter().next().ok_or_else(|| Error::internal("a lookup has one input"))?;
            lookup.over(leaf)
        };
        if stream.properties.updating {
            let row = columns(&original);
            let partitioning = Partitioning { inputs: vec![row.clone()], output: row };
            return self.recompute_over(plan, vec![original], vec![stream], partitioning, properties.keys, rebuild).await.map(Some);
        }
        let sub = self.subplan(plan, &[original], rebuild).await?;
        let operator = LookupJoin::new(sub, plan.display().to_string(), lookup.found());
        let inputs = vec![Input::Piece(Box::new(stream))];
        self.operator(Arc::new(operator), inputs, plan.schema(), None, properties).await.map(Some)
    }
}

impl Keyed {
    /// The table's side of the join, its rows found by the keys of the rows of `stream`.
    fn over(&self, side: &LogicalPlan, stream: &LogicalPlan) -> Result<LogicalPlan> {
        let known = self.key.iter().map(|(_, value)| value.clone().is_not_null()).reduce(Expr::and);
        let known = known.ok_or_else(|| Error::internal("a key without columns"))?;
        let values = self.key.iter().map(|(name, value)| value.clone().alias(name));
        let keys = LogicalPlanBuilder::from(stream.clone()).filter(known)?.project(values)?.build()?;
        let columns = columns(keys.schema());
        let keys = LogicalPlanBuilder::from(keys).aggregate(columns, Vec::<Expr>::new())?.build()?;
        let found = side.clone().transform_up(|node| match node {
            LogicalPlan::TableScan(scan) => Ok(Transformed::yes(LookupScan::plan(keys.clone(), scan))),
            node => Ok(Transformed::no(node)),
        })?;
        Ok(found.data)
    }
}

/// The scan of a plan whose every row is a row of that scan.
fn only_scan(plan: &LogicalPlan) -> Option<&TableScan> {
    match plan {
        LogicalPlan::TableScan(scan) => scan.fetch.is_none().then_some(scan),
        LogicalPlan::Projection(Projection { input, .. }) | LogicalPlan::Filter(Filter { input, .. }) => only_scan(input),
        LogicalPlan::SubqueryAlias(alias) => only_scan(&alias.input),
        _ => None,
    }
}

/// The column of the scan below `plan` that `table` copies, and the expression that it equals where `table` equals `stream`.
fn compared(plan: &LogicalPlan, table: &Expr, stream: &Expr) -> Option<(String, Expr)> {
    let (column, value) = match table {
        Expr::Column(column) => (column, stream.clone()),
        // Compared as the wider type: a value outside the narrower type equals none of its values. All text types are equivalent.
        Expr::Cast(cast) => match cast.expr.as_ref() {
            Expr::Column(column) => {
                let (narrow, to) = (cast.expr.get_type(plan.schema()).ok()?, cast.field.data_type());
                let wider = narrow.is_integer() && to.is_integer() && narrow.primitive_width() <= to.primitive_width()
                    || narrow.is_string() && to.is_string();
                (column, wider.then(|| try_cast(stream.clone(), narrow))?)
            }
            _ => return None,
        },
        _ => return None,
    };
    match plan {
        LogicalPlan::TableScan(_) => Some((column.name.clone(), value)),
        LogicalPlan::Filter(Filter { input, .. }) => compared(input, &Expr::Column(column.clone()), &value),
        LogicalPlan::SubqueryAlias(alias) => {
            let (qualifier, field) = alias.input.schema().qualified_field(alias.schema.maybe_index_of_column(column)?);
            compared(&alias.input, &Expr::Column((qualifier, field).into()), &value)
        }
        LogicalPlan::Projection(projection) => {
            let expr = projection.expr.get(projection.schema.maybe_index_of_column(column)?)?;
            compared(&projection.input, expr.clone().unalias_nested().data.as_ref(), &value)
        }
        _ => None,
    }
}

/// DataFusion turns an inner join into a semi join if the other side has unique keys and no other column is read. If the preserved rows
/// are those of a table, this turns it back into an inner join, so that rows of the stream look them up.
fn semi_as_inner(join: &Join) -> Result<Option<LogicalPlan>> {
    let (table, stream) = match join.join_type {
        JoinType::LeftSemi => (&join.left, &join.right),
        JoinType::RightSemi => (&join.right, &join.left),
        _ => return Ok(None),
    };
    let sides = join.on.iter().map(|(left, right)| if join.join_type == JoinType::LeftSemi { right } else { left });
    if join.null_aware || !is_key(stream.schema(), sides) || !Side::new(stream)?.has_stream || !Side::new(table)?.can_be_static {
        return Ok(None);
    }
    let Join { left, right, on, filter, join_constraint, null_equality, schema, .. } = join.clone();
    let inner = LogicalPlan::Join(Join::try_new(left, right, on, filter, JoinType::Inner, join_constraint, null_equality, false)?);
    Ok(Some(LogicalPlan::Projection(Projection::try_new_with_schema(columns(&schema), Arc::new(inner), schema)?)))
}

/// Whether no two rows have equal values in all of these columns.
fn is_key<'a>(schema: &DFSchema, columns: impl Iterator<Item = &'a Expr>) -> bool {
    let compared: BTreeSet<usize> = columns.filter_map(|e| super::copied(e, schema)).collect();
    schema.functional_dependencies().iter().any(|d| {
        d.mode == Dependency::Single
            && d.target_indices.len() == schema.fields().len()
            && d.source_indices.iter().all(|i| compared.contains(i))
    })
}

/// The tables of one side of a join.
struct Side {
    has_stream: bool,
    can_be_static: bool,
}

impl Side {
    fn new(plan: &LogicalPlan) -> Result<Self> {
        let mut side = Self { has_stream: false, can_be_static: true };
        plan.apply_with_subqueries(|node| {
            match node {
                LogicalPlan::TableScan(scan) => side.has_stream |= static_table(scan).is_none(),
                // A recursion is planned as a whole.
                LogicalPlan::RecursiveQuery(_) => side.can_be_static = false,
                LogicalPlan::Extension(e) => {
                    let node = e.node.as_any();
                    // Sessions need a stateful operator.
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

/// The table of a scan, if it is static.
fn static_table(scan: &TableScan) -> Option<TableSource> {
    TableSource::from_scan(scan)?.as_static()
}

/// The same plan over static tables as of the epoch, with the epoch's clock.
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
            let Some(live) = any.downcast_ref::<TemporalFilterNode>() else { return Ok(Transformed::no(node)) };
            let passes = Filter::try_new(from_column(live.predicate.clone())?, Arc::new(Clock::entered(live.input.clone())?))?;
            let rows: Vec<Expr> = columns(live.input.schema());
            let rows = Projection::try_new_with_schema(rows, Arc::new(LogicalPlan::Filter(passes)), Arc::clone(live.input.schema()))?;
            Ok(Transformed::yes(LogicalPlan::Projection(rows)))
        }
        _ => Ok(Transformed::no(node)),
    })?;
    Ok(plan.data)
}
