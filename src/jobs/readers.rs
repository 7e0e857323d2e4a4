//! The readers of materialized views, for whom the commits that they still need are not pruned.
//!
//! `_readers/<view>/<reader>` holds the first commit that it needs. For a durable job, its newest commit is more precise, and the marker
//! stays as long as the job has a folder; a live query renews its marker, which expires otherwise.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::common::clock::{self, Clock, SystemClock};
use crate::common::{Result, ids, names};
use crate::state::StateStore;

use super::commits::Commits;
use super::stored_view::StoredView;

/// How often a live reader renews its marker.
const RENEW: Duration = Duration::from_secs(10);
/// The time after which a marker expires, in milliseconds.
const GONE: i64 = 120_000;

#[derive(Debug, Serialize, Deserialize)]
struct Reader {
    /// The first commit that it still needs.
    needs: u64,
    /// When the marker was renewed, in milliseconds since 1970.
    at: i64,
    /// Its job, if it is durable.
    job: Option<String>,
}

/// The folder of the markers of a view's readers.
pub(super) fn folder(view: &str) -> String {
    format!("_readers/{}", names::encoded(view))
}

/// The marker of one reader.
#[derive(Debug)]
pub(super) struct Marker {
    root: Option<Arc<dyn StateStore>>,
    path: String,
    job: Option<String>,
    written: Option<Instant>,
}

impl Marker {
    /// A marker of a durable job, or of a reader that ends with its process.
    pub(super) fn new(stored: &StoredView, job: Option<String>) -> Self {
        let name = job.clone().map_or_else(|| format!("live-{}", ids::random().simple()), |job| format!("job-{job}"));
        Self { root: stored.root.clone(), path: format!("{}/{name}", folder(&stored.view)), job, written: None }
    }

    /// Marks commits from `needs` on as needed, unless the marker is recent.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub(super) async fn require(&mut self, needs: u64) -> Result<()> {
        let again = self.written.is_none_or(|at| self.job.is_none() && clock::timer().duration_since(at) >= RENEW);
        if let Some(root) = self.root.as_ref().filter(|_| again) {
            let reader = Reader { needs, at: SystemClock.now(), job: self.job.clone() };
            root.replace(&self.path, Bytes::from(serde_json::to_vec(&reader)?)).await?;
            self.written = Some(clock::timer());
        }
        Ok(())
    }
}

impl Drop for Marker {
    fn drop(&mut self) {
        let Some(root) = self.root.clone().filter(|_| self.job.is_none() && self.written.is_some()) else { return };
        let path = std::mem::take(&mut self.path);
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move { root.delete(&path).await });
        }
    }
}

/// The readers of a view and the first commit that each of them still needs; deletes expired markers.
async fn all(root: &dyn StateStore, view: &str) -> Result<Vec<(Reader, u64)>> {
    let mut readers = Vec::new();
    for path in root.list(&folder(view)).await? {
        let Some(bytes) = root.get(&path).await? else { continue };
        let Ok(reader) = serde_json::from_slice::<Reader>(&bytes) else { continue };
        let needs = match &reader.job {
            None => (SystemClock.now().saturating_sub(reader.at) < GONE).then_some(reader.needs),
            Some(job) => needed(root, job, view, reader.needs).await?,
        };
        match needs {
            Some(needs) => readers.push((reader, needs)),
            None => root.delete(&path).await?,
        }
    }
    Ok(readers)
}

/// The first commit of a view that a job still needs; `None` if it no longer reads it.
async fn needed(root: &dyn StateStore, job: &str, view: &str, marked: u64) -> Result<Option<u64>> {
    let store = root.below(job);
    match Commits::reader(Arc::clone(&store)).last().await {
        // It has started, but has no commit yet.
        Ok(None) => Ok((!store.list("incarnations").await?.is_empty()).then_some(marked)),
        Ok(Some(last)) => Ok(last.body.sources.get(view).map(|source| {
            let position = source.positions.first().and_then(|p| u64::try_from(p.start).ok()).filter(|n| *n > 0);
            position.unwrap_or(marked)
        })),
        // It was pruned in the meantime, or is of another version.
        Err(_) => Ok(Some(marked)),
    }
}

/// The first commit that any reader of these views still needs.
///
/// # Errors
/// When the store cannot be read.
pub(super) async fn min_needed(root: &dyn StateStore, views: &[String]) -> Result<u64> {
    let mut least = u64::MAX;
    for view in views {
        least = all(root, view).await?.iter().map(|(_, needs)| *needs).min().unwrap_or(u64::MAX).min(least);
    }
    Ok(least)
}

/// The jobs that read a view.
///
/// # Errors
/// When the store cannot be read.
pub async fn jobs(root: &dyn StateStore, view: &str) -> Result<Vec<String>> {
    Ok(all(root, view).await?.into_iter().map(|(reader, _)| reader.job.unwrap_or_else(|| "a live query".to_string())).collect())
}
