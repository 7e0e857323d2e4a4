//! Counts and ranks as BIGINT. DataFusion types some of them as unsigned, so that `ROW_NUMBER() ... - 2` would wrap below zero, and CREATE
//! TABLE has no such type.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray};
use arrow::compute::{SortOptions, cast};
use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::error::Result as DfResult;
use datafusion::execution::FunctionRegistry;
use datafusion::functions_aggregate::{approx_distinct::approx_distinct_udaf, regr::regr_count_udaf};
use datafusion::functions_window::all_default_window_functions;
use datafusion::functions_window::{ntile::ntile_udwf, rank::dense_rank_udwf, rank::rank_udwf, row_number::row_number_udwf};
use datafusion::logical_expr::function::{
    AccumulatorArgs, ExpressionArgs, PartitionEvaluatorArgs, StateFieldsArgs, WindowFunctionSimplification, WindowUDFFieldArgs,
};
use datafusion::logical_expr::window_state::WindowAggState;
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, EmitTo, GroupsAccumulator, LimitEffect, PartitionEvaluator, ReversedUDAF, ReversedUDWF,
    SetMonotonicity, WindowUDF, WindowUDFImpl,
};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::scalar::ScalarValue;

use crate::common::Result;

use super::inherited::inherited;

const BIGINT: DataType = DataType::Int64;

/// Registers those that are not scalar functions.
///
/// # Errors
/// When DataFusion refuses one.
pub(super) fn register(registry: &mut dyn FunctionRegistry) -> Result<()> {
    for of in [approx_distinct_udaf(), regr_count_udaf()] {
        registry.register_udaf(Arc::new(AggregateUDF::new_from_impl(SignedAggregate { of })))?;
    }
    for of in [row_number_udwf(), rank_udwf(), dense_rank_udwf(), ntile_udwf()] {
        registry.register_udwf(Arc::new(WindowUDF::new_from_impl(SignedRank { of })))?;
    }
    Ok(())
}

/// ROW_NUMBER.
pub fn row_number() -> Arc<WindowUDF> {
    Arc::new(WindowUDF::new_from_impl(SignedRank { of: row_number_udwf() }))
}

/// A window function that is not an aggregate, by name.
pub fn window_function(name: &str) -> Option<Arc<WindowUDF>> {
    let of = all_default_window_functions().into_iter().find(|f| f.name() == name)?;
    Some(match name {
        "row_number" | "rank" | "dense_rank" | "ntile" => Arc::new(WindowUDF::new_from_impl(SignedRank { of })),
        _ => of,
    })
}

/// A DataFusion window function whose result becomes a BIGINT.
#[derive(Debug, PartialEq, Eq, Hash)]
struct SignedRank {
    of: Arc<WindowUDF>,
}

impl WindowUDFImpl for SignedRank {
    fn partition_evaluator(&self, args: PartitionEvaluatorArgs) -> DfResult<Box<dyn PartitionEvaluator>> {
        Ok(Box::new(Ranks { of: self.of.partition_evaluator_factory(args)? }))
    }

    fn field(&self, args: WindowUDFFieldArgs) -> DfResult<FieldRef> {
        Ok(Arc::new(self.of.field(args)?.as_ref().clone().with_data_type(BIGINT)))
    }

    fn reverse_expr(&self) -> ReversedUDWF {
        match self.of.reverse_expr() {
            ReversedUDWF::Reversed(of) => ReversedUDWF::Reversed(Arc::new(WindowUDF::new_from_impl(Self { of }))),
            other => other,
        }
    }

    // The other methods are DataFusion's.

    inherited!(name, aliases, signature, coerce_types, documentation);

    fn expressions(&self, args: ExpressionArgs) -> Vec<Arc<dyn PhysicalExpr>> {
        self.of.expressions(args)
    }

    fn simplify(&self) -> Option<WindowFunctionSimplification> {
        self.of.simplify()
    }

    fn sort_options(&self) -> Option<SortOptions> {
        self.of.sort_options()
    }

    fn limit_effect(&self, args: &[Arc<dyn PhysicalExpr>]) -> LimitEffect {
        self.of.inner().limit_effect(args)
    }
}

/// The results of such a function for a partition.
#[derive(Debug)]
struct Ranks {
    of: Box<dyn PartitionEvaluator>,
}

impl PartitionEvaluator for Ranks {
    fn evaluate_all(&mut self, values: &[ArrayRef], rows: usize) -> DfResult<ArrayRef> {
        Ok(cast(&self.of.evaluate_all(values, rows)?, &BIGINT)?)
    }

    fn evaluate(&mut self, values: &[ArrayRef], range: &Range<usize>) -> DfResult<ScalarValue> {
        self.of.evaluate(values, range)?.cast_to(&BIGINT)
    }

    fn evaluate_all_with_rank(&self, rows: usize, ranks: &[Range<usize>]) -> DfResult<ArrayRef> {
        Ok(cast(&self.of.evaluate_all_with_rank(rows, ranks)?, &BIGINT)?)
    }

    fn memoize(&mut self, state: &mut WindowAggState) -> DfResult<()> {
        self.of.memoize(state)
    }

    fn get_range(&self, index: usize, rows: usize) -> DfResult<Range<usize>> {
        self.of.get_range(index, rows)
    }

    fn is_causal(&self) -> bool {
        self.of.is_causal()
    }

    fn supports_bounded_execution(&self) -> bool {
        self.of.supports_bounded_execution()
    }

    fn uses_window_frame(&self) -> bool {
        self.of.uses_window_frame()
    }

    fn include_rank(&self) -> bool {
        self.of.include_rank()
    }
}

/// A DataFusion aggregate whose result becomes a BIGINT.
#[derive(Debug, PartialEq, Eq, Hash)]
struct SignedAggregate {
    of: Arc<AggregateUDF>,
}

impl SignedAggregate {
    /// The field of DataFusion's result.
    fn inner_field(&self, args: &AccumulatorArgs<'_>) -> DfResult<FieldRef> {
        self.of.return_field(args.expr_fields)
    }
}

/// The same arguments for DataFusion's function.
fn with_field<'a>(args: &AccumulatorArgs<'a>, field: &FieldRef) -> AccumulatorArgs<'a> {
    AccumulatorArgs {
        return_field: Arc::clone(field),
        schema: args.schema,
        ignore_nulls: args.ignore_nulls,
        order_bys: args.order_bys,
        is_reversed: args.is_reversed,
        name: args.name,
        is_distinct: args.is_distinct,
        exprs: args.exprs,
        expr_fields: args.expr_fields,
    }
}

impl AggregateUDFImpl for SignedAggregate {
    fn return_type(&self, _: &[DataType]) -> DfResult<DataType> {
        Ok(BIGINT)
    }

    fn return_field(&self, fields: &[FieldRef]) -> DfResult<FieldRef> {
        let field = self.of.return_field(fields)?;
        Ok(Arc::new(Field::new(field.name(), BIGINT, field.is_nullable())))
    }

    fn accumulator(&self, args: AccumulatorArgs<'_>) -> DfResult<Box<dyn Accumulator>> {
        let of = self.of.accumulator(with_field(&args, &self.inner_field(&args)?))?;
        Ok(Box::new(Count { of }))
    }

    fn create_sliding_accumulator(&self, args: AccumulatorArgs<'_>) -> DfResult<Box<dyn Accumulator>> {
        let of = self.of.create_sliding_accumulator(with_field(&args, &self.inner_field(&args)?))?;
        Ok(Box::new(Count { of }))
    }

    fn groups_accumulator_supported(&self, args: AccumulatorArgs<'_>) -> bool {
        self.inner_field(&args).is_ok_and(|field| self.of.groups_accumulator_supported(with_field(&args, &field)))
    }

    fn create_groups_accumulator(&self, args: AccumulatorArgs<'_>) -> DfResult<Box<dyn GroupsAccumulator>> {
        let of = self.of.create_groups_accumulator(with_field(&args, &self.inner_field(&args)?))?;
        Ok(Box::new(Counts { of }))
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> DfResult<Vec<FieldRef>> {
        let return_field = self.of.return_field(args.input_fields)?;
        self.of.state_fields(StateFieldsArgs { return_field, ..args })
    }

    fn default_value(&self, _: &DataType) -> DfResult<ScalarValue> {
        self.of.default_value(&DataType::UInt64)?.cast_to(&BIGINT)
    }

    // The other methods are DataFusion's.

    inherited!(name, aliases, signature, coerce_types, order_sensitivity, documentation);

    fn is_nullable(&self) -> bool {
        self.of.is_nullable()
    }

    fn reverse_expr(&self) -> ReversedUDAF {
        match self.of.reverse_udf() {
            ReversedUDAF::Reversed(of) => ReversedUDAF::Reversed(Arc::new(AggregateUDF::new_from_impl(Self { of }))),
            other => other,
        }
    }

    fn set_monotonicity(&self, _: &DataType) -> SetMonotonicity {
        self.of.inner().set_monotonicity(&DataType::UInt64)
    }
}

/// The accumulator without groups.
#[derive(Debug)]
struct Count {
    of: Box<dyn Accumulator>,
}

impl Accumulator for Count {
    fn evaluate(&mut self) -> DfResult<ScalarValue> {
        self.of.evaluate()?.cast_to(&BIGINT)
    }

    fn update_batch(&mut self, values: &[ArrayRef]) -> DfResult<()> {
        self.of.update_batch(values)
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> DfResult<()> {
        self.of.merge_batch(states)
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> DfResult<()> {
        self.of.retract_batch(values)
    }

    fn supports_retract_batch(&self) -> bool {
        self.of.supports_retract_batch()
    }

    fn state(&mut self) -> DfResult<Vec<ScalarValue>> {
        self.of.state()
    }

    fn size(&self) -> usize {
        self.of.size()
    }
}

/// The accumulator for groups.
struct Counts {
    of: Box<dyn GroupsAccumulator>,
}

impl GroupsAccumulator for Counts {
    fn evaluate(&mut self, emit_to: EmitTo) -> DfResult<ArrayRef> {
        Ok(cast(&self.of.evaluate(emit_to)?, &BIGINT)?)
    }

    fn update_batch(&mut self, values: &[ArrayRef], groups: &[usize], filter: Option<&BooleanArray>, total: usize) -> DfResult<()> {
        self.of.update_batch(values, groups, filter, total)
    }

    fn merge_batch(&mut self, values: &[ArrayRef], groups: &[usize], total: usize) -> DfResult<()> {
        self.of.merge_batch(values, groups, total)
    }

    fn state(&mut self, emit_to: EmitTo) -> DfResult<Vec<ArrayRef>> {
        self.of.state(emit_to)
    }

    fn convert_to_state(&self, values: &[ArrayRef], filter: Option<&BooleanArray>) -> DfResult<Vec<ArrayRef>> {
        self.of.convert_to_state(values, filter)
    }

    fn size(&self) -> usize {
        self.of.size()
    }
}
