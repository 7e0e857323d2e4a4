//! Logical nodes for the clock.

use std::sync::Arc;
use std::{cmp::Ordering, fmt};

use arrow::datatypes::Field;
use datafusion::common::{DFSchema, DFSchemaRef, Result as DfResult};
use datafusion::logical_expr::{Expr, Extension, LogicalPlan, UserDefinedLogicalNodeCore};

use super::{CLOCK, clock_type};

/// Puts the epoch's clock behind a row's columns, as [`CLOCK`]: the clock at which the row entered.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Clock {
    /// What is below.
    pub input: LogicalPlan,
    schema: DFSchemaRef,
}

/// Puts the clock behind a row's columns, as [`CLOCK`]: the clock of now, which goes on, so that all rows change with it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Ticking {
    /// What is below.
    pub input: LogicalPlan,
    /// In milliseconds.
    pub period: i64,
    schema: DFSchemaRef,
}

/// Lets rows pass as long as a predicate over them and `__clock()` holds: rows enter and leave as the clock goes on.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd)]
pub struct Live {
    /// What is below.
    pub input: LogicalPlan,
    /// The predicate.
    pub predicate: Expr,
}

/// A schema with the clock behind its columns.
pub fn with_clock(schema: &DFSchema) -> DfResult<DFSchema> {
    let mut fields: Vec<_> = schema.iter().map(|(q, f)| (q.cloned(), Arc::clone(f))).collect();
    fields.push((None, Arc::new(Field::new(CLOCK, clock_type(), false))));
    DFSchema::new_with_metadata(fields, schema.metadata().clone())
}

impl Clock {
    /// The clock behind the columns of `input`.
    pub fn plan(input: LogicalPlan) -> DfResult<LogicalPlan> {
        Ok(LogicalPlan::Extension(Extension { node: Arc::new(Self::new(input)?) }))
    }

    fn new(input: LogicalPlan) -> DfResult<Self> {
        let schema = Arc::new(with_clock(input.schema())?);
        Ok(Self { input, schema })
    }
}

impl Ticking {
    /// The clock behind the columns of `input`; it goes on every `period` milliseconds.
    pub fn plan(input: LogicalPlan, period: i64) -> DfResult<LogicalPlan> {
        Ok(LogicalPlan::Extension(Extension { node: Arc::new(Self::new(input, period)?) }))
    }

    fn new(input: LogicalPlan, period: i64) -> DfResult<Self> {
        let schema = Arc::new(with_clock(input.schema())?);
        Ok(Self { input, period, schema })
    }
}

impl Live {
    /// Rows of `input` for which `predicate` holds by the clock.
    pub fn plan(input: LogicalPlan, predicate: Expr) -> LogicalPlan {
        LogicalPlan::Extension(Extension { node: Arc::new(Self { input, predicate }) })
    }
}

impl PartialOrd for Clock {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        self.input.partial_cmp(&other.input)
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
        write!(f, "Clock")
    }

    fn with_exprs_and_inputs(&self, _: Vec<Expr>, mut inputs: Vec<LogicalPlan>) -> DfResult<Self> {
        inputs.pop().map_or_else(|| Ok(self.clone()), Self::new)
    }
}

impl PartialOrd for Ticking {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        (&self.input, self.period).partial_cmp(&(&other.input, other.period))
    }
}

impl UserDefinedLogicalNodeCore for Ticking {
    fn name(&self) -> &'static str {
        "Ticking"
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
        write!(f, "Ticking: every {} ms", self.period)
    }

    fn with_exprs_and_inputs(&self, _: Vec<Expr>, mut inputs: Vec<LogicalPlan>) -> DfResult<Self> {
        inputs.pop().map_or_else(|| Ok(self.clone()), |input| Self::new(input, self.period))
    }
}

impl UserDefinedLogicalNodeCore for Live {
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
