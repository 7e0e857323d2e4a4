//! SESSION windows: merges rows of a key within a gap of each other, and emits a session when W has passed its end.

use std::any::Any;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Int64Array, UInt32Array};
use arrow::compute::{cast, concat_batches, take_record_batch};
use arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::common::{Error, Result};
use crate::state::{KeyMode, KeyedDelta};

use super::arithmetic::per_milli;
use crate::operators::aggregates::merge::{Functions, GroupMerger, results_of};
use crate::operators::changes::expiring::ExpiringRows;
use crate::operators::changes::key_index::distinct;
use crate::operators::changes::zset;
use crate::operators::epoch::portable::{PlanBytes, PlanDecoder, PlanEncoder, PortableOperator};
use crate::operators::epoch::stateful::{Operator, OperatorContext, PartitionKey, TableSpec, all_keyed, key_columns};
use crate::operators::first_columns;

/// Columns after those of a stored row: the bounds of its session so far, in the unit of its window columns; and the millisecond at which
/// it closes, or a closed one expires.
const START: &str = "__start";
const END: &str = "__end";
const UNTIL: &str = "__until";

/// The columns of a session in its rows.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Sessions {
    /// The gap that ends a session, in milliseconds.
    pub gap: i64,
    /// Sessions are found within equal values of these.
    pub keys: Vec<usize>,
    /// `window_start`, `window_end`, `window_time`, where they exist; at least one does.
    pub window: [Option<usize>; 3],
}

/// Merges provisional sessions, and emits them when they are complete.
///
/// Every row has a provisional session, `[ts, ts + gap]`; touching sessions of a key are merged. W is held back by a
/// millisecond, so that a row at the very end of a session is in time as long as the session is open.
/// With functions the rows are partial aggregates by (session, key), which are merged with their sessions; without, the rows
/// are stored and emitted with their session's bounds.
/// ```text
///  rows with [ts, ts + gap) ─┐   by key and start: touching ones are one session        end ≤ W ─▶ output
///  state n−1 of their keys  ─┴──────────────────────────────────────────────────────── end > W ─▶ delta
/// ```
/// # Invariants
/// * Open sessions of a key do not touch, and none touches a closed one: such rows are late, which
///   [`crate::operators::LateFilterExec`] finds with the bounds of closed sessions; those are stored until W ≥ end + gap.
/// * A session is emitted once.
#[derive(Debug)]
pub struct SessionMerge {
    functions: Option<Functions>,
    rows: SchemaRef,
    sessions: Sessions,
    open: ExpiringRows,
    closed: ExpiringRows,
}

impl Sessions {
    /// The units per millisecond of the window columns, in which bounds are stored.
    pub(super) fn per_milli(&self, rows: &Schema) -> i64 {
        self.window.iter().flatten().next().map_or(1, |column| per_milli(rows.field(*column).data_type()))
    }
}

/// The values of a window column as integers, in its unit.
pub(super) fn units(column: &ArrayRef) -> Result<Int64Array> {
    Ok(cast(column, &DataType::Int64)?.as_primitive::<Int64Type>().clone())
}

impl SessionMerge {
    /// Merges rows of `rows`, which are partial rows of `functions`, if any.
    pub fn new(functions: Option<Functions>, rows: SchemaRef, sessions: Sessions) -> Self {
        let bound = |name: &str| Arc::new(Field::new(name, DataType::Int64, false));
        let mut fields: Vec<_> = rows.fields().iter().cloned().collect();
        fields.extend([bound(START), bound(END)]);
        let until = || Some(Field::new(UNTIL, DataType::Int64, false));
        let open = ExpiringRows::new(Arc::new(Schema::new(fields)), sessions.keys.clone(), KeyMode::Multiset, until());
        let mut fields: Vec<_> = sessions.keys.iter().filter_map(|k| rows.fields().get(*k).cloned()).collect();
        fields.extend([bound(START), bound(END)]);
        let key = (0..sessions.keys.len()).collect();
        let closed = ExpiringRows::new(Arc::new(Schema::new(fields)), key, KeyMode::Multiset, until());
        Self { functions, rows, sessions, open, closed }
    }

    /// The aggregate functions, if the rows are partial rows.
    pub fn functions(&self) -> Option<&Functions> {
        self.functions.as_ref()
    }

    /// The schema of input rows.
    pub fn rows(&self) -> &SchemaRef {
        &self.rows
    }

    /// The columns of sessions.
    pub fn sessions(&self) -> &Sessions {
        &self.sessions
    }

    /// Appends the bounds of each row's provisional session.
    fn with_provisional_bounds(&self, rows: &RecordBatch) -> Result<RecordBatch> {
        let unit = self.unit();
        let gap = self.sessions.gap.saturating_mul(unit);
        let (column, to_start) = match self.sessions.window {
            [Some(start), ..] => (start, 0),
            [_, Some(end), _] => (end, -gap),
            [_, _, Some(last)] => (last, unit - gap),
            _ => return Err(Error::internal("a session without a window column")),
        };
        let starts = units(rows.column(column))?.unary::<_, Int64Type>(|t| t.saturating_add(to_start));
        let ends = starts.unary::<_, Int64Type>(|t| t.saturating_add(gap));
        self.with_bounds(rows.columns().to_vec(), starts, ends)
    }

    fn with_bounds(&self, mut columns: Vec<ArrayRef>, starts: Int64Array, ends: Int64Array) -> Result<RecordBatch> {
        let unit = self.unit();
        let until = ends.unary::<_, Int64Type>(|end| end.div_euclid(unit));
        columns.push(Arc::new(starts));
        columns.push(Arc::new(ends));
        let rows = RecordBatch::try_new(Arc::clone(self.open.rows()), columns)?;
        self.open.with_time(&rows, || Ok(until))
    }

    /// The units of bounds per millisecond.
    fn unit(&self) -> i64 {
        self.sessions.per_milli(&self.rows)
    }

    fn key_columns(&self, rows: &RecordBatch) -> Vec<ArrayRef> {
        self.sessions.keys.iter().map(|k| Arc::clone(rows.column(*k))).collect()
    }

    /// Merges sessions: the order of rows, the session of each row in that order, and the bounds of sessions.
    fn merged(&self, all: &RecordBatch) -> Result<Merged> {
        let width = self.rows.fields().len();
        let bounds = |i: usize| all.column(i).as_primitive_opt::<Int64Type>().ok_or_else(|| Error::internal("a session without bounds"));
        let (starts, ends) = (bounds(width)?, bounds(width + 1)?);
        let keys = zset::encode(&self.key_columns(all))?;
        let mut order: Vec<u32> = (0u32..).take(all.num_rows()).collect();
        let key = |row: u32| keys.as_ref().map(|k| k.row(row as usize));
        order.sort_by(|a, b| key(*a).cmp(&key(*b)).then(starts.value(*a as usize).cmp(&starts.value(*b as usize))));

        let mut merged = Merged { of: Vec::with_capacity(order.len()), bounds: Vec::new(), order };
        let mut before: Option<u32> = None;
        for row in &merged.order {
            let (start, end) = (starts.value(*row as usize), ends.value(*row as usize));
            let goes_on = before.is_some_and(|b| key(b) == key(*row)) && merged.bounds.last().is_some_and(|(_, last)| start <= *last);
            match merged.bounds.last_mut().filter(|_| goes_on) {
                Some((_, last)) => *last = end.max(*last),
                None => merged.bounds.push((start, end)),
            }
            merged.of.push(merged.bounds.len() - 1);
            before = Some(*row);
        }
        Ok(merged)
    }

    /// The rows in order, with their merged sessions' bounds in the window columns.
    fn with_merged_bounds(&self, all: &RecordBatch, merged: &Merged, chosen: &[usize]) -> Result<RecordBatch> {
        let indices: Vec<u32> = chosen.iter().filter_map(|i| merged.order.get(*i).copied()).collect();
        let picked = take_record_batch(all, &UInt32Array::from(indices))?;
        let bound = |i: &usize| merged.of.get(*i).and_then(|s| merged.bounds.get(*s)).copied().unwrap_or_default();
        let starts: Int64Array = chosen.iter().map(|i| Some(bound(i).0)).collect();
        let ends: Int64Array = chosen.iter().map(|i| Some(bound(i).1)).collect();
        let mut columns = picked.columns()[..self.rows.fields().len()].to_vec();
        let values: [(usize, &Int64Array, i64); 3] = [(0, &starts, 0), (1, &ends, 0), (2, &ends, -self.unit())];
        for (which, bounds, shift) in values {
            let Some(index) = self.sessions.window[which] else { continue };
            let shifted = bounds.unary::<_, Int64Type>(|t| t.saturating_add(shift));
            columns[index] = cast(&shifted, self.rows.field(index).data_type())?;
        }
        self.with_bounds(columns, starts, ends)
    }

    /// The stored form of merged sessions: partial rows of one session become one row.
    fn stored(&self, rows: &RecordBatch) -> Result<RecordBatch> {
        let Some(functions) = &self.functions else { return Ok(rows.clone()) };
        let mut merger = GroupMerger::new(functions)?;
        merger.merge(&self.without_bounds(rows)?)?;
        self.with_bounds_of_window(&merger.into_state()?)
    }

    /// Appends the bounds in the window columns, which are those of merged sessions.
    fn with_bounds_of_window(&self, rows: &RecordBatch) -> Result<RecordBatch> {
        let unit = self.unit();
        let start = self.sessions.window[0].map(|i| units(rows.column(i))).transpose()?;
        let end = match self.sessions.window {
            [_, Some(end), _] => units(rows.column(end))?,
            [_, _, Some(last)] => units(rows.column(last))?.unary::<_, Int64Type>(|t| t.saturating_add(unit)),
            _ => return Err(Error::internal("a session without an end")),
        };
        let start = start.ok_or_else(|| Error::internal("a session without a start"))?;
        self.with_bounds(rows.columns().to_vec(), start, end)
    }

    fn without_bounds(&self, rows: &RecordBatch) -> Result<RecordBatch> {
        first_columns(&self.rows, rows)
    }
}

/// The result of merging sessions.
struct Merged {
    /// Rows by key and start.
    order: Vec<u32>,
    /// The session of each row in that order.
    of: Vec<usize>,
    /// Start and end of each session.
    bounds: Vec<(i64, i64)>,
}

#[async_trait]
impl Operator for SessionMerge {
    fn name(&self) -> &'static str {
        if self.functions.is_some() { "SessionAggregate" } else { "SessionWindows" }
    }

    fn describe(&self) -> String {
        let keys: Vec<_> = self.sessions.keys.iter().map(|k| self.rows.field(*k).name().as_str()).collect();
        let gap = self.sessions.gap;
        let what = self.functions.as_ref().map(|f| format!(", aggregates=[{}]", f.names())).unwrap_or_default();
        format!("gap={gap} ms, keys=[{}]{what}, final", keys.join(", "))
    }

    fn schema(&self) -> SchemaRef {
        self.functions.as_ref().map_or_else(|| Arc::clone(&self.rows), Functions::results)
    }

    fn tables(&self) -> Vec<TableSpec> {
        let table = |name, rows: &ExpiringRows, bound: &str| TableSpec::by_key(name, rows.layout()).bounded(bound.to_string());
        vec![
            table("open sessions", &self.open, "the watermark (session end)").timer(),
            table("closed sessions", &self.closed, "the watermark (session end + gap)"),
        ]
    }

    fn partition_keys(&self) -> Option<Vec<PartitionKey>> {
        all_keyed([key_columns(&self.rows, self.sessions.keys.iter().copied())])
    }

    async fn process_epoch(&self, ctx: &OperatorContext, inputs: Vec<Vec<RecordBatch>>) -> Result<Vec<RecordBatch>> {
        let watermark = ctx.watermark();
        let unit = self.unit();
        let has_ended = |(_, end): &(i64, i64)| end.div_euclid(unit) <= watermark;
        let (open, closed) = (ctx.keyed(0)?, ctx.keyed(1)?);
        let arrived = inputs.into_iter().next().unwrap_or_default();
        let arrived = arrived.iter().map(|b| self.with_provisional_bounds(b)).collect::<Result<Vec<_>>>()?;
        let arrived = concat_batches(&self.open.layout().schema, &arrived)?;
        let due = open.due(watermark)?.collect::<Result<Vec<_>>>()?;
        let due = due.iter().map(zset::rows_of).collect::<Result<Vec<_>>>()?;
        let mut keys: Vec<Vec<ArrayRef>> = due.iter().map(|b| self.key_columns(b)).collect();
        keys.push(self.key_columns(&arrived));
        let forget = |delta: KeyedDelta| KeyedDelta { close_to: ctx.epoch_time.end, ..delta };
        if arrived.num_rows() == 0 && due.iter().all(|b| b.num_rows() == 0) {
            if !closed.is_empty() {
                ctx.emit_delta(1, forget(KeyedDelta::default()))?;
            }
            return Ok(Vec::new());
        }
        let kept = zset::expand(&open.get(&distinct(&keys)?)?)?;
        let known = kept.num_rows();
        let all = concat_batches(&self.open.layout().schema, [&kept, &arrived])?;
        let merged = self.merged(&all)?;

        // A session of only one stored row that stays open is unchanged.
        let mut rows_of: Vec<u32> = vec![0; merged.bounds.len()];
        merged.of.iter().for_each(|s| rows_of[*s] += 1);
        let changed = |i: usize| {
            let session = merged.of[i];
            let as_before = rows_of[session] == 1 && (merged.order[i] as usize) < known && !has_ended(&merged.bounds[session]);
            !as_before
        };
        let touched: Vec<usize> = (0..merged.order.len()).filter(|i| changed(*i)).collect();
        let (complete, waiting): (Vec<usize>, Vec<usize>) = touched.iter().partition(|i| has_ended(&merged.bounds[merged.of[**i]]));
        let gone: Vec<u32> = touched.iter().map(|i| merged.order[*i]).filter(|row| (*row as usize) < known).collect();

        let weighted = zset::weighted(&self.open.layout().schema);
        let gone = zset::with_weight(&take_record_batch(&all, &UInt32Array::from(gone))?, &weighted, -1)?;
        let waiting = self.stored(&self.with_merged_bounds(&all, &merged, &waiting)?)?;
        ctx.emit_delta(0, KeyedDelta::new(vec![gone, zset::with_weight(&waiting, &weighted, 1)?], None))?;

        let complete = self.stored(&self.with_merged_bounds(&all, &merged, &complete)?)?;
        let delta = KeyedDelta::new(vec![self.closing(&complete)?], None);
        ctx.emit_delta(1, forget(delta))?;
        let plain = self.without_bounds(&complete)?;
        let Some(functions) = &self.functions else { return Ok(vec![plain]) };
        Ok(vec![results_of(functions, &plain)?])
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl SessionMerge {
    /// The bounds of sessions that close.
    fn closing(&self, complete: &RecordBatch) -> Result<RecordBatch> {
        let width = self.rows.fields().len();
        let mut columns = self.key_columns(complete);
        columns.extend(complete.columns()[width..width + 2].iter().cloned());
        let until =
            complete.column(width + 2).as_primitive_opt::<Int64Type>().ok_or_else(|| Error::internal("a session without an end"))?;
        let until = || Ok(until.unary::<_, Int64Type>(|t| t.saturating_add(self.sessions.gap)));
        let rows = self.closed.put(columns, complete.num_rows(), until)?;
        let schema = zset::weighted(&self.closed.layout().schema);
        // Rows of one session close it once.
        let once = zset::consolidate(&schema, &[rows])?;
        zset::with_weight(&zset::rows_of(&once)?, &schema, 1)
    }
}

/// The serialized form of a [`SessionMerge`].
#[derive(Debug, Serialize, Deserialize)]
pub struct SessionMergeParts {
    last: Option<PlanBytes>,
    rows: PlanBytes,
    sessions: Sessions,
}

impl PortableOperator for SessionMerge {
    const NAME: &'static str = "SessionMerge";
    type Parts = SessionMergeParts;

    fn encode(&self, encoder: &PlanEncoder<'_>) -> Result<SessionMergeParts> {
        let last = self.functions().map(|functions| encoder.plan(functions.last())).transpose()?;
        Ok(SessionMergeParts { last, rows: encoder.schema(self.rows())?, sessions: self.sessions().clone() })
    }

    fn decode(parts: SessionMergeParts, decoder: &PlanDecoder<'_>) -> Result<Self> {
        let functions = parts.last.map(|last| Functions::new(decoder.plan(&last)?)).transpose()?;
        Ok(Self::new(functions, decoder.schema(&parts.rows)?, parts.sessions))
    }
}
