//! The logical node of a table whose rows are found by key: its input is the keys, its output the table's rows.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use datafusion::catalog::Session as DfSession;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchemaRef, Result as DfResult};
use datafusion::datasource::source_as_provider;
use datafusion::logical_expr::{Expr, Extension, LogicalPlan, TableScan, UserDefinedLogicalNodeCore};
use datafusion::physical_plan::ExecutionPlan;

use crate::operators::StaticScanExec;

/// The rows of a table that have one of the keys of the input.
///
/// ```text
///  Join ── the stream's new rows
///   └──── LookupScan: the table's columns
///          └── Distinct ── Projection: key, by the names of the table's columns ── the stream's new rows
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct LookupScan {
    /// The plan that yields the keys.
    pub keys: LogicalPlan,
    /// The scan of the table as of the epoch, which this node replaces.
    pub scan: TableScan,
}

impl LookupScan {
    /// Wraps the node in a plan.
    pub fn plan(keys: LogicalPlan, scan: TableScan) -> LogicalPlan {
        LogicalPlan::Extension(Extension { node: Arc::new(Self { keys, scan }) })
    }

    /// The physical plan over the keys.
    ///
    /// # Errors
    /// When the table cannot be planned.
    pub async fn physical(&self, keys: Arc<dyn ExecutionPlan>, session: &dyn DfSession) -> DfResult<Arc<dyn ExecutionPlan>> {
        let TableScan { source, projection, filters, .. } = &self.scan;
        let plan = source_as_provider(source)?.scan(session, projection.as_ref(), filters, None).await?;
        let keyed = plan.transform_up(|node| match node.downcast_ref::<StaticScanExec>() {
            Some(scan) => Ok(Transformed::yes(Arc::new(scan.with_keys(Some(Arc::clone(&keys)))) as Arc<dyn ExecutionPlan>)),
            None => Ok(Transformed::no(node)),
        });
        Ok(keyed?.data)
    }
}

impl PartialOrd for LookupScan {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        self.keys.partial_cmp(&other.keys)
    }
}

impl UserDefinedLogicalNodeCore for LookupScan {
    fn name(&self) -> &'static str {
        "LookupScan"
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        vec![&self.keys]
    }

    fn schema(&self) -> &DFSchemaRef {
        &self.scan.projected_schema
    }

    fn expressions(&self) -> Vec<Expr> {
        Vec::new()
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys: Vec<&str> = self.keys.schema().fields().iter().map(|field| field.name().as_str()).collect();
        write!(f, "LookupScan: {} by {}", self.scan.table_name, keys.join(", "))
    }

    fn with_exprs_and_inputs(&self, _: Vec<Expr>, mut inputs: Vec<LogicalPlan>) -> DfResult<Self> {
        Ok(Self { keys: inputs.pop().unwrap_or_else(|| self.keys.clone()), ..self.clone() })
    }
}
