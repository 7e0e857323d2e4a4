//! The sink of a materialized view: keeps its content as state.

use std::any::Any;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::common::Result;
use crate::state::{KeyMode, KeyedDelta, Layout};

use super::zset;
use crate::operators::epoch::portable::{PlanBytes, PlanDecoder, PlanEncoder, PortableOperator};
use crate::operators::epoch::stateful::{Operator, OperatorContext, PartitionKey, TableSpec, keyed_by_row};

/// Keeps the rows of a query as a bag, by all their columns; it has no output.
#[derive(Debug)]
pub struct Materialize {
    schema: SchemaRef,
    /// Rows come with weights.
    updating: bool,
    layout: Arc<Layout>,
}

impl Materialize {
    /// Keeps rows of `schema`, followed by a weight if they are changes.
    pub fn new(schema: SchemaRef, updating: bool) -> Self {
        let key = (0..schema.fields().len()).collect();
        let layout = Arc::new(Layout { schema: Arc::clone(&schema), key, time: None, mode: KeyMode::Multiset });
        Self { schema, updating, layout }
    }

    /// Whether rows come with weights.
    pub fn updating(&self) -> bool {
        self.updating
    }
}

#[async_trait]
impl Operator for Materialize {
    fn name(&self) -> &'static str {
        "Materialize"
    }

    fn describe(&self) -> String {
        let names: Vec<_> = self.schema.fields().iter().map(|f| f.name().as_str()).collect();
        format!("columns=[{}]", names.join(", "))
    }

    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn tables(&self) -> Vec<TableSpec> {
        vec![TableSpec::by_key("content", &self.layout).bounded("the view's own rows".to_string())]
    }

    fn partition_keys(&self) -> Option<Vec<PartitionKey>> {
        keyed_by_row(&self.schema)
    }

    async fn process_epoch(&self, ctx: &OperatorContext, inputs: Vec<Vec<RecordBatch>>) -> Result<Vec<RecordBatch>> {
        let schema = zset::weighted(&self.schema);
        let rows = inputs.into_iter().flatten().filter(|b| b.num_rows() > 0);
        let rows = rows
            .map(|b| {
                if self.updating {
                    Ok(RecordBatch::try_new(Arc::clone(&schema), b.columns().to_vec())?)
                } else {
                    zset::with_weight(&b, &schema, 1)
                }
            })
            .collect::<Result<_>>()?;
        ctx.emit_delta(0, KeyedDelta::new(rows, None))?;
        Ok(Vec::new())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// The serialized form of a [`Materialize`].
#[derive(Debug, Serialize, Deserialize)]
pub struct MaterializeParts {
    schema: PlanBytes,
    updating: bool,
}

impl PortableOperator for Materialize {
    const NAME: &'static str = "Materialize";
    type Parts = MaterializeParts;

    fn encode(&self, encoder: &PlanEncoder<'_>) -> Result<MaterializeParts> {
        Ok(MaterializeParts { schema: encoder.schema(&self.schema())?, updating: self.updating() })
    }

    fn decode(parts: MaterializeParts, decoder: &PlanDecoder<'_>) -> Result<Self> {
        Ok(Self::new(decoder.schema(&parts.schema)?, parts.updating))
    }
}
