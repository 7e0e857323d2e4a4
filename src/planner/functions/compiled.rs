//! Caches compiled patterns across batches.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::common::Result;

/// The maximum number of cached patterns. Most queries write a pattern as a literal, but a column may hold many.
const KEPT: usize = 256;

/// Compiled patterns by their text.
pub(super) struct Compiled<T> {
    compile: fn(&str) -> Result<T>,
    kept: Mutex<HashMap<String, Arc<T>>>,
}

impl<T> Compiled<T> {
    pub(super) fn new(compile: fn(&str) -> Result<T>) -> Self {
        Self { compile, kept: Mutex::default() }
    }

    fn get(&self, pattern: &str) -> Result<Arc<T>> {
        if let Some(found) = self.kept.lock().unwrap_or_else(PoisonError::into_inner).get(pattern) {
            return Ok(Arc::clone(found));
        }
        let compiled = Arc::new((self.compile)(pattern)?);
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= KEPT {
            kept.clear();
        }
        kept.insert(pattern.to_string(), Arc::clone(&compiled));
        Ok(compiled)
    }

    /// A cursor over the patterns of one batch, in which equal patterns mostly follow each other.
    pub(super) fn batch(&self) -> Batch<'_, T> {
        Batch { all: self, last: None }
    }
}

/// The patterns of one batch.
pub(super) struct Batch<'a, T> {
    all: &'a Compiled<T>,
    last: Option<(String, Arc<T>)>,
}

impl<T> Batch<'_, T> {
    pub(super) fn get(&mut self, pattern: &str) -> Result<&T> {
        if self.last.as_ref().is_none_or(|(text, _)| text != pattern) {
            self.last = Some((pattern.to_string(), self.all.get(pattern)?));
        }
        match &self.last {
            Some((_, compiled)) => Ok(compiled),
            None => Err(crate::common::Error::internal("a pattern was not kept")),
        }
    }
}
