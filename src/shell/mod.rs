//! The SQL shell: what `millstream` without a subcommand opens.
//!
//! ```text
//!  keys ─▶ editor.rs ─▶ a whole input ─┬─ commands.rs: \d, .tables ─┐
//!                                      └─ sql::parse ───────────────┴▶ session.rs ─┬─ answers ─▶ screen.rs ─▶ render/, pager
//!  -c, -f, stdin ─▶ a script ──────────────────────────────▶                       ├─ live.rs: an answer that goes on (content.rs, frame.rs, changes.rs)
//!                                                                                  └─ background.rs: jobs
//! ```
//! A [`Session`] carries out inputs and knows nothing of keys; [`interact`] asks a person for them.

mod background;
mod changes;
pub mod commands;
mod complete;
mod content;
mod editor;
mod frame;
mod help;
mod interact;
mod live;
mod notes;
pub mod progress;
pub mod render;
mod screen;
mod session;

pub use interact::interact;
pub use notes::Notes;
pub use session::{Session, Setup};
