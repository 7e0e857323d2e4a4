//! The layout of records: the columns in their keys and values, and whether they are rows or changes.

use std::sync::Arc;

use arrow::datatypes::{Field, Schema, SchemaRef};

use crate::common::{Error, Result, suggest};
use crate::connectors::{Changes, TableSpec};
use crate::formats::{self, FormatOptions};

use super::options::{APPEND, UPSERT, is_upsert, missing};

/// The key or the value of a record: its format and its columns.
#[derive(Debug)]
pub struct RecordPart {
    /// The format's name.
    pub format: String,
    /// Its options.
    pub options: FormatOptions,
    /// The fields as the record names them.
    pub schema: SchemaRef,
    /// For every field the index of its column in the table.
    pub columns: Vec<usize>,
}

/// Returns what the records of a table mean.
///
/// # Errors
/// When connector, format and primary key cannot be combined.
pub(super) fn changes(spec: &TableSpec) -> Result<Changes> {
    let format = value_format(spec)?;
    let key = spec.primary_key.clone();
    match (is_upsert(spec), formats::tells_changes(format), key.is_empty()) {
        (true, _, true) => Err(Error::sql(format!("connector '{UPSERT}' needs a PRIMARY KEY: its columns are the record's key"))
            .hint("add PRIMARY KEY (a, b) NOT ENFORCED to the columns")),
        (true, true, _) => Err(Error::sql(format!("connector '{UPSERT}' cannot have format '{format}', which tells changes by itself"))
            .hint(format!("use connector '{APPEND}'"))),
        (true, false, false) => match key.iter().find(|k| !spec.columns.iter().any(|c| c.metadata.is_none() && c.name == **k)) {
            Some(column) => Err(Error::sql(format!("PRIMARY KEY column `{column}` does not stand in the record"))
                .hint("the columns of the key have to be physical ones")),
            None => Ok(Changes::Upsert(key)),
        },
        (false, true, true) => Ok(Changes::All),
        (false, true, false) => Ok(Changes::Upsert(key)),
        (false, false, true) => Ok(Changes::Append),
        (false, false, false) => Err(Error::sql(format!(
            "connector '{APPEND}' cannot have a PRIMARY KEY with format '{format}': each record is a row of its own"
        ))
        .hint(format!("use connector '{UPSERT}', where the newest record of a key counts; or take the PRIMARY KEY out"))),
    }
}

fn value_format(spec: &TableSpec) -> Result<&str> {
    match spec.option("value.format").or(spec.option("format")) {
        Some(format) => Ok(format),
        None if is_upsert(spec) => Err(missing("value.format").hint("add 'value.format' = 'json'")),
        None => Err(missing("format").hint("add 'format' = 'json'")),
    }
}

/// Returns the record's key, if it holds columns.
///
/// # Errors
/// Names the invalid option.
pub(super) fn key(spec: &TableSpec) -> Result<Option<RecordPart>> {
    let Some(format) = spec.option("key.format") else {
        if is_upsert(spec) {
            return Err(missing("key.format").hint("add 'key.format' = 'raw' or 'json'"));
        }
        for option in ["key.fields", "key.fields-prefix"] {
            if spec.option(option).is_some() {
                return Err(Error::option(option, "needs `key.format`").hint("add 'key.format' = 'raw' or 'json'"));
            }
        }
        return Ok(None);
    };
    if formats::tells_changes(format) {
        return Err(Error::option("key.format", format!("cannot be '{format}', which is a format of values")));
    }
    let names: Vec<&str> = match spec.option("key.fields") {
        _ if is_upsert(spec) => spec.primary_key.iter().map(String::as_str).collect(),
        Some(names) => names.split(';').map(str::trim).filter(|name| !name.is_empty()).collect(),
        // Changes are keyed by the primary key.
        None if formats::tells_changes(value_format(spec)?) && !spec.primary_key.is_empty() => {
            spec.primary_key.iter().map(String::as_str).collect()
        }
        None => {
            return Err(Error::option("key.format", "needs `key.fields`").hint("add 'key.fields' = 'a;b', the columns that make the key"));
        }
    };
    let prefix = spec.option("key.fields-prefix").unwrap_or_default();
    if !prefix.is_empty() && !except_key(spec) {
        return Err(Error::option("key.fields-prefix", "needs 'value.fields-include' = 'EXCEPT_KEY'")
            .hint("otherwise the prefixed columns would be looked for in the value, too"));
    }
    let physical: Vec<&str> = spec.columns.iter().filter(|c| c.metadata.is_none()).map(|c| c.name.as_str()).collect();
    let mut columns = Vec::new();
    let mut fields = Vec::new();
    for name in names {
        let Some(index) = spec.columns.iter().position(|c| c.metadata.is_none() && c.name == name) else {
            return Err(Error::option("key.fields", format!("names `{name}`, which is no column of the record"))
                .hint(suggest::hint(name, &physical)));
        };
        let Some(inner) = name.strip_prefix(prefix).filter(|inner| !inner.is_empty()) else {
            return Err(Error::sql(format!("key column `{name}` does not begin with '{prefix}'"))
                .hint("`key.fields-prefix` has to be the beginning of every column of the key"));
        };
        let column = &spec.columns[index];
        columns.push(index);
        fields.push(Field::new(inner, column.data_type.clone(), column.nullable));
    }
    if columns.is_empty() {
        return Err(Error::option("key.fields", "names no column"));
    }
    let options = FormatOptions::pick(format, "key.", spec.options.iter());
    Ok(Some(RecordPart { format: format.to_string(), options, schema: Arc::new(Schema::new(fields)), columns }))
}

/// Returns the key of the records of a changelog format, if the declaration names none: all changes of a row must be in one partition, in
/// order. It is the primary key, as JSON; without one it is the whole row, which only decides the partition.
pub(super) fn of_changes(spec: &TableSpec) -> RecordPart {
    let physical = spec.columns.iter().enumerate().filter(|(_, c)| c.metadata.is_none());
    let by_key = !spec.primary_key.is_empty();
    let chosen = physical.filter(|(_, c)| !by_key || spec.primary_key.contains(&c.name));
    let (columns, fields): (Vec<usize>, Vec<Field>) =
        chosen.map(|(i, c)| (i, Field::new(&c.name, c.data_type.clone(), c.nullable))).unzip();
    let options = FormatOptions::pick("json", "key.", std::iter::empty());
    RecordPart { format: "json".to_string(), options, schema: Arc::new(Schema::new(fields)), columns }
}

fn except_key(spec: &TableSpec) -> bool {
    spec.option("value.fields-include").is_some_and(|v| v.eq_ignore_ascii_case("EXCEPT_KEY"))
}

/// Returns the record's value.
///
/// # Errors
/// Names the invalid option.
pub(super) fn value(spec: &TableSpec, changes: &Changes, key: Option<&RecordPart>) -> Result<RecordPart> {
    let format = value_format(spec)?;
    let except = except_key(spec);
    if except && key.is_none() {
        return Err(Error::sql("'value.fields-include' = 'EXCEPT_KEY' needs `key.fields`"));
    }
    let in_key = |i: &usize| except && key.is_some_and(|key| key.columns.contains(i));
    let columns: Vec<usize> = (0..spec.columns.len()).filter(|i| spec.columns[*i].metadata.is_none() && !in_key(i)).collect();
    // A changelog format may hold only the key of a deleted row.
    let keyed = matches!(changes, Changes::Upsert(_));
    let partial = |name: &str| keyed && formats::tells_changes(format) && !spec.primary_key.iter().any(|k| k == name);
    let fields = columns.iter().map(|i| &spec.columns[*i]);
    let fields = fields.map(|c| Field::new(&c.name, c.data_type.clone(), c.nullable || partial(&c.name)));
    let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    let options = FormatOptions::pick(format, "value.", spec.options.iter()).keyed(if keyed { &spec.primary_key } else { &[] });
    Ok(RecordPart { format: format.to_string(), options, schema, columns })
}
