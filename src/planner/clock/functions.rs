//! The clock functions: Flink's names and types, in bounded and in continuous queries.

use arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::ScalarValue;
use datafusion::error::Result as DfResult;
use datafusion::execution::{FunctionRegistry, SessionState};
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::{ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility, cast};

use crate::common::{Error, Result};
use crate::sql::types::utc;

use super::super::mode::Mode;
use super::clock_type;

/// Registers all of them in place of DataFusion's, which have other types.
///
/// # Errors
/// When DataFusion refuses one.
pub fn register(state: &mut SessionState, mode: Mode) -> Result<()> {
    let clock = |name, aliases, value| Function { name, aliases, value, mode, signature: Signature::nullary(Volatility::Volatile) };
    let functions = [
        clock("now", vec!["current_timestamp".to_string(), "current_row_timestamp".to_string()], Value::Instant),
        clock("proctime", Vec::new(), Value::Instant),
        clock("localtimestamp", Vec::new(), Value::Local),
        clock("current_date", vec!["today".to_string()], Value::Date),
        clock("current_time", vec!["localtime".to_string()], Value::Time),
    ];
    for function in functions {
        state.register_udf(ScalarUDF::new_from_impl(function).into())?;
    }
    // Only the other functions use it; registered so that a decoded plan finds it.
    state.register_udf(recorded().into())?;
    Ok(())
}

/// The clock of an epoch, before it is placed in the plan.
fn recorded() -> ScalarUDF {
    let signature = Signature::nullary(Volatility::Volatile);
    ScalarUDF::new_from_impl(Function { name: "__clock", aliases: Vec::new(), value: Value::Recorded, mode: Mode::Streaming, signature })
}

/// The part of the clock that a function returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Value {
    /// `__clock()` itself.
    Recorded,
    /// TIMESTAMP_LTZ(3).
    Instant,
    /// TIMESTAMP(3) in the session's zone.
    Local,
    /// The session's day.
    Date,
    /// Whole seconds of the session's day.
    Time,
}

/// A function of the clock. It is volatile, so that the optimizer does not move it before it is replaced: by a literal in a
/// batch query, by an expression over `__clock()` in a continuous one.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Function {
    name: &'static str,
    aliases: Vec<String>,
    value: Value,
    mode: Mode,
    signature: Signature,
}

impl ScalarUDFImpl for Function {
    fn name(&self) -> &'static str {
        self.name
    }

    fn aliases(&self) -> &[String] {
        &self.aliases
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> DfResult<DataType> {
        Ok(match self.value {
            Value::Recorded | Value::Instant => clock_type(),
            Value::Local => DataType::Timestamp(TimeUnit::Millisecond, None),
            Value::Date => DataType::Date32,
            // The same type as that of the literal `TIME '12:00:00'`.
            Value::Time => DataType::Time64(TimeUnit::Nanosecond),
        })
    }

    fn invoke_with_args(&self, _: ScalarFunctionArgs) -> DfResult<ColumnarValue> {
        Err(Error::internal(format!("{}() was not given a place in the plan", self.name)).into())
    }

    fn simplify(&self, args: Vec<Expr>, info: &SimplifyContext) -> DfResult<ExprSimplifyResult> {
        let clock = match (self.mode, info.query_execution_start_time()) {
            _ if self.value == Value::Recorded => return Ok(ExprSimplifyResult::Original(args)),
            (Mode::Streaming, _) => recorded().call(Vec::new()),
            (Mode::Batch, Some(now)) => Expr::Literal(ScalarValue::TimestampMillisecond(Some(now.timestamp_millis()), utc()), None),
            (Mode::Batch, None) => return Ok(ExprSimplifyResult::Original(args)),
        };
        // The session's zone is UTC, so the local time is the instant without its zone.
        let local = |unit| cast(clock.clone(), DataType::Timestamp(unit, None));
        Ok(ExprSimplifyResult::Simplified(match self.value {
            Value::Recorded | Value::Instant => clock,
            Value::Local => local(TimeUnit::Millisecond),
            Value::Date => cast(local(TimeUnit::Millisecond), DataType::Date32),
            Value::Time => {
                let seconds = cast(local(TimeUnit::Second), DataType::Time32(TimeUnit::Second));
                cast(seconds, DataType::Time64(TimeUnit::Nanosecond))
            }
        }))
    }
}
