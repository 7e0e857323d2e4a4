//! Renames fields of rows (ROW): SQL casts rows by the positions of their fields, while Arrow and DataFusion use names.

use std::sync::Arc;

use arrow::array::{ArrayData, ArrayRef, make_array};
use arrow::datatypes::{DataType, FieldRef};

/// Returns a type with the field names of another one, also within arrays and maps; unchanged where their structures differ.
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

/// Returns a column with the field names of a type.
pub fn renamed_as(column: &ArrayRef, to: &DataType) -> ArrayRef {
    let named = as_in(column.data_type(), to);
    if named == *column.data_type() {
        return Arc::clone(column);
    }
    typed(column.to_data(), &named).map_or_else(|| Arc::clone(column), make_array)
}

/// Returns the same values with a type that differs in names alone.
fn typed(data: ArrayData, to: &DataType) -> Option<ArrayData> {
    let types: Vec<&DataType> = match to {
        DataType::Struct(fields) => fields.iter().map(|field| field.data_type()).collect(),
        DataType::List(field) | DataType::Map(field, _) => vec![field.data_type()],
        _ => return Some(data),
    };
    let children: Option<Vec<ArrayData>> = data.child_data().iter().zip(types).map(|(child, to)| typed(child.clone(), to)).collect();
    data.into_builder().data_type(to.clone()).child_data(children?).build().ok()
}

/// Finds two rows in these types with different numbers of fields, between which no cast exists.
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
