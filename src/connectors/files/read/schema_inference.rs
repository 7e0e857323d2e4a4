//! Schema inference for files whose columns are not declared.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Fields};
use datafusion::execution::SessionStateBuilder;

use crate::common::{Error, Result, panics};
use crate::connectors::{Inferred, InferredColumn, TableSpec};
use crate::formats::{self, widen};

use super::arrow_blocks;
use super::avro_blocks;
use super::column_names;
use super::csv_header;
use super::file_types::{partition_type, sql_fields, sql_type};
use super::renamed_parquet;
use super::shape::unreadable;
use super::text_records;
use crate::common::s3::Buckets;
use crate::connectors::files::table::config::Config;
use crate::connectors::files::table::format::{Header, Kind};
use crate::connectors::files::table::listing::{self, File};

/// How many files are opened; all of them are listed.
const OPENED: usize = 32;
/// How many records of each are sampled to infer types, as in DuckDB, and how many bytes.
const SAMPLE: usize = 20_480;
const SAMPLED_BYTES: usize = 32 << 20;

/// Infers the columns of a table: those of its files' content, then those that its paths name.
///
/// # Errors
/// When there are no files, or they contradict each other.
pub async fn infer(table: &TableSpec, buckets: &Buckets) -> Result<Inferred> {
    let config = Config::read(table, buckets)?;
    let files = config.list().await?;
    if files.is_empty() {
        let (nothing, declare) = (config.nothing().await, "columns can be found out only from files; declare them");
        let hint = nothing.hint_text().map_or_else(|| declare.to_string(), |hint| format!("{hint} ({declare})"));
        return Err(nothing.hint(hint));
    }
    let opened = sample(&files);
    let content = panics::caught(|| panics::damaged(&config.location.shown), content(&config, &opened)).await?;
    let partitions = partitions(&config, &files)?;
    let from_path =
        partitions.iter().map(|(name, data_type)| InferredColumn { name: name.clone(), data_type: data_type.clone(), nullable: true });
    let own = content.iter().filter(|f| !partitions.iter().any(|(name, _)| name == f.name()));
    // A column without NULL in one file may have some in the next.
    let own = own.map(|f| InferredColumn { name: f.name().clone(), data_type: sql_type(f.data_type()), nullable: true });
    let found_in = match (files.len(), opened.len()) {
        (1, _) => "in 1 file".to_string(),
        (all, some) if all == some => format!("in {all} files"),
        (all, some) => format!("in {some} of {all} files"),
    };
    Ok(Inferred {
        primary_key: Vec::new(),
        columns: own.chain(from_path).collect(),
        partitioned_by: partitions.into_iter().map(|(name, _)| name).collect(),
        found_in,
    })
}

/// Returns the first, the last and some files in between.
fn sample(files: &[File]) -> Vec<File> {
    if files.len() <= OPENED {
        return files.to_vec();
    }
    (0..OPENED).filter_map(|i| files.get(i * (files.len() - 1) / (OPENED - 1)).cloned()).collect()
}

/// Infers the columns of these files, each with a type that holds its values in all of them.
async fn content(config: &Config, files: &[File]) -> Result<Fields> {
    let session = SessionStateBuilder::new().build();
    let (mut merged, mut names) = (Fields::empty(), None);
    for file in files {
        let found = match config.format.kind {
            Kind::Csv => csv(config, file, &mut names).await,
            Kind::Json => json(config, file).await,
            Kind::Arrow => {
                let found = arrow_blocks::check(&*config.store.objects, file).await;
                found.and_then(|schema| once_each(schema.fields()))
            }
            Kind::Avro => {
                let found = avro_blocks::check(&*config.store.objects, file).await;
                found.and_then(|schema| once_each(schema.fields()))
            }
            Kind::Parquet => match renamed_parquet::apart(Arc::clone(&config.store.objects) as _, &file.meta).await {
                Ok(Some(apart)) => Ok(sql_fields(&apart)),
                _ => {
                    let reader = config.format.reader()?;
                    let found = reader.infer_schema(&session, &config.store.objects, std::slice::from_ref(&file.meta)).await;
                    found.map_err(Error::from).and_then(|schema| once_each(schema.fields()))
                }
            },
        };
        let found = found.map_err(|e| unreadable(config, file, e))?;
        merged = if config.format.kind.text().is_some() {
            widen::texts(&merged, &found)
        } else {
            widen::columns(&merged, &found).map_err(|column| {
                let shown = config.location.show(&file.meta.location);
                Error::data(format!("column `{column}` of {shown} has a type that does not go with that of the files before it"))
                    .hint("declare the table's columns, or read the files one by one")
            })?
        };
    }
    Ok(merged)
}

/// Returns the columns of a file with SQL types and unique names.
fn once_each(fields: &Fields) -> Result<Fields> {
    let theirs: Vec<String> = fields.iter().map(|field| field.name().clone()).collect();
    let names = column_names::names(&theirs, &[])?;
    Ok(sql_fields(fields).iter().zip(names).map(|(field, name)| field.as_ref().clone().with_name(name)).collect())
}

/// Infers the columns of a CSV file; `known`: the names from the first file.
async fn csv(config: &Config, file: &File, known: &mut Option<Vec<String>>) -> Result<Fields> {
    let (mut first, mut below, mut bound): (Option<Vec<String>>, Vec<DataType>, _) = (None, Vec::new(), Bound::default());
    text_records::sample(config, &file.meta, false, |record| {
        let fields = std::str::from_utf8(record).ok().and_then(|line| config.format.csv.fields(line).ok());
        match (&first, fields) {
            (None, Some(fields)) => {
                below = vec![DataType::Null; fields.len()];
                first = Some(fields);
            }
            (Some(_), Some(fields)) if fields.len() == below.len() => {
                below.iter_mut().zip(&fields).for_each(|(wide, value)| *wide = widen::text(wide, &guess(config, value)));
            }
            // The row is bad for every reader.
            _ => {}
        }
        bound.wants_more(record)
    })
    .await?;
    let Some(first) = first else { return Ok(Fields::empty()) };
    let has_names = match (config.format.header, known.as_ref()) {
        (Header::None, _) => false,
        (Header::Names | Header::Skipped, _) => true,
        (Header::Auto, Some(known)) if first.iter().any(|name| known.contains(name)) => true,
        (Header::Auto, _) => csv_header::looks_like_names(&first, &below),
    };
    let names = match known.as_ref().filter(|known| !has_names && known.len() == first.len()) {
        Some(known) => known.clone(),
        None if has_names => column_names::names(&first, &[])?,
        None => (1..=first.len()).map(|n| format!("column_{n}")).collect(),
    };
    if !has_names {
        below.iter_mut().zip(&first).for_each(|(wide, value)| *wide = widen::text(wide, &guess(config, value)));
    }
    known.get_or_insert_with(|| names.clone());
    Ok(names.into_iter().zip(below).map(|(name, data_type)| Field::new(name, data_type, true)).collect())
}

fn guess(config: &Config, value: &str) -> DataType {
    if config.format.csv.is_null(value) { DataType::Null } else { formats::csv::guess(value) }
}

/// Infers the columns of a JSON file.
async fn json(config: &Config, file: &File) -> Result<Fields> {
    let values = text_records::has_values_over_lines(config, &file.meta).await?;
    let (mut merged, mut records, mut good, mut bound) = (Fields::empty(), 0, 0, Bound::default());
    text_records::sample(config, &file.meta, values, |record| {
        records += 1;
        if let Some(found) = formats::json::guess(record) {
            good += 1;
            merged = widen::texts(&merged, &found);
        }
        bound.wants_more(record)
    })
    .await?;
    if records > 0 && good == 0 {
        return Err(Error::data("it holds no JSON objects"));
    }
    Ok(merged)
}

/// The limit of a sample.
#[derive(Debug, Default)]
struct Bound {
    records: usize,
    bytes: usize,
}

impl Bound {
    fn wants_more(&mut self, record: &[u8]) -> bool {
        self.records += 1;
        self.bytes += record.len();
        self.records < SAMPLE && self.bytes < SAMPLED_BYTES
    }
}

/// Infers the keys of `key=value` folders, with their types.
fn partitions(config: &Config, files: &[File]) -> Result<Vec<(String, DataType)>> {
    let mut all: Vec<(String, DataType)> = Vec::new();
    for (key, _) in files.iter().flat_map(|file| &file.partitions) {
        if all.iter().any(|(known, _)| known == key) {
            continue;
        }
        let values: Vec<Option<&str>> = files.iter().map(|file| file.partition(key)).collect();
        let place =
            |has: bool| files.iter().zip(&values).find(|(_, v)| v.is_some() == has).map(|(f, _)| config.location.show(&f.meta.location));
        if let (Some(with), Some(without)) = (place(true), place(false)) {
            return Err(Error::data(format!("{with} is in a folder `{key}=...`, and {without} is not"))
                .hint("a column is made of a folder that every file has, spelled the same; narrow the path, or declare the columns"));
        }
        let values = values.into_iter().flatten().filter(|v| *v != listing::HIVE_NULL);
        all.push((key.clone(), partition_type(values.collect::<Vec<_>>().into_iter())));
    }
    Ok(all)
}
