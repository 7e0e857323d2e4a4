//! The declarations that all connections share: two layers, and the folder of the first one.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};

use crate::common::{Error, Result};
use crate::sql::ast::{Parsed, Statement};
use crate::sql::name::{self, DEFAULT_DATABASE};

use super::entry::{self, Entry, Key};
use super::folder::{Folder, Lock};
use super::{files, names};

/// An entry and its file.
#[derive(Debug, Clone)]
struct StoredEntry {
    entry: Entry,
    /// The file to replace or remove; `None` if the catalog is in memory.
    file: Option<PathBuf>,
}

/// All permanent declarations, at one moment.
#[derive(Debug, Clone)]
pub(super) struct Declarations {
    /// The folder to which declarations are written; `None` if they are in memory.
    path: Option<PathBuf>,
    pub(super) databases: BTreeSet<String>,
    own: BTreeMap<Key, StoredEntry>,
    /// The declarations of a shared folder, which is only read.
    pub(super) shared: BTreeMap<Key, Entry>,
    /// Files that could not be read: file and error.
    pub(super) broken: Vec<(PathBuf, Error)>,
    pub(super) broken_shared: Vec<(PathBuf, Error)>,
}

impl Default for Declarations {
    fn default() -> Self {
        Self {
            path: None,
            databases: BTreeSet::from([DEFAULT_DATABASE.to_string()]),
            own: BTreeMap::new(),
            shared: BTreeMap::new(),
            broken: Vec::new(),
            broken_shared: Vec::new(),
        }
    }
}

impl Declarations {
    /// Returns the declaration under a key.
    pub(super) fn get(&self, key: &Key) -> Option<&Entry> {
        self.shared.get(key).or_else(|| self.own.get(key).map(|stored| &stored.entry))
    }

    /// All keys; a key in both layers comes twice.
    pub(super) fn keys(&self) -> impl Iterator<Item = &Key> {
        self.own.keys().chain(self.shared.keys())
    }

    /// Returns the file of a new declaration.
    pub(super) fn file_of(&self, (space, canonical): &Key) -> Option<PathBuf> {
        let (_, last) = name::split(canonical);
        Some(files::folder_of(self.path.as_ref()?, &names::database(canonical)).join(files::file_name(*space, &last)))
    }

    /// Loads the entries of the folder.
    fn load(&mut self, folder: &Folder) {
        self.own.clear();
        self.broken = folder.broken();
        self.databases.extend(folder.databases().iter().cloned());
        for declared in folder.declared().filter(|d| !matches!(d.parsed.statement, Statement::CreateDatabase(_))) {
            match entry_of(declared) {
                Ok(entry) => match self.own.get(&entry.key()) {
                    Some(StoredEntry { file: Some(first), .. }) => {
                        let error = Error::sql(format!("{} is declared in {} as well", entry.shown(), first.display()));
                        self.broken.push((declared.file.clone(), error));
                    }
                    _ => drop(self.own.insert(entry.key(), StoredEntry { entry, file: Some(declared.file.clone()) })),
                },
                Err(error) => self.broken.push((declared.file.clone(), error)),
            }
        }
    }

    fn share(&mut self, declared: &files::Declared) {
        match &declared.parsed.statement {
            Statement::CreateDatabase(database) => drop(self.databases.insert(database.name.clone())),
            _ => match entry_of(declared) {
                Ok(entry) => drop(self.shared.insert(entry.key(), entry)),
                Err(error) => self.broken_shared.push((declared.file.clone(), error)),
            },
        }
    }
}

/// The newest declarations, and their folder.
#[derive(Debug, Default)]
pub(super) struct Store {
    folder: Option<Folder>,
    newest: Arc<Declarations>,
}

impl Store {
    /// Opens a folder, which need not exist yet.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let folder = Folder::open(path)?;
        let mut newest = Declarations { path: Some(path.to_path_buf()), ..Declarations::default() };
        newest.load(&folder);
        Ok(Self { folder: Some(folder), newest: Arc::new(newest) })
    }

    /// Copies declarations into a store that is never written.
    pub(super) fn detached(declarations: &Declarations) -> Self {
        let mut newest = Declarations { path: None, ..declarations.clone() };
        newest.own.values_mut().for_each(|stored| stored.file = None);
        Self { folder: None, newest: Arc::new(newest) }
    }

    /// Adds the declarations of a shared folder or file.
    pub(super) fn add_shared(&mut self, shared: &Path) -> Result<()> {
        if !shared.exists() {
            return Err(Error::usage(format!("--catalog {} does not exist", shared.display()))
                .hint("it takes a folder of .sql files with CREATE statements, or one such file"));
        }
        let (databases, places) = files::list(shared)?;
        let newest = Arc::make_mut(&mut self.newest);
        newest.databases.extend(databases);
        for place in places {
            match files::read(&place) {
                Ok(declared) => declared.into_iter().for_each(|d| newest.share(&d)),
                Err(error) => newest.broken_shared.push((place.file, error)),
            }
        }
        Ok(())
    }

    pub(super) fn declarations(&self) -> Arc<Declarations> {
        Arc::clone(&self.newest)
    }

    /// Reads the changes of other processes in the folder.
    pub(super) fn refresh(&mut self) -> Result<()> {
        if let Some(folder) = &mut self.folder
            && folder.refresh()?
        {
            Arc::make_mut(&mut self.newest).load(folder);
        }
        Ok(())
    }
}

/// A change of declarations in progress, which excludes changes by other connections and processes.
pub(super) struct Change<'a> {
    store: MutexGuard<'a, Store>,
    _folder: Option<Lock>,
}

impl<'a> Change<'a> {
    /// Takes the locks and reads the changes of others.
    pub(super) fn begin(store: &'a Mutex<Store>) -> Result<Self> {
        let mut store = store.lock();
        let folder = store.folder.as_ref().map(Folder::lock);
        store.refresh()?;
        Ok(Self { store, _folder: folder })
    }

    /// Returns the declarations with the changes so far.
    pub(super) fn declarations(&self) -> Arc<Declarations> {
        self.store.declarations()
    }

    /// Writes an entry, which replaces one of the same name.
    pub(super) fn put(&mut self, entry: Entry, parsed: &Parsed) -> Result<()> {
        let key = entry.key();
        let newest = &self.store.newest;
        let file = newest.own.get(&key).and_then(|stored| stored.file.clone()).or_else(|| newest.file_of(&key));
        if let Some(file) = &file {
            files::write(file, entry.created_by(), entry.dialect(), entry.text())?;
            self.wrote(file, entry.database(), entry.created_by(), parsed);
        }
        let newest = Arc::make_mut(&mut self.store.newest);
        newest.broken.retain(|(broken, _)| Some(broken) != file.as_ref());
        // The new declaration hides that of a shared folder.
        newest.shared.remove(&key);
        newest.own.insert(key, StoredEntry { entry, file });
        Ok(())
    }

    /// Removes an entry and its file.
    pub(super) fn remove(&mut self, key: &Key) -> Result<()> {
        let store = &mut *self.store;
        if let Some(file) = store.newest.own.get(key).and_then(|stored| stored.file.as_ref()) {
            files::remove(file)?;
            store.folder.iter_mut().for_each(|folder| folder.removed(file));
        }
        Arc::make_mut(&mut store.newest).own.remove(key);
        Ok(())
    }

    /// Adds a database.
    pub(super) fn put_database(&mut self, name: &str, created_by: &str, parsed: &Parsed) -> Result<()> {
        if let Some(path) = self.store.newest.path.clone() {
            let file = files::database_file(&path, name);
            files::write(&file, created_by, parsed.dialect, &parsed.text)?;
            self.wrote(&file, name.to_string(), created_by, parsed);
        }
        Arc::make_mut(&mut self.store.newest).databases.insert(name.to_string());
        Ok(())
    }

    /// Removes a database with all its objects.
    pub(super) fn remove_database(&mut self, database: &str) -> Result<()> {
        if let Some(path) = &self.store.newest.path {
            files::remove_folder(&files::folder_of(path, database))?;
        }
        let newest = Arc::make_mut(&mut self.store.newest);
        newest.own.retain(|(_, name), _| names::database(name) != database);
        newest.databases.remove(database);
        // The folder was removed: drop its declarations.
        self.store.refresh()
    }

    fn wrote(&mut self, file: &Path, database: String, created_by: &str, parsed: &Parsed) {
        if let Some(folder) = &mut self.store.folder {
            let (parsed, created_by, file) = (parsed.clone(), created_by.to_string(), file.to_path_buf());
            folder.wrote(files::Declared { parsed, created_by, file, database });
        }
    }
}

/// Returns the entry that a file declares, under its canonical name.
fn entry_of(declared: &files::Declared) -> Result<Entry> {
    let (written, ..) = entry::declared(&declared.parsed.statement)?;
    let (within, last) = name::split(written);
    match within {
        Some(other) if other.to_lowercase() != declared.database.to_lowercase() => {
            let error = Error::sql(format!("`{written}` is in the folder of database `{}`", declared.database));
            Err(declared.parsed.locate(error.hint("leave the database out: it is the folder's")))
        }
        _ => {
            let canonical = names::canonical(&declared.database, &last);
            Entry::from_parsed(&declared.parsed, declared.created_by.clone(), canonical)
                .ok_or_else(|| Error::internal("a catalog's statement declares nothing"))
        }
    }
}
