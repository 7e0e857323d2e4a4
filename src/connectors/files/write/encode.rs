//! Encodes rows as the bytes of one file.

use std::io::Write;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use arrow::ipc::writer::FileWriter;
use arrow_avro::writer::AvroWriter;
use datafusion::datasource::file_format::file_compression_type::FileCompressionType;
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::basic::{Compression, ZstdLevel};
use datafusion::parquet::errors::ParquetError;
use datafusion::parquet::file::properties::WriterProperties;
use flate2::write::GzEncoder;
use parking_lot::Mutex;

use crate::common::{Error, ErrorKind, Result};
use crate::formats::{self, Messages};

use crate::connectors::files::table::format::{Format, Kind};

/// A row that cannot be encoded in the file.
#[derive(Debug)]
pub struct Refused {
    /// Its index among the given rows.
    pub row: usize,
    /// Why it cannot be encoded.
    pub error: Error,
}

/// How many bytes of a Parquet row group are buffered before it is written.
const ROW_GROUP: usize = 64 << 20;

/// Encoded bytes that were not taken yet; shared with the encoder that writes them.
#[derive(Debug, Clone, Default)]
struct Buffer(Arc<Mutex<Vec<u8>>>);

impl Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Text that may be compressed.
enum Packed {
    Plain(Buffer),
    Gzip(GzEncoder<Buffer>),
    Zstd(zstd::Encoder<'static, Buffer>),
}

impl Packed {
    fn new(compression: FileCompressionType, buffer: Buffer) -> Result<Self> {
        match compression {
            FileCompressionType::UNCOMPRESSED => Ok(Self::Plain(buffer)),
            FileCompressionType::GZIP => Ok(Self::Gzip(GzEncoder::new(buffer, flate2::Compression::default()))),
            FileCompressionType::ZSTD => Ok(Self::Zstd(zstd::Encoder::new(buffer, 0)?)),
            _ => Err(Error::sql("text is compressed with gzip or zstd only").hint("the others are read, not written")),
        }
    }

    fn finish(self) -> std::io::Result<()> {
        match self {
            Self::Plain(_) => Ok(()),
            Self::Gzip(encoder) => encoder.finish().map(drop),
            Self::Zstd(encoder) => encoder.finish().map(drop),
        }
    }
}

impl Write for Packed {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        match self {
            Self::Plain(w) => w.write(bytes),
            Self::Gzip(w) => w.write(bytes),
            Self::Zstd(w) => w.write(bytes),
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Text, one record per line.
struct Lines {
    encoder: Box<dyn formats::Encoder>,
    messages: Messages,
    packed: Packed,
}

impl Lines {
    fn begin(format: &Format, mut packed: Packed, header: bool, schema: &SchemaRef) -> Result<Self> {
        if header && format.kind == Kind::Csv {
            let line = format.csv.header(schema).map_err(|e| Error::sql(format!("a column's name {e}")))?;
            packed.write_all(&line)?;
            packed.write_all(b"\n")?;
        }
        let encoder = formats::encoder(format.kind.text().unwrap_or_default(), schema, &format.options)?;
        Ok(Self { encoder, messages: Messages::default(), packed })
    }

    fn write(&mut self, rows: &RecordBatch) -> Result<Vec<Refused>> {
        let mut refused = Vec::new();
        self.messages.clear();
        if let Err(error) = self.encoder.encode(rows, &mut self.messages) {
            self.messages.clear();
            if error.kind() != ErrorKind::Data {
                return Err(error);
            }
            refused = self.one_by_one(rows)?;
        }
        for i in 0..self.messages.len() {
            self.packed.write_all(self.messages.get(i))?;
            self.packed.write_all(b"\n")?;
        }
        Ok(refused)
    }

    /// Encodes row by row, so that a row that the format refuses does not affect the others.
    fn one_by_one(&mut self, rows: &RecordBatch) -> Result<Vec<Refused>> {
        let (mut one, mut refused) = (Messages::default(), Vec::new());
        for row in 0..rows.num_rows() {
            one.clear();
            match self.encoder.encode(&rows.slice(row, 1), &mut one) {
                Ok(()) => (0..one.len()).for_each(|i| self.messages.push(one.get(i))),
                Err(error) if error.kind() == ErrorKind::Data => refused.push(Refused { row, error }),
                Err(error) => return Err(error),
            }
        }
        Ok(refused)
    }
}

enum Writer {
    Parquet(Box<ArrowWriter<Buffer>>),
    Text(Box<Lines>),
    Avro(Box<AvroWriter<Buffer>>),
    Arrow(Box<FileWriter<Buffer>>),
}

/// The content of one file, as it grows.
///
/// Finished bytes come out of [`Self::take`]; the file is complete only after [`Self::finish`].
pub struct Encoder {
    writer: Writer,
    buffer: Buffer,
    taken: usize,
}

impl Encoder {
    /// Encodes a file of rows with these columns; `header`: a CSV file has a header.
    ///
    /// # Errors
    /// When the format cannot hold one of them.
    pub fn new(format: &Format, compression: FileCompressionType, header: bool, schema: &SchemaRef) -> Result<Self> {
        let buffer = Buffer::default();
        let out = buffer.clone();
        let writer = match format.kind {
            Kind::Parquet => {
                let properties = WriterProperties::builder().set_compression(parquet_compression(format)?).build();
                Writer::Parquet(Box::new(ArrowWriter::try_new(out, Arc::clone(schema), Some(properties)).map_err(parquet)?))
            }
            Kind::Csv | Kind::Json => Writer::Text(Box::new(Lines::begin(format, Packed::new(compression, out)?, header, schema)?)),
            Kind::Avro => {
                let writer = AvroWriter::new(out, schema.as_ref().clone());
                Writer::Avro(Box::new(writer.map_err(|e| Error::sql("Avro cannot hold these columns").with_source(e))?))
            }
            Kind::Arrow => Writer::Arrow(Box::new(FileWriter::try_new(out, schema)?)),
        };
        Ok(Self { writer, buffer, taken: 0 })
    }

    /// Adds rows, and returns those that this format cannot encode.
    ///
    /// # Errors
    /// When nothing can be written.
    pub fn write(&mut self, rows: &RecordBatch) -> Result<Vec<Refused>> {
        match &mut self.writer {
            Writer::Parquet(writer) => {
                writer.write(rows).map_err(parquet)?;
                if writer.in_progress_size() > ROW_GROUP {
                    writer.flush().map_err(parquet)?;
                }
            }
            Writer::Text(lines) => return lines.write(rows),
            Writer::Avro(writer) => writer.write(rows).map_err(|e| Error::data("rows cannot be written as Avro").with_source(e))?,
            Writer::Arrow(writer) => writer.write(rows)?,
        }
        Ok(Vec::new())
    }

    /// Takes the bytes that are ready.
    pub fn take(&mut self) -> Vec<u8> {
        let bytes = std::mem::take(&mut *self.buffer.0.lock());
        self.taken += bytes.len();
        bytes
    }

    /// Returns the approximate size of the file so far, in bytes.
    pub fn len(&self) -> usize {
        let waiting = match &self.writer {
            Writer::Parquet(writer) => writer.in_progress_size(),
            _ => 0,
        };
        self.taken + self.buffer.0.lock().len() + waiting
    }

    /// Ends the file and returns the rest of its bytes.
    ///
    /// # Errors
    /// When its end cannot be written.
    pub fn finish(self) -> Result<Vec<u8>> {
        match self.writer {
            Writer::Parquet(writer) => writer.close().map(drop).map_err(parquet)?,
            Writer::Text(lines) => lines.packed.finish()?,
            Writer::Avro(mut writer) => {
                writer.finish().map_err(|e| Error::data("the end of an Avro file cannot be written").with_source(e))?
            }
            Writer::Arrow(mut writer) => writer.finish()?,
        }
        Ok(std::mem::take(&mut *self.buffer.0.lock()))
    }
}

fn parquet(error: ParquetError) -> Error {
    Error::data("rows cannot be written as Parquet").with_source(error)
}

/// Parquet compresses inside the file.
fn parquet_compression(format: &Format) -> Result<Compression> {
    match format.named_compression() {
        None | Some(FileCompressionType::ZSTD) => Ok(Compression::ZSTD(ZstdLevel::default())),
        Some(FileCompressionType::UNCOMPRESSED) => Ok(Compression::UNCOMPRESSED),
        Some(FileCompressionType::GZIP) => Ok(Compression::GZIP(datafusion::parquet::basic::GzipLevel::default())),
        Some(_) => Err(Error::sql("Parquet is compressed with zstd or gzip, or not at all")),
    }
}
