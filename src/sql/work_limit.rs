//! Limits the work of parsing on this thread.
//!
//! sqlparser tries some forms twice, which doubles the work at every nesting level of an invalid text: `EXTRACT(EXTRACT(EXTRACT(...` would
//! take forever.

use std::cell::Cell;

thread_local! {
    /// The number of expressions that may still be begun.
    static STEPS: Cell<usize> = const { Cell::new(usize::MAX) };
}

/// Sets the number of expressions that may be begun from now on.
pub(super) fn allow_steps(steps: usize) {
    STEPS.set(steps);
}

/// Counts an expression; returns false if no more may be begun.
pub(super) fn take_step() -> bool {
    let left = STEPS.get();
    STEPS.set(left.saturating_sub(1));
    left > 0
}
