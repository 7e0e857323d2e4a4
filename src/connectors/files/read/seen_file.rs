//! The files that a job has read, as its commits store them.

use serde::{Deserialize, Serialize};

use crate::common::{Error, Result};

use crate::connectors::files::table::listing::File;

/// A file that the job has started to read, or skips: a line in its commits.
///
/// ```text
///   position   0 ............ 1000 ........ 1700 ...
///   file       a.csv          b.csv         c.csv        {"path":"b.csv","at":1000,...}
/// ```
/// Positions count records over all files, including bad records, so a position and these lines identify the next record and its file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeenFile {
    /// Its path in its store.
    pub path: String,
    size: u64,
    /// In milliseconds since 1970.
    modified: i64,
    /// The position of its first record; `None`: the file is skipped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<i64>,
}

impl SeenFile {
    /// A file whose first record is at this position.
    pub fn new(file: &File, at: Option<i64>) -> Self {
        let meta = &file.meta;
        Self { path: meta.location.to_string(), size: meta.size, modified: meta.last_modified.timestamp_millis(), at }
    }

    /// Parses a line.
    ///
    /// # Errors
    /// When the line is invalid.
    pub fn parse(line: &str) -> Result<Self> {
        serde_json::from_str(line).map_err(|e| Error::state("the commits name a file in a way that cannot be read").with_source(e))
    }

    /// Whether the file is unchanged.
    pub fn is(&self, file: &File) -> bool {
        Self::new(file, self.at) == *self
    }
}
