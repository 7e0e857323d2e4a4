//! OVER by time: each row is emitted once, when the watermark has passed it.

mod history;
mod totals;

use std::any::Any;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, BooleanArray, Int64Array};
use arrow::compute::{concat_batches, filter_record_batch, not};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use async_trait::async_trait;
use datafusion::physical_expr::PhysicalExpr;
use serde::{Deserialize, Serialize};

use crate::common::{Error, Result};
use crate::state::{KeyMode, KeyedDelta};

use super::changes::expiring::ExpiringRows;
use super::changes::recompute::concat;
use super::changes::recompute::{Keyed, KeyedParts};
use super::changes::subplan::SubPlan;
use super::changes::subplan::SubPlanParts;
use super::changes::zset;
use super::epoch::stateful::{Operator, OperatorContext, PartitionKey, Placement, TableSpec, all_keyed};
use super::{first_columns, to_millis};
use crate::operators::epoch::portable::{PlanBytes, PlanDecoder, PlanEncoder, PortableOperator};

/// A column after those of a stored row: when it is complete, or no longer needed, in milliseconds.
const UNTIL: &str = "__until";

/// The state that the functions of an [`OverAggregate`] need of rows that were emitted already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Past {
    /// None: frames contain only rows of one time.
    Nothing,
    /// One row of totals per partition, to which the results over new rows are added: for ranks, and frames that begin with
    /// the partition.
    Totals,
    /// The last this many rows of each partition.
    Last(u64),
    /// Rows that are at most this many milliseconds older than W.
    Within(i64),
    /// Every row.
    Everything,
}

impl Past {
    /// Whether the watermark does not bound it.
    fn unbounded(self) -> bool {
        !matches!(self, Self::Nothing | Self::Within(_))
    }
}

/// The rows of an [`OverAggregate`].
#[derive(Debug, Clone)]
pub struct OverRows {
    /// The input schema.
    pub input: SchemaRef,
    /// The output schema: the input's columns, then those of the functions.
    pub output: SchemaRef,
    /// The first ORDER BY column, a time; and how many milliseconds after it, by W, all rows with this time have
    /// arrived.
    pub time: (usize, i64),
    /// The PARTITION BY of all functions, over the input schema.
    pub partition: Vec<Arc<dyn PhysicalExpr>>,
}

/// Functions OVER rows up to the current one, in order of time: each row is emitted once, when W has passed it.
///
/// ```text
///  rows ─▶ waiting, until W has passed their time ─▶ batch plan ─▶ output, append-only
///                                                     ▲      │
///                                   past at n−1, by partition └▶ past at n
/// ```
/// Rows whose time W has not passed may still get predecessors, so they wait. An emitted row never changes, because all later
/// rows follow it. `ROW_NUMBER() ... WHERE rn <= n` by time (top-N, and Flink's deduplication
/// that keeps the first row) is one of these functions, with a filter above: its state is a count per partition.
///
/// The batch plan reads the rows that have become complete together with the past:
///
/// | [`Past`] | is read as | columns that the plan appends to the output's |
/// |---|---|---|
/// | `Totals` | columns, NULL if there is none: `__seen`, and a total per function | the new totals; whether this row holds them |
/// | `Last` | rows, `__new` is false | `__new`, and whether to keep the row |
/// | others | rows, `__new` is false | nothing: it leaves new rows only |
///
/// # Invariants
/// * Input is append-only; all rows of one time become complete in the same epoch.
/// * A row without a time follows all others (the planner ensures that): it is complete when all input has ended.
/// * All functions have the same partition and need the same past.
#[derive(Debug)]
pub struct OverAggregate {
    plan: SubPlan,
    rows: OverRows,
    past: Past,
    ttl: Option<i64>,
    waiting: ExpiringRows,
    /// The stored form of past rows, if there are any.
    kept: Option<ExpiringRows>,
    /// The schema that the plan reads.
    leaf: SchemaRef,
}

impl OverAggregate {
    /// Runs `plan`. State that no watermark bounds expires after `ttl` milliseconds of wall time: totals and last rows of
    /// partitions without new rows, or rows of that age.
    ///
    /// # Errors
    /// When the type of the partition key cannot be determined, or the plan lacks columns.
    pub fn new(plan: SubPlan, rows: OverRows, past: Past, ttl: Option<i64>) -> Result<Self> {
        let until = Field::new(UNTIL, DataType::Int64, false);
        // Any key would do; this one keeps rows of one time together.
        let time = vec![rows.input.fields().len()];
        let waiting = ExpiringRows::new(Arc::clone(&rows.input), time, KeyMode::Multiset, Some(until.clone()));

        let behind = match past {
            Past::Totals => totals::columns(&plan, &rows)?,
            _ => vec![Arc::new(Field::new("__new", DataType::Boolean, false))],
        };
        let leaf = rows.input.fields().iter().cloned().chain(behind.iter().cloned()).collect::<Vec<_>>();
        let mut kept = match past {
            Past::Totals => behind,
            _ => rows.input.fields().to_vec(),
        };
        let key: Vec<usize> = (kept.len()..kept.len() + rows.partition.len()).collect();
        for (i, expr) in rows.partition.iter().enumerate() {
            kept.push(Arc::new(Field::new(format!("__key{i}"), expr.data_type(&rows.input)?, true)));
        }
        let ttl = ttl.filter(|_| past.unbounded());
        let timed = ttl.is_some() || matches!(past, Past::Within(_));
        let mode = if past == Past::Totals { KeyMode::Upsert } else { KeyMode::Multiset };
        let kept = || ExpiringRows::new(Arc::new(Schema::new(kept)), key, mode, timed.then_some(until));
        let kept = (past != Past::Nothing).then(kept);
        Ok(Self { plan, rows, past, ttl, waiting, kept, leaf: Arc::new(Schema::new(leaf)) })
    }

    /// The batch plan.
    pub fn plan(&self) -> &SubPlan {
        &self.plan
    }

    /// Its schemas, time and partition.
    pub fn rows(&self) -> &OverRows {
        &self.rows
    }

    /// Its state of emitted rows.
    pub fn past(&self) -> Past {
        self.past
    }

    /// Its TTL in milliseconds of wall time.
    pub fn ttl(&self) -> Option<i64> {
        self.ttl
    }

    /// The rows that have become complete, `None` if there are none; the others stay in the state.
    fn complete(&self, ctx: &OperatorContext, input: &[RecordBatch]) -> Result<Option<RecordBatch>> {
        let arrived = concat(&self.rows.input, input)?;
        let arrived = self.waiting.put(arrived.columns().to_vec(), arrived.num_rows(), || self.until(&arrived, 0))?;
        let ready = self.waiting.passed(&arrived, ctx.watermark())?;
        let open = filter_record_batch(&arrived, &not(&ready)?)?;
        let mut complete = ctx.keyed(0)?.due(ctx.watermark())?.collect::<Result<Vec<_>>>()?;
        let close_to = ctx.epoch_time.end.filter(|_| complete.iter().any(|rows| rows.num_rows() > 0));
        ctx.emit_delta(0, KeyedDelta::new(Vec::from_iter((open.num_rows() > 0).then_some(open)), close_to))?;
        complete.push(filter_record_batch(&arrived, &ready)?);
        let complete = zset::expand(&concat_batches(&zset::weighted(&self.waiting.layout().schema), &complete)?)?;
        Ok(if complete.num_rows() > 0 { Some(first_columns(&self.rows.input, &complete)?) } else { None })
    }

    /// The times at which rows are complete, plus `age` milliseconds; for rows without a time the end of all input.
    fn until(&self, rows: &RecordBatch, age: i64) -> Result<Int64Array> {
        let (column, after) = self.rows.time;
        let times = to_millis(rows.column(column))?;
        Ok(times.iter().map(|t| Some(t.map_or(i64::MAX, |t| t.saturating_add(after).saturating_add(age)))).collect())
    }

    /// The partition keys of rows.
    fn keys(&self, rows: &RecordBatch) -> Result<Vec<ArrayRef>> {
        self.rows.partition.iter().map(|e| Ok(e.evaluate(rows)?.into_array(rows.num_rows())?)).collect()
    }

    /// The time up to which past rows expire in this epoch, if any do.
    fn forgotten(&self, ctx: &OperatorContext) -> Result<Option<i64>> {
        if self.kept.as_ref().is_none_or(|kept| !kept.expires()) {
            return Ok(None);
        }
        let to = match self.ttl {
            Some(ttl) => Some(ctx.epoch_time.clock.saturating_sub(ttl)),
            None => ctx.epoch_time.end,
        };
        let next = ctx.keyed(1)?.next_time();
        Ok(to.filter(|to| next.is_some_and(|next| next <= *to)))
    }

    /// A column of flags behind those of the output.
    fn flag<'a>(&self, answer: &'a RecordBatch, behind: usize) -> Result<&'a BooleanArray> {
        let column = answer.columns().get(self.rows.output.fields().len() + behind).and_then(|c| c.as_boolean_opt());
        column.ok_or_else(|| Error::internal("a plan over the past that leaves no flags"))
    }
}

#[async_trait]
impl Operator for OverAggregate {
    fn name(&self) -> &'static str {
        "OverAggregate"
    }

    fn describe(&self) -> String {
        let (width, (time, _)) = (self.rows.input.fields().len(), self.rows.time);
        // DataFusion names a function with its whole OVER, which is long.
        let short =
            |name: &str| name.split(" PARTITION BY [").next().and_then(|n| n.split(" ORDER BY [").next()).unwrap_or(name).to_string();
        let functions: Vec<_> = self.rows.output.fields().iter().skip(width).map(|f| short(f.name())).collect();
        let partition: Vec<_> = self.rows.partition.iter().map(ToString::to_string).collect();
        let time = self.rows.input.field(time).name();
        format!("final on {time}, partition=[{}], functions=[{}]", partition.join(", "), functions.join(", "))
    }

    fn strategy(&self) -> String {
        match self.past {
            Past::Everything => "final per row; all earlier rows of its partition are read again".to_string(),
            _ => "incremental, final per row".to_string(),
        }
    }

    fn supports_ttl(&self) -> bool {
        self.past.unbounded()
    }

    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.rows.output)
    }

    fn tables(&self) -> Vec<TableSpec> {
        let (column, after) = self.rows.time;
        let time = self.rows.input.field(column).name();
        let waiting = TableSpec::by_key("waiting", self.waiting.layout()).bounded(format!("the watermark ({time} + {after} ms)")).timer();
        // Its key is the time; the partition follows from the input's columns, which come first.
        let waiting = TableSpec { placement: Placement::Key(self.rows.partition.clone()), ..waiting };
        let bound = match (self.past, self.ttl) {
            (Past::Within(age), _) => Some(format!("the watermark ({time} + {} ms)", after.saturating_add(age))),
            (_, Some(ttl)) => Some(format!("TTL {ttl} ms, approximate")),
            (Past::Totals, _) if self.rows.partition.is_empty() => Some("one row".to_string()),
            (Past::Last(n), _) if self.rows.partition.is_empty() => Some(format!("the last {n} rows")),
            _ => None,
        };
        let name = if self.past == Past::Totals { "totals" } else { "earlier rows" };
        let kept = self.kept.iter().map(|kept| TableSpec::by_key(name, kept.layout()).bounded(bound.clone()));
        [waiting].into_iter().chain(kept).collect()
    }

    fn partition_keys(&self) -> Option<Vec<PartitionKey>> {
        all_keyed([self.rows.partition.clone()])
    }

    async fn process_epoch(&self, ctx: &OperatorContext, inputs: Vec<Vec<RecordBatch>>) -> Result<Vec<RecordBatch>> {
        let input = inputs.into_iter().next().unwrap_or_default();
        let complete = self.complete(ctx, &input)?;
        let close_to = self.forgotten(ctx)?;
        let Some(new) = complete else {
            // No output, but state may expire.
            return if close_to.is_some() {
                ctx.emit_delta(1, KeyedDelta::new(Vec::new(), close_to)).map(|()| Vec::new())
            } else {
                Ok(Vec::new())
            };
        };
        let (answer, changes) = match (self.past, &self.kept) {
            (Past::Totals, Some(kept)) => self.over_totals(ctx, kept, new).await?,
            (_, kept) => self.over_rows(ctx, kept.as_ref(), new).await?,
        };
        if self.kept.is_some() {
            ctx.emit_delta(1, KeyedDelta::new(changes, close_to))?;
        }
        answer.iter().map(|rows| first_columns(&self.rows.output, rows)).collect()
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// The serialized form of an [`OverAggregate`].
#[derive(Debug, Serialize, Deserialize)]
pub struct OverAggregateParts {
    plan: SubPlanParts,
    output: PlanBytes,
    time: (usize, i64),
    partition: KeyedParts,
    past: Past,
    ttl: Option<i64>,
}

impl PortableOperator for OverAggregate {
    const NAME: &'static str = "OverAggregate";
    type Parts = OverAggregateParts;

    fn encode(&self, encoder: &PlanEncoder<'_>) -> Result<OverAggregateParts> {
        let rows = self.rows();
        let partition = Keyed { schema: Arc::clone(&rows.input), key: rows.partition.clone() }.encode(encoder)?;
        let output = encoder.schema(&rows.output)?;
        Ok(OverAggregateParts {
            plan: self.plan().encode(encoder)?,
            output,
            time: rows.time,
            partition,
            past: self.past(),
            ttl: self.ttl(),
        })
    }

    fn decode(parts: OverAggregateParts, decoder: &PlanDecoder<'_>) -> Result<Self> {
        let Keyed { schema: input, key: partition } = Keyed::decode(&parts.partition, decoder)?;
        let rows = OverRows { input, output: decoder.schema(&parts.output)?, time: parts.time, partition };
        Self::new(SubPlan::decode(parts.plan, decoder)?, rows, parts.past, parts.ttl)
    }
}
