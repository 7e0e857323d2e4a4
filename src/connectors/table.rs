//! A declared table as a connector sees it: columns with Arrow types, and options that are already merged.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};

use crate::sql::ast::Options;

/// A column that the connector reads or writes.
#[derive(Debug, Clone, PartialEq)]
pub struct TableColumn {
    /// Its name.
    pub name: String,
    /// Its Arrow type.
    pub data_type: DataType,
    /// Whether NULL is allowed.
    pub nullable: bool,
    /// The metadata key if it is a metadata column, else it is a field of the record.
    pub metadata: Option<String>,
    /// A metadata column that is not written.
    pub is_virtual: bool,
}

/// An inferred column.
#[derive(Debug, Clone, PartialEq)]
pub struct InferredColumn {
    /// Its name.
    pub name: String,
    /// Its Arrow type, which has an SQL name.
    pub data_type: DataType,
    /// Whether NULL is allowed.
    pub nullable: bool,
}

/// What a connector has inferred about a table that declares no columns.
#[derive(Debug, Clone, PartialEq)]
pub struct Inferred {
    /// Its columns.
    pub columns: Vec<InferredColumn>,
    /// Its partition columns.
    pub partitioned_by: Vec<String>,
    /// The columns of its primary key, if it has one.
    pub primary_key: Vec<String>,
    /// Where the columns were found, as text for people: `in 3 files`.
    pub found_in: String,
}

/// A declared table, without its computed columns and its watermark, which belong to the planner.
#[derive(Debug, Clone, PartialEq)]
pub struct TableSpec {
    /// Its name in the catalog.
    pub name: String,
    /// The value of `connector`.
    pub connector: String,
    /// Physical and metadata columns in declared order.
    pub columns: Vec<TableColumn>,
    /// Columns of the primary key.
    pub primary_key: Vec<String>,
    /// Columns of `PARTITIONED BY`.
    pub partitioned_by: Vec<String>,
    /// All options, after `SET` and `--option`.
    pub options: Options,
}

impl TableSpec {
    /// All columns, as reading yields them.
    pub fn schema(&self) -> SchemaRef {
        schema_of(self.columns.iter())
    }

    /// The columns that a format reads and writes.
    pub fn physical(&self) -> SchemaRef {
        schema_of(self.columns.iter().filter(|c| c.metadata.is_none()))
    }

    /// The columns that an INSERT fills.
    pub fn writable(&self) -> SchemaRef {
        schema_of(self.columns.iter().filter(|c| !c.is_virtual))
    }

    /// The value of an option.
    pub fn option(&self, key: &str) -> Option<&str> {
        self.options.get(key)
    }
}

fn schema_of<'a>(columns: impl Iterator<Item = &'a TableColumn>) -> SchemaRef {
    Arc::new(Schema::new(columns.map(|c| Field::new(&c.name, c.data_type.clone(), c.nullable)).collect::<Vec<_>>()))
}
