//! Casts the columns of an INSERT, matched by position, implicitly; a value that does not fit is a bad record and never wraps silently.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BooleanArray, new_null_array};
use arrow::compute::{CastOptions, and, cast_with_options, filter_record_batch, is_not_null, is_null, not, or};
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use arrow::util::display::array_value_to_string;

use crate::common::excerpt::excerpt;
use crate::common::field_names;
use crate::common::floor::{floored, with_digits};
use crate::common::{Error, Result};
use crate::sql::Dialect;

use super::zset;

/// Turns a query's rows into rows of the table that they are inserted into.
#[derive(Debug, Clone)]
pub struct Coercion {
    target: SchemaRef,
    /// All columns of the table, if the INSERT lists only some.
    filled: Option<SchemaRef>,
    table: String,
    /// The types of the target's columns, as SQL writes them.
    types: Vec<String>,
    /// The declared fractional digits of time columns, where they are fewer than those of the type.
    digits: Vec<Option<Vec<Option<u32>>>>,
}

/// The result of casting one batch.
#[derive(Debug)]
pub struct Coerced {
    /// Rows that fit.
    pub rows: RecordBatch,
    /// The indices of the others, each with the reason.
    pub wrong: Vec<(usize, String)>,
}

impl Coercion {
    /// Checks that a query's columns can go into a table's: the `dialect` of the INSERT decides which types are cast implicitly.
    ///
    /// # Errors
    /// Names the column, both types, and the CAST to write.
    pub fn new(table: &str, query: &SchemaRef, target: SchemaRef, dialect: Dialect) -> Result<Self> {
        if query.fields().len() != target.fields().len() {
            let names = |s: &SchemaRef| s.fields().iter().map(|f| f.name().clone()).collect::<Vec<_>>().join(", ");
            return Err(Error::sql(format!(
                "INSERT INTO {table}: the query has {} columns, the table takes {}",
                query.fields().len(),
                target.fields().len()
            ))
            .hint(format!("query: {}; table: {}", names(query), names(&target))));
        }
        for (from, to) in query.fields().iter().zip(target.fields()) {
            if !dialect.casts_implicitly(from.data_type(), to.data_type()) {
                let (from_type, to_type) = (dialect.type_name(from.data_type()), dialect.type_name(to.data_type()));
                return Err(Error::sql(format!("INSERT INTO {table}: column `{}` is {to_type}, the query gives {from_type}", to.name()))
                    .hint(format!("write CAST({} AS {to_type})", from.name())));
            }
        }
        let types = target.fields().iter().map(|f| dialect.type_name(f.data_type())).collect();
        Ok(Self { target, filled: None, table: table.to_string(), types, digits: Vec::new() })
    }

    /// Also truncates times that are declared with fewer fractional digits than their type has; `of` returns the digits by column name.
    pub fn cutting(mut self, of: impl Fn(&str) -> Option<Vec<Option<u32>>>) -> Self {
        self.digits = self.target.fields().iter().map(|field| of(field.name())).collect();
        self
    }

    /// Also adds the table's other columns, as NULL: for an INSERT that lists some of them.
    ///
    /// # Errors
    /// When one of them may not be NULL.
    pub fn filling(mut self, all: SchemaRef) -> Result<Self> {
        if self.target.fields() == all.fields() {
            return Ok(self);
        }
        let missing = |f: &&arrow::datatypes::FieldRef| !f.is_nullable() && self.target.index_of(f.name()).is_err();
        if let Some(field) = all.fields().iter().find(missing) {
            return Err(Error::sql(format!("INSERT INTO {}: column `{}` may not be NULL and is not listed", self.table, field.name())));
        }
        self.filled = Some(all);
        Ok(self)
    }

    /// Rows of the target columns, with the weight as the last column if there is one, extended to all columns of the table.
    fn fill(&self, rows: RecordBatch, changes: bool) -> Result<RecordBatch> {
        let Some(all) = &self.filled else { return Ok(rows) };
        let column = |f: &arrow::datatypes::FieldRef| {
            rows.column_by_name(f.name()).cloned().unwrap_or_else(|| new_null_array(f.data_type(), rows.num_rows()))
        };
        let mut columns: Vec<ArrayRef> = all.fields().iter().map(column).collect();
        columns.extend(rows.columns().last().filter(|_| changes).cloned());
        Ok(RecordBatch::try_new(self.schema(changes), columns)?)
    }

    /// The schema of the output.
    pub fn schema(&self, changes: bool) -> SchemaRef {
        let all = self.filled.as_ref().unwrap_or(&self.target);
        if changes { zset::weighted(all) } else { Arc::clone(all) }
    }

    /// The table's columns.
    pub fn target(&self) -> &SchemaRef {
        &self.target
    }

    /// Casts a batch; changes keep their weight, as the last column.
    ///
    /// # Errors
    /// Only on failures that do not concern single rows.
    pub fn apply(&self, batch: &RecordBatch) -> Result<Coerced> {
        let safe = CastOptions { safe: true, ..CastOptions::default() };
        let mut columns: Vec<ArrayRef> = Vec::with_capacity(batch.num_columns());
        let mut bad: Option<BooleanArray> = None;
        let mut reasons = BTreeMap::new();
        for (i, ((column, field), shown)) in batch.columns().iter().zip(self.target.fields()).zip(&self.types).enumerate() {
            let cast = if column.data_type() == field.data_type() {
                Arc::clone(column)
            } else {
                let value = floored(&field_names::renamed_as(column, field.data_type()), field.data_type());
                cast_with_options(&value, field.data_type(), &safe)?
            };
            let cast = match self.digits.get(i) {
                Some(Some(digits)) => with_digits(&cast, digits),
                _ => cast,
            };
            // A value that became NULL did not fit, nor does a NULL fit a NOT NULL column.
            let lost = (cast.null_count() > column.null_count()).then(|| and(&is_null(&cast)?, &is_not_null(column)?)).transpose()?;
            let missing = (!field.is_nullable() && cast.null_count() > 0).then(|| is_null(&cast)).transpose()?;
            for (wrong, why) in [(lost, "does not fit"), (missing, "may not be NULL")] {
                let Some(wrong) = wrong else { continue };
                for row in (0..wrong.len()).filter(|i| wrong.value(*i)) {
                    reasons.entry(row).or_insert_with(|| {
                        let value = if column.is_null(row) { "NULL".to_string() } else { shown_value(column, row) };
                        format!("table `{}`, column `{}` ({shown}): {value} {why}", self.table, field.name())
                    });
                }
                bad = Some(match bad {
                    Some(before) => or(&before, &wrong)?,
                    None => wrong,
                });
            }
            columns.push(cast);
        }
        let changes = batch.num_columns() > self.target.fields().len();
        columns.extend(batch.columns().last().filter(|_| changes).cloned());
        let target = if changes { zset::weighted(&self.target) } else { Arc::clone(&self.target) };
        let Some(bad) = bad else {
            let rows = self.fill(RecordBatch::try_new(target, columns)?, changes)?;
            return Ok(Coerced { rows, wrong: Vec::new() });
        };
        // NOT NULL columns may hold NULLs until the bad rows are removed.
        let loose = Arc::new(arrow::datatypes::Schema::new(
            target.fields().iter().map(|f| f.as_ref().clone().with_nullable(true)).collect::<Vec<_>>(),
        ));
        let rows = filter_record_batch(&RecordBatch::try_new(loose, columns)?, &not(&bad)?)?;
        let rows = RecordBatch::try_new(target, rows.columns().to_vec())?;
        Ok(Coerced { rows: self.fill(rows, changes)?, wrong: reasons.into_iter().collect() })
    }
}

/// A value in a message.
fn shown_value(column: &ArrayRef, row: usize) -> String {
    excerpt(&array_value_to_string(column, row).unwrap_or_default()).into_owned()
}

#[cfg(test)]
mod tests {
    use arrow::array::{Int32Array, Int64Array, StringArray};
    use arrow::datatypes::{DataType, Field, Schema};

    use super::*;

    fn schema(fields: &[(&str, DataType, bool)]) -> SchemaRef {
        Arc::new(Schema::new(fields.iter().map(|(n, t, null)| Field::new(*n, t.clone(), *null)).collect::<Vec<_>>()))
    }

    #[test]
    fn overflow_and_missing_values_are_set_aside() {
        let query = schema(&[("a", DataType::Int64, true), ("b", DataType::Utf8, true)]);
        let target = schema(&[("x", DataType::Int32, true), ("y", DataType::Utf8, false)]);
        let coercion = Coercion::new("t", &query, target, Dialect::FLINK).unwrap();
        let a = Int64Array::from(vec![Some(1), Some(1 << 40), None, Some(4)]);
        let b = StringArray::from(vec![Some("a"), Some("b"), Some("c"), None]);
        let out = coercion.apply(&RecordBatch::try_new(query, vec![Arc::new(a), Arc::new(b)]).unwrap()).unwrap();
        let wrong =
            [(1, "table `t`, column `x` (INT): 1099511627776 does not fit"), (3, "table `t`, column `y` (STRING): NULL may not be NULL")];
        assert_eq!(out.wrong, wrong.map(|(row, why)| (row, why.to_string())));
        assert_eq!(out.rows.column(0).as_ref(), &Int32Array::from(vec![Some(1), None]));
    }

    #[test]
    fn other_types_ask_for_a_cast() {
        let (query, target) = (schema(&[("a", DataType::Utf8, true)]), schema(&[("x", DataType::Int32, true)]));
        let error = Coercion::new("t", &query, target, Dialect::FLINK).unwrap_err();
        assert_eq!(error.hint_text(), Some("write CAST(a AS INT)"));
    }
}
