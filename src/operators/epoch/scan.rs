//! The scan of a declared table: reads the rows of an epoch, or of the source in a batch query.

use std::fmt;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::Result as DfResult;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::execution_plan::ReplaceChildrenOptions;
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};
use futures::{StreamExt, TryStreamExt, stream};
use serde::{Deserialize, Serialize};

use crate::common::projection::{ColumnPath, Projection, at, narrow};
use crate::common::{Error, Result};
use crate::connectors::{BoundedScan, Split};

use super::max_event_time::MaxEventTime;
use super::nested_projection::leaves;
use super::portable::{PlanBytes, PlanDecoder, PlanEncoder, PortableNode};
use crate::operators::{EpochContext, Progress, SourceSet, properties};

/// The number of splits that EXPLAIN lists.
const SHOWN: usize = 8;

/// Reads splits of a table.
///
/// Its columns may be nested in ROWs: a projection above that uses only `bid.price` becomes a column `bid.price` of the scan
/// ([`super::nested_projection`]), and the source reads nothing else of `bid`.
///
/// In a template the splits are empty; `bind` sets those of an epoch. Inside an epoch the rows come from the [`EpochContext`] (they were
/// read ahead), in a batch query from the [`SourceSet`]. Every row passes the watermark expression before any filter can drop it, and the
/// newest time per source partition is reported.
///
/// ```text
///  plan partition      0          1          2         an epoch's rows are cut evenly, whatever partitions their source has
///  split of s/0    ▐██████████▌▐██████████▌▐█████████▌
///  split of s/1    ▐███▌       ▐███▌       ▐██▌        read partition by partition, each split's rows are in their order
/// ```
///
/// Statistics are absent on purpose: an epoch's row count must never fold `count(*)` to a constant.
#[derive(Debug, Clone)]
pub struct SourceScanExec {
    table: String,
    /// The path of each column in the source: top-level, or nested in a ROW.
    columns: Vec<ColumnPath>,
    schema: SchemaRef,
    splits: Vec<Vec<Split>>,
    watermark: Option<Arc<dyn PhysicalExpr>>,
    /// The maximum number of rows to read per plan partition; a hint, because the LIMIT itself is applied above.
    limit: Option<usize>,
    /// Whether its splits were assigned, even if there are none.
    chosen: bool,
    properties: Arc<PlanProperties>,
}

impl SourceScanExec {
    /// A scan of `columns` of a table whose batches have `schema`; `watermark` is an expression over that schema.
    pub fn new(
        table: &str,
        columns: Vec<ColumnPath>,
        schema: SchemaRef,
        splits: Vec<Vec<Split>>,
        watermark: Option<Arc<dyn PhysicalExpr>>,
    ) -> Self {
        let properties = properties(&schema, splits.len().max(1));
        Self { table: table.to_string(), columns, schema, splits, watermark, limit: None, chosen: false, properties }
    }

    /// The table's name.
    pub fn table(&self) -> &str {
        &self.table
    }

    /// The paths of its columns in the source.
    pub fn columns(&self) -> &[ColumnPath] {
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

    /// The same scan for a query that reads at most this many rows of it.
    #[must_use]
    pub fn with_limit(self, limit: Option<usize>) -> Self {
        Self { limit, ..self }
    }

    /// The maximum number of rows to read.
    pub fn limit(&self) -> Option<usize> {
        self.limit
    }

    /// The number of positions that it reads, gaps included.
    pub fn positions(&self) -> u64 {
        self.splits.iter().flatten().map(|split| length(split, self.limit)).sum()
    }

    /// The same scan over an epoch's splits; each plan partition reads its share of the rows.
    #[must_use]
    pub fn of_epoch(&self, splits: Vec<Split>) -> Self {
        Self { splits: vec![splits; self.splits.len().max(1)], chosen: true, ..self.clone() }
    }

    /// The same scan over other splits, spread over the same number of plan partitions.
    #[must_use]
    pub fn with_splits(&self, splits: Vec<Split>) -> Self {
        let mut spread = vec![Vec::new(); self.splits.len().max(1)];
        for (i, split) in splits.into_iter().enumerate() {
            let target = i % spread.len();
            spread[target].push(split);
        }
        Self { splits: spread, chosen: true, ..self.clone() }
    }
}

impl DisplayAs for SourceScanExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.schema.fields().iter().map(|f| f.name().as_str()).collect();
        write!(f, "SourceScanExec: table={}, columns=[{}]", self.table, names.join(", "))?;
        if let Some(watermark) = &self.watermark {
            write!(f, ", watermark={watermark}")?;
        }
        if let Some(limit) = self.limit {
            write!(f, ", limit={limit}")?;
        }
        if self.chosen {
            let mut splits: Vec<&Split> = self.splits.iter().flatten().collect();
            splits.sort_by_key(|split| (split.partition, split.start));
            let shown =
                splits.iter().take(SHOWN).map(|s| format!("{}: {}..{}", s.partition, s.start, s.end)).collect::<Vec<_>>().join(", ");
            let more = if splits.len() > SHOWN { format!(", and {} more", splits.len() - SHOWN) } else { String::new() };
            write!(f, ", ranges=[{shown}{more}]")?;
        }
        Ok(())
    }
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

    fn try_swapping_with_projection(&self, projection: &ProjectionExec) -> DfResult<Option<Arc<dyn ExecutionPlan>>> {
        let Some(leaves) = leaves(&self.columns, &self.schema, self.watermark.as_ref(), projection.expr())? else { return Ok(None) };
        let scan = Self::new(&self.table, leaves.columns, leaves.schema, self.splits.clone(), leaves.watermark);
        let scan = Self { limit: self.limit, chosen: self.chosen, ..scan };
        Ok(Some(Arc::new(ProjectionExec::try_new(leaves.projection, Arc::new(scan))?)))
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> DfResult<SendableRecordBatchStream> {
        let splits = self.splits.get(partition).cloned().unwrap_or_default();
        let (schema, out) = (Arc::clone(&self.schema), Arc::clone(&self.schema));
        let (columns, limit) = (self.columns.clone(), self.limit);
        let Some(epoch) = EpochContext::from_task(&context) else {
            let sources = context.session_config().get_extension::<SourceSet>().unwrap_or_default();
            let progress = context.session_config().get_extension::<Progress>().unwrap_or_default().newest();
            let rows = stream::iter(splits)
                .map(move |split| -> DfResult<_> {
                    let source = sources.get(&split.table)?;
                    let projection = Projection::of_paths(&source.schema(), columns.iter().map(Vec::as_slice))?;
                    let (columns, out) = (columns.clone(), Arc::clone(&out));
                    let Some(BoundedScan::Splits(scan)) = source.scan() else {
                        return Err(Error::internal(format!("`{}` is not read by splits", split.table)).into());
                    };
                    let rows = scan.read(&split, &projection, limit)?;
                    let mut passed = progress.split(length(&split, limit));
                    Ok(rows.map(move |batch| {
                        let batch = batch?;
                        passed.rows(batch.num_rows());
                        Ok(pick(&batch, &columns, &out)?)
                    }))
                })
                .try_flatten();
            return Ok(Box::pin(RecordBatchStreamAdapter::new(schema, rows)));
        };
        let watermark = self.watermark.as_ref().map(MaxEventTime::new);
        let partitions = self.splits.len();
        let rows = stream::iter(splits).flat_map(move |split| {
            let batches = share(epoch.input(&split.table, split.partition), partition, partitions);
            let (epoch, watermark, columns, out) = (Arc::clone(&epoch), watermark.clone(), columns.clone(), Arc::clone(&out));
            stream::iter(batches).map(move |batch| -> DfResult<RecordBatch> {
                let batch = pick(&batch, &columns, &out)?;
                if let Some(newest) = watermark.as_ref().map(|w| w.evaluate(&batch)).transpose()?.flatten() {
                    epoch.report_event_time(&split.table, split.partition, newest);
                }
                Ok(batch)
            })
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, rows)))
    }
}

/// The rows of one of `partitions` plan partitions: an even share, in their order.
fn share(batches: &[RecordBatch], partition: usize, partitions: usize) -> Vec<RecordBatch> {
    let all: usize = batches.iter().map(RecordBatch::num_rows).sum();
    let (first, last) = (all * partition / partitions, all * (partition + 1) / partitions);
    let (mut rows, mut start) = (Vec::new(), 0);
    for batch in batches {
        let (from, to) = (first.max(start), last.min(start + batch.num_rows()));
        if from < to {
            rows.push(batch.slice(from - start, to - from));
        }
        start += batch.num_rows();
    }
    rows
}

/// The number of positions of a split to read for this many rows.
fn length(split: &Split, limit: Option<usize>) -> u64 {
    let all = split.end.abs_diff(split.start.min(split.end));
    limit.map_or(all, |limit| all.min(limit as u64))
}

/// Projects a batch of an epoch, which has the columns of all queries of the job.
fn pick(batch: &RecordBatch, columns: &[ColumnPath], wanted: &SchemaRef) -> Result<RecordBatch> {
    let arrays = columns.iter().zip(wanted.fields()).map(|(path, field)| narrow(&at(batch, path)?, field.data_type()));
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    Ok(RecordBatch::try_new_with_options(Arc::clone(wanted), arrays.collect::<Result<_>>()?, &options)?)
}

/// The serialized form of a [`SourceScanExec`].
#[derive(Debug, Serialize, Deserialize)]
pub struct SourceScanParts {
    table: String,
    columns: Vec<ColumnPath>,
    splits: Vec<Vec<Split>>,
    limit: Option<usize>,
    schema: PlanBytes,
    watermark: Option<PlanBytes>,
}

impl PortableNode for SourceScanExec {
    const NAME: &'static str = "SourceScan";
    type Parts = SourceScanParts;

    fn encode(&self, encoder: &PlanEncoder<'_>) -> Result<SourceScanParts> {
        Ok(SourceScanParts {
            table: self.table.clone(),
            columns: self.columns.clone(),
            splits: self.splits.clone(),
            limit: self.limit,
            schema: encoder.schema(&self.schema)?,
            watermark: self.watermark.as_ref().map(|expr| encoder.expr(expr, &self.schema)).transpose()?,
        })
    }

    fn decode(parts: SourceScanParts, _inputs: &[Arc<dyn ExecutionPlan>], decoder: &PlanDecoder<'_>) -> Result<Self> {
        let SourceScanParts { table, columns, splits, limit, schema, watermark } = parts;
        let watermark = watermark.map(|expr| decoder.expr(&expr)).transpose()?;
        Ok(Self::new(&table, columns, decoder.schema(&schema)?, splits, watermark).with_limit(limit))
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{AsArray, Int64Array};
    use arrow::datatypes::{DataType, Field, Int64Type, Schema};

    use super::*;

    #[test]
    fn partitions_share_the_rows_evenly_and_in_order() {
        let schema = Arc::new(Schema::new(vec![Field::new("n", DataType::Int64, false)]));
        let batch = |rows: std::ops::Range<i64>| {
            RecordBatch::try_new(Arc::clone(&schema), vec![Arc::new(Int64Array::from_iter_values(rows))]).unwrap()
        };
        for sizes in [&[10, 0, 3, 100][..], &[1], &[2, 2], &[]] {
            let (mut batches, mut start) = (Vec::new(), 0);
            for size in sizes {
                batches.push(batch(start..start + size));
                start += size;
            }
            for partitions in [1, 2, 3, 7] {
                let shares: Vec<Vec<i64>> = (0..partitions)
                    .map(|p| {
                        share(&batches, p, partitions)
                            .iter()
                            .flat_map(|b| b.column(0).as_primitive::<Int64Type>().values().to_vec())
                            .collect()
                    })
                    .collect();
                assert_eq!(shares.concat(), (0..start).collect::<Vec<_>>());
                let sizes = shares.iter().map(Vec::len);
                assert!(sizes.clone().max().unwrap() - sizes.min().unwrap() <= 1, "{shares:?}");
            }
        }
    }
}
