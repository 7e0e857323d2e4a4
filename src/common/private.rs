//! Files and folders that only their owner may read: they hold rows, and declarations with passwords.

use std::fs::{DirBuilder, OpenOptions};
use std::io::Result;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

/// Creates a folder, and its parents, for the owner alone; an existing one is left as it is.
///
/// # Errors
/// As `create_dir_all`.
pub fn create_folder(path: &Path) -> Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Options for opening a file; a created file is readable by the owner alone.
pub fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.mode(0o600);
    options
}

/// Removes the temporary files (hidden, ending in `.tmp`) that a killed process has left in a folder. Only for a folder with a single
/// writer.
pub fn remove_unfinished(folder: &Path) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with('.') && name.ends_with(".tmp") && entry.file_type().is_ok_and(|t| t.is_file()) {
            let _ = std::fs::remove_file(entry.path()); // what cannot be removed is hidden, and of no harm
        }
    }
}
