//! Small tables for the unit tests of this module.

use std::sync::Arc;

use arrow::datatypes::DataType;

use crate::connectors::{TableColumn, TableSpec};
use crate::sql::ast::{Options, Pos};

pub(super) fn column(name: &str, data_type: DataType) -> TableColumn {
    TableColumn { name: name.to_string(), data_type, nullable: true, metadata: None, is_virtual: false }
}

pub(super) fn metadata(name: &str, data_type: DataType, key: &str) -> TableColumn {
    TableColumn { metadata: Some(key.to_string()), ..column(name, data_type) }
}

pub(super) fn table_of(name: &str, columns: Vec<TableColumn>, pairs: &[(&str, &str)]) -> Arc<TableSpec> {
    let mut options = Options::default();
    for (key, value) in pairs {
        options.push((*key).to_string(), (*value).to_string(), Pos::default()).unwrap();
    }
    Arc::new(TableSpec {
        name: name.to_string(),
        connector: "kafka".to_string(),
        columns,
        primary_key: Vec::new(),
        partitioned_by: Vec::new(),
        options,
    })
}

/// `(id INT, name STRING, amount BIGINT)`.
pub(super) fn table(name: &str, pairs: &[(&str, &str)]) -> Arc<TableSpec> {
    let columns = vec![column("id", DataType::Int32), column("name", DataType::Utf8), column("amount", DataType::Int64)];
    table_of(name, columns, pairs)
}

/// `(id INT, name STRING, amount BIGINT, PRIMARY KEY (id))` of a connector.
pub(super) fn keyed(connector: &str, name: &str, pairs: &[(&str, &str)]) -> Arc<TableSpec> {
    let mut spec = (*table(name, pairs)).clone();
    spec.connector = connector.to_string();
    spec.primary_key = vec!["id".to_string()];
    spec.columns[0].nullable = false;
    Arc::new(spec)
}
