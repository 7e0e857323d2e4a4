//! Builds statements that write many rows each.

use arrow::array::{Array, RecordBatch};
use arrow::datatypes::SchemaRef;

use crate::common::{Error, Result};

use super::config::{MySqlTable, quoted};
use super::failure::Failure;
use super::literal;
use super::remote_table::RemoteTable;

/// Characters in one statement: longer ones are hardly faster, and need memory on both sides.
const LENGTH: usize = 1 << 20;

/// How rows of a table are written.
#[derive(Debug)]
pub(super) struct Statements {
    insert: String,
    /// Follows the rows of an INSERT, if rows have a key.
    on_duplicate: String,
    delete: String,
    /// Indices of the key's columns.
    key: Vec<usize>,
    /// Fractional digits of a second in each column.
    digits: Vec<u8>,
    max_rows: usize,
    /// The column of the key that becomes NULL where a row would replace a row of another key.
    guard: Option<String>,
}

/// A row in a statement.
#[derive(Debug, Clone)]
pub(super) struct Row {
    /// Its index in the batch.
    pub(super) place: usize,
    pub(super) text: String,
}

/// What a statement does with rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    Put,
    Delete,
}

impl Statements {
    /// Prepares statements for the table as it is at the server.
    ///
    /// # Errors
    /// When a column is missing there, or cannot be written, or no unique key matches the declared key.
    pub(super) fn new(table: &MySqlTable, remote: &RemoteTable, schema: &SchemaRef) -> Result<Self> {
        let columns = remote.columns_of(table, schema)?;
        if let Some(column) = columns.iter().find(|column| column.generated) {
            return Err(Error::sql(format!("{}: column `{}` is computed by the server, and is not written", table.label(), column.name))
                .hint("declare another table without it for the job"));
        }
        let key_names = &table.spec.primary_key;
        if !key_names.is_empty() && !remote.is_unique(key_names) {
            let list = key_names.iter().map(|name| quoted(name)).collect::<Vec<_>>().join(", ");
            return Err(Error::sql(format!(
                "{}: {} has no PRIMARY KEY and no UNIQUE key of ({list}), so that nothing finds the row to replace",
                table.label(),
                table.quoted()
            ))
            .hint(format!("run ALTER TABLE {} ADD UNIQUE KEY ({list}), or declare the table's own key", table.quoted())));
        }
        let key = key_names.iter().map(|name| Ok(schema.index_of(name)?)).collect::<Result<Vec<usize>>>()?;
        let names: Vec<String> = columns.iter().map(|column| quoted(&column.name)).collect();
        let same = |a: &String, b: &String| a.eq_ignore_ascii_case(b);
        let is_key =
            |unique: &Vec<String>| unique.len() == key.len() && unique.iter().all(|name| key_names.iter().any(|key| same(key, name)));
        // A row of another key with an equal value in another UNIQUE key must not be replaced.
        let guarded = remote.unique.iter().any(|unique| !is_key(unique));
        let left = match key.as_slice() {
            [one] => names[*one].clone(),
            key => format!("({})", key.iter().map(|i| names[*i].clone()).collect::<Vec<_>>().join(", ")),
        };
        Ok(Self {
            insert: format!("INSERT INTO {} ({}) VALUES ", table.quoted(), names.join(", ")),
            on_duplicate: if key.is_empty() { String::new() } else { on_duplicate(&names, &key, guarded) },
            delete: format!("DELETE FROM {} WHERE {left} IN (", table.quoted()),
            digits: columns.iter().map(|column| column.remote.digits).collect(),
            guard: columns.get(key.first().copied().unwrap_or(usize::MAX)).filter(|_| guarded).map(|column| column.name.clone()),
            key,
            max_rows: table.statement_rows,
        })
    }

    /// Returns why the server refused a row.
    pub(super) fn reason(&self, failure: &Failure) -> String {
        match &self.guard {
            Some(guard) if failure.number == Some(1048) && failure.message.contains(&format!("'{guard}'")) => {
                "another row has one of its values in a UNIQUE key".to_string()
            }
            _ => failure.message.clone(),
        }
    }

    /// Indices of the key's columns.
    pub(super) fn key(&self) -> &[usize] {
        &self.key
    }

    /// Encodes a row for a statement.
    ///
    /// # Errors
    /// Names the column whose value MySQL cannot hold.
    pub(super) fn row(&self, action: Action, batch: &RecordBatch, place: usize) -> std::result::Result<Row, String> {
        let every: Vec<usize> = (0..self.digits.len()).collect();
        let columns = if action == Action::Put { &every } else { &self.key };
        let bare = action == Action::Delete && columns.len() == 1;
        let mut text = String::from(if bare { "" } else { "(" });
        for (i, column) in columns.iter().enumerate() {
            text.push_str(if i == 0 { "" } else { "," });
            let digits = self.digits.get(*column).copied().unwrap_or(literal::MOST_DIGITS);
            let array: &dyn Array = batch.column(*column).as_ref();
            literal::append(array, place, digits, &mut text)
                .map_err(|reason| format!("column `{}`: {reason}", batch.schema().field(*column).name()))?;
        }
        text.push_str(if bare { "" } else { ")" });
        Ok(Row { place, text })
    }

    /// Splits rows into as many statements as they need.
    pub(super) fn chunks<'a>(&self, rows: &'a [Row]) -> Vec<&'a [Row]> {
        let (mut chunks, mut begin, mut length) = (Vec::new(), 0, 0);
        for (i, row) in rows.iter().enumerate() {
            if i > begin && (i - begin >= self.max_rows || length + row.text.len() > LENGTH) {
                chunks.push(&rows[begin..i]);
                (begin, length) = (i, 0);
            }
            length += row.text.len() + 1;
        }
        if begin < rows.len() {
            chunks.push(&rows[begin..]);
        }
        chunks
    }

    /// Builds one statement.
    pub(super) fn sql(&self, action: Action, rows: &[Row]) -> String {
        let (before, after) = match action {
            Action::Put => (&self.insert, self.on_duplicate.as_str()),
            Action::Delete => (&self.delete, ")"),
        };
        let length = before.len() + after.len() + rows.iter().map(|row| row.text.len() + 1).sum::<usize>();
        let mut sql = String::with_capacity(length);
        sql.push_str(before);
        for (i, row) in rows.iter().enumerate() {
            sql.push_str(if i == 0 { "" } else { "," });
            sql.push_str(&row.text);
        }
        sql.push_str(after);
        sql
    }
}

/// Uses `VALUES(column)`: MariaDB does not support MySQL's newer form, an alias for the row.
fn on_duplicate(names: &[String], key: &[usize], guarded: bool) -> String {
    let mut set: Vec<String> = Vec::new();
    if let Some(first) = key.first().filter(|_| guarded) {
        let same: Vec<String> = key.iter().map(|i| format!("{0} <=> VALUES({0})", names[*i])).collect();
        set.push(format!("{0} = IF({1}, {0}, NULL)", names[*first], same.join(" AND ")));
    }
    set.extend(names.iter().enumerate().filter(|(i, _)| !key.contains(i)).map(|(_, name)| format!("{name} = VALUES({name})")));
    if let Some(first) = key.first().filter(|_| set.is_empty()) {
        set.push(format!("{0} = {0}", names[*first]));
    }
    format!(" ON DUPLICATE KEY UPDATE {}", set.join(", "))
}
