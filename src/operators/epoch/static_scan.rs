//! The scan of a static table in a lookup join: its rows as of this epoch.

use std::fmt;
use std::sync::Arc;

use arrow::compute::concat_batches;
use arrow::datatypes::SchemaRef;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::{DataFusionError, Result as DfResult};
use datafusion::execution::{SendableRecordBatchStream, SessionStateBuilder, TaskContext};
use datafusion::logical_expr::Expr;
use datafusion::physical_expr::{Distribution, PhysicalExpr};
use datafusion::physical_plan::execution_plan::ReplaceChildrenOptions;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties, collect, execute_stream};
use datafusion_proto::bytes::Serializeable;
use futures::{StreamExt, TryStreamExt, stream};
use serde::{Deserialize, Serialize};

use crate::common::{Error, Projection, Result};
use crate::connectors::Source;

use super::portable::{PlanBytes, PlanDecoder, PlanEncoder, PortableNode};
use crate::operators::{SourceSet, first_columns, properties};

/// Scans a table anew in each run, through [`snapshot`](crate::connectors::Source::snapshot).
///
/// ```text
///  template   StaticScanExec: columns, filters                     planned once, the same for every epoch
///  run        snapshot ─ scan ─▶ a plan of this epoch's files  ─▶ rows as of the epoch
///         or  keys, run first ─▶ lookup ─ get(keys)             ─▶ the rows of these keys
/// ```
/// It is planned at run time because the plan of a scan contains, for example, the list of files. Filters are hints: the enclosing query
/// filters every row again.
#[derive(Debug, Clone)]
pub struct StaticScanExec {
    table: String,
    schema: SchemaRef,
    filters: Vec<Expr>,
    limit: Option<usize>,
    /// The plan of the keys to look up, if the table finds rows by key; its columns have the table's names.
    keys: Option<Arc<dyn ExecutionPlan>>,
    properties: Arc<PlanProperties>,
}

impl StaticScanExec {
    /// Scans the columns of `schema`, for a query that needs the rows that pass `filters`, and at most `limit` of them.
    pub fn new(table: &str, schema: SchemaRef, filters: Vec<Expr>, limit: Option<usize>) -> Self {
        let properties = properties(&schema, 1);
        Self { table: table.to_string(), schema, filters, limit, keys: None, properties }
    }

    /// The same scan, for only the rows with these keys.
    #[must_use]
    pub fn with_keys(&self, keys: Option<Arc<dyn ExecutionPlan>>) -> Self {
        Self { keys, ..self.clone() }
    }

    /// The plan of the keys to look up.
    pub fn keys(&self) -> Option<&Arc<dyn ExecutionPlan>> {
        self.keys.as_ref()
    }

    /// The table's name.
    pub fn table(&self) -> &str {
        &self.table
    }

    /// The filters, as hints.
    pub fn filters(&self) -> &[Expr] {
        &self.filters
    }

    /// The maximum number of rows to read.
    pub fn limit(&self) -> Option<usize> {
        self.limit
    }

    async fn run(self, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let sources = context.session_config().get_extension::<SourceSet>().unwrap_or_default();
        let source = sources.get(&self.table)?;
        if let Some(keys) = &self.keys {
            return self.look_up(source.as_ref(), Arc::clone(keys), context).await;
        }
        let table = source.snapshot().ok_or_else(|| Error::internal(format!("`{}` has no snapshot", self.table)))?;
        let columns = self.schema.fields().iter().map(|f| Ok(source.schema().index_of(f.name())?)).collect::<Result<Vec<_>>>()?;
        let session =
            SessionStateBuilder::new().with_config(context.session_config().clone()).with_runtime_env(context.runtime_env()).build();
        let plan = table.scan(&session, Some(&columns), &self.filters, self.limit).await?;
        Ok(execute_stream(plan, context)?)
    }
}

impl StaticScanExec {
    async fn look_up(
        &self,
        source: &dyn Source,
        keys: Arc<dyn ExecutionPlan>,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let lookup = source.lookup().ok_or_else(|| Error::internal(format!("`{}` finds no rows by key", self.table)))?;
        let schema = keys.schema();
        let keys = concat_batches(&schema, &collect(keys, context).await?)?;
        let rows = if keys.num_rows() == 0 {
            Vec::new()
        } else {
            let columns = self.schema.fields().iter().map(|f| Ok(source.schema().index_of(f.name())?)).collect::<Result<Vec<_>>>()?;
            lookup.get(&keys, &Projection::columns(&source.schema(), &columns)?).await?
        };
        Ok(Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.schema), stream::iter(rows.into_iter().map(Ok)))))
    }
}

impl DisplayAs for StaticScanExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.schema.fields().iter().map(|f| f.name().as_str()).collect();
        write!(f, "StaticScanExec: table={}, static as of epoch, columns=[{}]", self.table, names.join(", "))?;
        if !self.filters.is_empty() {
            write!(f, ", filters=[{}]", self.filters.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))?;
        }
        if let Some(keys) = &self.keys {
            let names: Vec<_> = keys.schema().fields().iter().map(|f| f.name().clone()).collect();
            write!(f, ", by=[{}]", names.join(", "))?;
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
        self.keys.iter().collect()
    }

    fn required_input_distribution(&self) -> Vec<Distribution> {
        vec![Distribution::SinglePartition; self.keys.iter().len()]
    }

    fn apply_expressions(&self, _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> DfResult<TreeNodeRecursion>) -> DfResult<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn replace_children(
        self: Arc<Self>,
        mut keys: Vec<Arc<dyn ExecutionPlan>>,
        _: ReplaceChildrenOptions,
    ) -> DfResult<Arc<dyn ExecutionPlan>> {
        Ok(Arc::new(self.with_keys(keys.pop())))
    }

    fn with_new_children(self: Arc<Self>, mut keys: Vec<Arc<dyn ExecutionPlan>>) -> DfResult<Arc<dyn ExecutionPlan>> {
        Ok(Arc::new(self.with_keys(keys.pop())))
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

/// The serialized form of a [`StaticScanExec`].
#[derive(Debug, Serialize, Deserialize)]
pub struct StaticScanParts {
    table: String,
    schema: PlanBytes,
    /// Encoded by DataFusion.
    filters: Vec<Vec<u8>>,
    limit: Option<usize>,
}

impl PortableNode for StaticScanExec {
    const NAME: &'static str = "StaticScan";
    type Parts = StaticScanParts;

    fn encode(&self, encoder: &PlanEncoder<'_>) -> Result<StaticScanParts> {
        let filters = self.filters.iter().map(|expr| Ok(expr.to_bytes()?.to_vec())).collect::<Result<_>>()?;
        Ok(StaticScanParts { table: self.table.clone(), schema: encoder.schema(&self.schema)?, filters, limit: self.limit })
    }

    fn decode(parts: StaticScanParts, inputs: &[Arc<dyn ExecutionPlan>], decoder: &PlanDecoder<'_>) -> Result<Self> {
        let filter = |bytes: &Vec<u8>| Ok(Expr::from_bytes_with_ctx(bytes, decoder.context())?);
        let filters = parts.filters.iter().map(filter).collect::<Result<_>>()?;
        Ok(Self::new(&parts.table, decoder.schema(&parts.schema)?, filters, parts.limit).with_keys(inputs.first().cloned()))
    }
}
