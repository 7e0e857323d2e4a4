//! The SQL shell: what `millstream` without a subcommand opens.
//!
//! ```text
//!  keys ─▶ editor.rs ─▶ a whole input ─┬▶ split.rs ──┬─ commands.rs: \d, .tables ─▶ meta_commands.rs
//!  -c, -f, stdin ─────────▶ a script ──┘  inputs.rs  └─ sql::parse ─▶ session.rs ─┬─ answers ─▶ screen.rs ─▶ render/, pager
//!                                                                                 ├─ live.rs: a live query (frame.rs, changes.rs)
//!                                                                                 └─ background.rs: jobs
//! ```
//! A [`Session`] carries out inputs and knows nothing of keys; [`interact`] asks a person for them.

mod arguments;
mod background;
mod changes;
mod colours;
pub mod commands;
mod complete;
#[cfg(test)]
mod complete_tests;
mod editor;
mod frame;
mod help;
mod inputs;
mod interact;
mod live;
mod log_buffer;
mod meta;
mod meta_commands;
pub mod progress;
pub mod render;
mod scope;
mod screen;
mod session;
mod split;
mod unsupported_commands;
mod views;

pub use interact::interact;
pub use log_buffer::LogBuffer;
pub use session::{Session, Setup};
