//! HOP and CUMULATE directly below a final aggregate: assigns rows to panes, which windows share.

use std::sync::Arc;

use datafusion::logical_expr::{Aggregate, Expr, Extension, LogicalPlan};

use crate::common::{Error, Result};
use crate::operators::windows::arithmetic::{WINDOW_COLUMNS, WindowKind, Windows};
use crate::operators::windows::panes::Panes;

use super::super::window_tvf::WindowTvf;
use super::copied;

/// The maximum number of panes per window, relative to the windows per row, for which panes are used.
const MOST_PANES: i64 = 8;

/// The input of an aggregate whose windows share panes.
pub(super) struct Paned {
    /// The same relation, each row once, with the bounds of its pane in the window columns.
    pub plan: LogicalPlan,
    /// The windows, and the relation's columns that hold them.
    pub input: Panes,
    /// The windows, and the groups that hold them.
    pub groups: Panes,
    /// The length of a pane in milliseconds.
    pub length: i64,
}

/// Replaces windows by panes, if the windows overlap and only the groups read their bounds. `input` is the aggregate's
/// input, lowered.
pub(super) fn paned(aggregate: &Aggregate, input: &LogicalPlan) -> Result<Option<Paned>> {
    let Some(window) = window_below(input) else { return Ok(None) };
    let windows = window.windows();
    let Some(length) = shared_pane(windows) else { return Ok(None) };
    let width = window.input.schema().fields().len();
    let Some(columns) = bounds(input, width) else { return Ok(None) };
    let is_bound = |expr: &Expr| {
        let bound = |column: Option<usize>| column.and_then(|i| columns.get(i)).is_none_or(Option::is_some);
        expr.column_refs().iter().any(|c| bound(input.schema().maybe_index_of_column(c)))
    };
    if aggregate.aggr_expr.iter().any(is_bound) {
        return Ok(None);
    }
    let mut groups = Vec::new();
    for (group, expr) in aggregate.group_expr.iter().enumerate() {
        match copied(expr, input.schema()).and_then(|c| columns.get(c).copied().flatten()) {
            Some(which) => groups.push((group, which)),
            None if is_bound(expr) => return Ok(None),
            None => {}
        }
    }
    // CUMULATE windows share their start.
    let start_says_all = matches!(windows.kind, WindowKind::Hop { .. });
    if !groups.iter().any(|(_, which)| *which > 0 || start_says_all) {
        return Ok(None);
    }
    let columns = columns.iter().enumerate().filter_map(|(column, which)| Some((column, (*which)?))).collect();
    let plan = in_panes(input, length)?;
    Ok(Some(Paned { plan, input: Panes { windows, columns }, groups: Panes { windows, columns: groups }, length }))
}

/// The window function below linear nodes.
fn window_below(plan: &LogicalPlan) -> Option<&WindowTvf> {
    match plan {
        LogicalPlan::Projection(p) => window_below(&p.input),
        LogicalPlan::Filter(f) => window_below(&f.input),
        LogicalPlan::SubqueryAlias(s) => window_below(&s.input),
        LogicalPlan::Extension(e) => e.node.as_any().downcast_ref(),
        _ => None,
    }
}

/// The length of a pane, if panes are worthwhile.
fn shared_pane(windows: Windows) -> Option<i64> {
    let pane = windows.pane()?;
    match windows.kind {
        WindowKind::Hop { slide, size } if size > slide && slide / pane <= MOST_PANES => Some(pane),
        WindowKind::Cumulate { step, size } if size > step => Some(pane),
        _ => None,
    }
}

/// For each column the window column that it copies; `None` if an expression computes with one. The window function has `width`
/// columns before them.
fn bounds(plan: &LogicalPlan, width: usize) -> Option<Vec<Option<usize>>> {
    let asks = |below: &[Option<usize>], expr: &Expr, input: &LogicalPlan| {
        expr.column_refs().iter().any(|c| input.schema().maybe_index_of_column(c).is_none_or(|i| below.get(i).is_none_or(Option::is_some)))
    };
    match plan {
        LogicalPlan::Projection(p) => {
            let below = bounds(&p.input, width)?;
            let column = |expr: &Expr| match copied(expr, p.input.schema()) {
                Some(column) => Some(below.get(column).copied().flatten()),
                None if asks(&below, expr, &p.input) => None,
                None => Some(None),
            };
            p.expr.iter().map(column).collect()
        }
        LogicalPlan::Filter(f) => bounds(&f.input, width).filter(|below| !asks(below, &f.predicate, &f.input)),
        LogicalPlan::SubqueryAlias(s) => bounds(&s.input, width),
        other => {
            let which = |column: usize| column.checked_sub(width).filter(|which| *which < WINDOW_COLUMNS.len());
            Some((0..other.schema().fields().len()).map(which).collect())
        }
    }
}

/// The same nodes over windows that are panes: those of a TUMBLE as long as a pane.
fn in_panes(plan: &LogicalPlan, length: i64) -> Result<LogicalPlan> {
    if let LogicalPlan::Extension(extension) = plan
        && let Some(window) = extension.node.as_any().downcast_ref::<WindowTvf>()
    {
        let panes = Windows { kind: WindowKind::Tumble { size: length }, offset: window.offset.rem_euclid(length) };
        let window = WindowTvf::new(window.input.clone(), window.time.clone(), panes, Vec::new())?;
        return Ok(LogicalPlan::Extension(Extension { node: Arc::new(window) }));
    }
    let inputs = plan.inputs();
    let [input] = inputs.as_slice() else { return Err(Error::internal("windows are not below one input")) };
    Ok(plan.with_new_exprs(plan.expressions(), vec![in_panes(input, length)?])?)
}
