//! Functions over JSON texts. A text that is no JSON, and a path that leads nowhere, are NULL.

use std::sync::Arc;

use arrow::array::{BooleanArray, StringBuilder};
use arrow::datatypes::DataType;
use datafusion::logical_expr::ScalarUDF;
use serde_json::Value;

use crate::common::Result;

use super::compiled::Compiled;
use super::json_path::Path;
use super::scalar::{Call, Param, Scalar};

const FORMS: &[&[Param]] = &[&[Param::Text, Param::Text]];

pub(super) fn functions() -> Vec<Arc<ScalarUDF>> {
    vec![
        extracting("json_value", |found| match found {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            Value::Bool(value) => Some(value.to_string()),
            Value::Null | Value::Array(_) | Value::Object(_) => None,
        }),
        extracting("json_query", |found| match found {
            Value::Array(_) | Value::Object(_) => Some(found.to_string()),
            _ => None,
        }),
        exists(),
    ]
}

/// Gives what is found in each row to `shown`.
fn each(call: &Call, paths: &Compiled<Path>, mut shown: impl FnMut(Option<Option<&Value>>)) -> Result<()> {
    let (args, mut batch) = (call.row_args()?, paths.batch());
    for row in 0..call.rows {
        let row = args.row(row);
        match (row.text(0), row.text(1)) {
            (Some(text), Some(path)) => {
                let path = batch.get(path)?;
                let value = serde_json::from_str::<Value>(text).ok();
                shown(Some(value.as_ref().and_then(|value| path.find(value))));
            }
            _ => shown(None),
        }
    }
    Ok(())
}

fn extracting(name: &'static str, show: fn(&Value) -> Option<String>) -> Arc<ScalarUDF> {
    let paths = Compiled::new(Path::parse);
    let function = Scalar::new(
        name,
        FORMS,
        |_| Ok(DataType::Utf8),
        move |call| {
            let mut out = StringBuilder::new();
            each(call, &paths, |found| out.append_option(found.flatten().and_then(show)))?;
            Ok(Arc::new(out.finish()))
        },
    );
    function.udf()
}

fn exists() -> Arc<ScalarUDF> {
    let paths = Compiled::new(Path::parse);
    let function = Scalar::new(
        "json_exists",
        FORMS,
        |_| Ok(DataType::Boolean),
        move |call| {
            let mut out = Vec::with_capacity(call.rows);
            each(call, &paths, |found| out.push(found.map(|found| found.is_some())))?;
            Ok(Arc::new(BooleanArray::from(out)))
        },
    );
    function.udf()
}
