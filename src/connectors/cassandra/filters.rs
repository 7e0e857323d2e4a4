//! Filter push-down: conditions of a query on a table's key.
//!
//! ```text
//!   partition key    a = 1 AND b IN (2, 3)      two reads by key: (1, 2), (1, 3)
//!   clustering       c = 4 AND d >= 5           a range of rows of each partition
//!   anything else                               is applied here: Cassandra would have to read all rows as well (ALLOW FILTERING)
//! ```
//! The filters are applied again to each row that is returned.

use std::fmt::Write;

use arrow::datatypes::{DataType, Schema, TimeUnit};
use datafusion::common::ScalarValue;
use datafusion::logical_expr::expr::InList;
use datafusion::logical_expr::utils::{split_binary, split_conjunction};
use datafusion::logical_expr::{Between, BinaryExpr, Expr, Operator};

use super::client::Cells;
use super::encode::encode;
use super::identifiers::quoted;
use super::remote_table::{RemoteColumn, RemoteTable};
use super::text::text_of;
use super::types::CqlType;

/// The maximum number of reads by key; above it the query reads token ranges.
const KEYS: usize = 1000;

/// A condition on a column.
#[derive(Debug, Clone, PartialEq)]
enum Asked {
    /// The column has one of these values.
    OneOf(Vec<ScalarValue>),
    /// The column is beyond this value.
    Bound(Operator, ScalarValue),
}

/// Reads by key that find all rows that match the filters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct KeyReads {
    /// The columns and their operators, in the statement's order.
    compared: Vec<(String, &'static str)>,
    types: Vec<CqlType>,
    /// The values of each read.
    pub(super) reads: Vec<Cells>,
}

impl KeyReads {
    /// The condition of the WHERE clause.
    pub(super) fn condition(&self) -> String {
        let parts: Vec<String> = self.compared.iter().map(|(name, sign)| format!("{} {sign} ?", quoted(name))).collect();
        parts.join(" AND ")
    }

    /// The same for people, with the values.
    pub(super) fn shown(&self) -> String {
        const SHOWN: usize = 3;
        let mut text = String::new();
        for (i, read) in self.reads.iter().take(SHOWN).enumerate() {
            text.push_str(if i == 0 { "" } else { "; " });
            for (j, ((name, sign), (cell, of))) in self.compared.iter().zip(read.0.iter().zip(&self.types)).enumerate() {
                let value = text_of(of, cell.as_deref().unwrap_or_default()).unwrap_or_else(|_| "?".to_string());
                let bare = matches!(
                    of,
                    CqlType::TinyInt | CqlType::SmallInt | CqlType::Int | CqlType::BigInt | CqlType::Varint | CqlType::Boolean
                );
                let value = if bare { value } else { format!("'{}'", value.replace('\'', "''")) };
                let _ = write!(text, "{}{} {sign} {value}", if j == 0 { "" } else { " AND " }, quoted(name));
            }
        }
        match self.reads.len() {
            0 => "no key that there could be".to_string(),
            n if n > SHOWN => format!("{text}; ... ({n} keys)"),
            _ => text,
        }
    }
}

/// Whether a key could answer a filter, whatever the table's key is.
pub(super) fn may_push(filter: &Expr) -> bool {
    split_conjunction(filter).into_iter().any(|part| !asked(part).is_empty())
}

/// Returns the reads by key, if these filters determine the whole partition key; `schema` has the declared types.
pub(super) fn key_reads(filters: &[Expr], remote: &RemoteTable, schema: &Schema) -> Option<KeyReads> {
    let asked: Vec<(String, Asked)> = filters.iter().flat_map(split_conjunction).flat_map(asked).collect();
    let column = |name: &str| -> Option<(&RemoteColumn, &DataType)> {
        let (remote, declared) = (remote.column(name)?, schema.fields().iter().find(|f| f.name().eq_ignore_ascii_case(name))?);
        remote.cql.finds(declared.data_type()).then(|| (remote, declared.data_type()))
    };
    let one_of = |name: &str| {
        let (remote, declared) = column(name)?;
        let found = asked.iter().find_map(|(of, asked)| match asked {
            Asked::OneOf(values) if of.eq_ignore_ascii_case(name) => Some(values),
            _ => None,
        });
        // The column cannot hold the value, so no row has it.
        Some(found?.iter().filter_map(|value| cell(value, &remote.cql, declared)).collect::<Vec<_>>())
    };
    let (mut compared, mut types, mut reads) = (Vec::new(), Vec::new(), vec![Cells::default()]);
    let mut equal = |name: &str, values: Vec<Vec<u8>>, reads: &mut Vec<Cells>| {
        let with = |read: &Cells, value: &Vec<u8>| Cells(read.0.iter().cloned().chain([Some(value.clone())]).collect());
        *reads = reads.iter().flat_map(|read| values.iter().map(move |value| with(read, value))).collect();
        compared.push((name.to_string(), "="));
        types.extend(column(name).map(|(remote, _)| remote.cql.clone()));
    };
    for name in &remote.partition_key {
        let values = one_of(name)?;
        if reads.len().saturating_mul(values.len()) > KEYS {
            return None;
        }
        equal(name, values, &mut reads);
    }
    let mut next = remote.clustering.iter();
    let mut beyond = None;
    for name in next.by_ref() {
        match one_of(name).filter(|values| reads.len().saturating_mul(values.len()) <= KEYS) {
            Some(values) => equal(name, values, &mut reads),
            None => {
                beyond = Some(name);
                break;
            }
        }
    }
    if let Some(name) = beyond
        && let Some((of, declared)) = column(name).filter(|(of, _)| of.cql.is_ordered())
    {
        for signs in [[(Operator::Gt, ">"), (Operator::GtEq, ">=")], [(Operator::Lt, "<"), (Operator::LtEq, "<=")]] {
            let bound = asked.iter().find_map(|(column, asked)| match asked {
                Asked::Bound(op, value) if column.eq_ignore_ascii_case(name) => {
                    let sign = signs.iter().find(|(of, _)| of == op)?.1;
                    Some((sign, cell(value, &of.cql, declared)?))
                }
                _ => None,
            });
            if let Some((sign, value)) = bound {
                reads.iter_mut().for_each(|read| read.0.push(Some(value.clone())));
                compared.push((name.clone(), sign));
                types.push(of.cql.clone());
            }
        }
    }
    Some(KeyReads { compared, types, reads })
}

/// Encodes a value, if that loses nothing.
fn cell(value: &ScalarValue, of: &CqlType, declared: &DataType) -> Option<Vec<u8>> {
    let per_milli = match declared {
        DataType::Timestamp(TimeUnit::Microsecond, _) => 1_000,
        DataType::Timestamp(TimeUnit::Nanosecond, _) => 1_000_000,
        _ => 1,
    };
    let value = value.cast_to(declared).ok()?;
    if let ScalarValue::TimestampMicrosecond(Some(time), _) | ScalarValue::TimestampNanosecond(Some(time), _) = &value
        && time % per_milli != 0
    {
        return None;
    }
    encode(of, value.to_array().ok()?.as_ref(), 0).ok().flatten().filter(|bytes| bytes.len() <= usize::from(u16::MAX))
}

fn asked(filter: &Expr) -> Vec<(String, Asked)> {
    let one = |name: &str, asked: Asked| vec![(name.to_string(), asked)];
    match filter {
        Expr::BinaryExpr(BinaryExpr { op: Operator::Or, .. }) => {
            // The optimizer writes `a IN (1, 2)` as ORs.
            let parts: Vec<(String, Asked)> = split_binary(filter, Operator::Or).into_iter().flat_map(asked).collect();
            let Some((name, _)) = parts.first() else { return Vec::new() };
            let name = name.clone();
            let mut all = Vec::new();
            let whole = split_binary(filter, Operator::Or).len();
            for (of, asked) in &parts {
                match asked {
                    Asked::OneOf(values) if *of == name => all.extend(values.iter().cloned()),
                    _ => return Vec::new(),
                }
            }
            if parts.len() == whole { one(&name, Asked::OneOf(all)) } else { Vec::new() }
        }
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => match (left.as_ref(), right.as_ref()) {
            (Expr::Column(column), Expr::Literal(value, _)) => compared(&column.name, *op, value),
            (Expr::Literal(value, _), Expr::Column(column)) => op.swap().map(|op| compared(&column.name, op, value)).unwrap_or_default(),
            _ => Vec::new(),
        },
        Expr::Between(Between { expr, negated: false, low, high }) => match (expr.as_ref(), low.as_ref(), high.as_ref()) {
            (Expr::Column(column), Expr::Literal(low, _), Expr::Literal(high, _)) => {
                [compared(&column.name, Operator::GtEq, low), compared(&column.name, Operator::LtEq, high)].concat()
            }
            _ => Vec::new(),
        },
        Expr::InList(InList { expr, list, negated: false }) => {
            let Expr::Column(column) = expr.as_ref() else { return Vec::new() };
            let values = list.iter().map(|value| match value {
                Expr::Literal(value, _) if !value.is_null() => Some(value.clone()),
                _ => None,
            });
            values.collect::<Option<Vec<_>>>().map(|values| one(&column.name, Asked::OneOf(values))).unwrap_or_default()
        }
        Expr::Column(column) => one(&column.name, Asked::OneOf(vec![ScalarValue::Boolean(Some(true))])),
        Expr::Not(expr) => match expr.as_ref() {
            Expr::Column(column) => one(&column.name, Asked::OneOf(vec![ScalarValue::Boolean(Some(false))])),
            _ => Vec::new(),
        },
        _ => Vec::new(),
    }
}

fn compared(name: &str, op: Operator, value: &ScalarValue) -> Vec<(String, Asked)> {
    // A comparison with NULL is never true; the planner removes it.
    let asked = match op {
        _ if value.is_null() => return Vec::new(),
        Operator::Eq => Asked::OneOf(vec![value.clone()]),
        Operator::Lt | Operator::LtEq | Operator::Gt | Operator::GtEq => Asked::Bound(op, value.clone()),
        _ => return Vec::new(),
    };
    vec![(name.to_string(), asked)]
}

#[cfg(test)]
mod tests {
    use arrow::datatypes::Field;
    use datafusion::logical_expr::{col, lit};

    use super::*;

    fn schema() -> Schema {
        let field = |name: &str, of| Field::new(name, of, true);
        Schema::new(vec![
            field("a", DataType::Int32),
            field("b", DataType::Utf8),
            field("c", DataType::Int64),
            field("d", DataType::Timestamp(TimeUnit::Microsecond, None)),
            field("e", DataType::Float64),
        ])
    }

    fn reads(filter: Expr) -> Option<String> {
        let column = |name: &str, cql, kind: &str| RemoteColumn::new(name, cql, kind);
        let remote = RemoteTable {
            columns: vec![
                column("a", CqlType::Int, "partition_key"),
                column("b", CqlType::Text, "partition_key"),
                column("c", CqlType::BigInt, "clustering"),
                column("d", CqlType::Timestamp, "clustering"),
                column("e", CqlType::Double, "regular"),
            ],
            partition_key: vec!["a".into(), "b".into()],
            clustering: vec!["c".into(), "d".into()],
            is_view: false,
        };
        key_reads(&[filter], &remote, &schema()).map(|reads| reads.shown())
    }

    #[test]
    fn keys_and_ranges_of_clustering_columns() {
        let key = || col("a").eq(lit(1)).and(col("b").eq(lit("it's")));
        let at = |micros| lit(ScalarValue::TimestampMicrosecond(Some(micros), None));
        let of_key = "a = 1 AND b = 'it''s'";
        for (filter, expected) in [
            (key(), Some(of_key.to_string())),
            (col("a").eq(lit(1)), None),
            (col("a").gt(lit(1)).and(col("b").eq(lit("x"))), None),
            (key().and(col("c").gt(lit(5_i64))).and(col("c").lt_eq(lit(9_i64))), Some(format!("{of_key} AND c > 5 AND c <= 9"))),
            // After a range later clustering columns cannot be used, and regular columns never can.
            (key().and(col("d").gt(at(1_000))), Some(of_key.to_string())),
            (key().and(col("e").eq(lit(0.5))), Some(of_key.to_string())),
            (
                key().and(col("c").eq(lit(2_i64))).and(col("d").lt(at(1_000))),
                Some(format!("{of_key} AND c = 2 AND d < '1970-01-01 00:00:00.001Z'")),
            ),
            // A time with more digits than the column holds.
            (key().and(col("c").eq(lit(2_i64))).and(col("d").lt(at(1_500))), Some(format!("{of_key} AND c = 2"))),
            (
                col("a").eq(lit(1)).or(col("a").eq(lit(2))).and(col("b").in_list(vec![lit("x"), lit("y")], false)),
                Some("a = 1 AND b = 'x'; a = 1 AND b = 'y'; a = 2 AND b = 'x'; ... (4 keys)".to_string()),
            ),
            (col("a").eq(lit(1)).or(col("b").eq(lit("x"))), None),
        ] {
            assert_eq!(reads(filter.clone()), expected, "{filter}");
        }
    }
}
