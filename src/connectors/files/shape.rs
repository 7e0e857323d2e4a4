//! Files that are read alike: same columns in the same places, same compression.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use datafusion::catalog::Session;
use datafusion::datasource::file_format::FileFormat;
use datafusion::datasource::file_format::file_compression_type::FileCompressionType;
use futures::{StreamExt, TryStreamExt, stream};

use crate::common::{Error, Result};

use super::config::Config;
use super::format::{Header, Kind};
use super::listing::File;

/// How many files are looked at once.
const AT_ONCE: usize = 32;

/// Files that one plan node can read.
///
/// Parquet, Avro and JSON name their columns in every file or row, and their readers look them up by name, cast them and
/// fill in NULL. A CSV file says at most in its first line which column stands where, and Arrow's reader takes columns by
/// place: such files are put together by what they say, and what differs from the table is made good above them.
#[derive(Debug)]
pub struct Shape {
    /// DataFusion's reader.
    pub reader: Arc<dyn FileFormat>,
    /// The columns of the content as the reader is to yield them.
    pub content: SchemaRef,
    /// The files.
    pub files: Vec<File>,
}

/// What decides which files go together.
#[derive(PartialEq)]
struct Key {
    compression: FileCompressionType,
    header: bool,
    content: SchemaRef,
}

/// Puts files together that can be read alike.
///
/// # Errors
/// When one of them cannot be opened.
pub async fn shapes(config: &Config, session: &dyn Session, files: Vec<File>) -> Result<Vec<Shape>> {
    let looked_at = stream::iter(files).map(|file| async move { Ok::<_, Error>((key(config, session, &file).await?, file)) });
    let looked_at: Vec<_> = looked_at.boxed().buffered(AT_ONCE).try_collect().await?;
    let mut shapes: Vec<(Key, Shape)> = Vec::new();
    for (key, file) in looked_at {
        let Some(key) = key else { continue };
        match shapes.iter_mut().find(|(k, _)| *k == key) {
            Some((_, shape)) => shape.files.push(file),
            None => {
                let reader = config.format.reader(key.compression, key.header);
                let content = Arc::clone(&key.content);
                shapes.push((key, Shape { reader, content, files: vec![file] }));
            }
        }
    }
    Ok(shapes.into_iter().map(|(_, shape)| shape).collect())
}

/// How a file has to be read; `None` if it has no rows.
async fn key(config: &Config, session: &dyn Session, file: &File) -> Result<Option<Key>> {
    let format = &config.format;
    let compression = format.compression_of(&file.meta.location);
    // Text that may stand for NULL is made into other types when that has been looked at.
    let declared = || match format.null_literal {
        Some(_) => Arc::new(Schema::new(config.content.iter().map(|f| text(f.name())).collect::<Vec<_>>())),
        None => Arc::new(Schema::new(config.content.clone())),
    };
    let plain = |header, content| Ok(Some(Key { compression, header, content }));
    match (format.kind, format.header) {
        (Kind::Parquet | Kind::Avro | Kind::Json, _) | (Kind::Csv, Header::None) => plain(false, declared()),
        (Kind::Csv, Header::Skipped) => plain(true, declared()),
        (Kind::Arrow, _) => {
            let reader = format.reader(compression, false);
            let content = reader.infer_schema(session, &config.store.objects, std::slice::from_ref(&file.meta)).await;
            plain(false, content.map_err(|e| unreadable(config, file, e.into()))?)
        }
        (Kind::Csv, Header::Auto | Header::Names) => {
            let Some(names) = first_line(config, session, file).await? else { return Ok(None) };
            if format.header == Header::Auto && !names_columns(&names, &config.content) {
                return plain(false, declared());
            }
            if let Some(twice) = names.iter().enumerate().find(|(i, name)| names[..*i].contains(name)) {
                return Err(unreadable(config, file, Error::data(format!("its first line names column `{}` twice", twice.1))));
            }
            let field = |name: &String| match config.content.iter().find(|f| f.name() == name) {
                Some(declared) if format.null_literal.is_none() => Arc::clone(declared),
                // Nobody asks for the others, so they need not be understood.
                _ => text(name),
            };
            plain(true, Arc::new(Schema::new(names.iter().map(field).collect::<Vec<_>>())))
        }
    }
}

fn text(column: &str) -> FieldRef {
    Arc::new(Field::new(column, DataType::Utf8, true))
}

/// Whether the first line of a CSV file is its header: all of it may be names, and much of it is declared.
fn names_columns(line: &[String], declared: &[FieldRef]) -> bool {
    let known = declared.iter().filter(|f| line.contains(f.name())).count();
    line.iter().all(|v| looks_like_a_name(v)) && known * 2 >= declared.len().min(line.len())
}

/// Whether a value in the first line of a CSV file may name a column.
pub fn looks_like_a_name(value: &str) -> bool {
    let value = value.trim();
    let first_is_letter = value.chars().next().is_some_and(|c| c.is_alphabetic() || c == '_');
    first_is_letter && !["true", "false", "null", "nan", "inf"].contains(&value.to_ascii_lowercase().as_str())
}

/// The values in the first line of a CSV file; `None` if it has none.
pub async fn first_line(config: &Config, session: &dyn Session, file: &File) -> Result<Option<Vec<String>>> {
    let reader = config.format.first_line(config.format.compression_of(&file.meta.location));
    let found = reader.infer_schema(session, &config.store.objects, std::slice::from_ref(&file.meta)).await;
    let found = found.map_err(|e| unreadable(config, file, e.into()))?;
    let names: Vec<String> = found.fields().iter().map(|f| f.name().trim_start_matches('\u{feff}').to_string()).collect();
    Ok((!names.is_empty()).then_some(names))
}

/// An error with the file that it is about.
pub fn unreadable(config: &Config, file: &File, error: Error) -> Error {
    error.context(format!("{} cannot be read", config.location.show(&file.meta.location)))
}
