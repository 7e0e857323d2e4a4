//! A framework for scalar functions: a name, parameter types, a return type, and a body that is called once per batch.
//!
//! ```text
//!   SPLIT_INDEX(url, '/', 3) ─ coerce ─▶ [Text, Text, Int] ─ Call ─▶ body: arguments by row ─▶ an array of rows
//! ```
//! # Invariants
//! * A function returns NULL if an argument is NULL, unless its body says otherwise.
//! * A call with literals only returns a literal; its body sees one row.
//! * Nothing is kept between calls except compiled patterns, so the same plan can be bound repeatedly.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::datatypes::{DataType, FieldRef, TimeUnit};
use datafusion::common::ScalarValue;
use datafusion::error::Result as DfResult;
use datafusion::logical_expr::{ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};

use crate::common::{Error, Result};
use crate::sql::types::display;

use super::rows::{ColumnValue, returns};

pub(super) use super::call::{Call, Row};

/// The type that text and dates are cast to where a timestamp is expected.
pub(super) const TIMESTAMP: DataType = DataType::Timestamp(TimeUnit::Millisecond, None);

/// The types of one argument of a function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Param {
    /// STRING.
    Text,
    /// Any integer, as BIGINT.
    Int,
    /// Any number, as DOUBLE.
    Double,
    /// BOOLEAN.
    Bool,
    /// BYTES.
    Bytes,
    /// TIMESTAMP or TIMESTAMP_LTZ; DATE and texts become TIMESTAMP(3).
    Time,
    /// TIMESTAMP, TIMESTAMP_LTZ, DATE or TIME; texts become TIMESTAMP(3).
    Moment,
    /// ARRAY.
    List,
    /// MAP.
    Map,
    /// Anything, as it is.
    Any,
}

impl Param {
    fn accepts(self, given: &DataType) -> bool {
        match self {
            Self::Text => given.is_string() || given.is_null(),
            Self::Int => given.is_integer() || given.is_null(),
            Self::Double => given.is_numeric() || given.is_null(),
            Self::Bool => matches!(given, DataType::Boolean | DataType::Null),
            Self::Bytes => given.is_binary() || given.is_null(),
            Self::List => element(given).is_some() || given.is_null(),
            Self::Map => matches!(given, DataType::Map(..) | DataType::Null),
            Self::Time => matches!(given, DataType::Timestamp(..) | DataType::Date32 | DataType::Null) || given.is_string(),
            Self::Moment => Self::Time.accepts(given) || matches!(given, DataType::Time32(_) | DataType::Time64(_)),
            Self::Any => true,
        }
    }

    fn coerced(self, given: &DataType) -> DataType {
        match self {
            Self::Text if given.is_string() => given.clone(),
            Self::Text => DataType::Utf8,
            Self::Int => DataType::Int64,
            Self::Double => DataType::Float64,
            Self::Bool => DataType::Boolean,
            Self::Bytes => DataType::Binary,
            Self::List => element(given).map_or(DataType::Null, |field| DataType::List(Arc::clone(field))),
            Self::Map => given.clone(),
            Self::Time if matches!(given, DataType::Timestamp(..)) => given.clone(),
            Self::Moment if matches!(given, DataType::Date32 | DataType::Time32(_) | DataType::Time64(_)) => given.clone(),
            Self::Moment => Self::Time.coerced(given),
            Self::Time => TIMESTAMP,
            Self::Any => given.clone(),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Text => "STRING",
            Self::Int => "INT",
            Self::Double => "DOUBLE",
            Self::Bool => "BOOLEAN",
            Self::Bytes => "BYTES",
            Self::List => "ARRAY",
            Self::Map => "MAP",
            Self::Time | Self::Moment => "TIMESTAMP",
            Self::Any => "any",
        }
    }
}

/// The type of the nth argument, from 0.
pub(super) fn nth<const N: usize>(args: &[DataType]) -> Result<DataType> {
    args.get(N).cloned().ok_or_else(|| Error::internal(format!("there is no argument {N}")))
}

/// The field of an array's elements.
pub fn element(array: &DataType) -> Option<&FieldRef> {
    match array {
        DataType::List(field) | DataType::LargeList(field) | DataType::FixedSizeList(field, _) => Some(field),
        _ => None,
    }
}

type Body = Box<dyn Fn(&Call) -> Result<ArrayRef> + Send + Sync>;
type Returns = fn(&[DataType]) -> Result<DataType>;

/// A function; see the module.
pub(super) struct Scalar {
    name: &'static str,
    /// The parameter lists, which differ in length.
    forms: &'static [&'static [Param]],
    /// The type of any number of additional arguments.
    rest: Option<Param>,
    returns: Returns,
    body: Body,
    signature: Signature,
    aliases: Vec<String>,
}

impl Scalar {
    /// A function that returns `returns` whatever its arguments.
    pub(super) fn new(
        name: &'static str,
        forms: &'static [&'static [Param]],
        returns: Returns,
        body: impl Fn(&Call) -> Result<ArrayRef> + Send + Sync + 'static,
    ) -> Self {
        let signature = Signature::user_defined(Volatility::Immutable);
        Self { name, forms, rest: None, returns, body: Box::new(body), signature, aliases: Vec::new() }
    }

    /// A function that is evaluated row by row; `None` is NULL.
    pub(super) fn rows<T: ColumnValue>(
        name: &'static str,
        forms: &'static [&'static [Param]],
        body: impl Fn(&Row<'_>) -> Option<T> + Send + Sync + 'static,
    ) -> Self {
        Self::new(name, forms, returns::<T>, move |call| Ok(T::array(call.map(&body)?)))
    }

    /// Adds another name.
    pub(super) fn alias(mut self, name: &str) -> Self {
        self.aliases.push(name.to_string());
        self
    }

    /// Marks it as volatile: its result differs from call to call.
    pub(super) fn volatile(mut self) -> Self {
        self.signature.volatility = Volatility::Volatile;
        self
    }

    /// Accepts any number of additional arguments.
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

    /// Whether all arguments are literals, so that one row is enough.
    fn is_literal(&self, args: &[ColumnarValue]) -> bool {
        let literal = args.iter().all(|arg| matches!(arg, ColumnarValue::Scalar(_)));
        literal && !args.is_empty() && self.signature.volatility != Volatility::Volatile
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

    fn aliases(&self) -> &[String] {
        &self.aliases
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    /// The name of a column does not include the casts that the planner has added.
    fn schema_name(&self, args: &[Expr]) -> DfResult<String> {
        let names: Vec<String> = args.iter().map(|arg| arg.schema_name().to_string()).collect();
        Ok(match (self.name, names.as_slice()) {
            ("__floor_digits", [_, time]) => time.clone(),
            _ => format!("{}({})", self.name, names.join(",")),
        })
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
        let literal = self.is_literal(&args.args);
        let call = Call { rows: if literal { 1 } else { args.number_rows }, args: args.args };
        // The planner adds functions named `__...`: their names are not in the query.
        let named = |e: Error| if self.name.starts_with("__") { e } else { e.context(format!("{}()", self.name.to_uppercase())) };
        let array = (self.body)(&call).map_err(named)?;
        if literal { Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&array, 0)?)) } else { Ok(ColumnarValue::Array(array)) }
    }
}
