//! Scans a table for queries that end, and for joins as of an epoch: concurrent token ranges, or reads by key, page by page.

use std::fmt;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{Session as DfSession, TableProvider};
use datafusion::common::project_schema;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::Result as DfResult;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_expr::{EquivalenceProperties, Partitioning, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType, ReplaceChildrenOptions};
use datafusion::physical_plan::stream::RecordBatchReceiverStream;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};
use scylla::cluster::metadata::{ColumnType, NativeType};
use scylla::response::query_result::QueryRowsResult;
use scylla::response::{PagingState, PagingStateResponse};
use scylla::statement::Consistency;
use scylla::statement::prepared::PreparedStatement;

use crate::common::Error;

use super::client::{Cells, Outcome, decode};
use super::config::CassandraTable;
use super::decode::Selection;
use super::failure::{Failure, Kind};
use super::filters::{KeyReads, key_reads, may_push};
use super::identifiers::quoted;
use super::remote_table::{Access, RemoteTable};

/// Batches that are read ahead.
const AHEAD: usize = 2;

/// How often a page is requested while nodes are busy or unreachable.
const TRIES: u32 = 5;

/// How long to wait before the first retry.
const PAUSE: Duration = Duration::from_millis(200);

/// A table to scan.
#[derive(Debug)]
pub(super) struct CassandraScan {
    access: Arc<Access>,
}

impl CassandraScan {
    pub(super) fn new(access: Arc<Access>) -> Self {
        Self { access }
    }
}

#[async_trait]
impl TableProvider for CassandraScan {
    fn schema(&self) -> SchemaRef {
        self.access.table.spec.schema()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    /// Filters are applied again here.
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
        let limit = limit.filter(|_| filters.is_empty());
        let at_once = session.config().target_partitions().max(1);
        let reads = match key_reads(filters, &remote, &all) {
            Some(keys) => Reads::Keys(keys),
            None if limit.is_some() => Reads::Ranges(1),
            None => Reads::Ranges(self.access.table.ranges.unwrap_or(at_once)),
        };
        Ok(Arc::new(CassandraScanExec::new(Arc::clone(&self.access), selection, &remote, reads, limit, at_once)))
    }
}

/// The parts of a table to read.
#[derive(Debug, Clone)]
enum Reads {
    /// The whole table, in this number of token ranges.
    Ranges(usize),
    /// Single partitions, or row ranges of them.
    Keys(KeyReads),
}

/// Runs the same SELECT for each range, or key.
#[derive(Debug)]
struct CassandraScanExec {
    access: Arc<Access>,
    selection: Selection,
    /// Without LIMIT.
    select: String,
    limit: Option<usize>,
    reads: Reads,
    /// The values of the reads of each partition.
    partitions: Vec<Vec<Cells>>,
    properties: Arc<PlanProperties>,
}

impl CassandraScanExec {
    fn new(access: Arc<Access>, selection: Selection, remote: &RemoteTable, reads: Reads, limit: Option<usize>, at_once: usize) -> Self {
        let from = format!("SELECT {} FROM {}", selection.list(remote), access.table.quoted());
        let (select, partitions) = match &reads {
            Reads::Ranges(1) => (from, vec![vec![Cells::default()]]),
            Reads::Ranges(n) => {
                let key: Vec<String> = remote.partition_key.iter().map(|name| quoted(name)).collect();
                let key = key.join(", ");
                (format!("{from} WHERE token({key}) >= ? AND token({key}) <= ?"), ranges(*n).into_iter().map(|range| vec![range]).collect())
            }
            Reads::Keys(keys) => {
                let mut partitions = vec![Vec::new(); at_once.min(keys.reads.len()).max(1)];
                let n = partitions.len();
                for (i, read) in keys.reads.iter().enumerate() {
                    partitions[i % n].push(read.clone());
                }
                (format!("{from} WHERE {}", keys.condition()), partitions)
            }
        };
        let equivalence = EquivalenceProperties::new(Arc::clone(&selection.schema));
        let partitioning = Partitioning::UnknownPartitioning(partitions.len());
        let properties = PlanProperties::new(equivalence, partitioning, EmissionType::Incremental, Boundedness::Bounded);
        Self { access, selection, select, limit, reads, partitions, properties: Arc::new(properties) }
    }

    fn limit(&self) -> String {
        self.limit.map(|n| format!(" LIMIT {}", n.min(MOST))).unwrap_or_default()
    }
}

/// The maximum LIMIT of CQL.
const MOST: usize = 2_147_483_647;

/// Splits all tokens into `n` ranges: the first and the last token of each.
fn ranges(n: usize) -> Vec<Cells> {
    let width = (1_u128 << 64) / u128::try_from(n).unwrap_or(1).max(1);
    let at = |i: usize| i128::from(i64::MIN) + i128::try_from(width * u128::try_from(i).unwrap_or(0)).unwrap_or(0);
    let cell = |token: i128| Some(i64::try_from(token).unwrap_or(i64::MAX).to_be_bytes().to_vec());
    (0..n).map(|i| Cells(vec![cell(at(i)), cell(if i + 1 == n { i128::from(i64::MAX) } else { at(i + 1) - 1 })])).collect()
}

impl DisplayAs for CassandraScanExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CassandraScanExec: table={}, ", self.access.table.spec.name)?;
        match &self.reads {
            Reads::Ranges(1) => write!(f, "{}{}", self.select, self.limit()),
            Reads::Ranges(n) => write!(f, "{} ranges of tokens side by side: {}{}", n, self.select, self.limit()),
            Reads::Keys(keys) => {
                let select = self.select.split(" WHERE ").next().unwrap_or_default();
                write!(f, "{select} WHERE {}", keys.shown())
            }
        }
    }
}

impl ExecutionPlan for CassandraScanExec {
    fn name(&self) -> &'static str {
        "CassandraScanExec"
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
        let reads = self.partitions.get(partition).ok_or_else(|| Error::internal(format!("there is no range {partition}")))?.clone();
        let select = format!("{}{}", self.select, self.limit());
        let page_rows = self.limit.and_then(|n| i32::try_from(n.max(1)).ok());
        Ok(batches(Arc::clone(&self.access), self.selection.clone(), select, reads, page_rows))
    }
}

/// Streams the rows of a SELECT with these values, page by page. The next page is read while this one is decoded; reading ends when the
/// stream is dropped.
pub(super) fn batches(
    access: Arc<Access>,
    selection: Selection,
    select: String,
    reads: Vec<Cells>,
    page_rows: Option<i32>,
) -> SendableRecordBatchStream {
    let mut stream = RecordBatchReceiverStream::builder(Arc::clone(&selection.schema), AHEAD);
    let sender = stream.tx();
    let read = async move {
        let what = access.what();
        let mut statement = prepared(&access, &select).await.map_err(|failure| failure.error(&what))?;
        statement.set_page_size(access.table.page_rows.min(page_rows.unwrap_or(i32::MAX)));
        for cells in reads {
            let mut next = Some(PagingState::start());
            let mut page = fetch(&access, &statement, &cells, &mut next).await.map_err(|failure| failure.error(&what))?;
            loop {
                let more = next.is_some();
                let following = async {
                    match more {
                        true => fetch(&access, &statement, &cells, &mut next).await.map(Some),
                        false => Ok(None),
                    }
                };
                let hand_on = async {
                    let batch = decode(&page, &selection).map_err(|e| e.context(access.table.label()))?;
                    Ok::<bool, Error>(batch.num_rows() == 0 || sender.send(Ok(batch)).await.is_ok())
                };
                let (following, taken) = tokio::join!(following, hand_on);
                if !taken? {
                    return Ok(());
                }
                match following.map_err(|failure| failure.error(&what))? {
                    Some(following) => page = following,
                    None => break,
                }
            }
        }
        Ok::<(), Error>(())
    };
    stream.spawn(async { Ok(read.await?) });
    stream.build()
}

/// Prepares a SELECT with the table's consistency.
pub(super) async fn prepared(access: &Access, select: &str) -> Outcome<PreparedStatement> {
    let consistency = for_reads(&access.table);
    let statement = access.client.prepare(select, consistency).await?;
    let token = statement.get_variable_col_specs().get_by_index(0).filter(|_| select.contains("token("));
    if token.is_some_and(|column| *column.typ() != ColumnType::Native(NativeType::BigInt)) {
        let message = "the cluster has another partitioner than Murmur3Partitioner, whose tokens are no numbers";
        return Err(Failure::new(Kind::Wrong, format!("{message}: set 'scan.partition.num' = '1'")));
    }
    Ok(statement)
}

/// Reads do not support the consistency ANY.
pub(super) fn for_reads(table: &CassandraTable) -> Consistency {
    if table.consistency == Consistency::Any { Consistency::One } else { table.consistency }
}

/// Reads a page, and the state of the next one. Retries while nodes are unreachable or busy.
async fn fetch(access: &Access, statement: &PreparedStatement, cells: &Cells, next: &mut Option<PagingState>) -> Outcome<QueryRowsResult> {
    let Some(state) = next.take() else { return Err(Failure::away("the answer has ended")) };
    let mut tries = 0;
    loop {
        let session = access.client.session().await?;
        let page: Outcome<(_, PagingStateResponse)> =
            session.execute_single_page(statement, cells, state.clone()).await.map_err(Failure::from);
        match page {
            Ok((page, following)) => {
                if let ControlFlow::Continue(following) = following.into_paging_control_flow() {
                    *next = Some(following);
                }
                return page.into_rows_result().map_err(|_| Failure::away("the server's answer cannot be read"));
            }
            Err(failure) if failure.kind == Kind::Away && tries + 1 < TRIES => {
                tokio::time::sleep(PAUSE * 2_u32.pow(tries)).await;
                tries += 1;
            }
            Err(failure) => return Err(failure),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_leave_no_token_out() {
        for n in [1, 2, 3, 7, 64] {
            let token = |cell: &Option<Vec<u8>>| i64::from_be_bytes(cell.as_deref().unwrap().try_into().unwrap());
            let all: Vec<(i64, i64)> = ranges(n).iter().map(|cells| (token(&cells.0[0]), token(&cells.0[1]))).collect();
            assert_eq!((all[0].0, all[n - 1].1), (i64::MIN, i64::MAX));
            assert!(all.windows(2).all(|pair| pair[0].1.checked_add(1) == Some(pair[1].0)), "{all:?}");
        }
    }
}
