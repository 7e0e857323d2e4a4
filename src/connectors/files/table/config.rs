//! The options of a table on files, parsed.

use arrow::datatypes::{Field, FieldRef, Schema};
use datafusion::common::ScalarValue;
use regex::Regex;
use std::sync::Arc;

use crate::common::s3::{Access, Buckets};
use crate::common::{Error, Projection, Result, suggest};
use crate::connectors::on_error::OnError;
use crate::connectors::{TableColumn, TableSpec};
use crate::formats;

use super::format::Format;
use super::listing::{self, File};
use super::location::Location;
use super::metadata::Metadata;
use super::store::Store;

/// A column whose value comes from the path of a file instead of its content.
#[derive(Debug, Clone)]
enum FromPath {
    Partition,
    Metadata(Metadata),
}

/// The location, format and columns of a table's files.
///
/// ```text
///   columns as declared:  id BIGINT, dt DATE, who STRING METADATA FROM 'file.name'      PARTITIONED BY (dt)
///   in the content:       id                                                            `content`
///   in the path:                     dt,      who                                       `path_columns`, one value per file
/// ```
#[derive(Debug)]
pub struct Config {
    /// The table's name.
    pub table: String,
    /// Where the files are.
    pub location: Location,
    /// The store that they are in.
    pub store: Store,
    /// How they are read.
    pub format: Format,
    /// What happens to a record that cannot be read.
    pub on_error: OnError,
    /// Columns of the content.
    pub content: Vec<FieldRef>,
    /// Columns with one value per file.
    pub path_columns: Vec<FieldRef>,
    from_path: Vec<FromPath>,
    /// The pattern that whole paths must match.
    pattern: Option<Regex>,
    partitioned_by: Vec<String>,
    null_partition: String,
}

impl Config {
    /// Parses a table's options; its bucket is one of `buckets`. Does not connect.
    ///
    /// # Errors
    /// Names the invalid option or column, and what would be valid.
    pub fn read(table: &TableSpec, buckets: &Buckets) -> Result<Self> {
        let path = table
            .option("path")
            .ok_or_else(|| Error::sql(format!("table `{}` does not say where its files are", table.name)).hint("add 'path' = '...'"))?;
        let location = Location::parse(path).map_err(|e| e.in_table_option(&table.name, "path"))?;
        let access = Access::read(|key| table.option(key)).map_err(|e| e.context(format!("table `{}`", table.name)))?;
        let store = Store::open(&location.place, &access, buckets)?;
        let format = Format::read(table, &location)?;
        for key in &table.partitioned_by {
            if !table.columns.iter().any(|c| c.name == *key && c.metadata.is_none()) {
                let names: Vec<&str> = table.columns.iter().map(|c| c.name.as_str()).collect();
                return Err(Error::sql(format!("table `{}`: PARTITIONED BY names column `{key}`, which is not declared", table.name))
                    .hint(suggest::hint(key, &names)));
            }
        }
        let (mut content, mut path_columns, mut from_path) = (Vec::new(), Vec::new(), Vec::new());
        for column in &table.columns {
            let field = Arc::new(Field::new(&column.name, column.data_type.clone(), column.nullable));
            match from_path_of(table, column)? {
                Some(from) => {
                    path_columns.push(field);
                    from_path.push(from);
                }
                None => content.push(field),
            }
        }
        let on_error = OnError::read(table).map_err(|e| e.context(format!("table `{}`", table.name)))?;
        if let Some(text) = format.kind.text() {
            let schema = Arc::new(Schema::new(content.clone()));
            let made = formats::decoder(text, &schema, &Projection::all(&schema), &format.options);
            made.map_err(|e| e.context(format!("table `{}`", table.name)))?;
        }
        Ok(Self {
            table: table.name.clone(),
            on_error,
            location,
            store,
            format,
            content,
            path_columns,
            from_path,
            pattern: pattern(table)?,
            partitioned_by: table.partitioned_by.clone(),
            null_partition: table.option("partition.default-name").unwrap_or("__DEFAULT_PARTITION__").to_string(),
        })
    }

    /// Columns whose values are in the path, as `key=value` folders, in declared order.
    pub fn partition_keys(&self) -> impl Iterator<Item = &str> {
        self.partitioned_by.iter().map(String::as_str)
    }

    /// The folder name of a NULL partition value.
    pub fn null_partition(&self) -> &str {
        &self.null_partition
    }

    /// Lists the files as of now, in order of their paths.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn files(&self) -> Result<Vec<File>> {
        let mut files = listing::list(&self.location, &self.store.objects).await?;
        if let Some(pattern) = &self.pattern {
            files.retain(|file| pattern.is_match(&format!("/{}", file.meta.location)));
        }
        Ok(files)
    }

    /// Lists them for a query that reads them once.
    ///
    /// # Errors
    /// When the store does not answer, and when the location is empty.
    pub async fn list(&self) -> Result<Vec<File>> {
        let files = self.files().await?;
        if files.is_empty() && !listing::is_there(&self.location) {
            return Err(self.nothing().await);
        }
        Ok(files)
    }

    /// The error for a table without files.
    pub async fn nothing(&self) -> Error {
        listing::nothing(&self.location, &self.store.objects).await
    }

    /// Returns the values of [`Self::path_columns`] for a file.
    ///
    /// # Errors
    /// When its path does not have a value, or the value does not fit the type.
    pub fn path_values(&self, file: &File) -> Result<Vec<ScalarValue>> {
        let value = |(field, from): (&FieldRef, &FromPath)| match from {
            FromPath::Partition => file.partition_value(field.name(), field.data_type(), &self.null_partition),
            FromPath::Metadata(metadata) => metadata.value(file, &self.location, field.data_type()),
        };
        self.path_columns.iter().zip(&self.from_path).map(value).collect()
    }
}

/// As in Flink, the pattern must match the whole path of a file in its store, which begins with `/`.
fn pattern(table: &TableSpec) -> Result<Option<Regex>> {
    let key = "source.path.regex-pattern";
    let Some(text) = table.option(key) else { return Ok(None) };
    let whole = Regex::new(&format!(r"\A(?:{text})\z"));
    whole.map(Some).map_err(|e| {
        Error::option(key, "is no regular expression")
            .in_table(&table.name)
            .with_source(e)
            .hint("Java's look-around and back references are not understood")
    })
}

fn from_path_of(table: &TableSpec, column: &TableColumn) -> Result<Option<FromPath>> {
    let Some(key) = &column.metadata else {
        return Ok(table.partitioned_by.contains(&column.name).then_some(FromPath::Partition));
    };
    let keys = Metadata::ALL.map(Metadata::key);
    let metadata = Metadata::parse(key)
        .ok_or_else(|| Error::sql(format!("column `{}`: files have no metadata '{key}'", column.name)).hint(suggest::hint(key, &keys)))?;
    let (has, wants) = (metadata.data_type(), &column.data_type);
    if !arrow::compute::can_cast_types(&has, wants) {
        let show = crate::sql::types::display;
        return Err(Error::sql(format!("column `{}`: '{key}' is {}, not {}", column.name, show(&has), show(wants))));
    }
    Ok(Some(FromPath::Metadata(metadata)))
}
