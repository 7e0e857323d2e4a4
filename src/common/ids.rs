//! Names that no other process has given.
#![allow(clippy::disallowed_methods)]

use uuid::Uuid;

/// A new id.
pub fn random() -> Uuid {
    Uuid::new_v4()
}

/// A new id that sorts behind those that were made before.
pub fn ordered() -> Uuid {
    Uuid::now_v7()
}
