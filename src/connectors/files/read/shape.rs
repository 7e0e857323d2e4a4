//! Files that are read alike: same columns in the same places, same compression.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::datasource::file_format::file_compression_type::FileCompressionType;
use datafusion::execution::SessionStateBuilder;
use futures::{StreamExt, TryStreamExt, stream};

use crate::common::{Error, ErrorKind, Result};

use super::arrow_blocks;
use super::avro_blocks;
use super::csv_header;
use super::floor_times;
use super::text_records;
use crate::connectors::files::table::config::Config;
use crate::connectors::files::table::format::{Header, Kind};
use crate::connectors::files::table::listing::File;

/// How many files are looked at once.
const AT_ONCE: usize = 32;

/// How a file has to be read; files of one shape can be read by one plan node.
///
/// Parquet, Avro and JSON name their columns in every file or row, and their readers look them up by name and fill in NULL. A CSV
/// file says at most in its first line which column stands where: such files are put together by what they say, and what differs
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
    let plain = |header, content| Ok(Some(Shape { compression, header, values: false, content }));
    match (format.kind, format.header) {
        (Kind::Avro, _) => {
            avro_blocks::check(&*config.store.objects, file).await.map_err(|e| unreadable(config, file, e))?;
            // The reader of Avro asks nothing of a session.
            let session = SessionStateBuilder::new().build();
            let own = format.reader()?.infer_schema(&session, &config.store.objects, std::slice::from_ref(&file.meta)).await;
            plain(false, floor_times::with_times_of(&*own.map_err(|e| unreadable(config, file, e.into()))?, &config.content))
        }
        (Kind::Json, _) => {
            let values = text_records::has_values_over_lines(config, &file.meta).await.map_err(|e| unreadable(config, file, e))?;
            Ok(Some(Shape { compression, header: false, values, content: declared() }))
        }
        (Kind::Parquet, _) | (Kind::Csv, Header::None) => plain(false, declared()),
        (Kind::Csv, Header::Skipped) => plain(true, declared()),
        (Kind::Arrow, _) => {
            let content = arrow_blocks::check(&*config.store.objects, file).await;
            plain(false, Arc::new(content.map_err(|e| unreadable(config, file, e))?))
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
            let twice = |name: &&String| names.iter().filter(|other| other == name).count() > 1;
            let declared = |name: &str| config.content.iter().any(|f| f.name() == name);
            if let Some(twice) = names.iter().find(twice).filter(|name| declared(name) && !declared(&format!("{name}_1"))) {
                return Err(unreadable(config, file, Error::data(format!("its first line names column `{twice}` twice"))));
            }
            let names = csv_header::names(&names, &config.content);
            let field = |name: &String| match config.content.iter().find(|f| f.name() == name) {
                Some(declared) => Arc::clone(declared),
                // Nobody asks for the others, so they need not be understood.
                None => Arc::new(Field::new(name, DataType::Utf8, true)),
            };
            plain(true, Arc::new(Schema::new(names.iter().map(field).collect::<Vec<_>>())))
        }
    }
}

/// The values in the first line of a CSV file; `None` if it has none.
pub async fn first_line(config: &Config, file: &File) -> Result<Option<Vec<String>>> {
    text_records::first(config, &file.meta).await.map_err(|e| unreadable(config, file, e))
}

/// An error with the file that it is about.
pub fn unreadable(config: &Config, file: &File, error: Error) -> Error {
    // A library that says of a damaged file that this should not happen has not met one before.
    let error = if error.kind() == ErrorKind::Internal { Error::data(error.message()) } else { error };
    error.context(format!("{} cannot be read", config.location.show(&file.meta.location)))
}
