//! Groups files that are read alike: same columns in the same order, same compression.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, Fields, Schema, SchemaRef};
use datafusion::datasource::file_format::file_compression_type::FileCompressionType;
use futures::{StreamExt, TryStreamExt, stream};

use crate::common::{Error, ErrorKind, Result, Subject};

use super::arrow_blocks;
use super::avro_blocks;
use super::column_names;
use super::csv_header;
use super::nested_names;
use super::text_records;
use crate::connectors::files::table::config::Config;
use crate::connectors::files::table::format::{Header, Kind};
use crate::connectors::files::table::listing::File;

/// How many files are opened concurrently.
const AT_ONCE: usize = 32;

/// How a file is read; one plan node can read all files of one shape.
///
/// Parquet and JSON name their columns in every file or row, and their readers look them up by name and fill in NULL. In other formats the
/// first line of a file, or its schema, gives the order of columns: such files are grouped by it, and a plan above them makes up for
/// differences from the table.
#[derive(Debug, Clone, PartialEq)]
pub struct Shape {
    /// Its compression.
    pub compression: FileCompressionType,
    /// The first record is a header.
    pub header: bool,
    /// JSON values extend over lines.
    pub values: bool,
    /// The columns of its content as the reader yields them.
    pub content: SchemaRef,
    /// Their names in the table.
    pub called: Vec<String>,
}

/// Groups files by shape.
///
/// # Errors
/// When one of them cannot be opened.
pub async fn shapes(config: &Config, files: Vec<File>) -> Result<Vec<(Shape, Vec<File>)>> {
    let looked_at = stream::iter(files).map(|file| async move { Ok::<_, Error>((shape(config, &file).await?, file)) });
    let looked_at: Vec<_> = looked_at.boxed().buffered(AT_ONCE).try_collect().await?;
    let mut shapes: Vec<(Shape, Vec<File>)> = Vec::new();
    for (shape, file) in looked_at {
        let Some(shape) = shape else { continue };
        match shapes.iter_mut().find(|(other, _)| *other == shape) {
            Some((_, files)) => files.push(file),
            None => shapes.push((shape, vec![file])),
        }
    }
    Ok(shapes)
}

/// Determines the shape of a file; `None` if it has no rows.
///
/// # Errors
/// When it cannot be opened.
pub async fn shape(config: &Config, file: &File) -> Result<Option<Shape>> {
    let format = &config.format;
    let compression = format.compression_of(&file.meta.location);
    let declared = || Arc::new(Schema::new(config.content.clone()));
    let whole = |header, values, content: SchemaRef| {
        let called = content.fields().iter().map(|f| f.name().clone()).collect();
        Ok(Some(Shape { compression, header, values, content, called }))
    };
    let plain = |header, content| whole(header, false, content);
    match (format.kind, format.header) {
        (Kind::Avro, _) => {
            let own = avro_blocks::check(&*config.store.objects, file).await.map_err(|e| unreadable(config, file, e))?;
            let called = called(config, own.fields()).map_err(|e| unreadable(config, file, e))?;
            // The reader finds columns by their names in the file, and yields them as they are.
            let in_file = |field: &FieldRef| called.iter().position(|name| name == field.name()).and_then(|i| own.fields().get(i));
            let content: Vec<FieldRef> = config.content.iter().map(|field| Arc::clone(in_file(field).unwrap_or(field))).collect();
            let called = config.content.iter().map(|f| f.name().clone()).collect();
            Ok(Some(Shape { compression, header: false, values: false, content: Arc::new(Schema::new(content)), called }))
        }
        (Kind::Json, _) => {
            let values = text_records::has_values_over_lines(config, &file.meta).await.map_err(|e| unreadable(config, file, e))?;
            whole(false, values, declared())
        }
        (Kind::Parquet, _) | (Kind::Csv, Header::None) => plain(false, declared()),
        (Kind::Csv, Header::Skipped) => plain(true, declared()),
        (Kind::Arrow, _) => {
            let own = arrow_blocks::check(&*config.store.objects, file).await.map_err(|e| unreadable(config, file, e))?;
            let called = called(config, own.fields()).map_err(|e| unreadable(config, file, e))?;
            // The reader goes by position.
            let fields = own.fields().iter().zip(called).map(|(field, name)| field.as_ref().clone().with_name(name));
            plain(false, Arc::new(Schema::new(fields.collect::<Vec<_>>())))
        }
        (Kind::Csv, Header::Auto | Header::Names) => {
            let names = match first_line(config, file).await {
                // An invalid first line is no header: it is a bad record of the scan.
                Err(error) if error.kind() == ErrorKind::Data && format.header == Header::Auto => return plain(false, declared()),
                names => names?,
            };
            let Some(names) = names else { return Ok(None) };
            if format.header == Header::Auto && !csv_header::names_columns(&names, &config.content) {
                return plain(false, declared());
            }
            let names = column_names::names(&names, &config.content).map_err(|e| unreadable(config, file, e))?;
            let field = |name: &String| match config.content.iter().find(|f| f.name() == name) {
                Some(declared) => Arc::clone(declared),
                // Other columns are not read, so they are not decoded.
                None => Arc::new(Field::new(name, DataType::Utf8, true)),
            };
            plain(true, Arc::new(Schema::new(names.iter().map(field).collect::<Vec<_>>())))
        }
    }
}

/// Returns the names of a file's columns in the table.
fn called(config: &Config, own: &Fields) -> Result<Vec<String>> {
    let theirs: Vec<String> = own.iter().map(|f| f.name().clone()).collect();
    let called = column_names::names(&theirs, &config.content)?;
    nested_names::check_columns(own, &called, &config.content)?;
    Ok(called)
}

/// Returns the values in the first line of a CSV file; `None` if it is empty.
pub async fn first_line(config: &Config, file: &File) -> Result<Option<Vec<String>>> {
    text_records::first(config, &file.meta).await.map_err(|e| unreadable(config, file, e))
}

/// Adds the file to an error.
pub fn unreadable(config: &Config, file: &File, error: Error) -> Error {
    // An "internal" error of a library about a damaged file is an error of the data.
    let error = if error.kind() == ErrorKind::Internal { Error::data(error.message()) } else { error };
    let shown = config.location.show(&file.meta.location);
    error.context(format!("{shown} cannot be read")).about(Subject::File(shown))
}
