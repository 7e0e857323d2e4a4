//! Parses and follows JSON paths: `$.orders[0].name`, optionally prefixed by `lax` or `strict`.

use std::borrow::Cow;

use serde_json::Value;

use crate::common::{Error, Result};

/// A path as a list of steps.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Path {
    steps: Vec<Step>,
    /// A missing part is empty, not an error.
    pub(super) lax: bool,
}

#[derive(Debug, PartialEq, Eq)]
enum Step {
    Field(String),
    /// An item by index; negative ones count from the end.
    Item(i64),
    /// `*`: all fields or all items.
    All,
    /// `..`: the value itself and all its descendants.
    Deep,
}

impl Path {
    /// Parses a path such as `$.a.b[0]['c']`.
    pub(super) fn parse(text: &str) -> Result<Self> {
        let wrong = |why: &str| Error::sql(format!("`{text}` is no JSON path: {why}")).hint("write a path such as '$.orders[0].name'");
        let path = text.trim();
        let (lax, path) = match path.split_once(char::is_whitespace) {
            Some((mode, path)) if mode.eq_ignore_ascii_case("lax") => (true, path.trim_start()),
            Some((mode, path)) if mode.eq_ignore_ascii_case("strict") => (false, path.trim_start()),
            _ => (false, path),
        };
        let mut rest = path.strip_prefix('$').ok_or_else(|| wrong("it has to begin with $"))?;
        let mut steps = Vec::new();
        while !rest.is_empty() {
            // A bracket may follow a dot: `$.['a b']`.
            let bracketed = rest.strip_prefix('[').or_else(|| rest.strip_prefix(".["));
            if let Some(after) = bracketed {
                let (step, left) = bracket(after).ok_or_else(|| wrong("brackets hold a number, a quoted name or `*`"))?;
                steps.push(step);
                rest = left;
            } else if let Some(after) = rest.strip_prefix('.') {
                if after.starts_with('.') {
                    steps.push(Step::Deep);
                    rest = after;
                    continue;
                }
                let end = after.find(['.', '[']).unwrap_or(after.len());
                let (name, left) = after.split_at(end);
                steps.push(match name {
                    "" => return Err(wrong("a name has to follow the dot")),
                    "*" => Step::All,
                    name => Step::Field(name.to_string()),
                });
                rest = left;
            } else {
                return Err(wrong("`.` or `[` has to follow"));
            }
        }
        Ok(Self { steps, lax })
    }

    /// The value that the path leads to; an array of all of them if the path may match several.
    pub(super) fn find<'v>(&self, value: &'v Value) -> Option<Cow<'v, Value>> {
        let many = self.steps.iter().any(|step| matches!(step, Step::All | Step::Deep));
        let mut found = vec![value];
        for step in &self.steps {
            found = found.into_iter().flat_map(|value| step.select(value)).collect();
        }
        if many { Some(Cow::Owned(found.into_iter().cloned().collect())) } else { found.first().copied().map(Cow::Borrowed) }
    }
}

impl Step {
    fn select<'v>(&self, value: &'v Value) -> Vec<&'v Value> {
        match self {
            Self::Field(name) => value.get(name).into_iter().collect(),
            Self::Item(n) => {
                let items = value.as_array().map_or(&[][..], Vec::as_slice);
                let place = usize::try_from(*n).ok().or_else(|| items.len().checked_sub(usize::try_from(n.unsigned_abs()).ok()?));
                place.and_then(|place| items.get(place)).into_iter().collect()
            }
            Self::All => below(value),
            Self::Deep => {
                let mut all = vec![value];
                let mut at = 0;
                while let Some(value) = all.get(at).copied() {
                    all.extend(below(value));
                    at += 1;
                }
                all
            }
        }
    }
}

fn below(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(items) => items.iter().collect(),
        Value::Object(fields) => fields.values().collect(),
        _ => Vec::new(),
    }
}

/// `0]`, `*]` or `'name']`, and what follows.
fn bracket(text: &str) -> Option<(Step, &str)> {
    if let Some(quote) = text.chars().next().filter(|c| ['\'', '"'].contains(c)) {
        let (name, rest) = text[1..].split_once(quote)?;
        return Some((Step::Field(name.to_string()), rest.trim_start().strip_prefix(']')?));
    }
    let (index, rest) = text.split_once(']')?;
    let step = if index.trim() == "*" { Step::All } else { Step::Item(index.trim().parse().ok()?) };
    Some((step, rest))
}
