//! The store on a local folder. `object_store`'s own local store does not fsync, and a commit has to survive a power cut.

use std::fs::{self, File, TryLockError};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;

use crate::common::{Error, Result, ids, private};

use super::store::{Created, StateStore, within};

/// Objects as files: a temporary file, fsync, a hard link to the final name (which fails if it is taken), fsync of the folder.
#[derive(Debug, Clone)]
pub struct LocalStore {
    root: PathBuf,
}

impl LocalStore {
    /// A store in this folder, which the first write creates.
    pub fn new(root: &Path) -> Self {
        Self { root: root.to_path_buf() }
    }

    async fn blocking<T: Send + 'static>(
        &self,
        path: &str,
        work: impl FnOnce(PathBuf) -> std::io::Result<T> + Send + 'static,
    ) -> Result<T> {
        let full = self.root.join(path);
        let shown = full.display().to_string();
        match tokio::task::spawn_blocking(move || work(full)).await {
            Ok(done) => done.map_err(|e| Error::state(format!("cannot use {shown}")).with_source(e)),
            Err(e) => Err(Error::internal("a file operation was cut off").with_source(e)),
        }
    }
}

/// Writes and fsyncs a temporary file beside `path`.
fn temporary(path: &Path, bytes: &[u8]) -> std::io::Result<PathBuf> {
    let folder = path.parent().unwrap_or(Path::new("."));
    private::create_folder(folder)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let temp = folder.join(format!(".{name}.{}.tmp", ids::random().simple()));
    let mut file = private::options().write(true).create_new(true).open(&temp)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    Ok(temp)
}

fn sync_folder(path: &Path) -> std::io::Result<()> {
    File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()
}

#[async_trait]
impl StateStore for LocalStore {
    async fn create(&self, path: &str, bytes: Bytes) -> Result<Created> {
        self.blocking(path, move |path| {
            let temp = temporary(&path, &bytes)?;
            let linked = fs::hard_link(&temp, &path);
            fs::remove_file(&temp)?;
            match linked {
                Ok(()) => sync_folder(&path).map(|()| Created::Won),
                Err(e) if e.kind() == ErrorKind::AlreadyExists => Ok(Created::Lost),
                Err(e) => Err(e),
            }
        })
        .await
    }

    async fn replace(&self, path: &str, bytes: Bytes) -> Result<()> {
        self.blocking(path, move |path| {
            let temp = temporary(&path, &bytes)?;
            fs::rename(&temp, &path)?;
            sync_folder(&path)
        })
        .await
    }

    async fn get(&self, path: &str) -> Result<Option<Bytes>> {
        self.blocking(path, |path| match fs::read(&path) {
            Ok(bytes) => Ok(Some(bytes.into())),
            Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
            Err(e) => Err(e),
        })
        .await
    }

    async fn list(&self, folder: &str) -> Result<Vec<String>> {
        let prefix = folder.to_string();
        self.blocking(folder, move |path| {
            let entries = match fs::read_dir(&path) {
                Ok(entries) => entries,
                Err(e) if e.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
                Err(e) => return Err(e),
            };
            let mut names = Vec::new();
            for entry in entries {
                let name = entry?.file_name().to_string_lossy().into_owned();
                // A temporary file left by a killed process is not an object.
                if !name.starts_with('.') {
                    names.push(within(&prefix, &name));
                }
            }
            names.sort();
            Ok(names)
        })
        .await
    }

    async fn remove(&self) -> Result<()> {
        self.blocking("", |path| match fs::remove_dir_all(&path) {
            Err(e) if e.kind() != ErrorKind::NotFound => Err(e),
            _ => Ok(()),
        })
        .await
    }

    async fn delete(&self, path: &str) -> Result<()> {
        self.blocking(path, |path| match fs::remove_file(&path) {
            Err(e) if e.kind() != ErrorKind::NotFound => Err(e),
            _ => Ok(()),
        })
        .await
    }

    fn describe(&self) -> String {
        self.root.display().to_string()
    }

    fn lock(&self) -> Result<Option<Box<dyn Send + Sync>>> {
        let shown = self.describe();
        let broken = |e: std::io::Error| Error::state(format!("cannot use {shown}")).with_source(e);
        private::create_folder(&self.root).map_err(broken)?;
        let file = private::options().create(true).truncate(false).write(true).open(self.root.join("lock")).map_err(broken)?;
        match file.try_lock() {
            Ok(()) => {
                // Only under the lock: without it, they may be files of a running copy.
                for folder in ["", "commits", "incarnations", "objects"] {
                    private::remove_unfinished(&self.root.join(folder));
                }
                Ok(Some(Box::new(file)))
            }
            Err(TryLockError::WouldBlock) => Err(Error::state(format!("{shown} is in use by another running copy"))
                .hint("stop it first, or run under another --name or --data")),
            Err(TryLockError::Error(e)) => Err(broken(e)),
        }
    }

    fn below(&self, folder: &str) -> Arc<dyn StateStore> {
        Arc::new(Self { root: self.root.join(folder) })
    }
}
