//! Outer, semi and anti interval joins: each row is joined once, when it has no further matches.

use std::any::Any;

use arrow::compute::concat_batches;
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::common::Result;
use crate::state::KeyedDelta;

use super::delta_join::Side;
use super::delta_join::SideParts;
use crate::operators::changes::expiring::ExpiringRows;
use crate::operators::changes::key_index::distinct;
use crate::operators::changes::subplan::SubPlan;
use crate::operators::changes::subplan::SubPlanParts;
use crate::operators::changes::zset;
use crate::operators::epoch::portable::{PlanDecoder, PlanEncoder, PortableOperator};
use crate::operators::epoch::stateful::{Operator, OperatorContext, PartitionKey, TableSpec, all_keyed};
use crate::operators::first_columns;

/// A row of the preserved side (the first) waits until all of its matches must have arrived, and is joined then.
///
/// ```text
///  preserved rows ─▶ wait until W reaches `until` ─┐
///                                                   ├▶ batch join ─▶ output, append-only
///  other rows ─────▶ kept until theirs ────────────┘
/// ```
/// # Invariants
/// * Each preserved row is joined once, with all matching rows of the other side.
#[derive(Debug)]
pub struct IntervalJoin {
    plan: SubPlan,
    sides: [Side; 2],
    rows: [ExpiringRows; 2],
    what: String,
}

impl IntervalJoin {
    /// `plan` reads the preserved side and the other one; both are append-only and bounded.
    pub fn new(plan: SubPlan, sides: [Side; 2], what: String) -> Self {
        let rows = [sides[0].rows(), sides[1].rows()];
        Self { plan, sides, rows, what }
    }

    /// The join.
    pub fn plan(&self) -> &SubPlan {
        &self.plan
    }

    /// Its sides.
    pub fn sides(&self) -> &[Side; 2] {
        &self.sides
    }

    /// A description, for EXPLAIN.
    pub fn what(&self) -> &str {
        &self.what
    }
}

#[async_trait]
impl Operator for IntervalJoin {
    fn name(&self) -> &'static str {
        "IntervalJoin"
    }

    fn describe(&self) -> String {
        format!("{}, final per row", self.what)
    }

    fn schema(&self) -> SchemaRef {
        self.plan.schema()
    }

    fn tables(&self) -> Vec<TableSpec> {
        let table = |name, rows: &ExpiringRows| TableSpec::by_key(name, rows.layout()).bounded("the watermark (interval)".to_string());
        vec![table("waiting", &self.rows[0]).timer(), table("other", &self.rows[1])]
    }

    fn partition_keys(&self) -> Option<Vec<PartitionKey>> {
        all_keyed(self.sides.iter().map(Side::partition_key))
    }

    async fn process_epoch(&self, ctx: &OperatorContext, inputs: Vec<Vec<RecordBatch>>) -> Result<Vec<RecordBatch>> {
        let watermark = ctx.watermark();
        let [waiting, other] = &self.sides;
        let mut inputs = inputs.into_iter();
        let mut next = |side: &Side, rows: &ExpiringRows| -> Result<RecordBatch> {
            side.stored(rows, &side.changes(&inputs.next().unwrap_or_default())?)
        };
        let (preserved, others) = (next(waiting, &self.rows[0])?, next(other, &self.rows[1])?);
        let (first, second) = (ctx.keyed(0)?, ctx.keyed(1)?);

        let (ready, open) = Side::due(&self.rows[0], &preserved, watermark)?;
        let lasting = Side::due(&self.rows[1], &others, watermark)?.1;
        let mut complete = first.due(watermark)?.collect::<Result<Vec<_>>>()?;
        complete.push(ready);
        let complete = concat_batches(&preserved.schema(), &complete)?;
        ctx.emit_delta(0, KeyedDelta::new(vec![open], ctx.epoch_time.end))?;
        ctx.emit_delta(1, KeyedDelta::new(vec![lasting], ctx.epoch_time.end))?;
        if complete.num_rows() == 0 {
            return Ok(Vec::new());
        }
        let kept = second.get(&distinct(&[waiting.keys(&complete)])?)?;
        let met = concat_batches(&others.schema(), [&kept, &others])?;
        let plain = |side: &Side, rows: &RecordBatch| -> Result<RecordBatch> { first_columns(&side.schema, &zset::expand(rows)?) };
        self.plan.run(ctx, vec![plain(waiting, &complete)?, plain(other, &met)?]).await
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// The serialized form of an [`IntervalJoin`].
#[derive(Debug, Serialize, Deserialize)]
pub struct IntervalJoinParts {
    plan: SubPlanParts,
    sides: [SideParts; 2],
    what: String,
}

impl PortableOperator for IntervalJoin {
    const NAME: &'static str = "IntervalJoin";
    type Parts = IntervalJoinParts;

    fn encode(&self, encoder: &PlanEncoder<'_>) -> Result<IntervalJoinParts> {
        let [left, right] = self.sides();
        let sides = [left.encode(encoder)?, right.encode(encoder)?];
        Ok(IntervalJoinParts { plan: self.plan().encode(encoder)?, sides, what: self.what().to_string() })
    }

    fn decode(parts: IntervalJoinParts, decoder: &PlanDecoder<'_>) -> Result<Self> {
        let [left, right] = parts.sides;
        let sides = [Side::decode(left, decoder)?, Side::decode(right, decoder)?];
        Ok(Self::new(SubPlan::decode(parts.plan, decoder)?, sides, parts.what))
    }
}
