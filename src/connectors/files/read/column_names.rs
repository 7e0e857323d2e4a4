//! Maps the column names of a file to unique names of the table, in the case in which they are declared.
//!
//! ```text
//!   in the file   id   Name   (empty)    a   a
//!   declared      ID                               Name  a_1
//!   called        ID   Name   column_3   a   a_1
//! ```

use arrow::datatypes::FieldRef;

use crate::common::{Error, Result};

/// Returns the names of a file's columns in the table: as declared where only the case differs; a column without a name is named by its
/// position, a duplicate gets a number as suffix.
///
/// # Errors
/// When it is ambiguous which column of the file a declared one is.
pub(super) fn names(file: &[String], declared: &[FieldRef]) -> Result<Vec<String>> {
    let is_declared = |name: &str| declared.iter().any(|field| field.name() == name);
    let mut all: Vec<String> = Vec::with_capacity(file.len());
    for (i, name) in file.iter().enumerate() {
        let name = if name.trim().is_empty() {
            format!("column_{}", i + 1)
        } else if is_declared(name) {
            if file.iter().skip(i + 1).any(|other| other == name) && !is_declared(&format!("{name}_1")) {
                return Err(Error::data(format!("it has two columns of the name `{name}`"))
                    .hint(format!("declare `{name}_1` for the second one, or write the file with other names")));
            }
            name.clone()
        } else {
            of_another_case(name, file, declared)?.unwrap_or(name).clone()
        };
        all.push(once(name, &all));
    }
    Ok(all)
}

/// Finds the declared column that differs from a file's only in case, unless the file has a column with exactly the declared name.
fn of_another_case<'a>(name: &str, file: &[String], declared: &'a [FieldRef]) -> Result<Option<&'a String>> {
    let mut same = declared.iter().map(|field| field.name()).filter(|other| other.eq_ignore_ascii_case(name) && !file.contains(other));
    let Some(found) = same.next() else { return Ok(None) };
    if let Some(another) = same.next() {
        return Err(
            Error::data(format!("its column `{name}` could be `{found}` or `{another}`")).hint("declare it in the case that it has")
        );
    }
    let mut others = file.iter().filter(|other| other.eq_ignore_ascii_case(name) && *other != name);
    match others.next() {
        Some(other) => Err(Error::data(format!("its columns `{name}` and `{other}` could both be `{found}`"))
            .hint("declare columns in the case that they have in the file")),
        None => Ok(Some(found)),
    }
}

/// Returns a name that is not among those before: `name`, `name_1`, `name_2`, ...
fn once(name: String, before: &[String]) -> String {
    if !before.contains(&name) {
        return name;
    }
    (1..).map(|n| format!("{name}_{n}")).find(|name| !before.contains(name)).unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::datatypes::{DataType, Field};

    use super::*;

    #[test]
    fn each_column_has_a_name_of_its_own() {
        let called = |file: &[&str], declared: &[&str]| {
            let declared: Vec<FieldRef> = declared.iter().map(|name| Arc::new(Field::new(*name, DataType::Int64, true))).collect();
            names(&file.iter().map(ToString::to_string).collect::<Vec<_>>(), &declared).map_err(|e| e.message().to_string())
        };
        let ok = |names: &[&str]| Ok(names.iter().map(ToString::to_string).collect::<Vec<_>>());
        assert_eq!(called(&["a", "", "a", "A"], &[]), ok(&["a", "column_2", "a_1", "A"]));
        assert_eq!(called(&["id", "Name"], &["ID", "Name"]), ok(&["ID", "Name"]));
        assert_eq!(called(&["id", "ID"], &["ID"]), ok(&["id", "ID"]));
        assert_eq!(called(&["a", "a"], &["a", "a_1"]), ok(&["a", "a_1"]));
        assert_eq!(called(&["a", "a"], &["a"]).unwrap_err(), "it has two columns of the name `a`");
        assert_eq!(called(&["id"], &["ID", "Id"]).unwrap_err(), "its column `id` could be `ID` or `Id`");
        assert_eq!(called(&["Id", "iD"], &["id"]).unwrap_err(), "its columns `Id` and `iD` could both be `id`");
    }
}
