//! A short-lived cache of the metadata of one table.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::common::clock;

/// How long the metadata of a table is cached.
const LIFETIME: Duration = Duration::from_secs(10);

/// Columns and keys of a table as its server reported them.
#[derive(Debug)]
pub struct MetadataCache<T>(Mutex<Option<(Instant, Arc<T>)>>);

impl<T> Default for MetadataCache<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T> MetadataCache<T> {
    /// Returns the metadata, if it is fresh.
    pub fn get(&self) -> Option<Arc<T>> {
        let known = self.0.lock();
        known.as_ref().filter(|(at, _)| clock::since(*at) < LIFETIME).map(|(_, metadata)| Arc::clone(metadata))
    }

    /// Caches the metadata that the server has just returned.
    pub fn put(&self, metadata: T) -> Arc<T> {
        let metadata = Arc::new(metadata);
        *self.0.lock() = Some((clock::instant(), Arc::clone(&metadata)));
        metadata
    }

    /// Drops the metadata: the table may have been altered.
    pub fn forget(&self) {
        *self.0.lock() = None;
    }
}
