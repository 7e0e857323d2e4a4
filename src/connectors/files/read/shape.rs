//! Files that are read alike: same columns in the same places, same compression.

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

/// How many files are looked at once.
const AT_ONCE: usize = 32;

/// How a file has to be read; files of one shape can be read by one plan node.
///
/// Parquet and JSON name their columns in every file or row, and their readers look them up by name and fill in NULL. Of the others the
/// first line of a file, or its schema, says which column stands where: such files are put together by what they say, and what differs
/// from the table is made good above them.
#[derive(Debug, Clone, PartialEq)]
pub struct Shape {
    /// How it is packed.
    pub compression: FileCompressionType,
    /// Its first record is no row.
    pub header: bool,
    /// Values of JSON go over lines.
    pub values: bool,
    /// The columns of its content as the reader is to yield them.
    pub content: SchemaRef,
    /// What the table calls them.
    pub called: Vec<String>,
}

/// Puts files together that can be read alike.
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

/// How a file has to be read; `None` if it has no rows.
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
            // Its reader finds columns by the names that they have in the file, and yields them as they are.
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
            // Its reader goes by places.
            let fields = own.fields().iter().zip(called).map(|(field, name)| field.as_ref().clone().with_name(name));
            plain(false, Arc::new(Schema::new(fields.collect::<Vec<_>>())))
        }
        (Kind::Csv, Header::Auto | Header::Names) => {
            let names = match first_line(config, file).await {
                // What is no row is no header either: it is a bad record of the scan.
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
                // The others are not read, so they are not decoded.
                None => Arc::new(Field::new(name, DataType::Utf8, true)),
            };
            plain(true, Arc::new(Schema::new(names.iter().map(field).collect::<Vec<_>>())))
        }
    }
}

/// What the columns of a file are called.
fn called(config: &Config, own: &Fields) -> Result<Vec<String>> {
    let theirs: Vec<String> = own.iter().map(|f| f.name().clone()).collect();
    let called = column_names::names(&theirs, &config.content)?;
    nested_names::check_columns(own, &called, &config.content)?;
    Ok(called)
}

/// The values in the first line of a CSV file; `None` if it has none.
pub async fn first_line(config: &Config, file: &File) -> Result<Option<Vec<String>>> {
    text_records::first(config, &file.meta).await.map_err(|e| unreadable(config, file, e))
}

/// An error with the file that it is about.
pub fn unreadable(config: &Config, file: &File, error: Error) -> Error {
    // A library that says of a damaged file that this should not happen has not met one before.
    let error = if error.kind() == ErrorKind::Internal { Error::data(error.message()) } else { error };
    let shown = config.location.show(&file.meta.location);
    error.context(format!("{shown} cannot be read")).about(Subject::File(shown))
}
