//! The plan node of stateful operators: runs an [`Operator`] once per epoch.

use std::any::Any;
use std::fmt::{self, Debug};
use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use async_trait::async_trait;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::{DataFusionError, Result as DfResult};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::{Distribution, PhysicalExpr};
use datafusion::physical_plan::execution_plan::ReplaceChildrenOptions;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};
use futures::{StreamExt, TryStreamExt, stream};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use crate::common::{Error, Result};
use crate::state::{KeyGroups, KeyedTable, Layout, PaneTable, StateDelta, StateMemory, StateTable};

use super::context::StateId;
use crate::operators::{EpochContext, properties};

/// The times of an epoch as seen by one node, in milliseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct EpochTime {
    /// The node's watermark at the epoch's start: rows behind it are late. `None`: no time is known yet.
    pub start: Option<i64>,
    /// The node's watermark at the epoch's end: windows behind it close.
    pub end: Option<i64>,
    /// The epoch's recorded clock.
    pub clock: i64,
}

/// A stateful operator: a function (state at version n−1, input, times) → (output, deltas).
///
/// # Contract
/// * `process_epoch` runs once per epoch and attempt, with every row of its inputs. It must not change anything shared: it passes
///   the deltas of its state tables to [`OperatorContext::emit_delta`], and `jobs` folds them in if the epoch succeeds.
/// * The sum of its output over all epochs must not depend on how the input was split into epochs.
/// * It holds only plain data, which [`crate::planner`]'s codec can send to another process.
#[async_trait]
pub trait Operator: Debug + Send + Sync + Any {
    /// Its name in EXPLAIN.
    fn name(&self) -> &'static str;

    /// Further details for EXPLAIN.
    fn describe(&self) -> String;

    /// How it updates its result, for EXPLAIN.
    fn strategy(&self) -> String {
        "incremental".to_string()
    }

    /// Whether `table.exec.state.ttl` bounds its state: rows without changes expire.
    fn supports_ttl(&self) -> bool {
        false
    }

    /// The output schema; with [`crate::common::WEIGHT`] as the last column if the output is a changelog.
    fn schema(&self) -> SchemaRef;

    /// The state tables that it keeps, in the order of their numbers.
    fn tables(&self) -> Vec<TableSpec>;

    /// The keys by which the rows of each input are hash-partitioned: expressions over its columns, as many and of the same
    /// types for every input. Rows that it combines have equal values there. `None`: it runs in one partition.
    fn partition_keys(&self) -> Option<Vec<PartitionKey>> {
        None
    }

    /// One epoch.
    async fn process_epoch(&self, ctx: &OperatorContext, inputs: Vec<Vec<RecordBatch>>) -> Result<Vec<RecordBatch>>;

    /// For downcasts by the codec.
    fn as_any(&self) -> &dyn Any;
}

/// Expressions over the columns of a relation, by which its rows are hash-partitioned.
pub type PartitionKey = Vec<Arc<dyn PhysicalExpr>>;

/// These columns as a key.
pub fn key_columns(schema: &Schema, columns: impl IntoIterator<Item = usize>) -> PartitionKey {
    let column = |index: usize| Arc::new(Column::new(schema.field(index).name(), index)) as _;
    columns.into_iter().map(column).collect()
}

/// All columns of the only input: equal rows are in one partition.
pub fn keyed_by_row(schema: &Schema) -> Option<Vec<PartitionKey>> {
    all_keyed([key_columns(schema, 0..schema.fields().len())])
}

/// One key for each input; `None` if a key has no columns: the operator runs in one partition.
pub fn all_keyed(keys: impl IntoIterator<Item = PartitionKey>) -> Option<Vec<PartitionKey>> {
    let keys: Vec<PartitionKey> = keys.into_iter().collect();
    keys.iter().all(|key| !key.is_empty()).then_some(keys)
}

/// Which partition of an operator a stored row belongs to.
#[derive(Debug, Clone)]
pub enum Placement {
    /// By the partition key of the inputs, over the stored columns.
    Key(PartitionKey),
    /// Every partition has its own copy: its state of time.
    Broadcast,
}

impl Placement {
    /// By these columns of stored rows.
    pub fn columns(schema: &Schema, columns: impl IntoIterator<Item = usize>) -> Self {
        Self::Key(key_columns(schema, columns))
    }
}

/// A state table of an operator.
#[derive(Debug, Clone)]
pub struct TableSpec {
    /// Its name in EXPLAIN.
    pub name: &'static str,
    /// Its layout.
    pub kind: TableKind,
    /// How its rows are redistributed when the number of partitions changes.
    pub placement: Placement,
    /// What bounds it, for EXPLAIN; `None`: nothing.
    pub bound: Option<String>,
    /// Whether its rows are timers: when the node's time reaches the least of them, an epoch is due even without input.
    pub is_timer: bool,
}

impl TableSpec {
    /// An unbounded table by key, whose key determines the partition.
    pub fn by_key(name: &'static str, layout: &Arc<Layout>) -> Self {
        let placement = Placement::columns(&layout.schema, layout.key.iter().copied());
        Self { name, kind: TableKind::Keyed(Arc::clone(layout)), placement, bound: None, is_timer: false }
    }

    /// A table by pane with this placement.
    pub fn by_pane(name: &'static str, placement: Placement) -> Self {
        Self { name, kind: TableKind::Panes, placement, bound: Some("the watermark (window end)".to_string()), is_timer: false }
    }

    /// The table without rows.
    ///
    /// # Errors
    /// When its layout is invalid.
    pub fn empty(&self, memory: &Arc<StateMemory>) -> Result<StateTable> {
        Ok(match &self.kind {
            TableKind::Panes => StateTable::Panes(Arc::new(PaneTable::new(memory))),
            TableKind::Keyed(layout) => StateTable::Keyed(Arc::new(KeyedTable::new(Arc::clone(layout), Arc::clone(memory))?)),
        })
    }

    /// The same, bounded by this.
    #[must_use]
    pub fn bounded(self, by: impl Into<Option<String>>) -> Self {
        Self { bound: by.into(), ..self }
    }

    /// The same, whose rows are timers.
    #[must_use]
    pub fn timer(self) -> Self {
        Self { is_timer: true, ..self }
    }
}

/// The layout of a state table.
#[derive(Debug, Clone)]
pub enum TableKind {
    /// By pane.
    Panes,
    /// By key.
    Keyed(Arc<Layout>),
}

/// The context of an operator in one epoch.
pub struct OperatorContext {
    node: u32,
    /// Which partition of the operator this is.
    pub(in crate::operators) partition: u32,
    groups: KeyGroups,
    /// The times of the epoch.
    pub epoch_time: EpochTime,
    /// The epoch.
    pub epoch: Arc<EpochContext>,
    /// The context for plans that the operator runs.
    pub tasks: Arc<TaskContext>,
    more: Mutex<Option<SendableRecordBatchStream>>,
}

impl OperatorContext {
    pub(in crate::operators) fn new(node: u32, epoch_time: EpochTime, epoch: Arc<EpochContext>, tasks: Arc<TaskContext>) -> Self {
        Self { node, partition: 0, groups: KeyGroups::ALL, epoch_time, epoch, tasks, more: Mutex::default() }
    }

    /// A table kept by panes, at version n−1.
    pub fn panes(&self, table: u32) -> Result<Arc<PaneTable>> {
        match self.epoch.table(self.id(table))? {
            StateTable::Panes(panes) => Ok(panes),
            StateTable::Keyed(_) => Err(Error::internal(format!("state table {} has keys", self.id(table)))),
        }
    }

    /// A table kept by key, at version n−1.
    pub fn keyed(&self, table: u32) -> Result<Arc<KeyedTable>> {
        match self.epoch.table(self.id(table))? {
            StateTable::Keyed(keyed) => Ok(keyed),
            StateTable::Panes(_) => Err(Error::internal(format!("state table {} has no keys", self.id(table)))),
        }
    }

    /// Emits the delta of a table.
    pub fn emit_delta(&self, table: u32, delta: impl Into<StateDelta>) -> Result<()> {
        self.epoch.report_delta(self.id(table), delta.into())
    }

    /// Emits additional rows after those that `process_epoch` returns: too many to be in memory together.
    pub fn emit_stream(&self, rows: SendableRecordBatchStream) {
        *self.more.lock() = Some(rows);
    }

    /// The node's watermark at the epoch's end; the minimum while none is known.
    pub fn watermark(&self) -> i64 {
        self.epoch_time.end.unwrap_or(i64::MIN)
    }

    fn id(&self, table: u32) -> StateId {
        StateId { node: self.node, table, groups: self.groups }
    }
}

/// Runs an operator over all rows of its inputs, in as many partitions as those have, each with the state of its key
/// groups.
///
/// A template has no times; `bind` sets those of an epoch, and the key groups of the job. The watermark at its end is known, because
/// the stages that read sources have run before.
#[derive(Debug, Clone)]
pub struct StatefulExec {
    node: u32,
    groups: Vec<KeyGroups>,
    inputs: Vec<Arc<dyn ExecutionPlan>>,
    operator: Arc<dyn Operator>,
    epoch_time: EpochTime,
    properties: Arc<PlanProperties>,
}

impl StatefulExec {
    /// Operator number `node` of its job over these inputs, with a partition for each of these ranges of key groups.
    pub fn new(
        node: u32,
        groups: Vec<KeyGroups>,
        inputs: Vec<Arc<dyn ExecutionPlan>>,
        operator: Arc<dyn Operator>,
        epoch_time: EpochTime,
    ) -> Self {
        let properties = properties(&operator.schema(), groups.len());
        Self { node, groups, inputs, operator, epoch_time, properties }
    }

    /// The key groups of each partition.
    pub fn groups(&self) -> &[KeyGroups] {
        &self.groups
    }

    /// Its number in the job, which identifies its state.
    pub fn node(&self) -> u32 {
        self.node
    }

    /// The operator.
    pub fn operator(&self) -> &Arc<dyn Operator> {
        &self.operator
    }

    /// The times of its epoch.
    pub fn epoch_time(&self) -> EpochTime {
        self.epoch_time
    }

    /// The same node in another epoch.
    #[must_use]
    pub fn at(&self, epoch_time: EpochTime) -> Self {
        Self { epoch_time, ..self.clone() }
    }
}

impl DisplayAs for StatefulExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: node={}, {}", self.operator.name(), self.node, self.operator.describe())?;
        if self.groups.len() > 1 { write!(f, ", partitions={}", self.groups.len()) } else { Ok(()) }
    }
}

impl ExecutionPlan for StatefulExec {
    fn name(&self) -> &'static str {
        "StatefulExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        self.inputs.iter().collect()
    }

    fn required_input_distribution(&self) -> Vec<Distribution> {
        vec![Distribution::UnspecifiedDistribution; self.inputs.len()]
    }

    fn apply_expressions(&self, _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> DfResult<TreeNodeRecursion>) -> DfResult<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn replace_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
        _: ReplaceChildrenOptions,
    ) -> DfResult<Arc<dyn ExecutionPlan>> {
        Ok(Arc::new(Self { inputs: children, ..self.as_ref().clone() }))
    }

    fn with_new_children(self: Arc<Self>, children: Vec<Arc<dyn ExecutionPlan>>) -> DfResult<Arc<dyn ExecutionPlan>> {
        Ok(Arc::new(Self { inputs: children, ..self.as_ref().clone() }))
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> DfResult<SendableRecordBatchStream> {
        let epoch = EpochContext::required(&context)?;
        let inputs = self.inputs.iter().map(|i| i.execute(partition, Arc::clone(&context))).collect::<DfResult<Vec<_>>>()?;
        let operator = Arc::clone(&self.operator);
        let groups = *self.groups.get(partition).ok_or_else(|| Error::internal("a partition without key groups"))?;
        let partition = u32::try_from(partition).map_err(|_| Error::internal("too many partitions"))?;
        let ctx = OperatorContext { partition, groups, ..OperatorContext::new(self.node, self.epoch_time, epoch, context) };
        let rows = async move {
            let mut collected = Vec::with_capacity(inputs.len());
            for input in inputs {
                let batches: Vec<RecordBatch> = input.try_collect().await?;
                collected.push(batches);
            }
            let rows = operator.process_epoch(&ctx, collected).await?;
            let rows: Vec<DfResult<RecordBatch>> = rows.into_iter().filter(|b| b.num_rows() > 0).map(Ok).collect();
            let more = ctx.more.into_inner().map_or_else(|| stream::empty().boxed(), StreamExt::boxed);
            Ok::<_, DataFusionError>(stream::iter(rows).chain(more))
        };
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.operator.schema(), stream::once(rows).try_flatten())))
    }
}
