//! Batch or continuous mode.

/// Whether a session plans bounded queries or templates for epochs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mode {
    /// Reads to the end of every table as of now.
    Batch,
    /// Plans once, to be bound to each epoch.
    Streaming,
}
