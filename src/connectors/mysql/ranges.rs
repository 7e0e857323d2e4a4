//! Splits a table into ranges of an integer column, which are read concurrently.

use crate::common::{Error, Result};

use super::config::{MySqlTable, quoted};
use super::remote_table::{Access, RemoteTable};
use super::types::Family;

/// Below this number of rows a second connection costs more time than it saves.
const SMALL: u64 = 50_000;

/// Returns the conditions of the SELECTs that together read the whole table, each row once; `None` is always true.
///
/// ```text
///   k < 250 OR k IS NULL │ k >= 250 AND k < 500 │ k >= 500 AND k < 750 │ k >= 750
/// ```
/// The outer ranges are unbounded, so that no row is missed whatever the declared bounds are, or whatever is written meanwhile.
///
/// # Errors
/// When the declared column cannot be split into ranges, or the server is unreachable.
pub(super) async fn ranges(access: &Access, remote: &RemoteTable, at_once: usize) -> Result<Vec<Option<String>>> {
    let declared = &access.table.ranges;
    let count = declared.count.unwrap_or(if declared.column.is_none() && remote.rows < SMALL { 1 } else { at_once });
    let Some(column) = column(&access.table, remote)?.filter(|_| count > 1) else { return Ok(vec![None]) };
    let name = quoted(column);
    let bounds = match (declared.lower, declared.upper) {
        (Some(lower), Some(upper)) => Some((lower, upper)),
        (lower, upper) => {
            let sql = format!("SELECT MIN({name}), MAX({name}) FROM {}", access.table.quoted());
            let found = access.client.ask(&sql, &access.table.label()).await?;
            let number = |i: usize| found.first()?.get(i)?.as_deref()?.parse::<i128>().ok();
            lower.or(number(0)).zip(upper.or(number(1)))
        }
    };
    let Some((lower, upper)) = bounds else { return Ok(vec![None]) };
    Ok(conditions(&name, lower, upper, count))
}

/// Returns the column to split into ranges, if there is one.
fn column<'a>(table: &MySqlTable, remote: &'a RemoteTable) -> Result<Option<&'a str>> {
    let Some(declared) = &table.ranges.column else { return Ok(remote.range_column()) };
    let found = remote.column(declared).filter(|c| c.remote.family() == Family::Integer);
    let found = found.ok_or_else(|| {
        Error::option("scan.partition.column", format!("cannot be '{declared}'"))
            .in_table(&table.spec.name)
            .hint("name an integer column of the table")
    })?;
    Ok(Some(found.name.as_str()))
}

fn conditions(name: &str, lower: i128, upper: i128, count: usize) -> Vec<Option<String>> {
    let width = upper.saturating_sub(lower).saturating_add(1);
    let count = i128::try_from(count).unwrap_or(1).min(width).max(1);
    if count == 1 {
        return vec![None];
    }
    let cut = |i: i128| lower + width / count * i + width % count * i / count;
    let condition = |i: i128| match i {
        0 => format!("({name} < {} OR {name} IS NULL)", cut(1)),
        i if i == count - 1 => format!("{name} >= {}", cut(i)),
        i => format!("({name} >= {} AND {name} < {})", cut(i), cut(i + 1)),
    };
    (0..count).map(|i| Some(condition(i))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_leave_nothing_out_and_meet() {
        let texts =
            |lower, upper, count| conditions("k", lower, upper, count).into_iter().map(Option::unwrap_or_default).collect::<Vec<_>>();
        assert_eq!(texts(0, 999, 4), ["(k < 250 OR k IS NULL)", "(k >= 250 AND k < 500)", "(k >= 500 AND k < 750)", "k >= 750"]);
        assert_eq!(texts(-5, 5, 2), ["(k < 0 OR k IS NULL)", "k >= 0"]);
        assert_eq!(texts(7, 8, 9), ["(k < 8 OR k IS NULL)", "k >= 8"]);
        for (lower, upper) in [(5, 5), (9, 1)] {
            assert_eq!(texts(lower, upper, 4), [""]);
        }
        let wide = texts(0, i128::from(u64::MAX), 3);
        assert_eq!(wide[2], "k >= 12297829382473034410");
    }
}
