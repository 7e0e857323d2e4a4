//! Adds to an error the expressions of a plan that may have caused it.

use std::sync::Arc;

use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::Operator;
use datafusion::physical_expr::expressions::{BinaryExpr, CastExpr};
use datafusion::physical_expr::{PhysicalExpr, ScalarFunctionExpr};
use datafusion::physical_plan::ExecutionPlan;

use crate::common::Error;
use crate::common::library_text::{in_sql, is_division_by_zero, is_failed_cast};

/// The maximum number of expressions that an error names.
const MOST: usize = 3;

/// An error of a plan, with the expressions of the plan that can cause such an error.
pub fn with_expressions(error: Error, plan: &Arc<dyn ExecutionPlan>) -> Error {
    let text = error.message();
    if is_division_by_zero(text) {
        return Error::data(format!("division by zero{}", places(plan, &divides))).hint("x / NULLIF(y, 0) is NULL where y is 0");
    }
    if is_failed_cast(text) {
        let said = format!("{text}{}", places(plan, &casts));
        return Error::data(said).hint("TRY_CAST makes NULL of what does not fit");
    }
    error
}

fn divides(expr: &Arc<dyn PhysicalExpr>) -> bool {
    let by = |binary: &BinaryExpr| matches!(binary.op(), Operator::Divide | Operator::Modulo);
    expr.downcast_ref::<BinaryExpr>().is_some_and(by) || expr.downcast_ref::<ScalarFunctionExpr>().is_some_and(|call| call.name() == "mod")
}

/// Casts to text cannot fail.
fn casts(expr: &Arc<dyn PhysicalExpr>) -> bool {
    expr.downcast_ref::<CastExpr>().is_some_and(|cast| !cast.cast_type().is_string())
}

/// The expressions of a plan of one kind, as the end of a sentence.
fn places(plan: &Arc<dyn ExecutionPlan>, of_kind: &dyn Fn(&Arc<dyn PhysicalExpr>) -> bool) -> String {
    let mut found: Vec<String> = Vec::new();
    // The closures never fail, so neither does the walk.
    let _ = plan.apply(|node| {
        node.apply_expressions(&mut |root| {
            root.apply(|expr| {
                if of_kind(expr) {
                    let text = readable(&expr.to_string());
                    if !found.contains(&text) {
                        found.push(text);
                    }
                }
                Ok(TreeNodeRecursion::Continue)
            })
        })
    });
    let more = found.len() > MOST;
    found.truncate(MOST);
    match found.as_slice() {
        [] => String::new(),
        [one] => format!(" in {one}"),
        several => format!(" in one of {}{}", several.join(", "), if more { ", ..." } else { "" }),
    }
}

/// The text of a physical expression as in SQL: without the indices of columns and the types of literals.
fn readable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if let Some(place) = rest.strip_prefix('@').filter(|rest| rest.starts_with(|c: char| c.is_ascii_digit())) {
            rest = place.trim_start_matches(|c: char| c.is_ascii_digit());
        } else if let Some((value, behind)) = literal(rest).filter(|_| !shown.ends_with(|c: char| c.is_alphanumeric() || c == '_')) {
            shown.push_str(value);
            rest = behind;
        } else {
            shown.push(c);
            rest = &rest[c.len_utf8()..];
        }
    }
    format!("`{}`", in_sql(&shown))
}

/// `Int64(5)` at the beginning of a text: the value, and the rest of the text.
fn literal(text: &str) -> Option<(&str, &str)> {
    const TYPES: [&str; 7] = ["Int64(", "Int32(", "Int16(", "Int8(", "Float64(", "Float32(", "Boolean("];
    let inner = TYPES.iter().find_map(|name| text.strip_prefix(name))?;
    inner.split_once(')')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_are_shown_without_places_and_types() {
        assert_eq!(readable("100 * count(Int64(1)) FILTER (WHERE t.v > Int64(3))@0 / n@1"), "`100 * count(1) FILTER (WHERE t.v > 3) / n`");
        assert_eq!(readable("MyInt64(1)"), "`MyInt64(1)`");
        assert_eq!(readable("CAST(s@0 AS Int32)"), "`CAST(s AS INT)`");
    }
}
