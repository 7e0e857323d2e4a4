//! Logical nodes that only the continuous planner makes: where a plan is cut, and what stands right above a cut.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use datafusion::common::{DFSchemaRef, Result as DfResult};
use datafusion::logical_expr::{Expr, Extension, LogicalPlan, UserDefinedLogicalNodeCore};

use crate::operators::panes::Panes;

/// A leaf that stands for rows of an earlier stage.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Cut {
    /// The stage's number.
    pub stage: u32,
    /// Its columns.
    pub schema: DFSchemaRef,
}

/// Takes late rows out before operator `node`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd)]
pub(super) struct Late {
    /// What is below.
    pub input: LogicalPlan,
    /// The operator that they are late for.
    pub node: u32,
    /// The tables that they come from.
    pub sources: Vec<String>,
    /// The column that holds a time, and how many milliseconds after it W makes a row late.
    pub until: (usize, i64),
    /// The rows' windows, if they carry panes that windows share.
    pub panes: Option<Panes>,
}

/// Takes rows out that are late for sessions of operator `node`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd)]
pub(super) struct SessionLate {
    /// What is below.
    pub input: LogicalPlan,
    /// The operator that they are late for.
    pub node: u32,
    /// Tables that the rows come from.
    pub sources: Vec<String>,
    /// The gap, the columns of the key, and those of the window.
    pub sessions: (i64, Vec<usize>, [Option<usize>; 3]),
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
        write!(f, "Late: node={}", self.node)
    }

    fn with_exprs_and_inputs(&self, _: Vec<Expr>, mut inputs: Vec<LogicalPlan>) -> DfResult<Self> {
        Ok(Self { input: inputs.pop().unwrap_or_else(|| self.input.clone()), ..self.clone() })
    }
}

impl UserDefinedLogicalNodeCore for SessionLate {
    fn name(&self) -> &'static str {
        "SessionLate"
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
        write!(f, "SessionLate: node={}", self.node)
    }

    fn with_exprs_and_inputs(&self, _: Vec<Expr>, mut inputs: Vec<LogicalPlan>) -> DfResult<Self> {
        Ok(Self { input: inputs.pop().unwrap_or_else(|| self.input.clone()), ..self.clone() })
    }
}
