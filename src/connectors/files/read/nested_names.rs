//! Renames nested fields of a file to the declared names, where only the case differs; reads unions as text.

use std::sync::Arc;

use arrow::array::{Array, ArrayData, ArrayRef, StringArray, UnionArray, make_array};
use arrow::datatypes::{DataType, FieldRef, Fields};
use arrow::util::display::{ArrayFormatter, FormatOptions};

use crate::common::Result;

use super::column_names;

/// Returns the type of a file's column with its fields named as declared; unchanged where that is ambiguous.
pub(super) fn called(file: &DataType, declared: &DataType) -> DataType {
    match (file, declared) {
        (DataType::Struct(fields), DataType::Struct(declared)) => {
            let theirs: Vec<String> = fields.iter().map(|field| field.name().clone()).collect();
            let names = column_names::names(&theirs, declared).unwrap_or(theirs);
            DataType::Struct(fields.iter().zip(names).map(|(field, name)| renamed(field, name, declared)).collect())
        }
        (DataType::List(element), DataType::List(declared)) => DataType::List(within(element, declared)),
        (DataType::LargeList(element), DataType::List(declared)) => DataType::LargeList(within(element, declared)),
        (DataType::Map(entries, sorted), DataType::Map(declared, _)) => match (entries.data_type(), declared.data_type()) {
            (DataType::Struct(pair), DataType::Struct(declared)) if pair.len() == declared.len() => {
                let pair: Fields = pair.iter().zip(declared).map(|(part, declared)| within(part, declared)).collect();
                DataType::Map(Arc::new(entries.as_ref().clone().with_data_type(DataType::Struct(pair))), *sorted)
            }
            _ => file.clone(),
        },
        (DataType::Union(..), DataType::Utf8) => DataType::Utf8,
        _ => file.clone(),
    }
}

/// Checks that each declared field matches only one field of a column.
///
/// # Errors
/// Names the fields.
pub(super) fn check(file: &DataType, declared: &DataType) -> Result<()> {
    match (file, declared) {
        (DataType::Struct(fields), DataType::Struct(declared)) => {
            let theirs: Vec<String> = fields.iter().map(|field| field.name().clone()).collect();
            for (field, name) in fields.iter().zip(column_names::names(&theirs, declared)?) {
                if let Some((_, declared)) = declared.find(&name) {
                    check(field.data_type(), declared.data_type())?;
                }
            }
            Ok(())
        }
        (DataType::List(element) | DataType::LargeList(element), DataType::List(declared)) => {
            check(element.data_type(), declared.data_type())
        }
        (DataType::Map(entries, _), DataType::Map(declared, _)) => match (entries.data_type(), declared.data_type()) {
            (DataType::Struct(pair), DataType::Struct(declared)) => {
                pair.iter().zip(declared).try_for_each(|(part, declared)| check(part.data_type(), declared.data_type()))
            }
            _ => Ok(()),
        },
        _ => Ok(()),
    }
}

/// Checks the same for the columns of a file, which have these names in the table.
///
/// # Errors
/// Names the column and the fields.
pub(super) fn check_columns(fields: &Fields, called: &[String], declared: &[FieldRef]) -> Result<()> {
    for (field, name) in fields.iter().zip(called) {
        if let Some(declared) = declared.iter().find(|declared| declared.name() == name) {
            check(field.data_type(), declared.data_type()).map_err(|e| e.context(format!("column `{name}`")))?;
        }
    }
    Ok(())
}

fn renamed(field: &FieldRef, name: String, declared: &Fields) -> FieldRef {
    let data_type = declared.find(&name).map_or_else(|| field.data_type().clone(), |(_, of)| called(field.data_type(), of.data_type()));
    Arc::new(field.as_ref().clone().with_name(name).with_data_type(data_type))
}

fn within(field: &FieldRef, declared: &FieldRef) -> FieldRef {
    Arc::new(field.as_ref().clone().with_data_type(called(field.data_type(), declared.data_type())))
}

/// Returns a column whose fields are named as declared, with unions as text.
pub(super) fn relabeled(column: ArrayRef, declared: &DataType) -> ArrayRef {
    let to = called(column.data_type(), declared);
    if to == *column.data_type() {
        return column;
    }
    typed(column.to_data(), &to).map_or(column, make_array)
}

fn typed(data: ArrayData, to: &DataType) -> Option<ArrayData> {
    if matches!(data.data_type(), DataType::Union(..)) && *to == DataType::Utf8 {
        return texts(&make_array(data)).map(|texts| texts.to_data());
    }
    let types: Vec<&DataType> = match to {
        DataType::Struct(fields) => fields.iter().map(|field| field.data_type()).collect(),
        DataType::List(field) | DataType::LargeList(field) | DataType::Map(field, _) => vec![field.data_type()],
        _ => return Some(data),
    };
    let children: Option<Vec<ArrayData>> = data.child_data().iter().zip(types).map(|(child, to)| typed(child.clone(), to)).collect();
    data.into_builder().data_type(to.clone()).child_data(children?).build().ok()
}

/// Converts the values of a union to text.
fn texts(unions: &ArrayRef) -> Option<StringArray> {
    let unions = unions.as_any().downcast_ref::<UnionArray>()?;
    let options = FormatOptions::default();
    let text = |row: usize| {
        let value = unions.value(row);
        let shown = ArrayFormatter::try_new(&value, &options).ok()?.value(0).try_to_string().ok();
        shown.filter(|_| value.is_valid(0))
    };
    Some((0..unions.len()).map(text).collect())
}
