//! `ROUND`, whose type for a DECIMAL depends on the literal number of places: `ROUND(DECIMAL(10, 4), 2)` is DECIMAL(9, 2).
//!
//! A type must not change during planning, but an expression can become a literal there: `1 + 1` when it is simplified, a column when the
//! query below yields a constant. So calls whose places are not a literal in the text become those of [`by_row`], which keep the type of
//! the number, as in Flink.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Decimal128Array, Int32Array};
use arrow::compute::CastOptions;
use arrow::datatypes::{DataType, Decimal128Type, Field, FieldRef, Int32Type};
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::error::Result as DfResult;
use datafusion::functions::math::round;
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::type_coercion::functions::fields_with_udf;
use datafusion::logical_expr::{
    ColumnarValue, Expr, LogicalPlan, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use datafusion::scalar::ScalarValue;

use crate::common::digits::fits;
use crate::common::{Error, Result};

const NAME: &str = "round";

pub(super) fn functions() -> Vec<Arc<ScalarUDF>> {
    [false, true].map(|by_row| Arc::new(function(by_row))).into()
}

fn function(by_row: bool) -> ScalarUDF {
    ScalarUDF::new_from_impl(Round { by_row, signature: Signature::user_defined(Volatility::Immutable) })
}

/// Rewrites a plan so that only literals determine types.
///
/// # Errors
/// When DataFusion refuses to build a node; that would be a bug.
pub fn by_row(plan: LogicalPlan) -> Result<LogicalPlan> {
    let rounded = plan.transform_up_with_subqueries(|node| {
        let names = NamePreserver::new(&node);
        node.map_expressions(|expr| {
            let name = names.save(&expr);
            Ok(expr.transform_up(one)?.update_data(|expr| name.restore(expr)))
        })
    })?;
    Ok(rounded.data)
}

fn one(expr: Expr) -> DfResult<Transformed<Expr>> {
    match expr {
        Expr::ScalarFunction(ScalarFunction { func, args })
            if func.inner().downcast_ref::<Round>().is_some_and(|round| !round.by_row)
                && args.get(1).is_some_and(|places| !matches!(places, Expr::Literal(..))) =>
        {
            Ok(Transformed::yes(Expr::ScalarFunction(ScalarFunction::new_udf(Arc::new(function(true)), args))))
        }
        other => Ok(Transformed::no(other)),
    }
}

/// DataFusion's function, replaced for DECIMAL only.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Round {
    by_row: bool,
    signature: Signature,
}

impl Round {
    /// The precision and the scale of a rounded DECIMAL.
    fn decimal(&self, precision: u8, scale: i8, places: Option<&ScalarValue>) -> (u8, i8) {
        let Some(places) = places.filter(|_| !self.by_row).and_then(whole) else { return (precision, scale) };
        if places >= i64::from(scale) {
            return (precision, scale);
        }
        let scale_left = i8::try_from(places.max(0)).unwrap_or(0);
        // 9.9 becomes 10.
        let left = i16::from(precision) - i16::from(scale) + i16::from(scale_left) + 1;
        (u8::try_from(left.clamp(1, 38)).unwrap_or(38), scale_left)
    }
}

fn whole(value: &ScalarValue) -> Option<i64> {
    match value.cast_to(&DataType::Int64) {
        Ok(ScalarValue::Int64(value)) => value,
        _ => None,
    }
}

/// Rounds a decimal of one scale to n places, and returns it in another scale.
fn rounded(value: i128, scale: i8, places: i32, to: i8) -> Option<i128> {
    let power = |n: i32| u32::try_from(n).ok().and_then(|n| 10_i128.checked_pow(n));
    let cut = i32::from(scale) - places.min(i32::from(scale));
    // Rounds at the remaining scale.
    let left = match power(cut) {
        Some(unit) => (value / unit) + if (value % unit).unsigned_abs() >= unit.unsigned_abs().div_ceil(2) { value.signum() } else { 0 },
        None => 0,
    };
    let grown = i32::from(to) - (i32::from(scale) - cut);
    if left == 0 { Some(0) } else { power(grown).and_then(|unit| left.checked_mul(unit)) }
}

impl ScalarUDFImpl for Round {
    fn name(&self) -> &str {
        if self.by_row { "__round_by_row" } else { NAME }
    }

    fn schema_name(&self, args: &[Expr]) -> DfResult<String> {
        round().inner().schema_name(args)
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, given: &[DataType]) -> DfResult<Vec<DataType>> {
        let fields: Vec<FieldRef> = given.iter().map(|given| Arc::new(Field::new("", given.clone(), true)) as FieldRef).collect();
        let coerced = fields_with_udf(&fields, round().as_ref())?;
        let mut types: Vec<DataType> = coerced.iter().map(|field| field.data_type().clone()).collect();
        // A cast around a literal is ignored.
        if let (Some(places), Some(given)) = (types.get_mut(1), given.get(1).filter(|given| given.is_integer())) {
            places.clone_from(given);
        }
        Ok(types)
    }

    fn return_type(&self, types: &[DataType]) -> DfResult<DataType> {
        let fields: Vec<FieldRef> = types.iter().map(|given| Arc::new(Field::new("", given.clone(), true)) as FieldRef).collect();
        let scalar_arguments = &vec![None; types.len()];
        Ok(self.return_field_from_args(ReturnFieldArgs { arg_fields: &fields, scalar_arguments })?.data_type().clone())
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> DfResult<FieldRef> {
        let Some(DataType::Decimal128(precision, scale)) = args.arg_fields.first().map(|field| field.data_type()) else {
            return round().return_field_from_args(args);
        };
        let zero = ScalarValue::Int64(Some(0));
        let places = if args.arg_fields.len() < 2 { Some(&zero) } else { args.scalar_arguments.get(1).copied().flatten() };
        let (precision, scale) = self.decimal(*precision, *scale, places);
        Ok(Arc::new(Field::new(self.name(), DataType::Decimal128(precision, scale), true)))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> DfResult<ColumnarValue> {
        let (Some(DataType::Decimal128(_, scale)), DataType::Decimal128(precision, to)) =
            (args.arg_fields.first().map(|field| field.data_type().clone()), args.return_field.data_type().clone())
        else {
            return round().invoke_with_args(with_int_places(args)?);
        };
        let literal = args.args.iter().all(|arg| matches!(arg, ColumnarValue::Scalar(_)));
        let rows = if literal { 1 } else { args.number_rows };
        let mut given = with_int_places(args)?.args.into_iter().map(|arg| arg.to_array(rows));
        let numbers = given.next().transpose()?.ok_or_else(|| Error::internal("there is nothing to round"))?;
        let places = given.next().transpose()?.unwrap_or_else(|| Arc::new(Int32Array::from_value(0, rows)));
        let (numbers, places) = (numbers.as_primitive::<Decimal128Type>(), places.as_primitive::<Int32Type>());
        let answers = numbers.iter().zip(places.iter()).map(|(number, places)| {
            // NULL on overflow, as in Flink.
            rounded(number?, scale, places?, to).filter(|answer| fits(*answer, precision))
        });
        let answers: ArrayRef = Arc::new(answers.collect::<Decimal128Array>().with_precision_and_scale(precision, to)?);
        if literal { Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&answers, 0)?)) } else { Ok(ColumnarValue::Array(answers)) }
    }
}

/// The same arguments with the places as INT.
fn with_int_places(mut args: ScalarFunctionArgs) -> DfResult<ScalarFunctionArgs> {
    if let (Some(places), Some(field)) = (args.args.get_mut(1), args.arg_fields.get_mut(1)) {
        let safe = CastOptions { safe: true, ..CastOptions::default() };
        *places = places.cast_to(&DataType::Int32, Some(&safe))?;
        *field = Arc::new(Field::new(field.name(), DataType::Int32, true));
    }
    Ok(args)
}
