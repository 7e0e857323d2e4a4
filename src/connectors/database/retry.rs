//! Reads that are tried again while a server is away.

use futures::future::BoxFuture;

use crate::common::{ErrorKind, Result};

/// The answer of a read, tried again at most `retries` times while the server is away.
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
