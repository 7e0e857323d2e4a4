//! Names of tables, views and functions as plain strings.
//!
//! People write `[catalog.][database.]name`. Most code needs one string to look up, compare and show, so the parts are joined by dots; a
//! part that contains a dot or a backtick is quoted in backticks. There is one catalog, which is left out:
//!
//! | written | the string |
//! |---|---|
//! | `t`, `` `t` `` | `t` |
//! | `db.t`, `default_catalog.db.t` | `db.t` |
//! | `` `a.b` `` | `` `a.b` `` |
//!
//! In the catalog a name is *canonical*: as declared, and with its database unless that is the default one.

use crate::common::{Error, Result};

/// Flink's name of the only catalog.
pub const DEFAULT_CATALOG: &str = "default_catalog";

/// Flink's name of the initial database of a session.
pub const DEFAULT_DATABASE: &str = "default_database";

/// Joins the written parts of a name.
///
/// # Errors
/// When it has too many parts, or names another catalog.
pub fn of_parts(parts: &[impl AsRef<str>]) -> Result<String> {
    let parts: Vec<&str> = parts.iter().map(AsRef::as_ref).collect();
    match parts.as_slice() {
        [name] => Ok(join(None, name)),
        [database, name] => Ok(join(Some(database), name)),
        [catalog, database, name] => {
            only_catalog(catalog)?;
            Ok(join(Some(database), name))
        }
        _ => Err(Error::sql("a name has at most three parts").hint("write [catalog.][database.]name; a dot inside a name needs backticks")),
    }
}

/// Rejects catalogs other than the only one.
///
/// # Errors
/// When the name is another catalog's.
pub fn only_catalog(name: &str) -> Result<()> {
    if name.eq_ignore_ascii_case(DEFAULT_CATALOG) {
        return Ok(());
    }
    Err(Error::sql(format!("there is no catalog `{name}`")).hint(format!(
        "`{DEFAULT_CATALOG}` is the only one: tables of other systems are declared with CREATE TABLE; databases divide them (db.t)"
    )))
}

/// Joins a database and a name.
pub fn join(database: Option<&str>, name: &str) -> String {
    match database {
        Some(database) => format!("{}.{}", part(database), part(name)),
        None => part(name),
    }
}

fn part(part: &str) -> String {
    if part.contains(['.', '`']) { format!("`{}`", part.replace('`', "``")) } else { part.to_string() }
}

/// Splits such a name into its database, if it has one, and the name in it.
pub fn split(name: &str) -> (Option<String>, String) {
    let mut parts = vec![String::new()];
    let (mut quoted, mut chars) = (false, name.chars().peekable());
    while let Some(c) = chars.next() {
        let Some(last) = parts.last_mut() else { break };
        match c {
            '`' if quoted && chars.peek() == Some(&'`') => {
                last.push('`');
                chars.next();
            }
            '`' => quoted = !quoted,
            '.' if !quoted => parts.push(String::new()),
            other => last.push(other),
        }
    }
    let last = parts.pop().unwrap_or_default();
    (parts.pop(), last)
}

/// A name as SQL text: each part in backticks if it needs them.
pub fn sql(name: &str) -> String {
    match split(name) {
        (Some(database), name) => format!("{}.{}", super::quoted(&database), super::quoted(&name)),
        (None, name) => super::quoted(&name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_and_texts() {
        for (parts, text, database, name, shown) in [
            (&["t"][..], "t", None, "t", "t"),
            (&["a b"], "a b", None, "a b", "`a b`"),
            (&["d", "t"], "d.t", Some("d"), "t", "d.t"),
            (&["default_catalog", "d", "t"], "d.t", Some("d"), "t", "d.t"),
            (&["a.b"], "`a.b`", None, "a.b", "`a.b`"),
            (&["d", "a`.b"], "d.`a``.b`", Some("d"), "a`.b", "d.`a``.b`"),
        ] {
            let joined = of_parts(parts).unwrap();
            assert_eq!(joined, text);
            assert_eq!(split(&joined), (database.map(str::to_string), name.to_string()));
            assert_eq!(sql(&joined), shown);
        }
        assert_eq!(of_parts(&["other", "d", "t"]).unwrap_err().message(), "there is no catalog `other`");
        assert!(of_parts(&["a", "b", "c", "d"]).is_err());
    }
}
