//! The arguments of a call, as arrays or row by row.

use arrow::array::{Array, ArrayRef, AsArray, BinaryArray, BooleanArray, Float64Array, ListArray, MapArray};
use arrow::datatypes::{DataType, Float64Type};
use chrono::NaiveDateTime;
use datafusion::logical_expr::ColumnarValue;

use crate::common::{Error, Result};

use super::args::{Int, Text, Times};

/// The arguments of one call.
pub(super) struct Call {
    pub(super) args: Vec<ColumnarValue>,
    pub(super) rows: usize,
}

impl Call {
    /// The argument as an array of all rows.
    pub(super) fn array(&self, n: usize) -> Result<ArrayRef> {
        Ok(self.arg(n)?.to_array(self.rows)?)
    }

    fn arg(&self, n: usize) -> Result<&ColumnarValue> {
        self.args.get(n).ok_or_else(|| Error::internal(format!("there is no argument {n}")))
    }

    /// An array argument of all rows; `None` for the literal NULL.
    pub(super) fn list(&self, n: usize) -> Result<Option<ListArray>> {
        Ok(self.array(n)?.as_list_opt::<i32>().cloned())
    }

    /// A map argument of all rows; `None` for the literal NULL.
    pub(super) fn keyed(&self, n: usize) -> Result<Option<MapArray>> {
        Ok(self.array(n)?.as_map_opt().cloned())
    }

    /// A text argument.
    pub(super) fn text(&self, n: usize) -> Result<Text> {
        Text::new(self.arg(n)?)
    }

    /// An integer argument.
    pub(super) fn int(&self, n: usize) -> Result<Int> {
        Int::new(self.arg(n)?)
    }

    /// The types of the arguments.
    pub(super) fn types(&self) -> Vec<DataType> {
        self.args.iter().map(ColumnarValue::data_type).collect()
    }

    /// The arguments, for functions that are evaluated row by row.
    pub(super) fn row_args(&self) -> Result<RowArgs> {
        self.options(0)
    }

    /// The arguments from the nth on.
    pub(super) fn options(&self, from: usize) -> Result<RowArgs> {
        let args = self.args.iter().skip(from).map(|arg| match arg.data_type() {
            DataType::Int64 => Ok(RowArg::Int(Int::new(arg)?)),
            DataType::Float64 => Ok(RowArg::Double(arg.to_array(self.rows)?.as_primitive::<Float64Type>().clone())),
            DataType::Boolean => Ok(RowArg::Bool(arg.to_array(self.rows)?.as_boolean().clone())),
            DataType::Binary => Ok(RowArg::Bytes(arg.to_array(self.rows)?.as_binary().clone())),
            DataType::Timestamp(..) | DataType::Date32 | DataType::Time32(_) | DataType::Time64(_) => {
                Ok(RowArg::Time(Times::new(&arg.to_array(self.rows)?)?))
            }
            _ => Ok(RowArg::Text(Text::new(arg)?)),
        });
        Ok(RowArgs(args.collect::<Result<_>>()?))
    }

    /// Calls a function for each row.
    pub(super) fn map<T>(&self, mut body: impl FnMut(&Row<'_>) -> Option<T>) -> Result<Vec<Option<T>>> {
        let args = self.row_args()?;
        Ok((0..self.rows).map(|row| body(&args.row(row))).collect())
    }
}

enum RowArg {
    Text(Text),
    Int(Int),
    Double(Float64Array),
    Bool(BooleanArray),
    Bytes(BinaryArray),
    Time(Times),
}

/// The arguments of a call, to be read row by row.
pub(super) struct RowArgs(Vec<RowArg>);

impl RowArgs {
    pub(super) fn row(&self, row: usize) -> Row<'_> {
        Row { args: &self.0, row }
    }
}

/// One row of a call; an argument of another type reads as `None`, like NULL.
pub(super) struct Row<'a> {
    args: &'a [RowArg],
    row: usize,
}

impl<'a> Row<'a> {
    /// The text of an argument.
    pub(super) fn text(&self, n: usize) -> Option<&'a str> {
        match self.args.get(n)? {
            RowArg::Text(text) => text.get(self.row),
            _ => None,
        }
    }

    /// The number of an argument.
    pub(super) fn int(&self, n: usize) -> Option<i64> {
        match self.args.get(n)? {
            RowArg::Int(int) => int.get(self.row),
            _ => None,
        }
    }

    /// The number of an argument.
    pub(super) fn double(&self, n: usize) -> Option<f64> {
        match self.args.get(n)? {
            RowArg::Double(values) => values.is_valid(self.row).then(|| values.value(self.row)),
            _ => None,
        }
    }

    /// The boolean of an argument.
    pub(super) fn bool(&self, n: usize) -> Option<bool> {
        match self.args.get(n)? {
            RowArg::Bool(values) => values.is_valid(self.row).then(|| values.value(self.row)),
            _ => None,
        }
    }

    /// The bytes of an argument.
    pub(super) fn bytes(&self, n: usize) -> Option<&'a [u8]> {
        match self.args.get(n)? {
            RowArg::Bytes(values) => values.is_valid(self.row).then(|| values.value(self.row)),
            _ => None,
        }
    }

    /// The time of an argument, in UTC.
    pub(super) fn time(&self, n: usize) -> Option<NaiveDateTime> {
        match self.args.get(n)? {
            RowArg::Time(times) => times.get(self.row),
            _ => None,
        }
    }

    /// The number of arguments.
    pub(super) fn len(&self) -> usize {
        self.args.len()
    }
}
