//! Encodes rows as records and writes them, in a transaction per commit.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Int64Array, RecordBatch, RecordBatchOptions, UInt32Array};
use arrow::compute::{CastOptions, cast_with_options, filter_record_batch, take};
use arrow::datatypes::{DataType, Field, FieldRef, Int64Type, Schema, SchemaRef, TimestampMillisecondType};
use async_trait::async_trait;
use bytes::Bytes;

use crate::common::floor::floored;
use crate::common::{Error, Result, WEIGHT};
use crate::connectors::rejects::{self, RejectedRow, Rejects};
use crate::connectors::{Changes, CommitInfo, SinkWriter};
use crate::formats::{self, Encoder, Messages};

use super::broker::{Broker, CommonHeader, OutRecord, Producer};
use super::config::{KafkaTable, Partitioner};
use super::last_commit::HEADER;
use super::metadata::Metadata;
use super::partitioner::partition;
use super::record_layout::{self, RecordPart};

/// How long readers may have to wait for committed records: as long as the broker lets a transaction of another producer stay open.
const SETTLE: Duration = Duration::from_secs(60);

/// Writes the commits of one sink.
pub(super) struct KafkaWriter {
    table: Arc<KafkaTable>,
    broker: Arc<dyn Broker>,
    producer: Box<dyn Producer>,
    /// `None` without transactions.
    committing: Option<Committing>,
    schema: SchemaRef,
    value: Part,
    key: Option<Part>,
    /// Encodes the bytes that decide the partition of a change without a key.
    route: Option<Part>,
    /// Writable metadata columns, by their index among the written columns.
    timestamp: Option<usize>,
    headers: Option<usize>,
    partitions: usize,
    turn: usize,
    rejects: Rejects,
    /// Records are measured before they are sent, because the topic has refused one.
    measured: Arc<AtomicBool>,
    /// A commit has been written in part.
    begun: bool,
    /// Something was committed that readers may not see yet.
    unsettled: bool,
}

/// How a transaction records its commit.
#[derive(Debug, Clone)]
pub(super) struct Committing {
    /// The group whose offset is the commit's number.
    pub(super) group: String,
    /// The metadata of that offset.
    pub(super) metadata: String,
    /// The beginning of every record's header.
    pub(super) header: String,
}

/// The key or the value of records: its encoder, and the indices of its fields among the written columns.
struct Part {
    encoder: Box<dyn Encoder>,
    columns: Vec<usize>,
    /// The format takes weights.
    weighted: bool,
}

impl Part {
    fn new(side: &RecordPart, written: &[usize]) -> Result<Self> {
        let place = |column: &usize| written.iter().position(|w| w == column);
        let columns = side.columns.iter().map(place).collect::<Option<Vec<_>>>();
        let columns = columns.ok_or_else(|| Error::internal("a field that is not written"))?;
        let encoder = formats::encoder(&side.format, &side.schema, &side.options)?;
        Ok(Self { encoder, columns, weighted: formats::tells_changes(&side.format) })
    }

    /// Encodes one message per row, `None` where the format has no message for it. `width` columns of the batch belong to the table.
    fn encode(&mut self, batch: &RecordBatch, width: usize) -> Result<Vec<Option<Bytes>>> {
        let weight = (self.weighted && batch.num_columns() > width).then_some(width);
        let columns: Vec<usize> = self.columns.iter().copied().chain(weight).collect();
        let part = batch.project(&columns)?;
        let mut messages = Messages::default();
        self.encoder.encode(&part, &mut messages)?;
        Ok(messages.into_each().enumerate().map(|(row, message)| (!self.encoder.absent(&part, row)).then_some(message)).collect())
    }
}

impl KafkaWriter {
    pub(super) fn new(
        table: Arc<KafkaTable>,
        broker: Arc<dyn Broker>,
        producer: Box<dyn Producer>,
        committing: Option<Committing>,
        partitions: usize,
        (count, measured): (Arc<AtomicU64>, Arc<AtomicBool>),
    ) -> Result<Self> {
        let columns = &table.spec.columns;
        let written: Vec<usize> = (0..columns.len()).filter(|i| !columns[*i].is_virtual).collect();
        let metadata = |wanted: Metadata| {
            written.iter().position(|i| columns[*i].metadata.as_deref().and_then(Metadata::from_key).is_some_and(|found| found == wanted))
        };
        let value = Part::new(&table.value, &written)?;
        let whole = (table.key.is_none() && formats::tells_changes(&table.value.format)).then(|| record_layout::of_changes(&table.spec));
        let keyed = !table.spec.primary_key.is_empty();
        let key = table.key.as_ref().or(whole.as_ref().filter(|_| keyed)).map(|key| Part::new(key, &written)).transpose()?;
        let spread = !keyed && partitions > 1 && table.partitioner == Partitioner::Default;
        let route = whole.as_ref().filter(|_| spread).map(|row| Part::new(row, &written)).transpose()?;
        let (timestamp, headers, schema) = (metadata(Metadata::Timestamp), metadata(Metadata::Headers), table.spec.writable());
        let place = format!("{}: a row cannot be written to topic `{}`", table.label(), table.topic);
        let rejects = Rejects::new(place, table.on_error, count);
        let (turn, begun) = (0, false);
        Ok(Self {
            table,
            broker,
            producer,
            committing,
            schema,
            value,
            key,
            route,
            timestamp,
            headers,
            partitions,
            turn,
            rejects,
            measured,
            begun,
            unsettled: false,
        })
    }

    /// The weights of rows, if they are changes: the column after those of the table.
    fn weights(&self, rows: &RecordBatch) -> Result<Option<Int64Array>> {
        let width = self.schema.fields().len();
        let weight = rows.columns().get(width).map(|w| w.as_primitive_opt::<Int64Type>().cloned());
        match (rows.num_columns().checked_sub(width), weight) {
            (Some(0), None) => Ok(None),
            (Some(1), Some(Some(weights))) if self.table.changes != Changes::Append => Ok(Some(weights)),
            _ => Err(Error::internal(format!("{} columns for {width} of {}", rows.num_columns(), self.table.label()))),
        }
    }

    /// Casts rows to the table's types, and removes those that violate a NOT NULL column; changes keep their weights as the last column.
    fn check(&mut self, rows: &RecordBatch) -> Result<RecordBatch> {
        let weights = self.weights(rows)?;
        // Of a delete only the key is written.
        let goes = |row: usize| self.table.is_upsert() && weights.as_ref().is_some_and(|w| w.value(row) < 0);
        let strict = CastOptions { safe: false, ..CastOptions::default() };
        let columns = rows.columns().iter().zip(self.schema.fields()).map(|(column, field)| {
            if column.data_type() == field.data_type() {
                Ok(Arc::clone(column))
            } else {
                cast_with_options(&floored(column, field.data_type()), field.data_type(), &strict)
            }
        });
        let mut columns: Vec<ArrayRef> = columns.collect::<Result<_, _>>()?;
        let forbidden = |row: usize| {
            let mut pairs = columns.iter().zip(self.schema.fields());
            let wrong = |(column, field): &(&ArrayRef, &FieldRef)| !field.is_nullable() && column.is_null(row);
            let found = pairs.find(|pair| wrong(pair) && (!goes(row) || self.table.in_primary_key(pair.1.name())));
            found.map(|(_, field)| field.name().clone())
        };
        let any = columns.iter().zip(self.schema.fields()).any(|(column, field)| !field.is_nullable() && column.null_count() > 0);
        let keep = if any {
            let names: Vec<Option<String>> = (0..rows.num_rows()).map(forbidden).collect();
            for (row, name) in names.iter().enumerate() {
                if let Some(name) = name {
                    let error = format!("column `{name}` is NOT NULL, but there is no value");
                    self.reject(rows, row, error)?;
                }
            }
            Some(names.iter().map(|name| Some(name.is_none())).collect::<BooleanArray>())
        } else {
            None
        };
        let mut relaxed: Vec<Field> = self.schema.fields().iter().map(|f| f.as_ref().clone().with_nullable(true)).collect();
        if let Some(weights) = weights.clone() {
            relaxed.push(Field::new(WEIGHT, DataType::Int64, false));
            columns.push(Arc::new(weights));
        }
        let options = RecordBatchOptions::new().with_row_count(Some(rows.num_rows()));
        let batch = RecordBatch::try_new_with_options(Arc::new(Schema::new(relaxed)), columns, &options)?;
        let batch = match keep {
            Some(keep) => filter_record_batch(&batch, &keep)?,
            None => batch,
        };
        if weights.is_some() { one_by_one(&batch) } else { Ok(batch) }
    }

    /// Rejects a row that cannot be written to the topic.
    fn reject(&mut self, rows: &RecordBatch, row: usize, error: String) -> Result<()> {
        self.rejects.reject(RejectedRow { value: Some(rejects::row_text(rows, row)), error, ..RejectedRow::default() })
    }

    /// Removes the records that are too large for the topic.
    ///
    /// The topic compares compressed batches with its `max.message.bytes`. The compressed size is known only to the client, so the first
    /// refusal ends the transaction, and what is written again is measured uncompressed.
    fn fitting(&mut self, mut records: Vec<OutRecord>) -> Result<Vec<OutRecord>> {
        let timeless = |record: &OutRecord| record.timestamp.is_some_and(|millis| !self.producer.takes_time(millis));
        if records.iter().any(timeless) {
            let (wrong, right): (Vec<_>, Vec<_>) = records.into_iter().partition(timeless);
            for OutRecord { timestamp, key, value, .. } in wrong {
                let error = format!("the client cannot write timestamp {} ms", timestamp.unwrap_or_default());
                self.rejects.reject(RejectedRow { timestamp, key: key.map(Into::into), value: value.map(Into::into), error })?;
            }
            records = right;
        }
        let Some(limits) = self.producer.limits() else { return Ok(records) };
        let measured = self.measured.load(Ordering::Relaxed);
        let (limit, of) = match limits {
            limits if measured && limits.topic < limits.client => (limits.topic, "the topic's `max.message.bytes`"),
            limits => (limits.client, "`properties.max.request.size`"),
        };
        let mut fitting = Vec::with_capacity(records.len());
        for record in records {
            let size = record.batch_size();
            if size <= limit {
                fitting.push(record);
                continue;
            }
            let error = format!("the record takes {size} bytes, and {of} is {limit}");
            let (key, value) = (record.key.map(Into::into), record.value.map(Into::into));
            self.rejects.reject(RejectedRow { timestamp: record.timestamp, key, value, error })?;
        }
        Ok(fitting)
    }

    /// Converts an error of the producer; after a record that was too large the commit is written again, with measuring.
    fn failed(&self, error: Error) -> Error {
        if self.producer.refused_size() && self.producer.limits().is_some() && !self.measured.swap(true, Ordering::Relaxed) {
            return Error::unavailable(format!("{}: topic `{}` takes no records of this size", self.table.label(), self.table.topic))
                .with_source(error);
        }
        error
    }

    fn records(&mut self, batch: &RecordBatch, header: Option<&CommonHeader>) -> Result<Vec<OutRecord>> {
        match self.encode(batch, header) {
            // One value that the format cannot encode must not take the whole batch down: find it row by row.
            Err(error) if batch.num_rows() > 1 && error.kind() == crate::common::ErrorKind::Data => {
                let mut records = Vec::new();
                for row in 0..batch.num_rows() {
                    records.extend(self.records(&batch.slice(row, 1), header)?);
                }
                Ok(records)
            }
            Err(error) if error.kind() == crate::common::ErrorKind::Data => {
                self.reject(batch, 0, error.message().to_string())?;
                Ok(Vec::new())
            }
            other => other,
        }
    }

    fn encode(&mut self, batch: &RecordBatch, header: Option<&CommonHeader>) -> Result<Vec<OutRecord>> {
        let width = self.schema.fields().len();
        let values = match self.weights(batch)?.filter(|_| self.table.is_upsert()) {
            None => self.value.encode(batch, width)?,
            Some(weights) => {
                let comes: BooleanArray = weights.iter().map(|w| Some(w.is_some_and(|w| w > 0))).collect();
                let mut values = self.value.encode(&filter_record_batch(batch, &comes)?, width)?.into_iter();
                // A delete has no value: a tombstone.
                comes.values().iter().map(|comes| if comes { values.next().flatten() } else { None }).collect()
            }
        };
        let keys = match &mut self.key {
            Some(key) => key.encode(batch, width)?,
            None => vec![None; values.len()],
        };
        let times = match self.timestamp {
            Some(column) => {
                let millis = arrow::datatypes::DataType::Timestamp(arrow::datatypes::TimeUnit::Millisecond, None);
                Some(arrow::compute::cast(&floored(batch.column(column), &millis), &millis)?)
            }
            None => None,
        };
        let routes = match &mut self.route {
            Some(route) => route.encode(batch, width)?,
            None => Vec::new(),
        };
        let mut records = Vec::with_capacity(values.len());
        for (row, (value, key)) in values.into_iter().zip(keys).enumerate() {
            let timestamp = times.as_ref().filter(|t| !t.is_null(row)).map(|t| t.as_primitive::<TimestampMillisecondType>().value(row));
            let headers = self.headers.map_or_else(Vec::new, |column| headers_of(batch.column(column), row));
            let route = routes.get(row).and_then(Option::as_deref).map(|row| partition(row, self.partitions));
            let partition = route.and_then(|p| i32::try_from(p).ok()).or_else(|| self.partition());
            records.push(OutRecord { partition, timestamp, key, value, headers, common: header.cloned() });
        }
        Ok(records)
    }

    fn partition(&mut self) -> Option<i32> {
        match self.table.partitioner {
            Partitioner::Default => None,
            Partitioner::Fixed => Some(0),
            Partitioner::RoundRobin => {
                self.turn = (self.turn + 1) % self.partitions.max(1);
                i32::try_from(self.turn).ok()
            }
        }
    }
}

/// Splits a change of weight n into n changes of weight 1 or −1.
fn one_by_one(changes: &RecordBatch) -> Result<RecordBatch> {
    let Some((weights, rows)) = changes.columns().split_last() else { return Ok(changes.clone()) };
    let weights = weights.as_primitive::<Int64Type>();
    if weights.values().iter().all(|w| w.abs() == 1) {
        return Ok(changes.clone());
    }
    let count = |weight: &i64| usize::try_from(weight.unsigned_abs()).unwrap_or(usize::MAX);
    let indices: Vec<u32> = (0..).zip(weights.values()).flat_map(|(row, w)| std::iter::repeat_n(row, count(w))).collect();
    let indices = UInt32Array::from(indices);
    let mut columns = rows.iter().map(|c| Ok(take(c, &indices, None)?)).collect::<Result<Vec<ArrayRef>>>()?;
    columns.push(take(&weights.unary::<_, Int64Type>(i64::signum), &indices, None)?);
    Ok(RecordBatch::try_new(changes.schema(), columns)?)
}

/// Reads the headers of a row; NULL is a header without a value.
fn headers_of(column: &ArrayRef, row: usize) -> Vec<(String, Option<Vec<u8>>)> {
    if column.is_null(row) {
        return Vec::new();
    }
    let entries = column.as_map().value(row);
    let (keys, values) = (entries.column(0).as_string::<i32>(), entries.column(1).as_binary::<i32>());
    let pair = |(key, value): (Option<&str>, Option<&[u8]>)| Some((key?.to_string(), value.map(<[u8]>::to_vec)));
    keys.iter().zip(values).filter_map(pair).collect()
}

#[async_trait]
impl SinkWriter for KafkaWriter {
    async fn write(&mut self, commit: &CommitInfo, rows: &[RecordBatch]) -> Result<()> {
        let header = self.committing.as_ref().map(|c| (HEADER, Bytes::from(format!("{}:{}:{}", c.header, commit.n, commit.attempt))));
        let topic = self.table.topic.clone();
        if !std::mem::replace(&mut self.begun, true) {
            self.producer.begin().await?;
        }
        for batch in rows.iter().filter(|batch| batch.num_rows() > 0) {
            let batch = self.check(batch)?;
            let records = self.records(&batch, header.as_ref())?;
            let records = self.fitting(records)?;
            let sent = self.producer.send(&topic, records).await;
            sent.map_err(|e| self.failed(e))?;
        }
        Ok(())
    }

    async fn commit(&mut self, commit: &CommitInfo) -> Result<()> {
        if let Some(Committing { group, metadata, .. }) = &self.committing {
            let offset = i64::try_from(commit.n).map_err(|_| Error::internal(format!("commit {}", commit.n)))?;
            let sent = self.producer.send_offset(group, &self.table.topic, offset, &format!("{metadata}:{}", commit.attempt)).await;
            sent.map_err(|e| self.failed(e))?;
        }
        self.begun = false;
        let committed = self.producer.commit().await;
        committed.map_err(|e| self.failed(e))?;
        self.unsettled = self.committing.is_some();
        Ok(())
    }

    async fn flush(&mut self) -> Result<()> {
        if std::mem::replace(&mut self.unsettled, false) && !self.broker.settle(&self.table.topic, SETTLE).await? {
            let (label, topic) = (self.table.label(), &self.table.topic);
            tracing::warn!(
                "{label}: what was written is committed, but a transaction of another producer keeps topic `{topic}` from readers"
            );
        }
        Ok(())
    }

    fn rejected(&mut self) -> Vec<RejectedRow> {
        self.rejects.take()
    }

    async fn abort(&mut self) -> Result<()> {
        if std::mem::replace(&mut self.begun, false) { self.producer.abort().await } else { Ok(()) }
    }
}
