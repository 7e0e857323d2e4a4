//! Generates random functions OVER rows in order of time, and queries for the first rows by time.

use rand::Rng;
use rand::seq::IndexedRandom;

use super::expr::{Col, Type, of};
use super::query::{Query, Relation, Writer, list};
use super::sql::{Sql, sql};

impl Writer<'_> {
    /// Generates functions that are final once the watermark has passed a row; sometimes only the first rows by one of them.
    pub(super) fn over_time(&mut self, input: &Relation) -> Query {
        let time = input.query.time.clone().unwrap_or_default();
        let (from, alias, cols) = self.aliased(input);
        let (mut items, mut out) = self.items(&cols);
        // The id identifies a late row.
        let wanted: Vec<Col> = input.query.cols.iter().filter(|c| c.name == time || c.name == "id").cloned().collect();
        for col in wanted {
            if out.iter().all(|c| c.name != col.name) {
                items.push(format!("{alias}.{}", col.name).into());
                out.push(col);
            }
        }
        let mut rank = None;
        for _ in 0..self.r.random_range(1..4) {
            let (call, ty, ranks) = self.by_time(&cols, &format!("{alias}.{time}"));
            let name = self.fresh('c');
            items.push(sql![call, format!(" AS {name}")]);
            rank = rank.or(ranks.then(|| name.clone()));
            out.push(Col { name, ty });
        }
        let mut sql = sql!["SELECT ", list(items), " FROM ", from];
        if let Some(rank) = rank
            && self.chance(0.6)
        {
            let (outer, n) = (self.fresh('r'), self.r.random_range(1..4));
            let names = list(out.iter().map(|c| Sql::from(&c.name)).collect());
            sql = sql!["SELECT ", names, " FROM (", sql, format!(") AS {outer}"), sql![format!(" WHERE {rank} <= {n}")].maybe()];
        }
        let has_time = out.iter().any(|c| c.name == time);
        Query { sql, time: has_time.then_some(time), window: None, append: input.query.append, cols: out }
    }

    /// Generates a function, with the type of its value, and whether it numbers rows.
    fn by_time(&mut self, cols: &[Col], time: &str) -> (Sql, Type, bool) {
        let by = self.partition(cols);
        let over = |frame: String| sql!["OVER (", &by, format!(" ORDER BY {time}{frame})")];
        let n = self.r.random_range(1..4);
        let frame = match self.r.random_range(0..6) {
            0 => format!(" ROWS BETWEEN {n} PRECEDING AND CURRENT ROW"),
            1 => format!(" ROWS BETWEEN {} PRECEDING AND {n} PRECEDING", n + 2),
            2 => format!(" RANGE BETWEEN INTERVAL '0.{n}' SECOND PRECEDING AND CURRENT ROW"),
            3 => " ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW".into(),
            _ => String::new(),
        };
        let usable = of(cols, &[Type::Int, Type::Text, Type::Decimal, Type::Time, Type::Date]);
        let Some(col) = usable.choose(self.r).cloned() else { return (sql!["COUNT(*) ", over(frame)], Type::Int, false) };
        let number = of(cols, &[Type::Int, Type::Decimal]).choose(self.r).cloned();
        match (self.r.random_range(0..9), number) {
            (0 | 1, _) => (sql!["ROW_NUMBER() ", over(String::new())], Type::Int, true),
            (2, _) => (sql![["RANK() ", "DENSE_RANK() "].choose(self.r).copied().unwrap(), over(String::new())], Type::Int, true),
            (3, _) => (sql![format!("LAG({}, {n}) ", col.name), over(String::new())], col.ty, false),
            // Which of several rows of one time is the first of a RANGE is undefined.
            (4, _) if frame.starts_with(" RANGE") => (sql![format!("LAST_VALUE({}) ", col.name), over(String::new())], col.ty, false),
            (4, _) => (sql![["FIRST_VALUE(", "LAST_VALUE("].choose(self.r).copied().unwrap(), &col.name, ") ", over(frame)], col.ty, false),
            (5, _) => (sql![["MIN(", "MAX("].choose(self.r).copied().unwrap(), &col.name, ") ", over(frame)], col.ty, false),
            (6 | 7, Some(n)) => (sql![format!("SUM({}) ", n.name), over(frame)], n.ty, false),
            _ => (sql!["COUNT(", &col.name, ") ", over(frame)], Type::Int, false),
        }
    }
}
