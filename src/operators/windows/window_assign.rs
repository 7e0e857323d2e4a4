//! The window columns of TUMBLE, HOP and CUMULATE.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int64Array, UInt32Array};
use arrow::compute::{cast, filter_record_batch, is_not_null, take_record_batch};
use arrow::datatypes::{DataType, Int64Type, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use datafusion::error::Result as DfResult;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use futures::stream::BoxStream;
use futures::{StreamExt, stream};
use serde::{Deserialize, Serialize};

use crate::common::{Error, Result, WEIGHT};

use super::arithmetic::{WindowKind, WindowRange, Windows, per_milli, window_fields, window_type};
use crate::operators::EpochContext;
use crate::operators::epoch::one_input::{OneInput, OneInputExec};

/// Repeats every row for each window that holds its time.
///
/// ```text
///   id  ts     __weight            id  ts     window_start  window_end  window_time   __weight
///   7   12:04  +1           ─▶     7   12:04  12:00         12:05       12:04:59.999  +1
///   8   NULL   +1                  7   12:04  12:00         12:10       12:09:59.999  +1       CUMULATE by 5 to 10 minutes
/// ```
/// The window columns have the type of the time, see [`window_type`]. Rows whose time is NULL are in no window: an
/// epoch reports them; a batch query only drops them.
///
/// # Invariants
/// * Output: the input's columns, the window columns, and last the weight, if the input ends with one.
/// * A row's copies are adjacent, the earliest end first, and rows keep their order.
/// * However many windows a row has, batches keep the session's batch size: they are made one at a time.
pub type WindowAssignExec = OneInputExec<WindowAssign>;

/// The operator of a [`WindowAssignExec`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct WindowAssign {
    /// The column that holds the time.
    pub time: usize,
    /// The windows.
    pub windows: Windows,
}

/// The number of columns before the weight, or of all if there is no weight.
fn before_weight(schema: &Schema) -> usize {
    let count = schema.fields().len();
    if schema.fields().last().is_some_and(|f| f.name() == WEIGHT) { count - 1 } else { count }
}

/// Adds windows to batches.
struct Assigner {
    time: usize,
    /// In the unit of the window columns.
    windows: Windows,
    per_milli: i64,
    data_type: DataType,
    schema: SchemaRef,
    /// The maximum number of rows of an output batch, if rows are repeated.
    batch_size: usize,
    epoch: Option<Arc<EpochContext>>,
}

impl Assigner {
    /// Returns the output batches for an input batch.
    fn assign(self: &Arc<Self>, batch: RecordBatch) -> Result<Batches> {
        let batch = self.timed(batch)?;
        // The cast also covers seconds, a unit that window columns never have.
        let times = cast(&cast(batch.column(self.time), &self.data_type)?, &DataType::Int64)?;
        let times = times.as_primitive::<Int64Type>().clone();
        if let WindowKind::Tumble { size } = self.windows.kind {
            let starts = tumble(times.values(), self.windows, size);
            let ends = starts.iter().map(|start| start.saturating_add(size)).collect();
            return Ok(Batches::One(Some(self.output(&batch, starts, ends)?)));
        }
        // The provisional session of the row; overlapping ones are merged later.
        if let WindowKind::Session { gap } = self.windows.kind {
            let ends = times.values().iter().map(|start| start.saturating_add(gap)).collect();
            return Ok(Batches::One(Some(self.output(&batch, times.values().to_vec(), ends)?)));
        }
        Ok(Batches::Many(Repeater { assigner: Arc::clone(self), batch, times, row: 0, run: None, next: 0 }))
    }

    /// Drops and reports rows without a time.
    fn timed(&self, batch: RecordBatch) -> Result<RecordBatch> {
        let times = batch.column(self.time);
        if times.null_count() == 0 {
            return Ok(batch);
        }
        if let Some(epoch) = &self.epoch {
            epoch.report_timeless(batch.schema_ref().field(self.time).name(), times.null_count() as u64);
        }
        Ok(filter_record_batch(&batch, &is_not_null(times)?)?)
    }

    /// Inserts the window columns before the weight.
    fn output(&self, rows: &RecordBatch, starts: Vec<i64>, ends: Vec<i64>) -> Result<RecordBatch> {
        let times: Vec<i64> = ends.iter().map(|end| end.saturating_sub(self.per_milli)).collect();
        let (plain, weight) = rows.columns().split_at(before_weight(rows.schema_ref()));
        let mut columns: Vec<ArrayRef> = plain.to_vec();
        for values in [starts, ends, times] {
            columns.push(cast(&Int64Array::from(values), &self.data_type)?);
        }
        columns.extend(weight.iter().cloned());
        Ok(RecordBatch::try_new(Arc::clone(&self.schema), columns)?)
    }
}

/// The starts of tumbling windows.
fn tumble(times: &[i64], windows: Windows, size: i64) -> Vec<i64> {
    // Rows are nearly ordered by time, so most are in the window of the row before: comparing is cheaper than dividing.
    let (mut start, mut end) = (0, 0);
    let window = |time: &i64| {
        if *time < start || *time >= end {
            start = windows.floor(*time, size);
            end = start.saturating_add(size);
        }
        start
    };
    times.iter().map(window).collect()
}

/// The output for one batch of the input.
enum Batches {
    One(Option<RecordBatch>),
    Many(Repeater),
}

impl Iterator for Batches {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::One(batch) => batch.take().map(Ok),
            Self::Many(rows) => rows.next(),
        }
    }
}

/// Iterates over all pairs of a row and a window.
struct Repeater {
    assigner: Arc<Assigner>,
    batch: RecordBatch,
    times: Int64Array,
    /// The current row, its windows, and the next of them.
    row: usize,
    run: Option<WindowRange>,
    next: u64,
}

impl Iterator for Repeater {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        let most = self.assigner.batch_size.max(1);
        let (mut rows, mut starts, mut ends) = (Vec::new(), Vec::new(), Vec::new());
        while rows.len() < most && self.row < self.times.len() {
            let run = *self.run.get_or_insert_with(|| self.assigner.windows.window_range(self.times.value(self.row)));
            let row = u32::try_from(self.row).unwrap_or(u32::MAX);
            while self.next < run.count && rows.len() < most {
                let (start, end) = run.window(self.next);
                rows.push(row);
                starts.push(start);
                ends.push(end);
                self.next += 1;
            }
            if self.next == run.count {
                (self.row, self.run, self.next) = (self.row + 1, None, 0);
            }
        }
        if rows.is_empty() {
            return None;
        }
        let repeated = take_record_batch(&self.batch, &UInt32Array::from(rows)).map_err(Error::from);
        Some(repeated.and_then(|rows| self.assigner.output(&rows, starts, ends)))
    }
}

impl OneInput for WindowAssign {
    const NAME: &'static str = "WindowAssignExec";

    fn schema(&self, input: &SchemaRef) -> Result<SchemaRef> {
        let data_type = window_type(input.field(self.time).data_type())?;
        let (plain, weight) = input.fields().split_at(before_weight(input));
        let mut fields = plain.to_vec();
        fields.extend(window_fields(&data_type).map(Arc::new));
        fields.extend(weight.iter().cloned());
        Ok(Arc::new(Schema::new_with_metadata(fields, input.metadata().clone())))
    }

    fn describe(&self, input: &Schema) -> String {
        format!("time={}, {}", input.field(self.time).name(), self.windows)
    }

    fn run(
        self,
        rows: SendableRecordBatchStream,
        schema: SchemaRef,
        context: &TaskContext,
    ) -> Result<BoxStream<'static, DfResult<RecordBatch>>> {
        let data_type = window_type(rows.schema().field(self.time).data_type())?;
        let per_milli = per_milli(&data_type);
        let assigner = Arc::new(Assigner {
            time: self.time,
            windows: self.windows.times(per_milli),
            per_milli,
            data_type,
            schema,
            batch_size: context.session_config().batch_size(),
            epoch: EpochContext::from_task(context),
        });
        let rows = rows.flat_map(move |batch| {
            let batches = batch.and_then(|batch| Ok(assigner.assign(batch)?));
            match batches {
                Ok(batches) => stream::iter(batches.map(|b| b.map_err(Into::into))).left_stream(),
                Err(e) => stream::iter([Err(e)]).right_stream(),
            }
        });
        Ok(rows.boxed())
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{Int32Array, TimestampSecondArray};
    use arrow::compute::concat_batches;
    use arrow::datatypes::{DataType, Field};
    use arrow::util::pretty::pretty_format_batches;
    use datafusion::datasource::memory::MemorySourceConfig;
    use datafusion::physical_plan::{ExecutionPlan, collect};
    use datafusion::prelude::{SessionConfig, SessionContext};

    use super::*;
    use crate::state::StateMemory;
    use std::collections::{BTreeMap, HashMap};

    /// Rows of time, number and weight.
    fn rows(times: Vec<Option<i64>>) -> Arc<dyn ExecutionPlan> {
        let numbers: Vec<i32> = (0..times.len() as i32).collect();
        let time = TimestampSecondArray::from(times).with_timezone("UTC");
        let weight = Int64Array::from(numbers.iter().map(|n| 1 - 2 * i64::from(n % 2)).collect::<Vec<_>>());
        let fields = [("ts", time.data_type().clone(), true), ("n", DataType::Int32, false), (WEIGHT, DataType::Int64, false)];
        let schema = Arc::new(Schema::new(fields.map(|(name, data_type, null)| Field::new(name, data_type, null)).to_vec()));
        let columns: Vec<ArrayRef> = vec![Arc::new(time), Arc::new(Int32Array::from(numbers)), Arc::new(weight)];
        let batch = RecordBatch::try_new(Arc::clone(&schema), columns).unwrap();
        MemorySourceConfig::try_new_exec(&[vec![batch]], schema, None).unwrap()
    }

    /// Runs the plan in an epoch with batches of at most four rows; also returns the number of rows without a time.
    async fn run(plan: Arc<dyn ExecutionPlan>) -> (Vec<RecordBatch>, u64) {
        let epoch = Arc::new(EpochContext::new(HashMap::new(), BTreeMap::new(), &StateMemory::unlimited(), false));
        let config = SessionConfig::new().with_batch_size(4).with_extension(Arc::clone(&epoch));
        let batches = collect(plan, SessionContext::new_with_config(config).task_ctx()).await.unwrap();
        (batches, epoch.finish().timeless.values().sum())
    }

    #[tokio::test]
    async fn rows_are_repeated_and_the_weight_stays_last() {
        let windows = Windows { kind: WindowKind::Hop { slide: 5_000, size: 10_500 }, offset: 0 };
        let plan = WindowAssignExec::new(rows(vec![Some(1), None, Some(5), Some(-1)]), WindowAssign { time: 0, windows }).unwrap();
        let (batches, timeless) = run(Arc::new(plan)).await;
        assert_eq!(batches.iter().map(RecordBatch::num_rows).collect::<Vec<_>>(), [4, 3]);
        assert_eq!(timeless, 1);
        let shown = pretty_format_batches(&batches).unwrap().to_string().replace("1970-01-01T00:00:", "").replace("1969-12-31T23:59:", "-");
        let lines: Vec<String> = shown.lines().map(|l| l.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
        // Seconds cannot hold window_time, so the window columns are finer than the time.
        assert_eq!(
            lines[3..lines.len() - 1],
            [
                "| 01Z | 0 | -55Z | 05.500Z | 05.499Z | 1 |",
                "| 01Z | 0 | 00Z | 10.500Z | 10.499Z | 1 |",
                "| 05Z | 2 | -55Z | 05.500Z | 05.499Z | 1 |",
                "| 05Z | 2 | 00Z | 10.500Z | 10.499Z | 1 |",
                "| 05Z | 2 | 05Z | 15.500Z | 15.499Z | 1 |",
                "| -59Z | 3 | -50Z | 00.500Z | 00.499Z | -1 |",
                "| -59Z | 3 | -55Z | 05.500Z | 05.499Z | -1 |",
            ]
        );
    }

    #[tokio::test]
    async fn one_window_takes_the_rows_as_they_are() {
        let windows = Windows { kind: WindowKind::Tumble { size: 4_000 }, offset: 1_000 };
        let times: Vec<i64> = (0..9).map(|i| i * 7 % 20 - 10).collect();
        let plan = WindowAssignExec::new(rows(times.iter().copied().map(Some).collect()), WindowAssign { time: 0, windows }).unwrap();
        let (batches, timeless) = run(Arc::new(plan)).await;
        assert_eq!(timeless, 0);
        let rows = concat_batches(batches[0].schema_ref(), &batches).unwrap();
        let starts = cast(rows.column_by_name("window_start").unwrap(), &DataType::Int64).unwrap();
        let expected: Vec<i64> = times.iter().map(|t| windows.windows_of(t * 1_000).next().unwrap().0).collect();
        assert_eq!(starts.as_primitive::<Int64Type>().values().to_vec(), expected);
    }
}
