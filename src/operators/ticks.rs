//! Instants at which all kept rows are looked at again, because the clock has gone on.

use std::sync::Arc;

use arrow::array::{AsArray, Int64Array};
use arrow::datatypes::{DataType, Field, Int64Type, Schema};
use arrow::record_batch::RecordBatch;

use crate::common::Result;
use crate::common::clock::Millis;
use crate::state::{KeyMode, KeyedDelta, Layout};

use super::stateful::{Step, TableKind, TableSpec};
use super::zset;

/// A clock that goes on in ticks: the multiples of a period.
///
/// After an epoch an operator's content is what it is at the last tick at or before the epoch's clock, for rows old and new.
///
/// # Invariants
/// * There is a tick ahead exactly while rows are kept, or until it finds none; the one before it is the one that the content
///   is of.
#[derive(Debug, Clone)]
pub struct Ticks {
    period: Millis,
    layout: Arc<Layout>,
}

/// The ticks of one epoch.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tick {
    /// The tick that the content is of, if there are rows in it.
    pub before: Option<Millis>,
    /// The tick that it has to be of.
    pub now: Millis,
}

impl Tick {
    /// The tick that kept rows are still of, if they have to go on.
    pub fn passed(&self) -> Option<Millis> {
        self.before.filter(|before| *before < self.now)
    }
}

impl Ticks {
    /// A tick every `period` milliseconds.
    pub fn every(period: Millis) -> Self {
        let schema = Arc::new(Schema::new(vec![Field::new("__time", DataType::Int64, false)]));
        let layout = Layout { schema, key: Vec::new(), time: Some(0), mode: KeyMode::Upsert };
        Self { period: period.max(1), layout: Arc::new(layout) }
    }

    /// Milliseconds from tick to tick.
    pub fn period(&self) -> Millis {
        self.period
    }

    /// The table that holds the next tick.
    pub(super) fn table(&self) -> TableSpec {
        TableSpec { name: "tick", kind: TableKind::Keyed(Arc::clone(&self.layout)), bound: Some("one row".to_string()), waits: true }
    }

    /// The ticks of this epoch, by table number `table`.
    pub(super) fn read(&self, step: &Step, table: u32) -> Result<Tick> {
        let next = step.keyed(table)?.get(&[])?;
        let next = next.column(0).as_primitive::<Int64Type>();
        let before = next.iter().flatten().max().map(|next| next - self.period);
        let clock = step.moment.clock;
        Ok(Tick { before, now: before.unwrap_or(i64::MIN).max(clock - clock.rem_euclid(self.period)) })
    }

    /// Sets the next tick, if there are rows to look at then.
    pub(super) fn write(&self, step: &Step, table: u32, tick: Tick, any: bool) -> Result<()> {
        if tick.before == Some(tick.now) {
            return Ok(());
        }
        if !any {
            return step.change(table, KeyedDelta::new(Vec::new(), Some(tick.now)));
        }
        let next = Int64Array::from(vec![tick.now + self.period]);
        let next = RecordBatch::try_new(Arc::clone(&self.layout.schema), vec![Arc::new(next)])?;
        step.change(table, KeyedDelta::new(vec![zset::with_weight(&next, &zset::weighted(&next.schema()), 1)?], None))
    }
}
