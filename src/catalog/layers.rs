//! The catalog: three layers of declarations, looked up by name.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::common::{Error, Result};
use crate::sql::name::{self, DEFAULT_DATABASE};

use super::declarations::{Change, Declarations, Store};
use super::entry::{Entry, Key, Space, TableEntry};
use super::names;

/// All tables, views and functions by name, as one connection sees them.
///
/// ```text
///  connection ─▶ Catalog ─▶ what it owns: the database of USE, what it declared with TEMPORARY
///                   │
///                   ├─▶ Declarations, as of the last refresh: never change, so a statement sees one state of them
///                   └─▶ Store, shared by all connections: the newest Declarations, and the folder that they are kept in
/// ```
/// The other connections see a new declaration at their next [`Self::refresh`], as they see what other processes write into the folder.
#[derive(Debug)]
pub struct Catalog {
    pub(super) store: Arc<Mutex<Store>>,
    pub(super) declarations: Arc<Declarations>,
    /// The database for names without one.
    pub(super) current: String,
    /// Temporary declarations, which hide others of the same name.
    pub(super) temporary: BTreeMap<Key, Entry>,
}

impl Default for Catalog {
    fn default() -> Self {
        Self::in_memory()
    }
}

impl Catalog {
    fn over(store: Store) -> Self {
        let declarations = store.declarations();
        Self { store: Arc::new(Mutex::new(store)), declarations, current: DEFAULT_DATABASE.to_string(), temporary: BTreeMap::new() }
    }

    /// A catalog that is never written.
    pub fn in_memory() -> Self {
        Self::over(Store::default())
    }

    /// Opens the declarations of a folder, which need not exist yet.
    ///
    /// # Errors
    /// When the folder cannot be read. A file that cannot be parsed is a warning.
    pub fn open(folder: &Path) -> Result<Self> {
        Ok(Self::over(Store::open(folder)?))
    }

    /// Opens the declarations of a folder, and above them those of a shared folder or file, which are never written.
    ///
    /// # Errors
    /// When one of them cannot be read.
    pub fn open_layered(folder: &Path, shared: Option<&Path>) -> Result<Self> {
        let mut store = Store::open(folder)?;
        if let Some(shared) = shared {
            store.add_shared(shared)?;
        }
        Ok(Self::over(store))
    }

    /// Returns a catalog with the same declarations that writes nothing, and that no other connection sees.
    #[must_use]
    pub fn detached(self) -> Self {
        let Self { declarations, current, temporary, .. } = self;
        Self { current, temporary, ..Self::over(Store::detached(&declarations)) }
    }

    /// Returns the catalog of another connection: the same declarations, no temporary ones, the default database.
    #[must_use]
    pub fn connect(&self) -> Self {
        let declarations = self.store.lock().declarations();
        let store = Arc::clone(&self.store);
        Self { store, declarations, current: DEFAULT_DATABASE.to_string(), temporary: BTreeMap::new() }
    }

    /// Reads the changes of other connections and processes.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn refresh(&mut self) -> Result<()> {
        let mut store = self.store.lock();
        store.refresh()?;
        self.declarations = store.declarations();
        Ok(())
    }

    /// Begins a change of the stored declarations: no other connection or process makes one until [`Self::done`]. First reads the changes
    /// of others.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub(super) fn change<'a>(&mut self, store: &'a Mutex<Store>) -> Result<Change<'a>> {
        let change = Change::begin(store)?;
        self.declarations = change.declarations();
        Ok(change)
    }

    /// Ends a change, and makes it visible here.
    pub(super) fn done(&mut self, change: Change<'_>) {
        self.declarations = change.declarations();
    }

    /// Returns what could not be read when the catalog was opened, one text per file, with place and caret.
    pub fn warnings(&self) -> Vec<String> {
        let broken = self.declarations.broken.iter().chain(&self.declarations.broken_shared);
        broken.map(|(file, error)| format!("{} is left out: {error}", file.display())).collect()
    }

    /// The database for names without one.
    pub fn current(&self) -> &str {
        &self.current
    }

    /// Executes USE.
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
        self.declarations.databases.iter().map(String::as_str)
    }

    /// Returns a database's name as it was declared.
    ///
    /// # Errors
    /// When it does not exist.
    pub fn database(&self, name: &str) -> Result<String> {
        match names::find(name, self.databases())? {
            Some(found) => Ok(found.to_string()),
            None => Err(names::unknown("database", name, self.databases())),
        }
    }

    pub(super) fn keys(&self) -> BTreeSet<&Key> {
        self.declarations.keys().chain(self.temporary.keys()).collect()
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

    /// Returns a declaration that is not temporary.
    pub(super) fn lasting(&self, key: &Key) -> Option<&Entry> {
        self.declarations.get(key)
    }

    /// Looks a name up from the current database; `None` if it is not declared.
    ///
    /// # Errors
    /// When the name is ambiguous, or when its declaration could not be read.
    pub fn find(&self, name: &str) -> Result<Option<Entry>> {
        self.find_from(&self.current, Space::Relations, name)
    }

    /// Looks a name up as an object of this database would: an exact match, else the only one that differs in case.
    ///
    /// # Errors
    /// When the name is ambiguous, when its declaration could not be read, or when there is no such database.
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

    /// Returns why the declaration of this name could not be read, if so.
    fn broken_one(&self, database: &str, space: Space, last: &str) -> Option<Error> {
        let file = self.declarations.file_of(&(space, names::canonical(database, last)))?;
        let (_, error) = self.declarations.broken.iter().find(|(broken, _)| *broken == file)?;
        Some(error.clone().context(format!("`{last}` is declared in {}, which cannot be read", file.display())))
    }

    /// Looks a table or view up.
    ///
    /// # Errors
    /// When it is not declared; the error lists similar names.
    pub fn get(&self, name: &str) -> Result<Entry> {
        self.find(name)?.ok_or_else(|| self.unknown("table or view", name))
    }

    /// Looks a table up.
    ///
    /// # Errors
    /// When it is not declared, or is a view.
    pub fn get_table(&self, name: &str) -> Result<Arc<TableEntry>> {
        self.table_from(&self.current, name)
    }

    /// Looks a table up by its canonical name, whichever database is in use.
    ///
    /// # Errors
    /// When it is not declared, or is a view.
    pub fn get_canonical_table(&self, canonical: &str) -> Result<Arc<TableEntry>> {
        self.table_from(DEFAULT_DATABASE, canonical)
    }

    /// Looks a table up as an object of this database would.
    ///
    /// # Errors
    /// When it is not declared, or is a view.
    pub fn table_from(&self, database: &str, name: &str) -> Result<Arc<TableEntry>> {
        match self.find_from(database, Space::Relations, name)? {
            Some(Entry::Table(table)) => Ok(table),
            Some(other) => Err(Error::sql(format!("`{}` is a {}, not a table", other.name(), other.what()))),
            None => Err(self.unknown("table", name)),
        }
    }

    /// Returns a canonical name as it must be written in the current database.
    pub fn written(&self, canonical: &str) -> String {
        match name::split(canonical) {
            (None, last) if self.current != DEFAULT_DATABASE => name::join(Some(DEFAULT_DATABASE), &last),
            _ => canonical.to_string(),
        }
    }

    /// The error for an undeclared name.
    pub fn unknown(&self, what: &str, name: &str) -> Error {
        let names = self.names_in(if what == "function" { Space::Functions } else { Space::Relations });
        names::unknown(what, name, names.iter().map(String::as_str))
    }

    /// Returns the canonical name that a new object would get.
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
}
