//! The one stable hash of keys.

use xxhash_rust::xxh3::xxh3_64;

/// Version of [`hash_key`]. Whoever stores something that is placed by the hash stores this with it, and refuses another.
pub const HASH_VERSION: u32 = 1;

/// Hash of a key in its row form (`arrow-row`): XXH3 of the bytes. The same on every machine and in every release of the same
/// [`HASH_VERSION`], unlike DataFusion's, which is seeded anew and changes between releases.
pub fn hash_key(row: &[u8]) -> u64 {
    xxh3_64(row)
}
