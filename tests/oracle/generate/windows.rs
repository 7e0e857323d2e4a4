//! Generates random queries over windows.

use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;

use super::expr::{Col, Type, condition, of};
use super::query::{Query, Relation, Writer, list};
use super::sql::{Sql, sql};

impl Writer<'_> {
    /// Generates a table with event time, as it is or filtered.
    pub(super) fn timed(&mut self) -> Relation {
        let named: Vec<&Relation> = self.named.iter().filter(|n| n.query.time.is_some()).collect();
        named.choose(self.r).copied().unwrap().clone()
    }

    /// The same, or the result of an interval join, whose watermark is older than that of its sources.
    fn timed_anyhow(&mut self) -> Relation {
        if self.chance(0.15) {
            let query = self.interval_join();
            if query.time.is_some() {
                return Relation { sql: sql!["(", &query.sql, ")"], query };
            }
        }
        self.timed()
    }

    /// Generates a window function over a relation with this time column.
    fn tvf(&mut self, input: &Relation, shape: &Shape) -> Relation {
        let time = input.query.time.clone().unwrap_or_default();
        let by = match of(&input.query.cols, &Type::KEYS).choose(self.r) {
            Some(key) if shape.name == "SESSION" && self.r.random_bool(0.7) => Some(key.name.clone()),
            _ => None,
        };
        let bare = by.is_none() && input.sql.to_string().starts_with('(');
        let table = if bare { sql![&input.sql] } else { sql!["TABLE ", &input.sql] };
        let partition = by.as_ref().map_or("".into(), |key| sql![format!(" PARTITION BY {key}")].maybe());
        let sql = sql!["TABLE(", shape.name, "(", table, partition, format!(", DESCRIPTOR({time}), {}))", shape.arguments)];
        let mut query = input.query.clone();
        // The partition column of a session comes first, so that it is grouped by.
        query.cols.sort_by_key(|c| Some(&c.name) != by.as_ref());
        for name in ["window_start", "window_end", "window_time"] {
            query.cols.push(Col { name: name.into(), ty: Type::Time });
        }
        query.window = Some(("window_start".into(), "window_end".into()));
        Relation { sql, query }
    }

    pub(super) fn window_groups(&mut self, _: u32) -> Query {
        let (input, shape) = (self.timed_anyhow(), Shape::random(self.r));
        let windows = self.tvf(&input, &shape);
        self.group_windows(&windows, false)
    }

    /// Generates GROUP BY the window and more; with `ids` if rows can be late, which the id identifies.
    fn group_windows(&mut self, windows: &Relation, ids: bool) -> Query {
        let (from, alias, cols) = self.aliased(windows);
        let cols: Vec<Col> = cols.into_iter().filter(|c| !c.name.contains(".window_")).collect();
        // Sessions are merged with the aggregate if it groups only by them and their key.
        let session = windows.sql.to_string().contains("(SESSION(");
        let others = if session && self.chance(0.6) { 0 } else { 2 };
        let (mut keys, mut items, mut out) = self.keys(&cols, others);
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
        if windows.sql.to_string().contains(" PARTITION BY ") && self.chance(0.8) {
            let (key, name) = (cols[0].clone(), self.fresh('c'));
            by.push(sql![&key.name]);
            items.push(sql![&key.name, format!(" AS {name}")]);
            out.push(Col { name, ty: key.ty });
        }
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

    /// Generates the first rows of each window.
    pub(super) fn window_top(&mut self, _: u32) -> Query {
        let (input, shape) = (self.timed(), Shape::random(self.r));
        let windows = self.tvf(&input, &shape);
        self.top_of(&windows)
    }

    fn top_of(&mut self, windows: &Relation) -> Query {
        let window = ("window_start".to_string(), "window_end".to_string());
        self.ranked(windows, Some(&window))
    }

    /// Generates windows over the results of windows.
    pub(super) fn cascade(&mut self, depth: u32) -> Query {
        for _ in 0..5 {
            let query = if self.chance(0.4) { self.window_join(depth) } else { self.window_groups(depth) };
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
            let input = w.timed_anyhow();
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
        let append = left.query.append && right.query.append;
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
            return Query { sql, cols: out, time: None, window: None, append };
        }
        let word = [" JOIN ", " LEFT JOIN ", " RIGHT JOIN ", " FULL JOIN "][kind - 2];
        cols.extend(others);
        let (mut items, mut out) = self.items(&cols);
        // Event time comes from a side that is never filled up with NULLs.
        let side = match kind - 2 {
            0 => [(&a, &left), (&b, &right)].choose(self.r).copied(),
            1 => Some((&a, &left)),
            2 => Some((&b, &right)),
            _ => None,
        };
        let last = |query: &Query| query.cols.iter().find(|c| c.name == "window_time").map(|c| c.name.clone()).or(query.time.clone());
        let (mut time, mut window) = (None, None);
        if let Some((alias, side)) = side
            && let Some(last) = last(&side.query)
            && self.chance(0.7)
        {
            let names = [ls, le, rs, re];
            let own = if *alias == a { &names[..2] } else { &names[2..] };
            let fresh: Vec<String> = (0..3).map(|_| self.fresh('c')).collect();
            for (column, name) in own.iter().chain([&last]).zip(&fresh) {
                items.push(format!("{alias}.{column} AS {name}").into());
                out.push(Col { name: name.clone(), ty: Type::Time });
            }
            window = Some((fresh[0].clone(), fresh[1].clone()));
            time = Some(fresh[2].clone());
        }
        // Replacing the outer join by an inner one is simpler.
        let sql = sql!["SELECT ", list(items), " FROM ", left_from, Sql::from(word).or(" JOIN "), right_from, " ON ", on];
        Query { sql, cols: out, time, window, append }
    }

    /// Generates a join of rows within a distance in time.
    pub(super) fn interval_join(&mut self) -> Query {
        let (left, right) = (self.timed(), self.timed());
        let (left_from, a, mut cols) = self.aliased(&left);
        let (right_from, b, others) = self.aliased(&right);
        let (l, r) = (format!("{a}.{}", left.query.time.unwrap()), format!("{b}.{}", right.query.time.unwrap()));
        let (before, after) = (self.r.random_range(0..3), self.r.random_range(0..4));
        let apart = match self.r.random_range(0..10) {
            6 => format!("{l} >= CAST({r} AS TIMESTAMP(0)) AND {l} <= CAST({r} AS TIMESTAMP(0)) + INTERVAL '{after}' SECOND"),
            7 => format!("FLOOR({l} TO SECOND) = FLOOR({r} TO SECOND)"),
            8 => format!("{l} BETWEEN FLOOR({r} TO SECOND) AND CEIL({r} TO SECOND)"),
            9 => format!("CAST({l} AS TIMESTAMP(3)) = CAST({r} AS TIMESTAMP(3)) + INTERVAL '{after}' SECOND"),
            0 => format!("{l} = {r}"),
            1 => format!("{l} > {r}"),
            2 => format!("{r} >= {l} AND {r} < {l} + INTERVAL '0.{after}' SECOND"),
            _ => format!("{l} BETWEEN {r} - INTERVAL '{before}' SECOND AND {r} + INTERVAL '{after}' SECOND"),
        };
        let mut on = if self.chance(0.8) { self.equalities(&cols, &others) } else { Vec::new() };
        on.push(sql![apart]);
        if self.chance(0.2) {
            on.push(sql![condition(self.r, &[cols.clone(), others.clone()].concat(), 1)]);
        }
        let on = Sql::List(on, " AND ");
        let append = left.query.append && right.query.append;
        let kind = self.r.random_range(0..8);
        if kind < 2 {
            let (items, out) = self.items(&cols);
            let not = if kind == 0 { "NOT " } else { "" };
            let exists = sql![format!(" WHERE {not}EXISTS (SELECT 1 FROM "), right_from, " WHERE ", on, ")"];
            let sql = sql!["SELECT ", Sql::List(items, ", "), " FROM ", left_from, exists];
            return Query { sql, cols: out, time: None, window: None, append: false };
        }
        let word = [" JOIN ", " JOIN ", " JOIN ", " LEFT JOIN ", " RIGHT JOIN ", " FULL JOIN "][kind - 2];
        cols.extend(others);
        let (mut items, mut out) = self.items(&cols);
        let inner = word == " JOIN ";
        let time = (inner && append).then(|| self.fresh('c'));
        if let Some(time) = &time {
            items.push(format!("{l} AS {time}").into());
            out.push(Col { name: time.clone(), ty: Type::Time });
        }
        let sql = sql!["SELECT ", list(items), " FROM ", left_from, Sql::from(word).or(" JOIN "), right_from, " ON ", on];
        Query { sql, cols: out, time, window: None, append: append && inner }
    }

    /// Generates the oldest or newest row of each key.
    pub(super) fn newest(&mut self) -> Query {
        let input = self.timed();
        let (from, alias, cols) = self.aliased(&input);
        let usable = of(&cols, &Type::KEYS);
        let by: Vec<Sql> = (0..self.r.random_range(0..3)).filter_map(|_| usable.choose(self.r)).map(|c| Sql::from(&c.name)).collect();
        let by = if by.is_empty() { "".into() } else { sql!["PARTITION BY ", Sql::List(by, ", "), " "].maybe() };
        let way = ["", " DESC"].choose(self.r).copied().unwrap();
        let (time, rank) = (input.query.time.clone().unwrap(), self.fresh('c'));
        let names: Vec<Sql> = input.query.cols.iter().map(|c| Sql::from(&c.name)).collect();
        let n = self.r.random_range(1..3);
        let sql = sql![
            "SELECT ",
            list(names),
            format!(" FROM (SELECT {alias}.*, ROW_NUMBER() OVER ("),
            by,
            format!("ORDER BY {alias}.{time}{way}) AS {rank} FROM "),
            from,
            format!(") WHERE {rank} <= {n}")
        ];
        Query { sql, append: false, window: None, ..input.query }
    }

    /// Generates windows over a table, some of whose rows may be late, or functions over it in order of time.
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

/// The kind of window.
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
        match r.random_range(0..7) {
            0 => Self { name: "HOP", arguments: format!("{}, {}{offset}", seconds(step), seconds(size)) },
            1 => Self { name: "CUMULATE", arguments: format!("{}, {}{offset}", seconds(step), seconds(size)) },
            2 | 3 => Self { name: "SESSION", arguments: format!("INTERVAL '0.{}' SECOND", r.random_range(1..9)) },
            _ => Self { name: "TUMBLE", arguments: format!("{}{offset}", seconds(size)) },
        }
    }
}
