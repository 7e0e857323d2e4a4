//! Reads the last records of the newest files, for previews.
//!
//! ```text
//!   by modification time    a.csv    c.csv    b.csv          the newest first, until there are enough records
//!                           not      all      its end        uncompressed text: from the beginning of a record (backward_scan.rs)
//!                           opened   of it    ▒▒▒▒▒▒         Parquet: rows that its metadata counts; others: to the end
//! ```

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow::compute::concat_batches;
use arrow::datatypes::{DataType, Field, FieldRef, Schema};
use datafusion::datasource::file_format::file_compression_type::FileCompressionType;
use datafusion::datasource::physical_plan::parquet::metadata::DFParquetMetadata;
use datafusion::physical_plan::execute_stream;
use datafusion::prelude::{SessionConfig, SessionContext};
use futures::TryStreamExt;

use crate::common::s3::Buckets;
use crate::common::{Projection, Result};
use crate::connectors::{TableSpec, peek};

use super::file_reader::FileReader;
use super::scan::FilesTable;
use super::shape::unreadable;
use super::text_records::{self, Last, Lines, TextScan};
use crate::connectors::files::table::config::Config;
use crate::connectors::files::table::format::Kind;
use crate::connectors::files::table::listing::File;
use crate::connectors::files::text::backward_scan::{Reach, record_start};
use crate::connectors::files::text::record_splitter::LONGEST;

/// How many bytes at the end of a file are searched first, and at most before it is read from its beginning.
const END: (u64, u64) = (256 << 10, 64 << 20);
/// The factor by which more is searched when there were too few records.
const FURTHER: u64 = 8;
/// How far back the search for quotes goes.
const REACH: Reach = Reach { block: 4 << 20, longest: LONGEST as u64 };
/// Rows per batch.
const BATCH: usize = 8192;

/// Returns the last records of a table's newest files, the newest last: for text `file`, `byte`, `raw` and `decoded`, which is NULL if the
/// record cannot be read, with a warning that names one of them; for other files the declared columns.
///
/// # Errors
/// When there are no files, or one cannot be opened.
pub(in crate::connectors::files) async fn newest(table: &TableSpec, wanted: usize, buckets: &Buckets) -> Result<RecordBatch> {
    let config = Arc::new(Config::read(table, buckets)?);
    let mut files = config.list().await?;
    if files.is_empty() {
        return Err(config.nothing().await);
    }
    files.sort_by(|a, b| (a.meta.last_modified, &a.meta.location).cmp(&(b.meta.last_modified, &b.meta.location)));
    let rows = FilesTable::new(Arc::clone(&config), table.schema());
    if config.format.kind.text().is_none() {
        return last_rows(&config, &rows, table.schema().fields(), files, wanted).await;
    }
    let reader = FileReader::new(Arc::clone(&config), rows, Projection::all(&table.schema()), BATCH, Arc::default())?;
    let (mut found, mut bad) = (VecDeque::new(), Bad::default());
    while let Some(file) = files.pop().filter(|_| found.len() < wanted) {
        let records = last_records(&config, &reader, &file, wanted - found.len(), &mut bad).await;
        records.map_err(|e| unreadable(&config, &file, e))?.into_iter().rev().for_each(|record| found.push_front(record));
    }
    bad.warn();
    shown(&found)
}

/// A record of a text file.
#[derive(Debug)]
struct Seen {
    file: String,
    byte: u64,
    raw: String,
    decoded: Option<String>,
}

/// Records that cannot be read: their number, and the newest of them.
#[derive(Debug, Default)]
struct Bad {
    count: usize,
    sample: Option<String>,
}

impl Bad {
    fn warn(self) {
        if let Some(sample) = self.sample {
            tracing::warn!("{} of these records cannot be read; one of them: {sample}", self.count);
        }
    }
}

async fn last_records(config: &Config, reader: &FileReader, file: &File, wanted: usize, bad: &mut Bad) -> Result<Vec<Seen>> {
    let Some(whole) = reader.wanted(file).await? else { return Ok(Vec::new()) };
    let Some(Last { records, lines, .. }) = last_lines(config, file, whole, wanted).await? else { return Ok(Vec::new()) };
    let Lines { batch, origin, bad: wrong, .. } = lines;
    bad.count += wrong.len();
    if let Some(last) = wrong.last() {
        bad.sample.get_or_insert_with(|| last.described(&config.table));
    }
    let mut decoded: BTreeMap<u32, String> = peek::decoded(&reader.fit(&batch, &config.path_values(file)?)?, origin)?;
    let name = below(config, file);
    let seen = |(record, (byte, raw)): (u32, (u64, Vec<u8>))| {
        let decoded = decoded.remove(&record);
        Seen { file: name.clone(), byte, raw: peek::text(&raw), decoded }
    };
    Ok((0..).zip(records).map(seen).collect())
}

/// Reads the last records of a file, from no further back than needed.
async fn last_lines(config: &Config, file: &File, whole: TextScan, wanted: usize) -> Result<Option<Last>> {
    let plain = whole.compression == FileCompressionType::UNCOMPRESSED && !whole.values;
    let (mut size, most) = END;
    // The first record may be the header.
    let enough = wanted + usize::from(whole.header);
    while plain && size <= most && size < file.meta.size {
        let from = file.meta.size - size;
        if let Some(start) = record_start(&*config.store.objects, &file.meta, config.format.quotes(), from, REACH).await? {
            let end = TextScan { range: Some(start..u64::MAX), ..whole.clone() };
            let last = text_records::last(config, &file.meta, end, wanted).await?;
            if last.as_ref().is_some_and(|last| last.all >= enough) {
                return Ok(last);
            }
        }
        size *= FURTHER;
    }
    text_records::last(config, &file.meta, whole, wanted).await
}

/// Returns the path of a file below the folder that the table names.
fn below(config: &Config, file: &File) -> String {
    let parts: Vec<_> = file.meta.location.prefix_match(&config.location.base).into_iter().flatten().collect();
    match parts.as_slice() {
        [] => file.meta.location.filename().unwrap_or_default().to_string(),
        parts => parts.iter().map(AsRef::as_ref).collect::<Vec<&str>>().join("/"),
    }
}

fn shown(records: &VecDeque<Seen>) -> Result<RecordBatch> {
    let texts = |of: fn(&Seen) -> Option<&str>| -> ArrayRef { Arc::new(records.iter().map(of).collect::<StringArray>()) };
    let columns: [(&str, DataType, ArrayRef); 4] = [
        ("file", DataType::Utf8, texts(|r| Some(&r.file))),
        ("byte", DataType::Int64, Arc::new(Int64Array::from_iter(records.iter().map(|r| i64::try_from(r.byte).ok())))),
        ("raw", DataType::Utf8, texts(|r| Some(&r.raw))),
        ("decoded", DataType::Utf8, texts(|r| r.decoded.as_deref())),
    ];
    let fields: Vec<Field> = columns.iter().map(|(name, data_type, _)| Field::new(*name, data_type.clone(), true)).collect();
    Ok(RecordBatch::try_new(Arc::new(Schema::new(fields)), columns.into_iter().map(|(.., column)| column).collect())?)
}

/// Reads the last rows of files that are not text.
async fn last_rows(config: &Config, table: &FilesTable, columns: &[FieldRef], mut files: Vec<File>, wanted: usize) -> Result<RecordBatch> {
    let session = SessionContext::new_with_config(SessionConfig::new().with_target_partitions(1).with_batch_size(BATCH));
    let mut found: VecDeque<RecordBatch> = VecDeque::new();
    let mut missing = wanted;
    while let Some(mut file) = files.pop().filter(|_| missing > 0) {
        if config.format.kind == Kind::Parquet {
            let metadata = DFParquetMetadata::new(&*config.store.objects, &file.meta).fetch_metadata().await;
            let metadata = metadata.map_err(|e| unreadable(config, &file, e.into()))?;
            let rows = usize::try_from(metadata.file_metadata().num_rows()).unwrap_or(0);
            file.rows = Some(rows.saturating_sub(missing)..rows);
        }
        let plan = table.plan(&session.state(), vec![file], columns, None).await?;
        let mut rows = execute_stream(plan, session.task_ctx())?;
        let mut kept: VecDeque<RecordBatch> = VecDeque::new();
        while let Some(batch) = rows.try_next().await? {
            kept.push_back(batch);
            keep(&mut kept, missing);
        }
        missing -= count(&kept);
        kept.append(&mut found);
        found = kept;
    }
    Ok(concat_batches(&Arc::new(Schema::new(columns.to_vec())), &found)?)
}

fn count(batches: &VecDeque<RecordBatch>) -> usize {
    batches.iter().map(RecordBatch::num_rows).sum()
}

/// Drops the oldest rows until at most this many remain.
fn keep(batches: &mut VecDeque<RecordBatch>, most: usize) {
    let mut over = count(batches).saturating_sub(most);
    while over > 0 {
        let Some(first) = batches.pop_front() else { return };
        let passed = over.min(first.num_rows());
        over -= passed;
        if passed < first.num_rows() {
            batches.push_front(first.slice(passed, first.num_rows() - passed));
        }
    }
}
