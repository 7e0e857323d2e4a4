//! Opens the store of a location: the local file system, or a bucket.

use std::sync::Arc;

use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::execution::runtime_env::RuntimeEnv;
use object_store::ObjectStore;
use object_store::local::LocalFileSystem;

use crate::common::Result;
use crate::common::s3::{Access, Buckets};

use super::location::Storage;

/// An open store, and the name under which plans find it.
///
/// Plans name a store by URL. Each set of options has its own URL for a bucket, so that two tables on one bucket with different keys do not
/// use each other's.
#[derive(Debug, Clone)]
pub struct Store {
    /// The store.
    pub objects: Arc<dyn ObjectStore>,
    /// Its name in plans, without secrets.
    pub url: ObjectStoreUrl,
    /// Whether it is on this machine.
    pub local: bool,
}

impl Store {
    /// Opens the store of a place. Does not connect.
    ///
    /// # Errors
    /// When the options are invalid for the store.
    pub fn open(place: &Storage, access: &Access, buckets: &Buckets) -> Result<Self> {
        match place {
            Storage::Local => Ok(Self { objects: Arc::new(LocalFileSystem::new()), url: ObjectStoreUrl::local_filesystem(), local: true }),
            Storage::S3(bucket) => {
                let bucket = buckets.open(bucket, access)?;
                let url = ObjectStoreUrl::parse(bucket.unique())?;
                Ok(Self { objects: Arc::clone(&bucket.store), url, local: false })
            }
        }
    }

    /// Registers the store for plans that run in this process.
    pub fn register(&self, runtime: &RuntimeEnv) {
        if !self.local {
            runtime.register_object_store(self.url.as_ref(), Arc::clone(&self.objects));
        }
    }
}
