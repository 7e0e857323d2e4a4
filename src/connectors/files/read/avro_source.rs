//! Avro files as DataFusion reads them for queries, block by block.
//!
//! The library that decodes rows never ends where a damaged block has bytes after its last row, and DataFusion reads a whole file of a
//! bucket into memory. So this module extracts the blocks of a file, and compares the number of decoded rows with the block's.

use std::collections::VecDeque;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions, new_null_array};
use arrow::compute::cast;
use arrow::datatypes::{FieldRef, Schema, SchemaRef};
use arrow_avro::reader::ReaderBuilder;
use bytes::Bytes;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{FileOpenFuture, FileOpener};
use datafusion::error::Result as DfResult;
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt};

use crate::common::{Error, Result};

use super::avro_blocks::{Block, Walk};
use super::avro_booleans::{as_bytes, number, of_bytes};
use super::column_source::{ColumnFormat, ColumnScan};

/// More rows than any block has.
const ENDLESS: u64 = 1 << 40;
/// The length of the sync marker after a block.
const SYNC: usize = 16;

/// Reads Avro files whose columns have the names and types of the table's content.
#[derive(Clone)]
pub(super) struct AvroFormat;

impl ColumnFormat for AvroFormat {
    fn opener(&self, wanted: &ColumnScan<'_>) -> DfResult<Arc<dyn FileOpener>> {
        let columns = Arc::new(wanted.schema.project(wanted.places)?);
        Ok(Arc::new(AvroOpener { objects: Arc::clone(&wanted.objects), wanted: columns, batch_rows: wanted.batch_rows }))
    }

    fn name(&self) -> &str {
        "avro"
    }

    /// The start of a block cannot be found from the middle of a file.
    fn can_split(&self) -> bool {
        false
    }
}

struct AvroOpener {
    objects: Arc<dyn ObjectStore>,
    wanted: SchemaRef,
    batch_rows: usize,
}

impl FileOpener for AvroOpener {
    fn open(&self, file: PartitionedFile) -> DfResult<FileOpenFuture> {
        let (objects, wanted, batch_rows) = (Arc::clone(&self.objects), Arc::clone(&self.wanted), self.batch_rows);
        Ok(Box::pin(async move { Ok(read(objects, file.object_meta, wanted, batch_rows).await?.map_err(Into::into).boxed()) }))
    }
}

/// Reads the rows of a file.
async fn read(
    objects: Arc<dyn ObjectStore>,
    file: ObjectMeta,
    wanted: SchemaRef,
    batch_rows: usize,
) -> Result<BoxStream<'static, Result<RecordBatch>>> {
    let bytes = objects.get(&file.location).await.map_err(std::io::Error::from)?.into_stream();
    let reader = Reader { bytes, walk: Walk::new(file.size), waiting: VecDeque::new(), wanted, known: None };
    let rows = stream::try_unfold(reader, |mut reader| async move { Ok::<_, Error>(reader.next().await?.map(|rows| (rows, reader))) });
    let cut = move |batch: RecordBatch| {
        let starts = (0..batch.num_rows()).step_by(batch_rows.max(1));
        stream::iter(starts.map(move |from| Ok(batch.slice(from, batch_rows.min(batch.num_rows() - from)))))
    };
    Ok(rows.map_ok(cut).try_flatten().boxed())
}

/// A file that is being read.
struct Reader {
    bytes: BoxStream<'static, object_store::Result<Bytes>>,
    walk: Walk,
    waiting: VecDeque<Block>,
    wanted: SchemaRef,
    /// The header for the library that decodes rows, and the indices of the wanted columns in the file; known after the header was read.
    known: Option<(Vec<u8>, Vec<usize>)>,
}

impl Reader {
    /// Decodes the rows of the next block; `None` after the last.
    async fn next(&mut self) -> Result<Option<RecordBatch>> {
        loop {
            if let Some(block) = self.waiting.pop_front() {
                return self.decode(&block).map(Some);
            }
            match self.bytes.try_next().await.map_err(std::io::Error::from)? {
                Some(bytes) => self.walk.push(&bytes)?,
                None => return self.walk.end().map(|()| None),
            }
            self.waiting.extend(self.walk.take());
        }
    }

    fn decode(&mut self, block: &Block) -> Result<RecordBatch> {
        let (header, places) = match self.known.take() {
            Some(known) => known,
            None => {
                let header = as_bytes(self.walk.header()).unwrap_or_else(|| self.walk.header().to_vec());
                let places = places(&self.wanted, &ReaderBuilder::new().build(header.as_slice())?.schema());
                (header, places)
            }
        };
        let rows = decoded(&header, block, &places, &self.wanted);
        self.known = Some((header, places));
        rows
    }
}

/// Returns the indices of columns in a file.
fn places(wanted: &Schema, file: &Schema) -> Vec<usize> {
    let mut places: Vec<usize> = wanted.fields().iter().filter_map(|field| file.index_of(field.name()).ok()).collect();
    if places.is_empty() && !file.fields().is_empty() {
        // Without any column the rows could not be counted.
        places.push(0);
    }
    places.sort_unstable();
    places.dedup();
    places
}

/// Decodes the rows of a block.
fn decoded(header: &[u8], block: &Block, places: &[usize], wanted: &SchemaRef) -> Result<RecordBatch> {
    let damaged = || Error::data(format!("block {} holds other rows than it says: the file is damaged", block.number));
    if block.count == 0 {
        return if block.data.is_empty() { Ok(RecordBatch::new_empty(Arc::clone(wanted))) } else { Err(damaged()) };
    }
    let mut bytes = header.to_vec();
    // The library stops after a full batch, and never ends where a block has bytes after its last row: so the block claims more rows than a
    // batch, which is as large as the block.
    number(ENDLESS, &mut bytes);
    number(block.data.len() as u64, &mut bytes);
    bytes.extend_from_slice(&block.data);
    bytes.extend_from_slice(header.len().checked_sub(SYNC).and_then(|from| header.get(from..)).ok_or_else(damaged)?);
    let mut reader = ReaderBuilder::new().with_batch_size(block.count).with_projection(places.to_vec()).build(bytes.as_slice())?;
    let found = reader.next().transpose()?.filter(|found| found.num_rows() == block.count).ok_or_else(damaged)?;
    match reader.next() {
        None => fitted(&found, wanted),
        Some(_) => Err(damaged()),
    }
}

/// Returns the wanted columns, without Avro's own metadata.
fn fitted(found: &RecordBatch, wanted: &Schema) -> Result<RecordBatch> {
    let column = |field: &FieldRef| -> Result<ArrayRef> {
        Ok(match found.column_by_name(field.name()) {
            None => new_null_array(field.data_type(), found.num_rows()),
            Some(column) => {
                let column = of_bytes(column, field.data_type())?;
                if column.data_type() == field.data_type() { column } else { cast(&column, field.data_type())? }
            }
        })
    };
    let columns = wanted.fields().iter().map(column).collect::<Result<Vec<_>>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(found.num_rows()));
    Ok(RecordBatch::try_new_with_options(Arc::new(wanted.clone()), columns, &options)?)
}
