//! Opens the store at the location of `--checkpoints`.

use std::path::Path;
use std::sync::Arc;

use crate::common::s3::{Access, Buckets};
use crate::common::{Error, Result};

use super::local::LocalStore;
use super::object::RemoteStore;
use super::store::StateStore;

/// Opens the store at the location of `--checkpoints`: a path, or a URL such as `s3://bucket/prefix`.
///
/// # Errors
/// When the URL's scheme is unknown or its options are incomplete.
pub fn open(location: &str, buckets: &Buckets) -> Result<Arc<dyn StateStore>> {
    if !location.contains("://") {
        return Ok(Arc::new(LocalStore::new(Path::new(location))));
    }
    let url = url::Url::parse(location).map_err(|e| Error::usage(format!("`{location}` is not a URL")).with_source(e))?;
    let known = |e: object_store::Error| {
        Error::usage(format!("checkpoints cannot be kept at `{location}`"))
            .with_source(e)
            .hint("use a folder, s3://bucket/prefix or file:///folder")
    };
    if let Some(bucket) = url.host_str().filter(|_| matches!(url.scheme(), "s3" | "s3a")) {
        let bucket = buckets.open(bucket, &Access::default())?;
        let prefix = object_store::path::Path::from_url_path(url.path()).map_err(|e| known(e.into()))?;
        return Ok(Arc::new(RemoteStore::new(Arc::clone(&bucket.store), prefix, location)));
    }
    let env = std::env::vars().map(|(k, v)| (k.to_ascii_lowercase(), v));
    let (store, prefix) = object_store::parse_url_opts(&url, env).map_err(known)?;
    Ok(Arc::new(RemoteStore::new(Arc::from(store), prefix, location)))
}
