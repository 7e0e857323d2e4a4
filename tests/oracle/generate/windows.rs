//! Random queries over windows.

use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;

use super::expr::{Col, Type};
use super::query::{Query, Relation, Writer};
use super::sql::{Sql, sql};

impl Writer<'_> {
    /// A table with time, as it is or filtered.
    pub(super) fn timed(&mut self) -> Relation {
        let named: Vec<&Relation> = self.named.iter().filter(|n| n.query.time.is_some()).collect();
        named.choose(self.r).copied().unwrap().clone()
    }

    /// A window function over a relation whose time column has this name.
    fn tvf(&mut self, input: &Relation, shape: &Shape) -> Relation {
        let time = input.query.time.clone().unwrap_or_default();
        let table = if input.sql.to_string().starts_with('(') { sql![&input.sql] } else { sql!["TABLE ", &input.sql] };
        let sql = sql!["TABLE(", shape.name, "(", table, format!(", DESCRIPTOR({time}), {}))", shape.arguments)];
        let mut query = input.query.clone();
        for name in ["window_start", "window_end", "window_time"] {
            query.cols.push(Col { name: name.into(), ty: Type::Time });
        }
        query.window = Some(("window_start".into(), "window_end".into()));
        Relation { sql, query }
    }

    pub(super) fn window_groups(&mut self, _: u32) -> Query {
        let (input, shape) = (self.timed(), Shape::random(self.r));
        let windows = self.tvf(&input, &shape);
        self.group_windows(&windows, false)
    }

    /// GROUP BY the window and more; with `ids` if rows can be late, which are known by it.
    fn group_windows(&mut self, windows: &Relation, ids: bool) -> Query {
        let (from, alias, cols) = self.aliased(windows);
        let cols: Vec<Col> = cols.into_iter().filter(|c| !c.name.contains(".window_")).collect();
        let (mut keys, mut items, mut out) = self.keys(&cols, 2);
        let (start, end, last) = (self.fresh('c'), self.fresh('c'), self.fresh('c'));
        let mut by = Vec::new();
        for (name, column, p) in [(&start, "window_start", 0.8), (&end, "window_end", 1.0), (&last, "window_time", 0.4)] {
            if self.chance(p) {
                by.push(sql![format!("{alias}.{column}")]);
                items.push(sql![format!("{alias}.{column} AS {name}")]);
                out.push(Col { name: name.clone(), ty: Type::Time });
            }
        }
        by.append(&mut keys);
        self.aggregates(&cols, &mut items, &mut out);
        if ids {
            let name = self.fresh('c');
            items.push(sql![format!("SUM({alias}.id) AS {name}")]);
            out.push(Col { name, ty: Type::Int });
        }
        let (filter, having) = (self.filter(&cols, 0.3), self.having().maybe());
        let sql = sql!["SELECT ", Sql::List(items, ", "), " FROM ", from, filter, " GROUP BY ", Sql::List(by, ", "), having];
        let has = |name: &String| out.iter().any(|c| c.name == *name);
        let window = (has(&start) && has(&end)).then(|| (start.clone(), end.clone()));
        let time = has(&last).then(|| last.clone());
        Query { sql, time, window, append: windows.query.append, cols: out }
    }

    /// The first rows of each window.
    pub(super) fn window_top(&mut self, _: u32) -> Query {
        let (input, shape) = (self.timed(), Shape::random(self.r));
        let windows = self.tvf(&input, &shape);
        self.top_of(&windows)
    }

    fn top_of(&mut self, windows: &Relation) -> Query {
        let window = ("window_start".to_string(), "window_end".to_string());
        self.ranked(windows, Some(&window))
    }

    /// Windows over the results of windows.
    pub(super) fn cascade(&mut self, depth: u32) -> Query {
        for _ in 0..5 {
            let query = self.window_groups(depth);
            if query.time.is_some() {
                let inner = Relation { sql: sql!["(", &query.sql, ")"], query };
                let shape = Shape::random(self.r);
                let windows = self.tvf(&inner, &shape);
                return self.group_windows(&windows, false);
            }
        }
        self.window_groups(depth)
    }

    pub(super) fn window_join(&mut self, _: u32) -> Query {
        let shape = Shape::random(self.r);
        let side = |w: &mut Self| {
            let input = w.timed();
            let windows = w.tvf(&input, &shape);
            if w.chance(0.3) {
                let query = w.group_windows(&windows, false);
                if query.window.is_some() {
                    return Relation { sql: sql!["(", &query.sql, ")"], query };
                }
            }
            windows
        };
        let (left, right) = (side(self), side(self));
        let (left_from, a, mut cols) = self.aliased(&left);
        let (right_from, b, others) = self.aliased(&right);
        let mut on = self.equalities(&cols, &others);
        on.truncate(1);
        let (ls, le) = left.query.window.clone().unwrap();
        let (rs, re) = right.query.window.clone().unwrap();
        on.insert(0, sql![format!("{a}.{ls} = {b}.{rs} AND {a}.{le} = {b}.{re}")]);
        let on = Sql::List(on, " AND ");
        let kind = self.r.random_range(0..6);
        if kind < 2 {
            let (items, out) = self.items(&cols);
            let not = if kind == 0 { "NOT " } else { "" };
            let sql = sql![
                "SELECT ",
                Sql::List(items, ", "),
                " FROM ",
                left_from,
                format!(" WHERE {not}EXISTS (SELECT 1 FROM "),
                right_from,
                " WHERE ",
                on,
                ")"
            ];
            return Query { sql, cols: out, time: None, window: None, append: true };
        }
        let word = [" JOIN ", " LEFT JOIN ", " RIGHT JOIN ", " FULL JOIN "][kind - 2];
        cols.extend(others);
        let (items, out) = self.items(&cols);
        let sql = sql!["SELECT ", Sql::List(items, ", "), " FROM ", left_from, Sql::from(word).or(" JOIN "), right_from, " ON ", on];
        Query { sql, cols: out, time: None, window: None, append: true }
    }

    /// Windows over a table, some of whose rows may be late, or functions over it in order of time.
    pub fn late(&mut self) -> Query {
        if self.chance(0.3) {
            let input = self.table();
            return self.over_time(&input);
        }
        let (input, shape) = (self.table(), Shape::random(self.r));
        let windows = self.tvf(&input, &shape);
        if self.chance(0.3) { self.top_of(&windows) } else { self.group_windows(&windows, true) }
    }
}

/// Which windows.
struct Shape {
    name: &'static str,
    arguments: String,
}

impl Shape {
    fn random(r: &mut StdRng) -> Self {
        let seconds = |n: i64| format!("INTERVAL '{n}' SECOND");
        let step = r.random_range(1..4);
        let size = step * r.random_range(1..4);
        let offset = if r.random_bool(0.15) { ", INTERVAL '0.5' SECOND" } else { "" };
        match r.random_range(0..5) {
            0 => Self { name: "HOP", arguments: format!("{}, {}{offset}", seconds(step), seconds(size)) },
            1 => Self { name: "CUMULATE", arguments: format!("{}, {}{offset}", seconds(step), seconds(size)) },
            _ => Self { name: "TUMBLE", arguments: format!("{}{offset}", seconds(size)) },
        }
    }
}
