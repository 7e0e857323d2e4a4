//! Logical nodes that only the continuous planner makes: the leaf where a plan is cut, and the nodes right above it.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use datafusion::common::{DFSchemaRef, Result as DfResult};
use datafusion::logical_expr::{Expr, Extension, LogicalPlan, UserDefinedLogicalNodeCore};

use crate::common::Result;
use crate::operators::epoch::row_number::RowNumber;
use crate::operators::windows::late_filter::LateFilter;

use super::columns::with_columns;

/// A leaf that reads the rows of an earlier stage.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct StageInput {
    /// The stage's number.
    pub stage: u32,
    /// The number of partitions of its output.
    pub partitions: usize,
    /// Its columns.
    pub schema: DFSchemaRef,
}

/// Drops late rows.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Late {
    /// The input.
    pub input: LogicalPlan,
    /// Which rows are late; its watermark is not set yet.
    pub filter: LateFilter,
}

/// Numbers the rows of a leaf.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Numbered {
    /// The leaf.
    pub input: LogicalPlan,
    schema: DFSchemaRef,
}

impl StageInput {
    /// Makes the leaf a plan.
    pub fn plan(stage: u32, partitions: usize, schema: DFSchemaRef) -> LogicalPlan {
        LogicalPlan::Extension(Extension { node: Arc::new(Self { stage, partitions, schema }) })
    }
}

impl PartialOrd for StageInput {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        self.stage.partial_cmp(&other.stage)
    }
}

impl Late {
    /// Adds the node on top of a plan.
    pub fn plan(input: LogicalPlan, filter: LateFilter) -> LogicalPlan {
        LogicalPlan::Extension(Extension { node: Arc::new(Self { input, filter }) })
    }
}

impl Numbered {
    /// Adds the node on top of a leaf.
    pub fn plan(input: LogicalPlan) -> Result<LogicalPlan> {
        Ok(LogicalPlan::Extension(Extension { node: Arc::new(Self::new(input)?) }))
    }

    fn new(input: LogicalPlan) -> DfResult<Self> {
        let schema = Arc::new(with_columns(input.schema(), [Arc::new(RowNumber::field())])?);
        Ok(Self { input, schema })
    }
}

impl PartialOrd for Numbered {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        self.input.partial_cmp(&other.input)
    }
}

impl PartialOrd for Late {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        self.filter.node.partial_cmp(&other.filter.node)
    }
}

impl UserDefinedLogicalNodeCore for StageInput {
    fn name(&self) -> &'static str {
        "StageInput"
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        Vec::new()
    }

    fn schema(&self) -> &DFSchemaRef {
        &self.schema
    }

    fn expressions(&self) -> Vec<Expr> {
        Vec::new()
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StageInput: stage={}", self.stage)
    }

    fn with_exprs_and_inputs(&self, _: Vec<Expr>, _: Vec<LogicalPlan>) -> DfResult<Self> {
        Ok(self.clone())
    }
}

impl UserDefinedLogicalNodeCore for Late {
    fn name(&self) -> &'static str {
        "Late"
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        vec![&self.input]
    }

    fn schema(&self) -> &DFSchemaRef {
        self.input.schema()
    }

    fn expressions(&self) -> Vec<Expr> {
        Vec::new()
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Late: node={}", self.filter.node)
    }

    fn with_exprs_and_inputs(&self, _: Vec<Expr>, mut inputs: Vec<LogicalPlan>) -> DfResult<Self> {
        Ok(Self { input: inputs.pop().unwrap_or_else(|| self.input.clone()), ..self.clone() })
    }
}

impl UserDefinedLogicalNodeCore for Numbered {
    fn name(&self) -> &'static str {
        "Numbered"
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
        write!(f, "Numbered")
    }

    fn with_exprs_and_inputs(&self, _: Vec<Expr>, mut inputs: Vec<LogicalPlan>) -> DfResult<Self> {
        inputs.pop().map_or_else(|| Ok(self.clone()), Self::new)
    }
}
