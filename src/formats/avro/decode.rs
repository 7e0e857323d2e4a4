//! Decodes Avro messages into Arrow columns.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BooleanArray, RecordBatch, RecordBatchOptions};
use arrow::compute::{cast, filter};
use arrow::datatypes::SchemaRef;
use arrow_avro::reader::{Decoder as Reader, ReaderBuilder};
use arrow_avro::schema::{AvroSchema, Fingerprint, FingerprintAlgorithm, SchemaStore};

use crate::common::floor::floored;
use crate::common::projection::narrow;
use crate::common::{Error, Projection, Result, calendar};
use crate::formats::{Decoded, Decoder, FormatOptions, Messages};

use super::booleans;
use super::schema::AvroTable;

/// The header that the reader expects before a message: the number of its schema. Messages themselves have none.
const FRAME: [u8; 5] = [0, 0, 0, 0, 1];

/// Messages that cannot be decoded, and why.
type Reasons = Vec<(u32, String)>;

/// Decodes Avro messages with arrow-avro.
///
/// A broken message leaves its reader in the middle of a row, and it cannot be reset. So all messages of a run are first read together; if
/// one of them is bad, each is tried alone with a reader that is dropped when it fails, and the good ones are read again.
#[derive(Debug)]
pub struct AvroDecoder {
    schema: SchemaRef,
    physical: SchemaRef,
    /// The columns that are read, by their index in the record. Never empty: a record without columns has no rows.
    columns: Vec<usize>,
    avro: AvroTable,
    /// The record contains booleans.
    booleans: bool,
    reader: Option<Reader>,
    frame: Vec<u8>,
}

impl AvroDecoder {
    /// Creates a decoder for a projection of `physical`.
    ///
    /// # Errors
    /// For an invalid option, or a column that Avro cannot hold.
    pub fn new(physical: &SchemaRef, projection: &Projection, options: &FormatOptions) -> Result<Self> {
        let avro = AvroTable::new(physical, super::legacy(options)?)?;
        let columns = if projection.indices().is_empty() { vec![0] } else { projection.indices().to_vec() };
        let mut decoder = Self {
            schema: Arc::clone(projection.schema()),
            physical: Arc::clone(physical),
            columns,
            booleans: booleans::any(avro.columns.fields()),
            avro,
            reader: None,
            frame: FRAME.to_vec(),
        };
        decoder.reader = Some(decoder.open()?);
        Ok(decoder)
    }

    fn open(&self) -> Result<Reader> {
        let mut schemas = SchemaStore::new_with_type(FingerprintAlgorithm::Id);
        schemas.set(Fingerprint::Id(1), AvroSchema::new(self.avro.json.clone()))?;
        let reader = ReaderBuilder::new().with_batch_size(usize::MAX).with_writer_schema_store(schemas);
        Ok(reader.with_projection(self.columns.clone()).build_decoder()?)
    }

    /// Decodes these messages, all of which must be good.
    fn all(&mut self, messages: &Messages, wanted: impl Iterator<Item = usize>) -> std::result::Result<Option<RecordBatch>, String> {
        // Only a reader that has finished its work is reused.
        let mut reader = match self.reader.take() {
            Some(reader) => reader,
            None => self.open().map_err(|e| e.to_string())?,
        };
        for i in wanted {
            self.read_message(&mut reader, messages.get(i))?;
        }
        let batch = reader.flush().map_err(|e| e.to_string())?;
        self.reader = Some(reader);
        Ok(batch)
    }

    fn read_message(&mut self, reader: &mut Reader, message: &[u8]) -> std::result::Result<(), String> {
        if self.booleans && !booleans::sound(self.avro.columns.fields(), message) {
            return Err("a boolean is neither 0 nor 1".to_string());
        }
        self.frame.truncate(FRAME.len());
        self.frame.extend_from_slice(message);
        let free = reader.capacity();
        let read = reader.decode(&self.frame).map_err(|e| format!("no such record in Avro: {e}"))?;
        match free - reader.capacity() {
            0 => Err("ends in the middle of the record".to_string()),
            1 if read == self.frame.len() => Ok(()),
            _ => Err("goes on behind the end of the record".to_string()),
        }
    }

    /// Returns which messages are good, and what is wrong with the others.
    fn sort(&mut self, messages: &Messages) -> Result<(Vec<u32>, Reasons)> {
        let (mut good, mut rejected) = (Vec::new(), Vec::new());
        let mut reader = self.open()?;
        for (i, n) in (0..messages.len()).zip(0_u32..) {
            let tried = self.read_message(&mut reader, messages.get(i)).and_then(|()| reader.flush().map_err(|e| e.to_string()));
            match tried {
                Ok(_) => good.push(n),
                Err(reason) => {
                    rejected.push((n, reason));
                    reader = self.open()?;
                }
            }
        }
        Ok((good, rejected))
    }

    /// Casts a column to its declared type and projects it. Values that do not fit (300 in a TINYINT) are added to `misfits`.
    fn column(&self, array: &ArrayRef, n: usize, misfits: &mut Vec<(usize, String)>) -> Result<ArrayRef> {
        let Some(declared) = self.columns.get(n).and_then(|i| self.physical.fields().get(*i)) else {
            return Err(Error::internal("a column of Avro that is not projected"));
        };
        let whole = cast(&floored(array, declared.data_type()), declared.data_type())?;
        if whole.null_count() > array.null_count() {
            let lost = (0..array.len()).filter(|row| whole.is_null(*row) && array.is_valid(*row));
            misfits.extend(lost.map(|row| (row, format!("field '{}': out of range", declared.name()))));
        }
        let beyond = calendar::beyond(&whole);
        misfits.extend(beyond.into_iter().map(|row| (row, format!("field '{}': out of range", declared.name()))));
        self.schema.fields().get(n).map_or_else(|| Ok(Arc::clone(&whole)), |wanted| narrow(&whole, wanted.data_type()))
    }
}

impl Decoder for AvroDecoder {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn decode(&mut self, messages: &Messages) -> Result<Decoded> {
        let (batch, mut origin, mut rejected) = match self.all(messages, 0..messages.len()) {
            Ok(batch) => (batch, None, Vec::new()),
            Err(_) => {
                let (good, rejected) = self.sort(messages)?;
                let again = self.all(messages, good.iter().map(|i| *i as usize));
                let batch = again.map_err(|e| Error::internal(format!("Avro records that were good together are not: {e}")))?;
                (batch, Some(good), rejected)
            }
        };
        let Some(batch) = batch else {
            return Ok(Decoded { batch: RecordBatch::new_empty(Arc::clone(&self.schema)), origin, rejected });
        };
        let mut misfits = Vec::new();
        let columns = batch.columns().iter().enumerate().map(|(n, array)| self.column(array, n, &mut misfits));
        let mut columns = columns.collect::<Result<Vec<_>>>()?;
        columns.truncate(self.schema.fields().len());
        let mut rows = batch.num_rows();
        if !misfits.is_empty() {
            misfits.sort_by_key(|(row, _)| *row);
            misfits.dedup_by_key(|(row, _)| *row);
            let bad = |row: usize| misfits.binary_search_by_key(&row, |(row, _)| *row).is_ok();
            let all: Vec<u32> = origin.unwrap_or_else(|| (0_u32..).take(rows).collect());
            let keep: BooleanArray = (0..rows).map(|row| Some(!bad(row))).collect();
            columns = columns.iter().map(|column| filter(column, &keep)).collect::<std::result::Result<_, _>>()?;
            rejected.extend(misfits.iter().filter_map(|(row, why)| Some((*all.get(*row)?, why.clone()))));
            rejected.sort_by_key(|(i, _)| *i);
            origin = Some(all.into_iter().enumerate().filter(|(row, _)| !bad(*row)).map(|(_, i)| i).collect());
            rows = keep.true_count();
        }
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        let batch = RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)?;
        Ok(Decoded { batch, origin, rejected })
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
