//! Our nodes as bytes, so that a bound plan can run in another process.
//!
//! A node is its plain data as JSON; schemas and expressions travel inside small plans of DataFusion's own (an `EmptyExec`
//! carries a schema, a `ProjectionExec` an expression, an `AggregateExec` its functions), which DataFusion can encode.
//! Nobody keeps these bytes: they are read by the same binary that wrote them.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use datafusion::error::Result as DfResult;
use datafusion::execution::TaskContext;
use datafusion::logical_expr::{Expr, WindowUDF};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::recursive_query::RecursiveQueryExec;
use datafusion::physical_plan::work_table::WorkTableExec;
use datafusion_proto::bytes::{Serializeable, physical_plan_from_bytes_with_extension_codec, physical_plan_to_bytes_with_extension_codec};
use datafusion_proto::physical_plan::{PhysicalExtensionCodec, PhysicalProtoConverterExtension};
use serde::{Deserialize, Serialize};

use crate::common::clock::Millis;
use crate::common::projection::ColumnPath;
use crate::common::{Error, Result};
use crate::connectors::Split;
use crate::operators::aggregates::keyed_aggregate::{KeyedAggregate, Lifetime};
use crate::operators::aggregates::merge::Functions;
use crate::operators::aggregates::min_max::Extreme;
use crate::operators::changes::normalize::{Normalize, Upserts};
use crate::operators::changes::recompute::{Keyed, Recompute};
use crate::operators::changes::subplan::SubPlan;
use crate::operators::epoch::clock_column::{Clock, clocked};
use crate::operators::epoch::row_number::RowNumber;
use crate::operators::epoch::watermark_column::Watermark;
use crate::operators::joins::delta_join::{DeltaJoin, Side, SideParts};
use crate::operators::joins::interval_join::IntervalJoin;
use crate::operators::over::{OverAggregate, OverRows, Past};
use crate::operators::proctime::temporal_filter::Halves;
use crate::operators::windows::late_filter::LateFilter;
use crate::operators::windows::panes::Panes;
use crate::operators::windows::session::{SessionMerge, Sessions};
use crate::operators::windows::window_assign::WindowAssign;
use crate::operators::windows::window_batch::{WindowBatch, WindowInput};
use crate::operators::{
    ClockExec, Constants, EpochTime, ExchangeExec, FirstRows, LateFilterExec, LookupJoin, Materialize, Operator, PaneAggregate,
    ProctimeMaterialize, Reconcile, RowNumberExec, SourceScanExec, StatefulExec, StaticScanExec, TemporalFilter, TickingClock,
    TickingFilter, WatermarkExec, WindowAggregate, WindowAssignExec,
};

use super::rewrites::serializable_over;

/// Encodes and decodes the nodes of `operators`.
#[derive(Debug)]
pub struct Codec;

/// A node of ours without its inputs.
#[derive(Debug, Serialize, Deserialize)]
enum Wire {
    Scan {
        table: String,
        columns: Vec<ColumnPath>,
        splits: Vec<Vec<Split>>,
        limit: Option<usize>,
        schema: Nested,
        watermark: Option<Nested>,
    },
    Late(LateFilter),
    Number(RowNumber),
    Assign(WindowAssign),
    Exchange {
        id: u32,
        schema: Nested,
    },
    /// Filters as DataFusion writes expressions.
    Static {
        table: String,
        schema: Nested,
        filters: Vec<String>,
        limit: Option<usize>,
    },
    Clock(Clock),
    Watermark(Watermark),
    Recursion {
        name: String,
        schema: Nested,
        distinct: bool,
    },
    WorkTable {
        name: String,
        schema: Nested,
    },
    Stateful {
        node: u32,
        moment: EpochTime,
        operator: OperatorWire,
    },
}

/// An operator with state.
#[derive(Debug, Serialize, Deserialize)]
enum OperatorWire {
    Window {
        last: Nested,
        end: (usize, i64),
        partial: bool,
    },
    Pane {
        last: Nested,
        end: (usize, i64),
        panes: Panes,
    },
    /// Extremes: their columns, and whether they are the largest.
    Keyed {
        last: Nested,
        lifetime: Lifetime,
        extremes: Vec<(Nested, bool)>,
    },
    Normalize {
        rows: Nested,
        upserts: Upserts,
    },
    Reconcile {
        rows: Nested,
    },
    Recompute {
        plan: Nested,
        leaves: Vec<u32>,
        inputs: Vec<KeyedWire>,
        output: KeyedWire,
        why: String,
    },
    Join {
        plan: Nested,
        leaves: Vec<u32>,
        sides: [(Nested, SideParts); 2],
    },
    Lookup {
        plan: Nested,
        leaves: Vec<u32>,
        what: String,
    },
    Interval {
        plan: Nested,
        leaves: Vec<u32>,
        sides: [(Nested, SideParts); 2],
        what: String,
    },
    Session {
        last: Option<Nested>,
        rows: Nested,
        sessions: Sessions,
    },
    Materialize {
        schema: Nested,
        updating: bool,
    },
    WindowBatch {
        plan: Nested,
        leaves: Vec<u32>,
        inputs: Vec<(Nested, (usize, i64))>,
        what: String,
    },
    Over {
        plan: Nested,
        leaves: Vec<u32>,
        output: Nested,
        time: (usize, i64),
        partition: KeyedWire,
        past: Past,
        ttl: Option<i64>,
    },
    Temporal {
        rows: Nested,
        enter: Option<Nested>,
        leave: Option<Nested>,
    },
    Ticking {
        rows: Nested,
        predicate: Nested,
        period: Millis,
    },
    TickingClock {
        rows: Nested,
        period: Millis,
    },
    ProctimeMaterialize {
        rows: Nested,
    },
    Constants {
        plan: Nested,
    },
    FirstRows {
        rows: Nested,
        skip: i64,
        fetch: i64,
    },
}

#[derive(Debug, Serialize, Deserialize)]
struct KeyedWire {
    schema: Nested,
    key: Vec<Nested>,
}

impl KeyedWire {
    fn encode(keyed: &Keyed) -> Result<Self> {
        let key = keyed.key.iter().map(|e| Nested::expr(e, Arc::clone(&keyed.schema))).collect::<Result<_>>()?;
        Ok(Self { schema: Nested::schema(Arc::clone(&keyed.schema))?, key })
    }

    fn decode(self, context: &TaskContext) -> Result<Keyed> {
        let key = self.key.into_iter().map(|e| e.into_expr(context)).collect::<Result<_>>()?;
        Ok(Keyed { schema: self.schema.into_plan(context)?.schema(), key })
    }
}

impl OperatorWire {
    fn encode(operator: &Arc<dyn Operator>) -> Result<Self> {
        let any = operator.as_any();
        if let Some(window) = any.downcast_ref::<WindowAggregate>() {
            return Ok(Self::Window { last: Nested::plan(Arc::clone(window.last()))?, end: window.end(), partial: window.is_partial() });
        }
        if let Some(pane) = any.downcast_ref::<PaneAggregate>() {
            return Ok(Self::Pane { last: Nested::plan(Arc::clone(pane.last()))?, end: pane.end(), panes: pane.panes().clone() });
        }
        if let Some(keyed) = any.downcast_ref::<KeyedAggregate>() {
            let extreme = |e: &Extreme| Ok((Nested::schema(Arc::clone(&e.schema))?, e.largest));
            let extremes = keyed.extremes().iter().map(extreme).collect::<Result<_>>()?;
            return Ok(Self::Keyed { last: Nested::plan(Arc::clone(keyed.last()))?, lifetime: keyed.lifetime(), extremes });
        }
        if let Some(normalize) = any.downcast_ref::<Normalize>() {
            return Ok(Self::Normalize { rows: Nested::schema(Arc::clone(normalize.rows()))?, upserts: normalize.upserts().clone() });
        }
        if let Some(reconcile) = any.downcast_ref::<Reconcile>() {
            return Ok(Self::Reconcile { rows: Nested::schema(Arc::clone(reconcile.rows()))? });
        }
        if let Some(recompute) = any.downcast_ref::<Recompute>() {
            return Ok(Self::Recompute {
                plan: Nested::plan(Arc::clone(recompute.plan().plan()))?,
                leaves: recompute.plan().leaves().to_vec(),
                inputs: recompute.inputs().iter().map(KeyedWire::encode).collect::<Result<_>>()?,
                output: KeyedWire::encode(recompute.output())?,
                why: recompute.why().to_string(),
            });
        }
        if let Some(join) = any.downcast_ref::<DeltaJoin>() {
            let (plan, leaves) = (Nested::plan(Arc::clone(join.plan().plan()))?, join.plan().leaves().to_vec());
            return Ok(Self::Join { plan, leaves, sides: sides(join.sides())? });
        }
        if let Some(join) = any.downcast_ref::<IntervalJoin>() {
            let (plan, leaves) = (Nested::plan(Arc::clone(join.plan().plan()))?, join.plan().leaves().to_vec());
            return Ok(Self::Interval { plan, leaves, sides: sides(join.sides())?, what: join.what().to_string() });
        }
        if let Some(join) = any.downcast_ref::<LookupJoin>() {
            let (plan, leaves) = (Nested::plan(Arc::clone(join.plan().plan()))?, join.plan().leaves().to_vec());
            return Ok(Self::Lookup { plan, leaves, what: join.what().to_string() });
        }
        if let Some(session) = any.downcast_ref::<SessionMerge>() {
            let last = session.functions().map(|f| Nested::plan(Arc::clone(f.last()))).transpose()?;
            let rows = Nested::schema(Arc::clone(session.rows()))?;
            return Ok(Self::Session { last, rows, sessions: session.sessions().clone() });
        }
        if let Some(view) = any.downcast_ref::<Materialize>() {
            return Ok(Self::Materialize { schema: Nested::schema(view.schema())?, updating: view.updating() });
        }
        if let Some(closing) = any.downcast_ref::<WindowBatch>() {
            let input = |i: &WindowInput| Ok((Nested::schema(Arc::clone(&i.schema))?, i.end));
            return Ok(Self::WindowBatch {
                plan: Nested::plan(Arc::clone(closing.plan().plan()))?,
                leaves: closing.plan().leaves().to_vec(),
                inputs: closing.inputs().iter().map(input).collect::<Result<_>>()?,
                what: closing.what().to_string(),
            });
        }
        if let Some(over) = any.downcast_ref::<OverAggregate>() {
            let rows = over.rows();
            return Ok(Self::Over {
                plan: Nested::plan(Arc::clone(over.plan().plan()))?,
                leaves: over.plan().leaves().to_vec(),
                output: Nested::schema(Arc::clone(&rows.output))?,
                time: rows.time,
                partition: KeyedWire::encode(&Keyed { schema: Arc::clone(&rows.input), key: rows.partition.clone() })?,
                past: over.past(),
                ttl: over.ttl(),
            });
        }
        if let Some(filter) = any.downcast_ref::<TemporalFilter>() {
            let half = |half: &Option<_>| half.as_ref().map(|e| Nested::expr(e, clocked(filter.rows()))).transpose();
            let rows = Nested::schema(Arc::clone(filter.rows()))?;
            return Ok(Self::Temporal { rows, enter: half(&filter.halves().enter)?, leave: half(&filter.halves().leave)? });
        }
        if let Some(filter) = any.downcast_ref::<TickingFilter>() {
            let predicate = Nested::expr(filter.predicate(), clocked(filter.rows()))?;
            return Ok(Self::Ticking { rows: Nested::schema(Arc::clone(filter.rows()))?, predicate, period: filter.period() });
        }
        if let Some(clock) = any.downcast_ref::<TickingClock>() {
            return Ok(Self::TickingClock { rows: Nested::schema(Arc::clone(clock.rows()))?, period: clock.period() });
        }
        if let Some(remember) = any.downcast_ref::<ProctimeMaterialize>() {
            return Ok(Self::ProctimeMaterialize { rows: Nested::schema(Arc::clone(remember.rows()))? });
        }
        if let Some(constants) = any.downcast_ref::<Constants>() {
            return Ok(Self::Constants { plan: Nested::plan(Arc::clone(constants.plan().plan()))? });
        }
        if let Some(first) = any.downcast_ref::<FirstRows>() {
            let (skip, fetch) = first.range();
            return Ok(Self::FirstRows { rows: Nested::schema(first.schema())?, skip, fetch });
        }
        Err(Error::internal(format!("{} cannot be sent", operator.name())))
    }

    fn decode(self, context: &TaskContext) -> Result<Arc<dyn Operator>> {
        Ok(match self {
            Self::Window { last, end, partial: false } => Arc::new(WindowAggregate::new(last.into_plan(context)?, end)?),
            Self::Window { last, end, partial: true } => Arc::new(WindowAggregate::partial(last.into_plan(context)?, end)?),
            Self::Pane { last, end, panes } => Arc::new(PaneAggregate::new(last.into_plan(context)?, end, panes)?),
            Self::Keyed { last, lifetime, extremes } => {
                let extreme = |(schema, largest): (Nested, bool)| Ok(Extreme { schema: schema.into_plan(context)?.schema(), largest });
                let extremes = extremes.into_iter().map(extreme).collect::<Result<_>>()?;
                Arc::new(KeyedAggregate::with_extremes(last.into_plan(context)?, lifetime, extremes)?)
            }
            Self::Normalize { rows, upserts } => Arc::new(Normalize::new(rows.into_plan(context)?.schema(), upserts)?),
            Self::Reconcile { rows } => Arc::new(Reconcile::new(rows.into_plan(context)?.schema())),
            Self::Recompute { plan, leaves, inputs, output, why } => {
                let inputs = inputs.into_iter().map(|i| i.decode(context)).collect::<Result<_>>()?;
                let plan = SubPlan::new(plan.into_plan(context)?, leaves);
                Arc::new(Recompute::new(plan, inputs, output.decode(context)?, why)?)
            }
            Self::Join { plan, leaves, sides } => {
                Arc::new(DeltaJoin::new(SubPlan::new(plan.into_plan(context)?, leaves), from_parts(sides, context)?))
            }
            Self::Interval { plan, leaves, sides, what } => {
                Arc::new(IntervalJoin::new(SubPlan::new(plan.into_plan(context)?, leaves), from_parts(sides, context)?, what))
            }
            Self::Lookup { plan, leaves, what } => Arc::new(LookupJoin::new(SubPlan::new(plan.into_plan(context)?, leaves), what)),
            Self::Session { last, rows, sessions } => {
                let functions = last.map(|l| Functions::new(l.into_plan(context)?)).transpose()?;
                Arc::new(SessionMerge::new(functions, rows.into_plan(context)?.schema(), sessions))
            }
            Self::Materialize { schema, updating } => Arc::new(Materialize::new(schema.into_plan(context)?.schema(), updating)),
            Self::WindowBatch { plan, leaves, inputs, what } => {
                let input = |(schema, end): (Nested, _)| Ok(WindowInput { schema: schema.into_plan(context)?.schema(), end });
                let inputs = inputs.into_iter().map(input).collect::<Result<_>>()?;
                Arc::new(WindowBatch::new(SubPlan::new(plan.into_plan(context)?, leaves), inputs, what))
            }
            Self::Over { plan, leaves, output, time, partition, past, ttl } => {
                let Keyed { schema: input, key: partition } = partition.decode(context)?;
                let rows = OverRows { input, output: output.into_plan(context)?.schema(), time, partition };
                Arc::new(OverAggregate::new(SubPlan::new(plan.into_plan(context)?, leaves), rows, past, ttl)?)
            }
            Self::Temporal { rows, enter, leave } => {
                let half = |half: Option<Nested>| half.map(|e| e.into_expr(context)).transpose();
                let halves = Halves { enter: half(enter)?, leave: half(leave)? };
                Arc::new(TemporalFilter::new(rows.into_plan(context)?.schema(), halves))
            }
            Self::Ticking { rows, predicate, period } => {
                Arc::new(TickingFilter::new(&rows.into_plan(context)?.schema(), predicate.into_expr(context)?, period))
            }
            Self::TickingClock { rows, period } => Arc::new(TickingClock::new(&rows.into_plan(context)?.schema(), period)),
            Self::Constants { plan } => Arc::new(Constants::new(SubPlan::new(plan.into_plan(context)?, Vec::new()))),
            Self::FirstRows { rows, skip, fetch } => Arc::new(FirstRows::new(rows.into_plan(context)?.schema(), skip, fetch)),
            Self::ProctimeMaterialize { rows } => Arc::new(ProctimeMaterialize::new(rows.into_plan(context)?.schema())),
        })
    }
}

fn sides([left, right]: &[Side; 2]) -> Result<[(Nested, SideParts); 2]> {
    let parts = |s: &Side| -> Result<_> {
        Ok((Nested::schema(Arc::clone(&s.schema))?, SideParts { key: s.key.clone(), updating: s.updating, until: s.until, ttl: s.ttl }))
    };
    Ok([parts(left)?, parts(right)?])
}

fn from_parts([left, right]: [(Nested, SideParts); 2], context: &TaskContext) -> Result<[Side; 2]> {
    let side = |(schema, parts): (Nested, SideParts)| -> Result<Side> {
        let schema = schema.into_plan(context)?.schema();
        Ok(Side { schema, key: parts.key, updating: parts.updating, until: parts.until, ttl: parts.ttl })
    };
    Ok([side(left)?, side(right)?])
}

/// A plan of DataFusion's, encoded.
#[derive(Debug, Serialize, Deserialize)]
struct Nested(String);

impl Nested {
    fn plan(plan: Arc<dyn ExecutionPlan>) -> Result<Self> {
        Ok(Self(BASE64_STANDARD.encode(physical_plan_to_bytes_with_extension_codec(plan, &Codec)?)))
    }

    fn schema(schema: SchemaRef) -> Result<Self> {
        Self::plan(Arc::new(EmptyExec::new(schema)))
    }

    fn expr(expr: &Arc<dyn PhysicalExpr>, schema: SchemaRef) -> Result<Self> {
        let empty = Arc::new(EmptyExec::new(schema));
        Self::plan(Arc::new(ProjectionExec::try_new([(Arc::clone(expr), "expr".to_string())], empty)?))
    }

    fn into_plan(self, context: &TaskContext) -> Result<Arc<dyn ExecutionPlan>> {
        let bytes = BASE64_STANDARD.decode(self.0).map_err(|e| damaged().because(e))?;
        Ok(physical_plan_from_bytes_with_extension_codec(&bytes, context, &Codec)?)
    }

    fn into_expr(self, context: &TaskContext) -> Result<Arc<dyn PhysicalExpr>> {
        let plan = self.into_plan(context)?;
        let projection = plan.downcast_ref::<ProjectionExec>().ok_or_else(damaged)?;
        projection.expr().first().map(|e| Arc::clone(&e.expr)).ok_or_else(damaged)
    }
}

fn damaged() -> Error {
    Error::internal("a plan that was sent cannot be read")
}

/// Sends a plan through bytes and back.
///
/// # Errors
/// When a node cannot be encoded; that would be a bug.
pub fn round_trip(plan: Arc<dyn ExecutionPlan>, context: &TaskContext) -> Result<Arc<dyn ExecutionPlan>> {
    let bytes = physical_plan_to_bytes_with_extension_codec(plan, &Codec)?;
    Ok(physical_plan_from_bytes_with_extension_codec(&bytes, context, &Codec)?)
}

impl PhysicalExtensionCodec for Codec {
    fn try_encode(&self, node: Arc<dyn ExecutionPlan>, buf: &mut Vec<u8>, _: &dyn PhysicalProtoConverterExtension) -> DfResult<()> {
        let wire = if let Some(scan) = node.downcast_ref::<SourceScanExec>() {
            Wire::Scan {
                table: scan.table().to_string(),
                columns: scan.columns().to_vec(),
                splits: scan.splits().to_vec(),
                limit: scan.limit(),
                schema: Nested::schema(scan.schema())?,
                watermark: scan.watermark().map(|expr| Nested::expr(expr, scan.schema())).transpose()?,
            }
        } else if let Some(late) = node.downcast_ref::<LateFilterExec>() {
            Wire::Late(late.operator().clone())
        } else if let Some(number) = node.downcast_ref::<RowNumberExec>() {
            Wire::Number(number.operator().clone())
        } else if let Some(assign) = node.downcast_ref::<WindowAssignExec>() {
            Wire::Assign(assign.operator().clone())
        } else if let Some(exchange) = node.downcast_ref::<ExchangeExec>() {
            Wire::Exchange { id: exchange.id(), schema: Nested::schema(exchange.schema())? }
        } else if let Some(scan) = node.downcast_ref::<StaticScanExec>() {
            let filters = scan.filters().iter().map(|e| Ok(BASE64_STANDARD.encode(e.to_bytes()?))).collect::<DfResult<_>>()?;
            Wire::Static { table: scan.table().to_string(), schema: Nested::schema(scan.schema())?, filters, limit: scan.limit() }
        } else if let Some(clock) = node.downcast_ref::<ClockExec>() {
            Wire::Clock(clock.operator().clone())
        } else if let Some(watermark) = node.downcast_ref::<WatermarkExec>() {
            Wire::Watermark(watermark.operator().clone())
        } else if let Some(recursion) = node.downcast_ref::<RecursiveQueryExec>() {
            let (name, schema) = (recursion.name().to_string(), Nested::schema(node.schema())?);
            Wire::Recursion { name, schema, distinct: recursion.is_distinct() }
        } else if let Some(work) = node.downcast_ref::<WorkTableExec>() {
            Wire::WorkTable { name: work.name().to_string(), schema: Nested::schema(node.schema())? }
        } else if let Some(stateful) = node.downcast_ref::<StatefulExec>() {
            Wire::Stateful { node: stateful.node(), moment: stateful.moment(), operator: OperatorWire::encode(stateful.operator())? }
        } else {
            return Err(Error::internal(format!("{} cannot be sent", node.name())).into());
        };
        serde_json::to_writer(buf, &wire).map_err(|e| Error::from(e).into())
    }

    fn try_encode_udwf(&self, function: &WindowUDF, buf: &mut Vec<u8>) -> DfResult<()> {
        serializable_over::encode(function, buf);
        Ok(())
    }

    fn try_decode_udwf(&self, name: &str, buf: &[u8]) -> DfResult<Arc<WindowUDF>> {
        Ok(serializable_over::decode(name, buf)?)
    }

    fn try_decode(
        &self,
        buf: &[u8],
        inputs: &[Arc<dyn ExecutionPlan>],
        context: &TaskContext,
        _: &dyn PhysicalProtoConverterExtension,
    ) -> DfResult<Arc<dyn ExecutionPlan>> {
        let input = || inputs.first().cloned().ok_or_else(damaged);
        Ok(match serde_json::from_slice(buf).map_err(Error::from)? {
            Wire::Scan { table, columns, splits, limit, schema, watermark } => {
                let watermark = watermark.map(|expr| expr.into_expr(context)).transpose()?;
                let scan = SourceScanExec::new(&table, columns, schema.into_plan(context)?.schema(), splits, watermark);
                Arc::new(scan.with_limit(limit))
            }
            Wire::Late(late) => Arc::new(LateFilterExec::new(input()?, late)?),
            Wire::Number(number) => Arc::new(RowNumberExec::new(input()?, number)?),
            Wire::Assign(assign) => Arc::new(WindowAssignExec::new(input()?, assign)?),
            Wire::Exchange { id, schema } => Arc::new(ExchangeExec::new(id, schema.into_plan(context)?.schema())),
            Wire::Static { table, schema, filters, limit } => {
                let filter = |text: String| {
                    let bytes = BASE64_STANDARD.decode(text).map_err(|e| damaged().because(e))?;
                    Expr::from_bytes_with_ctx(&bytes, context)
                };
                let filters = filters.into_iter().map(filter).collect::<DfResult<_>>()?;
                Arc::new(StaticScanExec::new(&table, schema.into_plan(context)?.schema(), filters, limit))
            }
            Wire::Clock(clock) => Arc::new(ClockExec::new(input()?, clock)?),
            Wire::Watermark(watermark) => Arc::new(WatermarkExec::new(input()?, watermark)?),
            Wire::Recursion { name, schema, distinct } => {
                let (first, again) = inputs.split_first().and_then(|(first, rest)| Some((first, rest.first()?))).ok_or_else(damaged)?;
                let (first, again) = (Arc::clone(first), Arc::clone(again));
                Arc::new(RecursiveQueryExec::try_new(name, schema.into_plan(context)?.schema(), first, again, distinct)?)
            }
            Wire::WorkTable { name, schema } => Arc::new(WorkTableExec::new(name, schema.into_plan(context)?.schema(), None)?),
            Wire::Stateful { node, moment, operator } => {
                Arc::new(StatefulExec::new(node, inputs.to_vec(), operator.decode(context)?, moment))
            }
        })
    }
}
