//! Retries reads while a server is unreachable.

use futures::future::BoxFuture;

use crate::common::{ErrorKind, Result};

/// Runs a read, and retries it at most `retries` times while the server is unreachable.
///
/// # Errors
/// Those of the last attempt.
pub async fn retried<'r, T>(retries: u32, read: impl Fn() -> BoxFuture<'r, Result<T>>) -> Result<T> {
    let mut tries = 0;
    loop {
        match read().await {
            Err(error) if error.kind() == ErrorKind::Unavailable && tries < retries => tries += 1,
            answer => return answer,
        }
    }
}
