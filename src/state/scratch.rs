//! Temporary folders of a process: removed at its end, or by the next process if this one was killed.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use parking_lot::Mutex;

use crate::common::{ids, private};

/// Names of the folders begin with this.
const PREFIX: &str = "spill-";

/// A folder inside another one, created on demand and removed when this is dropped. A lock in it shows other processes that its
/// owner is running.
#[derive(Debug)]
pub struct Scratch {
    parent: PathBuf,
    /// The folder and its lock, once it was created.
    made: Mutex<Option<(PathBuf, File)>>,
}

impl Scratch {
    /// A folder inside `parent`, which is created if it is missing.
    pub fn new(parent: PathBuf) -> Self {
        Self { parent, made: Mutex::default() }
    }

    /// The parent folder.
    pub fn parent(&self) -> &Path {
        &self.parent
    }

    /// The folder.
    ///
    /// # Errors
    /// When it cannot be created.
    pub fn folder(&self) -> io::Result<PathBuf> {
        let mut made = self.made.lock();
        if let Some((path, _)) = &*made {
            return Ok(path.clone());
        }
        private::create_folder(&self.parent)?;
        clean(&self.parent);
        let path = self.parent.join(format!("{PREFIX}{}", ids::ordered().simple()));
        private::create_folder(&path)?;
        let lock = File::create_new(path.join("lock"))?;
        lock.try_lock()?;
        *made = Some((path.clone(), lock));
        Ok(path)
    }
}

/// Removes folders in `parent` whose owners were killed.
pub fn clean(parent: &Path) {
    let Ok(entries) = fs::read_dir(parent) else { return };
    for entry in entries.flatten().filter(|e| e.file_name().to_string_lossy().starts_with(PREFIX)) {
        let abandoned = File::open(entry.path().join("lock")).is_ok_and(|lock| lock.try_lock().is_ok());
        if abandoned {
            fs::remove_dir_all(entry.path()).ok(); // another process may be doing the same
        }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Some((path, _)) = self.made.lock().take() {
            fs::remove_dir_all(path).ok(); // on failure the next start removes it
        }
    }
}
