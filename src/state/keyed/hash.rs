//! The hash by which a table finds a key.

use xxhash_rust::xxh3::xxh3_64;

/// Hash of a key in its row form (`arrow-row`): XXH3 of the bytes. It places rows inside a table of one process only; which partition
/// a row belongs to is [`crate::state::key_hash`]'s to say.
pub fn hash_key(row: &[u8]) -> u64 {
    xxh3_64(row)
}
