//! OVER by time: final per row, when the watermark has passed it.

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

/// The column behind a stored row that says when it is complete, or no longer needed, in milliseconds.
const UNTIL: &str = "__until";

/// What the functions of an [`OverAggregate`] have to know of rows that have come out already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Past {
    /// Nothing: no frame holds rows of another time.
    Nothing,
    /// One row of totals per partition, which the results over new rows are added to: ranks, and frames that begin with the
    /// partition.
    Totals,
    /// The last this many rows of each partition.
    Last(u64),
    /// Rows that are at most this many milliseconds older than what can still come.
    Within(i64),
    /// Every row.
    Everything,
}

impl Past {
    /// Whether no watermark bounds it.
    fn unbounded(self) -> bool {
        !matches!(self, Self::Nothing | Self::Within(_))
    }
}

/// The rows of an [`OverAggregate`].
#[derive(Debug, Clone)]
pub struct OverRows {
    /// The columns that come in.
    pub input: SchemaRef,
    /// The same, with those of the functions behind them.
    pub output: SchemaRef,
    /// The column that rows are ordered by first, a time; and how many milliseconds after it W says that all rows with this
    /// time are there.
    pub time: (usize, i64),
    /// What all functions partition by, over the columns that come in.
    pub partition: Vec<Arc<dyn PhysicalExpr>>,
}

/// Functions OVER rows up to the current one, in order of time: each row comes out once, when W has passed it.
///
/// ```text
///  rows ─▶ waiting, until W has passed their time ─▶ batch plan ─▶ output, append-only
///                                                     ▲      │
///                                   past at n−1, by partition └▶ past at n
/// ```
/// Rows whose time W has not passed may still get others before them, so they wait. A row that came out never changes,
/// because all that come later stand behind it. `ROW_NUMBER() ... WHERE rn <= n` by time (top-N, and Flink's deduplication
/// that keeps the first row) is one of these functions, with a filter above: its past is a count per partition.
///
/// The batch plan reads the rows that have become complete together with the past:
///
/// | [`Past`] | is read as | what the plan leaves behind the output's columns |
/// |---|---|---|
/// | `Totals` | columns, NULL if there is none: `__seen`, and a total per function | the same, now; whether the row is its partition's one |
/// | `Last` | rows, `__new` is false | `__new`, and whether to keep the row |
/// | others | rows, `__new` is false | nothing: it leaves new rows only |
///
/// # Invariants
/// * Input is append-only; of rows of one time all become complete in the same epoch.
/// * A row without a time stands behind all others (the planner sees to that): it is complete when all input has ended.
/// * All functions have the same partition and need the same past.
#[derive(Debug)]
pub struct OverAggregate {
    plan: SubPlan,
    rows: OverRows,
    past: Past,
    ttl: Option<i64>,
    waiting: ExpiringRows,
    /// The table of the past, if there is one.
    kept: Option<ExpiringRows>,
    /// What the plan reads.
    leaf: SchemaRef,
}

impl OverAggregate {
    /// Runs `plan`. What no watermark bounds is forgotten after `ttl` milliseconds of wall time: totals and last rows of
    /// partitions that got no row for so long, or rows that are so old.
    ///
    /// # Errors
    /// When the partition does not type, or the plan leaves less than it should.
    pub fn new(plan: SubPlan, rows: OverRows, past: Past, ttl: Option<i64>) -> Result<Self> {
        let until = Field::new(UNTIL, DataType::Int64, false);
        // Any key would do; rows of one time go together.
        let time = vec![rows.input.fields().len()];
        let waiting = ExpiringRows::new(Arc::clone(&rows.input), time, KeyMode::Bag, Some(until.clone()));

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
        let mode = if past == Past::Totals { KeyMode::Upsert } else { KeyMode::Bag };
        let kept = || ExpiringRows::new(Arc::new(Schema::new(kept)), key, mode, timed.then_some(until));
        let kept = (past != Past::Nothing).then(kept);
        Ok(Self { plan, rows, past, ttl, waiting, kept, leaf: Arc::new(Schema::new(leaf)) })
    }

    /// The batch plan.
    pub fn plan(&self) -> &SubPlan {
        &self.plan
    }

    /// Its rows.
    pub fn rows(&self) -> &OverRows {
        &self.rows
    }

    /// What it knows of rows that have come out.
    pub fn past(&self) -> Past {
        self.past
    }

    /// After how many milliseconds of wall time it forgets.
    pub fn ttl(&self) -> Option<i64> {
        self.ttl
    }

    /// The rows that have become complete, at least one of them; the others wait.
    fn complete(&self, ctx: &OperatorContext, input: &[RecordBatch]) -> Result<Option<RecordBatch>> {
        let arrived = concat(&self.rows.input, input)?;
        let arrived = self.waiting.put(arrived.columns().to_vec(), arrived.num_rows(), || self.until(&arrived, 0))?;
        let ready = self.waiting.passed(&arrived, ctx.watermark())?;
        let open = filter_record_batch(&arrived, &not(&ready)?)?;
        let mut complete = ctx.keyed(0)?.due(ctx.watermark())?.collect::<Result<Vec<_>>>()?;
        let close_to = ctx.moment.end.filter(|_| complete.iter().any(|rows| rows.num_rows() > 0));
        ctx.emit_delta(0, KeyedDelta::new(Vec::from_iter((open.num_rows() > 0).then_some(open)), close_to))?;
        complete.push(filter_record_batch(&arrived, &ready)?);
        let complete = zset::expand(&concat_batches(&zset::weighted(&self.waiting.layout().schema), &complete)?)?;
        Ok(if complete.num_rows() > 0 { Some(first_columns(&self.rows.input, &complete)?) } else { None })
    }

    /// When rows are complete, and this many milliseconds more; those without a time at the end of all input.
    fn until(&self, rows: &RecordBatch, age: i64) -> Result<Int64Array> {
        let (column, after) = self.rows.time;
        let times = to_millis(rows.column(column))?;
        Ok(times.iter().map(|t| Some(t.map_or(i64::MAX, |t| t.saturating_add(after).saturating_add(age)))).collect())
    }

    /// What rows partition by.
    fn keys(&self, rows: &RecordBatch) -> Result<Vec<ArrayRef>> {
        self.rows.partition.iter().map(|e| Ok(e.evaluate(rows)?.into_array(rows.num_rows())?)).collect()
    }

    /// To which time the past is forgotten in this epoch, if there is something to forget.
    fn forgotten(&self, ctx: &OperatorContext) -> Result<Option<i64>> {
        if self.kept.as_ref().is_none_or(|kept| !kept.expires()) {
            return Ok(None);
        }
        let to = match self.ttl {
            Some(ttl) => Some(ctx.moment.clock.saturating_sub(ttl)),
            None => ctx.moment.end,
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
        // DataFusion names a function with all of its OVER, whose order is long by now.
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
        // Its key is the time; where its rows belong, the columns of the input say, which come first.
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
            // Nothing comes out, but time goes on.
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
