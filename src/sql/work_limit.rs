//! A limit on what parsing may cost, on this thread.
//!
//! sqlparser tries some forms twice, which doubles at every level of a nesting with an error in it: `EXTRACT(EXTRACT(EXTRACT(...` would
//! take for ever.

use std::cell::Cell;

thread_local! {
    /// How many expressions may still be begun.
    static STEPS: Cell<usize> = const { Cell::new(usize::MAX) };
}

/// Lets this many expressions be begun from now on.
pub(super) fn allow_steps(steps: usize) {
    STEPS.set(steps);
}

/// Counts an expression that is begun; false if no more may be.
pub(super) fn take_step() -> bool {
    let left = STEPS.get();
    STEPS.set(left.saturating_sub(1));
    left > 0
}
