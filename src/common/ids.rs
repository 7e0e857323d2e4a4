//! Unique ids.
#![allow(clippy::disallowed_methods)]

use uuid::Uuid;

/// A new id.
pub fn random() -> Uuid {
    Uuid::new_v4()
}

/// Returns a new id that sorts after earlier ones.
pub fn ordered() -> Uuid {
    Uuid::now_v7()
}
