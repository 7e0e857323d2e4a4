//! Lists the files of a table, and parses the values in their paths.

use std::ops::Range;
use std::sync::Arc;

use datafusion::common::ScalarValue;
use datafusion::common::arrow::datatypes::DataType;
use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt};
use percent_encoding::percent_decode_str;

use crate::common::library_text::plain;
use crate::common::{Error, Result, suggest};

use super::location::{Location, Storage};

/// The name that Hive and Spark use for the folder of a NULL partition.
pub const HIVE_NULL: &str = "__HIVE_DEFAULT_PARTITION__";

/// A file of a table.
#[derive(Debug, Clone)]
pub struct File {
    /// Its path, size, and time of change.
    pub meta: ObjectMeta,
    /// `key=value` parts of its path, outermost first.
    pub partitions: Vec<(String, String)>,
    /// Only these of its rows; supported only for Parquet.
    pub rows: Option<Range<usize>>,
}

/// Lists all files of a location in order of their paths. Skips hidden ones (with a leading `_` or `.`) and empty ones.
///
/// # Errors
/// When the store does not answer, or a local folder does not exist.
pub async fn list(location: &Location, store: &Arc<dyn ObjectStore>) -> Result<Vec<File>> {
    let found = match objects(location, store).await {
        Ok(found) => found,
        Err(object_store::Error::NotFound { .. }) => Vec::new(),
        Err(e) => return Err(unreachable(location, e)),
    };
    let mut files: Vec<File> = found.into_iter().filter_map(|meta| file(location, meta)).collect();
    files.sort_by(|a, b| a.meta.location.cmp(&b.meta.location));
    Ok(files)
}

/// Whether a location is a folder of this machine, which may be empty.
pub fn is_folder(location: &Location) -> bool {
    is_there(location) && std::path::Path::new(&format!("/{}", location.base)).is_dir()
}

/// Whether a location is a folder or file of this machine; a file may be empty.
pub fn is_there(location: &Location) -> bool {
    location.place == Storage::Local && location.pattern.is_none() && std::path::Path::new(&format!("/{}", location.base)).exists()
}

/// Returns the error for a location without files.
pub async fn nothing(location: &Location, store: &Arc<dyn ObjectStore>) -> Error {
    let shown = &location.shown;
    if is_folder(location) {
        return Error::sql(format!("there are no files in folder '{shown}'"))
            .hint("empty files are passed over, and those whose names begin with `_` or `.`");
    }
    if is_there(location) {
        return Error::sql(format!("file '{shown}' is empty"));
    }
    let what = if location.pattern.is_some() { "no file matches" } else { "there is no file at" };
    let error = Error::sql(format!("{what} '{shown}'"));
    if let Some(near) = suggestion(location, store).await {
        return error.hint(format!("did you mean '{near}'?"));
    }
    let relative = location.place == Storage::Local && !shown.starts_with('/') && !shown.contains("://");
    if relative { error.hint(format!("looked for in /{}", location.base)) } else { error }
}

/// Returns the location with its missing file, or the missing folder of its pattern, replaced by the most similar name that exists.
async fn suggestion(location: &Location, store: &Arc<dyn ObjectStore>) -> Option<String> {
    let (folder, wanted) = location.base.as_ref().rsplit_once('/').unwrap_or(("", location.base.as_ref()));
    let folder = (!folder.is_empty()).then(|| Path::from(folder));
    let beside = store.list_with_delimiter(folder.as_ref()).await.ok()?;
    let files = beside.objects.iter().filter(|_| location.pattern.is_none()).map(|object| &object.location);
    let found: Vec<&str> = files.chain(&beside.common_prefixes).filter_map(Path::filename).filter(|name| !name.starts_with('.')).collect();
    let near = suggest::nearest(wanted, found.iter().copied().filter(|_| !found.contains(&wanted)))?;
    let at = location.shown.rfind(wanted)?;
    Some(format!("{}{near}{}", &location.shown[..at], &location.shown[at + wanted.len()..]))
}

async fn objects(location: &Location, store: &Arc<dyn ObjectStore>) -> object_store::Result<Vec<ObjectMeta>> {
    if location.is_flat() {
        match store.list_with_delimiter(Some(&location.base)).await {
            Ok(found) => return Ok(found.objects),
            // Obstacles are skipped below.
            Err(e) if is_odd(&e) => {}
            Err(e) => return Err(e),
        }
    }
    let is_root = location.base.as_ref().is_empty();
    if location.pattern.is_none() && !is_root {
        match store.head(&location.base).await {
            Ok(file) => return Ok(vec![file]),
            Err(object_store::Error::NotFound { .. }) => {}
            Err(e) => return Err(e),
        }
    }
    let mut listed = store.list((!is_root).then_some(&location.base));
    let mut found = Vec::new();
    loop {
        match listed.try_next().await {
            Ok(Some(meta)) => found.push(meta),
            Ok(None) => return Ok(found),
            Err(e) if is_odd(&e) => tracing::warn!("'{}': something in it is passed over: {}", location.shown, plain(&e.to_string()).text),
            Err(e) => return Err(e),
        }
    }
}

/// Whether listing met an invalid file name, or a link to a parent folder: neither is a file of a table.
fn is_odd(error: &object_store::Error) -> bool {
    matches!(error, object_store::Error::InvalidPath { .. }) || error.to_string().contains("File system loop found")
}

/// Returns the file, if it belongs to the table.
fn file(location: &Location, meta: ObjectMeta) -> Option<File> {
    if meta.size == 0 {
        return None;
    }
    let below: Vec<String> = meta.location.prefix_match(&location.base)?.map(|p| p.as_ref().to_string()).collect();
    if !location.matches(&below) {
        return None;
    }
    let partitions = meta.location.as_ref().rsplit_once('/').map_or_else(Vec::new, |(folder, _)| partitions(folder));
    Some(File { meta, partitions, rows: None })
}

/// The `key=value` parts of a folder's path, outermost first.
pub fn partitions(folder: &str) -> Vec<(String, String)> {
    let decode = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    folder.split('/').filter_map(|p| p.split_once('=')).map(|(k, v)| (decode(k), decode(v))).collect()
}

fn unreachable(location: &Location, error: object_store::Error) -> Error {
    use object_store::Error::{PermissionDenied, Unauthenticated};
    let shown = &location.shown;
    match error {
        PermissionDenied { .. } | Unauthenticated { .. } => Error::sql(format!("'{shown}' may not be read"))
            .with_source(error)
            .hint("give `s3.access-key` and `s3.secret-key`, or the AWS environment; `s3.anonymous` = 'true' for a public bucket"),
        _ => Error::unavailable(format!("'{shown}' cannot be listed")).with_source(error),
    }
}

impl File {
    /// Returns the value of a partition column, as text; `None` if the path does not have it.
    pub fn partition(&self, key: &str) -> Option<&str> {
        self.partitions.iter().rev().find(|(k, _)| k == key).map(|(_, v)| v.as_str())
    }

    /// Returns the value of a partition column.
    ///
    /// # Errors
    /// When the path does not have it, or its text does not fit the type.
    pub fn partition_value(&self, key: &str, data_type: &DataType, null: &str) -> Result<ScalarValue> {
        let text = self.partition(key).ok_or_else(|| {
            Error::data(format!("/{}: its path has no `{key}=...`", self.meta.location))
                .hint(format!("PARTITIONED BY ({key}) wants folders such as `{key}=value/`"))
        })?;
        if text == null || text == HIVE_NULL {
            return Ok(ScalarValue::try_from(data_type)?);
        }
        ScalarValue::from(text).cast_to(data_type).map_err(|e| {
            let shown = crate::sql::types::display(data_type);
            Error::data(format!("/{}: `{key}={text}` is no {shown}", self.meta.location)).with_source(e)
        })
    }
}
