//! Durable state: a store that can create objects exactly once, the commit objects in it, and the tables restored from them.
//!
//! ```text
//! <checkpoints>/<job>/
//!   lock                        held by the running copy (local folders only)
//!   incarnations/<k>            put-if-absent: the k-th start of this job
//!   commits/<n>                 put-if-absent: everything that commit n covers, or the names of its objects
//!   objects/<n>-<k>-<attempt>-* sections of a commit that are too large to be part of it
//!   floor                       commits up to this one may have been deleted
//! ```

pub mod commit;
pub mod conformance;
pub mod key_groups;
pub mod key_hash;
pub mod keyed;
pub mod local;
pub mod location;
pub mod memory;
pub mod object;
pub mod panes;
pub mod pending;
pub mod scratch;
mod spill;
pub mod spillable_batches;
pub mod store;
pub mod table;

pub use commit::{ChunkedSectionWriter, CommitFile, Section, WrittenSection};
pub use key_groups::KeyGroups;
pub use keyed::{FrozenTable, KeyMode, KeyedDelta, KeyedTable, Layout};
pub use location::open;
pub use memory::StateMemory;
pub use panes::{PaneDelta, PaneTable};
pub use pending::PendingChanges;
pub use spillable_batches::{SpillContext, SpillableBatches};
pub use store::{Created, StateStore};
pub use table::{Frozen, StateDelta, StateTable};
