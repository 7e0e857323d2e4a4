//! The catalog: three layers of declarations, looked up by name.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::common::{Error, Result};
use crate::sql::ast::Statement;
use crate::sql::name::{self, DEFAULT_DATABASE};

use super::entry::{self, Entry, Key, Space, TableEntry};
use super::folder::{Folder, Lock};
use super::{files, names};

/// An entry and the file in which it stands.
#[derive(Debug)]
pub(super) struct Stored {
    pub(super) entry: Entry,
    /// The file to replace or remove; nothing if the catalog is in memory.
    pub(super) file: Option<PathBuf>,
}

/// All tables, views and functions by name.
#[derive(Debug)]
pub struct Catalog {
    /// Where declarations are written; nowhere if in memory.
    pub(super) folder: Option<Folder>,
    /// The database that names without one are in.
    pub(super) current: String,
    pub(super) databases: BTreeSet<String>,
    pub(super) own: BTreeMap<Key, Stored>,
    /// Never written.
    pub(super) shared: BTreeMap<Key, Entry>,
    /// These hide others of their name.
    pub(super) temporary: BTreeMap<Key, Entry>,
    /// Files that could not be read: file and error.
    pub(super) broken: Vec<(PathBuf, Error)>,
    pub(super) broken_shared: Vec<(PathBuf, Error)>,
}

impl Default for Catalog {
    fn default() -> Self {
        Self::in_memory()
    }
}

impl Catalog {
    /// A catalog that is not written anywhere.
    pub fn in_memory() -> Self {
        Self {
            folder: None,
            current: DEFAULT_DATABASE.to_string(),
            databases: BTreeSet::from([DEFAULT_DATABASE.to_string()]),
            own: BTreeMap::new(),
            shared: BTreeMap::new(),
            temporary: BTreeMap::new(),
            broken: Vec::new(),
            broken_shared: Vec::new(),
        }
    }

    /// The declarations of a folder, which need not exist yet.
    ///
    /// # Errors
    /// When the folder cannot be read. A file that cannot be understood is a warning.
    pub fn open(folder: &Path) -> Result<Self> {
        let mut catalog = Self { folder: Some(Folder::open(folder)?), ..Self::in_memory() };
        catalog.take_in();
        Ok(catalog)
    }

    /// The declarations of a folder, and over them those of a shared folder or file, which are never written.
    ///
    /// # Errors
    /// When one of them cannot be read.
    pub fn open_layered(folder: &Path, shared: Option<&Path>) -> Result<Self> {
        let mut catalog = Self::open(folder)?;
        let Some(shared) = shared else { return Ok(catalog) };
        if !shared.exists() {
            return Err(Error::usage(format!("--catalog {} does not exist", shared.display()))
                .hint("it takes a folder of .sql files with CREATE statements, or one such file"));
        }
        let (databases, places) = files::list(shared)?;
        catalog.databases.extend(databases);
        for place in places {
            match files::read(&place) {
                Ok(declared) => declared.into_iter().for_each(|d| catalog.share(&d)),
                Err(error) => catalog.broken_shared.push((place.file, error)),
            }
        }
        Ok(catalog)
    }

    /// The same catalog, of which nothing is written any more.
    #[must_use]
    pub fn detached(mut self) -> Self {
        self.folder = None;
        self.own.values_mut().for_each(|stored| stored.file = None);
        self
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

    /// Reads what other processes have changed in the folder.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn refresh(&mut self) -> Result<()> {
        if let Some(folder) = &mut self.folder
            && folder.refresh()?
        {
            self.take_in();
        }
        Ok(())
    }

    /// Makes entries of what the folder holds.
    fn take_in(&mut self) {
        let Some(folder) = &self.folder else { return };
        self.own.clear();
        self.broken = folder.broken();
        self.databases.extend(folder.databases().iter().cloned());
        for declared in folder.declared().filter(|d| !matches!(d.parsed.statement, Statement::CreateDatabase(_))) {
            match entry_of(declared) {
                Ok(entry) => match self.own.get(&entry.key()) {
                    Some(Stored { file: Some(first), .. }) => {
                        let error = Error::sql(format!("{} is declared in {} as well", entry.shown(), first.display()));
                        self.broken.push((declared.file.clone(), error));
                    }
                    _ => drop(self.own.insert(entry.key(), Stored { entry, file: Some(declared.file.clone()) })),
                },
                Err(error) => self.broken.push((declared.file.clone(), error)),
            }
        }
    }

    /// What could not be read when the catalog was opened, one text per file, with place and caret.
    pub fn warnings(&self) -> Vec<String> {
        let broken = self.broken.iter().chain(&self.broken_shared);
        broken.map(|(file, error)| format!("{} is left out: {error}", file.display())).collect()
    }

    /// The database that names without one are in.
    pub fn current(&self) -> &str {
        &self.current
    }

    /// Carries out USE.
    ///
    /// # Errors
    /// When there is no such database.
    pub fn use_database(&mut self, name: &str) -> Result<()> {
        self.refresh()?;
        self.current = self.database(name)?;
        Ok(())
    }

    /// All databases, sorted.
    pub fn databases(&self) -> impl Iterator<Item = &str> {
        self.databases.iter().map(String::as_str)
    }

    /// A database by name, as it was declared.
    ///
    /// # Errors
    /// When there is none.
    pub fn database(&self, name: &str) -> Result<String> {
        match names::find(name, self.databases())? {
            Some(found) => Ok(found.to_string()),
            None => Err(names::unknown("database", name, self.databases())),
        }
    }

    pub(super) fn keys(&self) -> BTreeSet<&Key> {
        self.own.keys().chain(self.shared.keys()).chain(self.temporary.keys()).collect()
    }

    /// The canonical names of all tables and views, sorted.
    pub fn names(&self) -> Vec<String> {
        self.names_in(Space::Relations)
    }

    fn names_in(&self, space: Space) -> Vec<String> {
        self.keys().into_iter().filter(|(s, _)| *s == space).map(|(_, name)| name.clone()).collect()
    }

    /// All entries: tables and views by name, then functions.
    pub fn entries(&self) -> Vec<Entry> {
        self.keys().into_iter().filter_map(|key| self.exact(key).cloned()).collect()
    }

    pub(super) fn exact(&self, key: &Key) -> Option<&Entry> {
        self.temporary.get(key).or_else(|| self.lasting(key))
    }

    /// What outlives the session.
    pub(super) fn lasting(&self, key: &Key) -> Option<&Entry> {
        self.shared.get(key).or_else(|| self.own.get(key).map(|stored| &stored.entry))
    }

    /// Looks a name up, from the current database; nothing if it is not declared.
    ///
    /// # Errors
    /// When the name can mean several, or when its declaration could not be read.
    pub fn find(&self, name: &str) -> Result<Option<Entry>> {
        self.find_from(&self.current, Space::Relations, name)
    }

    /// Looks a name up that stands in something of a database: exactly, else the only one that differs in case.
    ///
    /// # Errors
    /// When the name can mean several, when its declaration could not be read, or when there is no such database.
    pub fn find_from(&self, database: &str, space: Space, name: &str) -> Result<Option<Entry>> {
        let (within, last) = name::split(name);
        let database = match &within {
            Some(within) => self.database(within)?,
            None => database.to_string(),
        };
        let canonical = names::canonical(&database, &last);
        if let Some(exact) = self.exact(&(space, canonical.clone())) {
            return Ok(Some(exact.clone()));
        }
        let names = self.names_in(space);
        let alike = names.iter().filter(|known| names::database(known) == database).map(String::as_str);
        if let Some(found) = names::find(&canonical, alike)? {
            return Ok(self.exact(&(space, found.to_string())).cloned());
        }
        if space == Space::Functions && within.is_none() && database != DEFAULT_DATABASE {
            return self.find_from(DEFAULT_DATABASE, space, name);
        }
        self.broken_one(&database, space, &last).map_or(Ok(None), Err)
    }

    /// Why a declaration could not be read, if there is one under this name.
    fn broken_one(&self, database: &str, space: Space, last: &str) -> Option<Error> {
        let folder = self.folder.as_ref()?;
        let file = files::folder_of(&folder.path, database).join(files::file_name(space, last));
        let (_, error) = self.broken.iter().find(|(broken, _)| *broken == file)?;
        Some(error.clone().context(format!("`{last}` is declared in {}, which cannot be read", file.display())))
    }

    /// Looks a table or view up.
    ///
    /// # Errors
    /// When it is not declared, naming those that are near.
    pub fn get(&self, name: &str) -> Result<Entry> {
        self.find(name)?.ok_or_else(|| self.unknown("table or view", name))
    }

    /// Looks a table up.
    ///
    /// # Errors
    /// When it is not declared, or a view.
    pub fn get_table(&self, name: &str) -> Result<Arc<TableEntry>> {
        match self.find(name)? {
            Some(Entry::Table(table)) => Ok(table),
            Some(other) => Err(Error::sql(format!("`{}` is a {}, not a table", other.name(), other.what()))),
            None => Err(self.unknown("table", name)),
        }
    }

    /// The error for a name that is not declared.
    pub fn unknown(&self, what: &str, name: &str) -> Error {
        let names = self.names_in(if what == "function" { Space::Functions } else { Space::Relations });
        names::unknown(what, name, names.iter().map(String::as_str))
    }

    /// The canonical name that something new would get.
    ///
    /// # Errors
    /// When its database does not exist.
    pub fn canonical(&self, written: &str) -> Result<String> {
        let (within, last) = name::split(written);
        let database = match within {
            Some(within) => self.database(&within)?,
            None => self.current.clone(),
        };
        Ok(names::canonical(&database, &last))
    }

    /// The file of something new.
    pub(super) fn file_of(&self, (space, canonical): &Key) -> Option<PathBuf> {
        let folder = self.folder.as_ref()?;
        let (_, last) = name::split(canonical);
        Some(files::folder_of(&folder.path, &names::database(canonical)).join(files::file_name(*space, &last)))
    }

    /// Takes the lock of the folder and reads what others have changed.
    pub(super) fn lock(&mut self) -> Result<Option<Lock>> {
        let lock = self.folder.as_ref().map(Folder::lock);
        self.refresh()?;
        Ok(lock)
    }
}

/// What a file declares, under its canonical name.
fn entry_of(declared: &files::Declared) -> Result<Entry> {
    let (written, ..) = entry::declared(&declared.parsed.statement)?;
    let (within, last) = name::split(written);
    match within {
        Some(other) if other.to_lowercase() != declared.database.to_lowercase() => {
            let error = Error::sql(format!("`{written}` stands in the folder of database `{}`", declared.database));
            Err(declared.parsed.locate(error.hint("leave the database out: it is the folder's")))
        }
        _ => {
            let canonical = names::canonical(&declared.database, &last);
            Entry::of(&declared.parsed, declared.created_by.clone(), canonical)
                .ok_or_else(|| Error::internal("a catalog's statement declares nothing"))
        }
    }
}
