//! GROUP BY without a final window: each epoch emits the changes of its groups.

use std::any::Any;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Int64Array};
use arrow::compute::{concat_batches, filter_record_batch, not, or};
use arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use async_trait::async_trait;
use datafusion::physical_plan::ExecutionPlan;
use serde::{Deserialize, Serialize};

use crate::common::{Error, Result};
use crate::state::{KeyMode, KeyedDelta};

use super::merge::{Functions, GroupMerger, results_of};
use super::min_max::Extreme;
use crate::operators::changes::expiring::ExpiringRows;
use crate::operators::changes::key_index::KeyIndex;
use crate::operators::changes::zset;
use crate::operators::epoch::portable::{PlanBytes, PlanDecoder, PlanEncoder, PortableOperator};
use crate::operators::epoch::stateful::{Operator, OperatorContext, PartitionKey, TableSpec, all_keyed, key_columns};
use crate::operators::{first_columns, to_millis};

/// The column of a group's expiry time in milliseconds, after its partial state.
const TIME: &str = "__time";

/// The lifetime of the groups of a [`KeyedAggregate`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Lifetime {
    /// The result column (after the groups) that counts a group's rows; a group with count 0 is removed. `None`: input is append-only, so
    /// groups stay.
    pub exists: Option<usize>,
    /// Groups expire when the watermark passes this group column, a time, plus this many milliseconds.
    pub window: Option<(usize, i64)>,
    /// Groups without changes for this many milliseconds of wall time expire.
    pub ttl: Option<i64>,
    /// DISTINCT over append-only input: there are no aggregates, and groups are never removed.
    pub distinct: bool,
}

/// An updating aggregate over keyed state.
///
/// ```text
///   partial rows of the epoch ─┐                       ┌▶ state of the dirty groups ▶ delta
///   state n−1 of their groups ─┴▶ merge ───────────────┴▶ results ─┐
///                └──────────────▶ evaluate ▶ earlier results ──────┴▶ −earlier, +new where they differ
/// ```
/// The idea is that of dirty groups (RisingWave's hash aggregation): only groups with input are read. Earlier results are not stored: they
/// follow from the earlier state.
///
/// # Invariants
/// * One row of state per group: group columns, then every aggregate's partial state.
/// * Over updating input all aggregates are sums of weighted values (the planner ensures that), so that a retraction is
///   merged like any other row; except for extremes, whose values are additional inputs with separate tables.
#[derive(Debug)]
pub struct KeyedAggregate {
    functions: Functions,
    /// MIN and MAX over changes; their results come last.
    extremes: Vec<Extreme>,
    lifetime: Lifetime,
    stored: ExpiringRows,
    schema: SchemaRef,
}

impl KeyedAggregate {
    /// Evaluates partial rows with the functions of `last`, DataFusion's final aggregate over an empty input.
    ///
    /// # Errors
    /// When `last` is not such a plan.
    pub fn new(last: Arc<dyn ExecutionPlan>, lifetime: Lifetime) -> Result<Self> {
        Self::with_extremes(last, lifetime, Vec::new())
    }

    /// Adds MIN and MAX over changes. Each has an additional input after the partial rows: the changes of its values.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn with_extremes(last: Arc<dyn ExecutionPlan>, lifetime: Lifetime, extremes: Vec<Extreme>) -> Result<Self> {
        let functions = Functions::new(last)?;
        let extreme_fields = extremes.iter().map(Extreme::field).collect::<Result<Vec<_>>>()?;
        let fields: Vec<_> = functions.partial().fields().iter().chain(&extreme_fields).cloned().collect();
        let timed = lifetime.window.is_some() || lifetime.ttl.is_some();
        let time = timed.then(|| Field::new(TIME, DataType::Int64, false));
        let key = (0..functions.groups()).collect();
        let stored = ExpiringRows::new(Arc::new(Schema::new(fields)), key, KeyMode::Upsert, time);
        let results = functions.results();
        let results = Arc::new(Schema::new(results.fields().iter().chain(&extreme_fields).cloned().collect::<Vec<_>>()));
        let schema = if lifetime.distinct { results } else { zset::weighted(&results) };
        Ok(Self { functions, extremes, lifetime, stored, schema })
    }

    /// MIN and MAX over changes.
    pub fn extremes(&self) -> &[Extreme] {
        &self.extremes
    }

    /// DataFusion's final aggregate, over an empty input.
    pub fn last(&self) -> &Arc<dyn ExecutionPlan> {
        self.functions.last()
    }

    /// The lifetime of its groups.
    pub fn lifetime(&self) -> Lifetime {
        self.lifetime
    }

    /// Appends the expiry time to partial rows.
    fn with_time(&self, state: &RecordBatch, clock: i64) -> Result<RecordBatch> {
        let Some((column, shift)) = self.lifetime.window else { return self.stored.with_time_at(state, clock) };
        self.stored.with_time(state, || {
            let ends = to_millis(state.column(column))?.unary::<_, Int64Type>(|t| t.saturating_add(shift));
            let no_time = || ends.iter().map(|t| Some(t.unwrap_or(i64::MAX))).collect::<Int64Array>();
            Ok(if ends.null_count() > 0 { no_time() } else { ends })
        })
    }

    /// Stored rows as partial rows.
    fn without_time(&self, stored: &RecordBatch) -> Result<RecordBatch> {
        first_columns(self.functions.partial(), stored)
    }

    /// Appends the previous extremes to the earlier results, and the new ones to the new results and states; emits the values' deltas.
    fn add_extremes(&self, ctx: &OperatorContext, inputs: &[Vec<RecordBatch>], stored: &RecordBatch, rows: Rows) -> Result<Rows> {
        if self.extremes.is_empty() {
            return Ok(rows);
        }
        let groups = rows.results.columns().get(..self.functions.groups()).unwrap_or_default();
        let places = KeyIndex::new(groups, rows.results.num_rows())?;
        let first = self.functions.partial().fields().len();
        let (mut before, mut now) = (Vec::new(), Vec::new());
        for (which, extreme) in self.extremes.iter().enumerate() {
            let table = u32::try_from(which + 1).map_err(|_| Error::internal("too many extremes"))?;
            let batches = inputs.get(which + 1).map_or(&[][..], Vec::as_slice);
            let changes = zset::consolidate(&zset::weighted(&extreme.schema), batches)?;
            let old = stored.column(first + which);
            now.push(extreme.advance(groups, &places, old, &changes, ctx.keyed(table)?.as_ref())?);
            before.push(Arc::clone(old));
            if changes.num_rows() > 0 {
                ctx.emit_delta(table, KeyedDelta::new(vec![changes], None))?;
            }
        }
        let fields = self.extremes.iter().map(Extreme::field).collect::<Result<Vec<_>>>()?;
        let add = |batch: &RecordBatch, columns: &[ArrayRef]| -> Result<RecordBatch> {
            let schema = Schema::new(batch.schema_ref().fields().iter().chain(&fields).cloned().collect::<Vec<_>>());
            let columns = batch.columns().iter().chain(columns).cloned().collect();
            Ok(RecordBatch::try_new(Arc::new(schema), columns)?)
        };
        Ok(Rows { earlier: add(&rows.earlier, &before)?, state: add(&rows.state, &now)?, results: add(&rows.results, &now)? })
    }

    fn forgotten(&self, ctx: &OperatorContext) -> Option<i64> {
        match self.lifetime {
            Lifetime { window: Some(_), .. } => ctx.epoch_time.end,
            Lifetime { ttl: Some(ttl), .. } => Some(ctx.epoch_time.clock.saturating_sub(ttl)),
            _ => None,
        }
    }

    /// The columns whose changes are emitted: all except the row count, which no operator above reads.
    fn visible(&self, results: &RecordBatch) -> Vec<ArrayRef> {
        let hidden = self.lifetime.exists.map(|column| self.functions.groups() + column);
        results.columns().iter().enumerate().filter(|(i, _)| Some(*i) != hidden).map(|(_, column)| Arc::clone(column)).collect()
    }

    /// Which of these result rows belong to groups that have rows.
    fn alive(&self, results: &RecordBatch) -> Result<Option<BooleanArray>> {
        let Some(counts) = self.counts(results)? else { return Ok(None) };
        Ok(Some(counts.iter().map(|n| Some(n.is_some_and(|n| n > 0))).collect()))
    }

    /// The row counts of the groups of these result rows, if they are counted.
    fn counts<'a>(&self, results: &'a RecordBatch) -> Result<Option<&'a Int64Array>> {
        let Some(column) = self.lifetime.exists else { return Ok(None) };
        let counts = results.column(self.functions.groups() + column);
        counts.as_primitive_opt::<Int64Type>().ok_or_else(|| Error::internal("a count that is no BIGINT")).map(Some)
    }
}

/// The dirty groups of an epoch: groups with earlier state first, in the same order in all of these.
struct Rows {
    /// Earlier results, of known groups.
    earlier: RecordBatch,
    state: RecordBatch,
    results: RecordBatch,
}

/// For each row whether `a` and `b` differ in it; they have the same number of rows.
fn differ(a: &[ArrayRef], b: &[ArrayRef], rows: usize) -> Result<BooleanArray> {
    Ok(match (zset::encode(a)?, zset::encode(b)?) {
        (Some(a), Some(b)) => a.iter().zip(b.iter()).map(|(a, b)| Some(a != b)).collect(),
        _ => BooleanArray::from(vec![false; rows]),
    })
}

#[async_trait]
impl Operator for KeyedAggregate {
    fn name(&self) -> &'static str {
        "KeyedAggregate"
    }

    fn describe(&self) -> String {
        let keys: Vec<_> = self.functions.partial().fields().iter().take(self.functions.groups()).map(|f| f.name().as_str()).collect();
        let extremes = self.extremes.iter().filter_map(|e| Some(e.field().ok()?.name().clone()));
        let names: Vec<String> = Some(self.functions.names()).filter(|n| !n.is_empty()).into_iter().chain(extremes).collect();
        format!("keys=[{}], aggregates=[{}]", keys.join(", "), names.join(", "))
    }

    fn supports_ttl(&self) -> bool {
        true
    }

    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn tables(&self) -> Vec<TableSpec> {
        let bound = match self.lifetime {
            Lifetime { window: Some(_), .. } => Some("the watermark (window end)".to_string()),
            Lifetime { ttl: Some(ttl), .. } => Some(format!("TTL {ttl} ms, approximate")),
            _ if self.functions.groups() == 0 => Some("one row".to_string()),
            _ => None,
        };
        let groups = TableSpec::by_key("groups", self.stored.layout()).bounded(bound);
        let values = self.extremes.iter().map(|extreme| TableSpec::by_key("values", &Arc::new(extreme.layout())));
        std::iter::once(groups).chain(values).collect()
    }

    fn partition_keys(&self) -> Option<Vec<PartitionKey>> {
        let inputs = std::iter::once(self.functions.partial()).chain(self.extremes.iter().map(|extreme| &extreme.schema));
        all_keyed(inputs.map(|schema| key_columns(schema, 0..self.functions.groups())))
    }

    async fn process_epoch(&self, ctx: &OperatorContext, inputs: Vec<Vec<RecordBatch>>) -> Result<Vec<RecordBatch>> {
        let input = inputs.first().map_or(&[][..], Vec::as_slice);
        let mut delta = KeyedDelta { close_to: self.forgotten(ctx), ..KeyedDelta::default() };
        let mut arrived = GroupMerger::new(&self.functions)?;
        for batch in input {
            arrived.merge(batch)?;
        }
        let arrived = arrived.into_state()?;
        if arrived.num_rows() == 0 {
            ctx.emit_delta(0, delta)?;
            return Ok(Vec::new());
        }
        let with_extremes = ctx.keyed(0)?.get(&arrived.columns()[..self.functions.groups()])?;
        let stored = self.without_time(&with_extremes)?;
        let known = stored.num_rows();

        // Known groups first: so row i of the earlier results and of the new ones is the same group.
        let mut merged = GroupMerger::for_both(&self.functions)?;
        merged.merge(&stored)?;
        merged.merge(&arrived)?;
        let (state, results) = merged.into_both()?;
        let rows = Rows { earlier: results_of(&self.functions, &stored)?, state, results };
        let Rows { earlier, state, results } = self.add_extremes(ctx, &inputs, &with_extremes, rows)?;

        let put = zset::weighted(&self.stored.layout().schema);
        if self.lifetime.distinct {
            let new = known..results.num_rows();
            let rows = if self.lifetime.ttl.is_some() { state } else { state.slice(new.start, new.len()) };
            delta.rows.push(zset::with_weight(&self.with_time(&rows, ctx.epoch_time.clock)?, &put, 1)?);
            ctx.emit_delta(0, delta)?;
            return Ok(vec![results.slice(new.start, new.len())]);
        }
        // A negative count: deletes came without their inserts. The group is removed, and the deletes are reported.
        let lacking = |counts: &Int64Array| counts.iter().flatten().filter(|n| *n < 0).map(|n| -n).sum();
        ctx.epoch.report_unmatched(self.counts(&results)?.map_or(0, lacking));
        let alive = self.alive(&results)?.unwrap_or_else(|| BooleanArray::from(vec![true; results.num_rows()]));
        let changed = differ(&self.visible(&earlier), &self.visible(&results.slice(0, known)), known)?;
        let changed = or(&changed, &not(&alive.slice(0, known))?)?;
        let gone = filter_record_batch(&earlier, &changed)?;
        let shown: BooleanArray = (0..results.num_rows()).map(|i| Some(alive.value(i) && (i >= known || changed.value(i)))).collect();
        let came = filter_record_batch(&results, &shown)?;

        let timed = self.with_time(&state, ctx.epoch_time.clock)?;
        delta.rows.push(zset::with_weight(&filter_record_batch(&timed, &alive)?, &put, 1)?);
        let dead = filter_record_batch(&timed.slice(0, known), &not(&alive.slice(0, known))?)?;
        if dead.num_rows() > 0 {
            delta.rows.push(zset::with_weight(&dead, &put, -1)?);
        }
        ctx.emit_delta(0, delta)?;
        let out = [zset::with_weight(&gone, &self.schema, -1)?, zset::with_weight(&came, &self.schema, 1)?];
        Ok(vec![concat_batches(&self.schema, &out)?])
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// The serialized form of a [`KeyedAggregate`].
#[derive(Debug, Serialize, Deserialize)]
pub struct KeyedAggregateParts {
    last: PlanBytes,
    lifetime: Lifetime,
    /// Columns, and whether they are the largest.
    extremes: Vec<(PlanBytes, bool)>,
}

impl PortableOperator for KeyedAggregate {
    const NAME: &'static str = "KeyedAggregate";
    type Parts = KeyedAggregateParts;

    fn encode(&self, encoder: &PlanEncoder<'_>) -> Result<KeyedAggregateParts> {
        let extreme = |e: &Extreme| Ok((encoder.schema(&e.schema)?, e.largest));
        let extremes = self.extremes().iter().map(extreme).collect::<Result<_>>()?;
        Ok(KeyedAggregateParts { last: encoder.plan(self.last())?, lifetime: self.lifetime(), extremes })
    }

    fn decode(parts: KeyedAggregateParts, decoder: &PlanDecoder<'_>) -> Result<Self> {
        let extreme = |(schema, largest): &(PlanBytes, bool)| Ok(Extreme { schema: decoder.schema(schema)?, largest: *largest });
        let extremes = parts.extremes.iter().map(extreme).collect::<Result<_>>()?;
        Self::with_extremes(decoder.plan(&parts.last)?, parts.lifetime, extremes)
    }
}
