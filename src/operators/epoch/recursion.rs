//! Serialization of DataFusion's nodes of WITH RECURSIVE, which its codec lacks.

use std::sync::Arc;

use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::recursive_query::RecursiveQueryExec;
use datafusion::physical_plan::work_table::WorkTableExec;
use serde::{Deserialize, Serialize};

use crate::common::Result;

use super::portable::{PlanBytes, PlanDecoder, PlanEncoder, PortableNode, damaged};

/// The serialized form of a recursive query.
#[derive(Debug, Serialize, Deserialize)]
pub struct RecursionParts {
    name: String,
    schema: PlanBytes,
    distinct: bool,
}

impl PortableNode for RecursiveQueryExec {
    const NAME: &'static str = "Recursion";
    type Parts = RecursionParts;

    fn encode(&self, encoder: &PlanEncoder<'_>) -> Result<RecursionParts> {
        Ok(RecursionParts { name: self.name().to_string(), schema: encoder.schema(&self.schema())?, distinct: self.is_distinct() })
    }

    fn decode(parts: RecursionParts, inputs: &[Arc<dyn ExecutionPlan>], decoder: &PlanDecoder<'_>) -> Result<Self> {
        let [first, again] = inputs else { return Err(damaged()) };
        let schema = decoder.schema(&parts.schema)?;
        Ok(Self::try_new(parts.name, schema, Arc::clone(first), Arc::clone(again), parts.distinct)?)
    }
}

/// The serialized form of a recursive query's work table.
#[derive(Debug, Serialize, Deserialize)]
pub struct WorkTableParts {
    name: String,
    schema: PlanBytes,
}

impl PortableNode for WorkTableExec {
    const NAME: &'static str = "WorkTable";
    type Parts = WorkTableParts;

    fn encode(&self, encoder: &PlanEncoder<'_>) -> Result<WorkTableParts> {
        Ok(WorkTableParts { name: self.name().to_string(), schema: encoder.schema(&self.schema())? })
    }

    fn decode(parts: WorkTableParts, _: &[Arc<dyn ExecutionPlan>], decoder: &PlanDecoder<'_>) -> Result<Self> {
        Ok(Self::new(parts.name, decoder.schema(&parts.schema)?, None)?)
    }
}
