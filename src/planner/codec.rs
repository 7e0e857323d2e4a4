//! Encodes plans as bytes, so that a bound plan can run in another process: the nodes of `operators`, and our window functions.

use std::sync::Arc;

use datafusion::error::Result as DfResult;
use datafusion::execution::TaskContext;
use datafusion::logical_expr::WindowUDF;
use datafusion::physical_plan::ExecutionPlan;
use datafusion_proto::physical_plan::{PhysicalExtensionCodec, PhysicalProtoConverterExtension};

use crate::operators::registry;

use super::rewrites::serializable_over;

/// Encodes and decodes the nodes of `operators`.
#[derive(Debug)]
pub struct Codec;

impl PhysicalExtensionCodec for Codec {
    fn try_encode(&self, node: Arc<dyn ExecutionPlan>, buf: &mut Vec<u8>, _: &dyn PhysicalProtoConverterExtension) -> DfResult<()> {
        buf.extend(registry::encode(&node, self)?);
        Ok(())
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
        Ok(registry::decode(buf, inputs, context, self)?)
    }
}
