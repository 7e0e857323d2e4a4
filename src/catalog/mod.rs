//! Named things: tables and views, and what a run changes about them.
//!
//! A [`Catalog`] is three layers: the declarations in the data folder, over them those of a shared folder (`--catalog`),
//! over both what this session declares. Only the first is written, one readable .sql file per object.
//! [`Overrides`] hold SET and `--option` ([`JobSettings`] is what they say about the job itself), and [`table_spec`] makes
//! of a declaration what a connector needs.

mod files;
mod names;
pub mod overrides;
mod same;
mod secrets;
pub mod settings;
mod spec;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::common::{Error, Result};
use crate::sql::ast::{CreateTable, CreateView, Drop, Parsed, Pos, Source, Statement};

pub use overrides::Overrides;
pub use secrets::masked;
pub use settings::JobSettings;
pub use spec::{resolve_references, table_spec};

/// A declared table.
#[derive(Debug, Clone)]
pub struct TableEntry {
    /// What it says.
    pub definition: CreateTable,
    /// The statement's text.
    pub text: String,
    /// The file that declared it, as it was given.
    pub created_by: String,
    /// Declared with TEMPORARY: gone with the session.
    pub temporary: bool,
    /// The text in which its positions are.
    pub source: Source,
}

/// A declared view.
#[derive(Debug, Clone)]
pub struct ViewEntry {
    /// What it says.
    pub definition: CreateView,
    /// The statement's text.
    pub text: String,
    /// The file that declared it, as it was given.
    pub created_by: String,
    /// Declared with TEMPORARY: gone with the session.
    pub temporary: bool,
    /// The text in which its positions are.
    pub source: Source,
}

/// A table or a view.
#[derive(Debug, Clone)]
pub enum Entry {
    /// A table.
    Table(Arc<TableEntry>),
    /// A view.
    View(Arc<ViewEntry>),
}

impl TableEntry {
    /// Gives an error the place of a column or an option, if it has none yet.
    pub fn locate(&self, at: Pos, error: Error) -> Error {
        if at.line == 0 { error } else { error.at(self.source.place(at.line, at.column)) }
    }
}

impl Entry {
    /// Its name.
    pub fn name(&self) -> &str {
        match self {
            Self::Table(t) => &t.definition.name,
            Self::View(v) => &v.definition.name,
        }
    }

    fn text(&self) -> &str {
        match self {
            Self::Table(t) => &t.text,
            Self::View(v) => &v.text,
        }
    }

    fn created_by(&self) -> &str {
        match self {
            Self::Table(t) => &t.created_by,
            Self::View(v) => &v.created_by,
        }
    }

    fn what(&self) -> &'static str {
        match self {
            Self::Table(_) => "table",
            Self::View(_) => "view",
        }
    }

    /// Nothing for a statement that declares nothing.
    fn of(parsed: &Parsed, created_by: String) -> Option<Self> {
        let (text, source) = (parsed.text.clone(), parsed.source.clone());
        match &parsed.statement {
            Statement::CreateTable(definition) => {
                let (temporary, definition) = (definition.temporary, definition.clone());
                Some(Self::Table(Arc::new(TableEntry { definition, text, created_by, temporary, source })))
            }
            Statement::CreateView(definition) => {
                let (temporary, definition) = (definition.temporary, definition.clone());
                Some(Self::View(Arc::new(ViewEntry { definition, text, created_by, temporary, source })))
            }
            _ => None,
        }
    }
}

/// What [`Catalog::create`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Created {
    /// It was not there before.
    New,
    /// Another declaration was there.
    Replaced,
    /// The same declaration was there, or any with IF NOT EXISTS.
    Kept,
}

/// An entry and the file in which it stands.
#[derive(Debug)]
struct Stored {
    entry: Entry,
    /// The file to replace or remove; nothing for what is not ours to write.
    file: Option<PathBuf>,
}

/// All tables and views by name.
#[derive(Debug, Default)]
pub struct Catalog {
    /// Where declarations are written; nowhere if in memory.
    folder: Option<PathBuf>,
    entries: BTreeMap<String, Stored>,
    /// TEMPORARY ones hide others of their name.
    temporary: BTreeMap<String, Entry>,
    /// Files that could not be read: file and error.
    broken: Vec<(PathBuf, Error)>,
}

impl Catalog {
    /// A catalog that is not written anywhere.
    pub fn in_memory() -> Self {
        Self::default()
    }

    /// The declarations of a folder, which need not exist yet.
    ///
    /// # Errors
    /// When the folder cannot be read. A file that cannot be understood is a warning.
    pub fn open(folder: &Path) -> Result<Self> {
        let mut catalog = Self { folder: Some(folder.to_path_buf()), ..Self::default() };
        if folder.exists() {
            for file in files::list(folder)? {
                catalog.load(file, true);
            }
        }
        Ok(catalog)
    }

    /// The declarations of a folder, and over them those of a shared folder or file, which are never written.
    ///
    /// # Errors
    /// When one of them cannot be read.
    pub fn open_layered(folder: &Path, shared: Option<&Path>) -> Result<Self> {
        let mut catalog = Self::open(folder)?;
        if let Some(shared) = shared {
            if !shared.exists() {
                return Err(Error::usage(format!("--catalog {} does not exist", shared.display()))
                    .hint("it takes a folder of .sql files with CREATE statements, or one such file"));
            }
            for file in files::list(shared)? {
                catalog.load(file, false);
            }
        }
        Ok(catalog)
    }

    /// Takes the declarations of a file in, or remembers why that is not possible.
    fn load(&mut self, file: PathBuf, own: bool) {
        let declared = match files::read(&file) {
            Ok(declared) if own && declared.len() != 1 => {
                let error = Error::sql(format!("{} holds {} declarations instead of one", file.display(), declared.len()));
                return self.broken.push((file, error));
            }
            Ok(declared) => declared,
            Err(error) => return self.broken.push((file, error)),
        };
        for files::Declared { parsed, created_by, file } in declared {
            if let Some(entry) = Entry::of(&parsed, created_by) {
                self.entries.insert(entry.name().to_string(), Stored { entry, file: own.then_some(file) });
            }
        }
    }

    /// What could not be read when the catalog was opened, one text per file, with place and caret.
    pub fn warnings(&self) -> Vec<String> {
        self.broken.iter().map(|(file, error)| format!("{} is left out: {error}", file.display())).collect()
    }

    /// All names, sorted.
    pub fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = self.entries.keys().chain(self.temporary.keys()).cloned().collect();
        names.sort();
        names.dedup();
        names
    }

    /// All entries, sorted by name.
    pub fn entries(&self) -> Vec<Entry> {
        self.names().iter().filter_map(|name| self.exact(name).cloned()).collect()
    }

    fn exact(&self, name: &str) -> Option<&Entry> {
        self.temporary.get(name).or_else(|| self.entries.get(name).map(|stored| &stored.entry))
    }

    /// Looks a name up; nothing if it is not declared.
    ///
    /// # Errors
    /// When the name can mean several, or when its declaration could not be read.
    pub fn find(&self, name: &str) -> Result<Option<Entry>> {
        let names = self.names();
        if let Some(found) = names::find(name, names.iter().map(String::as_str))? {
            return Ok(self.exact(found).cloned());
        }
        let file = files::file_name(name);
        match self.broken.iter().find(|(broken, _)| broken.file_name().is_some_and(|f| f.to_string_lossy() == file)) {
            Some((broken, error)) => {
                Err(error.clone().context(format!("`{name}` is declared in {}, which cannot be read", broken.display())))
            }
            None => Ok(None),
        }
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
            Some(Entry::View(view)) => Err(Error::sql(format!("`{}` is a view, not a table", view.definition.name))),
            None => Err(self.unknown("table", name)),
        }
    }

    /// Looks a view up.
    ///
    /// # Errors
    /// When it is not declared, or a table.
    pub fn get_view(&self, name: &str) -> Result<Arc<ViewEntry>> {
        match self.find(name)? {
            Some(Entry::View(view)) => Ok(view),
            Some(Entry::Table(table)) => Err(Error::sql(format!("`{}` is a table, not a view", table.definition.name))),
            None => Err(self.unknown("view", name)),
        }
    }

    fn unknown(&self, what: &str, name: &str) -> Error {
        names::unknown(what, name, self.names().iter().map(String::as_str))
    }

    /// Carries out a CREATE (decision 6): the same declaration again changes nothing, the same file may change its own
    /// declarations, any other has to say OR REPLACE.
    ///
    /// # Errors
    /// When the name is taken, or the file cannot be written. A statement that is no CREATE is a bug.
    pub fn create(&mut self, parsed: &Parsed) -> Result<Created> {
        let by = plain_path(&parsed.source.name);
        let Some(entry) = Entry::of(parsed, by) else { return Err(Error::internal("only CREATE TABLE and CREATE VIEW declare something")) };
        let (name, temporary, or_replace, if_not_exists) = match &parsed.statement {
            Statement::CreateTable(t) => (&t.name, t.temporary, t.or_replace, t.if_not_exists),
            Statement::CreateView(v) => (&v.name, v.temporary, v.or_replace, v.if_not_exists),
            _ => return Err(Error::internal("only CREATE TABLE and CREATE VIEW declare something")),
        };
        let there = if temporary { self.temporary.get(name) } else { self.entries.get(name).map(|stored| &stored.entry) };
        let created = match there {
            None => Created::New,
            Some(_) if if_not_exists => return Ok(Created::Kept),
            Some(there) if same::same(there.text(), entry.text()) => return Ok(Created::Kept),
            Some(there) if there.what() != entry.what() => {
                let what = there.what();
                let drop = format!("DROP {} {} removes it", what.to_uppercase(), crate::sql::quoted(name));
                return Err(parsed.locate(Error::sql(format!("`{name}` exists as a {what}, created by {}", there.created_by())).hint(drop)));
            }
            Some(there) if or_replace || same_file(there.created_by(), entry.created_by()) => Created::Replaced,
            Some(there) => {
                let error = Error::sql(format!("{} `{name}` exists, created by {}", there.what(), there.created_by()));
                return Err(parsed.locate(error.hint(format!("use CREATE OR REPLACE {}", there.what().to_uppercase()))));
            }
        };
        if temporary {
            self.temporary.insert(name.clone(), entry);
            return Ok(created);
        }
        let file = match (self.entries.get(name).and_then(|stored| stored.file.clone()), &self.folder) {
            (Some(file), _) => Some(file),
            (None, Some(folder)) => Some(folder.join(files::file_name(name))),
            (None, None) => None,
        };
        if let Some(file) = &file {
            files::write(file, entry.created_by(), entry.text())?;
            self.broken.retain(|(broken, _)| broken != file);
        }
        self.entries.insert(name.clone(), Stored { entry, file });
        Ok(created)
    }

    /// Carries out a DROP; false if there was nothing to drop and IF EXISTS was said.
    ///
    /// # Errors
    /// When there is no such thing, or it is not ours to remove.
    pub fn drop(&mut self, drop: &Drop) -> Result<bool> {
        let what = drop.kind.what();
        let Some(entry) = self.find(&drop.name)? else {
            return if drop.if_exists { Ok(false) } else { Err(self.unknown(what, &drop.name)) };
        };
        let name = entry.name();
        if entry.what() != what {
            let right = format!("write DROP {}", entry.what().to_uppercase());
            return Err(Error::sql(format!("`{name}` is a {}, not a {what}", entry.what())).hint(right));
        }
        if self.temporary.remove(name).is_some() {
            return Ok(true);
        }
        match (self.entries.get(name).and_then(|stored| stored.file.as_ref()), &self.folder) {
            (Some(file), _) => files::remove(file)?,
            (None, Some(_)) => {
                return Err(Error::sql(format!("`{name}` is declared in the shared catalog ({}), which is only read", entry.created_by()))
                    .hint("take it out of that file"));
            }
            (None, None) => {}
        }
        self.entries.remove(name);
        Ok(true)
    }
}

/// A file's name without `./` in front.
fn plain_path(name: &str) -> String {
    let mut name = name;
    while let Some(rest) = name.strip_prefix("./") {
        name = rest.trim_start_matches('/');
    }
    name.to_string()
}

/// Whether two names mean the same file: one may be given from another folder than the other. What was typed (`<sql>`) is
/// no file.
fn same_file(a: &str, b: &str) -> bool {
    if a.starts_with('<') || b.starts_with('<') {
        return false;
    }
    Path::new(a).ends_with(b) || Path::new(b).ends_with(a)
}

#[cfg(test)]
mod tests;
