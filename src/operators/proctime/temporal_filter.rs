//! Filters by the clock that let a row pass for one span of time: `ts > now() - INTERVAL '5' MINUTE`.

use std::any::Any;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Int64Array};
use arrow::compute::{and, filter_record_batch, not, prep_null_mask_filter};
use arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef};
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use async_trait::async_trait;
use datafusion::physical_expr::PhysicalExpr;
use serde::{Deserialize, Serialize};

use crate::common::clock::Millis;
use crate::common::{Error, Result};
use crate::state::{KeyMode, KeyedDelta};

use crate::operators::changes::expiring::ExpiringRows;
use crate::operators::changes::zset;
use crate::operators::epoch::clock_column::{clock_array, clocked};
use crate::operators::epoch::portable::{PlanBytes, PlanDecoder, PlanEncoder, PortableOperator};
use crate::operators::epoch::stateful::{Operator, OperatorContext, PartitionKey, TableSpec, keyed_by_row};

/// An instant at or after this (2200-01-01) is never reached.
const NEVER: Millis = 7_258_118_400_000;

/// Lets each row pass from the instant at which `enter` begins to hold until the one at which `leave` ceases to; the row itself need not
/// change.
///
/// ```text
///  ts > now() - INTERVAL '5' MINUTE        |── passes ──|
///                                          ▲            ▲ leave: ts + 5 minutes
///                                          row comes    a tick retracts it, even without input
///
///  stored rows: (row, leave, time)   time = when it enters, if it waits for that; else when it leaves
/// ```
/// The idea is that of Materialize's temporal filters, but the instants are not computed from the shape of the predicate: each half of it
/// flips only once as the clock advances, so they are found by bisection, to the millisecond, with the predicate as the batch query
/// evaluates it. Months, days and strict comparisons need no special cases.
///
/// # Invariants
/// * `enter` goes from false to true and `leave` from true to false as the clock advances (the planner ensures that); NULL is not true.
/// * The clock never goes back from epoch to epoch.
/// * A row that can never pass again is not stored, nor is one that always passes.
/// * The content after an epoch is the rows for which the predicate holds at the epoch's clock.
#[derive(Debug)]
pub struct TemporalFilter {
    rows: SchemaRef,
    halves: Halves,
    schema: SchemaRef,
    stored: ExpiringRows,
}

/// The two halves of a predicate, over the row's columns and the clock.
#[derive(Debug, Clone)]
pub struct Halves {
    /// Begins to hold; `None`: holds from the start.
    pub enter: Option<Arc<dyn PhysicalExpr>>,
    /// Ceases to hold; `None`: holds for ever.
    pub leave: Option<Arc<dyn PhysicalExpr>>,
}

/// The output and delta of a step, while they are collected.
#[derive(Default)]
struct StepOutput {
    out: Vec<RecordBatch>,
    put: Vec<RecordBatch>,
}

impl TemporalFilter {
    /// Filters rows of `rows`, which have weights.
    pub fn new(rows: SchemaRef, halves: Halves) -> Self {
        let width = rows.fields().len();
        let mut fields: Vec<_> = rows.fields().iter().cloned().collect();
        fields.push(Arc::new(Field::new("__leave", DataType::Int64, true)));
        let time = Some(Field::new("__time", DataType::Int64, false));
        let stored = ExpiringRows::new(Arc::new(Schema::new(fields)), (0..width).collect(), KeyMode::Multiset, time);
        Self { schema: zset::weighted(&rows), rows, halves, stored }
    }

    /// The columns, without weight.
    pub fn rows(&self) -> &SchemaRef {
        &self.rows
    }

    /// The predicate.
    pub fn halves(&self) -> &Halves {
        &self.halves
    }

    /// Rows whose time has come: passing rows leave, waiting rows enter.
    fn tick(&self, due: &RecordBatch, now: Millis, gathered: &mut StepOutput) -> Result<()> {
        let width = self.rows.fields().len();
        let [leave, time] = [width, width + 1].map(|i| due.column(i).as_primitive::<Int64Type>());
        let passed: BooleanArray = leave.iter().zip(time.iter()).map(|(leave, time)| Some(leave == time)).collect();
        let stays: BooleanArray = leave.iter().map(|leave| Some(leave.is_none_or(|leave| leave > now))).collect();
        let enters = and(&not(&passed)?, &stays)?;
        gathered.out.push(zset::negate(&self.without_times(&filter_record_batch(due, &passed)?)?)?);
        let entered = filter_record_batch(due, &enters)?;
        gathered.out.push(self.without_times(&entered)?);
        // From now on they wait to leave.
        let leave = Arc::clone(entered.column(width));
        self.keep(&self.without_times(&entered)?, &leave, &leave, gathered)
    }

    /// Inserted and retracted rows.
    fn arrive(&self, rows: &RecordBatch, now: Millis, gathered: &mut StepOutput) -> Result<()> {
        let at = |rows: &RecordBatch| vec![now; rows.num_rows()];
        let rows = filter_record_batch(rows, &holds(self.halves.leave.as_ref(), rows, &at(rows))?)?;
        let passes = holds(self.halves.enter.as_ref(), &rows, &at(&rows))?;
        let (passing, waiting) = (filter_record_batch(&rows, &passes)?, filter_record_batch(&rows, &not(&passes)?)?);
        if passing.num_rows() > 0 {
            let leave = turns(self.halves.leave.as_ref(), &passing, now, false)?;
            gathered.out.push(passing.clone());
            self.keep(&passing, &leave, &leave, gathered)?;
        }
        if waiting.num_rows() > 0 {
            let enter = turns(self.halves.enter.as_ref(), &waiting, now, true)?;
            let leave = turns(self.halves.leave.as_ref(), &waiting, now, false)?;
            // A row that would leave before it enters never passes.
            let times = enter.as_primitive::<Int64Type>().iter().zip(leave.as_primitive::<Int64Type>());
            let times = times.map(|(enter, leave)| enter.filter(|enter| leave.is_none_or(|leave| leave > *enter)));
            let times: ArrayRef = Arc::new(times.collect::<Int64Array>());
            self.keep(&waiting, &leave, &times, gathered)?;
        }
        Ok(())
    }

    /// Stores weighted rows that have a time.
    fn keep(&self, rows: &RecordBatch, leave: &ArrayRef, time: &ArrayRef, gathered: &mut StepOutput) -> Result<()> {
        let width = self.rows.fields().len();
        let timed: BooleanArray = (0..time.len()).map(|i| Some(time.is_valid(i))).collect();
        let mut columns = rows.columns().to_vec();
        columns.insert(width, Arc::clone(leave));
        let rows = RecordBatch::try_new(zset::weighted(self.stored.rows()), columns)?;
        let times = || Ok(arrow::compute::filter(time, &timed)?.as_primitive::<Int64Type>().clone());
        gathered.put.push(self.stored.with_time(&filter_record_batch(&rows, &timed)?, times)?);
        Ok(())
    }

    fn without_times(&self, stored: &RecordBatch) -> Result<RecordBatch> {
        let width = self.rows.fields().len();
        let mut columns = stored.columns()[..width].to_vec();
        columns.extend(stored.columns().last().cloned());
        Ok(RecordBatch::try_new(Arc::clone(&self.schema), columns)?)
    }
}

/// For each weighted row whether a predicate holds at its instant.
pub(super) fn holds(predicate: Option<&Arc<dyn PhysicalExpr>>, rows: &RecordBatch, at: &[Millis]) -> Result<BooleanArray> {
    let Some(predicate) = predicate else { return Ok(BooleanArray::from(vec![true; rows.num_rows()])) };
    let mut columns = zset::rows_of(rows)?.columns().to_vec();
    columns.push(clock_array(at.to_vec()));
    let count = RecordBatchOptions::new().with_row_count(Some(rows.num_rows()));
    let batch = RecordBatch::try_new_with_options(clocked(&zset::unweighted(&rows.schema())), columns, &count)?;
    let holds = predicate.evaluate(&batch)?.into_array(rows.num_rows())?;
    let holds = holds.as_boolean_opt().ok_or_else(|| Error::internal("a predicate that is no BOOLEAN"))?;
    Ok(if holds.null_count() > 0 { prep_null_mask_filter(holds) } else { holds.clone() })
}

/// For each row the first instant after `now` at which the predicate is `to`, which it is not at `now`; NULL if it never
/// is. Bisection: one evaluation over all rows per binary digit of the time span.
fn turns(predicate: Option<&Arc<dyn PhysicalExpr>>, rows: &RecordBatch, now: Millis, to: bool) -> Result<ArrayRef> {
    let count = rows.num_rows();
    let ever = holds(predicate, rows, &vec![NEVER; count])?;
    let (mut before, mut after) = (vec![now; count], vec![NEVER; count]);
    let open = |before: &[Millis], after: &[Millis]| before.iter().zip(after).any(|(b, a)| a - b > 1);
    while ever.iter().any(|e| e == Some(to)) && open(&before, &after) {
        let middle: Vec<Millis> = before.iter().zip(&after).map(|(b, a)| b + (a - b) / 2).collect();
        let turned = holds(predicate, rows, &middle)?;
        for (((before, after), middle), turned) in before.iter_mut().zip(&mut after).zip(middle).zip(turned.values()) {
            *if turned == to { after } else { before } = middle;
        }
    }
    let first = after.into_iter().zip(ever.values()).map(|(first, ever)| (ever == to).then_some(first));
    Ok(Arc::new(first.collect::<Int64Array>()))
}

#[async_trait]
impl Operator for TemporalFilter {
    fn name(&self) -> &'static str {
        "TemporalFilter"
    }

    fn describe(&self) -> String {
        let show = |half: &Option<Arc<dyn PhysicalExpr>>, otherwise: &str| half.as_ref().map_or(otherwise.to_string(), |e| e.to_string());
        format!("from [{}] until not [{}]", show(&self.halves.enter, "the start"), show(&self.halves.leave, "true"))
    }

    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn tables(&self) -> Vec<TableSpec> {
        vec![TableSpec::by_key("spans", self.stored.layout()).bounded("the clock (rows that wait for it)".to_string()).timer()]
    }

    fn partition_keys(&self) -> Option<Vec<PartitionKey>> {
        keyed_by_row(&self.rows)
    }

    async fn process_epoch(&self, ctx: &OperatorContext, inputs: Vec<Vec<RecordBatch>>) -> Result<Vec<RecordBatch>> {
        let now = ctx.epoch_time.clock;
        let changes = zset::consolidate(&self.schema, &inputs.into_iter().flatten().collect::<Vec<_>>())?;
        let table = ctx.keyed(0)?;
        let mut gathered = StepOutput::default();
        let mut close_to = None;
        for due in table.due(now)? {
            self.tick(&due?, now, &mut gathered)?;
            close_to = Some(now);
        }
        if changes.num_rows() > 0 {
            self.arrive(&changes, now, &mut gathered)?;
        }
        gathered.put.retain(|b| b.num_rows() > 0);
        ctx.emit_delta(0, KeyedDelta::new(gathered.put, close_to))?;
        Ok(vec![zset::consolidate(&self.schema, &gathered.out)?])
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// The serialized form of a [`TemporalFilter`].
#[derive(Debug, Serialize, Deserialize)]
pub struct TemporalFilterParts {
    rows: PlanBytes,
    enter: Option<PlanBytes>,
    leave: Option<PlanBytes>,
}

impl PortableOperator for TemporalFilter {
    const NAME: &'static str = "TemporalFilter";
    type Parts = TemporalFilterParts;

    fn encode(&self, encoder: &PlanEncoder<'_>) -> Result<TemporalFilterParts> {
        let half = |half: &Option<_>| half.as_ref().map(|expr| encoder.expr(expr, &clocked(self.rows()))).transpose();
        let Halves { enter, leave } = self.halves();
        Ok(TemporalFilterParts { rows: encoder.schema(self.rows())?, enter: half(enter)?, leave: half(leave)? })
    }

    fn decode(parts: TemporalFilterParts, decoder: &PlanDecoder<'_>) -> Result<Self> {
        let half = |half: Option<PlanBytes>| half.map(|expr| decoder.expr(&expr)).transpose();
        let halves = Halves { enter: half(parts.enter)?, leave: half(parts.leave)? };
        Ok(Self::new(decoder.schema(&parts.rows)?, halves))
    }
}
