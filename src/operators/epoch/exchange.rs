//! The leaf of a stage: reads the output of an earlier stage of the same epoch, by number.

use std::fmt;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::Result as DfResult;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::execution_plan::ReplaceChildrenOptions;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};
use futures::stream;
use serde::{Deserialize, Serialize};

use super::portable::{PlanBytes, PlanDecoder, PlanEncoder, PortableNode};
use super::stateful::PartitionKey;
use crate::common::Result;
use crate::operators::{EpochContext, properties};

/// Reads the output rows of a stage from the [`EpochContext`].
///
/// An epoch runs in stages because a stateful operator needs the watermark at the end of the epoch to know which results are
/// complete; and because plans are trees: a node with two readers runs once and is read by number.
#[derive(Debug, Clone)]
pub struct ExchangeExec {
    exchange: Exchange,
    /// The key that rows are hash-partitioned by, for EXPLAIN; empty if they are not.
    by: String,
    properties: Arc<PlanProperties>,
    schema: SchemaRef,
}

/// Which rows an [`ExchangeExec`] reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exchange {
    /// The stage that wrote them.
    pub stage: u32,
    /// The number of the exchange: the stage's number for its own partitions, another one for its rows hash-partitioned by a key.
    pub id: u32,
    /// How they are read.
    pub read: ReadMode,
}

/// How the partitions of an exchange are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ReadMode {
    /// All partitions as one.
    Gathered,
    /// This many partitions, each read separately.
    Each(usize),
    /// Only this partition.
    Only(u32),
}

impl Exchange {
    /// All rows of a stage as one partition.
    pub fn gathered(stage: u32) -> Self {
        Self { stage, id: stage, read: ReadMode::Gathered }
    }

    /// The rows of a stage in its own partitions.
    pub fn each(stage: u32, partitions: usize) -> Self {
        Self { stage, id: stage, read: ReadMode::Each(partitions) }
    }
}

impl ExchangeExec {
    /// Reads rows of `schema`.
    pub fn new(exchange: Exchange, schema: SchemaRef) -> Self {
        let partitions = if let ReadMode::Each(partitions) = exchange.read { partitions } else { 1 };
        Self { properties: properties(&schema, partitions), exchange, by: String::new(), schema }
    }

    /// Reads rows of `schema` that are hash-partitioned by this key.
    pub fn by_key(exchange: Exchange, key: &PartitionKey, schema: SchemaRef) -> Self {
        let by = key.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        Self { by, ..Self::new(exchange, schema) }
    }

    /// The exchange that it reads.
    pub fn exchange(&self) -> Exchange {
        self.exchange
    }

    /// The key that rows are hash-partitioned by, for EXPLAIN; empty if they are not.
    pub fn key(&self) -> &str {
        &self.by
    }

    /// The same, reading only one partition.
    #[must_use]
    pub fn only(&self, partition: u32) -> Self {
        Self::new(Exchange { read: ReadMode::Only(partition), ..self.exchange }, Arc::clone(&self.schema))
    }
}

impl DisplayAs for ExchangeExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Exchange { stage, read, .. } = self.exchange;
        write!(f, "ExchangeExec: stage={stage}")?;
        match read {
            ReadMode::Each(partitions) if !self.by.is_empty() => write!(f, ", hash=[{}], partitions={partitions}", self.by),
            ReadMode::Each(partitions) if partitions > 1 => write!(f, ", partitions={partitions}"),
            _ => Ok(()),
        }
    }
}

impl ExecutionPlan for ExchangeExec {
    fn name(&self) -> &'static str {
        "ExchangeExec"
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

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> DfResult<SendableRecordBatchStream> {
        let (epoch, id) = (EpochContext::required(&context)?, self.exchange.id);
        let rows = match self.exchange.read {
            ReadMode::Gathered => epoch.whole_exchange(id)?,
            ReadMode::Each(_) => epoch.exchange(id, u32::try_from(partition).unwrap_or(u32::MAX))?,
            ReadMode::Only(one) => epoch.exchange(id, one)?,
        };
        Ok(Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.schema), stream::iter(rows.batches().map(|batch| Ok(batch?))))))
    }
}

/// The serialized form of an [`ExchangeExec`].
#[derive(Debug, Serialize, Deserialize)]
pub struct ExchangeParts {
    exchange: Exchange,
    by: String,
    schema: PlanBytes,
}

impl PortableNode for ExchangeExec {
    const NAME: &'static str = "Exchange";
    type Parts = ExchangeParts;

    fn encode(&self, encoder: &PlanEncoder<'_>) -> Result<ExchangeParts> {
        Ok(ExchangeParts { exchange: self.exchange, by: self.by.clone(), schema: encoder.schema(&self.schema())? })
    }

    fn decode(parts: ExchangeParts, _inputs: &[Arc<dyn ExecutionPlan>], decoder: &PlanDecoder<'_>) -> Result<Self> {
        Ok(Self { by: parts.by, ..Self::new(parts.exchange, decoder.schema(&parts.schema)?) })
    }
}
