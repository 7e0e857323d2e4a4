//! Lists all nodes and operators that can be sent to another process, by name. A new one is added to one of the two lists.

use std::sync::Arc;

use datafusion::execution::TaskContext;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::recursive_query::RecursiveQueryExec;
use datafusion::physical_plan::work_table::WorkTableExec;
use datafusion_proto::physical_plan::PhysicalExtensionCodec;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::common::{Error, Result};

use super::aggregates::keyed_aggregate::KeyedAggregate;
use super::changes::constants::Constants;
use super::changes::first_rows::FirstRows;
use super::changes::materialize::Materialize;
use super::changes::normalize::Normalize;
use super::changes::recompute::Recompute;
use super::changes::reconcile::Reconcile;
use super::epoch::clock_column::ClockExec;
use super::epoch::exchange::ExchangeExec;
use super::epoch::portable::{PlanDecoder, PlanEncoder, PortableNode, PortableOperator, damaged};
use super::epoch::row_number::RowNumberExec;
use super::epoch::scan::SourceScanExec;
use super::epoch::stateful::{EpochTime, Operator, StatefulExec};
use super::epoch::static_scan::StaticScanExec;
use super::epoch::watermark_column::WatermarkExec;
use super::joins::delta_join::DeltaJoin;
use super::joins::interval_join::IntervalJoin;
use super::joins::lookup_join::LookupJoin;
use super::over::OverAggregate;
use super::proctime::materialize::ProctimeMaterialize;
use super::proctime::temporal_filter::TemporalFilter;
use super::proctime::ticking_clock::TickingClock;
use super::proctime::ticking_filter::TickingFilter;
use super::windows::late_filter::LateFilterExec;
use super::windows::pane_aggregate::PaneAggregate;
use super::windows::session::SessionMerge;
use super::windows::window_aggregate::WindowAggregate;
use super::windows::window_assign::WindowAssignExec;
use super::windows::window_batch::WindowBatch;

const NODES: [NodeEntry; 11] = [
    node::<SourceScanExec>(),
    node::<StaticScanExec>(),
    node::<ExchangeExec>(),
    node::<StatefulExec>(),
    node::<ClockExec>(),
    node::<WatermarkExec>(),
    node::<LateFilterExec>(),
    node::<RowNumberExec>(),
    node::<WindowAssignExec>(),
    node::<RecursiveQueryExec>(),
    node::<WorkTableExec>(),
];

const OPERATORS: [OperatorEntry; 19] = [
    operator::<WindowAggregate>(),
    operator::<PaneAggregate>(),
    operator::<KeyedAggregate>(),
    operator::<Normalize>(),
    operator::<Reconcile>(),
    operator::<Recompute>(),
    operator::<DeltaJoin>(),
    operator::<IntervalJoin>(),
    operator::<LookupJoin>(),
    operator::<SessionMerge>(),
    operator::<Materialize>(),
    operator::<FirstRows>(),
    operator::<Constants>(),
    operator::<WindowBatch>(),
    operator::<OverAggregate>(),
    operator::<TemporalFilter>(),
    operator::<TickingFilter>(),
    operator::<TickingClock>(),
    operator::<ProctimeMaterialize>(),
];

/// A node or an operator with its name.
#[derive(Debug, Serialize, Deserialize)]
struct Named {
    name: String,
    parts: Value,
}

/// Turns a node into bytes, without its inputs.
///
/// # Errors
/// When the node is not in the list: a bug.
pub fn encode(node: &Arc<dyn ExecutionPlan>, codec: &dyn PhysicalExtensionCodec) -> Result<Vec<u8>> {
    let encoder = PlanEncoder::new(codec);
    let named = NODES.iter().find_map(|entry| Some((entry.name, (entry.encode)(node.as_ref(), &encoder)?)));
    let (name, parts) = named.ok_or_else(|| Error::internal(format!("{} cannot be sent", node.name())))?;
    Ok(serde_json::to_vec(&Named { name: name.to_string(), parts: parts? })?)
}

/// A node over its inputs.
///
/// # Errors
/// When the bytes are damaged.
pub fn decode(
    bytes: &[u8],
    inputs: &[Arc<dyn ExecutionPlan>],
    context: &TaskContext,
    codec: &dyn PhysicalExtensionCodec,
) -> Result<Arc<dyn ExecutionPlan>> {
    let Named { name, parts } = serde_json::from_slice(bytes)?;
    let entry = NODES.iter().find(|entry| entry.name == name).ok_or_else(damaged)?;
    (entry.decode)(parts, inputs, &PlanDecoder::new(codec, context))
}

/// Encodes a node; `None` if it is of another type.
type EncodeNode = fn(&dyn ExecutionPlan, &PlanEncoder<'_>) -> Option<Result<Value>>;
type DecodeNode = fn(Value, &[Arc<dyn ExecutionPlan>], &PlanDecoder<'_>) -> Result<Arc<dyn ExecutionPlan>>;

struct NodeEntry {
    name: &'static str,
    encode: EncodeNode,
    decode: DecodeNode,
}

const fn node<N: PortableNode>() -> NodeEntry {
    fn encode<N: PortableNode>(node: &dyn ExecutionPlan, encoder: &PlanEncoder<'_>) -> Option<Result<Value>> {
        let node = node.downcast_ref::<N>()?;
        Some(node.encode(encoder).and_then(|parts| Ok(serde_json::to_value(parts)?)))
    }
    fn decode<N: PortableNode>(
        parts: Value,
        inputs: &[Arc<dyn ExecutionPlan>],
        decoder: &PlanDecoder<'_>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(Arc::new(N::decode(serde_json::from_value(parts)?, inputs, decoder)?))
    }
    NodeEntry { name: N::NAME, encode: encode::<N>, decode: decode::<N> }
}

struct OperatorEntry {
    name: &'static str,
    encode: fn(&dyn Operator, &PlanEncoder<'_>) -> Option<Result<Value>>,
    decode: fn(Value, &PlanDecoder<'_>) -> Result<Arc<dyn Operator>>,
}

const fn operator<O: PortableOperator>() -> OperatorEntry {
    fn encode<O: PortableOperator>(operator: &dyn Operator, encoder: &PlanEncoder<'_>) -> Option<Result<Value>> {
        let operator = operator.as_any().downcast_ref::<O>()?;
        Some(operator.encode(encoder).and_then(|parts| Ok(serde_json::to_value(parts)?)))
    }
    fn decode<O: PortableOperator>(parts: Value, decoder: &PlanDecoder<'_>) -> Result<Arc<dyn Operator>> {
        Ok(Arc::new(O::decode(serde_json::from_value(parts)?, decoder)?))
    }
    OperatorEntry { name: O::NAME, encode: encode::<O>, decode: decode::<O> }
}

/// The serialized form of a [`StatefulExec`].
#[derive(Debug, Serialize, Deserialize)]
pub struct StatefulParts {
    node: u32,
    groups: Vec<String>,
    epoch_time: EpochTime,
    operator: Named,
}

/// Implemented here, because it contains an operator of the list.
impl PortableNode for StatefulExec {
    const NAME: &'static str = "Stateful";
    type Parts = StatefulParts;

    fn encode(&self, encoder: &PlanEncoder<'_>) -> Result<StatefulParts> {
        let operator = self.operator();
        let named = OPERATORS.iter().find_map(|entry| Some((entry.name, (entry.encode)(operator.as_ref(), encoder)?)));
        let (name, parts) = named.ok_or_else(|| Error::internal(format!("{} cannot be sent", operator.name())))?;
        let groups = self.groups().iter().map(ToString::to_string).collect();
        let operator = Named { name: name.to_string(), parts: parts? };
        Ok(StatefulParts { node: self.node(), groups, epoch_time: self.epoch_time(), operator })
    }

    fn decode(parts: StatefulParts, inputs: &[Arc<dyn ExecutionPlan>], decoder: &PlanDecoder<'_>) -> Result<Self> {
        let StatefulParts { node, groups, epoch_time, operator } = parts;
        let groups = groups.iter().map(|range| range.parse()).collect::<Result<_>>()?;
        let entry = OPERATORS.iter().find(|entry| entry.name == operator.name).ok_or_else(damaged)?;
        Ok(Self::new(node, groups, inputs.to_vec(), (entry.decode)(operator.parts, decoder)?, epoch_time))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_name_is_there_once() {
        let names: BTreeSet<&str> = NODES.iter().map(|entry| entry.name).chain(OPERATORS.iter().map(|entry| entry.name)).collect();
        assert_eq!(names.len(), NODES.len() + OPERATORS.len());
    }
}
