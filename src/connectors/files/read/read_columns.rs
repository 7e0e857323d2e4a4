//! Which columns a source of files reads, for sources that take columns alone and leave what is computed to DataFusion.

use std::sync::Arc;

use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::datasource::physical_plan::FileOpener;
use datafusion::datasource::projection::{ProjectionOpener, SplitProjection};
use datafusion::datasource::table_schema::TableSchema;
use datafusion::error::Result as DfResult;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::projection::ProjectionExprs;

/// The columns of files and of their paths, and what is wanted of them.
#[derive(Clone)]
pub(super) struct ReadColumns {
    /// All of them.
    pub table: TableSchema,
    projection: SplitProjection,
}

impl ReadColumns {
    /// All columns.
    pub fn all(table: TableSchema) -> Self {
        Self { projection: SplitProjection::unprojected(&table), table }
    }

    /// The same, less what `projection` does not want.
    ///
    /// # Errors
    /// When it wants columns that there are not.
    pub fn narrowed(&self, projection: &ProjectionExprs) -> DfResult<Self> {
        let merged = self.projection.source.try_merge(projection)?;
        Ok(Self { projection: SplitProjection::new(self.table.file_schema(), &merged), table: self.table.clone() })
    }

    /// The wanted columns of files, by their places.
    pub fn places(&self) -> &[usize] {
        &self.projection.file_indices
    }

    /// What is wanted, as expressions.
    pub fn wanted(&self) -> &ProjectionExprs {
        &self.projection.source
    }

    /// An opener that gives what is wanted, over one that gives the wanted columns of files.
    ///
    /// # Errors
    /// When an expression does not fit.
    pub fn opener(&self, files: Arc<dyn FileOpener>) -> DfResult<Arc<dyn FileOpener>> {
        ProjectionOpener::try_new(self.projection.clone(), files, self.table.file_schema())
    }

    /// Shows each expression.
    ///
    /// # Errors
    /// What `f` says.
    pub fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> DfResult<TreeNodeRecursion>,
    ) -> DfResult<TreeNodeRecursion> {
        datafusion::physical_plan::apply_expression_roots(self.projection.source.iter(), f)
    }
}
