//! From a location to the store that holds it: the local file system, or a bucket.

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
/// Plans name a store by URL. Buckets get a URL per set of options, so that two tables on one bucket with
/// different keys do not read with each other's.
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
    /// Opens the store of a place. Nothing is connected yet.
    ///
    /// # Errors
    /// When the options are no way to reach it.
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

    /// Lets plans that run here find it.
    pub fn register(&self, runtime: &RuntimeEnv) {
        if !self.local {
            runtime.register_object_store(self.url.as_ref(), Arc::clone(&self.objects));
        }
    }
}
