//! Incremental inner joins: only the changes of each side are joined.

use std::any::Any;
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray};
use arrow::compute::{concat_batches, filter_record_batch, not};
use arrow::datatypes::{DataType, Field, Int64Type, SchemaRef};
use arrow::record_batch::RecordBatch;
use async_trait::async_trait;
use hashbrown::HashSet;
use serde::{Deserialize, Serialize};

use crate::common::{Error, Result};
use crate::state::{KeyMode, KeyedDelta, KeyedTable};

use crate::operators::changes::expiring::ExpiringRows;
use crate::operators::changes::key_index::distinct;
use crate::operators::changes::key_slices::KeySlices;
use crate::operators::changes::subplan::SubPlan;
use crate::operators::changes::subplan::SubPlanParts;
use crate::operators::changes::zset;
use crate::operators::epoch::portable::{PlanBytes, PlanDecoder, PlanEncoder, PortableOperator};
use crate::operators::epoch::stateful::{Operator, OperatorContext, PartitionKey, TableSpec, all_keyed, key_columns};
use crate::operators::to_millis;

/// The column of a stored row's expiry time in milliseconds, after its other columns.
const UNTIL: &str = "__until";

/// One side of a join.
#[derive(Debug, Clone)]
pub struct Side {
    /// Its columns, without weight.
    pub schema: SchemaRef,
    /// The columns of the key; none: a cross join.
    pub key: Vec<usize>,
    /// Whether its rows come with weights.
    pub updating: bool,
    /// A row has no further matches once W reaches this column, a time, plus this many milliseconds.
    pub until: Option<(usize, i64)>,
    /// If no time bounds it: rows without changes for this many milliseconds of wall time expire.
    pub ttl: Option<i64>,
}

/// The serialized form of a [`Side`].
#[derive(Debug, Serialize, Deserialize)]
pub struct SideParts {
    schema: PlanBytes,
    key: Vec<usize>,
    updating: bool,
    until: Option<(usize, i64)>,
    ttl: Option<i64>,
}

impl Side {
    /// Encodes it.
    ///
    /// # Errors
    /// When its schema cannot be encoded: a bug.
    pub fn encode(&self, encoder: &PlanEncoder<'_>) -> Result<SideParts> {
        let Self { schema, key, updating, until, ttl } = self;
        Ok(SideParts { schema: encoder.schema(schema)?, key: key.clone(), updating: *updating, until: *until, ttl: *ttl })
    }

    /// Decodes it.
    ///
    /// # Errors
    /// When the parts are damaged.
    pub fn decode(parts: SideParts, decoder: &PlanDecoder<'_>) -> Result<Self> {
        let SideParts { schema, key, updating, until, ttl } = parts;
        Ok(Self { schema: decoder.schema(&schema)?, key, updating, until, ttl })
    }
}

impl Side {
    /// The stored form of its rows.
    pub(super) fn rows(&self) -> ExpiringRows {
        let time = (self.until.is_some() || self.ttl.is_some()).then(|| Field::new(UNTIL, DataType::Int64, true));
        ExpiringRows::new(Arc::clone(&self.schema), self.key.clone(), KeyMode::Multiset, time)
    }

    /// Weighted rows.
    pub(super) fn changes(&self, batches: &[RecordBatch]) -> Result<RecordBatch> {
        let schema = zset::weighted(&self.schema);
        if self.updating {
            return zset::consolidate(&schema, batches);
        }
        let batches = batches.iter().map(|b| zset::with_weight(b, &schema, 1)).collect::<Result<Vec<_>>>()?;
        Ok(concat_batches(&schema, &batches)?)
    }

    /// The key by which its rows are hash-partitioned.
    pub(super) fn partition_key(&self) -> PartitionKey {
        key_columns(&self.schema, self.key.iter().copied())
    }

    pub(super) fn keys(&self, rows: &RecordBatch) -> Vec<ArrayRef> {
        self.key.iter().map(|k| Arc::clone(rows.column(*k))).collect()
    }

    pub(super) fn stored(&self, rows: &ExpiringRows, changes: &RecordBatch) -> Result<RecordBatch> {
        let Some((column, after)) = self.until else { return Ok(changes.clone()) };
        rows.with_time(changes, || Ok(to_millis(changes.column(column))?.unary::<_, Int64Type>(|t| t.saturating_add(after))))
    }

    /// The delta of a table with a TTL: stored rows that are equal move to `clock`. An expired row can no longer be
    /// retracted.
    fn refreshed(&self, kept: &ExpiringRows, table: &KeyedTable, changes: &RecordBatch, clock: i64) -> Result<RecordBatch> {
        let now = |rows: &RecordBatch| kept.with_time_at(rows, clock);
        if !self.updating {
            return now(changes);
        }
        let stored = table.get(&distinct(&[self.keys(changes)])?)?;
        let width = self.schema.fields().len();
        let (changed, known) = (zset::encode(&changes.columns()[..width])?, zset::encode(&stored.columns()[..width])?);
        let changed: HashSet<&[u8]> = changed.iter().flatten().map(|row| row.data()).collect();
        let same: BooleanArray = match &known {
            Some(known) => known.iter().map(|row| Some(changed.contains(row.data()))).collect(),
            None => vec![true; stored.num_rows()].into(),
        };
        let old = filter_record_batch(&stored, &same)?;
        let sum = zset::consolidate(&changes.schema(), &[kept.without_time(&old)?, changes.clone()])?;
        Ok(concat_batches(&old.schema(), [&zset::negate(&old)?, &now(&zset::filter(&sum, |weight| weight > 0)?)?])?)
    }

    /// Splits stored rows into those without further matches and the others. A row without a time has no matches.
    pub(super) fn due(rows: &ExpiringRows, stored: &RecordBatch, watermark: i64) -> Result<(RecordBatch, RecordBatch)> {
        let due = rows.passed(stored, watermark)?;
        Ok((filter_record_batch(stored, &due)?, filter_record_batch(stored, &not(&due)?)?))
    }

    /// What bounds its table, for EXPLAIN.
    fn bound(&self) -> Option<String> {
        let until = self.until.map(|(column, after)| format!("the watermark ({} + {after} ms)", self.schema.field(column).name()));
        until.or_else(|| self.ttl.map(|ttl| format!("TTL {ttl} ms, approximate")))
    }

    /// The delta of its table.
    fn delta(&self, kept: &ExpiringRows, table: &KeyedTable, changes: &RecordBatch, ctx: &OperatorContext) -> Result<KeyedDelta> {
        let (rows, close_to) = match (self.until, self.ttl) {
            (Some(_), _) => (Self::due(kept, &self.stored(kept, changes)?, ctx.watermark())?.1, ctx.epoch_time.end),
            (None, Some(ttl)) => {
                let clock = ctx.epoch_time.clock;
                (self.refreshed(kept, table, changes, clock)?, Some(clock.saturating_sub(ttl)))
            }
            (None, None) => (changes.clone(), None),
        };
        let rows = if rows.num_rows() > 0 { vec![rows] } else { Vec::new() };
        Ok(KeyedDelta::new(rows, close_to))
    }
}

/// `ΔL ⋈ R_old ∪ L_new ⋈ ΔR`: the rule of every bilinear operator (DBSP).
///
/// ```text
///   ΔL ─┬──────────────▶ ⋈ ◀── R n−1, of ΔL's keys ─┐
///       └▶ stored                                    ├▶ output: the weights multiply
///   ΔR ─┬──────────────▶ ⋈ ◀── L n−1 + ΔL, of ΔR's ──┘
///       └▶ stored
/// ```
/// DataFusion's join runs over the rows of the changed keys; its inputs have their weights as an additional column, and a projection above
/// it multiplies them.
///
/// # Invariants
/// * Output is append-only if both sides are.
/// * A row with a bound is dropped once W rules out further matches: an interval join keeps only its interval.
/// * With a TTL a row expires that long after its last change, without retractions (Flink's rule): its joined rows stay.
#[derive(Debug)]
pub struct DeltaJoin {
    plan: SubPlan,
    sides: [Side; 2],
    rows: [ExpiringRows; 2],
    schema: SchemaRef,
}

impl DeltaJoin {
    /// `plan` reads both sides with their weights, and yields the join's rows with the product of the weights as last column.
    pub fn new(plan: SubPlan, sides: [Side; 2]) -> Self {
        let rows = [sides[0].rows(), sides[1].rows()];
        let weighted = plan.schema();
        let schema = if sides.iter().any(|s| s.updating) { weighted } else { zset::unweighted(&weighted) };
        Self { plan, sides, rows, schema }
    }

    /// The join.
    pub fn plan(&self) -> &SubPlan {
        &self.plan
    }

    /// Its sides.
    pub fn sides(&self) -> &[Side; 2] {
        &self.sides
    }
}

#[async_trait]
impl Operator for DeltaJoin {
    fn name(&self) -> &'static str {
        "DeltaJoin"
    }

    fn describe(&self) -> String {
        let [left, right] = &self.sides;
        let names = |s: &Side| s.key.iter().map(|k| s.schema.field(*k).name().clone()).collect::<Vec<_>>().join(", ");
        format!("[{}] = [{}]", names(left), names(right))
    }

    fn supports_ttl(&self) -> bool {
        true
    }

    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn tables(&self) -> Vec<TableSpec> {
        let sides = ["left", "right"].into_iter().zip(self.sides.iter().zip(&self.rows));
        sides.map(|(name, (side, rows))| TableSpec::by_key(name, rows.layout()).bounded(side.bound())).collect()
    }

    fn partition_keys(&self) -> Option<Vec<PartitionKey>> {
        all_keyed(self.sides.iter().map(Side::partition_key))
    }

    async fn process_epoch(&self, ctx: &OperatorContext, inputs: Vec<Vec<RecordBatch>>) -> Result<Vec<RecordBatch>> {
        let [left, right] = &self.sides;
        let mut inputs = inputs.into_iter();
        let mut next = |side: &Side| side.changes(&inputs.next().unwrap_or_default());
        let (from_left, from_right) = (next(left)?, next(right)?);
        let (kept_left, kept_right) = (ctx.keyed(0)?, ctx.keyed(1)?);
        let mut output = Vec::new();
        let (left_keys, right_keys) = (left.keys(&from_left), right.keys(&from_right));
        if from_left.num_rows() > 0 {
            let changes = vec![(from_left.clone(), left_keys.clone())];
            let mut slices = KeySlices::new(distinct(std::slice::from_ref(&left_keys))?, changes, &[&kept_right])?;
            let mut stored = 0;
            while let Some((keys, changes)) = slices.next(stored)? {
                let met = self.rows[1].without_time(&kept_right.get(&keys)?)?;
                stored = met.get_array_memory_size();
                if met.num_rows() > 0 {
                    output.extend(self.plan.run(ctx, changes.into_iter().chain([met]).collect()).await?);
                }
            }
        }
        if from_right.num_rows() > 0 {
            let changes = vec![(from_left.clone(), left_keys), (from_right.clone(), right_keys.clone())];
            let mut slices = KeySlices::new(distinct(&[right_keys])?, changes, &[&kept_left])?;
            let mut stored = 0;
            while let Some((keys, changes)) = slices.next(stored)? {
                let [new, from_right] = changes.as_slice() else { return Err(Error::internal("a slice of keys without both sides")) };
                let met = self.rows[0].without_time(&kept_left.get(&keys)?)?;
                stored = met.get_array_memory_size();
                let met = concat_batches(&met.schema(), [&met, new])?;
                if met.num_rows() > 0 {
                    output.extend(self.plan.run(ctx, vec![met, from_right.clone()]).await?);
                }
            }
        }
        ctx.emit_delta(0, left.delta(&self.rows[0], &kept_left, &from_left, ctx)?)?;
        ctx.emit_delta(1, right.delta(&self.rows[1], &kept_right, &from_right, ctx)?)?;
        if self.sides.iter().any(|s| s.updating) {
            return Ok(output);
        }
        output.iter().map(zset::expand).collect()
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// The serialized form of a [`DeltaJoin`].
#[derive(Debug, Serialize, Deserialize)]
pub struct DeltaJoinParts {
    plan: SubPlanParts,
    sides: [SideParts; 2],
}

impl PortableOperator for DeltaJoin {
    const NAME: &'static str = "DeltaJoin";
    type Parts = DeltaJoinParts;

    fn encode(&self, encoder: &PlanEncoder<'_>) -> Result<DeltaJoinParts> {
        let [left, right] = self.sides();
        Ok(DeltaJoinParts { plan: self.plan().encode(encoder)?, sides: [left.encode(encoder)?, right.encode(encoder)?] })
    }

    fn decode(parts: DeltaJoinParts, decoder: &PlanDecoder<'_>) -> Result<Self> {
        let [left, right] = parts.sides;
        Ok(Self::new(SubPlan::decode(parts.plan, decoder)?, [Side::decode(left, decoder)?, Side::decode(right, decoder)?]))
    }
}

#[cfg(test)]
#[path = "delta_join_tests.rs"]
mod tests;
