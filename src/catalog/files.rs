//! Declarations as .sql files: one per object in the data folder, any number in a shared one.
//!
//! ```text
//! catalog/orders.sql              -- created by sql/transactions/flink/1_source.sql
//!                                 CREATE OR REPLACE TABLE orders (...) WITH (...);
//! catalog/to_cents.function.sql   functions have names of their own
//! catalog/totals.sql              SET 'sql.dialect' = '...';  before a declaration in another dialect than the default
//! catalog/shop/                   a database
//! catalog/shop/shop.database.sql  its declaration
//! catalog/shop/orders.sql         CREATE TABLE orders (...): names in it are looked up in `shop`
//! ```
//! A file is replaced by renaming a complete one over it, so a reader never sees half a declaration. A writer holds the lock of the folder
//! from reading to writing, so that two processes do not overwrite each other's declarations.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::common::names::{decoded, encoded};
use crate::common::{Error, Result, private};
use crate::sql::ast::{Parsed, Source, Statement};
use crate::sql::name::DEFAULT_DATABASE;
use crate::sql::{Dialect, dialect, parse};

use super::entry::Space;

/// The beginning of the first line of a file.
const CREATED_BY: &str = "-- created by ";

/// A declaration in a file, and who wrote it.
#[derive(Debug, Clone)]
pub(super) struct Declared {
    pub(super) parsed: Parsed,
    pub(super) created_by: String,
    pub(super) file: PathBuf,
    /// The database that owns the folder.
    pub(super) database: String,
}

/// A .sql file, and the database that owns its folder.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct DeclarationFile {
    pub(super) database: String,
    pub(super) file: PathBuf,
}

/// Lists the databases of a folder, and all .sql files in the order of their names; a path of a file is returned as it is.
pub(super) fn list(path: &Path) -> Result<(Vec<String>, Vec<DeclarationFile>)> {
    let here = DEFAULT_DATABASE.to_string();
    if path.is_file() {
        return Ok((Vec::new(), vec![DeclarationFile { database: here, file: path.to_path_buf() }]));
    }
    let (mut databases, mut places) = (Vec::new(), Vec::new());
    for found in entries(path)? {
        if found.is_dir() {
            let Some(database) = found.file_name().and_then(|name| decoded(&name.to_string_lossy())) else { continue };
            places.extend(
                entries(&found)?.into_iter().filter(|f| is_sql(f)).map(|file| DeclarationFile { database: database.clone(), file }),
            );
            databases.push(database);
        } else if is_sql(&found) {
            places.push(DeclarationFile { database: here.clone(), file: found });
        }
    }
    places.sort();
    Ok((databases, places))
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(|error| cannot("read", folder, error))? {
        let path = entry.map_err(|error| cannot("read", folder, error))?.path();
        if path.file_name().is_some_and(|name| !name.to_string_lossy().starts_with('.')) {
            found.push(path);
        }
    }
    Ok(found)
}

fn is_sql(path: &Path) -> bool {
    path.extension().is_some_and(|e| e.eq_ignore_ascii_case("sql")) && path.is_file()
}

/// Reads the declarations of one file.
pub(super) fn read(place: &DeclarationFile) -> Result<Vec<Declared>> {
    let file = &place.file;
    let bytes = fs::read(file).map_err(|error| cannot("read", file, error))?;
    let text = String::from_utf8(bytes).map_err(|_| Error::sql(format!("{} is not UTF-8 text", file.display())))?;
    let shown = file.display().to_string();
    let created_by = text.lines().next().and_then(|line| line.strip_prefix(CREATED_BY)).map_or(shown.as_str(), str::trim).to_string();
    let source = Source::new(shown, text);
    let mut declared = Vec::new();
    for parsed in parse(&source)? {
        use Statement::{CreateDatabase, CreateFunction, CreateTable, CreateView, Set};
        match &parsed.statement {
            CreateTable(table) if table.like.is_some() || table.query.is_some() => {
                let error = Error::sql("a catalog holds declarations in full, without LIKE and AS").hint("declare columns and options");
                return Err(parsed.locate(error));
            }
            CreateTable(_) | CreateView(_) | CreateFunction(_) | CreateDatabase(_) => {}
            // The parser has applied it.
            Set(setting) if dialect::KEYS.contains(&setting.key.as_str()) => continue,
            _ => {
                let error = Error::sql("a catalog holds only CREATE TABLE, VIEW, FUNCTION and DATABASE");
                return Err(parsed.locate(error.hint("put other statements in a job file")));
            }
        }
        let (created_by, database) = (created_by.clone(), place.database.clone());
        declared.push(Declared { parsed, created_by, file: file.clone(), database });
    }
    Ok(declared)
}

/// Writes one declaration as a complete file.
pub(super) fn write(file: &Path, created_by: &str, dialect: Dialect, text: &str) -> Result<()> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let folder = file.parent().unwrap_or(Path::new("."));
    private::create_folder(folder).map_err(|error| cannot("create", folder, error))?;
    // The object's name is not used: with its escapes it may have the maximum length of a file name.
    let temporary = folder.join(format!(".{}-{}.tmp", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed)));
    let created_by = created_by.replace(char::is_control, " ");
    let written = private::options()
        .write(true)
        .create_new(true)
        .open(&temporary)
        .and_then(|mut out| {
            writeln!(out, "{CREATED_BY}{created_by}")?;
            if dialect != Dialect::default() {
                writeln!(out, "SET '{}' = '{}';", dialect::KEYS[0], dialect.name())?;
            }
            writeln!(out, "{text};")?;
            out.sync_all()
        })
        .and_then(|()| fs::rename(&temporary, file))
        .and_then(|()| File::open(folder)?.sync_all());
    written.map_err(|error| {
        let _ = fs::remove_file(&temporary); // it may not be there
        cannot("write", file, error)
    })
}

/// Removes a declaration; a missing file is not an error.
pub(super) fn remove(file: &Path) -> Result<()> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(cannot("remove", file, error)),
        _ => Ok(()),
    }
}

/// Removes a database's folder, with any other files in it.
pub(super) fn remove_folder(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(cannot("remove", folder, error)),
        _ => Ok(()),
    }
}

/// The folder of a database, below that of the catalog.
pub(super) fn folder_of(catalog: &Path, database: &str) -> PathBuf {
    if database == DEFAULT_DATABASE { catalog.to_path_buf() } else { catalog.join(encoded(database)) }
}

/// The file that declares a database.
pub(super) fn database_file(catalog: &Path, database: &str) -> PathBuf {
    folder_of(catalog, database).join(format!("{}.database.sql", encoded(database)))
}

/// Returns the file name of an object, from its name without a database.
pub(super) fn file_name(space: Space, name: &str) -> String {
    match space {
        Space::Relations => format!("{}.sql", encoded(name)),
        Space::Functions => format!("{}.function.sql", encoded(name)),
    }
}

fn cannot(what: &str, path: &Path, error: std::io::Error) -> Error {
    Error::state(format!("cannot {what} {}", path.display())).with_source(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files() {
        assert_eq!(file_name(Space::Relations, "a b/c"), "a%20b%2Fc.sql");
        assert_eq!(file_name(Space::Functions, "f"), "f.function.sql");
    }
}
