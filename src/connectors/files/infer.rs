//! The columns of files that nobody has declared.

use std::collections::BTreeMap;

use arrow::datatypes::{DataType, Schema};
use datafusion::execution::SessionStateBuilder;
use object_store::ObjectMeta;

use crate::common::{Error, Result};
use crate::connectors::{Inferred, InferredColumn, TableSpec};

use super::config::Config;
use super::format::{Header, Kind};
use super::listing::{self, File};
use super::shape::{first_line, looks_like_a_name, unreadable};
use super::types::{partition_type, sql_type};

/// How many files are opened; all of them are listed.
const OPENED: usize = 32;

/// Finds out the columns of a table: those of its files' content, then those that its paths name.
///
/// # Errors
/// When there are no files, or those that there are contradict each other.
pub async fn infer(table: &TableSpec) -> Result<Inferred> {
    let config = Config::read(table)?;
    let files = config.list().await?;
    if files.is_empty() {
        let (nothing, declare) = (config.nothing().await, "columns can be found out only from files; declare them");
        let hint = nothing.hint_text().map_or_else(|| declare.to_string(), |hint| format!("{hint} ({declare})"));
        return Err(nothing.hint(hint));
    }
    let opened = sample(&files);
    let content = content(&config, &opened).await?;
    let partitions = partitions(&files);
    let from_path =
        partitions.iter().map(|(name, data_type)| InferredColumn { name: name.clone(), data_type: data_type.clone(), nullable: true });
    let own = content.fields().iter().filter(|f| !partitions.iter().any(|(name, _)| name == f.name()));
    // What one file always has may be missing in the next.
    let own = own.map(|f| InferredColumn { name: f.name().clone(), data_type: sql_type(f.data_type()), nullable: true });
    let found_in = match (files.len(), opened.len()) {
        (1, _) => "in 1 file".to_string(),
        (all, some) if all == some => format!("in {all} files"),
        (all, some) => format!("in {some} of {all} files"),
    };
    Ok(Inferred {
        columns: own.chain(from_path).collect(),
        partitioned_by: partitions.into_iter().map(|(name, _)| name).collect(),
        found_in,
    })
}

/// The first, the last and some in between.
fn sample(files: &[File]) -> Vec<File> {
    if files.len() <= OPENED {
        return files.to_vec();
    }
    (0..OPENED).filter_map(|i| files.get(i * (files.len() - 1) / (OPENED - 1)).cloned()).collect()
}

async fn content(config: &Config, files: &[File]) -> Result<Schema> {
    let session = SessionStateBuilder::new().build();
    let header = match (config.format.kind, config.format.header, files.first()) {
        (Kind::Csv, Header::Auto, Some(first)) => {
            first_line(config, first).await?.is_some_and(|values| values.iter().all(|v| looks_like_a_name(v)))
        }
        (Kind::Csv, header, _) => header != Header::None,
        _ => false,
    };
    let mut merged = Schema::empty();
    // One reader takes files of one compression.
    let mut readers: BTreeMap<String, Vec<&File>> = BTreeMap::new();
    for file in files {
        readers.entry(format!("{:?}", config.format.compression_of(&file.meta.location))).or_default().push(file);
    }
    for files in readers.into_values() {
        let Some(first) = files.first() else { continue };
        let reader = config.format.reader(config.format.compression_of(&first.meta.location), header);
        let metas: Vec<ObjectMeta> = files.iter().map(|f| f.meta.clone()).collect();
        let found = reader.infer_schema(&session, &config.store.objects, &metas).await;
        let found = found.map_err(|e| match files.as_slice() {
            [only] => unreadable(config, only, e.into()),
            _ => Error::from(e).context(format!("the columns of '{}' cannot be found out", config.location.shown)),
        })?;
        merged = Schema::try_merge([merged, Schema::new(found.fields().clone())])
            .map_err(|e| Error::data(format!("the files of '{}' contradict each other", config.location.shown)).because(e))?;
    }
    Ok(merged)
}

/// Keys of `key=value` folders that all files are in, with their types.
fn partitions(files: &[File]) -> Vec<(String, DataType)> {
    let Some(first) = files.first() else { return Vec::new() };
    let mut all: Vec<(String, DataType)> = Vec::new();
    for (key, _) in &first.partitions {
        let values: Option<Vec<&str>> = files.iter().map(|f| f.partition(key)).collect();
        if let Some(values) = values.filter(|_| all.iter().all(|(k, _)| k != key)) {
            all.push((key.clone(), partition_type(values.into_iter().filter(|v| *v != listing::HIVE_NULL))));
        }
    }
    all
}
