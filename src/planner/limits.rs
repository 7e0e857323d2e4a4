//! Limits on the size of a query: a few lines of text can expand to a plan of millions of nodes (a WITH name that is read twice by another
//! one that is read twice, ...), which a planner would process for hours.

use std::collections::HashMap;

use datafusion::common::Result as DfResult;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::{Expr, LogicalPlan};
use datafusion::optimizer::push_down_filter::PushDownFilter;
use datafusion::optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule};

use crate::common::{Error, Result};
use crate::sql::size::{MOST_COLUMNS, MOST_OPERATORS, too_large};

/// The maximum number of expression nodes.
const MOST_PARTS: u64 = 100_000;

/// Rejects a plan that is too large before anything walks over all of it.
///
/// # Errors
/// With the size of the plan and a way to make it smaller.
pub(super) fn check(plan: &LogicalPlan) -> Result<()> {
    let columns = plan.schema().fields().len();
    if columns as u64 > MOST_COLUMNS {
        return Err(Error::sql(format!("the query has {columns} columns; no more than {MOST_COLUMNS} are possible")));
    }
    let size = Sizes::default().measure(plan)?;
    if size.operators > MOST_OPERATORS || size.parts > MOST_PARTS { Err(too_large()) } else { Ok(()) }
}

#[derive(Debug, Default, Clone, Copy)]
struct Size {
    operators: u64,
    /// Expression nodes.
    parts: u64,
}

impl Size {
    fn add(&mut self, other: Self) {
        self.operators = self.operators.saturating_add(other.operators);
        self.parts = self.parts.saturating_add(other.parts);
    }
}

/// Expanded sizes of plans, by address: subplans that are shared are measured once.
#[derive(Default)]
struct Sizes(HashMap<*const LogicalPlan, Size>);

impl Sizes {
    fn measure(&mut self, plan: &LogicalPlan) -> DfResult<Size> {
        if let Some(size) = self.0.get(&std::ptr::from_ref(plan)) {
            return Ok(*size);
        }
        let mut size = Size { operators: 1, parts: 0 };
        for input in plan.inputs() {
            size.add(self.measure(input)?);
        }
        plan.apply_expressions(|expr| {
            size.add(self.of_expr(expr)?);
            Ok(TreeNodeRecursion::Continue)
        })?;
        self.0.insert(std::ptr::from_ref(plan), size);
        Ok(size)
    }

    fn of_expr(&mut self, expr: &Expr) -> DfResult<Size> {
        let mut size = Size::default();
        expr.apply(|part| {
            size.add(Size { operators: 0, parts: 1 });
            match part {
                Expr::ScalarSubquery(query) => size.add(self.measure(&query.subquery)?),
                Expr::InSubquery(test) => size.add(self.measure(&test.subquery.subquery)?),
                Expr::Exists(test) => size.add(self.measure(&test.subquery.subquery)?),
                _ => {}
            }
            Ok(TreeNodeRecursion::Continue)
        })?;
        Ok(size)
    }
}

/// DataFusion's rule that inlines the expressions of columns into a condition: the condition may double with every SELECT it passes.
#[derive(Debug, Default)]
pub(super) struct BoundedPushDown(PushDownFilter);

impl OptimizerRule for BoundedPushDown {
    fn name(&self) -> &'static str {
        "push_down_filter"
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        self.0.apply_order()
    }

    fn supports_rewrite(&self) -> bool {
        true
    }

    fn rewrite(&self, plan: LogicalPlan, config: &dyn OptimizerConfig) -> DfResult<Transformed<LogicalPlan>> {
        bounded(&plan)?;
        self.0.rewrite(plan, config)
    }
}

/// Rejects a condition that has become too large.
pub(super) fn bounded(plan: &LogicalPlan) -> DfResult<()> {
    let LogicalPlan::Filter(filter) = plan else { return Ok(()) };
    if Sizes::default().of_expr(&filter.predicate)?.parts > MOST_PARTS { Err(too_large().into()) } else { Ok(()) }
}
