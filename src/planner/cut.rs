//! Logical nodes that only the continuous planner makes: where a plan is cut, and what stands right above a cut.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use datafusion::common::{DFSchemaRef, Result as DfResult};
use datafusion::logical_expr::{Expr, Extension, LogicalPlan, UserDefinedLogicalNodeCore};

use crate::operators::late::LateFilter;

/// A leaf that stands for rows of an earlier stage.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Cut {
    /// The stage's number.
    pub stage: u32,
    /// Its columns.
    pub schema: DFSchemaRef,
}

/// Takes late rows out.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Late {
    /// What is below.
    pub input: LogicalPlan,
    /// Which rows are late; at no watermark yet.
    pub filter: LateFilter,
}

impl Cut {
    /// As a plan.
    pub fn plan(stage: u32, schema: DFSchemaRef) -> LogicalPlan {
        LogicalPlan::Extension(Extension { node: Arc::new(Self { stage, schema }) })
    }
}

impl PartialOrd for Cut {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        self.stage.partial_cmp(&other.stage)
    }
}

impl Late {
    /// On top of a piece.
    pub fn plan(input: LogicalPlan, filter: LateFilter) -> LogicalPlan {
        LogicalPlan::Extension(Extension { node: Arc::new(Self { input, filter }) })
    }
}

impl PartialOrd for Late {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        self.filter.node.partial_cmp(&other.filter.node)
    }
}

impl UserDefinedLogicalNodeCore for Cut {
    fn name(&self) -> &'static str {
        "Cut"
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
        write!(f, "Cut: stage={}", self.stage)
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
