//! Batch or continuous.

/// Whether a session plans queries that end, or templates of epochs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mode {
    /// Reads to the end of every table as of now.
    Batch,
    /// Plans once, to be bound to each epoch.
    Streaming,
}
