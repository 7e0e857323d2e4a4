//! Functions over regular expressions.

use std::sync::Arc;

use datafusion::logical_expr::ScalarUDF;
use regex::{NoExpand, Regex};

use crate::common::{Error, Result};

use super::compiled::Compiled;
use super::rows::{ColumnValue, returns};
use super::scalar::{Call, Param, Row, Scalar};

pub(super) fn functions() -> Vec<Arc<ScalarUDF>> {
    use Param::{Int, Text};
    const PAIR: &[&[Param]] = &[&[Text, Text]];
    [
        // Matches anywhere in the text; an empty pattern never matches.
        by_pattern("regexp", PAIR, compile, |regex, row| Some(!regex.as_str().is_empty() && regex.is_match(row.text(0)?))),
        by_pattern("regexp_extract", &[&[Text, Text], &[Text, Text, Int]], compile, |regex, row| {
            let group = if row.len() > 2 { row.int(2)? } else { 0 };
            let found = regex.captures(row.text(0)?)?.get(usize::try_from(group).ok()?)?;
            Some(found.as_str().to_string())
        }),
        by_pattern("regexp_extract_all", &[&[Text, Text], &[Text, Text, Int]], compile, extract_all),
        // All matches are replaced, by plain text.
        by_pattern("regexp_replace", &[&[Text, Text, Text]], compile, |regex, row| {
            Some(regex.replace_all(row.text(0)?, NoExpand(row.text(2)?)).into_owned())
        }),
        by_pattern("regexp_count", PAIR, compile, |regex, row| i32::try_from(regex.find_iter(row.text(0)?).count()).ok()),
        by_pattern("regexp_instr", PAIR, compile, |regex, row| {
            let text = row.text(0)?;
            let place = regex.find(text).map_or(0, |found| text[..found.start()].chars().count() + 1);
            i32::try_from(place).ok()
        }),
        by_pattern("regexp_substr", PAIR, compile, |regex, row| Some(regex.find(row.text(0)?)?.as_str().to_string())),
        by_pattern("similar_to", PAIR, similar, |regex, row| Some(regex.is_match(row.text(0)?))),
    ]
    .into_iter()
    .map(Scalar::udf)
    .collect()
}

/// A function whose second argument is a pattern.
fn by_pattern<T: ColumnValue>(
    name: &'static str,
    forms: &'static [&'static [Param]],
    compile: fn(&str) -> Result<Regex>,
    body: impl Fn(&Regex, &Row<'_>) -> Option<T> + Send + Sync + 'static,
) -> Scalar {
    let patterns = Compiled::new(compile);
    Scalar::new(name, forms, returns::<T>, move |call: &Call| {
        let (args, mut batch) = (call.row_args()?, patterns.batch());
        let rows = (0..call.rows).map(|row| {
            let row = args.row(row);
            Ok(match row.text(1) {
                Some(pattern) => body(batch.get(pattern)?, &row),
                None => None,
            })
        });
        Ok(T::array(rows.collect::<Result<_>>()?))
    })
}

/// A group of every match, the first group by default.
fn extract_all(regex: &Regex, row: &Row<'_>) -> Option<Vec<Option<String>>> {
    let group = if row.len() > 2 { usize::try_from(row.int(2)?).ok()? } else { 1 };
    let text = row.text(0)?;
    let found = regex.captures_iter(text).map(|found| found.get(group).map(|part| part.as_str().to_string()));
    (group < regex.captures_len()).then(|| found.collect())
}

/// Compiles a regular expression.
pub(super) fn compile(pattern: &str) -> Result<Regex> {
    Regex::new(pattern).map_err(|e| {
        let why = e.to_string();
        let why = why.lines().last().unwrap_or_default().trim_start_matches("error: ").to_string();
        Error::sql(format!("`{pattern}` is no regular expression: {why}")).hint("look-around and backreferences of Java are not supported")
    })
}

/// Translates the pattern of SIMILAR TO, which matches the whole text: `%` and `_` as in LIKE; groups, alternatives and repetitions as in
/// regular expressions.
fn similar(pattern: &str) -> Result<Regex> {
    let mut regex = String::from("(?s)^(?:");
    let mut inside = false;
    for c in pattern.chars() {
        match c {
            '[' => inside = true,
            ']' => inside = false,
            _ => {}
        }
        match c {
            '%' if !inside => regex.push_str(".*"),
            '_' if !inside => regex.push('.'),
            '.' | '$' | '\\' => regex.extend(['\\', c]),
            '^' if !inside => regex.push_str("\\^"),
            c => regex.push(c),
        }
    }
    regex.push_str(")$");
    compile(&regex)
}
