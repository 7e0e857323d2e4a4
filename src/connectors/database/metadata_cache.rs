//! The metadata of one table, cached for a moment.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::common::clock;

/// How long the metadata of a table is cached.
const LIFETIME: Duration = Duration::from_secs(10);

/// Columns and keys of a table as its server told them.
#[derive(Debug)]
pub struct MetadataCache<T>(Mutex<Option<(Instant, Arc<T>)>>);

impl<T> Default for MetadataCache<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T> MetadataCache<T> {
    /// The metadata, if it is fresh.
    pub fn get(&self) -> Option<Arc<T>> {
        let known = self.0.lock();
        known.as_ref().filter(|(at, _)| clock::since(*at) < LIFETIME).map(|(_, metadata)| Arc::clone(metadata))
    }

    /// Caches what the server has just told.
    pub fn put(&self, metadata: T) -> Arc<T> {
        let metadata = Arc::new(metadata);
        *self.0.lock() = Some((clock::instant(), Arc::clone(&metadata)));
        metadata
    }

    /// Drops it: the table may have been altered.
    pub fn forget(&self) {
        *self.0.lock() = None;
    }
}
