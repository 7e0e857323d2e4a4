//! DataFusion's functions under Flink's rules: other names, argument orders, NULL handling and types.
//!
//! ```text
//!   ARRAY_POSITION(array, element) ─▶ array_position(array, element) ─▶ INT, 0 if not found
//! ```

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Int32Array, Int64Array, make_comparator};
use arrow::buffer::NullBuffer;
use arrow::compute::{SortOptions, cast, nullif};
use arrow::datatypes::{DataType, Field, FieldRef, Int32Type, Int64Type};
use datafusion::common::ScalarValue;
use datafusion::error::Result as DfResult;
use datafusion::execution::FunctionRegistry;
use datafusion::logical_expr::type_coercion::functions::fields_with_udf;
use datafusion::logical_expr::{ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature};

use crate::common::{Error, Result};

use super::arrays::{picked, spans};

/// Converts DataFusion's result; the arguments come in Flink's order, as arrays of all rows.
type Then = fn(ArrayRef, &[ArrayRef]) -> Result<ArrayRef>;

/// Computes the result for integers instead.
type Whole = fn(&[ArrayRef]) -> Result<ArrayRef>;

/// A DataFusion function under Flink's rules; see the module.
#[derive(Debug)]
struct Adapted {
    name: &'static str,
    aliases: Vec<String>,
    of: Arc<ScalarUDF>,
    /// Whether its two arguments are swapped.
    swapped: bool,
    /// The result is NULL if one of the first `strict` arguments is NULL.
    strict: usize,
    returns: Option<DataType>,
    then: Option<Then>,
    /// Its result for integers, in their type.
    whole: Option<Whole>,
    signature: Signature,
}

/// Creates all of them from the registered functions.
///
/// # Errors
/// When DataFusion does not have one.
pub(super) fn functions(registry: &dyn FunctionRegistry) -> Result<Vec<Arc<ScalarUDF>>> {
    const ALL: usize = usize::MAX;
    let adapted = |name, of: &str, strict| -> Result<Adapted> {
        let of = registry.udf(of)?;
        let signature = Signature::user_defined(of.signature().volatility);
        Ok(Adapted { name, aliases: Vec::new(), of, swapped: false, strict, returns: None, then: None, whole: None, signature })
    };
    let names = |names: &[&str]| names.iter().map(ToString::to_string).collect();
    let signed =
        |name, returns| -> Result<Adapted> { Ok(Adapted { returns: Some(returns), then: Some(signed), ..adapted(name, name, 0)? }) };
    let bigints = DataType::new_list(DataType::Int64, true);
    let functions = [
        adapted("greatest", "greatest", ALL)?,
        adapted("least", "least", ALL)?,
        adapted("array_append", "array_append", 1)?,
        Adapted { swapped: true, ..adapted("array_prepend", "array_prepend", 1)? },
        adapted("array_concat", "array_concat", ALL)?,
        adapted("array_union", "array_union", ALL)?,
        adapted("array_except", "array_except", ALL)?,
        adapted("array_intersect", "array_intersect", ALL)?,
        adapted("array_join", "array_join", ALL)?,
        Adapted { then: Some(without), ..adapted("array_remove", "array_remove_all", 1)? },
        Adapted { then: Some(contains), ..adapted("array_contains", "array_has", 0)? },
        Adapted {
            returns: Some(DataType::Int32),
            then: Some(position),
            aliases: names(&["list_position", "array_indexof", "list_indexof"]),
            ..adapted("array_position", "array_position", ALL)?
        },
        Adapted { aliases: names(&["list_length"]), ..signed("array_length", DataType::Int64)? },
        Adapted { aliases: names(&["list_ndims"]), ..signed("array_ndims", DataType::Int64)? },
        Adapted { aliases: names(&["list_dims"]), ..signed("array_dims", bigints.clone())? },
        Adapted { aliases: names(&["list_positions"]), ..signed("array_positions", bigints)? },
        adapted("map_from_arrays", "map", ALL)?,
        Adapted { whole: Some(same), ..adapted("floor", "floor", 0)? },
        Adapted { whole: Some(same), aliases: names(&["ceiling"]), ..adapted("ceil", "ceil", 0)? },
        Adapted { whole: Some(truncated), ..adapted("truncate", "trunc", 0)? },
    ];
    Ok(functions.into_iter().map(|function| Arc::new(ScalarUDF::new_from_impl(function))).collect())
}

/// If the element is NULL, returns whether the array contains NULL.
fn contains(found: ArrayRef, args: &[ArrayRef]) -> Result<ArrayRef> {
    let [lists, elements] = args else { return Ok(found) };
    let (Some(lists), true) = (lists.as_list_opt::<i32>(), elements.logical_null_count() > 0) else { return Ok(found) };
    let (found, nulls) = (found.as_boolean(), elements.logical_nulls());
    let answers = (0..found.len()).map(|row| {
        if nulls.as_ref().is_some_and(|nulls| nulls.is_null(row)) && lists.is_valid(row) {
            return Some(lists.value(row).logical_null_count() > 0);
        }
        found.is_valid(row).then(|| found.value(row))
    });
    Ok(Arc::new(answers.collect::<BooleanArray>()))
}

/// 0 if not found.
fn position(found: ArrayRef, _: &[ArrayRef]) -> Result<ArrayRef> {
    let found = cast(&found, &DataType::Int32)?;
    Ok(Arc::new(found.as_primitive::<Int32Type>().iter().map(|place| place.unwrap_or(0)).collect::<Int32Array>()))
}

/// Casts counts and positions to BIGINT.
fn signed(answer: ArrayRef, _: &[ArrayRef]) -> Result<ArrayRef> {
    let data_type = match answer.data_type() {
        DataType::List(_) => DataType::new_list(DataType::Int64, true),
        _ => DataType::Int64,
    };
    Ok(cast(&answer, &data_type)?)
}

/// Also removes NULL elements, if the element to remove is NULL.
fn without(rest: ArrayRef, args: &[ArrayRef]) -> Result<ArrayRef> {
    let [lists, elements] = args else { return Ok(rest) };
    let (Some(lists), true) = (lists.as_list_opt::<i32>(), elements.logical_null_count() > 0) else { return Ok(rest) };
    let same = make_comparator(lists.values(), elements, SortOptions::default())?;
    let rows = spans(lists)
        .enumerate()
        .map(|(row, span)| Some(span?.filter(|place| same(*place, row).is_ne()).filter_map(|place| u32::try_from(place).ok()).collect()));
    picked(lists, rows.collect())
}

/// An integer is its own floor.
fn same(args: &[ArrayRef]) -> Result<ArrayRef> {
    args.first().cloned().ok_or_else(|| Error::internal("there is no argument"))
}

/// Integers with their last digits set to zero, as many as the second argument is below zero.
fn truncated(args: &[ArrayRef]) -> Result<ArrayRef> {
    let numbers = same(args)?;
    let Some(places) = args.get(1) else { return Ok(numbers) };
    let (whole, places) = (cast(&numbers, &DataType::Int64)?, cast(places, &DataType::Int64)?);
    let rows = whole.as_primitive::<Int64Type>().iter().zip(places.as_primitive::<Int64Type>());
    let rows = rows.map(|(number, places)| {
        let (number, places) = (number?, places?);
        let unit = u32::try_from(-places.min(0)).ok().and_then(|zeros| 10_i64.checked_pow(zeros));
        Some(unit.map_or(0, |unit| number / unit * unit))
    });
    Ok(cast(&rows.collect::<Int64Array>(), numbers.data_type())?)
}

impl Adapted {
    /// Whether a call has an integer argument, for which there is a separate function.
    fn is_whole(&self, args: &[DataType]) -> bool {
        self.whole.is_some() && args.first().is_some_and(|first| first.is_integer() || first.is_null())
    }

    /// Converts arguments between Flink's order and DataFusion's.
    fn ordered<T>(&self, mut args: Vec<T>) -> Vec<T> {
        if self.swapped {
            args.reverse();
        }
        args
    }
}

impl PartialEq for Adapted {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Adapted {}

impl Hash for Adapted {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl ScalarUDFImpl for Adapted {
    fn name(&self) -> &str {
        self.name
    }

    fn aliases(&self) -> &[String] {
        &self.aliases
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, given: &[DataType]) -> DfResult<Vec<DataType>> {
        if self.is_whole(given) {
            return Ok(given.iter().map(|given| if given.is_null() { DataType::Int32 } else { given.clone() }).collect());
        }
        let fields = given.iter().map(|given| Arc::new(Field::new("", given.clone(), true))).collect();
        let fields = fields_with_udf(&self.ordered(fields), self.of.as_ref())?;
        Ok(self.ordered(fields.iter().map(|field| field.data_type().clone()).collect()))
    }

    fn return_type(&self, args: &[DataType]) -> DfResult<DataType> {
        match &self.returns {
            Some(returns) => Ok(returns.clone()),
            None if self.is_whole(args) => Ok(args.first().cloned().unwrap_or(DataType::Null)),
            None => self.of.return_type(&self.ordered(args.to_vec())),
        }
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> DfResult<FieldRef> {
        let types: Vec<DataType> = args.arg_fields.iter().map(|field| field.data_type().clone()).collect();
        if self.is_whole(&types) {
            return Ok(Arc::new(Field::new(self.name, self.return_type(&types)?, true)));
        }
        let fields = self.ordered(args.arg_fields.to_vec());
        let literals = self.ordered(args.scalar_arguments.to_vec());
        let field = self.of.return_field_from_args(ReturnFieldArgs { arg_fields: &fields, scalar_arguments: &literals })?;
        let data_type = self.returns.as_ref().unwrap_or(field.data_type());
        Ok(Arc::new(Field::new(self.name, data_type.clone(), true)))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> DfResult<ColumnarValue> {
        let rows = args.number_rows;
        let literal = args.args.iter().all(|arg| matches!(arg, ColumnarValue::Scalar(_)));
        let rows = if literal { 1 } else { rows };
        let given = args.args.clone();
        let given = given.iter().map(|arg| arg.to_array(rows)).collect::<DfResult<Vec<_>>>()?;
        let types: Vec<DataType> = given.iter().map(|arg| arg.data_type().clone()).collect();
        let mut answer = match self.whole {
            Some(whole) if self.is_whole(&types) => whole(&given)?,
            _ => {
                let return_field = match &self.returns {
                    Some(_) => Arc::new(Field::new(self.name, self.of.return_type(&self.ordered(types))?, true)),
                    None => args.return_field,
                };
                let (values, arg_fields) = (self.ordered(args.args), self.ordered(args.arg_fields));
                let args = ScalarFunctionArgs { args: values, arg_fields, number_rows: rows, return_field, ..args };
                self.of.invoke_with_args(args)?.to_array(rows)?
            }
        };
        if let Some(then) = self.then {
            answer = then(answer, &given)?;
        }
        let nulls = given.iter().take(self.strict).fold(None, |nulls, arg| NullBuffer::union(nulls.as_ref(), arg.logical_nulls().as_ref()));
        if let Some(nulls) = nulls {
            let null = BooleanArray::new(!nulls.inner(), None);
            answer = nullif(&answer, &null)?;
        }
        if literal { Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&answer, 0)?)) } else { Ok(ColumnarValue::Array(answer)) }
    }
}
