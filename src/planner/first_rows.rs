//! LIMIT without ORDER BY as a logical node.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use datafusion::common::DFSchemaRef;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::error::Result as DfResult;
use datafusion::logical_expr::{Expr, Extension, Limit, LogicalPlan, UserDefinedLogicalNodeCore, lit};

use super::rewrites::column_order::by_all_columns;

/// LIMIT without ORDER BY, before its strategy is chosen: the rows that came first, or the first by all columns where rows can be
/// retracted.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct FirstRowsNode {
    /// The input.
    pub input: LogicalPlan,
    /// How many rows to skip.
    pub skip: usize,
    /// How many rows to return after those; `None`: all.
    pub fetch: Option<usize>,
}

impl FirstRowsNode {
    /// Adds the node on top of a plan.
    pub fn plan(input: LogicalPlan, skip: usize, fetch: Option<usize>) -> LogicalPlan {
        LogicalPlan::Extension(Extension { node: Arc::new(Self { input, skip, fetch }) })
    }

    /// The equivalent LIMIT over an order by all columns.
    pub fn ordered(&self) -> DfResult<LogicalPlan> {
        let number = |n: usize| Some(Box::new(lit(i64::try_from(n).unwrap_or(i64::MAX))));
        by_all_columns(Limit { skip: number(self.skip), fetch: self.fetch.and_then(number), input: Arc::new(self.input.clone()) })
    }

    /// Replaces all nodes of this kind in a plan by such LIMITs.
    pub fn all_ordered(plan: LogicalPlan) -> DfResult<LogicalPlan> {
        let ordered = plan.transform_up(|node| match &node {
            LogicalPlan::Extension(extension) => match extension.node.as_any().downcast_ref::<Self>() {
                Some(first) => Ok(Transformed::yes(first.ordered()?)),
                None => Ok(Transformed::no(node)),
            },
            _ => Ok(Transformed::no(node)),
        })?;
        Ok(ordered.data)
    }
}

impl PartialOrd for FirstRowsNode {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        (self.skip, self.fetch).partial_cmp(&(other.skip, other.fetch))
    }
}

impl UserDefinedLogicalNodeCore for FirstRowsNode {
    fn name(&self) -> &'static str {
        "FirstRows"
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
        write!(f, "FirstRows: skip={}, fetch={:?}", self.skip, self.fetch)
    }

    fn with_exprs_and_inputs(&self, _: Vec<Expr>, mut inputs: Vec<LogicalPlan>) -> DfResult<Self> {
        Ok(Self { input: inputs.pop().unwrap_or_else(|| self.input.clone()), ..self.clone() })
    }
}
