//! Finds the beginning of a record near the end of a text file, without reading the file from its beginning.

use datafusion::error::DataFusionError;
use memchr::memchr;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt};

use crate::common::Result;

use super::record_splitter::Quotes;

/// How many blocks are scanned together to find out where quotes are open.
const MOST: u64 = 16;

/// How far to look back, in bytes.
#[derive(Debug, Clone, Copy)]
pub struct Reach {
    /// The block size of a scan for quotes.
    pub block: u64,
    /// The longest record there can be.
    pub longest: u64,
}

/// Finds the start of a record shortly after `from`. `None`: it can only be found by reading the file from its first byte.
///
/// Where no value holds a line end, a record begins after any of them. Else the line end may be in quotes, and whether it is depends on all
/// that comes before. But not much of that is needed: the text is read both ways, as if a quote were open at the line's beginning and as if
/// none were, and from where both agree there is only one way.
///
/// ```text
///   from ──▶ ...b",1␤     2 , " a    b " , 1 ␤   3,x␤
///   none is open:         . . ( (    ( ) . .│
///   one is open:          ( ( ) .    . . . .│    a quote inside of a value is one like any other character
///                                      └────┴─▶ both agree that none is open: the record after the next line end
/// ```
/// Where there are no quotes at all, the last one before decides. Without any in [`Reach::longest`] bytes none can be open: a query could
/// not read that file either.
///
/// # Errors
/// When the file cannot be read.
pub async fn record_start(
    objects: &dyn ObjectStore,
    file: &ObjectMeta,
    quotes: Option<Quotes>,
    from: u64,
    reach: Reach,
) -> Result<Option<u64>> {
    let Some(quotes) = quotes else { return Ok(Some(from)) };
    if quotes.escape.is_some_and(|escape| escape != quotes.quote) {
        // There is a third way to read: the byte before may escape the first one.
        return Ok(None);
    }
    let bytes = objects.get_range(&file.location, from..file.size).await.map_err(DataFusionError::from)?;
    let rest = behind_line_end(&bytes);
    let begins = file.size - rest.len() as u64;
    if rest.is_empty() {
        return Ok(None);
    }
    if memchr(quotes.quote, &bytes).is_some() {
        return Ok(agreed(rest, quotes).and_then(|walk| walk.line_end(rest, quotes)).map(|end| begins + end as u64 + 1));
    }
    Ok((open_at(objects, file, quotes, from, reach).await? == Some(false)).then_some(begins))
}

/// Whether a quote is open at a place, judged from the last quotes before it; `None` if they do not decide.
async fn open_at(objects: &dyn ObjectStore, file: &ObjectMeta, quotes: Quotes, at: u64, reach: Reach) -> Result<Option<bool>> {
    let (mut end, mut size) = (at, reach.block);
    while end > 0 && at - end < reach.longest {
        let begin = end.saturating_sub(size);
        let bytes = objects.get_range(&file.location, begin..end).await.map_err(DataFusionError::from)?;
        if memchr(quotes.quote, &bytes).is_none() {
            (end, size) = (begin, reach.block);
            continue;
        }
        let text = if begin == 0 { &bytes } else { behind_line_end(&bytes) };
        let walk = if begin == 0 { Some(Walk::default()) } else { agreed(text, quotes) };
        if let Some(mut walk) = walk {
            while walk.step(text, quotes) {}
            return Ok(Some(walk.open));
        }
        if size >= MOST * reach.block {
            return Ok(None);
        }
        // The row with the quotes may begin before the block.
        size *= 2;
    }
    Ok(Some(false))
}

/// Returns the text after the first line end.
fn behind_line_end(bytes: &[u8]) -> &[u8] {
    memchr(b'\n', bytes).and_then(|end| bytes.get(end + 1..)).unwrap_or_default()
}

/// One way to read a text that begins after a line end, quote by quote, as [`Cutter`](super::record_splitter::Cutter) does.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Walk {
    /// Everything before it was read.
    at: usize,
    /// A quote is open at `at`.
    open: bool,
}

impl Walk {
    /// Moves past the next quote; returns false at the end if there is none.
    fn step(&mut self, bytes: &[u8], quotes: Quotes) -> bool {
        let Some(i) = memchr(quotes.quote, bytes.get(self.at..).unwrap_or_default()).map(|i| self.at + i) else {
            self.at = bytes.len();
            return false;
        };
        let before = i.checked_sub(1).and_then(|before| bytes.get(before));
        if self.open && bytes.get(i + 1) == Some(&quotes.quote) {
            self.at = i + 2;
        } else {
            self.open = !self.open && before.is_none_or(|b| *b == b'\n' || *b == quotes.delimiter);
            self.at = i + 1;
        }
        true
    }

    /// Returns the next line end that is not in quotes.
    fn line_end(mut self, bytes: &[u8], quotes: Quotes) -> Option<usize> {
        loop {
            let rest = bytes.get(self.at..).unwrap_or_default();
            let next = memchr(quotes.quote, rest).unwrap_or(rest.len());
            if let Some(end) = memchr(b'\n', rest.get(..next).unwrap_or_default()).filter(|_| !self.open) {
                return Some(self.at + end);
            }
            if !self.step(bytes, quotes) {
                return None;
            }
        }
    }
}

/// Returns where both ways to read a text agree.
fn agreed(bytes: &[u8], quotes: Quotes) -> Option<Walk> {
    let (mut closed, mut open) = (Walk::default(), Walk { at: 0, open: true });
    while closed != open {
        let behind = if closed.at <= open.at { &mut closed } else { &mut open };
        if !behind.step(bytes, quotes) && closed.at == open.at && closed.open != open.open {
            return None;
        }
    }
    Some(closed)
}

#[cfg(test)]
#[path = "backward_scan_tests.rs"]
mod tests;
