//! A scalar function from plain data: its name, what it takes, what it gives, and a body that is called once per batch.
//!
//! ```text
//!   SPLIT_INDEX(url, '/', 3) ─ coerce ─▶ [Text, Text, Int] ─ Call ─▶ body: arguments by row ─▶ an array of rows
//! ```
//! # Invariants
//! * A function gives NULL when it is called with NULL, unless its body says otherwise.
//! * Arguments that are all literals give a literal; the body sees one row then.
//! * Nothing is kept from call to call but what patterns compile to, so the same plan can be bound again and again.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{ArrayRef, StringBuilder};
use arrow::datatypes::{DataType, TimeUnit};
use chrono::NaiveDateTime;
use datafusion::common::ScalarValue;
use datafusion::error::Result as DfResult;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};

use crate::common::{Error, Result};
use crate::sql::types::display;

use super::args::{Int, Text, Times};

/// What times that are no timestamps become.
pub(super) const TIMESTAMP: DataType = DataType::Timestamp(TimeUnit::Millisecond, None);

/// What a function takes in one place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Param {
    /// STRING.
    Text,
    /// Any whole number, as BIGINT.
    Int,
    /// TIMESTAMP or TIMESTAMP_LTZ; DATE and texts become TIMESTAMP(3).
    Time,
    /// Anything, as it is.
    Any,
}

impl Param {
    fn accepts(self, given: &DataType) -> bool {
        match self {
            Self::Text => is_text(given) || given.is_null(),
            Self::Int => given.is_integer() || given.is_null(),
            Self::Time => matches!(given, DataType::Timestamp(..) | DataType::Date32 | DataType::Null) || is_text(given),
            Self::Any => true,
        }
    }

    fn coerced(self, given: &DataType) -> DataType {
        match self {
            Self::Text if is_text(given) => given.clone(),
            Self::Text => DataType::Utf8,
            Self::Int => DataType::Int64,
            Self::Time if matches!(given, DataType::Timestamp(..)) => given.clone(),
            Self::Time => TIMESTAMP,
            Self::Any => given.clone(),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Text => "STRING",
            Self::Int => "INT",
            Self::Time => "TIMESTAMP",
            Self::Any => "any",
        }
    }
}

fn is_text(given: &DataType) -> bool {
    matches!(given, DataType::Utf8 | DataType::Utf8View | DataType::LargeUtf8)
}

type Body = Box<dyn Fn(&Call) -> Result<ArrayRef> + Send + Sync>;
type Returns = fn(&[DataType]) -> Result<DataType>;

/// A function; see the module.
pub(super) struct Scalar {
    name: &'static str,
    /// One list for each way to call it; they differ in length.
    forms: &'static [&'static [Param]],
    /// What any number of further arguments are.
    rest: Option<Param>,
    returns: Returns,
    body: Body,
    signature: Signature,
}

impl Scalar {
    /// A function that gives `returns` whatever it is called with.
    pub(super) fn new(
        name: &'static str,
        forms: &'static [&'static [Param]],
        returns: Returns,
        body: impl Fn(&Call) -> Result<ArrayRef> + Send + Sync + 'static,
    ) -> Self {
        let signature = Signature::user_defined(Volatility::Immutable);
        Self { name, forms, rest: None, returns, body: Box::new(body), signature }
    }

    /// A function from texts to a text, row by row; `None` is NULL.
    pub(super) fn text(
        name: &'static str,
        forms: &'static [&'static [Param]],
        body: impl Fn(&Row<'_>) -> Option<String> + Send + Sync + 'static,
    ) -> Self {
        Self::new(
            name,
            forms,
            |_| Ok(DataType::Utf8),
            move |call| {
                let args = call.row_args()?;
                let mut out = StringBuilder::new();
                (0..call.rows).for_each(|row| out.append_option(body(&args.row(row))));
                Ok(Arc::new(out.finish()))
            },
        )
    }

    /// Any number of further arguments.
    pub(super) fn rest(mut self, rest: Param) -> Self {
        self.rest = Some(rest);
        self
    }

    /// The parameters for arguments of these types.
    fn form(&self, given: &[DataType]) -> Option<Vec<Param>> {
        let forms = self.forms.iter().filter_map(|form| {
            let more = given.len().checked_sub(form.len()).filter(|more| *more == 0 || self.rest.is_some())?;
            Some(form.iter().copied().chain(std::iter::repeat_n(self.rest, more).flatten()).collect::<Vec<_>>())
        });
        forms.into_iter().find(|form| form.iter().zip(given).all(|(param, given)| param.accepts(given)))
    }

    pub(super) fn udf(self) -> Arc<ScalarUDF> {
        Arc::new(ScalarUDF::new_from_impl(self))
    }

    fn usage(&self) -> String {
        let name = self.name.to_uppercase();
        let forms = self.forms.iter().map(|form| {
            let mut params: Vec<String> = form.iter().map(|p| p.name().to_string()).collect();
            params.extend(self.rest.map(|p| format!("{} ...", p.name())));
            format!("{name}({})", params.join(", "))
        });
        forms.collect::<Vec<_>>().join(" or ")
    }
}

impl fmt::Debug for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scalar").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Names are unique, and a function never changes.
impl PartialEq for Scalar {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Scalar {}

impl Hash for Scalar {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl ScalarUDFImpl for Scalar {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, given: &[DataType]) -> DfResult<Vec<DataType>> {
        let Some(form) = self.form(given) else {
            let given: Vec<String> = given.iter().map(display).collect();
            let error = Error::sql(format!("{}({}) does not fit", self.name.to_uppercase(), given.join(", ")));
            return Err(error.hint(format!("write {}", self.usage())).into());
        };
        Ok(form.iter().zip(given).map(|(param, given)| param.coerced(given)).collect())
    }

    fn return_type(&self, args: &[DataType]) -> DfResult<DataType> {
        Ok((self.returns)(args)?)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> DfResult<ColumnarValue> {
        let literal = args.args.iter().all(|arg| matches!(arg, ColumnarValue::Scalar(_))) && !args.args.is_empty();
        let call = Call { rows: if literal { 1 } else { args.number_rows }, args: args.args };
        let array = (self.body)(&call).map_err(|e| e.context(format!("{}()", self.name.to_uppercase())))?;
        if literal { Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&array, 0)?)) } else { Ok(ColumnarValue::Array(array)) }
    }
}

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

    /// A text.
    pub(super) fn text(&self, n: usize) -> Result<Text> {
        Text::of(self.arg(n)?)
    }

    /// A whole number.
    pub(super) fn int(&self, n: usize) -> Result<Int> {
        Int::of(self.arg(n)?)
    }

    /// The arguments for functions that go from row to row.
    pub(super) fn row_args(&self) -> Result<RowArgs> {
        let args = self.args.iter().map(|arg| match arg.data_type() {
            DataType::Int64 => Ok(RowArg::Int(Int::of(arg)?)),
            DataType::Timestamp(..) => Ok(RowArg::Time(Times::of(&arg.to_array(self.rows)?)?)),
            _ => Ok(RowArg::Text(Text::of(arg)?)),
        });
        Ok(RowArgs(args.collect::<Result<_>>()?))
    }

    /// Calls a function for each row.
    pub(super) fn map<T>(&self, body: impl Fn(&Row<'_>) -> Option<T>) -> Result<Vec<Option<T>>> {
        let args = self.row_args()?;
        Ok((0..self.rows).map(|row| body(&args.row(row))).collect())
    }
}

enum RowArg {
    Text(Text),
    Int(Int),
    Time(Times),
}

/// The arguments of a call, to be looked at row by row.
pub(super) struct RowArgs(Vec<RowArg>);

impl RowArgs {
    pub(super) fn row(&self, row: usize) -> Row<'_> {
        Row { args: &self.0, row }
    }
}

/// One row of a call; an argument of another type is `None`, as NULL is.
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

    /// The time of an argument, in UTC.
    pub(super) fn time(&self, n: usize) -> Option<NaiveDateTime> {
        match self.args.get(n)? {
            RowArg::Time(times) => times.get(self.row),
            _ => None,
        }
    }

    /// How many arguments there are.
    pub(super) fn len(&self) -> usize {
        self.args.len()
    }
}
