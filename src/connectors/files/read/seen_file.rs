//! Which files a job has read, as its commits keep it.

use serde::{Deserialize, Serialize};

use crate::common::{Error, Result};

use crate::connectors::files::table::listing::File;

/// A file that the job has begun to read, or passes over: a line that its commits keep.
///
/// ```text
///   position   0 ............ 1000 ........ 1700 ...
///   file       a.csv          b.csv         c.csv        {"path":"b.csv","at":1000,...}
/// ```
/// Positions count records over all files, those that cannot be read too, so a position and these lines tell which record of which
/// file is the next one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeenFile {
    /// Where it is in its store.
    pub path: String,
    size: u64,
    /// In milliseconds since 1970.
    modified: i64,
    /// The position of its first record; `None`: it is not read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<i64>,
}

impl SeenFile {
    /// A file whose first record is at this position.
    pub fn new(file: &File, at: Option<i64>) -> Self {
        let meta = &file.meta;
        Self { path: meta.location.to_string(), size: meta.size, modified: meta.last_modified.timestamp_millis(), at }
    }

    /// Reads a line back.
    ///
    /// # Errors
    /// When it is none.
    pub fn parse(line: &str) -> Result<Self> {
        serde_json::from_str(line).map_err(|e| Error::state("the commits name a file in a way that cannot be read").with_source(e))
    }

    /// Whether the file is still as it was.
    pub fn is(&self, file: &File) -> bool {
        Self::new(file, self.at) == *self
    }
}
