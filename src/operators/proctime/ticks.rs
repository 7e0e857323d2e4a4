//! The ticks at which an operator evaluates all stored rows again.

use std::sync::Arc;

use arrow::array::{AsArray, Int64Array};
use arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;

use crate::common::Result;
use crate::common::clock::Millis;
use crate::state::{KeyMode, KeyedDelta, Layout};

use crate::operators::changes::zset;
use crate::operators::epoch::stateful::{OperatorContext, PartitionKey, Placement, TableSpec, keyed_by_row};

/// Stored rows, and a clock that moves in ticks: the multiples of a period.
///
/// After an epoch an operator's content is that of the last tick at or before the epoch's clock, for all rows.
///
/// # Invariants
/// * A next tick is set exactly while rows are stored, or until it fires and finds none; the content is that of the tick before it.
#[derive(Debug, Clone)]
pub(super) struct Ticks {
    period: Millis,
    rows: Arc<Layout>,
    next: Arc<Layout>,
}

/// The ticks of one epoch.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tick {
    /// The tick of the current content, if it has rows.
    before: Option<Millis>,
    /// The tick of the content after this epoch.
    pub(super) now: Millis,
}

impl Tick {
    /// The tick of the stored rows, if it is an earlier one.
    pub(super) fn passed(&self) -> Option<Millis> {
        self.before.filter(|before| *before < self.now)
    }
}

impl Ticks {
    /// A tick every `period` milliseconds, for rows of this schema.
    pub(super) fn over(rows: &SchemaRef, period: Millis) -> Self {
        let key = (0..rows.fields().len()).collect();
        let rows = Layout { schema: Arc::clone(rows), key, time: None, mode: KeyMode::Multiset };
        let next = Arc::new(Schema::new(vec![Field::new("__time", DataType::Int64, false)]));
        let next = Layout { schema: next, key: Vec::new(), time: Some(0), mode: KeyMode::Upsert };
        Self { period: period.max(1), rows: Arc::new(rows), next: Arc::new(next) }
    }

    /// The columns of the rows, without weight.
    pub(super) fn rows(&self) -> &SchemaRef {
        &self.rows.schema
    }

    /// Milliseconds from tick to tick.
    pub(super) fn period(&self) -> Millis {
        self.period
    }

    /// Rows are hash-partitioned by all columns.
    pub(super) fn partition_keys(&self) -> Option<Vec<PartitionKey>> {
        keyed_by_row(self.rows())
    }

    /// The tables of an operator without other state: table 0 has the rows.
    pub(super) fn tables(&self) -> Vec<TableSpec> {
        let tick = TableSpec::by_key("tick", &self.next).bounded("one row".to_string()).timer();
        // Partitions with rows are at the same tick; one without rows drops its tick.
        vec![TableSpec::by_key("rows", &self.rows), TableSpec { placement: Placement::Broadcast, ..tick }]
    }

    /// The ticks of this epoch.
    pub(super) fn read(&self, ctx: &OperatorContext) -> Result<Tick> {
        let next = ctx.keyed(1)?.get(&[])?;
        let next = next.column(0).as_primitive::<Int64Type>();
        let before = next.iter().flatten().max().map(|next| next - self.period);
        let clock = ctx.epoch_time.clock;
        Ok(Tick { before, now: before.unwrap_or(i64::MIN).max(clock - clock.rem_euclid(self.period)) })
    }

    /// Stores weighted rows, and sets the next tick if there are rows.
    pub(super) fn keep(&self, ctx: &OperatorContext, tick: Tick, changes: RecordBatch) -> Result<()> {
        let any = !ctx.keyed(0)?.is_empty() || changes.num_rows() > 0;
        if tick.before != Some(tick.now) && any {
            let next = Int64Array::from(vec![tick.now + self.period]);
            let next = RecordBatch::try_new(Arc::clone(&self.next.schema), vec![Arc::new(next)])?;
            ctx.emit_delta(1, KeyedDelta::new(vec![zset::with_weight(&next, &zset::weighted(&next.schema()), 1)?], None))?;
        } else if tick.before != Some(tick.now) {
            ctx.emit_delta(1, KeyedDelta::new(Vec::new(), Some(tick.now)))?;
        }
        ctx.emit_delta(0, KeyedDelta::new(vec![changes], None))
    }
}
