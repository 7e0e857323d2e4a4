//! The one plan node of everything that keeps state: it runs a step of an [`Operator`] once per epoch.

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

/// Where an epoch stands in time, seen from one node; all in milliseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct EpochTime {
    /// The node's watermark at the epoch's start; decides what is late. `None`: no time is known yet.
    pub start: Option<i64>,
    /// The node's watermark at the epoch's end; decides what closes.
    pub end: Option<i64>,
    /// The epoch's recorded clock.
    pub clock: i64,
}

/// What keeps state: a function (state at version n−1, input, moment) → (output, deltas).
///
/// # Contract
/// * `process_epoch` runs once per epoch and attempt, with every row of its inputs. It must not change anything shared: what is to
///   change in a state table is handed to [`OperatorContext::emit_delta`], which `jobs` folds in if the epoch succeeds.
/// * The rows that come out must not depend on how the input was split into epochs, summed up over a run.
/// * It holds only plain data, which [`crate::planner`]'s codec can send to another process.
#[async_trait]
pub trait Operator: Debug + Send + Sync + Any {
    /// What EXPLAIN calls it.
    fn name(&self) -> &'static str;

    /// What else EXPLAIN says of it.
    fn describe(&self) -> String;

    /// How it keeps its answer up to date, for EXPLAIN.
    fn strategy(&self) -> String {
        "incremental".to_string()
    }

    /// Whether `table.exec.state.ttl` bounds what else has no bound: it forgets rows that do not change.
    fn supports_ttl(&self) -> bool {
        false
    }

    /// The rows that come out; with [`crate::common::WEIGHT`] as the last column if they are changes.
    fn schema(&self) -> SchemaRef;

    /// The state tables that it keeps, in the order of their numbers.
    fn tables(&self) -> Vec<TableSpec>;

    /// The keys by which the rows of each input are hash-partitioned: expressions over its columns, as many and of the same
    /// types for every input. Rows that meet in its state or its answer have equal values there. `None`: it runs in one partition.
    fn partition_keys(&self) -> Option<Vec<PartitionKey>> {
        None
    }

    /// One epoch.
    async fn process_epoch(&self, ctx: &OperatorContext, inputs: Vec<Vec<RecordBatch>>) -> Result<Vec<RecordBatch>>;

    /// For the codec.
    fn as_any(&self) -> &dyn Any;
}

/// Expressions over the columns of a relation, by which its rows are hash-partitioned.
pub type PartitionKey = Vec<Arc<dyn PhysicalExpr>>;

/// These columns as a key.
pub fn key_columns(schema: &Schema, columns: impl IntoIterator<Item = usize>) -> PartitionKey {
    let column = |index: usize| Arc::new(Column::new(schema.field(index).name(), index)) as _;
    columns.into_iter().map(column).collect()
}

/// All columns of the only input: equal rows meet.
pub fn keyed_by_row(schema: &Schema) -> Option<Vec<PartitionKey>> {
    all_keyed([key_columns(schema, 0..schema.fields().len())])
}

/// One key for each input, if it has columns: what has none runs in one partition.
pub fn all_keyed(keys: impl IntoIterator<Item = PartitionKey>) -> Option<Vec<PartitionKey>> {
    let keys: Vec<PartitionKey> = keys.into_iter().collect();
    keys.iter().all(|key| !key.is_empty()).then_some(keys)
}

/// Which partition of an operator a stored row belongs to.
#[derive(Debug, Clone)]
pub enum Placement {
    /// By the partition key of the inputs, over the stored columns.
    Key(PartitionKey),
    /// Every partition has its own copy: what it knows of time.
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
    /// What it holds, for people.
    pub name: &'static str,
    /// How it is laid out.
    pub kind: TableKind,
    /// Where its rows belong, when an operator with a key gets another number of partitions.
    pub placement: Placement,
    /// What keeps it small, for people; `None`: nothing does.
    pub bound: Option<String>,
    /// Its rows wait for a time: when the node's time reaches the least of them, an epoch is due also without input.
    pub is_timer: bool,
}

impl TableSpec {
    /// A table by key, whose rows belong where the key says; nothing keeps it small.
    pub fn by_key(name: &'static str, layout: &Arc<Layout>) -> Self {
        let placement = Placement::columns(&layout.schema, layout.key.iter().copied());
        Self { name, kind: TableKind::Keyed(Arc::clone(layout)), placement, bound: None, is_timer: false }
    }

    /// A table by pane, whose rows belong where these say.
    pub fn by_pane(name: &'static str, placement: Placement) -> Self {
        Self { name, kind: TableKind::Panes, placement, bound: Some("the watermark (window end)".to_string()), is_timer: false }
    }

    /// The table without rows.
    ///
    /// # Errors
    /// When it cannot be laid out.
    pub fn empty(&self, memory: &Arc<StateMemory>) -> Result<StateTable> {
        Ok(match &self.kind {
            TableKind::Panes => StateTable::Panes(Arc::new(PaneTable::new(memory))),
            TableKind::Keyed(layout) => StateTable::Keyed(Arc::new(KeyedTable::new(Arc::clone(layout), Arc::clone(memory))?)),
        })
    }

    /// The same, kept small by this.
    #[must_use]
    pub fn bounded(self, by: impl Into<Option<String>>) -> Self {
        Self { bound: by.into(), ..self }
    }

    /// The same, whose rows wait for a time.
    #[must_use]
    pub fn timer(self) -> Self {
        Self { is_timer: true, ..self }
    }
}

/// How a state table is laid out.
#[derive(Debug, Clone)]
pub enum TableKind {
    /// By pane.
    Panes,
    /// By key.
    Keyed(Arc<Layout>),
}

/// What an operator sees of its epoch.
pub struct OperatorContext {
    node: u32,
    /// Which partition of the operator this is.
    pub(in crate::operators) partition: u32,
    groups: KeyGroups,
    /// Where the epoch stands in time.
    pub moment: EpochTime,
    /// The epoch.
    pub epoch: Arc<EpochContext>,
    /// To run plans in.
    pub tasks: Arc<TaskContext>,
    more: Mutex<Option<SendableRecordBatchStream>>,
}

impl OperatorContext {
    pub(in crate::operators) fn new(node: u32, moment: EpochTime, epoch: Arc<EpochContext>, tasks: Arc<TaskContext>) -> Self {
        Self { node, partition: 0, groups: KeyGroups::ALL, moment, epoch, tasks, more: Mutex::default() }
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

    /// Hands in what changes in a table.
    pub fn emit_delta(&self, table: u32, delta: impl Into<StateDelta>) -> Result<()> {
        self.epoch.report_delta(self.id(table), delta.into())
    }

    /// Rows that come out after those that the step returns: they are too many to be in memory together.
    pub fn emit_stream(&self, rows: SendableRecordBatchStream) {
        *self.more.lock() = Some(rows);
    }

    /// The node's watermark at the epoch's end; the beginning of time as long as none is known.
    pub fn watermark(&self) -> i64 {
        self.moment.end.unwrap_or(i64::MIN)
    }

    fn id(&self, table: u32) -> StateId {
        StateId { node: self.node, table, groups: self.groups }
    }
}

/// Runs one step of an operator over all rows of its inputs, in as many partitions as those have: each with the state of its own key
/// groups.
///
/// In a template the moment is empty; `bind` puts in an epoch's, and the key groups of the job. The watermark at its end is known,
/// because the stages that read sources have run before.
#[derive(Debug, Clone)]
pub struct StatefulExec {
    node: u32,
    groups: Vec<KeyGroups>,
    inputs: Vec<Arc<dyn ExecutionPlan>>,
    operator: Arc<dyn Operator>,
    moment: EpochTime,
    properties: Arc<PlanProperties>,
}

impl StatefulExec {
    /// Operator number `node` of its job over these inputs, with a partition for each of these ranges of key groups.
    pub fn new(
        node: u32,
        groups: Vec<KeyGroups>,
        inputs: Vec<Arc<dyn ExecutionPlan>>,
        operator: Arc<dyn Operator>,
        moment: EpochTime,
    ) -> Self {
        let properties = properties(&operator.schema(), groups.len());
        Self { node, groups, inputs, operator, moment, properties }
    }

    /// The key groups of each partition.
    pub fn groups(&self) -> &[KeyGroups] {
        &self.groups
    }

    /// Its number in the job; names its state.
    pub fn node(&self) -> u32 {
        self.node
    }

    /// What it does.
    pub fn operator(&self) -> &Arc<dyn Operator> {
        &self.operator
    }

    /// Where its epoch stands in time.
    pub fn moment(&self) -> EpochTime {
        self.moment
    }

    /// The same node in another epoch.
    #[must_use]
    pub fn at(&self, moment: EpochTime) -> Self {
        Self { moment, ..self.clone() }
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
        let ctx = OperatorContext { partition, groups, ..OperatorContext::new(self.node, self.moment, epoch, context) };
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
