//! Lowers joins: with tables as of the epoch, per window if both sides have the same windows, else by key.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field};
use datafusion::common::{DFSchema, DFSchemaRef, JoinType, ScalarValue};
use datafusion::error::Result as DfResult;
use datafusion::logical_expr::{Expr, Join, LogicalPlan, LogicalPlanBuilder, Projection, Union, col, ident, lit, when};

use crate::common::{Error, Result, WEIGHT};
use crate::operators::changes::subplan::SubPlan;
use crate::operators::joins::delta_join::{DeltaJoin, Side};
use crate::operators::joins::interval_join::IntervalJoin;
use crate::sql::ast::Emit;

use super::super::columns::with_columns;
use super::interval::{Interval, interval};
use super::recompute::Partitioning;
use super::{Input, Lowered, Lowering, copied, title};
use crate::planner::properties::{StreamProperties, Time};

impl Lowering {
    pub(super) async fn join(&mut self, plan: &LogicalPlan, join: &Join) -> Result<Lowered> {
        if let Some(lookup) = self.lookup(plan, join).await? {
            return Ok(lookup);
        }
        if let Some(plain) = full_by_columns(join)? {
            return self.lower(&plain).await;
        }
        let left = self.lower(&join.left).await?;
        let right = self.lower(&join.right).await?;
        let originals = vec![Arc::clone(join.left.schema()), Arc::clone(join.right.schema())];
        let rebuild = |plan: &LogicalPlan, leaves| Ok(plan.with_new_exprs(plan.expressions(), leaves)?);
        if let Some(ends) = self.same_window(join, &left, &right) {
            let properties = window_join_properties(join, &ends, [left.properties.clone(), right.properties.clone()]);
            let keys = partitioning(join)?.inputs;
            return self.closing(plan, originals, vec![left, right], ends.into(), keys, properties, rebuild).await;
        }
        let append_only = self.emit != Emit::Changes && !left.properties.updating && !right.properties.updating;
        let interval = interval(join, &left.properties, &right.properties).filter(|_| append_only);
        let keys = plain_keys(join);
        match (join.join_type, keys, interval) {
            (JoinType::Inner, Some(keys), interval) => self.delta_join(plan, join, [left, right], keys, interval).await,
            (kind, Some(keys), Some(interval)) if preserved(kind).is_some() && interval.bounded() && !join.null_aware => {
                self.interval_join(plan, join, [left, right], keys, &interval).await
            }
            // Its rows are final as well, but it needs two joins.
            (JoinType::Full, Some(_), Some(interval)) if interval.bounded() => self.lower(&left_and_rest(join)?).await,
            _ => self.recompute(plan, vec![left, right], partitioning(join)?, Vec::new()).await,
        }
    }

    /// An incremental inner join.
    async fn delta_join(
        &mut self,
        plan: &LogicalPlan,
        join: &Join,
        sides: [Lowered; 2],
        keys: [Vec<usize>; 2],
        interval: Option<Interval>,
    ) -> Result<Lowered> {
        let [left, right] = sides;
        let mut properties =
            StreamProperties { updating: left.properties.updating || right.properties.updating, ..StreamProperties::default() };
        properties.sources = left.properties.sources.union(&right.properties.sources).cloned().collect();
        // The weights are columns of the join, multiplied above it.
        let weighted = [named(join.left.schema(), "__left")?, named(join.right.schema(), "__right")?];
        let sub = self
            .subplan(plan, &weighted, |_, leaves| {
                let both = plan.with_new_exprs(plan.expressions(), leaves)?;
                let product = col("__left") * col("__right");
                let columns = super::columns(plan.schema()).into_iter().chain([product.alias(WEIGHT)]);
                Ok(LogicalPlanBuilder::from(both).project(columns)?.build()?)
            })
            .await?;
        let until = interval.as_ref().map_or([None, None], Interval::until);
        let side = |schema: &DFSchemaRef, key: &[usize], updating, until: Option<_>| Side {
            schema: Arc::clone(schema.inner()),
            key: key.to_vec(),
            updating,
            until,
            ttl: self.ttl.filter(|_| until.is_none()),
        };
        let operator = DeltaJoin::new(
            sub,
            [
                side(join.left.schema(), &keys[0], left.properties.updating, until[0]),
                side(join.right.schema(), &keys[1], right.properties.updating, until[1]),
            ],
        );
        let time = interval.as_ref().map(Interval::time);
        let [left, right] = self.guarded([left, right], interval.as_ref())?;
        if let Some(interval) = &interval {
            let offset = join.left.schema().fields().len();
            properties.times.extend(interval.times().map(|(side, column, time)| (side * offset + column, time)));
        }
        let inputs = vec![Input::Piece(Box::new(left)), Input::Piece(Box::new(right))];
        self.operator(Arc::new(operator), inputs, plan.schema(), time.as_ref(), properties).await
    }

    /// An outer, semi or anti interval join.
    async fn interval_join(
        &mut self,
        plan: &LogicalPlan,
        join: &Join,
        sides: [Lowered; 2],
        keys: [Vec<usize>; 2],
        interval: &Interval,
    ) -> Result<Lowered> {
        let originals = [Arc::clone(join.left.schema()), Arc::clone(join.right.schema())];
        // The operator's first side is the preserved one.
        let swapped = preserved(join.join_type) == Some(1);
        let sub = self.subplan(plan, &originals, |plan, leaves| Ok(plan.with_new_exprs(plan.expressions(), leaves)?)).await?;
        let [left_until, right_until] = interval.until();
        let wait = interval.width();
        let mut parts: Vec<Side> = originals
            .iter()
            .zip(&keys)
            .zip([left_until, right_until])
            .map(|((schema, key), until)| Side { schema: Arc::clone(schema.inner()), key: key.clone(), updating: false, until, ttl: None })
            .collect();
        // The other side is stored until the rows that it matches are joined.
        let other = usize::from(!swapped);
        parts[other].until = parts[other].until.map(|(column, after)| (column, after.saturating_add(wait)));
        let mut sides: Vec<Lowered> = self.guarded(sides, Some(interval))?.into();
        let mut leaves = sub.leaves().to_vec();
        if swapped {
            parts.reverse();
            sides.reverse();
            leaves.reverse();
        }
        let [first, second] = <[Side; 2]>::try_from(parts).map_err(|_| Error::internal("a join has two sides"))?;
        let operator = IntervalJoin::new(SubPlan::new(Arc::clone(sub.plan()), leaves), [first, second], title(plan));
        let mut properties = StreamProperties::default();
        properties.sources = sides.iter().flat_map(|s| s.properties.sources.iter().cloned()).collect();
        let (left_out, ..) = sides_of(join);
        let offset = if left_out { originals[0].fields().len() } else { 0 };
        let whole = usize::from(swapped);
        let times = interval.times().filter(|(side, ..)| *side == whole);
        properties.times.extend(times.map(|(side, column, time)| (side * offset + column, time)));
        let inputs = sides.into_iter().map(|s| Input::Piece(Box::new(s))).collect();
        self.operator(Arc::new(operator), inputs, plan.schema(), Some(&interval.time()), properties).await
    }

    /// Adds late filters to both sides of an interval join.
    fn guarded(&mut self, sides: [Lowered; 2], interval: Option<&Interval>) -> Result<[Lowered; 2]> {
        let Some(interval) = interval else { return Ok(sides) };
        let [left, right] = sides;
        let node = self.next_node();
        // A row is late when its time is before W: that is, W has reached its time plus 1 ms.
        let left = self.with_late_filter(left, node, interval.left.0, &interval.left.1, 1)?;
        Ok([left, self.with_late_filter(right, node, interval.right.0, &interval.right.1, 1)?])
    }

    /// The columns of the window's end on both sides, if the join compares them for equality.
    fn same_window(&self, join: &Join, left: &Lowered, right: &Lowered) -> Option<[(usize, Time); 2]> {
        if self.emit == Emit::Changes || left.properties.updating || right.properties.updating || join.null_aware {
            return None;
        }
        join.on.iter().find_map(|(l, r)| {
            let (l, r) = (copied(l, join.left.schema())?, copied(r, join.right.schema())?);
            let (a, b) = (left.properties.times.get(&l)?, right.properties.times.get(&r)?);
            (a.to_end()? == b.to_end()? && a.domain == b.domain).then(|| [(l, a.clone()), (r, b.clone())])
        })
    }
}

/// The keys by which a join can be recomputed in parts.
fn partitioning(join: &Join) -> Result<Partitioning> {
    // NOT IN depends on every row of the other side: one may be NULL.
    if join.null_aware || join.on.is_empty() {
        return Ok(Partitioning::none(2));
    }
    let (left, right): (Vec<Expr>, Vec<Expr>) = join.on.iter().cloned().unzip();
    let output = match join.join_type {
        JoinType::Right | JoinType::RightSemi | JoinType::RightAnti | JoinType::RightMark => right.clone(),
        JoinType::Full => {
            // Columns, which are NULL if their side is padded with NULLs.
            let either = |(l, r): (&Expr, &Expr)| when(l.clone().is_not_null(), l.clone()).otherwise(r.clone());
            left.iter().zip(&right).map(either).collect::<DfResult<_>>()?
        }
        _ => left.clone(),
    };
    Ok(Partitioning { inputs: vec![left, right], output })
}

/// Turns a full join by computed keys into one by columns: the key of a row that is padded with NULLs cannot be computed again
/// (`COALESCE(a, 0)` would be 0). `None` for other joins.
fn full_by_columns(join: &Join) -> Result<Option<LogicalPlan>> {
    let schemas = [join.left.schema(), join.right.schema()];
    let plain = |(l, r): &(Expr, Expr)| copied(l, schemas[0]).is_some() && copied(r, schemas[1]).is_some();
    if join.join_type != JoinType::Full || join.null_aware || join.on.iter().all(plain) {
        return Ok(None);
    }
    let (left, right): (Vec<Expr>, Vec<Expr>) = join.on.iter().cloned().unzip();
    let side = |input: &Arc<LogicalPlan>, keys: Vec<Expr>, name: &str| -> Result<(LogicalPlan, Vec<Expr>)> {
        let names: Vec<String> = (0..keys.len()).map(|i| format!("__{name}_key{i}")).collect();
        let keys = keys.into_iter().zip(&names).map(|(key, name)| key.alias(name));
        let exprs: Vec<Expr> = super::columns(input.schema()).into_iter().chain(keys).collect();
        let plan = LogicalPlan::Projection(Projection::try_new(exprs, Arc::clone(input))?);
        Ok((plan, names.into_iter().map(ident).collect()))
    };
    let (left, left_keys) = side(&join.left, left, "left")?;
    let (right, right_keys) = side(&join.right, right, "right")?;
    let on = left_keys.into_iter().zip(right_keys).collect();
    let (filter, kind, by, nulls) = (join.filter.clone(), join.join_type, join.join_constraint, join.null_equality);
    let both = Join::try_new(Arc::new(left), Arc::new(right), on, filter, kind, by, nulls, false)?;
    let columns = super::columns(&join.schema);
    Ok(Some(LogicalPlan::Projection(Projection::try_new(columns, Arc::new(LogicalPlan::Join(both)))?)))
}

/// A full join as the union of the left join and the unmatched rows of the right side.
fn left_and_rest(join: &Join) -> Result<LogicalPlan> {
    let side = |kind| {
        let (left, right, on, filter) = (Arc::clone(&join.left), Arc::clone(&join.right), join.on.clone(), join.filter.clone());
        Join::try_new(left, right, on, filter, kind, join.join_constraint, join.null_equality, false).map(LogicalPlan::Join)
    };
    let (left, rest) = (side(JoinType::Left)?, side(JoinType::RightAnti)?);
    let nulls = join.left.schema().iter().map(|(qualifier, field)| {
        let null = lit(ScalarValue::try_from(field.data_type())?);
        Ok(null.alias_qualified(qualifier.cloned(), field.name()))
    });
    let columns = nulls.chain(super::columns(rest.schema()).into_iter().map(Ok)).collect::<DfResult<Vec<_>>>()?;
    let rest = LogicalPlan::Projection(Projection::try_new(columns, Arc::new(rest))?);
    Ok(LogicalPlan::Union(Union { inputs: vec![Arc::new(left), Arc::new(rest)], schema: Arc::clone(&join.schema) }))
}

/// The key columns of both sides, if the join can run per key.
fn plain_keys(join: &Join) -> Option<[Vec<usize>; 2]> {
    let (mut left, mut right) = (Vec::new(), Vec::new());
    for (l, r) in &join.on {
        // Computed keys are compared by the join itself.
        if let (Some(l), Some(r)) = (copied(l, join.left.schema()), copied(r, join.right.schema())) {
            left.push(l);
            right.push(r);
        }
    }
    (!join.null_aware).then_some([left, right])
}

/// The preserved side: 0 is the left.
fn preserved(kind: JoinType) -> Option<usize> {
    use JoinType::{Left, LeftAnti, LeftMark, LeftSemi, Right, RightAnti, RightMark, RightSemi};
    match kind {
        Left | LeftSemi | LeftAnti | LeftMark => Some(0),
        Right | RightSemi | RightAnti | RightMark => Some(1),
        JoinType::Inner | JoinType::Full => None,
    }
}

/// A schema with a weight column of this name appended.
fn named(schema: &DFSchema, weight: &str) -> Result<DFSchemaRef> {
    Ok(Arc::new(with_columns(schema, [Arc::new(Field::new(weight, DataType::Int64, false))])?))
}

/// Which sides' columns are emitted, and whether a side is never padded with NULLs.
fn sides_of(join: &Join) -> (bool, bool, bool, bool) {
    use JoinType::{Full, Inner, Left, LeftAnti, LeftMark, LeftSemi, Right, RightAnti, RightMark, RightSemi};
    match join.join_type {
        Inner => (true, true, true, true),
        Left => (true, true, true, false),
        Right => (true, true, false, true),
        Full => (true, true, false, false),
        LeftSemi | LeftAnti | LeftMark => (true, false, true, false),
        RightSemi | RightAnti | RightMark => (false, true, false, true),
    }
}

/// The properties of a window join: window times of sides that are never padded with NULLs. Rows are emitted when the windows of both
/// sides are complete, so their watermark delay is that of the later side.
fn window_join_properties(join: &Join, ends: &[(usize, Time); 2], sides: [StreamProperties; 2]) -> StreamProperties {
    let (left_out, _, left_whole, right_whole) = sides_of(join);
    let offset = if left_out { join.left.schema().fields().len() } else { 0 };
    let mut properties = StreamProperties::default();
    let delay = ends.iter().map(|(_, end)| end.watermark_delay).max().unwrap_or_default();
    let sources: BTreeSet<String> = ends.iter().flat_map(|(_, end)| end.sources.iter().cloned()).collect();
    let windows: BTreeSet<u32> = ends.iter().flat_map(|(_, end)| end.windows.iter().copied()).collect();
    for (((mut side, (_, end)), offset), whole) in sides.into_iter().zip(ends).zip([0, offset]).zip([left_whole, right_whole]) {
        properties.sources.append(&mut side.sources);
        side.closed_by(end);
        for (column, mut time) in side.times.into_iter().filter(|_| whole) {
            (time.watermark_delay, time.sources) = (delay.max(time.watermark_delay), sources.clone());
            time.windows.extend(&windows);
            properties.times.insert(offset + column, time);
        }
    }
    properties
}
