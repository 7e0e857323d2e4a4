//! The leaf of what a stream is joined with: a table as it is in this epoch.

use std::fmt;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::{DataFusionError, Result as DfResult};
use datafusion::execution::{SendableRecordBatchStream, SessionStateBuilder, TaskContext};
use datafusion::logical_expr::Expr;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::execution_plan::ReplaceChildrenOptions;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties, execute_stream};
use futures::{StreamExt, TryStreamExt, stream};

use crate::common::{Error, Result};

use crate::operators::{SourceSet, first_columns, properties};

/// Scans a table anew each time that it is run, by [`lookup_table`](crate::connectors::Source::lookup_table).
///
/// ```text
///  template   StaticScanExec: columns, filters                     planned once, the same for every epoch
///  run        lookup_table ─ scan ─▶ a plan of this epoch's files  ─▶ rows as of the epoch
/// ```
/// It is planned as late as that because what there is to scan, files for one, is part of such a plan. Filters are hints: the query that
/// stands above looks at every row again.
#[derive(Debug, Clone)]
pub struct StaticScanExec {
    table: String,
    schema: SchemaRef,
    filters: Vec<Expr>,
    limit: Option<usize>,
    properties: Arc<PlanProperties>,
}

impl StaticScanExec {
    /// A scan of the columns that `schema` names, for a query that wants the rows that pass `filters`, and at most n of them.
    pub fn new(table: &str, schema: SchemaRef, filters: Vec<Expr>, limit: Option<usize>) -> Self {
        let properties = properties(&schema, 1);
        Self { table: table.to_string(), schema, filters, limit, properties }
    }

    /// The table's name.
    pub fn table(&self) -> &str {
        &self.table
    }

    /// What rows have to pass.
    pub fn filters(&self) -> &[Expr] {
        &self.filters
    }

    /// How many rows are looked at.
    pub fn limit(&self) -> Option<usize> {
        self.limit
    }

    async fn run(self, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let sources = context.session_config().get_extension::<SourceSet>().unwrap_or_default();
        let source = sources.get(&self.table)?;
        let table = source.lookup_table().ok_or_else(|| Error::internal(format!("`{}` is no table to look up", self.table)))?;
        let columns = self.schema.fields().iter().map(|f| Ok(source.schema().index_of(f.name())?)).collect::<Result<Vec<_>>>()?;
        let session =
            SessionStateBuilder::new().with_config(context.session_config().clone()).with_runtime_env(context.runtime_env()).build();
        let plan = table.scan(&session, Some(&columns), &self.filters, self.limit).await?;
        Ok(execute_stream(plan, context)?)
    }
}

impl DisplayAs for StaticScanExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.schema.fields().iter().map(|f| f.name().as_str()).collect();
        write!(f, "StaticScanExec: table={}, static as of epoch, columns=[{}]", self.table, names.join(", "))?;
        if !self.filters.is_empty() {
            write!(f, ", filters=[{}]", self.filters.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))?;
        }
        self.limit.map_or(Ok(()), |limit| write!(f, ", limit={limit}"))
    }
}

impl ExecutionPlan for StaticScanExec {
    fn name(&self) -> &'static str {
        "StaticScanExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        Vec::new()
    }

    fn apply_expressions(&self, _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> DfResult<TreeNodeRecursion>) -> DfResult<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn replace_children(self: Arc<Self>, _: Vec<Arc<dyn ExecutionPlan>>, _: ReplaceChildrenOptions) -> DfResult<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn with_new_children(self: Arc<Self>, _: Vec<Arc<dyn ExecutionPlan>>) -> DfResult<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn execute(&self, _partition: usize, context: Arc<TaskContext>) -> DfResult<SendableRecordBatchStream> {
        let (scan, schema) = (self.clone(), Arc::clone(&self.schema));
        let table = self.table.clone();
        let named = move |e: DataFusionError| DataFusionError::from(Error::from(e).context(format!("table `{table}`, as of this epoch")));
        let rows = stream::once(async move { Ok::<_, DataFusionError>(scan.run(context).await?) }).try_flatten();
        let rows = rows.map(move |batch| Ok(first_columns(&schema, &batch.map_err(&named)?)?));
        Ok(Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.schema), rows)))
    }
}
