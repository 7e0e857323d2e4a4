//! Opens Parquet files under the table's column names, where those of the file are duplicates or differ in case (nested fields as well),
//! and those with INT96 times, which are read as bytes (`int96_times.rs`).
//!
//! Readers of Parquet use the names and types in a file's metadata, so this module changes them there.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use arrow::datatypes::{DataType, FieldRef, Fields};
use bytes::Bytes;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::ParquetFileReaderFactory;
use datafusion::datasource::physical_plan::parquet::DefaultParquetFileReaderFactory;
use datafusion::error::Result as DfResult;
use datafusion::parquet::arrow::ARROW_SCHEMA_META_KEY;
use datafusion::parquet::arrow::arrow_reader::ArrowReaderOptions;
use datafusion::parquet::arrow::async_reader::AsyncFileReader;
use datafusion::parquet::arrow::parquet_to_arrow_schema;
use datafusion::parquet::basic::Type as PhysicalType;
use datafusion::parquet::errors::{ParquetError, Result as ParquetResult};
use datafusion::parquet::file::metadata::{
    FileMetaData, ParquetMetaData, ParquetMetaDataOptions, ParquetMetaDataReader, ParquetMetaDataWriter,
};
use datafusion::parquet::schema::types::{SchemaDescriptor, Type, TypePtr};
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use futures::FutureExt;
use futures::future::BoxFuture;
use object_store::{ObjectMeta, ObjectStore};

use crate::common::{Error, Result};

use super::column_names;
use super::int96_times;

/// The bytes after the metadata in a file: its length, and a magic number.
const FOOTER: usize = 8;

/// Opens files with their columns named as by [`column_names::names`].
#[derive(Debug)]
pub(super) struct RenamedParquet {
    inner: Arc<dyn ParquetFileReaderFactory>,
    declared: Arc<[FieldRef]>,
}

impl RenamedParquet {
    /// Files of a table with these columns, opened by `inner`.
    pub(super) fn new(inner: Arc<dyn ParquetFileReaderFactory>, declared: Arc<[FieldRef]>) -> Self {
        Self { inner, declared }
    }
}

impl ParquetFileReaderFactory for RenamedParquet {
    fn create_reader(
        &self,
        partition: usize,
        file: PartitionedFile,
        hint: Option<usize>,
        metrics: &ExecutionPlanMetricsSet,
    ) -> DfResult<Box<dyn AsyncFileReader + Send>> {
        let inner = self.inner.create_reader(partition, file, hint, metrics)?;
        Ok(Box::new(Reader { inner, declared: Arc::clone(&self.declared) }))
    }
}

struct Reader {
    inner: Box<dyn AsyncFileReader + Send>,
    declared: Arc<[FieldRef]>,
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").field("declared", &self.declared).finish_non_exhaustive()
    }
}

impl AsyncFileReader for Reader {
    fn get_bytes(&mut self, range: Range<u64>) -> BoxFuture<'_, ParquetResult<Bytes>> {
        self.inner.get_bytes(range)
    }

    fn get_byte_ranges(&mut self, ranges: Vec<Range<u64>>) -> BoxFuture<'_, ParquetResult<Vec<Bytes>>> {
        self.inner.get_byte_ranges(ranges)
    }

    fn get_metadata<'a>(&'a mut self, options: Option<&'a ArrowReaderOptions>) -> BoxFuture<'a, ParquetResult<Arc<ParquetMetaData>>> {
        async move {
            let found = self.inner.get_metadata(options).await?;
            called(&found, &self.declared).map(|other| other.map_or(found, Arc::new))
        }
        .boxed()
    }
}

/// Returns the columns of a file with duplicate names, under unique names; `None` if there are no duplicates.
///
/// # Errors
/// When the file cannot be opened.
pub(super) async fn apart(objects: Arc<dyn ObjectStore>, file: &ObjectMeta) -> Result<Option<Fields>> {
    let unread = |e: ParquetError| Error::data("it is damaged, or no Parquet").with_source(e);
    let opened = DefaultParquetFileReaderFactory::new(objects);
    let mut reader = opened.create_reader(0, PartitionedFile::new_from_meta(file.clone()), None, &ExecutionPlanMetricsSet::new())?;
    let found = reader.get_metadata(None).await.map_err(unread)?;
    let Some(apart) = called(&found, &[]).map_err(unread)? else { return Ok(None) };
    let schema = parquet_to_arrow_schema(apart.file_metadata().schema_descr(), None).map_err(unread)?;
    Ok(Some(int96_times::with_times(&schema.fields)))
}

/// Returns metadata with the changed names and types of columns; `None` if nothing changes.
fn called(found: &ParquetMetaData, declared: &[FieldRef]) -> ParquetResult<Option<ParquetMetaData>> {
    let file = found.file_metadata();
    let root = file.schema_descr().root_schema();
    let theirs: Vec<String> = root.get_fields().iter().map(|field| field.name().to_string()).collect();
    let ours = column_names::names(&theirs, declared).map_err(|e| ParquetError::External(Box::new(e)))?;
    let of = |name: &str| declared.iter().find(|field| field.name() == name).map(|field| field.data_type());
    let named = |name: &str, error: ParquetError| match error {
        ParquetError::External(error) => match error.downcast::<Error>() {
            Ok(error) => ParquetError::External(Box::new(error.context(format!("column `{name}`")))),
            Err(error) => ParquetError::External(error),
        },
        other => other,
    };
    let of = |field: &TypePtr, name: &str| renamed(field, name, of(name)).map(Arc::new).map_err(|e| named(name, e));
    let fields = root.get_fields().iter().zip(&ours).map(|(field, name)| of(field, name));
    let fields = fields.collect::<ParquetResult<Vec<_>>>()?;
    if fields == root.get_fields() {
        return Ok(None);
    }
    let root = Type::group_type_builder(root.name()).with_fields(fields).build()?;
    // The embedded Arrow schema has the old names.
    let notes = file.key_value_metadata().map(|all| all.iter().filter(|note| note.key != ARROW_SCHEMA_META_KEY).cloned().collect());
    let by = file.created_by().map(str::to_string);
    let orders = file.column_orders().cloned();
    let plain = FileMetaData::new(file.version(), file.num_rows(), by, notes, file.schema_descr_ptr(), orders);
    let mut bytes = Vec::new();
    ParquetMetaDataWriter::new(&mut bytes, &ParquetMetaData::new(plain, found.row_groups().to_vec())).finish()?;
    let options = ParquetMetaDataOptions::new().with_schema(Arc::new(SchemaDescriptor::new(Arc::new(root))));
    let end = bytes.len().checked_sub(FOOTER).ok_or_else(|| ParquetError::General("no metadata".to_string()))?;
    ParquetMetaDataReader::decode_metadata_with_options(&bytes[..end], Some(&options)).map(Some)
}

/// Returns a column under another name, with nested fields named as declared.
fn renamed(column: &Type, name: &str, declared: Option<&DataType>) -> ParquetResult<Type> {
    let info = column.get_basic_info();
    let id = info.has_id().then(|| info.id());
    match column {
        Type::GroupType { fields, .. } => Type::group_type_builder(name)
            .with_repetition(info.repetition())
            .with_converted_type(info.converted_type())
            .with_logical_type(info.logical_type_ref().cloned())
            .with_fields(below(fields, declared)?)
            .with_id(id)
            .build(),
        Type::PrimitiveType { physical_type: PhysicalType::INT96, .. } => {
            Type::primitive_type_builder(name, PhysicalType::FIXED_LEN_BYTE_ARRAY)
                .with_repetition(info.repetition())
                .with_length(int96_times::WIDTH)
                .with_id(Some(int96_times::FIELD_ID))
                .build()
        }
        Type::PrimitiveType { physical_type, type_length, scale, precision, .. } => Type::primitive_type_builder(name, *physical_type)
            .with_repetition(info.repetition())
            .with_converted_type(info.converted_type())
            .with_logical_type(info.logical_type_ref().cloned())
            .with_length(*type_length)
            .with_precision(*precision)
            .with_scale(*scale)
            .with_id(id)
            .build(),
    }
}

/// The fields of a group.
fn below(fields: &[TypePtr], declared: Option<&DataType>) -> ParquetResult<Vec<TypePtr>> {
    let same = |of: Option<&DataType>| fields.iter().map(|field| renamed(field, field.name(), of).map(Arc::new)).collect();
    match (declared, fields) {
        (Some(DataType::Struct(declared)), _) => {
            let theirs: Vec<String> = fields.iter().map(|field| field.name().to_string()).collect();
            let names = column_names::names(&theirs, declared).map_err(|e| ParquetError::External(Box::new(e)))?;
            let of = |name: &str| declared.find(name).map(|(_, field)| field.data_type());
            fields.iter().zip(&names).map(|(field, name)| renamed(field, name, of(name)).map(Arc::new)).collect()
        }
        // A list is a group with one repeated group, which has one field.
        (Some(DataType::List(element)), [only]) if only.is_group() && only.get_fields().len() == 1 => {
            let inner = only.get_fields().iter().map(|inner| renamed(inner, inner.name(), Some(element.data_type())).map(Arc::new));
            Ok(vec![Arc::new(with_fields(only, inner.collect::<ParquetResult<_>>()?)?)])
        }
        (Some(DataType::List(element)), [_]) => same(Some(element.data_type())),
        (Some(DataType::Map(entries, _)), [pairs]) if pairs.is_group() => {
            let DataType::Struct(pair) = entries.data_type() else { return same(None) };
            let parts = pairs.get_fields().iter().zip(pair).map(|(part, declared)| renamed(part, part.name(), Some(declared.data_type())));
            Ok(vec![Arc::new(with_fields(pairs, parts.map(|part| part.map(Arc::new)).collect::<ParquetResult<_>>()?)?)])
        }
        _ => same(None),
    }
}

fn with_fields(group: &Type, fields: Vec<TypePtr>) -> ParquetResult<Type> {
    let info = group.get_basic_info();
    Type::group_type_builder(group.name())
        .with_repetition(info.repetition())
        .with_converted_type(info.converted_type())
        .with_logical_type(info.logical_type_ref().cloned())
        .with_fields(fields)
        .with_id(info.has_id().then(|| info.id()))
        .build()
}
