//! Views written in another dialect than the query that uses them.
//!
//! The rules of the view's own dialect make its plan. The rules of the outer query must not look into it: they would give its casts and
//! sums the meaning of their own dialect. So the view is a leaf of the query, and of queries that contain that one, until all their rules
//! have been applied.
//!
//! ```text
//!  SELECT * FROM v  ─▶  Projection       ─▶ rules ─▶ open:  Projection
//!                         SubqueryAlias: v                    SubqueryAlias: v
//!                           ForeignView: test                   the plan of v
//! ```

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use datafusion::common::DFSchemaRef;
use datafusion::common::tree_node::Transformed;
use datafusion::error::Result as DfResult;
use datafusion::logical_expr::{Expr, Extension, LogicalPlan, UserDefinedLogicalNodeCore};

use crate::common::Result;
use crate::sql::Dialect;

/// A leaf that holds the plan of such a view.
#[derive(Debug, PartialEq, Eq)]
struct ForeignView {
    plan: LogicalPlan,
    dialect: Dialect,
}

/// Hides the plan of a view from the rules of other dialects.
pub(super) fn close(plan: LogicalPlan, dialect: Dialect) -> LogicalPlan {
    LogicalPlan::Extension(Extension { node: Arc::new(ForeignView { plan, dialect }) })
}

/// Replaces such leaves by the plans of their views, once all rules of the whole query have been applied.
///
/// # Errors
/// When DataFusion refuses the plan.
pub(super) fn open(plan: &LogicalPlan) -> Result<LogicalPlan> {
    let opened = plan.clone().transform_up_with_subqueries(|node| {
        let LogicalPlan::Extension(extension) = &node else { return Ok(Transformed::no(node)) };
        let any: &dyn std::any::Any = extension.node.as_any();
        match any.downcast_ref::<ForeignView>() {
            // The view may contain others in turn.
            Some(view) => Ok(Transformed::yes(open(&view.plan)?)),
            None => Ok(Transformed::no(node)),
        }
    })?;
    Ok(opened.data)
}

impl Hash for ForeignView {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.plan.hash(state);
    }
}

impl PartialOrd for ForeignView {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        self.plan.partial_cmp(&other.plan)
    }
}

impl UserDefinedLogicalNodeCore for ForeignView {
    fn name(&self) -> &'static str {
        "ForeignView"
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        Vec::new()
    }

    fn schema(&self) -> &DFSchemaRef {
        self.plan.schema()
    }

    fn expressions(&self) -> Vec<Expr> {
        Vec::new()
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ForeignView: {}", self.dialect.name())
    }

    fn with_exprs_and_inputs(&self, _: Vec<Expr>, _: Vec<LogicalPlan>) -> DfResult<Self> {
        Ok(Self { plan: self.plan.clone(), dialect: self.dialect })
    }
}
