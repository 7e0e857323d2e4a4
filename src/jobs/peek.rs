//! The newest messages of a table, raw beside what they are read as.
//!
//! ```text
//!  per partition   raw ......[ last n ]     read from further back until there are n: control records and compaction leave gaps
//!                  decoded   [ the same positions ]
//!  together        by position ▸ the newest n by time, partition, position
//! ```

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Int32Array, Int64Array, StringArray, TimestampMillisecondArray};
use arrow::compute::concat_batches;
use arrow::datatypes::{DataType, Field, Int32Type, Int64Type, Schema, TimeUnit, TimestampMillisecondType};
use arrow::record_batch::RecordBatch;
use datafusion::catalog::TableProvider;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::prelude::{SessionConfig, SessionContext};
use futures::{StreamExt, TryStreamExt};

use crate::common::{Error, Projection, Result, WEIGHT};
use crate::connectors::{Messages, PartitionRange, ReadMode, Source, Split};
use crate::formats::{self, FormatOptions, encoder};
use crate::planner::{Relation, Tables};

use super::answers::Rows;
use super::open::locate_entry;
use super::workspace::Workspace;

/// So many partitions are read at the same time: each read has a thread and a consumer.
const AT_ONCE: usize = 8;
/// How much further back the next look goes when there were too few messages.
const FURTHER: i64 = 4;

/// One message.
#[derive(Debug, Default, Clone)]
struct Message {
    /// Milliseconds since 1970.
    timestamp: Option<i64>,
    raw: Option<String>,
    decoded: Option<String>,
}

/// Messages by partition and position.
type Found = BTreeMap<(i32, i64), Message>;

impl Workspace {
    /// The newest rows of a topic or of files, the newest one last.
    ///
    /// Of a topic it is a row per message: partition, offset, timestamp, `raw`, the value as text (`0x...` if it is none), and `decoded`,
    /// the declared columns as JSON, NULL if the message cannot be read. In a table whose messages say changes each row that comes has a
    /// `+` before it, each one that goes a `-`. Of files it is the declared columns.
    ///
    /// # Errors
    /// When there is no such table, it has neither messages nor files, or its server is away.
    pub async fn peek(&self, name: &str, rows: usize) -> Result<Rows> {
        if let Ok((entry, spec)) = self.shared.table(name)
            && let Some(messages) = self.shared.connectors.get(&spec.connector)?.messages(&spec)
        {
            let messages = messages.map_err(|e| locate_entry(&entry, e))?;
            return shown(newest(&messages, rows).await?);
        }
        match self.shared.relation(name).await {
            Ok(Some(Relation::Table(table))) => match table.source.table_provider() {
                Some(provider) => last_rows(provider, rows).await,
                None => Err(nothing_there(name)),
            },
            Ok(Some(_)) => {
                Err(Error::sql(format!("`{name}` is a view, which has no messages of its own")).hint("peek at a table that it reads"))
            }
            Ok(None) => Err(self.shared.table(name).err().unwrap_or_else(|| nothing_there(name))),
            // It can only be written.
            Err(_) if self.sink(name).is_ok() => Err(nothing_there(name)),
            Err(error) => Err(error),
        }
    }
}

fn nothing_there(name: &str) -> Error {
    Error::sql(format!("table `{name}` has neither messages nor files to peek at"))
        .hint("peek shows what stands in topics and files; SELECT ... LIMIT 10 shows rows of any table that can be read")
}

/// The newest messages of all partitions.
async fn newest(messages: &Messages, wanted: usize) -> Result<Vec<((i32, i64), Message)>> {
    let ranges = messages.raw.plan(ReadMode::Batch).await?;
    let looked = ranges.into_iter().map(|range| {
        let (raw, decoded) = (Arc::clone(&messages.raw), Arc::clone(&messages.decoded));
        async move { of_partition(raw.as_ref(), decoded.as_ref(), range, wanted).await }
    });
    let found: Vec<Found> = futures::stream::iter(looked).buffer_unordered(AT_ONCE).try_collect().await?;
    let mut all: Vec<_> = found.into_iter().flatten().collect();
    all.sort_by_key(|(place, message)| (message.timestamp, *place));
    Ok(all.split_off(all.len().saturating_sub(wanted)))
}

/// The last messages of one partition, with those that have no value but are read as a row that goes.
async fn of_partition(raw: &dyn Source, decoded: &dyn Source, range: PartitionRange, wanted: usize) -> Result<Found> {
    let end = range.end.unwrap_or(range.start);
    let mut back = i64::try_from(wanted).unwrap_or(i64::MAX);
    let (from, mut found) = loop {
        let from = range.start.max(end.saturating_sub(back));
        let kept = last_raw(raw, range.partition, from..end, wanted).await?;
        if kept.len() >= wanted || from <= range.start {
            let from = if kept.len() >= wanted { kept.first_key_value().map_or(from, |((_, position), _)| *position) } else { from };
            break (from, kept);
        }
        back = back.saturating_mul(FURTHER);
    };
    if from >= end {
        return Ok(found);
    }
    let mut rows = read(decoded, range.partition, from..end)?;
    while let Some(batch) = rows.try_next().await? {
        decode(&batch, &mut found)?;
    }
    while found.len() > wanted {
        found.pop_first();
    }
    Ok(found)
}

fn read(source: &dyn Source, partition: i32, positions: std::ops::Range<i64>) -> Result<SendableRecordBatchStream> {
    let split = Split { table: String::new(), partition, start: positions.start, end: positions.end };
    source.read(&split, &Projection::all(&source.schema()))
}

async fn last_raw(source: &dyn Source, partition: i32, positions: std::ops::Range<i64>, wanted: usize) -> Result<Found> {
    let mut found = Found::new();
    if positions.is_empty() {
        return Ok(found);
    }
    let mut rows = read(source, partition, positions)?;
    while let Some(batch) = rows.try_next().await? {
        let [.., value] = batch.columns() else { return Err(Error::internal("a message without a value")) };
        let values = value.as_binary::<i32>();
        for (row, place, timestamp) in places(&batch, 0)? {
            found.insert(place, Message { timestamp, raw: Some(as_text(values.value(row))), decoded: None });
            if found.len() > wanted {
                found.pop_first();
            }
        }
    }
    Ok(found)
}

/// A row's number, its partition and position, its time.
type Place = (usize, (i32, i64), Option<i64>);

/// What the three columns from `first` on say.
fn places(batch: &RecordBatch, first: usize) -> Result<Vec<Place>> {
    let Some([partition, position, time]) = batch.columns().get(first..first + 3) else {
        return Err(Error::internal("a message without a place"));
    };
    let (partition, position) = (partition.as_primitive::<Int32Type>(), position.as_primitive::<Int64Type>());
    let time = time.as_primitive::<TimestampMillisecondType>();
    let rows = partition.iter().zip(position.iter()).zip(time.iter()).enumerate();
    Ok(rows.map(|(row, ((partition, position), time))| (row, (partition.unwrap_or(-1), position.unwrap_or(-1)), time)).collect())
}

/// Adds rows to the messages that they come from; a message can be read as several of them.
fn decode(batch: &RecordBatch, found: &mut Found) -> Result<()> {
    let weights = batch.column_by_name(WEIGHT).map(|weights| weights.as_primitive::<Int64Type>().clone());
    let declared = batch.num_columns() - 3 - usize::from(weights.is_some());
    let columns = batch.project(&(0..declared).collect::<Vec<_>>())?;
    let mut texts = formats::Messages::default();
    encoder("json", &columns.schema(), &FormatOptions::default())?.encode(&columns, &mut texts)?;
    for (row, place, timestamp) in places(batch, declared)? {
        let message = found.entry(place).or_insert_with(|| Message { timestamp, ..Message::default() });
        let sign = weights.as_ref().map_or("", |weights| if weights.value(row) < 0 { "-" } else { "+" });
        let text = format!("{sign}{}", String::from_utf8_lossy(texts.get(row)));
        message.decoded = Some(message.decoded.take().map_or_else(|| text.clone(), |before| format!("{before} {text}")));
    }
    Ok(())
}

/// A value in one line: text with control characters escaped, anything else in hexadecimal digits.
fn as_text(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    match std::str::from_utf8(bytes) {
        Ok(plain) => plain.chars().for_each(|c| if c.is_control() { text.extend(c.escape_default()) } else { text.push(c) }),
        Err(_) => {
            text.push_str("0x");
            bytes.iter().for_each(|byte| text.push_str(&format!("{byte:02x}")));
        }
    }
    text
}

fn shown(messages: Vec<((i32, i64), Message)>) -> Result<Rows> {
    let time = DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into()));
    let fields = [
        ("partition", DataType::Int32),
        ("offset", DataType::Int64),
        ("timestamp", time),
        ("raw", DataType::Utf8),
        ("decoded", DataType::Utf8),
    ];
    let schema = Arc::new(Schema::new(fields.map(|(name, data_type)| Field::new(name, data_type, true)).to_vec()));
    let timestamps: TimestampMillisecondArray = messages.iter().map(|(_, m)| m.timestamp).collect();
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Int32Array::from_iter_values(messages.iter().map(|((partition, _), _)| *partition))),
        Arc::new(Int64Array::from_iter_values(messages.iter().map(|((_, position), _)| *position))),
        Arc::new(timestamps.with_timezone("UTC")),
        Arc::new(messages.iter().map(|(_, m)| m.raw.as_deref()).collect::<StringArray>()),
        Arc::new(messages.iter().map(|(_, m)| m.decoded.as_deref()).collect::<StringArray>()),
    ];
    let rows = RecordBatch::try_new(Arc::clone(&schema), columns)?;
    Ok((schema, rows))
}

/// The last rows of a table that plans its reads itself, in the order in which it reads.
async fn last_rows(table: Arc<dyn TableProvider>, wanted: usize) -> Result<Rows> {
    let session = SessionContext::new_with_config(SessionConfig::new().with_target_partitions(1));
    let mut rows = session.read_table(table)?.execute_stream().await?;
    let (mut kept, mut count) = (VecDeque::new(), 0);
    while let Some(batch) = rows.try_next().await? {
        count += batch.num_rows();
        kept.push_back(batch);
        while let Some(first) = kept.front().map(RecordBatch::num_rows)
            && count - first >= wanted
        {
            count -= first;
            kept.pop_front();
        }
    }
    let schema = rows.schema();
    let all = concat_batches(&schema, &kept)?;
    let skipped = all.num_rows().saturating_sub(wanted);
    let last = all.slice(skipped, all.num_rows() - skipped);
    Ok((schema, last))
}

#[cfg(test)]
#[path = "peek_tests.rs"]
mod tests;
