//! Estimates from a sample which keys many rows have.

use std::collections::BTreeMap;

use arrow::array::ArrayRef;
use arrow::util::display::{ArrayFormatter, FormatOptions};

use crate::common::Result;
use crate::common::excerpt::excerpt;

/// The number of rows of a batch that are sampled.
const SAMPLE: usize = 64;
/// A key is noted if at least one in `NOTED` of these rows has it, and at least `NOTED` of them.
const NOTED: usize = 8;
/// The number of keys that are remembered.
const KEYS: usize = 16;

/// The most frequent keys of the rows of an exchange. A key of fewer than an eighth of the rows may be missing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HeavyKeys {
    /// By hash: the key as text, and the approximate number of its rows.
    keys: BTreeMap<u64, (String, u64)>,
}

impl HeavyKeys {
    /// Samples a batch, given the columns of its keys and their hashes.
    ///
    /// # Errors
    /// When a value cannot be formatted.
    pub fn sample(&mut self, columns: &[ArrayRef], hashes: &[u64]) -> Result<()> {
        let sampled = hashes.len().min(SAMPLE);
        if sampled < NOTED {
            return Ok(());
        }
        let stride = hashes.len() / sampled;
        // Not every nth row: a pattern of the same period would be over- or underestimated.
        let mut rows: Vec<(u64, usize)> = (0..sampled)
            .map(|n| n * stride + (n.wrapping_mul(0x9E37_79B9) >> 8) % stride)
            .filter_map(|row| hashes.get(row).map(|hash| (*hash, row)))
            .collect();
        rows.sort_unstable();
        for same in rows.chunk_by(|a, b| a.0 == b.0).filter(|same| same.len() >= NOTED && same.len() * NOTED >= sampled) {
            let Some((hash, row)) = same.first() else { continue };
            let rows = (same.len() * hashes.len() / sampled) as u64;
            match self.keys.get_mut(hash) {
                Some((_, count)) => *count += rows,
                None => drop(self.keys.insert(*hash, (shown(columns, *row)?, rows))),
            }
        }
        self.shrink();
        Ok(())
    }

    /// Adds the keys that another partition or epoch has found.
    pub fn merge(&mut self, other: &Self) {
        for (hash, (text, rows)) in &other.keys {
            self.keys.entry(*hash).or_insert_with(|| (text.clone(), 0)).1 += rows;
        }
        self.shrink();
    }

    /// The most frequent key, and the approximate number of its rows.
    pub fn heaviest(&self) -> Option<(&str, u64)> {
        self.keys.values().max_by_key(|(_, rows)| *rows).map(|(text, rows)| (text.as_str(), *rows))
    }

    fn shrink(&mut self) {
        while self.keys.len() > KEYS {
            let lightest = self.keys.iter().min_by_key(|(_, (_, rows))| *rows).map(|(hash, _)| *hash);
            lightest.and_then(|hash| self.keys.remove(&hash));
        }
    }
}

/// `7, abc`.
fn shown(columns: &[ArrayRef], row: usize) -> Result<String> {
    let options = FormatOptions::default().with_null("NULL");
    let value = |column: &ArrayRef| Ok(ArrayFormatter::try_new(column, &options)?.value(row).try_to_string()?);
    Ok(excerpt(&columns.iter().map(value).collect::<Result<Vec<_>>>()?.join(", ")).into_owned())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Int64Array, StringArray};

    use super::*;
    use crate::common::excerpt::LONGEST;
    use crate::state::key_hash::hash_keys;

    fn sampled(batches: impl Iterator<Item = Vec<Option<i64>>>) -> HeavyKeys {
        let mut heavy = HeavyKeys::default();
        for keys in batches {
            let rows = keys.len();
            let texts = StringArray::from_iter_values(keys.iter().map(|key| "x".repeat(key.unwrap_or(0).unsigned_abs() as usize % 500)));
            let columns: Vec<ArrayRef> = vec![Arc::new(Int64Array::from(keys)), Arc::new(texts)];
            heavy.sample(&columns, &hash_keys(&columns, rows).unwrap()).unwrap();
        }
        heavy
    }

    #[test]
    fn a_key_that_a_third_of_the_rows_have_is_found_with_its_share() {
        // Every third row has it, a pattern that a fixed stride would hit always or never.
        let heavy = sampled((0..50).map(|n| (0..3000).map(|row| Some(if row % 3 == 0 { 7 } else { n * 3000 + row })).collect()));
        let (text, rows) = heavy.heaviest().unwrap();
        assert_eq!(text, "7, xxxxxxx");
        assert!((40_000..60_000).contains(&rows), "{rows} of 150000");
    }

    #[test]
    fn keys_that_few_rows_have_are_not_noted_and_long_ones_are_cut() {
        assert_eq!(sampled((0..50).map(|n| (0..3000).map(|row| Some(n * 3000 + row)).collect())), HeavyKeys::default());
        let long = sampled(std::iter::once(vec![Some(499); 100]));
        assert_eq!(long.heaviest().map(|(text, rows)| (text.chars().count(), rows)), Some((LONGEST + 1, 100)));
        assert_eq!(sampled(std::iter::once(vec![None; 64])).heaviest(), Some(("NULL, ", 64)));
        assert_eq!(sampled(std::iter::once(vec![None; 7])).heaviest(), None, "a batch of few rows says nothing");
    }

    #[test]
    fn what_partitions_have_found_is_added_up() {
        let mut all = HeavyKeys::default();
        for n in 0..40 {
            all.merge(&sampled(std::iter::once(vec![Some(n % 20); 64 * (n as usize % 20 + 1)])));
        }
        assert_eq!(all.keys.len(), KEYS);
        assert_eq!(all.heaviest(), Some((format!("19, {}", "x".repeat(19)).as_str(), 2 * 64 * 20)));
    }
}
