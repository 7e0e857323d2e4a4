//! Logical nodes for the clock.

use std::sync::Arc;
use std::{cmp::Ordering, fmt};

use arrow::datatypes::Field;
use datafusion::common::{DFSchema, DFSchemaRef, Result as DfResult};
use datafusion::logical_expr::{Expr, Extension, LogicalPlan, UserDefinedLogicalNodeCore};

use super::super::columns::with_columns;
use super::{CLOCK, clock_type};

/// Appends a clock to a row's columns, as [`CLOCK`].
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Clock {
    /// The input.
    pub input: LogicalPlan,
    /// The period in milliseconds after which all rows take the current clock; `None`: they keep the one at which they entered.
    pub every: Option<i64>,
    schema: DFSchemaRef,
}

/// Passes rows while a predicate over them and `__clock()` holds: rows enter and leave as the clock advances.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd)]
pub struct TemporalFilterNode {
    /// The input.
    pub input: LogicalPlan,
    /// The predicate.
    pub predicate: Expr,
}

/// A schema with the clock appended to its columns.
pub fn with_clock(schema: &DFSchema) -> DfResult<DFSchema> {
    with_columns(schema, [Arc::new(Field::new(CLOCK, clock_type(), false))])
}

impl Clock {
    /// Appends to the columns of `input` the clock at which a row entered.
    pub fn entered(input: LogicalPlan) -> DfResult<LogicalPlan> {
        Self::plan(input, None)
    }

    /// Appends the current clock to the columns of `input`; it ticks every `period` milliseconds, which changes all rows.
    pub fn ticking(input: LogicalPlan, period: i64) -> DfResult<LogicalPlan> {
        Self::plan(input, Some(period))
    }

    /// The same node over another input.
    pub fn over(&self, input: LogicalPlan) -> DfResult<LogicalPlan> {
        Self::plan(input, self.every)
    }

    fn plan(input: LogicalPlan, every: Option<i64>) -> DfResult<LogicalPlan> {
        Ok(LogicalPlan::Extension(Extension { node: Arc::new(Self::new(input, every)?) }))
    }

    fn new(input: LogicalPlan, every: Option<i64>) -> DfResult<Self> {
        let schema = Arc::new(with_clock(input.schema())?);
        Ok(Self { input, every, schema })
    }
}

impl TemporalFilterNode {
    /// Rows of `input` for which `predicate` holds by the clock.
    pub fn plan(input: LogicalPlan, predicate: Expr) -> LogicalPlan {
        LogicalPlan::Extension(Extension { node: Arc::new(Self { input, predicate }) })
    }
}

impl PartialOrd for Clock {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        (&self.input, self.every).partial_cmp(&(&other.input, other.every))
    }
}

impl UserDefinedLogicalNodeCore for Clock {
    fn name(&self) -> &'static str {
        "Clock"
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        vec![&self.input]
    }

    fn schema(&self) -> &DFSchemaRef {
        &self.schema
    }

    fn expressions(&self) -> Vec<Expr> {
        Vec::new()
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.every {
            None => write!(f, "Clock"),
            Some(every) => write!(f, "Clock: every {every} ms"),
        }
    }

    fn with_exprs_and_inputs(&self, _: Vec<Expr>, mut inputs: Vec<LogicalPlan>) -> DfResult<Self> {
        inputs.pop().map_or_else(|| Ok(self.clone()), |input| Self::new(input, self.every))
    }
}

impl UserDefinedLogicalNodeCore for TemporalFilterNode {
    fn name(&self) -> &'static str {
        "Live"
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        vec![&self.input]
    }

    fn schema(&self) -> &DFSchemaRef {
        self.input.schema()
    }

    fn expressions(&self) -> Vec<Expr> {
        vec![self.predicate.clone()]
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Live: {}", self.predicate)
    }

    fn with_exprs_and_inputs(&self, mut exprs: Vec<Expr>, mut inputs: Vec<LogicalPlan>) -> DfResult<Self> {
        let input = inputs.pop().unwrap_or_else(|| self.input.clone());
        Ok(Self { input, predicate: exprs.pop().unwrap_or_else(|| self.predicate.clone()) })
    }
}
