//! Lowers OVER: per window if it is in the partition, per row if the order is time, else recomputed by partition.

use std::collections::BTreeSet;
use std::sync::Arc;

use datafusion::common::{Column, DFSchema};
use datafusion::logical_expr::{Expr, LogicalPlan, Projection, Window};

use crate::common::{Error, Result};
use crate::sql::ast::Emit;

use super::recompute::{Partitioning, replace};
use super::{Lowered, Lowering, copied};

impl Lowering {
    pub(super) async fn window(&mut self, plan: &LogicalPlan, window: &Window) -> Result<Lowered> {
        self.over(plan, window).await
    }

    /// Evaluates a filter directly above OVER (top-N, deduplication) together with it, so that only passing rows are stored.
    /// `None` for other plans.
    pub(super) async fn filter_over_window(&mut self, plan: &LogicalPlan) -> Result<Option<Lowered>> {
        let Some(window) = below(plan) else { return Ok(None) };
        // The output must contain the partition columns.
        let kept = partition(window).iter().all(|e| trace(plan, window, e).is_some());
        Ok(if kept { Some(self.over(plan, window).await?) } else { None })
    }

    /// Evaluates `plan`, which is `window` or linear nodes above it.
    async fn over(&mut self, plan: &LogicalPlan, window: &Window) -> Result<Lowered> {
        let input = self.lower(&window.input).await?;
        let schema = Arc::clone(window.input.schema());
        let partition = partition(window);
        let columns: Vec<usize> = partition.iter().filter_map(|e| copied(e, &schema)).collect();
        let rebuild = |plan: &LogicalPlan, leaves: Vec<LogicalPlan>| {
            let leaf = leaves.into_iter().next().ok_or_else(|| Error::internal("OVER has one input"))?;
            replace(plan, &|p| matches!(p, LogicalPlan::Window(_)), &leaf)
        };
        let end = input.properties.window_end(columns.iter().copied()).map(|(c, t)| (c, t.clone()));
        if let Some((column, time)) = end
            && !input.properties.updating
            && self.emit != Emit::Changes
        {
            let from = sources(plan, window);
            let mut properties = input.properties.project(&from);
            properties.closed_by(&time);
            properties.keys = ranked(plan, window, &partition);
            return self.closing(plan, vec![schema], vec![input], vec![(column, time)], vec![partition], properties, rebuild).await;
        }
        if let Some(by) = self.by_time(window, &input.properties) {
            let lowered = self.over_by_time(window, input, by).await?;
            let mut properties = lowered.properties.project(&trace_all(plan));
            properties.keys.extend(ranked(plan, window, &partition));
            let over = |p: &LogicalPlan| matches!(p.inputs().first(), Some(LogicalPlan::Window(_)));
            let plan = if let LogicalPlan::Window(_) = plan { lowered.plan } else { replace(plan, &over, &lowered.plan)? };
            return Ok(Lowered { plan, properties, nodes: lowered.nodes });
        }
        let output = partition.iter().filter_map(|e| trace(plan, window, e)).collect::<Vec<_>>();
        let partitioning =
            if output.len() == partition.len() { Partitioning { inputs: vec![partition.clone()], output } } else { Partitioning::none(1) };
        let keys = ranked(plan, window, &partition);
        self.recompute_over(plan, vec![schema], vec![input], partitioning, keys, rebuild).await
    }
}

/// The OVER below linear nodes, if nothing else is in between.
fn below(plan: &LogicalPlan) -> Option<&Window> {
    match plan {
        LogicalPlan::Window(window) => Some(window),
        LogicalPlan::Filter(f) => below(&f.input),
        LogicalPlan::Projection(p) => below(&p.input),
        LogicalPlan::SubqueryAlias(s) => below(&s.input),
        _ => None,
    }
}

/// The common PARTITION BY of all functions of an OVER.
fn partition(window: &Window) -> Vec<Expr> {
    let lists: Vec<&Vec<Expr>> = window.window_expr.iter().filter_map(partition_of).collect();
    let Some((first, rest)) = lists.split_first() else { return Vec::new() };
    first.iter().filter(|e| rest.iter().all(|list| list.contains(e))).cloned().collect()
}

fn partition_of(expr: &Expr) -> Option<&Vec<Expr>> {
    match expr {
        Expr::Alias(alias) => partition_of(&alias.expr),
        Expr::WindowFunction(function) => Some(&function.params.partition_by),
        _ => None,
    }
}

/// For each column of `plan` the column of the OVER's input that it copies.
fn sources(plan: &LogicalPlan, window: &Window) -> Vec<Option<usize>> {
    let trace = trace_all(plan);
    let width = window.input.schema().fields().len();
    trace.into_iter().map(|c| c.filter(|c| *c < width)).collect()
}

/// For each column of `plan` the column of the OVER that it copies.
fn trace_all(plan: &LogicalPlan) -> Vec<Option<usize>> {
    match plan {
        LogicalPlan::Filter(f) => trace_all(&f.input),
        LogicalPlan::SubqueryAlias(s) => trace_all(&s.input),
        LogicalPlan::Projection(p) => {
            let below = trace_all(&p.input);
            p.expr.iter().map(|e| copied(e, p.input.schema()).and_then(|i| below.get(i).copied().flatten())).collect()
        }
        other => (0..other.schema().fields().len()).map(Some).collect(),
    }
}

/// A partition expression as a column of `plan`.
fn trace(plan: &LogicalPlan, window: &Window, expr: &Expr) -> Option<Expr> {
    if let LogicalPlan::Window(_) = plan {
        return Some(expr.clone());
    }
    let wanted = copied(expr, window.input.schema())?;
    let column = trace_all(plan).iter().position(|c| *c == Some(wanted))?;
    Some(Expr::Column(column_of(plan.schema(), column)))
}

fn column_of(schema: &DFSchema, index: usize) -> Column {
    Column::from(schema.qualified_field(index))
}

/// The keys that a ROW_NUMBER gives: it makes the rows of a partition unique.
fn ranked(plan: &LogicalPlan, window: &Window, partition: &[Expr]) -> Vec<BTreeSet<usize>> {
    let width = window.input.schema().fields().len();
    let trace = trace_all(plan);
    let find = |wanted: usize| trace.iter().position(|c| *c == Some(wanted));
    let part: Option<BTreeSet<usize>> = partition.iter().map(|e| copied(e, window.input.schema()).and_then(find)).collect::<Option<_>>();
    let Some(part) = part else { return Vec::new() };
    let number = |e: &Expr| match e {
        Expr::WindowFunction(f) => f.fun.name().eq_ignore_ascii_case("row_number"),
        _ => false,
    };
    let ranks = window.window_expr.iter().enumerate().filter(|(_, e)| {
        number(match e {
            Expr::Alias(a) => &a.expr,
            e => e,
        })
    });
    let mut keys = Vec::new();
    for (i, expr) in ranks {
        if partition_of(expr).is_none_or(|p| p.len() != partition.len()) {
            continue;
        }
        if first_only(plan, width + i) {
            keys.push(part.clone());
        }
        keys.extend(find(width + i).map(|rank| part.iter().copied().chain([rank]).collect()));
    }
    keys
}

/// Whether a filter passes only the first row of each partition.
fn first_only(plan: &LogicalPlan, rank: usize) -> bool {
    use datafusion::logical_expr::{BinaryExpr, Operator};
    use datafusion::scalar::ScalarValue;
    match plan {
        LogicalPlan::Filter(f) => {
            let below = trace_all(&f.input);
            let is_rank = |e: &Expr| copied(e, f.input.schema()).and_then(|i| below.get(i).copied().flatten()) == Some(rank);
            let at_most = |e: &Expr, n: i64| matches!(e, Expr::Literal(ScalarValue::Int64(Some(v)), _) if *v == n);
            let one = datafusion::logical_expr::utils::split_conjunction(&f.predicate).into_iter().any(|e| match e {
                Expr::BinaryExpr(BinaryExpr { left, op, right }) if is_rank(left) => match op {
                    Operator::Eq | Operator::LtEq => at_most(right, 1),
                    Operator::Lt => at_most(right, 2),
                    _ => false,
                },
                _ => false,
            });
            one || first_only(&f.input, rank)
        }
        LogicalPlan::Projection(Projection { input, .. }) => first_only(input, rank),
        LogicalPlan::SubqueryAlias(s) => first_only(&s.input, rank),
        _ => false,
    }
}
