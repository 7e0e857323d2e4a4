//! Lowers WITH RECURSIVE: recomputed as a whole over its stored tables, and at each tick if it reads the clock.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, TableScan, TableScanBuilder};

use crate::common::{Error, Result};

use super::super::clock::Clock;
use super::super::provider::TableSource;
use super::super::session_windows::expand_sessions;
use super::recompute::Partitioning;
use super::{Lowered, Lowering};

impl Lowering {
    /// All nodes between a recursion and its tables are part of it: only the tables are inputs.
    pub(super) async fn recursion(&mut self, plan: &LogicalPlan) -> Result<Lowered> {
        let mut scans = Vec::new();
        let plan = &expand_sessions(plan.clone())?;
        plan.apply(|node| {
            if is_input(node) {
                scans.push(node.clone());
                return Ok(TreeNodeRecursion::Jump);
            }
            Ok(TreeNodeRecursion::Continue)
        })?;
        let mut inputs = Vec::with_capacity(scans.len());
        for scan in &scans {
            inputs.push(self.lower(scan).await?);
        }
        let schemas = scans.iter().map(|scan| Arc::clone(scan.schema())).collect();
        let partitioning = Partitioning::none(scans.len());
        self.recompute_over(plan, schemas, inputs, partitioning, Vec::new(), |plan, leaves| {
            let mut leaves = leaves.into_iter();
            let over = plan.clone().transform_down(|node| match &node {
                _ if is_input(&node) => {
                    let leaf = leaves.next().ok_or_else(|| Error::internal("a table of a recursion without a leaf"))?;
                    Ok(Transformed::new(leaf, true, TreeNodeRecursion::Jump))
                }
                LogicalPlan::TableScan(scan) if scan.projection.is_some() => {
                    Ok(Transformed::new(projected(scan)?, true, TreeNodeRecursion::Jump))
                }
                _ => Ok(Transformed::no(node)),
            })?;
            Ok(over.data)
        })
        .await
    }
}

/// A declared table, or the clock.
fn is_input(node: &LogicalPlan) -> bool {
    match node {
        LogicalPlan::TableScan(scan) => TableSource::from_scan(scan).is_some(),
        LogicalPlan::Extension(e) => e.node.as_any().downcast_ref::<Clock>().is_some_and(|clock| clock.every.is_some()),
        _ => false,
    }
}

/// A scan of the work table with its projection as a separate node: the projection of a `WorkTableExec` is private, so it could not be
/// encoded.
fn projected(scan: &TableScan) -> Result<LogicalPlan> {
    let columns: Vec<Expr> = scan.projected_schema.columns().into_iter().map(Expr::Column).collect();
    let whole = TableScanBuilder::new(scan.table_name.clone(), Arc::clone(&scan.source)).build()?;
    Ok(LogicalPlanBuilder::from(LogicalPlan::TableScan(whole)).project(columns)?.build()?)
}
