//! The options of a generated table, parsed.

use arrow::datatypes::SchemaRef;

use crate::common::{Error, Result, suggest};
use crate::connectors::TableSpec;
use crate::connectors::options::{parse, positive};

use super::field::{Field, Scope, Sequence};

const NANOS: i128 = 1_000_000_000;

/// A generated table.
#[derive(Debug)]
pub(super) struct Config {
    pub(super) schema: SchemaRef,
    pub(super) fields: Vec<Field>,
    /// Rows per second over all partitions; `None` is unlimited.
    pub(super) rate: Option<i64>,
    /// The number of rows, if it is limited.
    pub(super) rows: Option<i64>,
    pub(super) partitions: i64,
    pub(super) seed: u64,
    /// How long before now the first row of a first start is, in nanoseconds, when rows are tied to the wall clock.
    pub(super) anchor: Option<i128>,
}

impl Config {
    pub(super) fn read(table: &TableSpec) -> Result<Self> {
        Self::read_inner(table).map_err(|e| e.in_table(&table.name))
    }

    fn read_inner(table: &TableSpec) -> Result<Self> {
        if let Some(column) = table.columns.iter().find(|c| c.metadata.is_some()) {
            return Err(Error::sql(format!("column `{}`: connector 'datagen' has no metadata", column.name)));
        }
        let names: Vec<&str> = table.columns.iter().map(|c| c.name.as_str()).collect();
        for (key, _) in table.options.iter() {
            let Some(rest) = key.strip_prefix("fields.") else { continue };
            if !names.iter().any(|name| rest.strip_prefix(name).is_some_and(|rest| rest.starts_with('.'))) {
                let wrong = rest.split('.').next().unwrap_or(rest);
                return Err(Error::option(key, "names no column").hint(suggest::hint(wrong, &names)));
            }
        }
        let rate = match table.option("rows-per-second") {
            Some("unlimited") => None,
            _ => Some(positive(table, "rows-per-second")?.unwrap_or(10_000)),
        };
        let rows = parse::<i64>(table, "number-of-rows", "a number of rows")?;
        if rows.is_some_and(|rows| rows < 0) {
            return Err(Error::option("number-of-rows", "cannot be negative"));
        }
        let scope = Scope { options: &table.options, rate };
        let fields = table
            .columns
            .iter()
            .map(|column| Field::read(&scope, &format!("fields.{}", column.name), &column.data_type, column.nullable))
            .collect::<Result<Vec<_>>>()?;
        let anchor = fields.iter().find_map(|field| match &field.sequence {
            Some(Sequence::Relative { ago, .. }) => Some(*ago),
            _ => None,
        });
        if anchor.is_some() && rate.is_none() {
            return Err(
                Error::sql("a start relative to now needs `rows-per-second`").hint("give a number, or an absolute start and a step")
            );
        }
        // The table ends with its sequences; tied to the wall clock they start again instead.
        let lengths = fields.iter().filter_map(|field| field.sequence.as_ref().and_then(Sequence::length));
        let rows = if anchor.is_some() { rows } else { rows.into_iter().chain(lengths).min() };
        Ok(Self {
            schema: table.schema(),
            fields,
            rate,
            rows,
            partitions: positive(table, "scan.parallelism")?.unwrap_or(1),
            seed: parse(table, "seed", "a whole number")?.unwrap_or(0),
            anchor,
        })
    }

    /// Returns the number of the row due at a time (nanoseconds since 1970), counted from 1970.
    pub(super) fn row_at(&self, nanos: i128) -> i64 {
        let rate = i128::from(self.rate.unwrap_or(1));
        i64::try_from((nanos * rate).div_euclid(NANOS)).unwrap_or(i64::MAX)
    }

    /// The offset in a partition of the first row at or after row `row` of the whole table.
    pub(super) fn offset(&self, partition: i64, row: i64) -> i64 {
        (row - partition + self.partitions - 1).div_euclid(self.partitions).max(0)
    }
}
