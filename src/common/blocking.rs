//! Work that may wait long for a disk or for a lock of another process, on a thread that is there to wait: an async task must not.

use std::panic::resume_unwind;

use tokio::task::{spawn_blocking, unconstrained};

use super::{Error, Result};

/// Does the work on a blocking thread. The work runs to its end even if the caller is dropped; a panic in it is raised in the caller.
///
/// # Errors
/// Those of the work.
pub async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    // Without tokio's budget: who waits with another executor, within a task that has used its own up, would wait for ever.
    match unconstrained(spawn_blocking(work)).await {
        Ok(done) => done,
        Err(lost) => match lost.try_into_panic() {
            Ok(panic) => resume_unwind(panic),
            Err(cancelled) => Err(Error::internal("the runtime ended before its work was done").with_source(cancelled)),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn it_can_be_waited_for_with_another_executor() {
        for n in 0..1_000 {
            assert_eq!(futures::executor::block_on(blocking(move || Ok(n))).unwrap(), n);
        }
    }
}
