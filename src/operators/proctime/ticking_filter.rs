//! Filters with any predicate over the clock: `EXTRACT(HOUR FROM now()) = opening_hour`.

use std::any::Any;
use std::sync::Arc;

use arrow::compute::{and, filter_record_batch, not};
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use async_trait::async_trait;
use datafusion::physical_expr::PhysicalExpr;
use serde::{Deserialize, Serialize};

use crate::common::Result;
use crate::common::clock::Millis;

use super::temporal_filter::holds;
use super::ticks::Ticks;
use crate::operators::changes::zset;
use crate::operators::epoch::clock_column::clocked;
use crate::operators::epoch::portable::{PlanBytes, PlanDecoder, PlanEncoder, PortableOperator};
use crate::operators::epoch::stateful::{Operator, OperatorContext, PartitionKey, TableSpec};

/// Keeps all rows, evaluates the predicate for all of them at every tick, and emits the difference to the tick before.
///
/// The clock of the predicate moves in ticks ([`Ticks`]): daily if it uses only the day, else every second.
///
/// # Invariants
/// * The predicate gives the same for the same row and clock.
#[derive(Debug)]
pub struct TickingFilter {
    predicate: Arc<dyn PhysicalExpr>,
    ticks: Ticks,
    schema: SchemaRef,
}

impl TickingFilter {
    /// Filters rows of `rows`, which have weights, by a predicate over them and the clock, every `period` milliseconds.
    pub fn new(rows: &SchemaRef, predicate: Arc<dyn PhysicalExpr>, period: Millis) -> Self {
        Self { predicate, ticks: Ticks::over(rows, period), schema: zset::weighted(rows) }
    }

    /// The columns, without weight.
    pub fn rows(&self) -> &SchemaRef {
        self.ticks.rows()
    }

    /// The predicate.
    pub fn predicate(&self) -> &Arc<dyn PhysicalExpr> {
        &self.predicate
    }

    /// Milliseconds from tick to tick.
    pub fn period(&self) -> Millis {
        self.ticks.period()
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
        format!("{}, evaluated for all rows every {} s", self.predicate, self.period() / 1_000)
    }

    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn tables(&self) -> Vec<TableSpec> {
        self.ticks.tables()
    }

    fn partition_keys(&self) -> Option<Vec<PartitionKey>> {
        self.ticks.partition_keys()
    }

    async fn process_epoch(&self, ctx: &OperatorContext, inputs: Vec<Vec<RecordBatch>>) -> Result<Vec<RecordBatch>> {
        let changes = zset::consolidate(&self.schema, &inputs.into_iter().flatten().collect::<Vec<_>>())?;
        let tick = self.ticks.read(ctx)?;
        let mut out = Vec::new();
        if let Some(before) = tick.passed() {
            for rows in ctx.keyed(0)?.scan()? {
                out.extend(self.difference(&rows?, before, tick.now)?);
            }
        }
        if changes.num_rows() > 0 {
            let passing = holds(Some(&self.predicate), &changes, &vec![tick.now; changes.num_rows()])?;
            out.push(filter_record_batch(&changes, &passing)?);
        }
        self.ticks.keep(ctx, tick, changes)?;
        Ok(vec![zset::consolidate(&self.schema, &out)?])
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// The serialized form of a [`TickingFilter`].
#[derive(Debug, Serialize, Deserialize)]
pub struct TickingFilterParts {
    rows: PlanBytes,
    predicate: PlanBytes,
    period: Millis,
}

impl PortableOperator for TickingFilter {
    const NAME: &'static str = "TickingFilter";
    type Parts = TickingFilterParts;

    fn encode(&self, encoder: &PlanEncoder<'_>) -> Result<TickingFilterParts> {
        let predicate = encoder.expr(self.predicate(), &clocked(self.rows()))?;
        Ok(TickingFilterParts { rows: encoder.schema(self.rows())?, predicate, period: self.period() })
    }

    fn decode(parts: TickingFilterParts, decoder: &PlanDecoder<'_>) -> Result<Self> {
        Ok(Self::new(&decoder.schema(&parts.rows)?, decoder.expr(&parts.predicate)?, parts.period))
    }
}
