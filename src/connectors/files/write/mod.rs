//! Writes files: whole results at once, and the files of a continuous job, each row once.

pub(super) mod atomic_file;
pub(super) mod bulk_writer;
pub(super) mod encode;
pub(super) mod partition_time;
pub(super) mod rolling;
pub(super) mod sink;
pub(super) mod sink_ledger;
pub(super) mod writer;
