//! CREATE TABLE ... LIKE: what a table inherits from another one, by Flink's rules.
//!
//! Physical columns are always inherited, before the new table's own. For each other feature one of
//!
//! | | in the source | in both |
//! |---|---|---|
//! | INCLUDING (the default) | inherited | an error |
//! | OVERWRITING (the default of OPTIONS) | inherited | the new table's |
//! | EXCLUDING | not inherited | |

use crate::common::{Error, Result};
use crate::sql::ast::{Column, ColumnKind, CreateTable, Feature, Like, Merge};

/// Returns the table that `CREATE TABLE derived (...) LIKE source (...)` declares.
pub(super) fn merge(source: &CreateTable, derived: &CreateTable, like: &Like) -> Result<CreateTable> {
    let mut columns = Vec::new();
    for column in &source.columns {
        let same = derived.columns.iter().find(|c| c.name == column.name);
        let feature = match column.kind {
            ColumnKind::Physical => {
                if same.is_some() {
                    return Err(twice(&format!("column `{}`", column.name), "physical columns always come over: leave it out"));
                }
                columns.push(column.clone());
                continue;
            }
            ColumnKind::Metadata { .. } => Feature::Metadata,
            ColumnKind::Computed(_) => Feature::Generated,
        };
        match (rule(like, feature), same) {
            (Merge::Excluding, _) => {}
            (_, None) => columns.push(column.clone()),
            (Merge::Overwriting, Some(own)) if same_kind(own, column) => {}
            (_, Some(_)) => return Err(twice(&format!("column `{}`", column.name), "OVERWRITING or EXCLUDING says which one counts")),
        }
    }
    columns.extend(derived.columns.iter().cloned());

    let mut options = derived.options.clone();
    let kept = source.options.iter().filter(|_| rule(like, Feature::Options) != Merge::Excluding);
    for (key, value) in kept {
        match derived.options.get(key) {
            None => options.set(key, value),
            Some(_) if rule(like, Feature::Options) == Merge::Overwriting => {}
            Some(_) => return Err(twice(&format!("option `{key}`"), "OVERWRITING OPTIONS lets the new table's count")),
        }
    }
    let one = |feature, what, of_source: bool, of_derived: bool| match (rule(like, feature), of_source, of_derived) {
        (Merge::Including, true, true) => Err(twice(what, "EXCLUDING or OVERWRITING says which one counts")),
        (Merge::Excluding, ..) | (_, false, _) | (_, _, true) => Ok(false),
        _ => Ok(true),
    };
    let mut table = CreateTable { columns, options, like: None, ..derived.clone() };
    if one(Feature::Watermarks, "a watermark", source.watermark.is_some(), derived.watermark.is_some())? {
        table.watermark.clone_from(&source.watermark);
    }
    if one(Feature::Constraints, "a primary key", !source.primary_key.is_empty(), !derived.primary_key.is_empty())? {
        table.primary_key.clone_from(&source.primary_key);
    }
    if one(Feature::Partitions, "PARTITIONED BY", !source.partitioned_by.is_empty(), !derived.partitioned_by.is_empty())? {
        table.partitioned_by.clone_from(&source.partitioned_by);
    }
    Ok(table)
}

/// Returns the option of a feature: its own, else that of ALL, else Flink's default.
fn rule(like: &Like, feature: Feature) -> Merge {
    let said = |wanted| like.rules.iter().find(|(f, _)| *f == wanted).map(|(_, merge)| *merge);
    let default = if feature == Feature::Options { Merge::Overwriting } else { Merge::Including };
    match (said(feature), said(Feature::All)) {
        (Some(merge), _) => merge,
        (None, Some(Merge::Excluding)) => Merge::Excluding,
        _ => default,
    }
}

fn same_kind(a: &Column, b: &Column) -> bool {
    std::mem::discriminant(&a.kind) == std::mem::discriminant(&b.kind)
}

fn twice(what: &str, hint: &str) -> Error {
    Error::sql(format!("{what} is in both tables")).hint(hint)
}
