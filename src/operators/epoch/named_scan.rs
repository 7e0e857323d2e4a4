//! Scans of files whose errors name the file.

use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use arrow::record_batch::RecordBatch;
use datafusion::common::Statistics;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfig};
use datafusion::datasource::source::DataSourceExec;
use datafusion::error::{DataFusionError, Result as DfResult};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::execution_plan::ReplaceChildrenOptions;
use datafusion::physical_plan::metrics::MetricsSet;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties, StatisticsArgs, replace_children_if_necessary,
};
use futures::{FutureExt, StreamExt, stream};

use crate::common::{Error, ErrorKind, panics};

/// A scan of several files, one after the other.
///
/// What reads a file tells only what is wrong in it, or panics. Then each file is read alone until one of them fails: this costs nothing
/// as long as nothing is wrong. To the rest of the plan it is the scan itself.
#[derive(Debug)]
pub struct NamedScanExec {
    scan: Arc<dyn ExecutionPlan>,
    files: FileScanConfig,
}

/// A plan that is done with, its scans of files named.
///
/// # Errors
/// When a node of it refuses its children.
pub fn named_scans(plan: Arc<dyn ExecutionPlan>) -> DfResult<Arc<dyn ExecutionPlan>> {
    let files = plan.downcast_ref::<DataSourceExec>().and_then(|scan| scan.data_source().downcast_ref::<FileScanConfig>()).cloned();
    if let Some(files) = files {
        return Ok(Arc::new(NamedScanExec { scan: plan, files }));
    }
    let children = plan.children().into_iter().map(|child| named_scans(Arc::clone(child))).collect::<DfResult<_>>()?;
    replace_children_if_necessary(plan, children)
}

impl DisplayAs for NamedScanExec {
    fn fmt_as(&self, t: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.scan.fmt_as(t, f)
    }
}

impl ExecutionPlan for NamedScanExec {
    fn name(&self) -> &str {
        self.scan.name()
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.scan.properties()
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

    fn metrics(&self) -> Option<MetricsSet> {
        self.scan.metrics()
    }

    fn statistics_from_inputs(&self, inputs: &[Arc<Statistics>], args: &StatisticsArgs) -> DfResult<Arc<Statistics>> {
        self.scan.statistics_from_inputs(inputs, args)
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> DfResult<SendableRecordBatchStream> {
        let rows = self.scan.execute(partition, Arc::clone(&context))?;
        let reading = (rows, Group { files: self.files.clone(), partition, context });
        let named = stream::unfold(Some(reading), |reading| async {
            let (mut rows, group) = reading?;
            match next(&mut rows).await? {
                Ok(batch) => Some((Ok(batch), Some((rows, group)))),
                Err(failed) => {
                    drop(rows);
                    Some((Err(group.named(failed).await), None))
                }
            }
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.scan.schema(), named)))
    }
}

/// Why there are no more rows.
enum Failed {
    Error(DataFusionError),
    Panic,
}

async fn next(rows: &mut SendableRecordBatchStream) -> Option<Result<RecordBatch, Failed>> {
    match AssertUnwindSafe(rows.next()).catch_unwind().await {
        Ok(batch) => batch.map(|batch| batch.map_err(Failed::Error)),
        Err(panic) => {
            // For the log; people get the error of the file.
            drop(panics::told(&*panic, panics::damaged("a file")));
            Some(Err(Failed::Panic))
        }
    }
}

/// The files of a partition.
struct Group {
    files: FileScanConfig,
    partition: usize,
    context: Arc<TaskContext>,
}

impl Group {
    /// The error with the name of the file that it is about.
    async fn named(self, failed: Failed) -> DataFusionError {
        let error = match failed {
            Failed::Panic => {
                let all = self.names().join(", ");
                return panics::damaged(&self.culprit().await.unwrap_or(all)).into();
            }
            Failed::Error(error) => Error::from(error),
        };
        let known = || self.names().iter().any(|name| error.message().contains(name.as_str()));
        if error.kind() == ErrorKind::Memory || known() {
            return error.into();
        }
        match self.culprit().await {
            Some(name) => Error::data(error.message()).context(format!("{name} cannot be read")).into(),
            None => error.into(),
        }
    }

    fn files(&self) -> &[datafusion::datasource::listing::PartitionedFile] {
        self.files.file_groups.get(self.partition).map_or(&[], FileGroup::files)
    }

    fn name(&self, path: &object_store::path::Path) -> String {
        if self.files.object_store_url.as_str().starts_with("file:") { format!("/{path}") } else { path.to_string() }
    }

    fn names(&self) -> Vec<String> {
        self.files().iter().map(|file| self.name(&file.object_meta.location)).collect()
    }

    /// The first file that cannot be read alone.
    async fn culprit(&self) -> Option<String> {
        for file in self.files() {
            let mut alone = self.files.clone();
            alone.file_groups = vec![FileGroup::new(vec![file.clone()])];
            let path = &file.object_meta.location;
            let Ok(mut rows) = DataSourceExec::new(Arc::new(alone)).execute(0, Arc::clone(&self.context)) else {
                return Some(self.name(path));
            };
            while let Some(batch) = next(&mut rows).await {
                if batch.is_err() {
                    return Some(self.name(path));
                }
            }
        }
        None
    }
}
