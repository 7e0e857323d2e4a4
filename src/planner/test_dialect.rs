//! The functions of the test dialect (`sql/test_dialect.rs`): one that only it has, one that means something else than Flink's, and a few
//! others.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, StringArray};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use datafusion::error::Result as DfResult;
use datafusion::execution::SessionState;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility, create_udf};
use datafusion::physical_expr_common::datum::apply;

use crate::common::Result;

use super::dialects::{OwnFunctions, keep_only};

/// Keeps only these of the shared functions.
pub(super) fn register(state: &mut SessionState) -> Result<()> {
    keep_only(state, &["abs", "count", "sum"])
}

/// `TWICE(x)`, and `CONCAT(a, b)` with a plus between.
pub(super) fn own() -> OwnFunctions {
    let twice = |args: &[ColumnarValue]| -> DfResult<ColumnarValue> { apply(&args[0], &args[0], arrow::compute::kernels::numeric::add) };
    let twice = create_udf("__test_twice", vec![DataType::Int64], DataType::Int64, Volatility::Immutable, Arc::new(twice));
    let joined = ScalarUDF::new_from_impl(Joined { signature: Signature::string(2, Volatility::Immutable) });
    OwnFunctions { scalar: vec![("twice", Arc::new(twice)), ("concat", Arc::new(joined))], ..OwnFunctions::default() }
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Joined {
    signature: Signature,
}

impl ScalarUDFImpl for Joined {
    fn name(&self) -> &'static str {
        "__test_concat"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> DfResult<DataType> {
        Ok(DataType::Utf8)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> DfResult<ColumnarValue> {
        let texts: Vec<ArrayRef> = ColumnarValue::values_to_arrays(&args.args)?;
        let texts = texts.iter().map(|text| cast(text, &DataType::Utf8)).collect::<std::result::Result<Vec<_>, _>>()?;
        let joined = texts[0].as_string::<i32>().iter().zip(texts[1].as_string::<i32>());
        let joined: StringArray = joined.map(|(a, b)| Some(format!("{}+{}", a?, b?))).collect();
        Ok(ColumnarValue::Array(Arc::new(joined)))
    }
}
