//! Looks rows up by key: `WHERE key IN (...)`, for all keys of an epoch.

use std::sync::Arc;

use arrow::datatypes::{DataType, SchemaRef};
use arrow::record_batch::RecordBatch;
use async_trait::async_trait;
use futures::{FutureExt, StreamExt, TryStreamExt, stream};

use crate::common::{Error, Projection, Result};
use crate::connectors::Lookup;
use crate::connectors::database::retried;

use super::config::quoted;
use super::decode::Selection;
use super::literal;
use super::remote_table::{Access, RemoteColumn};
use super::scan::batches;
use super::types::Family;

/// Keys per SELECT: few enough for a server to use its index despite the list's length.
const KEYS: usize = 2000;

/// Characters per SELECT, below the smallest default of `max_allowed_packet`.
const LENGTH: usize = 1 << 20;

/// Concurrent SELECTs.
const AT_ONCE: usize = 4;

/// A table whose rows are found by key.
#[derive(Debug)]
pub(super) struct MySqlLookup {
    access: Arc<Access>,
}

impl MySqlLookup {
    pub(super) fn new(access: Arc<Access>) -> Self {
        Self { access }
    }

    /// Returns the left side of the condition: the key's columns. `None` if a column's declared values differ from those at the server, so
    /// that it cannot compare them: DATETIME(6) declared as TIMESTAMP(3).
    fn left(columns: &[&RemoteColumn], schema: &SchemaRef) -> Option<String> {
        let side = |(column, field): (&&RemoteColumn, &Arc<arrow::datatypes::Field>)| {
            let name = quoted(&column.name);
            let has_one_text = matches!(
                column.remote.family(),
                Family::Integer | Family::Decimal | Family::Date | Family::DateTime | Family::Time | Family::Year | Family::Other
            );
            if column.remote.keeps(field.data_type()) && column.remote.family() != Family::Other {
                Some(name)
            } else {
                (has_one_text && *field.data_type() == DataType::Utf8).then(|| format!("CONVERT({name}, CHAR)"))
            }
        };
        let names: Vec<String> = columns.iter().zip(schema.fields()).map(side).collect::<Option<_>>()?;
        Some(if let [one] = names.as_slice() { one.clone() } else { format!("({})", names.join(", ")) })
    }

    /// Returns the conditions that find all rows of these keys, none of them too long.
    fn conditions(keys: &RecordBatch, left: &str) -> Vec<String> {
        let (mut conditions, mut list, mut count) = (Vec::new(), String::new(), 0);
        let mut done = |list: &mut String| conditions.push(format!("{left} IN ({})", std::mem::take(list)));
        for row in 0..keys.num_rows() {
            let mut key = String::new();
            let parts = keys.columns().iter().enumerate().try_for_each(|(i, column)| {
                key.push_str(if i == 0 { "" } else { "," });
                literal::append(column.as_ref(), row, literal::MOST_DIGITS, &mut key)
            });
            // MySQL cannot hold the value, so no row has it.
            if parts.is_err() {
                continue;
            }
            if count == KEYS || (count > 0 && list.len() + key.len() > LENGTH) {
                done(&mut list);
                count = 0;
            }
            list.push_str(if count == 0 { "" } else { "," });
            list.push_str(&if keys.num_columns() == 1 { key } else { format!("({key})") });
            count += 1;
        }
        if count > 0 {
            done(&mut list);
        }
        conditions
    }

    async fn found(&self, keys: &RecordBatch, projection: &Projection) -> Result<Vec<RecordBatch>> {
        let (access, remote) = (&self.access, self.access.known().await?);
        let schema = projection.schema();
        let selection = Selection::new(&access.table, &remote, schema)?;
        let key_columns = remote.columns_of(&access.table, &keys.schema())?;
        let left = Self::left(&key_columns, &keys.schema());
        let names = selection.list();
        let conditions = match left {
            Some(left) => Self::conditions(keys, &left).into_iter().map(|condition| format!(" WHERE {condition}")).collect(),
            None => vec![String::new()],
        };
        let selects = conditions.into_iter().map(|condition| format!("SELECT {names} FROM {}{condition}", access.table.quoted()));
        let run = |select: String| async {
            let rows = batches(Arc::clone(access), selection.clone(), select)?;
            Ok::<Vec<RecordBatch>, Error>(rows.try_collect().await?)
        };
        let found: Vec<Vec<RecordBatch>> = stream::iter(selects).map(run).buffered(AT_ONCE).try_collect().await?;
        Ok(found.into_iter().flatten().collect())
    }
}

#[async_trait]
impl Lookup for MySqlLookup {
    /// The PRIMARY KEY if the join compares all of it; else all compared columns, which may have an index. Inexact numbers, and booleans
    /// (every number except 0 is true), cannot be keys.
    fn key(&self, columns: &[&str]) -> Option<Vec<String>> {
        let spec = &self.access.table.spec;
        let finds = |name: &str| {
            let column = spec.columns.iter().find(|c| c.name == name);
            column.is_some_and(|c| !matches!(c.data_type, DataType::Boolean | DataType::Float32 | DataType::Float64 | DataType::Time32(_)))
        };
        let known: Vec<String> = columns.iter().filter(|name| finds(name)).map(ToString::to_string).collect();
        if !spec.primary_key.is_empty() && spec.primary_key.iter().all(|name| known.contains(name)) {
            return Some(spec.primary_key.clone());
        }
        (!known.is_empty()).then_some(known)
    }

    async fn get(&self, keys: &RecordBatch, projection: &Projection) -> Result<Vec<RecordBatch>> {
        let found = retried(self.access.table.lookup_retries, || self.found(keys, projection).boxed()).await;
        if found.is_err() {
            // The table may have been altered.
            self.access.forget();
        }
        found
    }
}
