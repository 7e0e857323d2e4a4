//! The state of sources besides positions, for example which files were read.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema};

use crate::common::{Error, Result};
use crate::state::{Section, StateStore};

use super::commits::Commit;

/// After this many commits all lines are written again, so that older commits can be pruned.
const CHAIN: u64 = 128;

/// The lines of each table, in the order of their readers.
///
/// ```text
///  commit       1        2     3     4    ...   129
///  source/t   a b c      d           e         a b c d e      base 1, then 129
/// ```
/// A commit holds only new lines, except for one in [`CHAIN`], which holds all: its number is among the bases of the state tables,
/// from which a restart reads.
#[derive(Debug, Default)]
pub struct SourceState(BTreeMap<String, Lines>);

#[derive(Debug, Default)]
struct Lines {
    all: Vec<String>,
    /// How many of them are in commits.
    committed: usize,
    /// The newest commit that holds all lines; 0 if none does.
    base: u64,
}

/// The prefix of the table's name in the names of sections and bases.
const PREFIX: &str = "source/";

impl SourceState {
    /// Adds lines, which go into the next commit.
    pub fn add(&mut self, table: &str, lines: &[String]) {
        self.0.entry(table.to_string()).or_default().all.extend_from_slice(lines);
    }

    /// All lines of a table.
    pub fn of_table(&self, table: &str) -> &[String] {
        self.0.get(table).map_or(&[], |lines| &lines.all)
    }

    /// The sections of commit `n`, and the base of each table's lines.
    ///
    /// # Errors
    /// When the lines cannot become a batch: a bug.
    pub fn sections(&mut self, n: u64) -> Result<(Vec<Section>, BTreeMap<String, u64>)> {
        let (mut sections, mut bases) = (Vec::new(), BTreeMap::new());
        for (table, lines) in self.0.iter_mut().filter(|(_, lines)| !lines.all.is_empty()) {
            let whole = lines.base == 0 || n >= lines.base + CHAIN;
            let new = lines.all.get(if whole { 0 } else { lines.committed }..).unwrap_or_default();
            let name = format!("{PREFIX}{table}");
            if !new.is_empty() {
                let schema = Schema::new(vec![Field::new("line", DataType::Utf8, false)]);
                let column: ArrayRef = Arc::new(StringArray::from_iter_values(new));
                sections.push(Section { name: name.clone(), batches: vec![RecordBatch::try_new(Arc::new(schema), vec![column])?] });
            }
            if whole {
                lines.base = n;
            }
            lines.committed = lines.all.len();
            bases.insert(name, lines.base);
        }
        Ok((sections, bases))
    }

    /// Restores lines from a commit of the chain, in order; `bases` are those of the newest one.
    ///
    /// # Errors
    /// When a section is damaged.
    pub async fn restore(&mut self, commit: &Commit, bases: &BTreeMap<String, u64>, store: &dyn StateStore) -> Result<()> {
        for (name, base) in bases {
            let Some(table) = name.strip_prefix(PREFIX).filter(|_| *base <= commit.body.n) else { continue };
            let lines = self.0.entry(table.to_string()).or_default();
            lines.base = *base;
            let take = |batch: RecordBatch| {
                let stored =
                    batch.columns().first().and_then(|c| c.as_string_opt::<i32>()).ok_or_else(|| Error::state("lines that are no text"))?;
                lines.all.extend(stored.iter().flatten().map(ToString::to_string));
                Ok(())
            };
            commit.each(name, store, take).await?;
            lines.committed = lines.all.len();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_holds_what_is_new_and_now_and_then_all() {
        let mut state = SourceState::default();
        let rows = |state: &mut SourceState, n: u64, new: usize| {
            state.add("t", &vec!["x".to_string(); new]);
            let (sections, bases) = state.sections(n).unwrap();
            (sections.iter().map(|s| s.batches[0].num_rows()).sum::<usize>(), bases.get("source/t").copied())
        };
        assert_eq!(rows(&mut state, 1, 0), (0, None));
        assert_eq!(rows(&mut state, 2, 3), (3, Some(2)));
        assert_eq!(rows(&mut state, 3, 1), (1, Some(2)));
        assert_eq!(rows(&mut state, 4, 0), (0, Some(2)));
        assert_eq!(rows(&mut state, 2 + CHAIN, 2), (6, Some(2 + CHAIN)));
        assert_eq!(rows(&mut state, 3 + CHAIN, 0), (0, Some(2 + CHAIN)));
    }
}
