//! The physical operators of a continuous query, and the context in which one epoch runs.
//!
//! An operator is a function (state version n−1, input, epoch) → (output, delta): `process_epoch` never changes shared state, it passes a
//! delta to the [`EpochContext`], which `jobs` folds in when the epoch has succeeded or drops when it has failed. Nodes hold only data that
//! can be serialized; runtime objects come from the `TaskContext`.
//!
//! ```text
//!   registry                                    everything that can be sent to another process
//!      │
//!   windows    joins    proctime    over        the operators of a query
//!      │
//!   aggregates                                  GROUP BY by key, and the merging of partial aggregates
//!      │
//!   changes                                     rows with weights, their snapshots, a batch plan run again on them
//!      │
//!   epoch                                       the context of one epoch, the nodes that run operators, the leaves
//! ```

pub mod aggregates;
pub mod changes;
pub mod epoch;
pub mod joins;
pub mod over;
pub mod proctime;
pub mod registry;
pub mod windows;

pub use aggregates::keyed_aggregate::KeyedAggregate;
pub use changes::changelog_snapshot::CurrentRowsExec;
pub use changes::constants::Constants;
pub use changes::first_rows::FirstRows;
pub use changes::materialize::Materialize;
pub use changes::normalize::Normalize;
pub use changes::recompute::Recompute;
pub use changes::reconcile::Reconcile;
pub use epoch::clock_column::ClockExec;
pub use epoch::context::{EpochContext, EpochReport, SourceSet};
pub use epoch::exchange::ExchangeExec;
pub use epoch::read_progress::{Progress, ReadProgress};
pub use epoch::row_number::RowNumberExec;
pub use epoch::scan::SourceScanExec;
pub use epoch::stateful::{EpochTime, Operator, StatefulExec};
pub use epoch::static_scan::StaticScanExec;
pub use epoch::watermark_column::WatermarkExec;
pub use joins::lookup_join::LookupJoin;
pub use over::OverAggregate;
pub use proctime::materialize::ProctimeMaterialize;
pub use proctime::temporal_filter::TemporalFilter;
pub use proctime::ticking_clock::TickingClock;
pub use proctime::ticking_filter::TickingFilter;
pub use windows::late_filter::LateFilterExec;
pub use windows::pane_aggregate::PaneAggregate;
pub use windows::window_aggregate::WindowAggregate;
pub use windows::window_assign::WindowAssignExec;
pub use windows::window_batch::WindowBatch;

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Int64Array};
use arrow::compute::cast;
use arrow::datatypes::{DataType, SchemaRef, TimeUnit, TimestampMillisecondType};
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use datafusion::physical_expr::EquivalenceProperties;
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::{Partitioning, PlanProperties};

use crate::common::floor::floored;
use crate::common::{Error, Result};

/// A timestamp column as milliseconds since 1970, rounded down, as W is.
///
/// # Errors
/// When the column is not a timestamp.
pub fn to_millis(column: &ArrayRef) -> Result<Int64Array> {
    let zone = match column.data_type() {
        DataType::Timestamp(_, zone) => zone.clone(),
        other => return Err(Error::internal(format!("a time column of type {other}"))),
    };
    let millis = DataType::Timestamp(TimeUnit::Millisecond, zone);
    let millis = cast(&floored(column, &millis), &millis)?;
    Ok(millis.as_primitive::<TimestampMillisecondType>().reinterpret_cast())
}

/// The first columns of a batch under another schema with as many columns; it may have none at all.
///
/// # Errors
/// When the columns do not fit the schema.
fn first_columns(schema: &SchemaRef, batch: &RecordBatch) -> Result<RecordBatch> {
    let columns = batch.columns().iter().take(schema.fields().len()).cloned().collect();
    let rows = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    Ok(RecordBatch::try_new_with_options(Arc::clone(schema), columns, &rows)?)
}

/// The plan properties of an operator: bounded, without a known order.
fn properties(schema: &SchemaRef, partitions: usize) -> Arc<PlanProperties> {
    Arc::new(PlanProperties::new(
        EquivalenceProperties::new(Arc::clone(schema)),
        Partitioning::UnknownPartitioning(partitions),
        EmissionType::Incremental,
        Boundedness::Bounded,
    ))
}
