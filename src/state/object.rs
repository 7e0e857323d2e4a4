//! The store on an object store: S3, or memory in tests.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload};

use crate::common::{Error, Result};

use super::store::{Created, StateStore, within};

/// How often a request with an unknown outcome is repeated.
const TRIES: u32 = 8;

/// Objects under a prefix of an [`ObjectStore`] that honours create-if-absent.
#[derive(Debug, Clone)]
pub struct RemoteStore {
    store: Arc<dyn ObjectStore>,
    prefix: Path,
    shown: String,
}

impl RemoteStore {
    /// Creates a store under `prefix`; `shown` is its name in messages.
    pub fn new(store: Arc<dyn ObjectStore>, prefix: Path, shown: &str) -> Self {
        Self { store, prefix, shown: shown.to_string() }
    }

    fn path(&self, path: &str) -> Path {
        path.split('/').filter(|part| !part.is_empty()).fold(self.prefix.clone(), |whole, part| whole.join(part))
    }

    fn broken(&self, path: &str, error: object_store::Error) -> Error {
        Error::unavailable(format!("cannot use `{path}` in {}", self.shown)).with_source(error)
    }

    async fn fetch(&self, path: &str) -> Result<Option<Bytes>, object_store::Error> {
        match self.store.get(&self.path(path)).await {
            Ok(found) => Ok(Some(found.bytes().await?)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(e) => Err(e),
        }
    }
}

#[async_trait]
impl StateStore for RemoteStore {
    async fn create(&self, path: &str, bytes: Bytes) -> Result<Created> {
        let mut last = None;
        for attempt in 0..TRIES {
            if attempt > 0 {
                tokio::time::sleep(Duration::from_millis(50 << attempt)).await;
            }
            let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
            let Err(put) = self.store.put_opts(&self.path(path), PutPayload::from_bytes(bytes.clone()), options).await else {
                return Ok(Created::Won);
            };
            // "Exists" may be due to our own first try, whose answer was lost: compare the bytes.
            match self.fetch(path).await {
                Ok(Some(found)) if found == bytes => return Ok(Created::Won),
                Ok(Some(_)) => return Ok(Created::Lost),
                Ok(None) => last = Some(put),
                Err(e) => last = Some(e),
            }
        }
        let error = last.unwrap_or(object_store::Error::NotImplemented { operation: "put".into(), implementer: self.shown.clone() });
        Err(self.broken(path, error))
    }

    async fn replace(&self, path: &str, bytes: Bytes) -> Result<()> {
        self.store.put(&self.path(path), PutPayload::from_bytes(bytes)).await.map(drop).map_err(|e| self.broken(path, e))
    }

    async fn get(&self, path: &str) -> Result<Option<Bytes>> {
        self.fetch(path).await.map_err(|e| self.broken(path, e))
    }

    async fn list(&self, folder: &str) -> Result<Vec<String>> {
        let prefix = self.path(folder);
        let found: Vec<_> = self.store.list(Some(&prefix)).try_collect().await.map_err(|e| self.broken(folder, e))?;
        let mut names: Vec<String> = found
            .iter()
            .filter_map(|meta| {
                meta.location.prefix_match(&prefix).map(|parts| parts.map(|p| p.as_ref().to_string()).collect::<Vec<_>>().join("/"))
            })
            .map(|rest| within(folder, &rest))
            .collect();
        names.sort();
        Ok(names)
    }

    async fn delete(&self, path: &str) -> Result<()> {
        match self.store.delete(&self.path(path)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(e) => Err(self.broken(path, e)),
        }
    }

    fn describe(&self) -> String {
        self.shown.clone()
    }

    fn lock(&self) -> Result<Option<Box<dyn Send + Sync>>> {
        Ok(None)
    }

    fn below(&self, folder: &str) -> Arc<dyn StateStore> {
        Arc::new(Self {
            store: Arc::clone(&self.store),
            prefix: self.path(folder),
            shown: format!("{}/{folder}", self.shown.trim_end_matches('/')),
        })
    }
}
