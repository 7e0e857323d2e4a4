//! What every module may use: errors, places in a text, blocking work, the clock, Java's patterns for times, crash points, options,
//! projections, names of types, units and spelling suggestions.
//!
//! This module knows nothing of SQL, Kafka or Arrow plans; every module may use it, and it uses none.

pub mod blocking;
pub mod calendar;
pub mod casts;
pub mod clock;
pub mod digits;
pub mod error;
pub mod excerpt;
pub mod faults;
pub mod field_names;
pub mod floor;
pub mod ids;
pub(crate) mod java_parse;
pub(crate) mod java_time;
pub mod library_text;
pub mod machine;
pub mod names;
mod options;
pub mod panics;
pub mod private;
pub mod projection;
pub mod s3;
pub mod secret;
pub mod suggest;
pub mod type_names;
pub mod units;
pub mod weight;

pub use error::{Error, ErrorKind, Result, Subject};
pub use options::OptionSpec;
pub use projection::Projection;
pub use weight::WEIGHT;
