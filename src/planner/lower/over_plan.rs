//! Helpers to build the plans of OVER by time.

use std::sync::Arc;

use datafusion::common::Column;
use datafusion::logical_expr::expr::WindowFunction;
use datafusion::logical_expr::{Expr, LogicalPlan, Projection, Window, WindowFunctionDefinition};

use crate::common::Result;

/// Numbers the rows of a partition.
pub(super) const NUMBER: &str = "__number";

/// An unqualified column, whatever its name.
pub(super) fn named(name: &str) -> Expr {
    Expr::Column(Column::new_unqualified(name))
}

/// The function in an expression of OVER.
pub(super) fn function(expr: &Expr) -> Option<&WindowFunction> {
    match expr {
        Expr::Alias(alias) => function(&alias.expr),
        Expr::WindowFunction(function) => Some(function),
        _ => None,
    }
}

/// A window function OVER all rows of the partition.
pub(super) fn whole_partition(function: impl Into<WindowFunctionDefinition>, args: Vec<Expr>, partition: &[Expr]) -> WindowFunction {
    let mut call = WindowFunction::new(function, args);
    call.params.partition_by = partition.to_vec();
    call
}

pub(super) fn windows(exprs: Vec<Expr>, input: LogicalPlan) -> Result<LogicalPlan> {
    Ok(LogicalPlan::Window(Window::try_new(exprs, Arc::new(input))?))
}

pub(super) fn project(exprs: Vec<Expr>, input: LogicalPlan) -> Result<LogicalPlan> {
    Ok(LogicalPlan::Projection(Projection::try_new(exprs, Arc::new(input))?))
}
