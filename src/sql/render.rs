//! Renders the source of a column's values.

use super::ast::{Column, ColumnKind};
use super::literal;

/// `METADATA [FROM 'key'] [VIRTUAL]`, `AS expr`, or nothing.
pub fn metadata(column: &Column) -> String {
    match &column.kind {
        ColumnKind::Physical => String::new(),
        ColumnKind::Computed(_) => format!("AS {}", column.text),
        ColumnKind::Metadata { key, is_virtual } => {
            let from = if *key == column.name { String::new() } else { format!(" FROM {}", literal(key)) };
            format!("METADATA{from}{}", if *is_virtual { " VIRTUAL" } else { "" })
        }
    }
}
