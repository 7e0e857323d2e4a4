//! Reads one file as rows with positions, for jobs.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions, new_null_array};
use arrow::datatypes::FieldRef;
use datafusion::common::ScalarValue;
use datafusion::physical_plan::execute_stream;
use datafusion::prelude::{SessionConfig, SessionContext};
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt, stream};
use parking_lot::Mutex;
use tokio::sync::mpsc;

use crate::common::projection::narrow;
use crate::common::{Projection, Result, Subject, panics};
use crate::connectors::offset_batch::OffsetBatch;
use crate::connectors::on_error::{self, OnError, Warning};
use crate::connectors::rejects::row_text;
use crate::connectors::{Rejected, SourceCounters};

use super::out_of_range::{bad_rows, without};
use super::scan::FilesTable;
use super::shape::{shape, unreadable};
use super::text_records::{self, Lines, TextScan};
use crate::connectors::files::table::config::Config;
use crate::connectors::files::table::listing::File;

/// The one partition: files come one after the other.
pub const PARTITION: i32 = 0;
/// How many batches of a file are read ahead.
const AHEAD: usize = 2;

/// Opens the files of a table for a job.
///
/// ```text
///   csv, json              text_records.rs, record by record ─┐
///                                                             ├─▶ projected columns ─▶ batches
///   parquet, avro, arrow   DataFusion's readers ──────────────┘    offsets count from the file's first record
/// ```
pub struct FileReader {
    config: Arc<Config>,
    table: FilesTable,
    projection: Projection,
    /// The columns of `projection`, with all of their nested fields.
    columns: Vec<FieldRef>,
    batch_rows: usize,
    session: SessionContext,
    counters: Arc<SourceCounters>,
    warning: Mutex<Warning>,
}

impl FileReader {
    /// Creates a reader of the fields of a table that `projection` wants.
    ///
    /// # Errors
    /// When the table does not have such columns.
    pub fn new(
        config: Arc<Config>,
        table: FilesTable,
        projection: Projection,
        batch_rows: usize,
        counters: Arc<SourceCounters>,
    ) -> Result<Self> {
        let (columns, table) = (table.columns(projection.indices())?, table.unchecked());
        let session = SessionContext::new_with_config(SessionConfig::new().with_target_partitions(1).with_batch_size(batch_rows));
        Ok(Self { config, table, projection, columns, batch_rows, session, counters, warning: Mutex::default() })
    }

    /// Starts reading a file, after `skip` records.
    pub fn open(self: &Arc<Self>, file: &File, skip: i64) -> mpsc::Receiver<Result<OffsetBatch>> {
        let (sender, pieces) = mpsc::channel(AHEAD);
        let (reader, file) = (Arc::clone(self), file.clone());
        // The task ends with the file, or when the receiver is dropped.
        tokio::spawn(async move {
            let shown = reader.config.location.show(&file.meta.location);
            let read = async {
                let mut pieces = reader.pieces(file, skip).await?;
                while let Some(piece) = pieces.next().await {
                    if sender.send(Ok(piece?)).await.is_err() {
                        return Ok(());
                    }
                }
                Ok(())
            };
            if let Err(e) = panics::caught(|| panics::damaged(&shown), read).await {
                let _ = sender.send(Err(e)).await; // the receiver may be gone
            }
        });
        pieces
    }

    async fn pieces(self: Arc<Self>, file: File, skip: i64) -> Result<BoxStream<'static, Result<OffsetBatch>>> {
        if self.config.format.kind.text().is_some() { self.text(file, skip).await } else { self.rows(file, skip).await }
    }

    /// Reads a text file; a record that cannot be read is set aside.
    async fn text(self: Arc<Self>, file: File, skip: i64) -> Result<BoxStream<'static, Result<OffsetBatch>>> {
        let Some(wanted) = self.wanted(&file).await? else { return Ok(stream::empty().boxed()) };
        let wanted = TextScan { skip: usize::try_from(skip).unwrap_or(0), ..wanted };
        let values = self.config.path_values(&file)?;
        let mut next = skip;
        let rows = text_records::read(Arc::clone(&self.config), file.meta, wanted).map(move |lines| {
            let lines = lines?;
            let first = next;
            next += i64::from(lines.records);
            self.piece(lines, first, &values)
        });
        Ok(rows.boxed())
    }

    /// Returns what to read of a text file; `None` if it has no records.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub async fn wanted(&self, file: &File) -> Result<Option<TextScan>> {
        let Some(shape) = shape(&self.config, file).await? else { return Ok(None) };
        let wanted = |(i, field): (usize, &FieldRef)| Some((i, Arc::clone(self.projection.schema().fields().find(field.name())?.1)));
        Ok(Some(TextScan {
            projection: Projection::new(shape.content.fields().iter().enumerate().filter_map(wanted)),
            content: shape.content,
            header: shape.header,
            values: shape.values,
            compression: shape.compression,
            range: None,
            skip: 0,
            batch_rows: self.batch_rows,
        }))
    }

    fn piece(&self, lines: Lines, first: i64, values: &[ScalarValue]) -> Result<OffsetBatch> {
        let Lines { batch, origin, records, bad } = lines;
        let on_error = self.config.on_error;
        if let Some(one) = bad.first() {
            SourceCounters::add(&self.counters.bad, bad.len());
            let noted = self.warning.lock().note(on_error, bad.len(), &one.described(&self.config.table));
            noted.map_err(|e| e.about(Subject::Table(self.config.table.clone())))?;
        }
        let position = |record: u32| first + i64::from(record);
        let rejected = bad.into_iter().filter(|_| on_error == OnError::DeadLetter).map(|bad| Rejected {
            partition: PARTITION,
            position: position(bad.record),
            timestamp: None,
            key: None,
            error: format!("{}: {}", bad.place, bad.reason),
            value: Some(bad.text),
        });
        Ok(OffsetBatch {
            partition: PARTITION,
            rejected: rejected.collect(),
            offsets: origin.into_iter().map(position).collect(),
            next: position(records),
            batch: self.fit(&batch, values)?,
        })
    }

    /// Fits columns of a file and of its path to the wanted columns; missing ones are NULL.
    ///
    /// # Errors
    /// When a value of the path cannot be repeated.
    pub fn fit(&self, batch: &RecordBatch, values: &[ScalarValue]) -> Result<RecordBatch> {
        let (schema, rows) = (self.projection.schema(), batch.num_rows());
        SourceCounters::add(&self.counters.rows, rows);
        let column = |field: &FieldRef| -> Result<ArrayRef> {
            if let Some(column) = batch.column_by_name(field.name()) {
                return Ok(Arc::clone(column));
            }
            match self.config.path_columns.iter().position(|f| f.name() == field.name()).and_then(|i| values.get(i)) {
                Some(value) => Ok(value.to_array_of_size(rows)?),
                None => Ok(new_null_array(field.data_type(), rows)),
            }
        };
        let columns = schema.fields().iter().map(column).collect::<Result<Vec<_>>>()?;
        Ok(RecordBatch::try_new_with_options(Arc::clone(schema), columns, &RecordBatchOptions::new().with_row_count(Some(rows)))?)
    }

    /// Reads files of other formats, in which each row is a record.
    async fn rows(self: Arc<Self>, file: File, skip: i64) -> Result<BoxStream<'static, Result<OffsetBatch>>> {
        let plan = self.table.plan(&self.session.state(), vec![file.clone()], &self.columns, None).await?;
        let shown = self.config.location.show(&file.meta.location);
        let (config, name) = (Arc::clone(&self.config), file.clone());
        let rows = execute_stream(plan, self.session.task_ctx())?.map_err(move |e| unreadable(&config, &name, e.into()));
        let mut next = 0;
        let pieces = rows.try_filter_map(move |batch| {
            let first = next;
            next += i64::try_from(batch.num_rows()).unwrap_or(0);
            let passed = usize::try_from((skip - first).clamp(0, next - first)).unwrap_or(0);
            let rest = batch.slice(passed, batch.num_rows() - passed);
            let from = next - i64::try_from(rest.num_rows()).unwrap_or(0);
            let piece = self.narrowed(&rest).and_then(|batch| self.good(batch, &shown, from));
            std::future::ready(piece.map(|piece| (rest.num_rows() > 0).then_some(piece)))
        });
        Ok(pieces.boxed())
    }

    /// Sets rows aside that SQL cannot represent. The first row is record `from` of the file.
    fn good(&self, batch: RecordBatch, file: &str, from: i64) -> Result<OffsetBatch> {
        let mut offsets: Vec<i64> = (from..).take(batch.num_rows()).collect();
        let next = from + i64::try_from(batch.num_rows()).unwrap_or(0);
        let Some((bad, why)) = bad_rows(&batch) else {
            return Ok(OffsetBatch { partition: PARTITION, offsets, batch, rejected: Vec::new(), next });
        };
        let on_error = self.config.on_error;
        let position = |row: &usize| offsets.get(*row).copied().unwrap_or(from);
        let place = |row: &usize| format!("{file}, row {}", position(row) + 1);
        SourceCounters::add(&self.counters.bad, bad.len());
        if let Some(first) = bad.first() {
            let sample = on_error::sample(&format!("table `{}`: {}", self.config.table, place(first)), &why, &row_text(&batch, *first));
            let noted = self.warning.lock().note(on_error, bad.len(), &sample);
            noted.map_err(|e| e.about(Subject::Table(self.config.table.clone())))?;
        }
        let rejected = bad.iter().filter(|_| on_error == OnError::DeadLetter).map(|row| Rejected {
            partition: PARTITION,
            position: position(row),
            timestamp: None,
            key: None,
            error: format!("{}: {why}", place(row)),
            value: Some(row_text(&batch, *row)),
        });
        let rejected = rejected.collect();
        let good = without(&batch, &bad)?;
        let mut row = 0..;
        offsets.retain(|_| row.next().is_none_or(|row| bad.binary_search(&row).is_err()));
        Ok(OffsetBatch { partition: PARTITION, offsets, batch: good, rejected, next })
    }

    /// Returns the columns as the projection wants them: ROWs with only some of their fields.
    fn narrowed(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let schema = self.projection.schema();
        SourceCounters::add(&self.counters.rows, batch.num_rows());
        let columns = batch.columns().iter().zip(schema.fields()).map(|(column, field)| narrow(column, field.data_type()));
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        Ok(RecordBatch::try_new_with_options(Arc::clone(schema), columns.collect::<Result<_>>()?, &options)?)
    }
}
