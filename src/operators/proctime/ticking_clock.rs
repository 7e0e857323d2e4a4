//! The clock as a column that is updated with every tick: for outer joins, ORDER BY ... LIMIT and recursions by the clock.

use std::any::Any;
use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::common::Result;
use crate::common::clock::Millis;

use super::ticks::Ticks;
use crate::operators::changes::zset;
use crate::operators::epoch::clock_column::{clock_array, clocked};
use crate::operators::epoch::portable::{PlanBytes, PlanDecoder, PlanEncoder, PortableOperator};
use crate::operators::epoch::stateful::{Operator, OperatorContext, PartitionKey, TableSpec};

/// Keeps all rows, and appends the clock of the last tick to each: every tick changes all of them.
///
/// Operators above read the clock as an ordinary column, so they need not handle time. It is the most expensive way to use the
/// clock, for plans that allow no other.
#[derive(Debug)]
pub struct TickingClock {
    ticks: Ticks,
    schema: SchemaRef,
}

impl TickingClock {
    /// Appends the clock to rows of `rows`, which have weights; it ticks every `period` milliseconds.
    pub fn new(rows: &SchemaRef, period: Millis) -> Self {
        Self { ticks: Ticks::over(rows, period), schema: zset::weighted(&clocked(rows)) }
    }

    /// The columns, without clock and weight.
    pub fn rows(&self) -> &SchemaRef {
        self.ticks.rows()
    }

    /// Milliseconds from tick to tick.
    pub fn period(&self) -> Millis {
        self.ticks.period()
    }

    /// Weighted rows with this clock.
    fn at(&self, rows: &RecordBatch, clock: Millis) -> Result<RecordBatch> {
        let mut columns: Vec<ArrayRef> = rows.columns().to_vec();
        columns.insert(self.rows().fields().len(), clock_array(vec![clock; rows.num_rows()]));
        Ok(RecordBatch::try_new(Arc::clone(&self.schema), columns)?)
    }
}

#[async_trait]
impl Operator for TickingClock {
    fn name(&self) -> &'static str {
        "TickingClock"
    }

    fn describe(&self) -> String {
        format!("all rows again every {} s", self.period() / 1_000)
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
        let changes = zset::consolidate(&zset::weighted(self.rows()), &inputs.into_iter().flatten().collect::<Vec<_>>())?;
        let tick = self.ticks.read(ctx)?;
        let mut out = Vec::new();
        if let Some(before) = tick.passed() {
            for rows in ctx.keyed(0)?.scan()? {
                let rows = rows?;
                out.push(self.at(&zset::negate(&rows)?, before)?);
                out.push(self.at(&rows, tick.now)?);
            }
        }
        if changes.num_rows() > 0 {
            out.push(self.at(&changes, tick.now)?);
        }
        self.ticks.keep(ctx, tick, changes)?;
        Ok(vec![zset::consolidate(&self.schema, &out)?])
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// The serialized form of a [`TickingClock`].
#[derive(Debug, Serialize, Deserialize)]
pub struct TickingClockParts {
    rows: PlanBytes,
    period: Millis,
}

impl PortableOperator for TickingClock {
    const NAME: &'static str = "TickingClock";
    type Parts = TickingClockParts;

    fn encode(&self, encoder: &PlanEncoder<'_>) -> Result<TickingClockParts> {
        Ok(TickingClockParts { rows: encoder.schema(self.rows())?, period: self.period() })
    }

    fn decode(parts: TickingClockParts, decoder: &PlanDecoder<'_>) -> Result<Self> {
        Ok(Self::new(&decoder.schema(&parts.rows)?, parts.period))
    }
}
