//! Joins: per window where both sides are windowed alike, else by key.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use datafusion::common::JoinType;
use datafusion::error::Result as DfResult;
use datafusion::logical_expr::{Expr, Join, LogicalPlan, when};

use crate::common::Result;
use crate::sql::ast::Emit;

use super::super::traits::{Time, Traits};
use super::recompute::Partitioning;
use super::{Lowered, Lowering, copied};

impl Lowering {
    pub(super) async fn join(&mut self, plan: &LogicalPlan, join: &Join) -> Result<Lowered> {
        let left = self.lower(&join.left).await?;
        let right = self.lower(&join.right).await?;
        let originals = vec![Arc::clone(join.left.schema()), Arc::clone(join.right.schema())];
        let rebuild = |plan: &LogicalPlan, leaves| Ok(plan.with_new_exprs(plan.expressions(), leaves)?);
        if let Some(ends) = self.same_window(join, &left, &right) {
            let traits = windowed_traits(join, &left.traits, &right.traits);
            return self.closing(plan, originals, vec![left, right], ends.into(), traits, rebuild).await;
        }
        self.recompute(plan, vec![left, right], partitioning(join)?, Vec::new()).await
    }

    /// The columns that tell the window's end on both sides, if the join says that they are equal.
    fn same_window(&self, join: &Join, left: &Lowered, right: &Lowered) -> Option<[(usize, Time); 2]> {
        if self.emit == Emit::Changes || left.traits.updating || right.traits.updating || join.null_aware {
            return None;
        }
        join.on.iter().find_map(|(l, r)| {
            let (l, r) = (copied(l, join.left.schema())?, copied(r, join.right.schema())?);
            let (a, b) = (left.traits.times.get(&l)?, right.traits.times.get(&r)?);
            (a.to_end()? == b.to_end()? && a.domain == b.domain).then(|| [(l, a.clone()), (r, b.clone())])
        })
    }
}

/// The parts of a join's answer are its answers per key.
fn partitioning(join: &Join) -> Result<Partitioning> {
    // NOT IN looks at every row of the other side, for a NULL.
    if join.null_aware || join.on.is_empty() {
        return Ok(Partitioning::none(2));
    }
    let (left, right): (Vec<Expr>, Vec<Expr>) = join.on.iter().cloned().unzip();
    let output = match join.join_type {
        JoinType::Right | JoinType::RightSemi | JoinType::RightAnti | JoinType::RightMark => right.clone(),
        JoinType::Full => {
            let either = |(l, r): (&Expr, &Expr)| when(l.clone().is_not_null(), l.clone()).otherwise(r.clone());
            left.iter().zip(&right).map(either).collect::<DfResult<_>>()?
        }
        _ => left.clone(),
    };
    Ok(Partitioning { inputs: vec![left, right], output })
}

/// Which sides' columns come out, and whether a side's row always does in full.
fn sides(join: &Join) -> (bool, bool, bool, bool) {
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

/// What a window join keeps: the times of windows, of sides that are never filled with NULLs.
fn windowed_traits(join: &Join, left: &Traits, right: &Traits) -> Traits {
    let (left_out, _, left_whole, right_whole) = sides(join);
    let offset = if left_out { join.left.schema().fields().len() } else { 0 };
    let mut times = BTreeMap::new();
    let windows = |t: &&Time| t.to_end().is_some();
    if left_whole {
        times.extend(left.times.iter().filter(|(_, t)| windows(t)).map(|(i, t)| (*i, t.guarded())));
    }
    if right_whole {
        times.extend(right.times.iter().filter(|(_, t)| windows(t)).map(|(i, t)| (offset + i, t.guarded())));
    }
    let sources: BTreeSet<String> = left.sources.union(&right.sources).cloned().collect();
    for time in times.values_mut() {
        time.sources = left.times.values().chain(right.times.values()).flat_map(|t| t.sources.iter().cloned()).collect();
    }
    Traits { times, sources, ..Traits::default() }
}
