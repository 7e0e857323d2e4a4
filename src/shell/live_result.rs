//! What a live answer holds: the rows that are true now.

use std::collections::{BTreeMap, VecDeque};

use arrow::array::AsArray;
use arrow::compute::SortOptions;
use arrow::datatypes::{Int64Type, Schema};
use arrow::record_batch::RecordBatch;
use arrow::row::{OwnedRow, RowConverter, SortField};
use indexmap::IndexMap;

use crate::common::Result;

use super::render::Cells;

/// Of rows that never change this many are kept: the last of them, or the first ones in the order that was asked for.
const KEPT: usize = 10_000;

type Row = Vec<Option<String>>;

/// Rows as text, in the order that the query asks for, else that in which they, or their keys, came first.
///
/// A row that goes and comes again with other values in the same commit keeps its place: its key stays, with no row, until
/// [`LiveResult::count`] or [`LiveResult::shown`] is asked.
#[derive(Debug)]
pub(super) struct LiveResult {
    empty: Cells,
    rows: Rows,
    order: Option<Order>,
    count: u64,
}

#[derive(Debug)]
enum Rows {
    /// Rows that only come.
    Added(VecDeque<Row>),
    /// Such rows by where they belong, and a number that keeps equal ones apart.
    Sorted(BTreeMap<(OwnedRow, u64), Row>),
    /// Rows that come and go: by these columns if they are a key, else by all.
    Changing(Vec<usize>, IndexMap<Row, Changing>),
}

#[derive(Debug)]
struct Changing {
    row: Row,
    /// How often it is there.
    times: i64,
    /// Where it belongs.
    place: Option<OwnedRow>,
}

/// Makes of a row's values what says where it belongs.
#[derive(Debug)]
struct Order {
    converter: RowConverter,
    columns: Vec<usize>,
}

impl Order {
    fn new(schema: &Schema, order: &[(usize, SortOptions)]) -> Result<Option<Self>> {
        if order.is_empty() {
            return Ok(None);
        }
        let field =
            |(column, options): &(usize, SortOptions)| SortField::new_with_options(schema.field(*column).data_type().clone(), *options);
        let converter = RowConverter::new(order.iter().map(field).collect())?;
        Ok(Some(Self { converter, columns: order.iter().map(|(column, _)| *column).collect() }))
    }

    fn places(&self, batch: &RecordBatch) -> Result<Vec<OwnedRow>> {
        let columns = batch.project(&self.columns)?;
        Ok(self.converter.convert_columns(columns.columns())?.iter().map(|row| row.owned()).collect())
    }
}

impl LiveResult {
    /// Nothing yet. `updating`: batches carry weights; `key`: the columns by which one row takes the place of another; `order`: the
    /// columns that say which row stands above which.
    pub(super) fn new(schema: &Schema, updating: bool, key: Option<Vec<usize>>, order: &[(usize, SortOptions)]) -> Result<Self> {
        let order = Order::new(schema, order)?;
        let rows = match &order {
            _ if updating => Rows::Changing(key.unwrap_or_else(|| (0..schema.fields().len()).collect()), IndexMap::new()),
            Some(_) => Rows::Sorted(BTreeMap::new()),
            None => Rows::Added(VecDeque::new()),
        };
        Ok(Self { empty: Cells::new(schema), rows, order, count: 0 })
    }

    /// Takes in rows or changes.
    pub(super) fn add(&mut self, batch: &RecordBatch) -> Result<()> {
        let mut cells = self.empty.clone();
        cells.add(batch)?;
        let places = self.order.as_mut().map(|order| order.places(batch)).transpose()?;
        let first = self.count;
        self.count += cells.rows.len() as u64;
        match &mut self.rows {
            Rows::Added(added) => {
                added.extend(cells.rows);
                let old = added.len().saturating_sub(KEPT);
                added.drain(..old);
            }
            Rows::Sorted(sorted) => {
                for ((row, place), number) in cells.rows.into_iter().zip(places.into_iter().flatten()).zip(first..) {
                    sorted.insert((place, number), row);
                    if sorted.len() > KEPT {
                        sorted.pop_last();
                    }
                }
            }
            Rows::Changing(key, changing) => {
                let weights = batch.columns().last().and_then(|c| c.as_primitive_opt::<Int64Type>());
                let weight = |row: usize| weights.map_or(1, |w| w.value(row));
                for (index, row) in cells.rows.into_iter().enumerate() {
                    let key: Row = key.iter().filter_map(|column| row.get(*column)).cloned().collect();
                    let now = changing.entry(key).or_insert_with(|| Changing { row: Vec::new(), times: 0, place: None });
                    // What goes comes before what comes in its place.
                    if weight(index) > 0 || now.row.is_empty() {
                        now.row = row;
                        now.place = places.as_ref().and_then(|places| places.get(index)).cloned();
                    }
                    now.times += weight(index);
                }
            }
        }
        Ok(())
    }

    /// How many rows there are.
    pub(super) fn count(&mut self) -> u64 {
        match &mut self.rows {
            Rows::Added(_) | Rows::Sorted(_) => self.count,
            Rows::Changing(_, changing) => {
                changing.retain(|_, now| now.times != 0);
                changing.values().map(|now| now.times.unsigned_abs()).sum()
            }
        }
    }

    /// So many of them, with the names of the columns: the first ones in the order that was asked for, else the last ones.
    pub(super) fn shown(&mut self, rows: usize) -> Cells {
        let mut cells = self.empty.clone();
        match &mut self.rows {
            Rows::Added(added) => cells.rows.extend(added.iter().skip(added.len().saturating_sub(rows)).cloned()),
            Rows::Sorted(sorted) => cells.rows.extend(sorted.values().take(rows).cloned()),
            Rows::Changing(_, changing) => {
                changing.retain(|_, now| now.times != 0);
                let copies = |now: &Changing| std::iter::repeat_n(now.row.clone(), usize::try_from(now.times).unwrap_or(0));
                if self.order.is_some() {
                    let mut first: Vec<&Changing> = changing.values().collect();
                    if rows < first.len() {
                        first.select_nth_unstable_by(rows, |a, b| a.place.cmp(&b.place));
                        first.truncate(rows);
                    }
                    first.sort_by(|a, b| a.place.cmp(&b.place));
                    cells.rows.extend(first.into_iter().flat_map(copies).take(rows));
                } else {
                    cells.rows.extend(changing.values().rev().flat_map(copies).take(rows));
                    cells.rows.reverse();
                }
            }
        }
        cells
    }

    /// Whether the rows that are not shown would stand below.
    pub(super) fn is_sorted(&self) -> bool {
        self.order.is_some()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Int64Array, StringArray};
    use arrow::datatypes::{DataType, Field};

    use super::*;

    fn changes(rows: &[(&str, i64, i64)]) -> RecordBatch {
        let field = |name: &str, data_type| Field::new(name, data_type, true);
        let schema = Schema::new(vec![field("k", DataType::Utf8), field("n", DataType::Int64), field("__weight", DataType::Int64)]);
        let keys: StringArray = rows.iter().map(|r| Some(r.0)).collect();
        let (values, weights): (Int64Array, Int64Array) = (rows.iter().map(|r| r.1).collect(), rows.iter().map(|r| r.2).collect());
        RecordBatch::try_new(Arc::new(schema), vec![Arc::new(keys), Arc::new(values), Arc::new(weights)]).unwrap()
    }

    fn shown(content: &mut LiveResult) -> Vec<String> {
        content.shown(10).rows.into_iter().map(|row| row.into_iter().flatten().collect::<Vec<_>>().join(" ")).collect()
    }

    #[test]
    fn a_row_that_changes_keeps_its_place() {
        let schema = Schema::new(changes(&[]).schema().fields().iter().take(2).cloned().collect::<Vec<_>>());
        let mut content = LiveResult::new(&schema, true, Some(vec![0]), &[]).unwrap();
        content.add(&changes(&[("a", 1, 1), ("b", 1, 1), ("c", 1, 1)])).unwrap();
        content.add(&changes(&[("a", 1, -1), ("c", 1, -1), ("a", 2, 1), ("d", 1, 1)])).unwrap();
        assert_eq!(shown(&mut content), ["a 2", "b 1", "d 1"]);
        assert_eq!(content.count(), 3);

        let mut content = LiveResult::new(&schema, true, None, &[]).unwrap();
        content.add(&changes(&[("a", 1, 2), ("b", 1, 1)])).unwrap();
        content.add(&changes(&[("a", 1, -1), ("b", 1, -1), ("b", 2, 1)])).unwrap();
        assert_eq!(shown(&mut content), ["a 1", "b 2"]);

        let mut content = LiveResult::new(&schema, false, None, &[]).unwrap();
        content.add(&changes(&[("a", 1, 1), ("b", 1, 1)])).unwrap();
        assert_eq!((content.shown(1).rows.len(), content.count()), (1, 2));
    }

    #[test]
    fn rows_stand_in_the_order_that_was_asked_for() {
        let schema = Schema::new(changes(&[]).schema().fields().iter().take(2).cloned().collect::<Vec<_>>());
        let order = [(1, SortOptions { descending: true, nulls_first: false }), (0, SortOptions::default())];
        let mut content = LiveResult::new(&schema, true, Some(vec![0]), &order).unwrap();
        content.add(&changes(&[("a", 1, 1), ("b", 10, 1), ("c", 9, 1)])).unwrap();
        content.add(&changes(&[("a", 1, -1), ("a", 100, 1), ("d", 9, 1), ("e", 1, 1)])).unwrap();
        assert_eq!(shown(&mut content), ["a 100", "b 10", "c 9", "d 9", "e 1"]);
        assert_eq!(content.shown(2).rows, [[Some("a".into()), Some("100".into())], [Some("b".into()), Some("10".into())]]);

        let mut content = LiveResult::new(&schema, false, None, &order).unwrap();
        content.add(&changes(&[("a", 1, 1), ("b", 2, 1)])).unwrap();
        content.add(&changes(&[("c", 1, 1), ("a", 2, 1)])).unwrap();
        assert_eq!(shown(&mut content), ["a 2", "b 2", "a 1", "c 1"]);
    }
}
