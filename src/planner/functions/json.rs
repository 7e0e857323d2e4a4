//! Functions that read JSON text by a path.
//!
//! A path is `strict` unless it begins with `lax`. If a strict path finds nothing, or the text is not valid JSON, that is an error; if a
//! lax path finds nothing, the result is empty. Either gives NULL unless the call says otherwise, which `sql/rewrites/json_calls.rs` passes
//! as additional arguments.

use std::borrow::Cow;
use std::sync::Arc;

use arrow::array::{BooleanArray, ListBuilder, StringBuilder};
use datafusion::logical_expr::ScalarUDF;
use serde_json::Value;

use crate::common::{Error, Result};

use super::compiled::Compiled;
use super::json_path::Path;
use super::rows::returns;
use super::scalar::{Call, Param, Row, Scalar};

use Param::Text;

const PLAIN: &[Param] = &[Text, Text];

pub(super) fn functions() -> Vec<Arc<ScalarUDF>> {
    let (value, query, array, exists) = (paths(), paths(), paths(), paths());
    [
        Scalar::new("json_value", &[PLAIN, &[Text, Text, Text, Text, Text, Text]], returns::<String>, move |call| {
            let mut out = StringBuilder::new();
            each(call, &value, |found, row| {
                out.append_option(json_value(found, row)?);
                Ok(())
            })?;
            Ok(Arc::new(out.finish()))
        }),
        Scalar::new("json_query", &[PLAIN, &[Text, Text, Text, Text, Text]], returns::<String>, move |call| {
            let mut out = StringBuilder::new();
            each(call, &query, |found, row| {
                out.append_option(json_query(found, row)?.map(|found| found.to_string()));
                Ok(())
            })?;
            Ok(Arc::new(out.finish()))
        }),
        // With RETURNING ARRAY<STRING>.
        Scalar::new("json_query_array", &[PLAIN, &[Text, Text, Text, Text, Text]], returns::<Vec<Option<String>>>, move |call| {
            let mut out = ListBuilder::new(StringBuilder::new());
            each(call, &array, |found, row| {
                let found = json_query(found, row)?;
                let items = found.as_deref().and_then(Value::as_array);
                out.append_option(items.map(|items| items.iter().map(|item| scalar(item).or_else(|| composed(item)))));
                Ok(())
            })?;
            Ok(Arc::new(out.finish()))
        }),
        Scalar::new("json_exists", &[PLAIN, &[Text, Text, Text]], returns::<bool>, move |call| {
            let mut out = Vec::with_capacity(call.rows);
            each(call, &exists, |found, row| {
                out.push(json_exists(found, row)?);
                Ok(())
            })?;
            Ok(Arc::new(BooleanArray::from(out)))
        }),
    ]
    .into_iter()
    .map(Scalar::udf)
    .collect()
}

fn paths() -> Compiled<Path> {
    Compiled::new(Path::parse)
}

/// The result of following a path.
enum PathResult<'v> {
    /// The text or the path is NULL.
    Null,
    /// The text is not JSON, or a strict path finds nothing.
    Wrong,
    /// A lax path finds nothing, or `null`.
    Nothing,
    Value(Cow<'v, Value>, bool),
}

/// Follows the path in each row.
fn each(call: &Call, paths: &Compiled<Path>, mut give: impl FnMut(PathResult<'_>, &Row<'_>) -> Result<()>) -> Result<()> {
    let (args, mut batch) = (call.row_args()?, paths.batch());
    for row in 0..call.rows {
        let row = args.row(row);
        let json: Option<Value>;
        let found = match (row.text(0), row.text(1)) {
            (Some(text), Some(path)) => {
                let path = batch.get(path)?;
                json = serde_json::from_str(text).ok();
                match json.as_ref().map(|json| path.find(json)) {
                    Some(Some(value)) if value.is_null() => PathResult::Nothing,
                    Some(Some(value)) => PathResult::Value(value, path.lax),
                    Some(None) if path.lax => PathResult::Nothing,
                    _ => PathResult::Wrong,
                }
            }
            _ => PathResult::Null,
        };
        give(found, &row)?;
    }
    Ok(())
}

/// The text of a scalar value; `None` for arrays and objects.
fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(value) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

fn composed(value: &Value) -> Option<String> {
    matches!(value, Value::Array(_) | Value::Object(_)).then(|| value.to_string())
}

fn failed(what: &str) -> Error {
    Error::data(format!("the path {what}")).hint("NULL ON ERROR, which is also what is done when nothing is said, gives NULL")
}

/// `(json, path [, on empty, on error, default on empty, default on error])`.
fn json_value(found: PathResult<'_>, row: &Row<'_>) -> Result<Option<String>> {
    let otherwise = |behaviour: usize, default: usize, what: &str| match row.text(behaviour) {
        Some("ERROR") => Err(failed(what)),
        Some("DEFAULT") => Ok(row.text(default).map(str::to_string)),
        _ => Ok(None),
    };
    match found {
        PathResult::Null => Ok(None),
        PathResult::Nothing => otherwise(2, 4, "leads nowhere"),
        PathResult::Value(value, lax) => match scalar(&value) {
            Some(text) => Ok(Some(text)),
            None if lax => otherwise(2, 4, "leads to no single value"),
            None => otherwise(3, 5, "leads to no single value"),
        },
        PathResult::Wrong => otherwise(3, 5, "leads nowhere, or the text is no JSON"),
    }
}

/// `(json, path [, wrapper, on empty, on error])`.
fn json_query<'v>(found: PathResult<'v>, row: &Row<'_>) -> Result<Option<Cow<'v, Value>>> {
    let otherwise = |behaviour: usize, what: &str| match row.text(behaviour) {
        Some("ERROR") => Err(failed(what)),
        Some("EMPTY ARRAY") => Ok(Some(Cow::Owned(Value::Array(Vec::new())))),
        Some("EMPTY OBJECT") => Ok(Some(Cow::Owned(Value::Object(serde_json::Map::new())))),
        _ => Ok(None),
    };
    match found {
        PathResult::Null => Ok(None),
        PathResult::Nothing => otherwise(3, "leads nowhere"),
        PathResult::Wrong => otherwise(4, "leads nowhere, or the text is no JSON"),
        PathResult::Value(value, lax) => {
            let value = match row.text(2) {
                Some("UNCONDITIONAL") => Cow::Owned(Value::Array(vec![value.into_owned()])),
                Some("CONDITIONAL") if !value.is_array() => Cow::Owned(Value::Array(vec![value.into_owned()])),
                _ => value,
            };
            match value.as_ref() {
                Value::Array(_) | Value::Object(_) => Ok(Some(value)),
                _ if lax => otherwise(3, "leads to a single value"),
                _ => otherwise(4, "leads to a single value"),
            }
        }
    }
}

/// `(json, path [, on error])`.
fn json_exists(found: PathResult<'_>, row: &Row<'_>) -> Result<Option<bool>> {
    match found {
        PathResult::Null => Ok(None),
        PathResult::Nothing => Ok(Some(false)),
        PathResult::Value(..) => Ok(Some(true)),
        PathResult::Wrong => match row.text(2) {
            Some("TRUE") => Ok(Some(true)),
            Some("UNKNOWN") => Ok(None),
            Some("ERROR") => Err(failed("leads nowhere, or the text is no JSON")),
            _ => Ok(Some(false)),
        },
    }
}
