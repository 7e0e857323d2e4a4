//! The contract of a [`StateStore`] as a test suite. Each implementation runs [`check`] in its tests.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;

use crate::common::{Error, Result};

use super::store::{Created, StateStore};

fn ensure(holds: bool, what: &str) -> Result<()> {
    if holds { Ok(()) } else { Err(Error::state(format!("store conformance: {what}"))) }
}

/// Runs the whole suite on an empty store.
///
/// # Errors
/// Names the first requirement that the store violates.
pub async fn check(store: Arc<dyn StateStore>) -> Result<()> {
    ensure(store.get("commits/1").await?.is_none(), "an object that was never written is absent")?;
    ensure(store.list("commits").await?.is_empty(), "an empty folder lists nothing")?;
    ensure(store.create("commits/1", Bytes::from_static(b"one")).await? == Created::Won, "the first create wins")?;
    ensure(store.create("commits/1", Bytes::from_static(b"two")).await? == Created::Lost, "a second create is refused")?;
    ensure(store.get("commits/1").await?.as_deref() == Some(b"one"), "the first bytes stay")?;
    store.create("commits/2", Bytes::from_static(b"2")).await?;
    store.create("objects/2-a", Bytes::new()).await?;
    ensure(store.list("commits").await? == ["commits/1", "commits/2"], "a folder lists its own objects, sorted")?;
    store.replace("floor", Bytes::from_static(b"1")).await?;
    store.replace("floor", Bytes::from_static(b"2")).await?;
    ensure(store.get("floor").await?.as_deref() == Some(b"2"), "replace writes over")?;
    store.delete("commits/1").await?;
    store.delete("commits/1").await?;
    ensure(store.get("commits/1").await?.is_none(), "a deleted object is gone")?;
    let below = store.below("inner");
    below.create("x", Bytes::from_static(b"x")).await?;
    ensure(store.get("inner/x").await?.as_deref() == Some(b"x"), "a store one folder down writes there")?;
    let all = store.list("").await?;
    let folders: BTreeSet<&str> = all.iter().filter_map(|path| path.split('/').next()).collect();
    ensure(folders == BTreeSet::from(["commits", "floor", "inner", "objects"]), "a store lists all that is in it")?;
    ensure(below.list("").await? == ["x"], "a store one folder down lists what is there")?;

    let racers = (0..8).map(|i| {
        let store = Arc::clone(&store);
        tokio::spawn(async move { store.create("commits/9", Bytes::from(format!("racer {i}"))).await })
    });
    let mut winners = 0;
    for racer in racers.collect::<Vec<_>>() {
        let outcome = racer.await.map_err(|e| Error::internal("a racer was cut off").with_source(e))??;
        winners += usize::from(outcome == Created::Won);
    }
    ensure(winners == 1, "of eight creators exactly one wins")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::{local::LocalStore, object::RemoteStore};

    #[tokio::test]
    async fn a_local_folder_conforms() {
        let dir = tempfile::tempdir().unwrap();
        check(Arc::new(LocalStore::new(dir.path()))).await.unwrap();
    }

    #[tokio::test]
    async fn an_object_store_in_memory_conforms() {
        let memory = Arc::new(object_store::memory::InMemory::new());
        check(Arc::new(RemoteStore::new(memory, "jobs/a".into(), "memory"))).await.unwrap();
    }

    #[tokio::test]
    async fn a_local_folder_is_locked_once() {
        let dir = tempfile::tempdir().unwrap();
        let store = LocalStore::new(dir.path());
        let held = store.lock().unwrap();
        assert!(store.lock().is_err_and(|e| e.message().contains("in use")));
        drop(held);
        assert!(store.lock().is_ok());
    }
}
