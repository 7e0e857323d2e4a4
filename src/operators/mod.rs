//! The physical operators of a continuous query, and the context in which one epoch runs.
//!
//! An operator is a function (state version n−1, input, epoch) → (output, delta): `execute` never changes shared state, it
//! hands a delta to the [`EpochContext`], which `jobs` folds in when the epoch has succeeded or drops when it failed.
//! Nodes hold only data that serialises; everything live comes from the `TaskContext`.

pub mod clock;
pub mod closing;
pub mod coerce;
pub mod context;
pub mod current;
pub mod exchange;
pub mod extremes;
pub mod failing;
pub mod first_rows;
pub mod interval;
pub mod join;
pub mod keyed_aggregate;
mod keys;
pub mod late;
mod leaves;
pub mod lookup;
pub mod materialize;
pub mod merge;
mod merge_sorted;
pub mod named_scan;
mod newest;
pub mod normalize;
pub mod one_input;
pub mod over;
pub mod pane_aggregate;
pub mod panes;
pub mod read_progress;
pub mod recompute;
pub mod reconcile;
pub mod remember;
pub mod row_number;
pub mod scan;
pub mod session;
mod session_late;
pub mod stateful;
pub mod static_scan;
pub mod subplan;
pub mod temporal_filter;
pub mod ticking_clock;
pub mod ticking_filter;
mod ticks;
pub mod watermark;
pub mod window_aggregate;
pub mod window_assign;
pub mod windows;
pub mod zset;

pub use clock::ClockExec;
pub use closing::Closing;
pub use context::{EpochContext, EpochReport, SourceSet};
pub use current::CurrentRowsExec;
pub use exchange::ExchangeExec;
pub use first_rows::FirstRows;
pub use keyed_aggregate::KeyedAggregate;
pub use late::LateFilterExec;
pub use lookup::LookupJoin;
pub use materialize::Materialize;
pub use named_scan::named_scans;
pub use normalize::Normalize;
pub use over::OverAggregate;
pub use pane_aggregate::PaneAggregate;
pub use read_progress::{Progress, ReadProgress};
pub use recompute::Recompute;
pub use reconcile::Reconcile;
pub use remember::Remember;
pub use row_number::RowNumberExec;
pub use scan::SourceScanExec;
pub use stateful::{Moment, Operator, StatefulExec};
pub use static_scan::StaticScanExec;
pub use temporal_filter::TemporalFilter;
pub use ticking_clock::TickingClock;
pub use ticking_filter::TickingFilter;
pub use watermark::WatermarkExec;
pub use window_aggregate::WindowAggregate;
pub use window_assign::WindowAssignExec;

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

/// A timestamp column as milliseconds since 1970; parts of one are cut downwards, as W is.
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
/// When they do not fit it.
fn first_columns(schema: &SchemaRef, batch: &RecordBatch) -> Result<RecordBatch> {
    let columns = batch.columns().iter().take(schema.fields().len()).cloned().collect();
    let rows = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    Ok(RecordBatch::try_new_with_options(Arc::clone(schema), columns, &rows)?)
}

/// Properties of a node of ours: bounded, nothing known about order.
fn properties(schema: &SchemaRef, partitions: usize) -> Arc<PlanProperties> {
    Arc::new(PlanProperties::new(
        EquivalenceProperties::new(Arc::clone(schema)),
        Partitioning::UnknownPartitioning(partitions),
        EmissionType::Incremental,
        Boundedness::Bounded,
    ))
}
