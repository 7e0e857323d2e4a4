//! A table as queries that end read it, and joins as of an epoch: SELECTs side by side, rows streamed.

use std::fmt;
use std::sync::Arc;

use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::datatypes::{DataType, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{Session as DfSession, TableProvider};
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::Result as DfResult;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_expr::{EquivalenceProperties, Partitioning, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType, ReplaceChildrenOptions};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};
use futures::{Stream, StreamExt};

use crate::common::{Error, Result};

use super::decode::{Decoder, selected};
use super::filters::{may_push, pushed};
use super::ranges::ranges;
use super::remote_table::{Access, RemoteTable};
use super::types::RemoteType;

/// Rows per batch.
const BATCH_ROWS: usize = 8192;

/// A table to scan.
#[derive(Debug)]
pub(super) struct MySqlScan {
    access: Arc<Access>,
}

impl MySqlScan {
    pub(super) fn new(access: Arc<Access>) -> Self {
        Self { access }
    }

    /// The conditions that the server is asked of these filters.
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

    /// Rows are looked at again here: what the server lets through may be too much.
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
        let schema = match projection {
            Some(columns) => Arc::new(all.project(columns)?),
            None => all,
        };
        let remote = self.access.look().await?;
        let columns: Vec<RemoteType> =
            remote.columns_of(&self.access.table, &schema)?.into_iter().map(|column| column.remote.clone()).collect();
        let mut conditions = self.conditions(&remote, filters);
        let limit = limit.filter(|_| filters.is_empty());
        let ranges = match limit {
            Some(_) => vec![None],
            None => ranges(&self.access, &remote, session.config().target_partitions()).await?,
        };
        // Rows without columns are only counted, which the server does better.
        let counted = schema.fields().is_empty() && limit.is_none();
        let names: Vec<String> = schema.fields().iter().zip(&columns).map(|(field, remote)| selected(field.name(), remote)).collect();
        let names = match names.as_slice() {
            [] if counted => "COUNT(*)".to_string(),
            [] => "1".to_string(),
            names => names.join(", "),
        };
        let from = format!("SELECT {names} FROM {}", self.access.table.quoted());
        let select = |range: Option<String>| {
            let own = conditions.len();
            conditions.extend(range);
            let filter = if conditions.is_empty() { String::new() } else { format!(" WHERE {}", conditions.join(" AND ")) };
            conditions.truncate(own);
            format!("{from}{filter}{}", limit.map(|n| format!(" LIMIT {n}")).unwrap_or_default())
        };
        let selects: Vec<String> = ranges.into_iter().map(select).collect();
        Ok(Arc::new(MySqlScanExec::new(Arc::clone(&self.access), schema, columns, selects, counted)))
    }
}

/// Runs one SELECT per partition.
#[derive(Debug)]
struct MySqlScanExec {
    access: Arc<Access>,
    schema: SchemaRef,
    columns: Vec<RemoteType>,
    selects: Vec<String>,
    /// The SELECTs give numbers of rows instead of rows.
    counted: bool,
    properties: Arc<PlanProperties>,
}

impl MySqlScanExec {
    fn new(access: Arc<Access>, schema: SchemaRef, columns: Vec<RemoteType>, selects: Vec<String>, counted: bool) -> Self {
        let equivalence = EquivalenceProperties::new(Arc::clone(&schema));
        let partitioning = Partitioning::UnknownPartitioning(selects.len());
        let properties = PlanProperties::new(equivalence, partitioning, EmissionType::Incremental, Boundedness::Bounded);
        Self { access, schema, columns, selects, counted, properties: Arc::new(properties) }
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
        let rows = if self.counted {
            futures::stream::once(count(Arc::clone(&self.access), Arc::clone(&self.schema), select)).boxed()
        } else {
            batches(Arc::clone(&self.access), Arc::clone(&self.schema), &self.columns, select)?.boxed()
        };
        Ok(Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.schema), rows.map(|batch| Ok(batch?)))))
    }
}

async fn count(access: Arc<Access>, schema: SchemaRef, select: String) -> Result<RecordBatch> {
    let found = access.client.ask(&select, &access.table.label()).await?;
    let rows = found.first().and_then(|row| row.first()?.as_deref()?.parse().ok()).unwrap_or(0);
    Ok(RecordBatch::try_new_with_options(schema, Vec::new(), &RecordBatchOptions::new().with_row_count(Some(rows)))?)
}

/// The rows of a SELECT, a batch at a time. Whoever takes no more of them ends the SELECT: its connection is closed.
pub(super) fn batches(
    access: Arc<Access>,
    schema: SchemaRef,
    columns: &[RemoteType],
    select: String,
) -> Result<impl Stream<Item = Result<RecordBatch>> + Send + use<>> {
    let mut decoder = Decoder::new(schema, &columns.iter().collect::<Vec<_>>())?;
    let batch_rows = access.table.batch_rows.unwrap_or(BATCH_ROWS);
    let (sender, receiver) = tokio::sync::mpsc::channel(2);
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
            let _ = sender.send(decoder.finish()).await;
        }
        Ok::<(), Error>(())
    };
    // Read in a task of its own, so that the server works while the query does.
    let mut task = Task(Some(tokio::spawn(read)));
    let received = tokio_stream::wrappers::ReceiverStream::new(receiver);
    let end = futures::stream::once(async move { task.result().await }).filter_map(async |result| result.err().map(Err));
    Ok(received.chain(end))
}

/// A task that ends when nobody waits for it.
struct Task(Option<tokio::task::JoinHandle<Result<()>>>);

impl Task {
    async fn result(&mut self) -> Result<()> {
        let Some(task) = &mut self.0 else { return Ok(()) };
        let result = task.await.unwrap_or_else(|_| Err(Error::internal("the reader of a table was cut off")));
        self.0 = None;
        result
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        if let Some(task) = &self.0 {
            task.abort();
        }
    }
}
