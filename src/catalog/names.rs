//! Looks a name up among declared ones: an exact match, then the only one that differs in case, else an error.

use crate::common::{Error, Result, suggest};
use crate::sql::name::{self, DEFAULT_DATABASE};

/// Returns the canonical name of an object in a database (see [`crate::sql::name`]).
pub fn canonical(database: &str, name: &str) -> String {
    name::join(Some(database).filter(|d| *d != DEFAULT_DATABASE), name)
}

/// The database of a canonical name.
pub fn database(canonical: &str) -> String {
    name::split(canonical).0.unwrap_or_else(|| DEFAULT_DATABASE.to_string())
}

/// Returns the declared name that `name` refers to, if any.
///
/// # Errors
/// When several names differ from it in case only.
pub fn find<'a>(name: &str, declared: impl IntoIterator<Item = &'a str>) -> Result<Option<&'a str>> {
    let folded = name.to_lowercase();
    let mut alike = Vec::new();
    for candidate in declared {
        if candidate == name {
            return Ok(Some(candidate));
        }
        if candidate.to_lowercase() == folded {
            alike.push(candidate);
        }
    }
    match alike.as_slice() {
        [] => Ok(None),
        [only] => Ok(Some(only)),
        several => {
            let several: Vec<_> = several.iter().map(|n| format!("`{n}`")).collect();
            Err(Error::sql(format!("`{name}` can mean {}", several.join(" or "))).hint("write it in the case in which it was declared"))
        }
    }
}

/// The error for an undeclared name.
pub fn unknown<'a>(what: &str, name: &str, declared: impl IntoIterator<Item = &'a str>) -> Error {
    let declared: Vec<&str> = declared.into_iter().collect();
    let hint = if declared.is_empty() {
        let what = if what == "function" { "function" } else { "table" };
        format!("nothing is declared yet: CREATE {} declares a {what}", what.to_uppercase())
    } else {
        suggest::hint(name, &declared)
    };
    Error::sql(format!("no {what} is called `{name}`")).hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exact_then_the_only_one_in_another_case() {
        let declared = ["Orders", "orders", "Users"];
        assert_eq!(find("orders", declared).unwrap(), Some("orders"));
        assert_eq!(find("USERS", declared).unwrap(), Some("Users"));
        assert_eq!(find("order", declared).unwrap(), None);
        let error = find("ORDERS", declared).unwrap_err();
        assert_eq!(error.message(), "`ORDERS` can mean `Orders` or `orders`");
        assert!(unknown("table", "Order", declared).hint_text().unwrap().starts_with("did you mean `Orders`?"));
    }
}
