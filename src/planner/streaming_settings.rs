//! Settings of a job that affect its plan.

use crate::state::key_groups::{DEFAULT_KEY_GROUPS, MAX_KEY_GROUPS};

/// Settings of a job that change how its queries run.
#[derive(Debug, Clone, Copy, Default)]
pub struct StreamingSettings {
    /// `table.exec.state.ttl`, in milliseconds; `None`: state is kept for ever.
    pub ttl: Option<i64>,
    /// `table.exec.emit.allow-lateness`, in milliseconds.
    pub lateness: i64,
    /// `parallelism.default`: the number of partitions of its stages; `None`: as many as there are cores.
    pub parallelism: Option<usize>,
    /// `pipeline.max-parallelism`: the maximum number of partitions that it can ever have.
    pub max_parallelism: Option<usize>,
}

impl StreamingSettings {
    /// The number of key groups of keyed state: `pipeline.max-parallelism` as a power of two.
    pub fn key_groups(self) -> u16 {
        let groups = self.max_parallelism.and_then(|most| u16::try_from(most.next_power_of_two()).ok());
        groups.map_or(DEFAULT_KEY_GROUPS, |groups| groups.clamp(1, MAX_KEY_GROUPS))
    }
}
