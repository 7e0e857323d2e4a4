//! Runs work that may wait long for a disk or for a lock of another process on a blocking thread, because an async task must not wait.

use std::panic::resume_unwind;

use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::task::{block_in_place, spawn_blocking, unconstrained};

use super::{Error, Result};

/// Runs work on a blocking thread. It runs to its end even if the caller is dropped; a panic in it is raised in the caller.
///
/// # Errors
/// The errors of the work.
pub async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    // Without tokio's budget: a caller on another executor, inside a task that has used up its own budget, would wait for ever.
    match unconstrained(spawn_blocking(work)).await {
        Ok(done) => done,
        Err(lost) => match lost.try_into_panic() {
            Ok(panic) => resume_unwind(panic),
            Err(cancelled) => Err(Error::internal("the runtime ended before its work was done").with_source(cancelled)),
        },
    }
}

/// Runs work on this thread, while another thread takes over its other tasks: for code that is not async and may wait for a disk.
pub fn in_place<T>(work: impl FnOnce() -> T) -> T {
    match Handle::try_current() {
        Ok(runtime) if runtime.runtime_flavor() == RuntimeFlavor::MultiThread => block_in_place(work),
        _ => work(),
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

    /// The runtime has one worker, which a task blocks until another task has run.
    #[test]
    fn other_tasks_go_on_while_one_blocks_in_place() {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
        let (sender, receiver) = std::sync::mpsc::channel();
        let blocked = runtime.spawn(async move {
            tokio::spawn(async move { sender.send(7).unwrap() });
            in_place(|| receiver.recv_timeout(std::time::Duration::from_secs(60)))
        });
        assert_eq!(runtime.block_on(blocked).unwrap(), Ok(7));
        assert_eq!(in_place(|| 1), 1, "also without a runtime");
    }
}
