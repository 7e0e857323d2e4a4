//! Declarations as .sql files: one per object in the data folder, any number in a shared one.
//!
//! ```sql
//! -- created by sql/transactions/flink/1_source.sql
//! CREATE OR REPLACE TABLE transactions_table (...) WITH (...);
//! ```
//! A file is replaced by renaming a complete one over it, so a reader, or another process that writes the same one, never
//! meets half a declaration.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::common::{Error, Result};
use crate::sql::ast::{Parsed, Source, Statement};
use crate::sql::parse;

/// How the first line of a file begins.
const CREATED_BY: &str = "-- created by ";

/// A statement of a file, and who wrote it.
pub(super) struct Declared {
    pub(super) parsed: Parsed,
    pub(super) created_by: String,
    pub(super) file: PathBuf,
}

/// The .sql files of a folder in the order of their names; the path itself if it is a file.
pub(super) fn list(path: &Path) -> Result<Vec<PathBuf>> {
    if path.is_file() {
        return Ok(vec![path.to_path_buf()]);
    }
    let mut files = Vec::new();
    for entry in fs::read_dir(path).map_err(|error| cannot("read", path, error))? {
        let file = entry.map_err(|error| cannot("read", path, error))?.path();
        let hidden = file.file_name().is_none_or(|name| name.to_string_lossy().starts_with('.'));
        if !hidden && file.extension().is_some_and(|e| e.eq_ignore_ascii_case("sql")) && file.is_file() {
            files.push(file);
        }
    }
    files.sort();
    Ok(files)
}

/// Reads the declarations of one file.
pub(super) fn read(file: &Path) -> Result<Vec<Declared>> {
    let bytes = fs::read(file).map_err(|error| cannot("read", file, error))?;
    let text = String::from_utf8(bytes).map_err(|_| Error::sql(format!("{} is not UTF-8 text", file.display())))?;
    let shown = file.display().to_string();
    let created_by = text.lines().next().and_then(|line| line.strip_prefix(CREATED_BY)).map_or(shown.as_str(), str::trim).to_string();
    let source = Source::new(shown, text);
    let mut declared = Vec::new();
    for parsed in parse(&source)? {
        if !matches!(parsed.statement, Statement::CreateTable(_) | Statement::CreateView(_)) {
            return Err(
                parsed.locate(Error::sql("a catalog holds only CREATE TABLE and CREATE VIEW").hint("put other statements in a job file"))
            );
        }
        declared.push(Declared { parsed, created_by: created_by.clone(), file: file.to_path_buf() });
    }
    Ok(declared)
}

/// Writes one declaration as a whole.
pub(super) fn write(file: &Path, created_by: &str, text: &str) -> Result<()> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let folder = file.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(|error| cannot("create", folder, error))?;
    // Not the object's name: with its escapes that may be as long as a name can be.
    let temporary = folder.join(format!(".{}-{}.tmp", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed)));
    let created_by = created_by.replace(char::is_control, " ");
    let written = File::create(&temporary)
        .and_then(|mut out| {
            write!(out, "{CREATED_BY}{created_by}\n{text};\n")?;
            out.sync_all()
        })
        .and_then(|()| fs::rename(&temporary, file));
    written.map_err(|error| {
        let _ = fs::remove_file(&temporary); // it may not be there
        cannot("write", file, error)
    })
}

/// Removes a declaration; one that is gone already is fine.
pub(super) fn remove(file: &Path) -> Result<()> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(cannot("remove", file, error)),
        _ => Ok(()),
    }
}

/// The name of an object's file: what is not a letter, a digit, `_` or `-` is written as `%XX`, byte by byte.
pub(super) fn file_name(name: &str) -> String {
    let mut file = String::with_capacity(name.len() + 4);
    for c in name.chars() {
        if c.is_alphanumeric() || c == '_' || c == '-' {
            file.push(c);
        } else {
            for byte in c.encode_utf8(&mut [0; 4]).bytes() {
                let _ = write!(file, "%{byte:02X}"); // writing to a String cannot fail
            }
        }
    }
    file + ".sql"
}

fn cannot(what: &str, path: &Path, error: std::io::Error) -> Error {
    Error::state(format!("cannot {what} {}", path.display())).because(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files() {
        for (name, file) in [
            ("orders_2-a", "orders_2-a.sql"),
            ("größe", "größe.sql"),
            ("a b/c", "a%20b%2Fc.sql"),
            ("..", "%2E%2E.sql"),
            ("100%", "100%25.sql"),
        ] {
            assert_eq!(file_name(name), file);
        }
    }
}
