//! Settings of a job that its plan depends on.

/// Settings of a job that change how its queries run.
#[derive(Debug, Clone, Copy, Default)]
pub struct StreamingSettings {
    /// `table.exec.state.ttl`, in milliseconds; `None`: state is kept for ever.
    pub ttl: Option<i64>,
    /// `table.exec.emit.allow-lateness`, in milliseconds.
    pub lateness: i64,
}
