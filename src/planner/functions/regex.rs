//! Functions over regular expressions.

use std::sync::Arc;

use arrow::array::{BooleanArray, StringBuilder};
use arrow::datatypes::DataType;
use datafusion::logical_expr::ScalarUDF;
use regex::{NoExpand, Regex};

use crate::common::{Error, Result};

use super::compiled::Compiled;
use super::scalar::{Param, Row, Scalar};

pub(super) fn functions() -> Vec<Arc<ScalarUDF>> {
    use Param::{Int, Text};
    vec![
        regexp(),
        by_pattern("regexp_extract", &[&[Text, Text], &[Text, Text, Int]], |regex, row| {
            let group = if row.len() > 2 { row.int(2)? } else { 0 };
            let found = regex.captures(row.text(0)?)?.get(usize::try_from(group).ok()?)?;
            Some(found.as_str().to_string())
        }),
        // All matches are replaced, by plain text.
        by_pattern("regexp_replace", &[&[Text, Text, Text]], |regex, row| {
            Some(regex.replace_all(row.text(0)?, NoExpand(row.text(2)?)).into_owned())
        }),
    ]
}

/// `REGEXP(text, pattern)`: whether it is found anywhere; an empty pattern is not.
fn regexp() -> Arc<ScalarUDF> {
    let patterns = Compiled::new(compile);
    let function = Scalar::new(
        "regexp",
        &[&[Param::Text, Param::Text]],
        |_| Ok(DataType::Boolean),
        move |call| {
            let (args, mut batch) = (call.row_args()?, patterns.batch());
            let found = (0..call.rows).map(|row| match (args.row(row).text(0), args.row(row).text(1)) {
                (Some(_), Some("")) => Ok(Some(false)),
                (Some(text), Some(pattern)) => Ok(Some(batch.get(pattern)?.is_match(text))),
                _ => Ok(None),
            });
            Ok(Arc::new(found.collect::<Result<BooleanArray>>()?))
        },
    );
    function.udf()
}

/// A function whose second argument is a pattern.
fn by_pattern(name: &'static str, forms: &'static [&'static [Param]], body: fn(&Regex, &Row<'_>) -> Option<String>) -> Arc<ScalarUDF> {
    let patterns = Compiled::new(compile);
    let function = Scalar::new(
        name,
        forms,
        |_| Ok(DataType::Utf8),
        move |call| {
            let (args, mut batch) = (call.row_args()?, patterns.batch());
            let mut out = StringBuilder::new();
            for row in 0..call.rows {
                let row = args.row(row);
                let found = match row.text(1) {
                    Some(pattern) => body(batch.get(pattern)?, &row),
                    None => None,
                };
                out.append_option(found);
            }
            Ok(Arc::new(out.finish()))
        },
    );
    function.udf()
}

fn compile(pattern: &str) -> Result<Regex> {
    Regex::new(pattern).map_err(|e| {
        let why = e.to_string();
        let why = why.lines().last().unwrap_or_default().trim_start_matches("error: ").to_string();
        Error::sql(format!("`{pattern}` is no regular expression: {why}")).hint("look-around and backreferences of Java are not supported")
    })
}
