//! Serialization of plan nodes and operators, so that a bound plan can run in another process.
//!
//! ```text
//!   SourceScanExec ─ encode ─▶ Scan { table, columns, ... } ─▶ JSON ─▶ Scan { ... } ─ decode ─▶ SourceScanExec
//! ```
//! A node is its own data; schemas, expressions and functions in it are encoded inside small plans of DataFusion (an `EmptyExec`
//! carries a schema, a `ProjectionExec` an expression, an `AggregateExec` its functions), which DataFusion can encode.
//! These bytes are never stored: the binary that wrote them reads them. [`crate::operators::registry`] lists everything that can
//! be sent.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use datafusion::execution::TaskContext;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion_proto::bytes::{physical_plan_from_bytes_with_extension_codec, physical_plan_to_bytes_with_extension_codec};
use datafusion_proto::physical_plan::PhysicalExtensionCodec;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::common::{Error, Result};

use super::stateful::Operator;

/// A node that can be sent.
pub trait PortableNode: ExecutionPlan + Sized {
    /// Its name among all that can be sent.
    const NAME: &'static str;
    /// Its serialized form, without its inputs.
    type Parts: Serialize + DeserializeOwned;

    /// Encodes it.
    ///
    /// # Errors
    /// When a plan in it cannot be encoded: a bug.
    fn encode(&self, encoder: &PlanEncoder<'_>) -> Result<Self::Parts>;

    /// Decodes it, over these inputs.
    ///
    /// # Errors
    /// When the parts are damaged.
    fn decode(parts: Self::Parts, inputs: &[Arc<dyn ExecutionPlan>], decoder: &PlanDecoder<'_>) -> Result<Self>;
}

/// A stateful operator that can be sent.
pub trait PortableOperator: Operator + Sized {
    /// Its name among all that can be sent.
    const NAME: &'static str;
    /// Its serialized form.
    type Parts: Serialize + DeserializeOwned;

    /// Encodes it.
    ///
    /// # Errors
    /// When a plan in it cannot be encoded: a bug.
    fn encode(&self, encoder: &PlanEncoder<'_>) -> Result<Self::Parts>;

    /// Decodes it.
    ///
    /// # Errors
    /// When the parts are damaged.
    fn decode(parts: Self::Parts, decoder: &PlanDecoder<'_>) -> Result<Self>;
}

/// A plan, a schema or an expression, encoded by DataFusion.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PlanBytes(String);

/// Encodes the plans inside nodes.
#[derive(Debug)]
pub struct PlanEncoder<'a> {
    codec: &'a dyn PhysicalExtensionCodec,
}

impl<'a> PlanEncoder<'a> {
    /// Uses the codec of the enclosing plan.
    pub fn new(codec: &'a dyn PhysicalExtensionCodec) -> Self {
        Self { codec }
    }

    /// Encodes a plan.
    ///
    /// # Errors
    /// When a node in it cannot be sent.
    pub fn plan(&self, plan: &Arc<dyn ExecutionPlan>) -> Result<PlanBytes> {
        Ok(PlanBytes(BASE64_STANDARD.encode(physical_plan_to_bytes_with_extension_codec(Arc::clone(plan), self.codec)?)))
    }

    /// Encodes a schema.
    ///
    /// # Errors
    /// As [`Self::plan`].
    pub fn schema(&self, schema: &SchemaRef) -> Result<PlanBytes> {
        self.plan(&(Arc::new(EmptyExec::new(Arc::clone(schema))) as _))
    }

    /// Encodes an expression over these columns.
    ///
    /// # Errors
    /// As [`Self::plan`].
    pub fn expr(&self, expr: &Arc<dyn PhysicalExpr>, schema: &SchemaRef) -> Result<PlanBytes> {
        let empty = Arc::new(EmptyExec::new(Arc::clone(schema)));
        self.plan(&(Arc::new(ProjectionExec::try_new([(Arc::clone(expr), "expr".to_string())], empty)?) as _))
    }
}

/// Decodes the plans inside nodes.
pub struct PlanDecoder<'a> {
    codec: &'a dyn PhysicalExtensionCodec,
    context: &'a TaskContext,
}

impl<'a> PlanDecoder<'a> {
    /// Uses the codec of the enclosing plan.
    pub fn new(codec: &'a dyn PhysicalExtensionCodec, context: &'a TaskContext) -> Self {
        Self { codec, context }
    }

    /// Resolves functions by name.
    pub fn context(&self) -> &TaskContext {
        self.context
    }

    /// Decodes a plan.
    ///
    /// # Errors
    /// When the bytes are damaged.
    pub fn plan(&self, bytes: &PlanBytes) -> Result<Arc<dyn ExecutionPlan>> {
        let bytes = BASE64_STANDARD.decode(&bytes.0).map_err(|e| damaged().with_source(e))?;
        Ok(physical_plan_from_bytes_with_extension_codec(&bytes, self.context, self.codec)?)
    }

    /// Decodes a schema.
    ///
    /// # Errors
    /// As [`Self::plan`].
    pub fn schema(&self, bytes: &PlanBytes) -> Result<SchemaRef> {
        Ok(self.plan(bytes)?.schema())
    }

    /// Decodes an expression.
    ///
    /// # Errors
    /// As [`Self::plan`].
    pub fn expr(&self, bytes: &PlanBytes) -> Result<Arc<dyn PhysicalExpr>> {
        let plan = self.plan(bytes)?;
        let projection = plan.downcast_ref::<ProjectionExec>().ok_or_else(damaged)?;
        projection.expr().first().map(|e| Arc::clone(&e.expr)).ok_or_else(damaged)
    }
}

/// The one input of a node.
///
/// # Errors
/// When it has no input.
pub fn only_input(inputs: &[Arc<dyn ExecutionPlan>]) -> Result<Arc<dyn ExecutionPlan>> {
    inputs.first().cloned().ok_or_else(damaged)
}

/// The error for bytes that do not encode a plan.
pub fn damaged() -> Error {
    Error::internal("a plan that was sent cannot be read")
}
