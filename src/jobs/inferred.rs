//! Tables whose columns nobody has written down: the connector finds them out.

use crate::catalog::TableEntry;
use crate::connectors::{Inferred, InferredColumn};
use crate::sql::ast::{Column, ColumnKind, CreateTable, Options, Pos, Source};
use crate::sql::quoted;
use crate::sql::types::display;

/// A declaration with the columns that were found out.
pub(super) fn declared(table: CreateTable, inferred: Inferred) -> CreateTable {
    let column = |c: InferredColumn| Column {
        sql_type: display(&c.data_type),
        name: c.name,
        data_type: Some(c.data_type),
        nullable: c.nullable,
        kind: ColumnKind::Physical,
        pos: Pos::default(),
    };
    CreateTable { columns: inferred.columns.into_iter().map(column).collect(), partitioned_by: inferred.partitioned_by, ..table }
}

/// A line for people: which columns were found.
pub(super) fn shown(table: &str, inferred: &Inferred) -> String {
    let columns: Vec<String> = inferred.columns.iter().map(|c| format!("{} {}", quoted(&c.name), display(&c.data_type))).collect();
    let keys: Vec<String> = inferred.partitioned_by.iter().map(|key| quoted(key)).collect();
    let partitioned = if keys.is_empty() { String::new() } else { format!(" PARTITIONED BY ({})", keys.join(", ")) };
    format!("table {}: columns found {}: ({}){partitioned}", quoted(table), inferred.found_in, columns.join(", "))
}

/// The declaration of a table whose name says where it is.
pub(super) fn unnamed(name: &str, options: Options) -> CreateTable {
    CreateTable {
        name: name.to_string(),
        or_replace: false,
        temporary: true,
        if_not_exists: false,
        columns: Vec::new(),
        watermark: None,
        primary_key: Vec::new(),
        partitioned_by: Vec::new(),
        comment: None,
        options,
    }
}

/// Such a table as if it stood in the catalog.
pub(super) fn unnamed_entry(definition: CreateTable) -> TableEntry {
    let source = Source::new("<sql>", "");
    TableEntry { definition, text: String::new(), created_by: "<sql>".to_string(), temporary: true, source }
}
