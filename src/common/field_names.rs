//! Fields of rows (ROW) under other names: rows are cast by the places of their fields, where Arrow and DataFusion go by names.

use std::sync::Arc;

use arrow::array::{ArrayData, ArrayRef, make_array};
use arrow::datatypes::{DataType, FieldRef};

/// The type with the names that fields have in another one, also within arrays and maps; as it is where the two are not alike.
pub fn as_in(from: &DataType, to: &DataType) -> DataType {
    match (from, to) {
        (DataType::Struct(fields), DataType::Struct(others)) if fields.len() == others.len() => {
            let named = |(field, other): (&FieldRef, &FieldRef)| {
                let data_type = as_in(field.data_type(), other.data_type());
                Arc::new(field.as_ref().clone().with_name(other.name()).with_data_type(data_type))
            };
            DataType::Struct(fields.iter().zip(others).map(named).collect())
        }
        (DataType::List(element), DataType::List(other)) => DataType::List(within(element, other)),
        (DataType::Map(entries, sorted), DataType::Map(other, _)) => DataType::Map(within(entries, other), *sorted),
        _ => from.clone(),
    }
}

fn within(field: &FieldRef, other: &FieldRef) -> FieldRef {
    Arc::new(field.as_ref().clone().with_data_type(as_in(field.data_type(), other.data_type())))
}

/// A column whose fields have the names that they have in a type.
pub fn renamed_as(column: &ArrayRef, to: &DataType) -> ArrayRef {
    let named = as_in(column.data_type(), to);
    if named == *column.data_type() {
        return Arc::clone(column);
    }
    typed(column.to_data(), &named).map_or_else(|| Arc::clone(column), make_array)
}

/// The same values in a type that differs in names alone.
fn typed(data: ArrayData, to: &DataType) -> Option<ArrayData> {
    let types: Vec<&DataType> = match to {
        DataType::Struct(fields) => fields.iter().map(|field| field.data_type()).collect(),
        DataType::List(field) | DataType::Map(field, _) => vec![field.data_type()],
        _ => return Some(data),
    };
    let children: Option<Vec<ArrayData>> = data.child_data().iter().zip(types).map(|(child, to)| typed(child.clone(), to)).collect();
    data.into_builder().data_type(to.clone()).child_data(children?).build().ok()
}

/// Two rows in these types of which one has more fields than the other: no cast takes one to the other.
pub fn of_other_length<'t>(from: &'t DataType, to: &'t DataType) -> Option<(&'t DataType, &'t DataType)> {
    match (from, to) {
        (DataType::Struct(fields), DataType::Struct(others)) if fields.len() == others.len() => {
            fields.iter().zip(others).find_map(|(field, other)| of_other_length(field.data_type(), other.data_type()))
        }
        (DataType::Struct(_), DataType::Struct(_)) => Some((from, to)),
        (DataType::List(from), DataType::List(to)) | (DataType::Map(from, _), DataType::Map(to, _)) => {
            of_other_length(from.data_type(), to.data_type())
        }
        _ => None,
    }
}
