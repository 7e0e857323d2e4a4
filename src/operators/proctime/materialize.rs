//! The insertion time of rows of a changelog.

use std::any::Any;
use std::sync::Arc;

use arrow::array::{AsArray, Int64Array, UInt32Array};
use arrow::compute::take;
use arrow::datatypes::{SchemaRef, TimestampMillisecondType};
use arrow::record_batch::RecordBatch;
use async_trait::async_trait;

use crate::common::Result;
use crate::common::clock::Millis;
use crate::state::{KeyMode, KeyedDelta, Layout};

use crate::operators::changes::key_index::KeyIndex;
use crate::operators::changes::zset;
use crate::operators::epoch::clock_column::{clock_array, clocked};
use crate::operators::epoch::portable::{PlanBytes, PlanDecoder, PlanEncoder, PortableOperator};
use crate::operators::epoch::stateful::{Operator, OperatorContext, PartitionKey, TableSpec, keyed_by_row};

/// Appends the clock to changes; a retraction has the clock at which its row was inserted.
///
/// ```text
///  epoch at 12:00   + (a, 1)    ─▶  + (a, 1, 12:00)
///  epoch at 12:05   − (a, 1)    ─▶  − (a, 1, 12:00)      the oldest of several equal rows
///                   + (a, 2)    ─▶  + (a, 2, 12:05)
/// ```
/// # Invariants
/// * The state is exactly the current rows of the input, each with its clock.
/// * A row that is inserted and deleted in the same epoch has no effect.
#[derive(Debug)]
pub struct ProctimeMaterialize {
    rows: SchemaRef,
    schema: SchemaRef,
    layout: Arc<Layout>,
}

impl ProctimeMaterialize {
    /// Appends the clock to rows of `rows`, which have weights.
    pub fn new(rows: SchemaRef) -> Self {
        let kept = clocked(&rows);
        let key = (0..rows.fields().len()).collect();
        let layout = Layout { schema: Arc::clone(&kept), key, time: None, mode: KeyMode::Multiset };
        Self { rows, schema: zset::weighted(&kept), layout: Arc::new(layout) }
    }

    /// The columns, without clock and weight.
    pub fn rows(&self) -> &SchemaRef {
        &self.rows
    }

    /// The stored clocks of these distinct rows: the row's index, the clock and its weight, sorted.
    fn kept(&self, ctx: &OperatorContext, rows: &RecordBatch) -> Result<Vec<(usize, Millis, i64)>> {
        let width = self.rows.fields().len();
        let rows = zset::rows_of(rows)?;
        let stored = ctx.keyed(0)?.get(rows.columns())?;
        let clocks = stored.column(width).as_primitive::<TimestampMillisecondType>();
        let places = KeyIndex::new(rows.columns(), rows.num_rows())?.positions(&stored.columns()[..width], stored.num_rows())?;
        let each = places.into_iter().zip(clocks.values()).zip(zset::weights(&stored)?.values());
        let mut kept: Vec<_> = each.filter_map(|((place, clock), weight)| Some((place?, *clock, *weight))).collect();
        kept.sort_unstable();
        Ok(kept)
    }
}

#[async_trait]
impl Operator for ProctimeMaterialize {
    fn name(&self) -> &'static str {
        "ProctimeMaterialize"
    }

    fn describe(&self) -> String {
        "the clock at which each row came".to_string()
    }

    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn tables(&self) -> Vec<TableSpec> {
        vec![TableSpec::by_key("clocks", &self.layout).bounded("the rows of its input".to_string())]
    }

    fn partition_keys(&self) -> Option<Vec<PartitionKey>> {
        keyed_by_row(&self.rows)
    }

    async fn process_epoch(&self, ctx: &OperatorContext, inputs: Vec<Vec<RecordBatch>>) -> Result<Vec<RecordBatch>> {
        let changes = zset::consolidate(&zset::weighted(&self.rows), &inputs.into_iter().flatten().collect::<Vec<_>>())?;
        if changes.num_rows() == 0 {
            return Ok(Vec::new());
        }
        let gone = zset::filter(&changes, |w| w < 0)?;
        let kept = if gone.num_rows() > 0 { self.kept(ctx, &gone)? } else { Vec::new() };
        let (mut kept, mut place) = (kept.into_iter().peekable(), 0);
        let plain = zset::rows_of(&changes)?;
        let (mut rows, mut clocks, mut weights, mut unmatched) = (Vec::new(), Vec::new(), Vec::new(), 0);
        let mut add = |row: u32, clock: Millis, weight: i64| {
            rows.push(row);
            clocks.push(clock);
            weights.push(weight);
        };
        for (row, weight) in (0u32..).zip(zset::weights(&changes)?.values()) {
            if *weight > 0 {
                add(row, ctx.epoch_time.clock, *weight);
                continue;
            }
            let mut left = -weight;
            while let Some((_, clock, held)) = kept.next_if(|(row, ..)| *row == place) {
                let taken = left.min(held);
                if taken > 0 {
                    add(row, clock, -taken);
                }
                left -= taken;
            }
            unmatched += left;
            place += 1;
        }
        let indices = UInt32Array::from(rows);
        let mut columns = plain.columns().iter().map(|c| Ok(take(c, &indices, None)?)).collect::<Result<Vec<_>>>()?;
        columns.push(clock_array(clocks));
        columns.push(Arc::new(Int64Array::from(weights)));
        // A retraction without an insert is unmatched.
        ctx.epoch.report_unmatched(unmatched);
        let out = RecordBatch::try_new(Arc::clone(&self.schema), columns)?;
        ctx.emit_delta(0, KeyedDelta::new(vec![out.clone()], None))?;
        Ok(vec![out])
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl PortableOperator for ProctimeMaterialize {
    const NAME: &'static str = "ProctimeMaterialize";
    type Parts = PlanBytes;

    fn encode(&self, encoder: &PlanEncoder<'_>) -> Result<PlanBytes> {
        encoder.schema(self.rows())
    }

    fn decode(parts: PlanBytes, decoder: &PlanDecoder<'_>) -> Result<Self> {
        Ok(Self::new(decoder.schema(&parts)?))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use arrow::array::ArrayRef;
    use arrow::datatypes::{DataType, Field, Int64Type, Schema};
    use datafusion::execution::TaskContext;

    use super::*;
    use crate::operators::epoch::context::{EpochContext, StateId, StateTables};
    use crate::operators::epoch::stateful::EpochTime;
    use crate::state::{KeyGroups, KeyedTable, StateDelta, StateMemory, StateTable};

    /// Runs epochs of (clock, changes of (value, weight)) and returns the output: (value, clock, weight).
    async fn run(epochs: &[(Millis, &[(i64, i64)])]) -> (Vec<Vec<(i64, Millis, i64)>>, i64) {
        let schema = Arc::new(Schema::new(vec![Field::new("v", DataType::Int64, false)]));
        let operator = ProctimeMaterialize::new(Arc::clone(&schema));
        let memory = StateMemory::new(1 << 30, std::env::temp_dir());
        let mut table = Arc::new(KeyedTable::new(Arc::clone(&operator.layout), memory).unwrap());
        let (mut all, mut unmatched) = (Vec::new(), 0);
        for (clock, changes) in epochs {
            let (values, weights): (Vec<i64>, Vec<i64>) = changes.iter().copied().unzip();
            let columns: Vec<ArrayRef> = vec![Arc::new(Int64Array::from(values)), Arc::new(Int64Array::from(weights))];
            let input = RecordBatch::try_new(zset::weighted(&schema), columns).unwrap();
            let state = StateTables::from([(StateId { node: 0, table: 0, groups: KeyGroups::ALL }, StateTable::Keyed(Arc::clone(&table)))]);
            let epoch = Arc::new(EpochContext::new(HashMap::new(), state, &StateMemory::unlimited(), false));
            let epoch_time = EpochTime { clock: *clock, ..EpochTime::default() };
            let ctx = OperatorContext::new(0, epoch_time, Arc::clone(&epoch), Arc::new(TaskContext::default()));
            let out = operator.process_epoch(&ctx, vec![vec![input]]).await.unwrap();
            let report = epoch.finish();
            unmatched += report.unmatched;
            drop((ctx, epoch));
            if let Some(StateDelta::Keyed(delta)) = report.deltas.into_values().next() {
                Arc::get_mut(&mut table).unwrap().fold(&delta).unwrap();
            }
            let rows = out.iter().flat_map(|b| {
                let clocks = b.column(1).as_primitive::<TimestampMillisecondType>().values().to_vec();
                let values = b.column(0).as_primitive::<Int64Type>().values().to_vec();
                values.into_iter().zip(clocks).zip(zset::weights(b).unwrap().values().to_vec()).map(|((v, c), w)| (v, c, w))
            });
            all.push(rows.collect());
        }
        (all, unmatched)
    }

    #[tokio::test]
    async fn the_earliest_equal_row_is_taken_back_first() {
        let (out, unmatched) = run(&[(10, &[(1, 1), (2, 1)]), (20, &[(1, 2)]), (30, &[(1, -2), (2, -1), (3, 1)]), (40, &[(1, -2)])]).await;
        let expected: [&[(i64, Millis, i64)]; 4] =
            [&[(1, 10, 1), (2, 10, 1)], &[(1, 20, 2)], &[(1, 10, -1), (1, 20, -1), (2, 10, -1), (3, 30, 1)], &[(1, 20, -1)]];
        assert_eq!(out, expected);
        assert_eq!(unmatched, 1, "what never came is counted, and does not come out");
    }
}
