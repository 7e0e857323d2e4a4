//! Filters by the clock of any shape: `EXTRACT(HOUR FROM now()) = opening_hour`.

use std::any::Any;
use std::sync::Arc;

use arrow::array::{AsArray, Int64Array};
use arrow::compute::{and, filter_record_batch, not};
use arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use async_trait::async_trait;
use datafusion::physical_expr::PhysicalExpr;

use crate::common::Result;
use crate::common::clock::Millis;
use crate::state::{KeyMode, KeyedDelta, Layout};

use super::stateful::{Operator, Step, TableKind, TableSpec};
use super::temporal_filter::holds;
use super::zset;

/// Keeps all rows, evaluates the predicate for all of them at every tick, and emits what differs from the tick before.
///
/// The clock of the predicate goes on in ticks: by days if it asks for the day only, else by seconds. So after an epoch the
/// content is what the predicate gives at the last tick at or before the epoch's clock, for rows old and new.
///
/// # Invariants
/// * There is a tick ahead exactly while rows are kept, or until it finds none; the tick before it is the one that the content
///   is of.
/// * The predicate gives the same for the same row and clock.
#[derive(Debug)]
pub struct TickingFilter {
    rows: SchemaRef,
    predicate: Arc<dyn PhysicalExpr>,
    /// In milliseconds.
    period: Millis,
    schema: SchemaRef,
    layouts: [Arc<Layout>; 2],
}

impl TickingFilter {
    /// Filters rows of `rows`, which come with weights, by a predicate over them and the clock, every `period` milliseconds.
    pub fn new(rows: SchemaRef, predicate: Arc<dyn PhysicalExpr>, period: Millis) -> Self {
        let key = (0..rows.fields().len()).collect();
        let content = Layout { schema: Arc::clone(&rows), key, time: None, mode: KeyMode::Bag };
        let tick = Arc::new(Schema::new(vec![Field::new("__time", DataType::Int64, false)]));
        let tick = Layout { schema: tick, key: Vec::new(), time: Some(0), mode: KeyMode::Upsert };
        Self { schema: zset::weighted(&rows), rows, predicate, period: period.max(1), layouts: [content, tick].map(Arc::new) }
    }

    /// The columns, without weight.
    pub fn rows(&self) -> &SchemaRef {
        &self.rows
    }

    /// The predicate.
    pub fn predicate(&self) -> &Arc<dyn PhysicalExpr> {
        &self.predicate
    }

    /// Milliseconds from tick to tick.
    pub fn period(&self) -> Millis {
        self.period
    }

    /// The rows for which the predicate holds at `now` and did not at `before`, and the other way round.
    fn difference(&self, rows: &RecordBatch, before: Millis, now: Millis) -> Result<[RecordBatch; 2]> {
        let at = |clock| holds(Some(&self.predicate), rows, &vec![clock; rows.num_rows()]);
        let (before, now) = (at(before)?, at(now)?);
        let came = filter_record_batch(rows, &and(&now, &not(&before)?)?)?;
        let went = filter_record_batch(rows, &and(&before, &not(&now)?)?)?;
        Ok([came, zset::negate(&went)?])
    }
}

#[async_trait]
impl Operator for TickingFilter {
    fn name(&self) -> &'static str {
        "TickingFilter"
    }

    fn describe(&self) -> String {
        format!("{}, evaluated for all rows every {} s", self.predicate, self.period / 1_000)
    }

    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn tables(&self) -> Vec<TableSpec> {
        let [content, tick] = [&self.layouts[0], &self.layouts[1]].map(|l| TableKind::Keyed(Arc::clone(l)));
        vec![
            TableSpec { name: "rows", kind: content, bound: None, waits: false },
            TableSpec { name: "tick", kind: tick, bound: Some("one row".to_string()), waits: true },
        ]
    }

    async fn step(&self, step: &Step, inputs: Vec<Vec<RecordBatch>>) -> Result<Vec<RecordBatch>> {
        let changes = zset::consolidate(&self.schema, &inputs.into_iter().flatten().collect::<Vec<_>>())?;
        let next = step.keyed(1)?.get(&[])?;
        let next = next.column(0).as_primitive::<Int64Type>();
        let before = next.iter().flatten().max().map(|next| next - self.period);
        let clock = step.moment.clock;
        let now = before.unwrap_or(i64::MIN).max(clock - clock.rem_euclid(self.period));
        let mut out = Vec::new();
        let content = step.keyed(0)?;
        if let Some(before) = before.filter(|before| *before < now) {
            for rows in content.scan()? {
                out.extend(self.difference(&rows?, before, now)?);
            }
        }
        if changes.num_rows() > 0 {
            let passing = holds(Some(&self.predicate), &changes, &vec![now; changes.num_rows()])?;
            out.push(filter_record_batch(&changes, &passing)?);
        }
        if before != Some(now) && (!content.is_empty() || changes.num_rows() > 0) {
            let tick = Int64Array::from(vec![now + self.period]);
            let tick = RecordBatch::try_new(Arc::clone(&self.layouts[1].schema), vec![Arc::new(tick)])?;
            step.change(1, KeyedDelta::new(vec![zset::with_weight(&tick, &zset::weighted(&tick.schema()), 1)?], None))?;
        } else if before != Some(now) {
            step.change(1, KeyedDelta::new(Vec::new(), Some(now)))?;
        }
        step.change(0, KeyedDelta::new(vec![changes], None))?;
        Ok(vec![zset::consolidate(&self.schema, &out)?])
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
