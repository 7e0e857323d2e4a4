//! What a table of changes holds, for a batch query: its rows as of the end.

use std::fmt;
use std::sync::Arc;

use arrow::array::UInt32Array;
use arrow::compute::{concat_batches, take_record_batch};
use arrow::datatypes::SchemaRef;
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::Result as DfResult;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{Distribution, PhysicalExpr};
use datafusion::physical_plan::execution_plan::ReplaceChildrenOptions;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};
use futures::{StreamExt, stream};

use crate::common::{Error, Result};

use super::normalize::newest;
use super::{properties, zset};

/// So many records are collected before they are merged, at least.
const FEW: usize = 1 << 16;
/// Rows of a batch that comes out.
const BATCH: usize = 8192;

/// Reads changes to their end and yields the rows that are left, without weight.
///
/// With a key it is the newest record of each that counts, unless that one takes the row away; without one, weights are added
/// up. It stands right above the scan and asks for one partition: nothing between it and the source may change the order of
/// the records of a partition, and a filter or a limit below it would count records instead of rows.
#[derive(Debug, Clone)]
pub struct CurrentRowsExec {
    input: Arc<dyn ExecutionPlan>,
    /// Columns that tell one row from another; `None`: records tell rows in full.
    key: Option<Vec<usize>>,
    /// The columns without weight, NOT NULL as declared.
    schema: SchemaRef,
    properties: Arc<PlanProperties>,
}

impl CurrentRowsExec {
    /// Over records whose columns are `schema` and a weight.
    pub fn new(input: Arc<dyn ExecutionPlan>, key: Option<Vec<usize>>, schema: SchemaRef) -> Self {
        let properties = properties(&schema, 1);
        Self { input, key, schema, properties }
    }

    /// Fewer records that say the same.
    fn merge(&self, records: &[RecordBatch]) -> Result<Option<RecordBatch>> {
        let Some(first) = records.first() else { return Ok(None) };
        let Some(key) = &self.key else { return zset::consolidate(&first.schema(), records).map(Some) };
        let all = concat_batches(&first.schema(), records)?;
        let keys = all.project(key)?;
        Ok(Some(take_record_batch(&all, &UInt32Array::from(newest(keys.columns())?))?))
    }

    async fn collect(self, mut records: SendableRecordBatchStream) -> Result<Vec<RecordBatch>> {
        let (mut waiting, mut rows, mut merged) = (Vec::new(), 0, 0);
        while let Some(batch) = records.next().await {
            let batch = batch?;
            rows += batch.num_rows();
            waiting.push(batch);
            // Each record is merged again only after as many others have come, so the work stays in proportion.
            if rows >= FEW.max(2 * merged) {
                waiting = self.merge(&waiting)?.into_iter().collect();
                rows = waiting.iter().map(RecordBatch::num_rows).sum();
                merged = rows;
            }
        }
        let Some(all) = self.merge(&waiting)? else { return Ok(Vec::new()) };
        let left = zset::filter(&all, |weight| weight > 0)?;
        let left = if self.key.is_some() { zset::rows_of(&left)? } else { zset::expand(&left)? };
        let options = RecordBatchOptions::new().with_row_count(Some(left.num_rows()));
        let left = RecordBatch::try_new_with_options(self.schema, left.columns().to_vec(), &options)?;
        Ok((0..left.num_rows()).step_by(BATCH).map(|at| left.slice(at, BATCH.min(left.num_rows() - at))).collect())
    }
}

impl DisplayAs for CurrentRowsExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.key {
            None => write!(f, "CurrentRowsExec: all changes"),
            Some(key) => {
                let names: Vec<_> = key.iter().filter_map(|k| self.schema.fields().get(*k)).map(|f| f.name().as_str()).collect();
                write!(f, "CurrentRowsExec: key=[{}]", names.join(", "))
            }
        }
    }
}

impl ExecutionPlan for CurrentRowsExec {
    fn name(&self) -> &'static str {
        "CurrentRowsExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn required_input_distribution(&self) -> Vec<Distribution> {
        vec![Distribution::SinglePartition]
    }

    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false]
    }

    fn apply_expressions(&self, _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> DfResult<TreeNodeRecursion>) -> DfResult<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn replace_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn ExecutionPlan>>,
        _: ReplaceChildrenOptions,
    ) -> DfResult<Arc<dyn ExecutionPlan>> {
        let input = children.pop().ok_or_else(|| Error::internal("rows of nothing"))?;
        Ok(Arc::new(Self { input, ..self.as_ref().clone() }))
    }

    fn with_new_children(self: Arc<Self>, mut children: Vec<Arc<dyn ExecutionPlan>>) -> DfResult<Arc<dyn ExecutionPlan>> {
        let input = children.pop().ok_or_else(|| Error::internal("rows of nothing"))?;
        Ok(Arc::new(Self { input, ..self.as_ref().clone() }))
    }

    fn execute(&self, _: usize, context: Arc<TaskContext>) -> DfResult<SendableRecordBatchStream> {
        let (of, schema) = (self.clone(), Arc::clone(&self.schema));
        let records = self.input.execute(0, context)?;
        let rows = stream::once(of.collect(records)).flat_map(|rows| {
            let rows: Vec<DfResult<RecordBatch>> = match rows {
                Ok(rows) => rows.into_iter().map(Ok).collect(),
                Err(error) => vec![Err(error.into())],
            };
            stream::iter(rows)
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, rows)))
    }
}
