//! Reads rows from text files, record by record: a bad record is set aside, and its neighbours are read.

use std::collections::VecDeque;
use std::io::{Seek, SeekFrom};
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, BooleanArray, RecordBatch, RecordBatchOptions};
use arrow::compute::filter_record_batch;
use arrow::datatypes::{FieldRef, SchemaRef};
use bytes::Bytes;
use datafusion::datasource::file_format::file_compression_type::FileCompressionType;
use datafusion::error::DataFusionError;
use futures::stream::{BoxStream, try_unfold};
use futures::{StreamExt, TryStreamExt};
use memchr::memchr;
use object_store::{GetOptions, GetRange, GetResultPayload, ObjectMeta};
use tokio_util::io::ReaderStream;

use crate::common::{Error, Projection, Result};
use crate::connectors::on_error;
use crate::formats::{self, BYTE_ORDER_MARK, Decoded, Decoder, Messages};

use crate::connectors::files::table::config::Config;
use crate::connectors::files::table::format::Kind;
use crate::connectors::files::text::decompress::unpacked;
use crate::connectors::files::text::json_values::{ValueCutter, over_lines};
use crate::connectors::files::text::record_splitter::{Cutter, Record};

/// How many bytes of a local file are read at once.
const STEP: usize = 1 << 20;
/// How many bytes are decoded at once, unless a full batch of rows comes first.
const BATCH: usize = 4 << 20;

/// What to read of a text file.
#[derive(Debug, Clone)]
pub struct TextScan {
    /// The columns of the file, in order.
    pub content: SchemaRef,
    /// The columns and fields to read.
    pub projection: Projection,
    /// Whether its first record is a header.
    pub header: bool,
    /// JSON values extend over lines.
    pub values: bool,
    /// Its compression.
    pub compression: FileCompressionType,
    /// Only records that begin in these bytes; requires that no value holds a line end.
    pub range: Option<Range<u64>>,
    /// How many records to skip.
    pub skip: usize,
    /// Rows per batch.
    pub batch_rows: usize,
}

/// Some records of a file.
#[derive(Debug)]
pub struct Lines {
    /// Their rows, with the projected columns.
    pub batch: RecordBatch,
    /// For each row the index of its record.
    pub origin: Vec<u32>,
    /// How many records there are, bad ones included.
    pub records: u32,
    /// Bad records, in order.
    pub bad: Vec<BadLine>,
}

/// A record that cannot be decoded.
#[derive(Debug)]
pub struct BadLine {
    /// Its index among the records.
    pub record: u32,
    /// The file and the line; the first byte instead, where reading did not begin with the first line.
    pub place: String,
    /// The whole record.
    pub text: Vec<u8>,
    /// Why it cannot be decoded.
    pub reason: String,
}

impl BadLine {
    /// Describes the record for people.
    pub fn described(&self, table: &str) -> String {
        on_error::sample(&format!("table `{table}`: {}", self.place), &self.reason, &self.text)
    }
}

/// Reads a file.
pub fn read(config: Arc<Config>, file: ObjectMeta, wanted: TextScan) -> BoxStream<'static, Result<Lines>> {
    let begin = async move { Reader::open(&config, &file, wanted).await };
    let rows = |reader| try_unfold(reader, |mut reader: Reader| async move { Ok(reader.step().await?.map(|lines| (lines, reader))) });
    futures::stream::once(begin).map_ok(rows).try_flatten().boxed()
}

/// The last records of a file, raw and decoded.
#[derive(Debug)]
pub struct Last {
    /// How many records were read, these included.
    pub all: usize,
    /// The first byte and the text of each record.
    pub records: Vec<(u64, Vec<u8>)>,
    /// The rows decoded from them.
    pub lines: Lines,
}

/// Reads a file, and decodes only its last records; `None` if there are none.
///
/// # Errors
/// When it cannot be read.
pub async fn last(config: &Config, file: &ObjectMeta, wanted: TextScan, count: usize) -> Result<Option<Last>> {
    let mut reader = Reader::open(config, file, wanted).await?;
    let mut kept: VecDeque<((u64, u64), Vec<u8>)> = VecDeque::new();
    let mut passed = 0;
    while reader.fill().await? {
        let all = reader.messages.len();
        passed += all;
        kept.extend((all.saturating_sub(count)..all).filter_map(|i| Some((*reader.places.get(i)?, reader.messages.get(i).to_vec()))));
        kept.drain(..kept.len().saturating_sub(count));
        reader.messages.clear();
        reader.places.clear();
    }
    if kept.is_empty() {
        return Ok(None);
    }
    for (place, record) in &kept {
        reader.messages.push(record);
        reader.places.push(*place);
    }
    let lines = reader.decode()?;
    Ok(Some(Last { all: passed, records: kept.into_iter().map(|((_, byte), record)| (byte, record)).collect(), lines }))
}

/// Returns the values of the first record of a CSV file; `None` if there is none.
///
/// # Errors
/// When it cannot be read.
pub async fn first(config: &Config, file: &ObjectMeta) -> Result<Option<Vec<String>>> {
    let mut text = Text::open(config, file, config.format.compression_of(&file.location), false, 0).await?;
    loop {
        while let Some(record) = text.cutter.next(text.ended) {
            if text.rule.is_row(record.bytes) {
                let line = std::str::from_utf8(record.bytes).map_err(|e| Error::data("its first line is not UTF-8").with_source(e))?;
                return config.format.csv.fields(line).map(Some).map_err(|e| Error::data(format!("its first line: {e}")));
            }
        }
        if text.ended {
            return Ok(None);
        }
        text.more().await?;
    }
}

/// Passes the first records of a file to `more`, as long as it returns true.
///
/// # Errors
/// When it cannot be read.
pub async fn sample(config: &Config, file: &ObjectMeta, values: bool, mut more: impl FnMut(&[u8]) -> bool) -> Result<()> {
    let mut text = Text::open(config, file, config.format.compression_of(&file.location), values, 0).await?;
    loop {
        while let Some(record) = text.cutter.next(text.ended) {
            if text.rule.is_row(record.bytes) && !more(record.bytes) {
                return Ok(());
            }
        }
        if text.ended {
            return Ok(());
        }
        text.more().await?;
    }
}

/// Whether a JSON file has values that extend over lines.
///
/// # Errors
/// When it cannot be read.
pub async fn has_values_over_lines(config: &Config, file: &ObjectMeta) -> Result<bool> {
    let mut text = Text::open(config, file, config.format.compression_of(&file.location), false, 0).await?;
    let mut beginning = Vec::new();
    while let Some(bytes) = text.bytes.next().await.transpose()? {
        beginning.extend_from_slice(bytes.strip_prefix(BYTE_ORDER_MARK).filter(|_| beginning.is_empty()).unwrap_or(&bytes));
        // The first line, and the beginning of the next one.
        let text = beginning.trim_ascii_start();
        let next = memchr(b'\n', text).and_then(|end| text.get(end..)).is_some_and(|rest| !rest.trim_ascii_start().is_empty());
        if beginning.len() > 4 * STEP || next {
            break;
        }
    }
    Ok(over_lines(&beginning))
}

/// How a text is cut into records.
enum Cut {
    Lines(Cutter),
    Values(ValueCutter),
}

impl Cut {
    fn push(&mut self, passed: usize, bytes: &[u8]) {
        match self {
            Self::Lines(cutter) => cutter.push_behind(passed, bytes),
            Self::Values(cutter) => cutter.push(passed, bytes),
        }
    }

    fn waiting(&self) -> usize {
        match self {
            Self::Lines(cutter) => cutter.waiting(),
            Self::Values(cutter) => cutter.waiting(),
        }
    }

    fn give_up(&mut self) -> bool {
        match self {
            Self::Lines(cutter) => cutter.give_up(),
            Self::Values(_) => false,
        }
    }

    fn next(&mut self, last: bool) -> Option<Record<'_>> {
        match self {
            Self::Lines(cutter) => cutter.next(last),
            Self::Values(cutter) => cutter.next(last),
        }
    }
}

/// The bytes of a file, to be cut into records.
struct Text {
    bytes: BoxStream<'static, Result<Bytes>>,
    cutter: Cut,
    longest: usize,
    rule: Rule,
    /// Nothing was read yet.
    new: bool,
    /// Everything was read.
    ended: bool,
}

/// What may be between records.
#[derive(Debug, Clone, Copy)]
struct Rule {
    csv: bool,
    /// An empty line is a row whose only value is NULL.
    empty: bool,
    comments: bool,
}

impl Rule {
    fn is_row(self, record: &[u8]) -> bool {
        let between = if self.csv {
            (record.is_empty() && !self.empty) || (self.comments && record.starts_with(b"#"))
        } else {
            record.trim_ascii().is_empty()
        };
        !between
    }
}

impl Text {
    /// Opens the text from a byte on.
    async fn open(config: &Config, file: &ObjectMeta, compression: FileCompressionType, values: bool, start: u64) -> Result<Self> {
        let range = (start > 0).then_some(GetRange::Offset(start));
        let got = config.store.objects.get_opts(&file.location, GetOptions { range, ..GetOptions::default() }).await;
        let bytes = match got.map_err(DataFusionError::from)?.payload {
            GetResultPayload::File(mut file, _) => {
                file.seek(SeekFrom::Start(start))?;
                ReaderStream::with_capacity(tokio::fs::File::from_std(file), STEP).boxed()
            }
            GetResultPayload::Stream(stream) => stream.map_err(std::io::Error::from).boxed(),
        };
        let format = &config.format;
        Ok(Self {
            bytes: unpacked(compression, bytes),
            cutter: if values {
                Cut::Values(ValueCutter::default())
            } else {
                Cut::Lines(Cutter::new(format.quotes(), Some(format.csv.clone())))
            },
            longest: format.longest,
            rule: Rule { csv: format.kind == Kind::Csv, empty: false, comments: format.csv.comments },
            new: start == 0,
            ended: false,
        })
    }

    async fn more(&mut self) -> Result<()> {
        if self.cutter.waiting() > self.longest && self.cutter.give_up() {
            return Ok(());
        }
        if self.cutter.waiting() > self.longest {
            return Err(Error::data(format!("a record is longer than {} bytes", self.longest))
                .hint("of CSV, `csv.max-line-size` says how long one may be; is it a text file?"));
        }
        match self.bytes.next().await.transpose()? {
            Some(bytes) if std::mem::take(&mut self.new) => match bytes.strip_prefix(BYTE_ORDER_MARK) {
                Some(rest) => self.cutter.push(BYTE_ORDER_MARK.len(), rest),
                None => self.cutter.push(0, &bytes),
            },
            Some(bytes) => self.cutter.push(0, &bytes),
            None => self.ended = true,
        }
        Ok(())
    }
}

/// A file that is being read.
struct Reader {
    text: Text,
    /// Its path for messages: `/data/a.csv`.
    shown: String,
    decoder: Box<dyn Decoder>,
    schema: SchemaRef,
    /// The range begins after the first byte, and so inside a line of the previous range.
    cut: bool,
    /// The first record is a header.
    header: bool,
    /// Where reading begins, and where the range ends.
    offset: u64,
    end: u64,
    /// The range has been read.
    done: bool,
    skip: usize,
    batch_rows: usize,
    messages: Messages,
    /// Line and byte of each message.
    places: Vec<(u64, u64)>,
}

impl Reader {
    async fn open(config: &Config, file: &ObjectMeta, wanted: TextScan) -> Result<Self> {
        let TextScan { content, projection, header, compression, range, skip, batch_rows, values } = wanted;
        let start = range.as_ref().map_or(0, |r| r.start);
        // The byte before it shows whether a record begins exactly there.
        let offset = start.saturating_sub(1);
        let nullable = |(i, field): (usize, &FieldRef)| (i, Arc::new(field.as_ref().clone().with_nullable(true)));
        let columns = Projection::new(projection.iter().map(nullable));
        let mut text = Text::open(config, file, compression, values, offset).await?;
        text.rule.empty = content.fields().len() == 1;
        Ok(Self {
            text,
            shown: config.location.show(&file.location),
            decoder: formats::decoder(config.format.kind.text().unwrap_or_default(), &content, &columns, &config.format.options)?,
            schema: Arc::clone(projection.schema()),
            cut: start > 0,
            header: header && start == 0,
            offset,
            end: range.map_or(u64::MAX, |r| r.end),
            done: false,
            skip,
            batch_rows,
            messages: Messages::default(),
            places: Vec::new(),
        })
    }

    /// Decodes the next records; `None` after the last.
    async fn step(&mut self) -> Result<Option<Lines>> {
        if self.fill().await? { self.decode().map(Some) } else { Ok(None) }
    }

    /// Collects the next records; false after the last.
    async fn fill(&mut self) -> Result<bool> {
        while !self.done && !self.collect() {
            if self.text.ended {
                self.done = true;
            } else {
                self.text.more().await?;
            }
        }
        Ok(!self.messages.is_empty())
    }

    /// Collects records from the buffer; true if they are enough, or the range ends.
    fn collect(&mut self) -> bool {
        while let Some(record) = self.text.cutter.next(self.text.ended) {
            if std::mem::take(&mut self.cut) || !self.text.rule.is_row(record.bytes) || std::mem::take(&mut self.header) {
                continue;
            }
            let byte = self.offset + record.byte;
            if byte >= self.end {
                self.done = true;
                return true;
            }
            if self.skip > 0 {
                self.skip -= 1;
                continue;
            }
            self.messages.push(record.bytes);
            self.places.push((record.line, byte));
            if self.messages.len() >= self.batch_rows || self.messages.byte_len() >= BATCH {
                return true;
            }
        }
        false
    }

    fn decode(&mut self) -> Result<Lines> {
        let Decoded { batch, origin, rejected } = self.decoder.decode(&self.messages)?;
        let records = u32::try_from(self.messages.len()).map_err(|_| Error::internal("too many records at once"))?;
        let mut origin = origin.unwrap_or_else(|| (0..records).collect());
        let mut bad: Vec<BadLine> = rejected.into_iter().map(|(record, reason)| self.bad(record, reason)).collect();
        let batch = self.without_nulls(batch, &mut origin, &mut bad)?;
        self.messages.clear();
        self.places.clear();
        Ok(Lines { batch, origin, records, bad })
    }

    /// Removes records with a NULL in a NOT NULL column, with all of their rows.
    fn without_nulls(&self, batch: RecordBatch, origin: &mut Vec<u32>, bad: &mut Vec<BadLine>) -> Result<RecordBatch> {
        for (field, column) in self.schema.fields().iter().zip(batch.columns()).filter(|(f, c)| !f.is_nullable() && c.null_count() > 0) {
            let nulls = (0..column.len()).zip(origin.iter()).filter(|(row, _)| column.is_null(*row)).map(|(_, record)| *record);
            let reason = format!("column '{}' is NOT NULL, but there is no value", field.name());
            bad.extend(nulls.map(|record| self.bad(record, reason.clone())));
        }
        bad.sort_by_key(|b| b.record);
        bad.dedup_by_key(|b| b.record);
        let spoilt = |record: &u32| bad.binary_search_by_key(record, |b| b.record).is_ok();
        let batch = if origin.iter().any(spoilt) {
            let keep: BooleanArray = origin.iter().map(|record| Some(!spoilt(record))).collect();
            origin.retain(|record| !spoilt(record));
            filter_record_batch(&batch, &keep)?
        } else {
            batch
        };
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        Ok(RecordBatch::try_new_with_options(Arc::clone(&self.schema), batch.columns().to_vec(), &options)?)
    }

    fn bad(&self, record: u32, reason: String) -> BadLine {
        let (line, byte) = self.places.get(record as usize).copied().unwrap_or_default();
        let at = if self.offset > 0 { format!("byte {byte}") } else { format!("line {line}") };
        BadLine { record, place: format!("{}, {at}", self.shown), text: self.messages.get(record as usize).to_vec(), reason }
    }
}
