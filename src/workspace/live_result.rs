//! What a live answer holds: the rows that are true now.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use arrow::array::{AsArray, RecordBatchOptions};
use arrow::compute::SortOptions;
use arrow::datatypes::{Int64Type, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use arrow::row::{OwnedRow, RowConverter, SortField};
use datafusion::common::ScalarValue;
use indexmap::IndexMap;

use crate::common::Result;

/// Of rows that never change this many are kept: the last of them, or the first ones in the order that was asked for.
const KEPT: usize = 10_000;

type Row = Vec<ScalarValue>;

/// Rows in the order that the query asks for, else that in which they, or their keys, came first.
///
/// A row that goes and comes again with other values in the same commit keeps its place: its key stays, with no row, until
/// [`LiveResult::count`] or [`LiveResult::shown`] is asked.
#[derive(Debug)]
pub struct LiveResult {
    schema: SchemaRef,
    rows: LiveRows,
    order: Option<Order>,
    count: u64,
}

#[derive(Debug)]
enum LiveRows {
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
    ///
    /// # Errors
    /// When rows cannot be sorted by a column of that type.
    pub fn new(schema: &SchemaRef, updating: bool, key: Option<Vec<usize>>, order: &[(usize, SortOptions)]) -> Result<Self> {
        let order = Order::new(schema, order)?;
        let rows = match &order {
            _ if updating => LiveRows::Changing(key.unwrap_or_else(|| (0..schema.fields().len()).collect()), IndexMap::new()),
            Some(_) => LiveRows::Sorted(BTreeMap::new()),
            None => LiveRows::Added(VecDeque::new()),
        };
        Ok(Self { schema: Arc::clone(schema), rows, order, count: 0 })
    }

    /// Takes in rows or changes.
    ///
    /// # Errors
    /// When a value cannot be taken out of its column.
    pub fn add(&mut self, batch: &RecordBatch) -> Result<()> {
        let rows = rows(batch, self.schema.fields().len())?;
        let places = self.order.as_mut().map(|order| order.places(batch)).transpose()?;
        let first = self.count;
        self.count += rows.len() as u64;
        match &mut self.rows {
            LiveRows::Added(added) => {
                added.extend(rows);
                let old = added.len().saturating_sub(KEPT);
                added.drain(..old);
            }
            LiveRows::Sorted(sorted) => {
                for ((row, place), number) in rows.into_iter().zip(places.into_iter().flatten()).zip(first..) {
                    sorted.insert((place, number), row);
                    if sorted.len() > KEPT {
                        sorted.pop_last();
                    }
                }
            }
            LiveRows::Changing(key, changing) => {
                let weights = batch.columns().last().and_then(|c| c.as_primitive_opt::<Int64Type>());
                let weight = |row: usize| weights.map_or(1, |w| w.value(row));
                for (index, row) in rows.into_iter().enumerate() {
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
    pub fn count(&mut self) -> u64 {
        match &mut self.rows {
            LiveRows::Added(_) | LiveRows::Sorted(_) => self.count,
            LiveRows::Changing(_, changing) => {
                changing.retain(|_, now| now.times != 0);
                changing.values().map(|now| now.times.unsigned_abs()).sum()
            }
        }
    }

    /// A limited number of them: the first ones of the ORDER BY, else the last ones.
    ///
    /// # Errors
    /// When values do not make a column.
    pub fn shown(&mut self, count: usize) -> Result<RecordBatch> {
        let rows: Vec<&Row> = match &mut self.rows {
            LiveRows::Added(added) => added.iter().skip(added.len().saturating_sub(count)).collect(),
            LiveRows::Sorted(sorted) => sorted.values().take(count).collect(),
            LiveRows::Changing(_, changing) => {
                changing.retain(|_, now| now.times != 0);
                if self.order.is_some() {
                    let mut first: Vec<&Changing> = changing.values().collect();
                    if count < first.len() {
                        first.select_nth_unstable_by(count, |a, b| a.place.cmp(&b.place));
                        first.truncate(count);
                    }
                    first.sort_by(|a, b| a.place.cmp(&b.place));
                    first.into_iter().flat_map(copies).take(count).collect()
                } else {
                    let mut last: Vec<&Row> = changing.values().rev().flat_map(copies).take(count).collect();
                    last.reverse();
                    last
                }
            }
        };
        batch(&self.schema, &rows)
    }

    /// Whether the rows that are not shown would stand below.
    pub fn is_sorted(&self) -> bool {
        self.order.is_some()
    }
}

/// A row as often as it is there.
fn copies(now: &Changing) -> impl Iterator<Item = &Row> {
    std::iter::repeat_n(&now.row, usize::try_from(now.times).unwrap_or(0))
}

/// The rows of a batch; columns beyond those of the answer are not values of it.
fn rows(batch: &RecordBatch, width: usize) -> Result<Vec<Row>> {
    let row = |row| batch.columns().iter().take(width).map(|column| Ok(ScalarValue::try_from_array(column, row)?)).collect();
    (0..batch.num_rows()).map(row).collect()
}

/// Rows as a batch.
fn batch(schema: &SchemaRef, rows: &[&Row]) -> Result<RecordBatch> {
    if rows.is_empty() {
        return Ok(RecordBatch::new_empty(Arc::clone(schema)));
    }
    let column = |index: usize| Ok(ScalarValue::iter_to_array(rows.iter().filter_map(|row| row.get(index)).cloned())?);
    let columns = (0..schema.fields().len()).map(column).collect::<Result<_>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
    Ok(RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options)?)
}

#[cfg(test)]
mod tests {
    use arrow::array::{Int64Array, StringArray};
    use arrow::datatypes::{DataType, Field};
    use arrow::util::display::array_value_to_string;

    use super::*;

    fn changes(rows: &[(&str, i64, i64)]) -> RecordBatch {
        let field = |name: &str, data_type| Field::new(name, data_type, true);
        let schema = Schema::new(vec![field("k", DataType::Utf8), field("n", DataType::Int64), field("__weight", DataType::Int64)]);
        let keys: StringArray = rows.iter().map(|r| Some(r.0)).collect();
        let (values, weights): (Int64Array, Int64Array) = (rows.iter().map(|r| r.1).collect(), rows.iter().map(|r| r.2).collect());
        RecordBatch::try_new(Arc::new(schema), vec![Arc::new(keys), Arc::new(values), Arc::new(weights)]).unwrap()
    }

    fn lines(batch: &RecordBatch) -> Vec<String> {
        let text = |row: usize| batch.columns().iter().map(|c| array_value_to_string(c, row).unwrap()).collect::<Vec<_>>().join(" ");
        (0..batch.num_rows()).map(text).collect()
    }

    fn shown(content: &mut LiveResult) -> Vec<String> {
        lines(&content.shown(10).unwrap())
    }

    #[test]
    fn a_row_that_changes_keeps_its_place() {
        let schema = Arc::new(Schema::new(changes(&[]).schema().fields().iter().take(2).cloned().collect::<Vec<_>>()));
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
        assert_eq!((content.shown(1).unwrap().num_rows(), content.count()), (1, 2));
    }

    #[test]
    fn rows_stand_in_the_order_that_was_asked_for() {
        let schema = Arc::new(Schema::new(changes(&[]).schema().fields().iter().take(2).cloned().collect::<Vec<_>>()));
        let order = [(1, SortOptions { descending: true, nulls_first: false }), (0, SortOptions::default())];
        let mut content = LiveResult::new(&schema, true, Some(vec![0]), &order).unwrap();
        content.add(&changes(&[("a", 1, 1), ("b", 10, 1), ("c", 9, 1)])).unwrap();
        content.add(&changes(&[("a", 1, -1), ("a", 100, 1), ("d", 9, 1), ("e", 1, 1)])).unwrap();
        assert_eq!(shown(&mut content), ["a 100", "b 10", "c 9", "d 9", "e 1"]);
        assert_eq!(lines(&content.shown(2).unwrap()), ["a 100", "b 10"]);

        let mut content = LiveResult::new(&schema, false, None, &order).unwrap();
        content.add(&changes(&[("a", 1, 1), ("b", 2, 1)])).unwrap();
        content.add(&changes(&[("c", 1, 1), ("a", 2, 1)])).unwrap();
        assert_eq!(shown(&mut content), ["a 2", "b 2", "a 1", "c 1"]);
    }
}
