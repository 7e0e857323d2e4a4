//! Turns a panic inside a library into an error about the data it was reading, so that it never looks like the end of the data.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook};

use futures::FutureExt;

use super::{Error, Result, Subject};

/// Runs work; if it panics, returns the error that `otherwise` makes.
///
/// # Errors
/// The errors of the work.
pub async fn caught<T>(otherwise: impl FnOnce() -> Error, work: impl Future<Output = Result<T>>) -> Result<T> {
    AssertUnwindSafe(work).catch_unwind().await.unwrap_or_else(|panic| Err(into_error(&*panic, otherwise())))
}

/// The same for work on a thread.
///
/// # Errors
/// The errors of the work.
pub fn catch<T>(otherwise: impl FnOnce() -> Error, work: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| Err(into_error(&*panic, otherwise())))
}

/// The error for a file on which a library panics.
pub fn damaged(file: &str) -> Error {
    Error::data(format!("{file} cannot be read: it is damaged, or not of the format that the table declares"))
        .about(Subject::File(file.to_string()))
}

/// The error of a statement on which a library panics.
pub fn gave_up() -> Error {
    Error::data("the statement was cut off: a reader of its data, or a function, has given up")
        .hint("a damaged file does that; --verbose tells where it was")
}

/// Logs where a panic happened with `--verbose`; users get an error.
pub fn keep_quiet() {
    set_hook(Box::new(|panic| tracing::debug!("{panic}")));
}

/// Logs the text of a panic, which helps to find the fault but not the user whose file it is.
pub fn into_error(panic: &(dyn Any + Send), error: Error) -> Error {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    tracing::debug!("{}: a panic: {}", error.message(), text.unwrap_or("without a text"));
    error
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_an_error() {
        let error = caught(|| damaged("a.parquet"), async { if true { panic!("index out of bounds") } else { Ok(()) } }).await.unwrap_err();
        assert!(error.message().starts_with("a.parquet cannot be read"), "{error}");
        assert_eq!(catch(|| damaged("a"), || Ok(1)).unwrap(), 1);
        assert!(catch(|| damaged("a"), || if true { panic!("{}", 1) } else { Ok(()) }).is_err());
    }
}
