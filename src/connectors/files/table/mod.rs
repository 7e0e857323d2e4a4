//! What a table on files says: options, format, where the files are and which ones there are.

pub(super) mod config;
pub(super) mod copy_options;
pub(super) mod format;
pub(super) mod listing;
pub(super) mod location;
pub(super) mod metadata;
pub(super) mod options;
pub(super) mod store;
