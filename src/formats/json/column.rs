//! Arrow columns that are filled from a cursor, with their nested columns.

use std::collections::HashSet;
use std::iter::repeat_n;
use std::sync::Arc;

use arrow::array::{ArrayRef, ListArray, MapArray, NullBufferBuilder, StructArray};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Field, FieldRef, Fields};
use arrow::error::ArrowError;

use super::cursor::{Cursor, Quoted, Syntax};
use super::keys::{Keys, Next};
use super::leaf::Leaf;
use super::text;

/// One column: its values, and a validity bit per value.
///
/// Values are written straight into the columns while a message is read; there is nothing between its bytes and Arrow's buffers. This is
/// possible because of [`Column::truncate`], which removes all values from some position on, however far a broken message was read:
///
/// ```text
///   {"a": 1, "b": [2, 3], "b": [4], "c": tru}
///         ▲       ▲            ▲         ▲
///         │       │            │         └ not JSON: all columns are truncated to the row's number
///         │       │            └ b has a value in this row already: truncated by one, the last one wins
///         └───────┴ appended
/// ```
///
/// A value that does not fit does not stop reading, because the message may turn out to be broken, or the field may be repeated. It is
/// appended as NULL, and a misfit is noted at its position; truncating removes the note, too. A message that still has a misfit when it has
/// been read is bad.
#[derive(Debug)]
pub(super) struct Column {
    // The declaration.
    data_type: DataType,
    nullable: bool,
    // The values read so far.
    values: Values,
    nulls: NullBufferBuilder,
    /// The first misfit that was not removed, and its position.
    misfit: Option<Box<(usize, Misfit)>>,
}

#[derive(Debug)]
enum Values {
    Leaf(Leaf),
    Row(Row),
    List(List),
    Map(Map),
}

/// Why a value does not fit its column.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Misfit {
    /// The JSON text cannot be read as the column's type.
    Unreadable(String),
    /// NULL or missing in a NOT NULL column.
    Null,
    /// Missing, which an option forbids.
    Missing,
}

impl Column {
    /// Creates an empty column for a field.
    ///
    /// # Errors
    /// Names a type that JSON cannot hold.
    pub(super) fn new(field: &Field) -> Result<Self, String> {
        let data_type = field.data_type().clone();
        let values = match &data_type {
            DataType::Struct(fields) => Values::Row(Row::new(fields)?),
            DataType::List(element) => {
                Values::List(List { ends: vec![0], field: Arc::clone(element), element: Box::new(Self::new(element)?) })
            }
            DataType::Map(entries, _) => Values::Map(Map::new(entries)?),
            other => Values::Leaf(Leaf::from_type(other).ok_or_else(|| format!("type {other} has no form in JSON"))?),
        };
        Ok(Self { data_type, nullable: field.is_nullable(), values, nulls: NullBufferBuilder::new(0), misfit: None })
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        self.nulls.len()
    }

    /// Reserves space for this many values.
    pub(super) fn reserve(&mut self, rows: usize) {
        match &mut self.values {
            Values::Leaf(leaf) => leaf.reserve(rows),
            Values::Row(row) => row.columns.iter_mut().for_each(|column| column.reserve(rows)),
            Values::List(_) | Values::Map(_) => {}
        }
    }

    /// Reads the value at the cursor, whatever it is, and appends one value.
    ///
    /// # Errors
    /// When it is not JSON; then the column must be truncated.
    #[inline]
    pub(super) fn read(&mut self, cursor: &mut Cursor<'_>) -> Result<(), Syntax> {
        if cursor.peek() == b'n' {
            cursor.literal(b"null")?;
            self.append_null();
            return Ok(());
        }
        let from = cursor.position();
        let fits = match &mut self.values {
            Values::Leaf(leaf) => leaf.read(cursor)?,
            nested => nested.read_nested(cursor)?,
        };
        if fits {
            self.nulls.append_non_null();
        } else {
            self.unreadable(cursor, from);
        }
        Ok(())
    }

    #[cold]
    fn unreadable(&mut self, cursor: &mut Cursor<'_>, from: usize) {
        if !cursor.rules.lenient {
            let json = String::from_utf8_lossy(cursor.since(from)).into_owned();
            self.note(cursor, Misfit::Unreadable(json));
        }
        self.append_null();
    }

    /// Notes a misfit at the next value to append, or at the last one if that was a NULL.
    #[cold]
    fn note(&mut self, cursor: &mut Cursor<'_>, misfit: Misfit) {
        cursor.misfits += 1;
        let place = match misfit {
            Misfit::Unreadable(_) => self.len(),
            Misfit::Null | Misfit::Missing => self.len().saturating_sub(1),
        };
        self.misfit.get_or_insert_with(|| Box::new((place, misfit)));
    }

    /// Appends a NULL.
    pub(super) fn append_null(&mut self) {
        self.append_nulls(1);
    }

    fn append_nulls(&mut self, count: usize) {
        match &mut self.values {
            Values::Leaf(leaf) => leaf.skip(count),
            Values::Row(row) => row.append_nulls(count),
            Values::List(list) => list.ends.extend(repeat_n(end(&list.element), count)),
            Values::Map(map) => map.ends.extend(repeat_n(end(&map.key), count)),
        }
        self.nulls.append_n_nulls(count);
    }

    /// Notes a misfit if the last value is a forbidden NULL.
    #[inline]
    fn check_null(&mut self, cursor: &mut Cursor<'_>) {
        if !self.nullable && !self.len().checked_sub(1).is_some_and(|last| self.nulls.is_valid(last)) {
            self.note(cursor, Misfit::Null);
        }
    }

    /// Removes all values from `len` on, and any unfinished value.
    pub(super) fn truncate(&mut self, len: usize) {
        match &mut self.values {
            Values::Leaf(leaf) => leaf.truncate(len),
            Values::Row(row) => row.truncate(len),
            Values::List(List { ends, element, .. }) => {
                ends.truncate(len + 1);
                element.truncate(ends.last().map_or(0, |end| *end as usize));
            }
            Values::Map(Map { ends, key, value, .. }) => {
                ends.truncate(len + 1);
                let entries = ends.last().map_or(0, |end| *end as usize);
                key.truncate(entries);
                value.truncate(entries);
            }
        }
        self.nulls.truncate(len);
        if self.misfit.as_ref().is_some_and(|misfit| misfit.0 >= len) {
            self.misfit = None;
        }
    }

    /// Describes the misfit in this column or inside it, with its `path` from the top.
    fn misfit(&self, path: &str) -> Option<String> {
        let inside = match &self.values {
            Values::Leaf(_) => None,
            Values::Row(row) => row.misfit(&format!("{path}.")),
            Values::List(list) => list.element.misfit(&format!("{path}[]")),
            Values::Map(map) => map.key.misfit(&format!("{path}[] key")).or_else(|| map.value.misfit(&format!("{path}[]"))),
        };
        inside.or_else(|| {
            self.misfit.as_ref().map(|misfit| match &misfit.1 {
                Misfit::Unreadable(json) => {
                    format!("field '{path}': cannot read {} as {}", text::shorten(json, 60), text::sql_type(&self.data_type))
                }
                Misfit::Null => format!("field '{path}' is NOT NULL, but null or missing"),
                Misfit::Missing => format!("field '{path}' is missing"),
            })
        })
    }

    /// Returns the column as an array, and empties it.
    pub(super) fn finish(&mut self) -> Result<ArrayRef, ArrowError> {
        let len = self.len();
        let nulls = self.nulls.finish();
        match &mut self.values {
            Values::Leaf(leaf) => leaf.finish(&self.data_type, nulls),
            Values::Row(row) => {
                let fields = row.fields.clone();
                Ok(Arc::new(StructArray::try_new_with_length(fields, row.finish()?, nulls, len)?))
            }
            Values::List(list) => {
                let ends = std::mem::replace(&mut list.ends, vec![0]);
                let element = list.element.finish()?;
                Ok(Arc::new(ListArray::try_new(Arc::clone(&list.field), OffsetBuffer::new(ends.into()), element, nulls)?))
            }
            Values::Map(map) => {
                let ends = std::mem::replace(&mut map.ends, vec![0]);
                let DataType::Map(entries, sorted) = &self.data_type else { return Err(ArrowError::InvalidArgumentError("no MAP".into())) };
                let columns = vec![map.key.finish()?, map.value.finish()?];
                let pairs = StructArray::try_new(map.fields.clone(), columns, None)?;
                Ok(Arc::new(MapArray::try_new(Arc::clone(entries), OffsetBuffer::new(ends.into()), pairs, nulls, *sorted)?))
            }
        }
    }
}

/// Returns the end of the last element. As for texts, there are fewer elements than bytes in the messages of a run, which are below 2 GiB.
fn end(element: &Column) -> i32 {
    element.len() as i32
}

impl Values {
    fn take_any_case(&mut self, declared: &DataType) {
        match (self, declared) {
            (Self::Row(row), DataType::Struct(fields)) => row.take_any_case(fields),
            (Self::List(list), DataType::List(element)) => list.element.values.take_any_case(element.data_type()),
            (Self::Map(map), DataType::Map(entries, _)) => {
                if let DataType::Struct(pair) = entries.data_type()
                    && let Some(value) = pair.get(1)
                {
                    map.value.values.take_any_case(value.data_type());
                }
            }
            _ => {}
        }
    }

    fn read_nested(&mut self, cursor: &mut Cursor<'_>) -> Result<bool, Syntax> {
        match (self, cursor.peek()) {
            (Self::Row(row), b'{') => row.read(cursor)?,
            (Self::List(list), b'[') => list.read(cursor)?,
            (Self::Map(map), b'{') => map.read(cursor)?,
            _ => return cursor.skip().map(|()| false),
        }
        Ok(true)
    }
}

/// Sibling columns, filled from objects: a ROW, or the whole table.
#[derive(Debug)]
pub(super) struct Row {
    fields: Fields,
    columns: Vec<Column>,
    keys: Keys,
    /// The number of rows, which every column has outside of [`Row::read`], except for the rows counted by `behind`.
    len: usize,
    /// How many NULL rows at the end are not in the columns yet: appending many at once costs as much as one. In topics with events of
    /// several kinds most ROWs of a message are NULL.
    behind: usize,
    /// Whether any column is NOT NULL.
    strict: bool,
}

impl Row {
    /// Creates columns for these fields.
    ///
    /// # Errors
    /// As [`Column::new`], with the name of the field.
    pub(super) fn new(fields: &Fields) -> Result<Self, String> {
        let column = |field: &FieldRef| Column::new(field).map_err(|e| format!("column `{}`: {e}", field.name()));
        Ok(Self {
            fields: fields.clone(),
            columns: fields.iter().map(column).collect::<Result<_, _>>()?,
            keys: Keys::new(fields.iter().map(|field| field.name().as_str())),
            len: 0,
            behind: 0,
            strict: fields.iter().any(|field| !field.is_nullable()),
        })
    }

    /// Matches fields to columns regardless of case. `declared`: all fields, projected or not.
    pub(super) fn take_any_case(&mut self, declared: &Fields) {
        self.keys.take_any_case(declared.iter().map(|field| field.name().as_str()));
        for (column, field) in self.columns.iter_mut().zip(&self.fields) {
            if let Some((_, declared)) = declared.find(field.name()) {
                column.values.take_any_case(declared.data_type());
            }
        }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn reserve(&mut self, rows: usize) {
        self.columns.iter_mut().for_each(|column| column.reserve(rows));
    }

    /// Reads an object.
    ///
    /// # Errors
    /// When it is not JSON; then the row must be truncated.
    pub(super) fn read(&mut self, cursor: &mut Cursor<'_>) -> Result<(), Syntax> {
        self.catch_up();
        let row = self.len;
        let mut filled = 0;
        let mut n = 0;
        cursor.expect(b'{')?;
        loop {
            match self.keys.next(n, cursor)? {
                Next::Column(i) => {
                    if let Some(column) = self.columns.get_mut(i) {
                        if column.len() > row {
                            column.truncate(row);
                        } else {
                            filled += 1;
                        }
                        column.read(cursor)?;
                    }
                }
                Next::OfAnotherCase(i) => match self.columns.get_mut(i).filter(|column| column.len() == row) {
                    Some(column) => {
                        filled += 1;
                        column.read(cursor)?;
                    }
                    None => cursor.skip()?,
                },
                Next::Unknown => cursor.skip()?,
                Next::End => break,
            }
            n += 1;
        }
        if filled < self.columns.len() || self.strict {
            self.complete(cursor);
        }
        self.len += 1;
        Ok(())
    }

    /// Reads a value for the only column.
    ///
    /// # Errors
    /// As [`Row::read`].
    pub(super) fn read_scalar(&mut self, cursor: &mut Cursor<'_>) -> Result<(), Syntax> {
        match self.columns.first_mut() {
            Some(column) => {
                column.read(cursor)?;
                column.check_null(cursor);
            }
            None => cursor.skip()?,
        }
        self.len += 1;
        Ok(())
    }

    /// Fills missing columns with NULL, where that is allowed.
    fn complete(&mut self, cursor: &mut Cursor<'_>) {
        for column in &mut self.columns {
            let missing = column.len() == self.len;
            if missing {
                column.append_null();
            }
            column.check_null(cursor);
            if missing && cursor.rules.require {
                column.note(cursor, Misfit::Missing);
            }
        }
    }

    fn append_nulls(&mut self, count: usize) {
        self.len += count;
        self.behind += count;
    }

    /// Appends the pending NULL rows to the columns.
    #[inline]
    fn catch_up(&mut self) {
        if self.behind > 0 {
            let behind = std::mem::take(&mut self.behind);
            self.columns.iter_mut().for_each(|column| column.append_nulls(behind));
        }
    }

    /// Removes all rows from `len` on.
    pub(super) fn truncate(&mut self, len: usize) {
        self.catch_up();
        self.columns.iter_mut().for_each(|column| column.truncate(len));
        self.len = len;
    }

    /// Describes the misfit of a value, with `prefix` before its path.
    pub(super) fn misfit(&self, prefix: &str) -> Option<String> {
        self.columns.iter().zip(&self.fields).find_map(|(column, field)| column.misfit(&format!("{prefix}{}", field.name())))
    }

    /// Returns the columns, and empties them.
    ///
    /// # Errors
    /// When Arrow refuses them: a bug.
    pub(super) fn finish(&mut self) -> Result<Vec<ArrayRef>, ArrowError> {
        self.catch_up();
        self.len = 0;
        self.columns.iter_mut().map(Column::finish).collect()
    }
}

/// An ARRAY.
#[derive(Debug)]
struct List {
    /// The end of each list among the elements, after a zero.
    ends: Vec<i32>,
    field: FieldRef,
    element: Box<Column>,
}

impl List {
    fn read(&mut self, cursor: &mut Cursor<'_>) -> Result<(), Syntax> {
        if !cursor.open(b']') {
            loop {
                self.element.read(cursor)?;
                self.element.check_null(cursor);
                if !cursor.more(b']')? {
                    break;
                }
            }
        }
        self.ends.push(end(&self.element));
        Ok(())
    }
}

/// A MAP.
#[derive(Debug)]
struct Map {
    /// The end of each map among the entries, after a zero.
    ends: Vec<i32>,
    fields: Fields,
    key: Box<Column>,
    value: Box<Column>,
}

impl Map {
    fn new(entries: &Field) -> Result<Self, String> {
        match entries.data_type() {
            DataType::Struct(fields) if fields.len() == 2 => {
                // A key is never NULL, whatever the declaration says.
                let key = fields[0].as_ref().clone().with_nullable(false);
                let (key, value) = (Box::new(Column::new(&key)?), Box::new(Column::new(&fields[1])?));
                Ok(Self { ends: vec![0], fields: fields.clone(), key, value })
            }
            other => Err(format!("a MAP of {other} has no form in JSON")),
        }
    }

    fn read(&mut self, cursor: &mut Cursor<'_>) -> Result<(), Syntax> {
        let (from, len) = (cursor.position(), self.key.len());
        let mut names = Vec::new();
        self.entries(cursor, |name| names.push(name), &[])?;
        let passed = overwritten(&names);
        if passed.contains(&true) {
            self.key.truncate(len);
            self.value.truncate(len);
            cursor.rewind(from);
            self.entries(cursor, |_| (), &passed)?;
        }
        self.ends.push(end(&self.key));
        Ok(())
    }

    /// Reads the entries, and appends those that are not in `passed`.
    fn entries<'a>(&mut self, cursor: &mut Cursor<'a>, mut name: impl FnMut(Quoted<'a>), passed: &[bool]) -> Result<(), Syntax> {
        if cursor.open(b'}') {
            return Ok(());
        }
        for n in 0.. {
            let at = cursor.position();
            name(cursor.string()?);
            let pass = passed.get(n).copied().unwrap_or(false);
            if !pass {
                cursor.rewind(at);
                self.key.read(cursor)?;
                self.key.check_null(cursor);
            }
            cursor.colon()?;
            if pass {
                cursor.skip()?;
            } else {
                self.value.read(cursor)?;
                self.value.check_null(cursor);
            }
            if !cursor.more(b'}')? {
                break;
            }
        }
        Ok(())
    }
}

/// For each name whether it is repeated later: of two values of one key the last one wins.
fn overwritten(names: &[Quoted<'_>]) -> Vec<bool> {
    if names.len() < 2 {
        return Vec::new();
    }
    let plain = |name: &Quoted<'_>| {
        let mut text = Vec::with_capacity(name.text.len());
        name.append_to(&mut text);
        text
    };
    let mut later = HashSet::with_capacity(names.len());
    let mut passed: Vec<bool> = names.iter().rev().map(|name| !later.insert(plain(name))).collect();
    passed.reverse();
    passed
}
