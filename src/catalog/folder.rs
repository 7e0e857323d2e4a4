//! The catalog's own folder: its files, which are read again when they have changed, and its lock.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::common::{Error, Result, private};
use crate::sql::name::DEFAULT_DATABASE;

use super::files::{self, DeclarationFile, Declared};

/// The folder to which declarations are written, and its contents when it was last read.
///
/// Several processes may write to it. [`Folder::refresh`] reads only new and changed files, so frequent calls are cheap.
#[derive(Debug)]
pub(super) struct Folder {
    pub(super) path: PathBuf,
    databases: Vec<String>,
    files: BTreeMap<DeclarationFile, (Stamp, Result<Declared>)>,
}

/// Identifies a version of a file: we replace files and never change them in place; editors do either.
type Stamp = (u64, i64, i64, u64);

/// The lock of the folder, held during a change.
pub(super) struct Lock {
    /// Closing it releases the lock.
    _file: Option<File>,
}

impl Folder {
    /// Opens a folder, which need not exist yet.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let mut folder = Self { path: path.to_path_buf(), databases: Vec::new(), files: BTreeMap::new() };
        folder.refresh()?;
        Ok(folder)
    }

    /// Reads the files that have changed. Returns whether any has.
    pub(super) fn refresh(&mut self) -> Result<bool> {
        if !self.path.exists() {
            let changed = !self.files.is_empty() || !self.databases.is_empty();
            (self.files, self.databases) = (BTreeMap::new(), Vec::new());
            return Ok(changed);
        }
        let (mut databases, places) = files::list(&self.path)?;
        databases.sort();
        let mut changed = databases != self.databases || places.len() != self.files.len();
        let mut before = std::mem::take(&mut self.files);
        for place in places {
            // The file was removed after the folder was listed.
            let Ok(stamp) = stamp(&place.file) else { continue };
            let read = match before.remove(&place) {
                Some((same, read)) if same == stamp => read,
                _ => {
                    changed = true;
                    only(&place)
                }
            };
            self.files.insert(place, (stamp, read));
        }
        self.databases = databases;
        Ok(changed)
    }

    /// Records a file that was just written here, so that it is not read again: its places remain those of its script.
    pub(super) fn wrote(&mut self, declared: Declared) {
        let place = DeclarationFile { database: declared.database.clone(), file: declared.file.clone() };
        if let Ok(stamp) = stamp(&place.file) {
            if !self.databases.contains(&place.database) && place.database != DEFAULT_DATABASE {
                self.databases.push(place.database.clone());
                self.databases.sort();
            }
            self.files.insert(place, (stamp, Ok(declared)));
        }
    }

    /// Records a file that was just removed here.
    pub(super) fn removed(&mut self, file: &Path) {
        self.files.retain(|place, _| place.file != file);
    }

    /// The databases that have a folder.
    pub(super) fn databases(&self) -> &[String] {
        &self.databases
    }

    /// The declarations of the files, in the order of their names.
    pub(super) fn declared(&self) -> impl Iterator<Item = &Declared> {
        self.files.values().filter_map(|(_, read)| read.as_ref().ok())
    }

    /// The files that cannot be parsed.
    pub(super) fn broken(&self) -> Vec<(PathBuf, Error)> {
        self.files.iter().filter_map(|(place, (_, read))| Some((place.file.clone(), read.as_ref().err()?.clone()))).collect()
    }

    /// Waits for the lock of the folder. A folder that is not writable has no lock: any write then fails.
    pub(super) fn lock(&self) -> Lock {
        let file = private::create_folder(&self.path).and_then(|()| {
            let file = private::options().create(true).truncate(false).write(true).open(self.path.join(".lock"))?;
            file.lock()?;
            private::remove_unfinished(&self.path);
            Ok(file)
        });
        Lock { _file: file.ok() }
    }
}

fn stamp(file: &Path) -> std::io::Result<Stamp> {
    let found = fs::metadata(file)?;
    Ok((found.ino(), found.mtime(), found.mtime_nsec(), found.len()))
}

/// Reads the only declaration of a file.
fn only(place: &DeclarationFile) -> Result<Declared> {
    let mut declared = files::read(place)?;
    match (declared.pop(), declared.len()) {
        (Some(only), 0) => Ok(only),
        (_, more) => {
            let count = if more == 0 { 0 } else { more + 1 };
            Err(Error::sql(format!("{} holds {count} declarations instead of one", place.file.display())))
        }
    }
}
