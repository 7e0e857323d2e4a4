//! Lowers OVER by time: functions that are final when W has passed a row.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field};
use datafusion::common::{DFSchema, DFSchemaRef};
use datafusion::logical_expr::{Expr, Filter, LogicalPlan, Projection, Window, cast, lit};

use crate::common::{Error, Result};
use crate::operators::OverAggregate;
use crate::operators::over::{OverRows, Past};
use crate::sql::ast::Emit;

use super::super::columns::with_columns;
use super::super::functions::row_number;
use super::over_past::{both, past};
use super::over_plan::{NUMBER, function, named, project, whole_partition, windows};
use super::over_totals::{Totals, average};
use super::{Input, Lowered, Lowering, columns};
use crate::planner::properties::{Domain, StreamProperties, Time};

/// An OVER whose functions are all final when W has passed a row.
pub(super) struct OverByTime {
    /// The column that rows are ordered by.
    column: usize,
    time: Time,
    /// The distinct functions, each with the state that it needs.
    functions: Vec<(Expr, Past)>,
    /// The expressions over their results that replace the columns of the OVER.
    columns: Vec<Expr>,
}

impl OverByTime {
    fn new(window: &Window, column: usize, time: &Time) -> Option<Self> {
        let schema = window.input.schema();
        let mut by = Self { column, time: time.clone(), functions: Vec::new(), columns: columns(schema) };
        // Processing time is never NULL.
        let nulls = time.domain == Domain::Event && schema.field(column).is_nullable();
        let fields = window.schema.fields().iter().skip(schema.fields().len());
        for (expr, field) in window.window_expr.iter().zip(fields) {
            let value = match (past(expr, schema, column, nulls)?, average(expr, field)) {
                (Past::Everything, Some(parts)) => {
                    let [sum, count] = parts.map(|part| {
                        // DataFusion's names omit casts: the SUM of a column and that of its AVG would have the same name.
                        let own = format!("__part{}", by.functions.len());
                        by.answer(part.alias(own), Past::Totals)
                    });
                    sum / cast(count, field.data_type().clone())
                }
                (past, _) => by.answer(expr.clone(), past),
            };
            by.columns.push(value.alias(field.name()));
        }
        Some(by)
    }

    /// The column of a function's results, which another function may share.
    fn answer(&mut self, expr: Expr, past: Past) -> Expr {
        let known = self.functions.iter().find(|(known, _)| function(known) == function(&expr));
        let (_, name) = known.map_or(&expr, |(known, _)| known).qualified_name();
        if known.is_none() {
            self.functions.push((expr, past));
        }
        named(&name)
    }

    /// The functions grouped by partition, order and state.
    fn groups(self) -> Vec<(Past, Vec<Expr>)> {
        let mut groups: Vec<(Past, Vec<Expr>)> = Vec::new();
        for (expr, past) in self.functions {
            let alike = |other: &Expr| {
                let (a, b) = (function(&expr)?, function(other)?);
                Some(a.params.partition_by == b.params.partition_by && a.params.order_by == b.params.order_by)
            };
            let joined = groups.iter_mut().find_map(|(p, of)| {
                let both = both(*p, past)?;
                of.first().and_then(alike)?.then_some((both, p, of))
            });
            match joined {
                Some((both, p, of)) => {
                    *p = both;
                    of.push(expr);
                }
                None => groups.push((past, vec![expr])),
            }
        }
        groups
    }
}

impl Lowering {
    /// Whether all functions of an OVER are final when W has passed a row.
    pub(super) fn by_time(&self, window: &Window, input: &StreamProperties) -> Option<OverByTime> {
        if input.updating || self.emit == Emit::Changes {
            return None;
        }
        let mut times = input.times.iter().filter(|(_, time)| time.domain != Domain::Clock);
        times.find_map(|(column, time)| OverByTime::new(window, *column, time))
    }

    /// Lowers an OVER by time: one operator per group of functions with a common partition and state.
    pub(super) async fn over_by_time(&mut self, window: &Window, input: Lowered, by: OverByTime) -> Result<Lowered> {
        let (column, mut time, columns) = (by.column, by.time.clone(), by.columns.clone());
        let (mut lowered, mut below) = (input, Arc::clone(&window.input));
        for (past, exprs) in by.groups() {
            let part = Window::try_new(exprs, below)?;
            let key = (LogicalPlan::Window(part.clone()), self.emit);
            lowered = match self.shared.get(&key) {
                Some(done) => done.clone(),
                None => self.over_aggregate(&part, lowered, (column, &time), past).await?,
            };
            self.shared.insert(key, lowered.clone());
            time = time.guarded();
            below = Arc::new(LogicalPlan::Window(part));
        }
        if below.schema() == &window.schema {
            return Ok(lowered);
        }
        let plan = Projection::try_new_with_schema(columns, Arc::new(lowered.plan), Arc::clone(&window.schema))?;
        Ok(Lowered { plan: LogicalPlan::Projection(plan), ..lowered })
    }

    async fn over_aggregate(&mut self, window: &Window, input: Lowered, (column, time): (usize, &Time), past: Past) -> Result<Lowered> {
        let schema = Arc::clone(window.input.schema());
        let partition = window.window_expr.first().and_then(function).map(|f| f.params.partition_by.clone()).unwrap_or_default();
        let partition = self.physical(&partition, &schema)?;
        let whole = LogicalPlan::Window(window.clone());
        let sub = match past {
            Past::Totals => {
                let totals = Totals::new(window)?;
                self.subplan(&whole, &[with_behind(&schema, &totals.fields())?], |_, leaves| totals.plan(only(leaves)?)).await?
            }
            _ => {
                let new = Field::new(NEW, DataType::Boolean, false);
                self.subplan(&whole, &[with_behind(&schema, &[new])?], |_, leaves| rows_plan(window, past, only(leaves)?)).await?
            }
        };
        let after = time.to_end().unwrap_or(1);
        let (from, to) = (Arc::clone(schema.inner()), Arc::clone(window.schema.inner()));
        let rows = OverRows { input: from, output: to, time: (column, after), partition };
        let operator = OverAggregate::new(sub, rows, past, self.ttl)?;
        // Rows are emitted in the epoch in which W passes them: none is older than W at the epoch's start.
        let times = BTreeMap::from([(column, time.guarded())]);
        let properties = StreamProperties {
            times,
            keys: input.properties.keys.clone(),
            sources: input.properties.sources.clone(),
            ..StreamProperties::default()
        };
        let input = self.with_late_filter(input, self.next_node(), column, time, after)?;
        self.operator(Arc::new(operator), vec![Input::Piece(Box::new(input))], &window.schema, Some(time), properties).await
    }
}

/// The column that is true for new rows, and false for past ones.
const NEW: &str = "__new";

fn only(leaves: Vec<LogicalPlan>) -> Result<LogicalPlan> {
    leaves.into_iter().next().ok_or_else(|| Error::internal("OVER has one input"))
}

fn with_behind(schema: &DFSchema, behind: &[Field]) -> Result<DFSchemaRef> {
    Ok(Arc::new(with_columns(schema, behind.iter().map(|field| Arc::new(field.clone())))?))
}

/// The functions over past and new rows: returns the new ones, and for [`Past::Last`] those to keep.
fn rows_plan(window: &Window, past: Past, leaf: LogicalPlan) -> Result<LogicalPlan> {
    let mut out = columns(&window.schema);
    let mut plan = windows(window.window_expr.clone(), leaf)?;
    let mut wanted = named(NEW);
    if let (Past::Last(rows), Some(first)) = (past, window.window_expr.first().and_then(function)) {
        // Numbered from the end.
        let mut number = whole_partition(row_number(), Vec::new(), &first.params.partition_by);
        number.params.order_by = first.params.order_by.iter().map(|s| s.expr.clone().sort(!s.asc, !s.nulls_first)).collect();
        plan = windows(vec![Expr::from(number).alias(NUMBER)], plan)?;
        let last = named(NUMBER).lt_eq(lit(i64::try_from(rows).unwrap_or(i64::MAX)));
        wanted = wanted.or(last.clone());
        out.extend([named(NEW), last.alias("__kept")]);
    }
    project(out, LogicalPlan::Filter(Filter::try_new(wanted, Arc::new(plan))?))
}
