//! The leaf: rows of a declared table, from an epoch or straight from the source.

use std::fmt;
use std::sync::Arc;

use arrow::array::AsArray;
use arrow::compute::max;
use arrow::datatypes::{DataType, Int64Type, SchemaRef, TimeUnit};
use arrow::record_batch::RecordBatch;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::Result as DfResult;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::execution_plan::ReplaceChildrenOptions;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};
use futures::{StreamExt, TryStreamExt, stream};

use crate::common::Result;
use crate::connectors::Split;

use super::{EpochContext, SourceSet, properties, to_millis};

/// Reads splits of a table.
///
/// In a template the splits are empty; `bind` spreads an epoch's over the same number of partitions. Inside an epoch the
/// rows come from the [`EpochContext`] (they were read ahead), in a batch query from the [`SourceSet`]. Every row passes
/// the watermark expression before any filter can drop it, and the newest time per source partition is reported.
///
/// Statistics are absent on purpose: an epoch's row count must never fold `count(*)` to a constant.
#[derive(Debug, Clone)]
pub struct SourceScanExec {
    table: String,
    /// Indices into the source's schema.
    columns: Vec<usize>,
    schema: SchemaRef,
    splits: Vec<Vec<Split>>,
    watermark: Option<Arc<dyn PhysicalExpr>>,
    properties: Arc<PlanProperties>,
}

impl SourceScanExec {
    /// A scan of `columns` of a table whose batches have `schema`; `watermark` is an expression over that schema.
    pub fn new(
        table: &str,
        columns: Vec<usize>,
        schema: SchemaRef,
        splits: Vec<Vec<Split>>,
        watermark: Option<Arc<dyn PhysicalExpr>>,
    ) -> Self {
        let properties = properties(&schema, splits.len().max(1));
        Self { table: table.to_string(), columns, schema, splits, watermark, properties }
    }

    /// The table's name.
    pub fn table(&self) -> &str {
        &self.table
    }

    /// Indices of its columns in the source's schema.
    pub fn columns(&self) -> &[usize] {
        &self.columns
    }

    /// The expression that gives the watermark, if the table has one.
    pub fn watermark(&self) -> Option<&Arc<dyn PhysicalExpr>> {
        self.watermark.as_ref()
    }

    /// The splits per plan partition.
    pub fn splits(&self) -> &[Vec<Split>] {
        &self.splits
    }

    /// The same scan of other splits, spread over the same number of plan partitions.
    #[must_use]
    pub fn with_splits(&self, splits: Vec<Split>) -> Self {
        let mut spread = vec![Vec::new(); self.splits.len().max(1)];
        for (i, split) in splits.into_iter().enumerate() {
            let target = i % spread.len();
            spread[target].push(split);
        }
        Self { splits: spread, ..self.clone() }
    }
}

impl DisplayAs for SourceScanExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.schema.fields().iter().map(|f| f.name().as_str()).collect();
        write!(f, "SourceScanExec: table={}, columns=[{}]", self.table, names.join(", "))?;
        if let Some(watermark) = &self.watermark {
            write!(f, ", watermark={watermark}")?;
        }
        Ok(())
    }
}

/// Evaluates the watermark expression and reports the newest time.
fn observe(epoch: &EpochContext, split: &Split, watermark: Option<&Arc<dyn PhysicalExpr>>, batch: &RecordBatch) -> Result<()> {
    let Some(expr) = watermark else { return Ok(()) };
    let times = expr.evaluate(batch)?.into_array(batch.num_rows())?;
    // The common case without a copy: a millisecond column.
    let newest = match times.data_type() {
        DataType::Timestamp(TimeUnit::Millisecond, _) => {
            max(&times.as_primitive::<arrow::datatypes::TimestampMillisecondType>().reinterpret_cast::<Int64Type>())
        }
        _ => max(&to_millis(&times)?),
    };
    if let Some(newest) = newest {
        epoch.report_event_time(&split.table, split.partition, newest);
    }
    Ok(())
}

impl ExecutionPlan for SourceScanExec {
    fn name(&self) -> &'static str {
        "SourceScanExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        Vec::new()
    }

    fn apply_expressions(&self, f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> DfResult<TreeNodeRecursion>) -> DfResult<TreeNodeRecursion> {
        self.watermark.as_ref().map_or(Ok(TreeNodeRecursion::Continue), f)
    }

    fn replace_children(self: Arc<Self>, _: Vec<Arc<dyn ExecutionPlan>>, _: ReplaceChildrenOptions) -> DfResult<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn with_new_children(self: Arc<Self>, _: Vec<Arc<dyn ExecutionPlan>>) -> DfResult<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> DfResult<SendableRecordBatchStream> {
        let splits = self.splits.get(partition).cloned().unwrap_or_default();
        let schema = Arc::clone(&self.schema);
        let Some(epoch) = EpochContext::of(&context) else {
            let sources = context.session_config().get_extension::<SourceSet>().unwrap_or_default();
            let columns = self.columns.clone();
            let rows = stream::iter(splits)
                .map(move |split| -> DfResult<_> { Ok(sources.get(&split.table)?.read(&split, &columns)?) })
                .try_flatten();
            return Ok(Box::pin(RecordBatchStreamAdapter::new(schema, rows)));
        };
        let watermark = self.watermark.clone();
        let out = Arc::clone(&self.schema);
        let rows = stream::iter(splits).flat_map(move |split| {
            let batches = epoch.input(&split.table, split.partition).to_vec();
            let (epoch, watermark, out) = (Arc::clone(&epoch), watermark.clone(), Arc::clone(&out));
            stream::iter(batches).map(move |batch| -> DfResult<RecordBatch> {
                let batch = pick(&batch, &out)?;
                observe(&epoch, &split, watermark.as_ref(), &batch)?;
                Ok(batch)
            })
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, rows)))
    }
}

/// An epoch's batches hold every column that any query of the job reads; this one wants its own.
fn pick(batch: &RecordBatch, wanted: &SchemaRef) -> Result<RecordBatch> {
    if batch.schema_ref().fields() == wanted.fields() {
        return Ok(batch.clone());
    }
    let indices = wanted.fields().iter().map(|f| batch.schema_ref().index_of(f.name())).collect::<Result<Vec<_>, _>>()?;
    Ok(batch.project(&indices)?)
}
