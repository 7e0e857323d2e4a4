//! The declaration of a table on files: options, format, location, and the files that it has.

pub(super) mod config;
pub(super) mod copy_options;
pub(super) mod format;
pub(super) mod listing;
pub(super) mod location;
pub(super) mod metadata;
pub(super) mod options;
pub(super) mod store;
