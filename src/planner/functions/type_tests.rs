//! Checks the types of all registered functions, called with arguments of every ordinary type.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, TimeUnit};
use datafusion::logical_expr::ReturnFieldArgs;
use datafusion::logical_expr::function::WindowUDFFieldArgs;
use datafusion::logical_expr::type_coercion::functions::fields_with_udf;
use datafusion::scalar::ScalarValue;

use super::tests::state;

/// The types of arguments that functions are called with.
fn ordinary() -> Vec<DataType> {
    let list = |of| DataType::new_list(of, true);
    vec![
        DataType::Int64,
        DataType::Int32,
        DataType::Float64,
        DataType::Decimal128(10, 4),
        DataType::Utf8,
        DataType::Boolean,
        DataType::Binary,
        DataType::Date32,
        DataType::Timestamp(TimeUnit::Millisecond, None),
        list(DataType::Int64),
        list(list(DataType::Utf8)),
        DataType::Struct(vec![Field::new("a", DataType::Int64, true), Field::new("b", DataType::Utf8, true)].into()),
    ]
}

/// All ways to call a function with up to three arguments.
fn calls() -> Vec<Vec<FieldRef>> {
    let one = ordinary();
    let mut calls: Vec<Vec<DataType>> = vec![Vec::new()];
    calls.extend(one.iter().map(|a| vec![a.clone()]));
    let two: Vec<_> = one.iter().flat_map(|a| one.iter().map(move |b| vec![a.clone(), b.clone()])).collect();
    calls.extend(two.iter().flat_map(|ab| one.iter().map(move |c| [ab.as_slice(), std::slice::from_ref(c)].concat())));
    calls.extend(two);
    let field = |data_type| Arc::new(Field::new("x", data_type, true));
    calls.into_iter().map(|call| call.into_iter().map(field).collect()).collect()
}

fn unsigned(data_type: &DataType) -> bool {
    match data_type {
        DataType::List(of) | DataType::LargeList(of) | DataType::FixedSizeList(of, _) | DataType::Map(of, _) => unsigned(of.data_type()),
        DataType::Struct(fields) => fields.iter().any(|f| unsigned(f.data_type())),
        other => other.is_unsigned_integer(),
    }
}

#[tokio::test]
async fn no_function_gives_an_unsigned_number() {
    let state = state();
    let (mut wrong, mut typed) = (BTreeSet::new(), 0);
    for fields in calls() {
        for (name, function) in state.scalar_functions() {
            let Ok(fields) = fields_with_udf(&fields, function.as_ref()) else { continue };
            let literals = vec![None; fields.len()];
            let args = ReturnFieldArgs { arg_fields: &fields, scalar_arguments: &literals };
            let Ok(field) = function.return_field_from_args(args) else { continue };
            typed += 1;
            wrong.extend(unsigned(field.data_type()).then(|| name.clone()));
        }
        for (name, function) in state.aggregate_functions() {
            let Ok(fields) = fields_with_udf(&fields, function.as_ref()) else { continue };
            let Ok(field) = function.return_field(&fields) else { continue };
            typed += 1;
            wrong.extend(unsigned(field.data_type()).then(|| name.clone()));
        }
        for (name, function) in state.window_functions() {
            let Ok(fields) = fields_with_udf(&fields, function.as_ref()) else { continue };
            let Ok(field) = function.field(WindowUDFFieldArgs::new(&fields, name)) else { continue };
            typed += 1;
            wrong.extend(unsigned(field.data_type()).then(|| name.clone()));
        }
    }
    assert!(typed > 1_000, "{typed} calls have a type");
    assert!(wrong.is_empty(), "{wrong:?}");
}

/// Values of a type that can be written as literals.
fn literals(data_type: &DataType) -> Vec<ScalarValue> {
    let whole = |n: i64| ScalarValue::Int64(Some(n)).cast_to(data_type).ok();
    match data_type {
        DataType::Int64 | DataType::Int32 => [2, 0, -1].into_iter().filter_map(whole).collect(),
        DataType::Utf8 => ["Int8", "a", "month", "UTC"].map(ScalarValue::from).into(),
        _ => whole(1).into_iter().collect(),
    }
}

#[tokio::test]
async fn no_type_depends_on_whether_a_value_is_a_literal() {
    let state = state();
    let (mut depends, mut typed) = (BTreeSet::new(), 0);
    for given in calls() {
        for (name, function) in state.scalar_functions() {
            let Ok(fields) = fields_with_udf(&given, function.as_ref()) else { continue };
            let none = vec![None; fields.len()];
            let type_with = |literals: &[Option<&ScalarValue>]| {
                let args = ReturnFieldArgs { arg_fields: &fields, scalar_arguments: literals };
                function.return_field_from_args(args).ok().map(|field| field.data_type().clone())
            };
            let without = type_with(&none);
            for (place, field) in fields.iter().enumerate() {
                for literal in literals(field.data_type()) {
                    let mut with = none.clone();
                    with[place] = Some(&literal);
                    let with = type_with(&with);
                    typed += usize::from(with.is_some());
                    depends.extend((with.is_some() && with != without).then(|| name.clone()));
                }
            }
        }
    }
    assert!(typed > 1_000, "{typed} calls have a type");
    // Types, units and names of fields can only be literals; so can the places of `round`, whose plans take care of that.
    let by_literal = ["arrow_cast", "arrow_try_cast", "date_part", "datepart", "get_field", "named_struct", "round"];
    let by_literal: BTreeSet<String> = by_literal.map(str::to_string).into();
    assert_eq!(depends.difference(&by_literal).collect::<Vec<_>>(), Vec::<&String>::new());
}
