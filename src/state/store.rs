//! The one primitive that exactly-once delivery rests on: durably create an object that must not exist yet.

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;

use crate::common::Result;

/// The outcome of a [`StateStore::create`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Created {
    /// The object was created with these bytes, durably.
    Won,
    /// Another object exists there.
    Lost,
}

/// A folder of objects.
///
/// # Contract
/// * `create` is atomic: of several callers exactly one wins, and readers never see half an object. When it returns, the
///   outcome is final, also after a time-out or a broken connection: the object is read back and compared (so callers put
///   something unique to the attempt into the bytes).
/// * What `create` or `replace` wrote, `get` and `list` show at once.
/// * Paths are relative, with `/` between parts.
#[async_trait]
pub trait StateStore: Debug + Send + Sync {
    /// Creates an object that must not exist yet.
    async fn create(&self, path: &str, bytes: Bytes) -> Result<Created>;

    /// Writes an object, whether it exists or not.
    async fn replace(&self, path: &str, bytes: Bytes) -> Result<()>;

    /// Reads an object; `None` if it does not exist.
    async fn get(&self, path: &str) -> Result<Option<Bytes>>;

    /// The paths below a folder, sorted; `""` is the store itself. A store may list deeper objects by their paths or only their
    /// folders.
    async fn list(&self, folder: &str) -> Result<Vec<String>>;

    /// Deletes an object, if it exists.
    async fn delete(&self, path: &str) -> Result<()>;

    /// Deletes all objects.
    async fn remove(&self) -> Result<()> {
        for folder in ["commits", "objects", "incarnations", ""] {
            for path in self.list(folder).await? {
                self.delete(&path).await?;
            }
        }
        Ok(())
    }

    /// Its name in messages.
    fn describe(&self) -> String;

    /// Locks the folder for this process until the returned guard is dropped, where the store has locks. Object stores have
    /// none; incarnations fence older copies there.
    ///
    /// # Errors
    /// When another process holds it.
    fn lock(&self) -> Result<Option<Box<dyn Send + Sync>>>;

    /// The store of a folder in this one.
    fn below(&self, folder: &str) -> Arc<dyn StateStore>;
}

/// The path of an object in a folder; `""` is the store itself.
pub(super) fn within(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_string() } else { format!("{folder}/{name}") }
}
