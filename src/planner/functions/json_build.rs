//! Functions that build JSON text, and `IS JSON`.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, StringBuilder};
use datafusion::logical_expr::ScalarUDF;
use serde_json::Value;

use crate::common::{Error, Result};
use crate::formats::json;

use super::args::Text as Texts;
use super::rows::returns;
use super::scalar::{Call, Param, Scalar};

pub(super) fn functions() -> Vec<Arc<ScalarUDF>> {
    use Param::{Any, Text};
    [
        Scalar::new("json_string", &[&[Any]], returns::<String>, |call| {
            let (values, mut out) = (call.array(0)?, StringBuilder::new());
            let nulls = values.logical_nulls();
            for row in 0..call.rows {
                let there = nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row));
                out.append_option(there.then(|| shown(&values, row)).transpose()?);
            }
            Ok(Arc::new(out.finish()))
        }),
        Scalar::rows("json_quote", &[&[Text]], |row| Some(quoted(row.text(0)?))),
        Scalar::rows("json_unquote", &[&[Text]], |row| {
            let text = row.text(0)?;
            let inner = text.strip_prefix('"').filter(|_| text.len() > 1).and_then(|_| serde_json::from_str::<String>(text).ok());
            Some(inner.unwrap_or_else(|| text.to_string()))
        }),
        Scalar::new("json_object", &[&[Text]], returns::<String>, |call| built(call, true)).rest(Any),
        Scalar::new("json_array", &[&[Text]], returns::<String>, |call| built(call, false)).rest(Any),
        // NULL is not JSON.
        Scalar::rows("is_json", &[&[Text, Text]], |row| {
            let value = row.text(0).and_then(|text| serde_json::from_str::<Value>(text).ok());
            Some(value.is_some_and(|value| match row.text(1) {
                Some("SCALAR") => !value.is_array() && !value.is_object(),
                Some("ARRAY") => value.is_array(),
                Some("OBJECT") => value.is_object(),
                _ => true,
            }))
        }),
    ]
    .into_iter()
    .map(Scalar::udf)
    .collect()
}

/// A value as JSON.
fn shown(values: &ArrayRef, row: usize) -> Result<String> {
    let mut out = Vec::new();
    json::write_value(values, row, &mut out).map_err(Error::data)?;
    Ok(String::from_utf8_lossy(&out).into_owned())
}

/// Quotes a text; non-ASCII characters are escaped.
fn quoted(text: &str) -> String {
    let mut out = String::new();
    for c in Value::from(text).to_string().chars() {
        if c.is_ascii() {
            out.push(c);
        } else {
            c.encode_utf16(&mut [0; 2]).iter().for_each(|unit| out.push_str(&format!("\\u{unit:04x}")));
        }
    }
    out
}

/// `json_object(flags, key, value, ...)` and `json_array(flags, value, ...)`; the flags are those of `sql/rewrites/json_calls.rs`.
fn built(call: &Call, object: bool) -> Result<ArrayRef> {
    let flags = call.text(0)?;
    let flags = flags.get(0).unwrap_or_default().as_bytes();
    let step = if object { 2 } else { 1 };
    let values: Vec<usize> = (1..call.args.len()).skip(step - 1).step_by(step).collect();
    let leave_out = flags.first() == Some(&b'a');
    let arrays = values.iter().map(|n| call.array(*n)).collect::<Result<Vec<ArrayRef>>>()?;
    let keys =
        values.iter().map(|n| if object { call.text(*n - 1).map(Some) } else { Ok(None) }).collect::<Result<Vec<Option<Texts>>>>()?;
    let nulls: Vec<_> = arrays.iter().map(|array| array.logical_nulls()).collect();
    let json =
        values.iter().zip(&flags[1.min(flags.len())..]).map(|(n, flag)| if *flag == b'j' { call.text(*n).map(Some) } else { Ok(None) });
    let json = json.collect::<Result<Vec<Option<Texts>>>>()?;
    let (open, close) = if object { ('{', '}') } else { ('[', ']') };
    let mut out = StringBuilder::new();
    for row in 0..call.rows {
        let mut text = String::from(open);
        for (n, array) in arrays.iter().enumerate() {
            let null = nulls[n].as_ref().is_some_and(|nulls| nulls.is_null(row));
            if null && leave_out {
                continue;
            }
            if text.len() > 1 {
                text.push(',');
            }
            if let Some(keys) = &keys[n] {
                let key = keys.get(row).ok_or_else(|| Error::data("a key of JSON_OBJECT is NULL"))?;
                text.push_str(&Value::from(key).to_string());
                text.push(':');
            }
            match json.get(n).and_then(Option::as_ref) {
                _ if null => text.push_str("null"),
                Some(json) => text.push_str(json.get(row).unwrap_or("null")),
                None => text.push_str(&shown(array, row)?),
            }
        }
        text.push(close);
        out.append_value(text);
    }
    Ok(Arc::new(out.finish()))
}
