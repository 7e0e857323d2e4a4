//! Renders declarations in Flink's syntax: of tables that were assembled from others, changed, or created from a query.
//!
//! All other objects keep their original text.

use crate::sql::ast::{Column, ColumnKind, CreateTable, CreateView};
use crate::sql::render::metadata;
use crate::sql::{literal, name, quoted};

/// `CREATE TABLE ...`, with a line per column and option.
pub(super) fn table(table: &CreateTable) -> String {
    let mut parts: Vec<String> = table.columns.iter().map(column).collect();
    if let Some(watermark) = &table.watermark {
        parts.push(format!("WATERMARK FOR {} AS {}", quoted(&watermark.column), watermark.text));
    }
    if !table.primary_key.is_empty() {
        parts.push(format!("PRIMARY KEY ({}) NOT ENFORCED", names(&table.primary_key)));
    }
    let temporary = if table.temporary { "TEMPORARY " } else { "" };
    let mut text = format!("CREATE {temporary}TABLE {} (\n  {}\n)", name::sql(&table.name), parts.join(",\n  "));
    if let Some(comment) = &table.comment {
        text += &format!(" COMMENT {}", literal(comment));
    }
    if !table.partitioned_by.is_empty() {
        text += &format!(" PARTITIONED BY ({})", names(&table.partitioned_by));
    }
    if !table.options.is_empty() {
        let pairs: Vec<String> = table.options.iter().map(|(k, v)| format!("{} = {}", literal(k), literal(v))).collect();
        text += &format!(" WITH (\n  {}\n)", pairs.join(",\n  "));
    }
    text
}

/// `CREATE [MATERIALIZED] VIEW ... AS query`.
pub(super) fn view(view: &CreateView) -> String {
    let kind = match (view.temporary, view.materialized) {
        (true, _) => "TEMPORARY VIEW",
        (_, true) => "MATERIALIZED VIEW",
        _ => "VIEW",
    };
    let columns = if view.columns.is_empty() { String::new() } else { format!(" ({})", names(&view.columns)) };
    format!("CREATE {kind} {}{columns} AS {}", name::sql(&view.name), view.text)
}

fn column(column: &Column) -> String {
    let mut text = quoted(&column.name);
    match &column.kind {
        ColumnKind::Computed(_) => text += &format!(" AS {}", column.text),
        kind => {
            text += &format!(" {}", column.text);
            if !column.nullable {
                text += " NOT NULL";
            }
            if let ColumnKind::Metadata { .. } = kind {
                text += &format!(" {}", metadata(column));
            }
        }
    }
    if let Some(comment) = &column.comment {
        text += &format!(" COMMENT {}", literal(comment));
    }
    text
}

fn names(names: &[String]) -> String {
    names.iter().map(|name| quoted(name)).collect::<Vec<_>>().join(", ")
}
