//! Text files as bytes: decompressed, cut into records, scanned backwards.

pub(super) mod backward_scan;
pub(super) mod decompress;
pub(super) mod json_values;
pub(super) mod record_splitter;
