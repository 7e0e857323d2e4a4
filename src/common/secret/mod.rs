//! Masks secrets: values of options that hold passwords, and passwords in URLs.
//!
//! ```text
//!   a script, --option, a resolved value ──learn──▶ known values ──┐
//!   a text that leaves the process ──▶ by position (text, urls) ───┴──▶ shown
//! ```
//! A text is masked by position alone where its key is beside the value. A library quotes a value without its key: known values cover that.

mod keys;
mod known;
mod text;
mod urls;

pub use keys::is_secret;
pub use known::{learn, learn_text, without_all};
pub use text::{Masked, has_secrets, masked_line};
use text::{masked, spans};

/// The text that replaces a secret.
pub const MASK: &str = "****";

/// Masks a text that leaves the process: an error, a line of the log, a description.
pub fn shown(text: &str) -> String {
    known::without(&masked(text, &spans(text)))
}

/// Masks the value of an option. A reference such as `${env:PASSWORD}` is no secret and is shown.
pub fn shown_value(key: &str, value: &str) -> String {
    if is_secret(key) && !text::is_reference(value) { MASK.to_string() } else { shown(value) }
}
