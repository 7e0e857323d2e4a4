//! Adds late filters to plan fragments, with the columns that they report.

use std::collections::BTreeSet;
use std::sync::Arc;

use datafusion::common::Column;
use datafusion::logical_expr::{Expr, Extension, LogicalPlan, Projection, Union};

use crate::common::{Error, Result};
use crate::operators::windows::arithmetic::WINDOW_COLUMNS;
use crate::operators::windows::late_filter::{LateFilter, LateRule};
use crate::operators::windows::panes::Panes;
use crate::operators::windows::session::Sessions;

use super::super::provider::TableSource;
use super::super::window_tvf::WindowTvf;
use super::{Domain, Lowered, Lowering, copied};
use crate::planner::nodes::{Late, Numbered, StageInput};
use crate::planner::properties::Time;

/// The prefix of columns that are carried along only for late rows.
const CARRIED: &str = "__late_";

impl Lowering {
    /// Adds a late filter on top of a plan fragment, unless an operator below has one: a row is late for `node` when the time in
    /// `column`, plus `after`, is ≤ W.
    pub(super) fn with_late_filter(&mut self, input: Lowered, node: u32, column: usize, time: &Time, after: i64) -> Result<Lowered> {
        self.with_late_rule(input, node, time, &LateRule::Until(column, after))
    }

    /// Like [`Self::with_late_filter`], with any rule.
    ///
    /// If late rows go to a table, or are counted by number, each table below gets its own filter, over all columns that are read.
    pub(super) fn with_late_rule(&mut self, input: Lowered, node: u32, time: &Time, rule: &LateRule) -> Result<Lowered> {
        if time.guarded || time.domain == Domain::Processing {
            return Ok(input);
        }
        let Lowered { plan, properties, nodes } = input;
        if properties.sources.is_disjoint(&self.late_row_tables) {
            let mut passed = Vec::new();
            let mut reason = String::new();
            for branch in branches(&plan)? {
                let carried = Carried::new(&branch, false)?;
                reason.push_str(&carried.reason(time, rule));
                passed.extend(carried.passed);
            }
            let filter = LateFilter { reason, passed, ..self.late_filter(node, &properties.sources, rule.clone()) };
            return Ok(Lowered { plan: Late::plan(plan, filter), properties, nodes });
        }
        let mut guarded = Vec::new();
        for branch in branches(&plan)? {
            let carried = Carried::new(&branch, true)?;
            let sources = carried.table.clone().map_or_else(|| properties.sources.clone(), |table| BTreeSet::from([table]));
            let filter = self.late_filter(node, &sources, carried.rule(rule));
            let reason = carried.reason(time, rule);
            let Carried { plan: wide, columns, reported, row, passed, .. } = carried;
            let filter = LateFilter { reason, passed, reported, row, ..filter };
            let kept = columns.iter().map(|column| Expr::Column(Column::from(wide.schema().qualified_field(*column)))).collect();
            let late = Arc::new(Late::plan(wide, filter));
            let narrow = Projection::try_new_with_schema(kept, late, Arc::clone(branch.schema()))?;
            guarded.push(Arc::new(LogicalPlan::Projection(narrow)));
        }
        let schema = Arc::clone(plan.schema());
        let plan = match <[_; 1]>::try_from(guarded) {
            Ok([one]) => Arc::unwrap_or_clone(one),
            Err(inputs) => LogicalPlan::Union(Union { inputs, schema }),
        };
        Ok(Lowered { plan, properties, nodes })
    }

    fn late_filter(&mut self, node: u32, sources: &BTreeSet<String>, rule: LateRule) -> LateFilter {
        self.next_filter += 1;
        LateFilter {
            node,
            filter: self.next_filter - 1,
            sources: sources.iter().cloned().collect(),
            rule,
            reason: String::new(),
            passed: Vec::new(),
            reported: Vec::new(),
            row: None,
            watermark: None,
        }
    }
}

/// Splits linear nodes above a UNION into one chain per input.
fn branches(plan: &LogicalPlan) -> Result<Vec<LogicalPlan>> {
    if let LogicalPlan::Union(union) = plan {
        let mut all = Vec::new();
        for input in &union.inputs {
            for branch in branches(input)? {
                let named = branch.schema().columns().into_iter().zip(union.schema.iter());
                let named =
                    named.map(|(column, (qualifier, field))| Expr::Column(column).alias_qualified(qualifier.cloned(), field.name()));
                let named = Projection::try_new_with_schema(named.collect(), Arc::new(branch), Arc::clone(&union.schema))?;
                all.push(LogicalPlan::Projection(named));
            }
        }
        return Ok(all);
    }
    let inputs = plan.inputs();
    let [input] = inputs.as_slice() else { return Ok(vec![plan.clone()]) };
    let over = |branch| Ok(plan.with_new_exprs(plan.expressions(), vec![branch])?);
    match branches(input)? {
        one if one.len() == 1 => Ok(vec![plan.clone()]),
        several => several.into_iter().map(over).collect(),
    }
}

/// A chain of linear nodes over one leaf, extended by the columns that it drops.
struct Carried {
    plan: LogicalPlan,
    /// The indices of the chain's columns.
    columns: Vec<usize>,
    /// Columns of the leaf, and of the window, by name.
    reported: Vec<(String, usize)>,
    /// The column of the row's number.
    row: Option<usize>,
    /// The table, if the leaf is one.
    table: Option<String>,
    /// The identity of the leaf.
    leaf: String,
    /// The windows, and their time.
    windows: Option<String>,
    /// The conditions that rows have passed.
    passed: Vec<String>,
}

impl Carried {
    /// Analyses a chain; with `carry` it also extends the chain by the columns that it drops.
    fn new(plan: &LogicalPlan, carry: bool) -> Result<Self> {
        let inputs = plan.inputs();
        let linear = match plan {
            LogicalPlan::Projection(_) | LogicalPlan::Filter(_) | LogicalPlan::SubqueryAlias(_) | LogicalPlan::Unnest(_) => true,
            LogicalPlan::Extension(e) => !e.node.as_any().is::<StageInput>(),
            _ => false,
        };
        let ([input], true) = (inputs.as_slice(), linear) else { return Self::leaf(plan, carry) };
        let input = Self::new(input, carry)?;
        match plan {
            LogicalPlan::Projection(projection) => input.projected(projection, carry),
            LogicalPlan::Filter(filter) => {
                let mut passed = input.passed.clone();
                passed.push(filter.predicate.to_string());
                let over = input.over(plan)?;
                Ok(Self { passed, ..over })
            }
            LogicalPlan::Unnest(_) => input.unnested(plan),
            LogicalPlan::Extension(extension) => input.extended(plan, extension),
            _ => input.over(plan),
        }
    }

    fn leaf(plan: &LogicalPlan, carry: bool) -> Result<Self> {
        let width = plan.schema().fields().len();
        let table = match plan {
            LogicalPlan::TableScan(scan) => TableSource::from_scan(scan).map(|table| table.name().to_string()),
            _ => None,
        };
        let leaf = table.clone().unwrap_or_else(|| plan.display().to_string());
        let mut reported: Vec<(String, usize)> = Vec::new();
        for (column, field) in plan.schema().fields().iter().enumerate() {
            if reported.iter().all(|(name, _)| name != field.name()) {
                reported.push((field.name().clone(), column));
            }
        }
        let plan = if carry { Numbered::plan(plan.clone())? } else { plan.clone() };
        let row = carry.then_some(width);
        Ok(Self { plan, columns: (0..width).collect(), reported, row, table, leaf, windows: None, passed: Vec::new() })
    }

    /// A node that changes no columns.
    fn over(self, node: &LogicalPlan) -> Result<Self> {
        let plan = node.with_new_exprs(node.expressions(), vec![self.plan])?;
        Ok(Self { plan, ..self })
    }

    /// A projection carries along columns that it drops or renames.
    fn projected(self, projection: &Projection, carry: bool) -> Result<Self> {
        let schema = Arc::clone(self.plan.schema());
        let mut exprs = projection.expr.clone();
        let own = exprs.len();
        let plain: Vec<Option<usize>> = exprs.iter().map(|e| matches!(e, Expr::Column(_)).then(|| copied(e, &schema)).flatten()).collect();
        let mut place = |name: &str, column: usize| {
            if let Some(place) = plain.iter().position(|p| *p == Some(column)) {
                return Some(place);
            }
            if !carry {
                // No column is carried, but names are known.
                return exprs.iter().take(own).position(|e| copied(e, &schema) == Some(column));
            }
            let column = Expr::Column(Column::from(schema.qualified_field(column)));
            exprs.push(column.alias(format!("{CARRIED}{name}")));
            Some(exprs.len() - 1)
        };
        let reported: Vec<(String, usize)> =
            self.reported.iter().filter_map(|(name, column)| Some((name.clone(), place(name, *column)?))).collect();
        let row = self.row.and_then(|column| place("__row", column));
        let plan = LogicalPlan::Projection(Projection::try_new(exprs, Arc::new(self.plan))?);
        Ok(Self { plan, columns: (0..own).collect(), reported, row, ..self })
    }

    /// Unnested columns are no longer reported.
    fn unnested(self, node: &LogicalPlan) -> Result<Self> {
        let before = Arc::clone(self.plan.schema());
        let own = node.schema().columns();
        let plan = node.with_new_exprs(node.expressions(), vec![self.plan])?;
        let find = |column: &Column| plan.schema().maybe_index_of_column(column);
        let columns = own.iter().map(find).collect::<Option<Vec<_>>>().ok_or_else(|| Error::internal("UNNEST has lost a column"))?;
        let moved = |column: usize| {
            let (qualifier, field) = before.qualified_field(column);
            let place = find(&Column::from((qualifier, field)))?;
            (plan.schema().field(place).data_type() == field.data_type()).then_some(place)
        };
        let reported = self.reported.iter().filter_map(|(name, column)| Some((name.clone(), moved(*column)?))).collect();
        let row = self.row.and_then(moved);
        Ok(Self { plan, columns, reported, row, ..self })
    }

    /// Extension nodes append their columns to those of their input.
    fn extended(self, node: &LogicalPlan, extension: &Extension) -> Result<Self> {
        let width = self.plan.schema().fields().len();
        let own = self.columns.len();
        let added = node.schema().fields().len().checked_sub(own).ok_or_else(|| Error::internal("a linear node drops columns"))?;
        let mut over = self.over(node)?;
        over.columns.extend(width..width + added);
        if let Some(window) = extension.node.as_any().downcast_ref::<WindowTvf>() {
            let time = over.columns.get(window.time_index()?).copied();
            let known = |column: usize| over.reported.iter().find(|(_, c)| *c == column).map(|(name, _)| name.clone());
            let time = time.and_then(known).unwrap_or_else(|| window.time.name.clone());
            let keys: Vec<String> = window.partition.iter().map(|c| c.name.clone()).collect();
            over.windows = Some(format!("{} of {time} {keys:?}", window.windows()));
            over.reported.retain(|(name, _)| !WINDOW_COLUMNS.contains(&name.as_str()));
            over.reported.extend(WINDOW_COLUMNS.iter().enumerate().map(|(i, name)| ((*name).to_string(), width + i)));
        }
        Ok(over)
    }

    /// The same rule with the column indices of this chain.
    fn rule(&self, rule: &LateRule) -> LateRule {
        let at = |column: usize| self.columns.get(column).copied().unwrap_or(column);
        match rule {
            LateRule::Until(column, after) => LateRule::Until(at(*column), *after),
            LateRule::Pane(column, after, panes) => {
                let reported =
                    self.reported.iter().filter_map(|(name, column)| Some((*column, WINDOW_COLUMNS.iter().position(|w| w == name)?)));
                let mut columns: Vec<(usize, usize)> = panes.columns.iter().map(|(column, which)| (at(*column), *which)).collect();
                columns.extend(reported);
                columns.sort_unstable();
                columns.dedup();
                LateRule::Pane(at(*column), *after, Panes { windows: panes.windows, columns })
            }
            LateRule::Session(sessions) => LateRule::Session(Sessions {
                gap: sessions.gap,
                keys: sessions.keys.iter().map(|key| at(*key)).collect(),
                window: sessions.window.map(|column| column.map(at)),
            }),
        }
    }

    /// What rows are late for: equal for filters that drop the same rows of a leaf.
    fn reason(&self, time: &Time, rule: &LateRule) -> String {
        let name = |column: usize| {
            let at = self.columns.get(column).copied().unwrap_or(column);
            self.reported.iter().find(|(_, c)| *c == at).map_or_else(|| format!("column {column}"), |(name, _)| name.clone())
        };
        let own = |column: &usize| self.windows.clone().unwrap_or_else(|| name(*column));
        let end = time.to_end().unwrap_or_default();
        let (what, after) = match rule {
            LateRule::Until(column, after) if time.to_end().is_none() => (name(*column), *after),
            LateRule::Until(column, after) => (own(column), after.saturating_sub(end)),
            LateRule::Pane(column, _, panes) => (format!("{} {}", panes.windows, own(column)), 0),
            LateRule::Session(_) => (self.windows.clone().unwrap_or_default(), 0),
        };
        format!("{}: {what} + {after} ms by {:?} - {} ms;", self.leaf, time.sources, time.watermark_delay)
    }
}
