//! Files that become visible complete or not at all.

use std::path::{Path as LocalPath, PathBuf};
use std::sync::Arc;

use object_store::ObjectStore;
use object_store::buffered::BufWriter;
use object_store::path::Path;
use tokio::fs;
use tokio::io::AsyncWriteExt;

use crate::common::{Error, Result, ids};

use crate::connectors::files::table::store::Store;

/// A file that is being written.
///
/// ```text
///   local   .name.<unique>.tmp ─▶ fsync ─▶ rename to name ─▶ fsync of the folder
///   S3      parts of an upload ────────────▶ completed
/// ```
/// The file is invisible before [`Self::show`], and removed if it is dropped before.
pub struct Output {
    target: BulkWriter,
    shown: String,
}

enum BulkWriter {
    Local { file: fs::File, temporary: Temporary, path: PathBuf },
    Bucket { writer: BufWriter, open: bool },
}

/// Removed when it is dropped, unless it was renamed.
struct Temporary(Option<PathBuf>);

impl Drop for Temporary {
    fn drop(&mut self) {
        if let Some(path) = self.0.take() {
            let _ = std::fs::remove_file(path);
        }
    }
}

impl Output {
    /// Creates a file; `shown` is its name in messages.
    ///
    /// # Errors
    /// When its folder cannot be created or written.
    pub async fn create(store: &Store, path: &Path, shown: &str) -> Result<Self> {
        Self::create_for("", store, path, shown).await
    }

    /// The same; a temporary file that a killed process leaves begins with the name of its `owner`, who removes it.
    ///
    /// # Errors
    /// As [`Self::create`].
    pub async fn create_for(owner: &str, store: &Store, path: &Path, shown: &str) -> Result<Self> {
        let shown = shown.to_string();
        if !store.local {
            let writer = BufWriter::new(Arc::clone(&store.objects) as Arc<dyn ObjectStore>, path.clone());
            return Ok(Self { target: BulkWriter::Bucket { writer, open: true }, shown });
        }
        let path = local(path);
        let folder = path.parent().unwrap_or(LocalPath::new("/"));
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let temporary = folder.join(format!(".{owner}{name}.{}.tmp", ids::random().simple()));
        let folder = folder.to_path_buf();
        // Created together with its guard: this future may be dropped before the file exists.
        let make = move || {
            std::fs::create_dir_all(folder)?;
            let file = std::fs::File::create_new(&temporary)?;
            Ok((file, Temporary(Some(temporary))))
        };
        let made = tokio::task::spawn_blocking(make).await.map_err(std::io::Error::other).flatten();
        let (file, temporary) = made.map_err(|e: std::io::Error| broken(&shown, e))?;
        let file = fs::File::from_std(file);
        Ok(Self { target: BulkWriter::Local { file, temporary, path }, shown })
    }

    /// Adds bytes.
    ///
    /// # Errors
    /// When they cannot be written.
    pub async fn write(&mut self, bytes: Vec<u8>) -> Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        match &mut self.target {
            BulkWriter::Local { file, .. } => file.write_all(&bytes).await.map_err(|e| broken(&self.shown, e)),
            BulkWriter::Bucket { writer, .. } => writer.put(bytes.into()).await.map_err(|e| away(&self.shown, e)),
        }
    }

    /// Makes the file visible, replacing any file of that name. It survives a power cut.
    ///
    /// # Errors
    /// When it cannot be completed.
    pub async fn show(mut self) -> Result<()> {
        match &mut self.target {
            BulkWriter::Local { file, temporary, path } => {
                let shown = async {
                    file.flush().await?;
                    file.sync_all().await?;
                    if let Some(from) = &temporary.0 {
                        fs::rename(from, &path).await?;
                    }
                    temporary.0 = None;
                    let folder = path.parent().unwrap_or(LocalPath::new("/"));
                    fs::File::open(folder).await?.sync_all().await
                };
                shown.await.map_err(|e| broken(&self.shown, e))
            }
            BulkWriter::Bucket { writer, open } => {
                let done = writer.shutdown().await;
                *open = done.is_err();
                done.map_err(|e| broken(&self.shown, e))
            }
        }
    }

    /// Discards the file. Dropping does the same, except for the parts of a large upload, which the bucket then keeps for a while.
    pub async fn abort(mut self) {
        if let BulkWriter::Bucket { writer, open: true } = &mut self.target {
            let _ = writer.abort().await;
        }
    }
}

/// Returns the path of an object of the local store.
pub fn local(path: &Path) -> PathBuf {
    PathBuf::from(format!("/{path}"))
}

fn broken(shown: &str, error: std::io::Error) -> Error {
    use std::io::ErrorKind::{NotADirectory, PermissionDenied, ReadOnlyFilesystem};
    let what = format!("{shown} cannot be written");
    match error.kind() {
        PermissionDenied | NotADirectory | ReadOnlyFilesystem => Error::sql(what).with_source(error),
        _ => Error::unavailable(what).with_source(error),
    }
}

fn away(shown: &str, error: object_store::Error) -> Error {
    use object_store::Error::{PermissionDenied, Unauthenticated};
    let what = format!("{shown} cannot be written");
    match error {
        PermissionDenied { .. } | Unauthenticated { .. } => Error::sql(what).with_source(error),
        _ => Error::unavailable(what).with_source(error),
    }
}

#[cfg(test)]
mod tests {
    use datafusion::execution::object_store::ObjectStoreUrl;
    use futures::FutureExt;
    use object_store::local::LocalFileSystem;

    use super::*;

    #[tokio::test]
    async fn a_file_whose_maker_is_gone_goes_too() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store { objects: Arc::new(LocalFileSystem::new()), url: ObjectStoreUrl::local_filesystem(), local: true };
        // Each future is polled once, and dropped while the file is being created. The disk may be quicker than that, but not each time.
        let dropped = |i: &i32| {
            let path = Path::from_absolute_path(dir.path().join(format!("{i}.csv"))).unwrap();
            Output::create(&store, &path, "x").now_or_never().is_none()
        };
        assert!((0..200).filter(dropped).count() > 0);
        let begin = std::time::Instant::now();
        while std::fs::read_dir(dir.path()).unwrap().count() > 0 || begin.elapsed().as_millis() < 300 {
            assert!(begin.elapsed().as_secs() < 20, "{:?}", std::fs::read_dir(dir.path()).unwrap().next());
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    }
}
