//! The allocator's policy for memory that was freed.

/// `mi_option_purge_delay` of mimalloc 3, which the crate has no name for.
const PURGE_DELAY: libmimalloc_sys::mi_option_t = 15;

/// Returns freed memory to the system at once, instead of after up to a tenth of a second.
///
/// Between two epochs a job frees as much as it has in memory beside its state. With a memory limit, that is what goes beyond the limit
/// without need; without one, faulting the pages in again costs up to a tenth more CPU. The binary has mimalloc as its
/// allocator, whose environment variable `MIMALLOC_PURGE_DELAY` comes first.
pub(super) fn return_freed_memory() {
    if std::env::var_os("MIMALLOC_PURGE_DELAY").is_some() {
        return;
    }
    // SAFETY: no other thread runs yet.
    unsafe { libmimalloc_sys::mi_option_set(PURGE_DELAY, 0) };
}
