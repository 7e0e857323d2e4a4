//! `CURRENT_WATERMARK(rowtime)`: the watermark at the start of the epoch.
//!
//! It is a volatile function until `lower/watermark.rs` adds a node with the value below the projection or filter that uses it. A bounded
//! query has no watermark, so there it returns NULL, as in Flink's batch mode.
//!
//! ```text
//!   Projection: id, CURRENT_WATERMARK(ts)          Projection: id, __watermark3
//!     TableScan: t                           ─▶      WatermarkColumn: node 3
//!                                                      TableScan: t
//! ```

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchemaRef, Result as DfResult, ScalarValue};
use datafusion::execution::{FunctionRegistry, SessionState};
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::{
    ColumnarValue, Expr, Extension, LogicalPlan, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, UserDefinedLogicalNodeCore,
    Volatility,
};

use crate::common::{Error, Result};
use crate::operators::epoch::watermark_column::Watermark;
use crate::sql::types::display;

use super::columns::with_columns;
use super::mode::Mode;

const NAME: &str = "current_watermark";

/// Registers the function.
///
/// # Errors
/// When DataFusion refuses it.
pub(super) fn register(state: &mut SessionState, mode: Mode) -> Result<()> {
    let function = CurrentWatermark { mode, signature: Signature::any(1, Volatility::Volatile) };
    state.register_udf(ScalarUDF::new_from_impl(function).into())?;
    Ok(())
}

/// The argument, if an expression is a call.
pub(super) fn call(expr: &Expr) -> Option<&Expr> {
    match expr {
        Expr::ScalarFunction(f) if f.name() == NAME => f.args.first(),
        _ => None,
    }
}

/// Whether an expression contains a call.
pub(super) fn asks(expr: &Expr) -> bool {
    expr.exists(|e| Ok(call(e).is_some())).unwrap_or(false)
}

/// Whether an expression of the node itself contains a call.
pub(super) fn node_asks(plan: &LogicalPlan) -> Result<bool> {
    let mut found = false;
    plan.apply_expressions(|e| {
        found |= asks(e);
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(found)
}

/// The error for a call where it is not supported.
pub(super) fn misplaced(node: &str) -> Error {
    Error::sql(format!("CURRENT_WATERMARK cannot stand in {node} of a continuous query"))
        .hint("it has a place in SELECT and WHERE: select it in a subquery, and use that column")
}

/// Appends a watermark to a row's columns.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct WatermarkColumn {
    /// The input.
    pub input: LogicalPlan,
    /// The column.
    pub watermark: Watermark,
    schema: DFSchemaRef,
}

impl WatermarkColumn {
    /// Adds the node on top of a plan.
    pub fn plan(input: LogicalPlan, watermark: Watermark) -> Result<LogicalPlan> {
        Ok(LogicalPlan::Extension(Extension { node: Arc::new(Self::new(input, watermark)?) }))
    }

    fn new(input: LogicalPlan, watermark: Watermark) -> DfResult<Self> {
        let schema = Arc::new(with_columns(input.schema(), [Arc::new(watermark.field())])?);
        Ok(Self { input, watermark, schema })
    }
}

impl PartialOrd for WatermarkColumn {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        self.watermark.node.partial_cmp(&other.watermark.node)
    }
}

impl UserDefinedLogicalNodeCore for WatermarkColumn {
    fn name(&self) -> &'static str {
        "WatermarkColumn"
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        vec![&self.input]
    }

    fn schema(&self) -> &DFSchemaRef {
        &self.schema
    }

    fn expressions(&self) -> Vec<Expr> {
        Vec::new()
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WatermarkColumn: node={}", self.watermark.node)
    }

    fn with_exprs_and_inputs(&self, _: Vec<Expr>, mut inputs: Vec<LogicalPlan>) -> DfResult<Self> {
        inputs.pop().map_or_else(|| Ok(self.clone()), |input| Self::new(input, self.watermark.clone()))
    }
}

/// Volatile, so that the optimizer neither moves nor folds it before it becomes a column.
#[derive(Debug, PartialEq, Eq, Hash)]
struct CurrentWatermark {
    mode: Mode,
    signature: Signature,
}

impl ScalarUDFImpl for CurrentWatermark {
    fn name(&self) -> &'static str {
        NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, types: &[DataType]) -> DfResult<DataType> {
        match types {
            [DataType::Timestamp(_, zone)] => Ok(DataType::Timestamp(TimeUnit::Millisecond, zone.clone())),
            [other] => {
                let error = Error::sql(format!("CURRENT_WATERMARK takes the time attribute of a table, not {}", display(other)));
                Err(error.hint("that is the column of its WATERMARK FOR").into())
            }
            _ => Err(Error::sql("CURRENT_WATERMARK takes one time attribute").into()),
        }
    }

    fn invoke_with_args(&self, _: ScalarFunctionArgs) -> DfResult<ColumnarValue> {
        Err(misplaced("this part").into())
    }

    fn simplify(&self, args: Vec<Expr>, info: &SimplifyContext) -> DfResult<ExprSimplifyResult> {
        match (self.mode, args.first()) {
            (Mode::Batch, Some(time)) => {
                let data_type = self.return_type(&[info.get_data_type(time)?])?;
                Ok(ExprSimplifyResult::Simplified(Expr::Literal(ScalarValue::try_from(&data_type)?, None)))
            }
            _ => Ok(ExprSimplifyResult::Original(args)),
        }
    }
}
