//! Schema inference: the connector supplies columns that a table does not declare.

use std::sync::Arc;

use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::compute::cast;
use arrow::datatypes::{DataType, FieldRef, Schema};

use crate::catalog::TableEntry;
use crate::common::{Error, Result, suggest};
use crate::connectors::{Connector, Inferred, InferredColumn, TableSpec};
use crate::sql::ast::{Column, CreateTable, Options, Source};
use crate::sql::quoted;
use crate::sql::types::display;

/// Checks a declaration, whose columns are known by now.
///
/// # Errors
/// What the connector says.
pub(super) fn validate(connector: &dyn Connector, table: &TableSpec) -> Result<()> {
    if !table.partitioned_by.is_empty() && !connector.has_partitions() {
        return Err(Error::sql(format!("table `{}`: connector '{}' has no PARTITIONED BY", table.name, connector.name())));
    }
    connector.validate(table)
}

/// A declaration with the columns that were found out.
pub(super) fn declared(table: CreateTable, inferred: Inferred) -> CreateTable {
    let column = |c: InferredColumn| Column::physical(&c.name, &c.data_type, c.nullable);
    let columns = inferred.columns.into_iter().map(column).collect();
    CreateTable { columns, partitioned_by: inferred.partitioned_by, primary_key: inferred.primary_key, ..table }
}

/// A line for display: the inferred columns.
pub(super) fn shown(table: &str, inferred: &Inferred) -> String {
    let columns: Vec<String> = inferred.columns.iter().map(|c| format!("{} {}", quoted(&c.name), display(&c.data_type))).collect();
    let list = |word: &str, names: &[String]| {
        let names: Vec<String> = names.iter().map(|name| quoted(name)).collect();
        if names.is_empty() { String::new() } else { format!("{word} ({})", names.join(", ")) }
    };
    let (key, partitioned) = (list(", PRIMARY KEY", &inferred.primary_key), list(" PARTITIONED BY", &inferred.partitioned_by));
    format!("table {}: columns found {}: ({}{key}){partitioned}", quoted(table), inferred.found_in, columns.join(", "))
}

/// The declaration of what COPY writes.
///
/// # Errors
/// When a column to partition by is not in the query.
pub(super) fn copied(path: &str, options: Options, query: &Schema, partitioned_by: &[String]) -> Result<CreateTable> {
    let query = plain_schema(query);
    let names: Vec<&str> = query.fields().iter().map(|f| f.name().as_str()).collect();
    if let Some(key) = partitioned_by.iter().find(|key| !names.contains(&key.as_str())) {
        return Err(
            Error::sql(format!("PARTITIONED BY names column `{key}`, which the query does not have")).hint(suggest::hint(key, &names))
        );
    }
    let field = |f: &FieldRef| InferredColumn { name: f.name().clone(), data_type: f.data_type().clone(), nullable: f.is_nullable() };
    let columns = query.fields().iter().map(field).collect();
    let partitioned_by = partitioned_by.to_vec();
    Ok(declared(
        CreateTable::undeclared(path, options),
        Inferred { columns, partitioned_by, primary_key: Vec::new(), found_in: String::new() },
    ))
}

/// DataFusion's own kinds of texts and bytes as those of tables. Intervals are texts: few formats have them, and each in another way.
fn plain_schema(query: &Schema) -> Schema {
    Schema::new(query.fields().iter().map(plain_field).collect::<Vec<_>>())
}

fn plain_field(field: &FieldRef) -> FieldRef {
    let data_type = match field.data_type() {
        DataType::Utf8View | DataType::LargeUtf8 | DataType::Null | DataType::Interval(_) | DataType::Duration(_) => DataType::Utf8,
        DataType::BinaryView | DataType::LargeBinary => DataType::Binary,
        DataType::Dictionary(_, value) => value.as_ref().clone(),
        DataType::List(element) => DataType::List(plain_field(element)),
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(plain_field).collect()),
        DataType::Map(entries, sorted) => DataType::Map(plain_field(entries), *sorted),
        other => other.clone(),
    };
    Arc::new(field.as_ref().clone().with_data_type(data_type))
}

/// A batch with the columns of [`plain_schema`].
pub(super) fn plain(rows: &RecordBatch) -> Result<RecordBatch> {
    let schema = plain_schema(rows.schema_ref());
    let columns = rows.columns().iter().zip(schema.fields()).map(|(column, field)| cast(column, field.data_type()));
    let columns = columns.collect::<std::result::Result<Vec<_>, _>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(rows.num_rows()));
    Ok(RecordBatch::try_new_with_options(Arc::new(schema), columns, &options)?)
}

/// Such a table as if it stood in the catalog.
pub(super) fn unnamed_entry(definition: CreateTable) -> TableEntry {
    let source = Source::new("<sql>", "");
    TableEntry { definition, text: String::new(), created_by: "<sql>".to_string(), source }
}
