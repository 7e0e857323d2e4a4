//! Writes a whole result once: COPY, and bounded INSERTs.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, UInt32Array};
use arrow::compute::{cast, take_record_batch};
use arrow::datatypes::{DataType, Schema, SchemaRef};
use async_trait::async_trait;
use object_store::path::Path;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use crate::common::{Error, Result};
use crate::connectors::BulkWriter;

use super::atomic_file::Output;
use super::encode::{Encoder, Refused};
use crate::connectors::files::table::config::Config;

/// How many partitions one result may have: each is an open file.
const MOST_PARTITIONS: usize = 1000;

/// The longest folder name that file systems allow, in bytes.
const LONGEST_NAME: usize = 255;

/// The characters that Hive escapes in the name of a partition.
const ESCAPED: &AsciiSet = &CONTROLS
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'\'')
    .add(b'*')
    .add(b'/')
    .add(b':')
    .add(b'=')
    .add(b'?')
    .add(b'\\')
    .add(b'{')
    .add(b'[')
    .add(b']')
    .add(b'^');

/// How files are named.
#[derive(Debug, Clone)]
pub enum Naming {
    /// Exactly the path; with partitions a file of this name in each.
    Path,
    /// Files of this name in the folder.
    Folder(String),
}

/// Writes rows into files, of which none is visible before all are written.
pub struct FilesTarget {
    config: Arc<Config>,
    naming: Naming,
    header: bool,
    content: SchemaRef,
    open: BTreeMap<String, (Encoder, Output)>,
}

impl FilesTarget {
    /// Creates a writer of a result with the columns of the table; `header`: CSV files have a header.
    pub fn new(config: Arc<Config>, naming: Naming, header: bool) -> Self {
        let content = Arc::new(Schema::new(config.content.clone()));
        Self { config, naming, header, content, open: BTreeMap::new() }
    }

    /// Returns the path of a partition's file.
    fn path(&self, partition: &str) -> Result<Path> {
        let extension = self.config.format.extension();
        match &self.naming {
            Naming::Path if self.config.partition_keys().next().is_none() => Ok(self.config.location.base.clone()),
            Naming::Path => path(&self.config, partition, &format!("data.{extension}")),
            Naming::Folder(name) => path(&self.config, partition, &format!("{name}.{extension}")),
        }
    }

    async fn file(&mut self, partition: String) -> Result<&mut (Encoder, Output)> {
        if !self.open.contains_key(&partition) {
            if self.open.len() >= MOST_PARTITIONS {
                return Err(Error::data(format!("the result has more than {MOST_PARTITIONS} partitions"))
                    .hint("write it in several parts, or partition by fewer values"));
            }
            let begun = begin(&self.config, &self.path(&partition)?, self.header, &self.content).await?;
            self.open.insert(partition.clone(), begun);
        }
        self.open.get_mut(&partition).ok_or_else(|| Error::internal("a file that was just opened is gone"))
    }
}

/// Returns the path of a file in a partition.
///
/// # Errors
/// When a value cannot be the name of a folder.
pub fn path(config: &Config, partition: &str, name: &str) -> Result<Path> {
    let parts: Vec<&str> = [config.location.base.as_ref(), partition, name].into_iter().filter(|p| !p.is_empty()).collect();
    Path::parse(parts.join("/")).map_err(|e| Error::data(format!("`{partition}` cannot be the name of a folder")).with_source(e))
}

/// Creates a file; `header`: a CSV file has a header.
///
/// # Errors
/// When it cannot be written.
pub async fn begin(config: &Config, path: &Path, header: bool, content: &SchemaRef) -> Result<(Encoder, Output)> {
    let encoder = Encoder::new(&config.format, config.format.compression_of(path), header, content)?;
    Ok((encoder, Output::create(&config.store, path, &config.location.show(path)).await?))
}

#[async_trait]
impl BulkWriter for FilesTarget {
    async fn write(&mut self, rows: RecordBatch) -> Result<()> {
        // A result that is written once is complete or absent.
        let whole = |refused: Vec<Refused>| refused.into_iter().next().map_or(Ok(()), |first| Err(first.error));
        let (parts, refused) = by_partition(&self.config, &self.content, &rows)?;
        whole(refused)?;
        for Part { partition, rows, .. } in parts {
            let (encoder, output) = self.file(partition).await?;
            whole(encoder.write(&rows)?)?;
            output.write(encoder.take()).await?;
        }
        Ok(())
    }

    async fn finish(&mut self) -> Result<()> {
        if self.open.is_empty() && matches!(self.naming, Naming::Path) && self.config.partition_keys().next().is_none() {
            self.file(String::new()).await?;
        }
        let mut whole = Vec::with_capacity(self.open.len());
        for (encoder, mut output) in std::mem::take(&mut self.open).into_values() {
            output.write(encoder.finish()?).await?;
            whole.push(output);
        }
        for output in whole {
            output.show().await?;
        }
        Ok(())
    }

    async fn abort(&mut self) {
        for (_, output) in std::mem::take(&mut self.open).into_values() {
            output.abort().await;
        }
    }
}

/// Rows of one partition.
#[derive(Debug)]
pub struct Part {
    /// Its folder: `dt=2024-05-01/region=eu`.
    pub partition: String,
    /// The rows, without the partition columns, whose values are in the folder's name.
    pub rows: RecordBatch,
    /// The indices of the rows among the given ones; `None` for all of them.
    indices: Option<Vec<u32>>,
}

impl Part {
    /// Returns the index of a row of this part among the given rows.
    pub fn row(&self, row: usize) -> usize {
        self.indices.as_ref().and_then(|indices| indices.get(row)).map_or(row, |row| *row as usize)
    }
}

/// Splits rows by partition folder; also returns the rows whose values cannot be the name of a folder.
///
/// # Errors
/// When the columns are not those of the table.
pub fn by_partition(config: &Config, content: &SchemaRef, rows: &RecordBatch) -> Result<(Vec<Part>, Vec<Refused>)> {
    let column = |name: &str| rows.schema_ref().index_of(name).map(|i| rows.column(i));
    let keys: Vec<&str> = config.partition_keys().collect();
    let columns = content.fields().iter().map(|f| column(f.name()).cloned()).collect::<std::result::Result<Vec<ArrayRef>, _>>()?;
    let options = arrow::array::RecordBatchOptions::new().with_row_count(Some(rows.num_rows()));
    let whole = RecordBatch::try_new_with_options(Arc::clone(content), columns, &options)?;
    if keys.is_empty() {
        return Ok((vec![Part { partition: String::new(), rows: whole, indices: None }], Vec::new()));
    }
    let values = keys.iter().map(|key| Ok(cast(column(key)?, &DataType::Utf8)?)).collect::<Result<Vec<_>>>()?;
    let (mut groups, mut refused) = (BTreeMap::<String, Vec<u32>>::new(), Vec::new());
    for row in 0..rows.num_rows() {
        let part = |(key, values): (&&str, &ArrayRef)| {
            let whole = column(key).is_ok_and(|column| column.is_null(row) || values.is_valid(row));
            let values = values.as_string::<i32>();
            let text = if values.is_null(row) || values.value(row).is_empty() { config.null_partition() } else { values.value(row) };
            let name = format!("{}={}", utf8_percent_encode(key, ESCAPED), utf8_percent_encode(text, ESCAPED));
            let problem = if name.len() > LONGEST_NAME { "is too long for the name of a folder" } else { "is beyond the calendar" };
            if whole && name.len() <= LONGEST_NAME {
                Ok(name)
            } else {
                Err(Error::data(format!("the value of partition column `{key}` {problem}")))
            }
        };
        let folder = match keys.iter().zip(&values).map(part).collect::<Result<Vec<_>>>() {
            Ok(parts) => parts.join("/"),
            Err(error) => {
                refused.push(Refused { row, error });
                continue;
            }
        };
        groups.entry(folder).or_default().push(u32::try_from(row).map_err(|_| Error::internal("a batch of too many rows"))?);
    }
    let taken = |(partition, rows): (String, Vec<u32>)| {
        let taken = take_record_batch(&whole, &UInt32Array::from(rows.clone()))?;
        Ok(Part { partition, rows: taken, indices: Some(rows) })
    };
    Ok((groups.into_iter().map(taken).collect::<Result<_>>()?, refused))
}
