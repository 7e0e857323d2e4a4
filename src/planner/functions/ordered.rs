//! `ARRAY_AGG` and `STRING_AGG` with ORDER BY: each sorts its own rows, so that several of them may have different orders.
//!
//! DataFusion would sort the input once for several aggregates: it reverses the order of some, which DISTINCT ignores, and rejects two
//! `STRING_AGG` with different orders.

use std::sync::Arc;

use datafusion::error::Result as DfResult;
use datafusion::functions_aggregate::array_agg::array_agg_udaf;
use datafusion::functions_aggregate::string_agg::string_agg_udaf;
use datafusion::logical_expr::function::AccumulatorArgs;
use datafusion::logical_expr::utils::AggregateOrderSensitivity;
use datafusion::logical_expr::{Accumulator, AggregateUDF, AggregateUDFImpl, GroupsAccumulator, ReversedUDAF};

use super::inherited::inherited;

/// Both functions.
pub(super) fn functions() -> [Arc<AggregateUDF>; 2] {
    [array_agg_udaf(), string_agg_udaf()].map(|of| Arc::new(AggregateUDF::new_from_impl(Ordered { of })))
}

/// DataFusion's function, without its requirements on the order of the input.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Ordered {
    of: Arc<AggregateUDF>,
}

impl AggregateUDFImpl for Ordered {
    fn reverse_expr(&self) -> ReversedUDAF {
        ReversedUDAF::NotSupported
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::SoftRequirement
    }

    /// It sorts anyway, whether its input is in order or not.
    fn with_beneficial_ordering(self: Arc<Self>, _: bool) -> DfResult<Option<Arc<dyn AggregateUDFImpl>>> {
        Ok(Some(self))
    }

    // The other methods are DataFusion's.

    inherited!(name, signature, return_type, state_fields, groups_accumulator_supported, documentation);

    fn accumulator(&self, args: AccumulatorArgs<'_>) -> DfResult<Box<dyn Accumulator>> {
        self.of.accumulator(args)
    }

    fn create_groups_accumulator(&self, args: AccumulatorArgs<'_>) -> DfResult<Box<dyn GroupsAccumulator>> {
        self.of.create_groups_accumulator(args)
    }

    fn supports_null_handling_clause(&self) -> bool {
        self.of.supports_null_handling_clause()
    }
}
