//! MIN and MAX over changes: the state holds the values of each group, which are read when the extreme is retracted.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, UInt32Array, new_null_array};
use arrow::compute::{SortOptions, concat, interleave, take};
use arrow::datatypes::{FieldRef, SchemaRef};
use arrow::record_batch::RecordBatch;
use arrow::row::{Row, RowConverter, Rows, SortField};

use crate::common::{Error, Result};
use crate::state::{KeyMode, KeyedTable, Layout};

use crate::operators::changes::key_index::KeyIndex;
use crate::operators::changes::zset;

/// MIN or MAX of a column over changes, for a [`crate::operators::KeyedAggregate`].
///
/// ```text
///   changes of values: (g, x, +1) x is new in g      ─┬▶ the values of g, a bag
///                      (g, x, −1) the last x was deleted ─┘
///   the extreme of g:  an inserted value is compared with it; only if it is deleted and
///                      no value as extreme is inserted, all values of g are read
/// ```
/// A retraction of any other value costs nothing, and an extreme that moves on (MAX of a count that grows) costs one comparison.
///
/// # Invariants
/// * Each group that has rows has a value: NULL where the aggregate sees none. Every other value replaces NULL.
/// * Each value is stored once, however many rows have it.
#[derive(Debug, Clone)]
pub struct Extreme {
    /// The group's columns and the value, without weight.
    pub schema: SchemaRef,
    /// MAX; else MIN.
    pub largest: bool,
}

/// Where the new extreme of a group was found.
#[derive(Clone, Copy)]
enum NewExtreme {
    Before,
    Came(usize),
    Read(usize),
    /// All values were deleted: an aggregate without groups is then NULL.
    Nowhere,
}

impl Extreme {
    /// The layout of the state table of values.
    pub(super) fn layout(&self) -> Layout {
        Layout { schema: Arc::clone(&self.schema), key: (0..self.groups()).collect(), time: None, mode: KeyMode::Multiset }
    }

    /// The column of the result.
    ///
    /// # Errors
    /// When the schema has no value column; that would be a bug.
    pub fn field(&self) -> Result<FieldRef> {
        self.schema.fields().last().cloned().ok_or_else(|| Error::internal("an extreme of nothing"))
    }

    fn groups(&self) -> usize {
        self.schema.fields().len().saturating_sub(1)
    }

    /// The extremes of these groups after `changes` (with weights, consolidated). `before` has the previous extremes of the first
    /// groups; the other groups are new.
    ///
    /// # Errors
    /// When stored values cannot be read.
    pub(super) fn advance(
        &self,
        groups: &[ArrayRef],
        places: &KeyIndex,
        before: &ArrayRef,
        changes: &RecordBatch,
        values: &KeyedTable,
    ) -> Result<ArrayRef> {
        let count = groups.first().map_or(1, |g| g.len());
        let new = new_null_array(before.data_type(), count.saturating_sub(before.len()));
        let before = concat(&[before.as_ref(), new.as_ref()])?;
        let order = self.order()?;
        let old = order.convert_columns(std::slice::from_ref(&before))?;
        let came = Values::new(changes, &order, places, self.groups())?;
        let best = came.best(count, |_| true)?;
        let mut gone = vec![false; count];
        for (row, place) in came.places.iter().enumerate() {
            if let Some(place) = place.filter(|place| came.weights[row] < 0 && old.row(*place) == came.row(row))
                && let Some(gone) = gone.get_mut(place)
            {
                *gone = true;
            }
        }
        let mut found: Vec<NewExtreme> = Vec::with_capacity(count);
        let (mut read, mut lost): (Vec<u32>, Vec<bool>) = (Vec::new(), vec![false; count]);
        for (place, (gone, best)) in gone.iter().zip(best).enumerate() {
            found.push(match best {
                Some(row) if came.row(row) >= old.row(place) => NewExtreme::Came(row),
                _ if *gone => {
                    read.push(u32::try_from(place).unwrap_or(u32::MAX));
                    lost.iter_mut().skip(place).take(1).for_each(|lost| *lost = true);
                    NewExtreme::Before
                }
                _ => NewExtreme::Before,
            });
        }
        let kept = self.kept(groups, &UInt32Array::from(read), changes, values)?;
        let left = Values::new(&kept, &order, places, self.groups())?.best(count, |place| lost.get(place) == Some(&true))?;
        for (place, best) in left.into_iter().enumerate() {
            if let Some(found) = found.get_mut(place).filter(|_| lost.get(place) == Some(&true)) {
                *found = best.map_or(NewExtreme::Nowhere, NewExtreme::Read);
            }
        }
        let indices: Vec<(usize, usize)> = found
            .iter()
            .enumerate()
            .map(|(place, found)| match found {
                NewExtreme::Before => (0, place),
                NewExtreme::Came(row) => (1, *row),
                NewExtreme::Read(row) => (2, *row),
                NewExtreme::Nowhere => (3, 0),
            })
            .collect();
        let null = new_null_array(before.data_type(), 1);
        Ok(interleave(&[before.as_ref(), changes.column(self.groups()), kept.column(self.groups()), null.as_ref()], &indices)?)
    }

    /// All values of the groups at these indices, with the changes applied.
    fn kept(&self, groups: &[ArrayRef], at: &UInt32Array, changes: &RecordBatch, values: &KeyedTable) -> Result<RecordBatch> {
        let schema = zset::weighted(&self.schema);
        if at.is_empty() {
            return Ok(RecordBatch::new_empty(schema));
        }
        let keys = groups.iter().map(|g| Ok(take(g, at, None)?)).collect::<Result<Vec<_>>>()?;
        zset::consolidate(&schema, &[values.get(&keys)?, changes.clone()])
    }

    /// Row order in which the more extreme value is greater, and NULL is least.
    fn order(&self) -> Result<RowConverter> {
        let options = SortOptions { descending: !self.largest, nulls_first: true };
        Ok(RowConverter::new(vec![SortField::new_with_options(self.field()?.data_type().clone(), options)])?)
    }
}

/// Weighted values by group.
struct Values<'a> {
    rows: Rows,
    weights: &'a [i64],
    places: Vec<Option<usize>>,
}

impl<'a> Values<'a> {
    fn new(batch: &'a RecordBatch, order: &RowConverter, places: &KeyIndex, groups: usize) -> Result<Self> {
        let (key, value) = batch.columns().split_at(groups);
        let value = value.first().ok_or_else(|| Error::internal("an extreme of nothing"))?;
        let rows = order.convert_columns(std::slice::from_ref(value))?;
        Ok(Self { rows, weights: zset::weights(batch)?.values(), places: places.positions(key, batch.num_rows())? })
    }

    fn row(&self, row: usize) -> Row<'_> {
        self.rows.row(row)
    }

    /// For each group the row with its most extreme value.
    fn best(&self, count: usize, wanted: impl Fn(usize) -> bool) -> Result<Vec<Option<usize>>> {
        let mut best: Vec<Option<usize>> = vec![None; count];
        for (row, (place, weight)) in self.places.iter().zip(self.weights).enumerate() {
            let Some(place) = *place else { continue };
            let best = best.get_mut(place).ok_or_else(|| Error::internal("a value of a group that did not change"))?;
            if *weight > 0 && wanted(place) && best.is_none_or(|b| self.row(row) > self.row(b)) {
                *best = Some(row);
            }
        }
        Ok(best)
    }
}
