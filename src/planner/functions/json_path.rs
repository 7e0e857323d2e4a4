//! Paths into JSON: `$.orders[0].'name'`, with `lax` or `strict` before them.

use serde_json::Value;

use crate::common::{Error, Result};

/// A path, step by step.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Path(Vec<Step>);

#[derive(Debug, PartialEq, Eq)]
enum Step {
    Field(String),
    Item(usize),
}

impl Path {
    /// Reads `$.a.b[0]['c']`.
    pub(super) fn parse(text: &str) -> Result<Self> {
        let wrong = |why: &str| Error::sql(format!("`{text}` is no JSON path: {why}")).hint("write a path such as '$.orders[0].name'");
        let path = text.trim();
        let path = path.strip_prefix("lax ").or_else(|| path.strip_prefix("strict ")).unwrap_or(path).trim_start();
        let mut rest = path.strip_prefix('$').ok_or_else(|| wrong("it has to begin with $"))?;
        let mut steps = Vec::new();
        while !rest.is_empty() {
            if let Some(after) = rest.strip_prefix('.') {
                let end = after.find(['.', '[']).unwrap_or(after.len());
                let (name, left) = after.split_at(end);
                if name.is_empty() || name == "*" {
                    return Err(wrong("a name has to follow the dot"));
                }
                steps.push(Step::Field(name.to_string()));
                rest = left;
            } else if let Some(after) = rest.strip_prefix('[') {
                let (step, left) = bracket(after).ok_or_else(|| wrong("brackets hold a number or a quoted name"))?;
                steps.push(step);
                rest = left;
            } else {
                return Err(wrong("`.` or `[` has to follow"));
            }
        }
        Ok(Self(steps))
    }

    /// What it leads to.
    pub(super) fn find<'v>(&self, value: &'v Value) -> Option<&'v Value> {
        self.0.iter().try_fold(value, |value, step| match step {
            Step::Field(name) => value.get(name),
            Step::Item(index) => value.get(index),
        })
    }
}

/// `0]` or `'name']`, and what follows.
fn bracket(text: &str) -> Option<(Step, &str)> {
    if let Some(quote) = text.chars().next().filter(|c| ['\'', '"'].contains(c)) {
        let (name, rest) = text[1..].split_once(quote)?;
        return Some((Step::Field(name.to_string()), rest.trim_start().strip_prefix(']')?));
    }
    let (index, rest) = text.split_once(']')?;
    Some((Step::Item(index.trim().parse().ok()?), rest))
}
