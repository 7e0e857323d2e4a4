//! Computes OVER by time from totals: functions whose frame begins with the partition, over new rows alone.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field};
use datafusion::functions_aggregate::{count::count_udaf, sum::sum_udaf};
use datafusion::functions_window::nth_value::first_value_udwf;
use datafusion::logical_expr::expr::WindowFunction;
use datafusion::logical_expr::{Expr, LogicalPlan, Window, WindowFrameBound, WindowFunctionDefinition, cast, lit, when};

use crate::common::{Error, Result};

use super::columns;
use super::over_plan::{NUMBER, function, named, project, whole_partition, windows};
use crate::planner::functions::checked::sum_of_parts;
use crate::planner::functions::{min_max, row_number};

/// AVG as the quotient of SUM and COUNT, where that is exact.
pub(super) fn average(expr: &Expr, field: &Field) -> Option<[Expr; 2]> {
    let average = function(expr).filter(|f| f.fun.name() == "avg" && !f.params.distinct)?;
    let frame = &average.params.window_frame;
    let running = frame.start_bound.is_unbounded() && matches!(frame.end_bound, WindowFrameBound::CurrentRow);
    let part = |fun| Expr::from(WindowFunction { fun: WindowFunctionDefinition::AggregateUDF(fun), ..average.clone() });
    (running && field.data_type() == &DataType::Float64).then(|| [part(sum_udaf()), part(count_udaf())])
}

/// The functions over new rows, added to totals of the rows before, and the totals of both.
///
/// ```text
///  new rows, totals ─▶ functions over new rows ─▶ + totals ─▶ over the whole partition ─▶ new totals, at one row of each
/// ```
pub(super) struct Totals<'w> {
    window: &'w Window,
    partition: &'w [Expr],
    each: Vec<Total<'w>>,
}

/// One function with its total.
struct Total<'w> {
    function: &'w WindowFunction,
    kind: &'w DataType,
    /// Its column of the output.
    name: &'w str,
    /// The column of its total.
    total: String,
}

/// The partition had rows before.
const SEEN: &str = "__seen";

impl<'w> Totals<'w> {
    pub(super) fn new(window: &'w Window) -> Result<Self> {
        let fields = window.schema.fields().iter().skip(window.input.schema().fields().len());
        let total = |(i, (expr, field)): (usize, (&'w Expr, &'w Arc<Field>))| {
            let function = function(expr).ok_or_else(|| Error::internal("OVER without a function"))?;
            Ok(Total { function, kind: field.data_type(), name: field.name(), total: format!("__total{i}") })
        };
        let each = window.window_expr.iter().zip(fields).enumerate().map(total).collect::<Result<Vec<_>>>()?;
        let partition = each.first().map(|t| t.function.params.partition_by.as_slice()).unwrap_or_default();
        Ok(Self { window, partition, each })
    }

    /// The columns of the totals of a partition.
    pub(super) fn fields(&self) -> Vec<Field> {
        let totals = self.each.iter().map(|t| Field::new(&t.total, t.kind.clone(), true));
        [Field::new(SEEN, DataType::Boolean, true)].into_iter().chain(totals).collect()
    }

    pub(super) fn plan(&self, leaf: LogicalPlan) -> Result<LogicalPlan> {
        let over_new = windows(self.window.window_expr.clone(), leaf)?;
        let input = columns(self.window.input.schema());
        let mut added = input.clone();
        for total in &self.each {
            added.push(total.answer(named(total.name))?.alias(total.name));
        }
        added.push(named(SEEN));
        added.extend(self.each.iter().map(|t| named(&t.total)));
        let answered = project(added, over_new)?;

        let mut over_all: Vec<Expr> = self.each.iter().map(|t| t.over_all(self.partition)).collect();
        over_all.push(Expr::from(whole_partition(row_number(), Vec::new(), self.partition)).alias(NUMBER));
        let mut out = columns(&self.window.schema);
        out.push(lit(true).alias(SEEN));
        for total in &self.each {
            out.push(total.next()?.alias(&total.total));
        }
        out.push(named(NUMBER).eq(lit(1i64)).alias("__one"));
        project(out, windows(over_all, answered)?)
    }
}

impl Total<'_> {
    fn kind_of(&self) -> &str {
        self.function.fun.name()
    }

    /// The total combined with a value of new rows.
    fn answer(&self, new: Expr) -> Result<Expr> {
        let total = named(&self.total);
        let first_rows = || when(named(SEEN).is_null(), new.clone());
        let known = || when(total.clone().is_null(), new.clone());
        Ok(match self.kind_of() {
            "first_value" => first_rows().otherwise(total)?,
            "sum" => {
                let sum = cast(sum_of_parts(self.name, total.clone(), new.clone(), self.kind), self.kind.clone());
                known().when(new.is_null(), total).otherwise(sum)?
            }
            "min" | "max" => {
                let total_first = if self.kind_of() == "min" { total.clone().lt_eq(new.clone()) } else { total.clone().gt_eq(new.clone()) };
                known().when(new.clone().is_null().or(total_first), total).otherwise(new)?
            }
            _ => first_rows().otherwise(total + new.clone())?,
        })
    }

    /// The window expression from which the next total follows.
    fn over_all(&self, partition: &[Expr]) -> Expr {
        let answer = || vec![named(self.name)];
        let call = match self.kind_of() {
            // Of equal ranks the number of rows is not the highest one.
            "rank" => whole_partition(count_udaf(), vec![lit(1i64)], partition),
            "sum" => {
                let params = &self.function.params;
                let mut sum = whole_partition(self.function.fun.clone(), params.args.clone(), partition);
                sum.params.filter = params.filter.clone();
                sum
            }
            "min" => whole_partition(min_max::min(), answer(), partition),
            "first_value" => whole_partition(first_value_udwf(), answer(), partition),
            _ => whole_partition(min_max::max(), answer(), partition),
        };
        Expr::from(call).alias(self.over_all_name())
    }

    fn over_all_name(&self) -> String {
        format!("{}_over_all", self.total)
    }

    /// The next total.
    fn next(&self) -> Result<Expr> {
        let over_all = named(&self.over_all_name());
        match self.kind_of() {
            "rank" => self.answer(cast(over_all, self.kind.clone())),
            "sum" => self.answer(over_all),
            _ => Ok(over_all),
        }
    }
}
