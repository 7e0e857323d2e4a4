//! Scans a table for queries that end, and for joins as of an epoch: concurrent SELECTs, rows streamed.

use std::fmt;
use std::sync::Arc;

use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::datatypes::{DataType, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{Session as DfSession, TableProvider};
use datafusion::common::project_schema;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::Result as DfResult;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_expr::{EquivalenceProperties, Partitioning, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType, ReplaceChildrenOptions};
use datafusion::physical_plan::stream::{RecordBatchReceiverStream, RecordBatchStreamAdapter};
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};
use futures::StreamExt;

use crate::common::{Error, Result};

use super::decode::{Decoder, Selection};
use super::filters::{may_push, pushed};
use super::ranges::ranges;
use super::remote_table::{Access, RemoteTable};
use super::types::RemoteType;

/// Rows per batch.
const BATCH_ROWS: usize = 8192;
/// Batches that are read ahead.
const AHEAD: usize = 2;

/// A table to scan.
#[derive(Debug)]
pub(super) struct MySqlScan {
    access: Arc<Access>,
}

impl MySqlScan {
    pub(super) fn new(access: Arc<Access>) -> Self {
        Self { access }
    }

    /// Returns the conditions that are pushed to the server for these filters.
    fn conditions(&self, remote: &RemoteTable, filters: &[Expr]) -> Vec<String> {
        let schema = self.schema();
        let of = |name: &str| -> Option<(&RemoteType, &DataType)> {
            Some((&remote.column(name)?.remote, schema.field_with_name(name).ok()?.data_type()))
        };
        filters.iter().filter_map(|filter| pushed(filter, &of)).collect()
    }
}

#[async_trait]
impl TableProvider for MySqlScan {
    fn schema(&self) -> SchemaRef {
        self.access.table.spec.schema()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    /// Filters are applied again here: the server may let too many rows through.
    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> DfResult<Vec<TableProviderFilterPushDown>> {
        let judge = |filter: &&Expr| match may_push(filter) {
            true => TableProviderFilterPushDown::Inexact,
            false => TableProviderFilterPushDown::Unsupported,
        };
        Ok(filters.iter().map(judge).collect())
    }

    async fn scan(
        &self,
        session: &dyn DfSession,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> DfResult<Arc<dyn ExecutionPlan>> {
        let all = self.schema();
        let schema = project_schema(&all, projection)?;
        let remote = self.access.look().await?;
        let selection = Selection::new(&self.access.table, &remote, &schema)?;
        let mut conditions = self.conditions(&remote, filters);
        let limit = limit.filter(|_| filters.is_empty());
        let ranges = match limit {
            Some(_) => vec![None],
            None => ranges(&self.access, &remote, session.config().target_partitions()).await?,
        };
        // Rows without columns are only counted, which is cheaper at the server.
        let counted = schema.fields().is_empty() && limit.is_none();
        let names = if counted { "COUNT(*)".to_string() } else { selection.list() };
        let from = format!("SELECT {names} FROM {}", self.access.table.quoted());
        let select = |range: Option<String>| {
            let own = conditions.len();
            conditions.extend(range);
            let filter = if conditions.is_empty() { String::new() } else { format!(" WHERE {}", conditions.join(" AND ")) };
            conditions.truncate(own);
            format!("{from}{filter}{}", limit.map(|n| format!(" LIMIT {n}")).unwrap_or_default())
        };
        let selects: Vec<String> = ranges.into_iter().map(select).collect();
        Ok(Arc::new(MySqlScanExec::new(Arc::clone(&self.access), selection, selects, counted)))
    }
}

/// Runs one SELECT per partition.
#[derive(Debug)]
struct MySqlScanExec {
    access: Arc<Access>,
    selection: Selection,
    selects: Vec<String>,
    /// The SELECTs return counts instead of rows.
    counted: bool,
    properties: Arc<PlanProperties>,
}

impl MySqlScanExec {
    fn new(access: Arc<Access>, selection: Selection, selects: Vec<String>, counted: bool) -> Self {
        let equivalence = EquivalenceProperties::new(Arc::clone(&selection.schema));
        let partitioning = Partitioning::UnknownPartitioning(selects.len());
        let properties = PlanProperties::new(equivalence, partitioning, EmissionType::Incremental, Boundedness::Bounded);
        Self { access, selection, selects, counted, properties: Arc::new(properties) }
    }
}

impl DisplayAs for MySqlScanExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MySqlScanExec: table={}", self.access.table.spec.name)?;
        match self.selects.as_slice() {
            [select] => write!(f, ", {select}"),
            selects => write!(f, ", {} side by side: {}", selects.len(), selects.join("; ")),
        }
    }
}

impl ExecutionPlan for MySqlScanExec {
    fn name(&self) -> &'static str {
        "MySqlScanExec"
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

    fn execute(&self, partition: usize, _: Arc<TaskContext>) -> DfResult<SendableRecordBatchStream> {
        let select = self.selects.get(partition).ok_or_else(|| Error::internal(format!("there is no range {partition}")))?.clone();
        if !self.counted {
            return Ok(batches(Arc::clone(&self.access), self.selection.clone(), select)?);
        }
        let schema = Arc::clone(&self.selection.schema);
        let counted = count(Arc::clone(&self.access), Arc::clone(&schema), select);
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, futures::stream::once(async { Ok(counted.await?) }))))
    }
}

async fn count(access: Arc<Access>, schema: SchemaRef, select: String) -> Result<RecordBatch> {
    let found = access.client.ask(&select, &access.table.label()).await?;
    let rows = found.first().and_then(|row| row.first()?.as_deref()?.parse().ok()).unwrap_or(0);
    Ok(RecordBatch::try_new_with_options(schema, Vec::new(), &RecordBatchOptions::new().with_row_count(Some(rows)))?)
}

/// Streams the rows of a SELECT in batches. A task reads them, so that the server works while the query does; the task ends, and closes the
/// connection, when the stream is dropped.
pub(super) fn batches(access: Arc<Access>, selection: Selection, select: String) -> Result<SendableRecordBatchStream> {
    let mut stream = RecordBatchReceiverStream::builder(Arc::clone(&selection.schema), AHEAD);
    let (sender, mut decoder) = (stream.tx(), Decoder::new(selection)?);
    let batch_rows = access.table.batch_rows.unwrap_or(BATCH_ROWS);
    let read = async move {
        let what = access.client.what(&access.table.label());
        let mut session = access.client.session().await.map_err(|failure| failure.error(&what))?;
        let mut rows = session.rows(select);
        while let Some(row) = rows.next().await {
            decoder.push(&row.map_err(|failure| failure.error(&what))?).map_err(|e| e.context(access.table.label()))?;
            if decoder.rows() >= batch_rows && sender.send(Ok(decoder.finish()?)).await.is_err() {
                return Ok(());
            }
        }
        drop(rows);
        access.client.give_back(session);
        if decoder.rows() > 0 {
            let _ = sender.send(Ok(decoder.finish()?)).await;
        }
        Ok::<(), Error>(())
    };
    stream.spawn(async { Ok(read.await?) });
    Ok(stream.build())
}
