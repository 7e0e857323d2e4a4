//! Generates random queries.

use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;

use super::expr::{Col, Type, aggregate, clock, condition, filled, of, value};
use super::sql::{Sql, sql};

/// Sort orders; NULLs are first or last, by default or explicitly.
const WAYS: [&str; 6] = ["", " DESC", " ASC NULLS FIRST", " NULLS LAST", " DESC NULLS FIRST", " DESC NULLS LAST"];

/// A query, with the properties that an outer query needs.
#[derive(Debug, Clone)]
pub struct Query {
    /// From SELECT on.
    pub sql: Sql,
    pub cols: Vec<Col>,
    /// The event-time column.
    pub time: Option<String>,
    /// Start and end columns of the window.
    pub window: Option<(String, String)>,
    /// The result is append-only.
    pub append: bool,
}

/// A relation for FROM.
#[derive(Debug, Clone)]
pub struct Relation {
    pub sql: Sql,
    pub query: Query,
}

/// Writes queries over named relations.
pub struct Writer<'r> {
    pub r: &'r mut StdRng,
    pub named: &'r [Relation],
    /// The number of tables, which are the first of the named relations.
    pub tables: usize,
    pub next: &'r mut u32,
}

impl Writer<'_> {
    pub(super) fn fresh(&mut self, prefix: char) -> String {
        *self.next += 1;
        format!("{prefix}{}", self.next)
    }

    pub(super) fn chance(&mut self, p: f64) -> bool {
        self.r.random_bool(p)
    }

    pub(super) fn table(&mut self) -> Relation {
        self.named[..self.tables].choose(self.r).unwrap().clone()
    }

    /// Generates a relation to read from.
    fn relation(&mut self, depth: u32) -> Relation {
        if depth == 0 || self.chance(0.4) {
            return if self.chance(0.8) { self.table() } else { self.named.choose(self.r).unwrap().clone() };
        }
        let query = self.query(depth - 1);
        Relation { sql: sql!["(", &query.sql, ")"], query }
    }

    /// Returns `relation AS alias`, and its columns under that name.
    pub(super) fn aliased(&mut self, relation: &Relation) -> (Sql, String, Vec<Col>) {
        let alias = self.fresh('r');
        let cols = relation.query.cols.iter().map(|c| Col { name: format!("{alias}.{}", c.name), ty: c.ty }).collect();
        (sql![&relation.sql, format!(" AS {alias}")], alias, cols)
    }

    pub fn query(&mut self, depth: u32) -> Query {
        match self.r.random_range(0..24) {
            0..=2 => self.projection(depth),
            3 => self.union(depth),
            4 => self.distinct(depth),
            5..=7 => self.grouped(depth),
            8 => self.sets(depth),
            9..=11 => self.join(depth),
            12 => self.subquery(depth),
            13 => self.over(depth),
            14 => self.top(depth),
            15 => self.limited(depth),
            16 => self.common(depth),
            17 | 18 => self.window_groups(depth),
            19 => match self.r.random_range(0..3) {
                0 => self.window_join(depth),
                1 => self.window_top(depth),
                _ => self.cascade(depth),
            },
            20 | 21 => self.interval_join(),
            22 => {
                let input = self.timed();
                self.over_time(&input)
            }
            _ => self.newest(),
        }
    }

    /// Selects some columns under their own names or as expressions under new names.
    pub(super) fn items(&mut self, cols: &[Col]) -> (Vec<Sql>, Vec<Col>) {
        let mut items = Vec::new();
        let mut out: Vec<Col> = Vec::new();
        let wanted = self.r.random_range(1..5);
        while items.len() < wanted {
            let Some(col) = cols.choose(self.r).cloned() else { break };
            let own = col.name.split('.').next_back().unwrap_or_default().to_string();
            let (item, name) = if self.chance(0.6) && out.iter().all(|c| c.name != own) {
                (Sql::from(&col.name), own)
            } else {
                let name = self.fresh('c');
                (sql![value(self.r, cols, col.ty, 2), format!(" AS {name}")], name)
            };
            items.push(item);
            out.push(Col { name, ty: col.ty });
        }
        if items.is_empty() {
            let name = self.fresh('c');
            items.push(sql![format!("1 AS {name}")]);
            out.push(Col { name, ty: Type::Int });
        }
        (items, out)
    }

    pub(super) fn filter(&mut self, cols: &[Col], p: f64) -> Sql {
        if self.chance(p) { sql![" WHERE ", condition(self.r, cols, 2)].maybe() } else { "".into() }
    }

    fn projection(&mut self, depth: u32) -> Query {
        let input = self.relation(depth);
        let (from, alias, cols) = self.aliased(&input);
        let (mut items, mut out) = self.items(&cols);
        let time = input.query.time.clone();
        if let Some(time) = &time
            && out.iter().all(|c| c.name != *time)
        {
            items.push(format!("{alias}.{time}").into());
            out.push(Col { name: time.clone(), ty: Type::Time });
        }
        // An expression may have taken the name: names refer to the same column only if it was not computed.
        let mut append = input.query.append;
        let filter = match &time {
            Some(time) if self.chance(0.15) => {
                append = false;
                sql![" WHERE ", clock(self.r, &format!("{alias}.{time}")), sql![" AND ", condition(self.r, &cols, 1)].maybe()].maybe()
            }
            _ => self.filter(&cols, 0.6),
        };
        let sql = sql!["SELECT ", Sql::List(items, ", "), " FROM ", from, filter];
        Query { sql, cols: out, time, window: None, append }
    }

    /// Expressions of these types over a relation.
    fn shaped(&mut self, depth: u32, names: &[Col]) -> Query {
        let input = self.relation(depth);
        let (from, _, cols) = self.aliased(&input);
        let items = names.iter().map(|c| sql![value(self.r, &cols, c.ty, 1), format!(" AS {}", c.name)]).collect::<Vec<_>>();
        let filter = self.filter(&cols, 0.4);
        let sql = sql!["SELECT ", list(items), " FROM ", from, filter];
        Query { sql, cols: names.to_vec(), time: None, window: None, append: input.query.append }
    }

    fn shape(&mut self) -> Vec<Col> {
        let count = self.r.random_range(1..4);
        (0..count).map(|_| Col { name: self.fresh('c'), ty: *Type::KEYS.choose(self.r).unwrap() }).collect()
    }

    fn union(&mut self, depth: u32) -> Query {
        let names = self.shape();
        let (a, b) = (self.shaped(depth, &names), self.shaped(depth, &names));
        let (word, append) = match self.r.random_range(0..6) {
            0 => (" UNION ", a.append && b.append),
            1 => (" INTERSECT ", false),
            2 => (" EXCEPT ", false),
            _ => (" UNION ALL ", a.append && b.append),
        };
        Query { sql: sql![&a.sql, word, &b.sql].or(&a.sql), append, ..a }
    }

    fn distinct(&mut self, depth: u32) -> Query {
        let input = self.relation(depth);
        let (from, _, cols) = self.aliased(&input);
        let cols = of(&cols, &Type::KEYS);
        let (items, out) = self.items(&cols);
        let filter = self.filter(&cols, 0.3);
        let sql = sql!["SELECT ", sql!["DISTINCT "].maybe(), Sql::List(items, ", "), " FROM ", from, filter];
        Query { sql, cols: out, time: None, window: None, append: input.query.append }
    }

    /// Chooses keys for GROUP BY, with their SELECT items.
    pub(super) fn keys(&mut self, cols: &[Col], most: usize) -> (Vec<Sql>, Vec<Sql>, Vec<Col>) {
        let (mut keys, mut items, mut out) = (Vec::new(), Vec::new(), Vec::new());
        let usable = of(cols, &Type::KEYS);
        for _ in 0..self.r.random_range(0..=most) {
            let Some(col) = usable.choose(self.r).cloned() else { break };
            let depth = u32::from(self.r.random_bool(0.3));
            let name = self.fresh('c');
            let key = value(self.r, std::slice::from_ref(&col), col.ty, depth);
            // A literal in GROUP BY would be the number of a column.
            let key = if key.to_string().contains(&col.name) { key } else { Sql::from(&col.name) };
            if keys.iter().any(|k: &Sql| k.to_string() == key.to_string()) {
                continue;
            }
            items.push(sql![&key, format!(" AS {name}")]);
            keys.push(key);
            out.push(Col { name, ty: col.ty });
        }
        (keys, items, out)
    }

    pub(super) fn aggregates(&mut self, cols: &[Col], items: &mut Vec<Sql>, out: &mut Vec<Col>) {
        for _ in 0..self.r.random_range(1..4) {
            let (call, ty) = aggregate(self.r, cols);
            let name = self.fresh('c');
            items.push(sql![call, format!(" AS {name}")]);
            out.push(Col { name, ty });
        }
    }

    pub(super) fn having(&mut self) -> Sql {
        match self.r.random_range(0..8) {
            0 | 1 => format!(" HAVING COUNT(*) > {}", self.r.random_range(1..4)).into(),
            2 => format!(" HAVING COUNT(*) % 2 = {}", self.r.random_range(0..2)).into(),
            _ => "".into(),
        }
    }

    fn grouped(&mut self, depth: u32) -> Query {
        let input = self.relation(depth);
        let (from, _, cols) = self.aliased(&input);
        let (keys, mut items, mut out) = self.keys(&cols, 2);
        self.aggregates(&cols, &mut items, &mut out);
        let (filter, having) = (self.filter(&cols, 0.3), self.having().maybe());
        let by = if keys.is_empty() { "".into() } else { sql![" GROUP BY ", Sql::List(keys, ", ")] };
        let sql = sql!["SELECT ", Sql::List(items, ", "), " FROM ", from, filter, by, having];
        Query { sql, cols: out, time: None, window: None, append: false }
    }

    /// Generates GROUPING SETS and their short forms.
    fn sets(&mut self, depth: u32) -> Query {
        let input = self.relation(depth);
        let (from, _, cols) = self.aliased(&input);
        let mut usable = of(&cols, &Type::KEYS);
        let mut keys = Vec::new();
        while keys.len() < 2 && !usable.is_empty() {
            let i = self.r.random_range(0..usable.len());
            keys.push(usable.swap_remove(i));
        }
        let (mut items, mut out) = (Vec::new(), Vec::new());
        for key in &keys {
            let name = self.fresh('c');
            items.push(sql![&key.name, format!(" AS {name}")]);
            out.push(Col { name, ty: key.ty });
        }
        self.aggregates(&cols, &mut items, &mut out);
        let names = keys.iter().map(|k| k.name.as_str()).collect::<Vec<_>>();
        let all = names.join(", ");
        let first = names.first().copied().unwrap_or_default();
        let sets = match self.r.random_range(0..4) {
            0 => format!("ROLLUP({all})"),
            1 => format!("CUBE({all})"),
            2 => format!("GROUPING SETS (({all}), ({first}))"),
            _ => format!("GROUPING SETS (({all}), ({first}), ())"),
        };
        let by = if keys.is_empty() { "".into() } else { sql![" GROUP BY ", sets].or(format!(" GROUP BY {all}")) };
        let filter = self.filter(&cols, 0.2);
        let sql = sql!["SELECT ", Sql::List(items, ", "), " FROM ", from, filter, by];
        Query { sql, cols: out, time: None, window: None, append: false }
    }

    fn join(&mut self, depth: u32) -> Query {
        let (left, right) = (self.relation(depth), self.relation(depth.saturating_sub(1)));
        let (left_from, _, mut cols) = self.aliased(&left);
        let (right_from, _, others) = self.aliased(&right);
        let kind = ["JOIN", "JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN"].choose(self.r).copied().unwrap();
        let both = |c: &&Col| right.query.cols.iter().any(|o| o.name == c.name && o.ty == c.ty && c.ty != Type::Inexact);
        let shared: Vec<String> = left.query.cols.iter().filter(both).map(|c| c.name.clone()).collect();
        if let Some(key) = shared.choose(self.r).filter(|_| self.chance(0.15)).cloned() {
            return self.join_using(&key, [left_from, right_from], [cols, others], kind);
        }
        let mut on = self.equalities(&cols, &others);
        cols.extend(others);
        if self.chance(0.25) {
            on.push(sql![condition(self.r, &cols, 1)]);
        }
        let (items, out) = self.items(&cols);
        let filter = self.filter(&cols, 0.2);
        let sql = sql![
            "SELECT ",
            Sql::List(items, ", "),
            " FROM ",
            left_from,
            sql![" ", kind, " "].or(" JOIN "),
            right_from,
            " ON ",
            Sql::List(on, " AND "),
            filter
        ];
        Query { sql, cols: out, time: None, window: None, append: false }
    }

    /// The same with USING a column that both sides have.
    fn join_using(&mut self, key: &str, [left, right]: [Sql; 2], [cols, others]: [Vec<Col>; 2], kind: &str) -> Query {
        let rest: Vec<Col> = cols.into_iter().chain(others).filter(|c| c.name.split('.').next_back() != Some(key)).collect();
        let (mut items, mut out) = self.items(&rest);
        let name = self.fresh('c');
        let ty = self.named.iter().flat_map(|n| &n.query.cols).find(|c| c.name == key).map(|c| c.ty);
        if let Some(ty) = ty {
            items.push(format!("{key} AS {name}").into());
            out.push(Col { name, ty });
        }
        let sql = sql!["SELECT ", list(items), " FROM ", left, sql![" ", kind, " "].or(" JOIN "), right, format!(" USING ({key})")];
        Query { sql, cols: out, time: None, window: None, append: false }
    }

    /// Generates one or two equalities between columns of two sides.
    pub(super) fn equalities(&mut self, left: &[Col], right: &[Col]) -> Vec<Sql> {
        let mut on = Vec::new();
        for _ in 0..self.r.random_range(1..3) {
            let usable: Vec<(&Col, &Col)> = left
                .iter()
                .flat_map(|l| right.iter().filter(move |r| r.ty == l.ty && l.ty != Type::Inexact).map(move |r| (l, r)))
                .collect();
            // Columns of the same name are more often equal than others.
            let alike: Vec<_> =
                usable.iter().filter(|(l, r)| l.name.split('.').next_back() == r.name.split('.').next_back()).copied().collect();
            let pool = if alike.is_empty() || self.chance(0.4) { &usable } else { &alike };
            if let Some((l, r)) = pool.choose(self.r).map(|(l, r)| ((*l).clone(), (*r).clone())) {
                let mut key = |col: &Col| if self.r.random_bool(0.15) { filled(self.r, col) } else { Sql::from(&col.name) };
                let (left, right) = (key(&l), key(&r));
                on.push(sql![left, " = ", right]);
            }
        }
        if on.is_empty() {
            on.push("TRUE".into());
        }
        on
    }

    /// Generates IN, EXISTS and scalar subqueries.
    fn subquery(&mut self, depth: u32) -> Query {
        let (left, right) = (self.relation(depth), self.relation(depth.saturating_sub(1)));
        let (from, _, cols) = self.aliased(&left);
        let (inner, _, others) = self.aliased(&right);
        let filter = self.filter(&others, 0.5);
        let on = self.equalities(&cols, &others);
        let on = Sql::List(on, " AND ");
        let pair = cols
            .iter()
            .flat_map(|l| others.iter().filter(move |r| r.ty == l.ty && l.ty != Type::Inexact).map(move |r| (l.clone(), r.clone())));
        let pairs: Vec<(Col, Col)> = pair.collect();
        let pair = pairs.choose(self.r).cloned();
        let not = if self.chance(0.4) { "NOT " } else { "" };
        let predicate = match (self.r.random_range(0..5), pair) {
            (0 | 1, Some((l, r))) => sql![&l.name, format!(" {not}IN (SELECT {} FROM ", r.name), inner, filter, ")"],
            (2, Some((l, r))) if l.ty != Type::Bool => {
                let name = ["MAX", "MIN"].choose(self.r).copied().unwrap();
                let sign = ["<", "=", ">="].choose(self.r).copied().unwrap();
                sql![&l.name, format!(" {sign} (SELECT {name}({}) FROM ", r.name), inner, filter, ")"]
            }
            (3, Some((l, r))) if l.ty != Type::Bool => {
                sql![&l.name, format!(" = (SELECT MAX({}) FROM ", r.name), inner, " WHERE ", on, ")"]
            }
            _ => sql![format!("{not}EXISTS (SELECT 1 FROM "), inner, " WHERE ", on, ")"],
        };
        let (items, out) = self.items(&cols);
        let sql = sql!["SELECT ", Sql::List(items, ", "), " FROM ", from, sql![" WHERE ", predicate].maybe()];
        Query { sql, cols: out, time: None, window: None, append: false }
    }

    fn over(&mut self, depth: u32) -> Query {
        let input = self.relation(depth);
        let (from, _, cols) = self.aliased(&input);
        let (mut items, mut out) = self.items(&cols);
        for _ in 0..self.r.random_range(1..3) {
            let (call, ty) = self.window_function(&cols);
            let name = self.fresh('c');
            items.push(sql![call, format!(" AS {name}")]);
            out.push(Col { name, ty });
        }
        let sql = sql!["SELECT ", Sql::List(items, ", "), " FROM ", from];
        Query { sql, cols: out, time: None, window: None, append: false }
    }

    fn window_function(&mut self, cols: &[Col]) -> (Sql, Type) {
        let usable = of(cols, &Type::KEYS);
        let Some(order) = usable.choose(self.r).cloned() else { return (sql!["COUNT(*) OVER ()"], Type::Int) };
        let by = self.partition(cols);
        let way = WAYS.choose(self.r).copied().unwrap();
        let ordered = sql!["OVER (", &by, format!(" ORDER BY {}{way})", order.name)];
        let col = usable.choose(self.r).cloned().unwrap();
        let numbers = of(cols, &[Type::Int, Type::Decimal, Type::Float]);
        let number = numbers.choose(self.r).cloned();
        match (self.r.random_range(0..9), number) {
            (0, _) => (sql!["ROW_NUMBER() ", ordered], Type::Int),
            (1, _) => (sql![["RANK() ", "DENSE_RANK() "].choose(self.r).copied().unwrap(), ordered], Type::Int),
            (2, _) => (sql![format!("LAG({}) ", col.name), ordered], col.ty),
            (3, _) => (sql![format!("LEAD({}, 2) ", col.name), ordered], col.ty),
            (4, _) => (sql![["FIRST_VALUE(", "LAST_VALUE("].choose(self.r).copied().unwrap(), &col.name, ") ", ordered], col.ty),
            (5, Some(n)) => (sql![format!("SUM({}) ", n.name), ordered], n.ty),
            (6, Some(n)) => (sql![format!("SUM({}) OVER (", n.name), by, ")"], n.ty),
            (7, _) => {
                let frame = format!(" ORDER BY {}{way} ROWS BETWEEN {} PRECEDING AND CURRENT ROW)", order.name, self.r.random_range(1..4));
                (sql!["COUNT(", &col.name, ") OVER (", by, frame], Type::Int)
            }
            _ => (sql!["COUNT(*) OVER (", by, ")"], Type::Int),
        }
    }

    pub(super) fn partition(&mut self, cols: &[Col]) -> Sql {
        let usable = of(cols, &Type::KEYS);
        let count = self.r.random_range(0..3);
        let names: Vec<Sql> = (0..count).filter_map(|_| usable.choose(self.r)).map(|c| Sql::from(&c.name)).collect();
        if names.is_empty() { "".into() } else { sql!["PARTITION BY ", Sql::List(names, ", ")].maybe() }
    }

    fn top(&mut self, depth: u32) -> Query {
        let input = self.relation(depth);
        self.ranked(&input, None)
    }

    /// Generates the first rows of each partition, whose keys begin with those of a window.
    pub(super) fn ranked(&mut self, input: &Relation, window: Option<&(String, String)>) -> Query {
        let (from, alias, cols) = self.aliased(input);
        let usable = of(&cols, &Type::KEYS);
        let order = usable.choose(self.r).map_or("1".into(), |c| c.name.clone());
        let way = WAYS.choose(self.r).copied().unwrap();
        let by = match window {
            Some((start, end)) => {
                let rest = usable.choose(self.r).filter(|_| self.r.random_bool(0.5)).map(|c| format!(", {}", c.name)).unwrap_or_default();
                sql![format!("PARTITION BY {alias}.{start}, {alias}.{end}"), Sql::from(rest).maybe()]
            }
            None => self.partition(&cols),
        };
        let name = ["ROW_NUMBER", "ROW_NUMBER", "RANK"].choose(self.r).copied().unwrap();
        let function = if window.is_some() { "ROW_NUMBER" } else { name };
        let rank = self.fresh('c');
        let outer = self.fresh('r');
        let mut out: Vec<Col> = input.query.cols.clone();
        out.push(Col { name: rank.clone(), ty: Type::Int });
        let items: Vec<Sql> =
            out.iter().filter(|c| c.name == "id" || c.name == rank || self.r.random_bool(0.7)).map(|c| Sql::from(&c.name)).collect();
        let out = out.into_iter().filter(|c| items.iter().any(|i| i.to_string() == c.name)).collect();
        let n = self.r.random_range(1..4);
        let sql = sql![
            "SELECT ",
            list(items),
            format!(" FROM (SELECT {alias}.*, {function}() OVER ("),
            by,
            format!(" ORDER BY {order}{way}) AS {rank} FROM "),
            from,
            format!(") AS {outer}"),
            sql![format!(" WHERE {outer}.{rank} <= {n}")].maybe()
        ];
        Query { sql, cols: out, time: None, window: None, append: window.is_some() && input.query.append }
    }

    fn limited(&mut self, depth: u32) -> Query {
        let input = self.relation(depth);
        let (from, _, cols) = self.aliased(&input);
        let usable = of(&cols, &Type::KEYS);
        // Ordering by the last digits of a float sum would be ambiguous.
        let (items, out) = self.items(&usable);
        let Some(order) = usable.choose(self.r).cloned() else { return self.projection(depth) };
        let way = WAYS.choose(self.r).copied().unwrap();
        let offset = if self.chance(0.2) { sql![" OFFSET 2"].maybe() } else { "".into() };
        let filter = self.filter(&usable, 0.2);
        let limit = format!(" ORDER BY {}{way} LIMIT {}", order.name, self.r.random_range(1..6));
        let sql = sql!["SELECT ", Sql::List(items, ", "), " FROM ", from, filter, sql![limit, offset].maybe()];
        Query { sql, cols: out, time: None, window: None, append: false }
    }

    /// Generates a common table expression that is used twice.
    fn common(&mut self, depth: u32) -> Query {
        let shared = self.query(depth.saturating_sub(1));
        let name = self.fresh('w');
        let as_relation = Relation { sql: Sql::from(&name), query: shared.clone() };
        let (a, _, mut cols) = self.aliased(&as_relation);
        let (b, _, others) = self.aliased(&as_relation);
        let on = Sql::List(self.equalities(&cols, &others), " AND ");
        cols.extend(others);
        let (items, out) = self.items(&cols);
        let sql = sql![format!("WITH {name} AS ("), &shared.sql, ") SELECT ", Sql::List(items, ", "), " FROM ", a, " JOIN ", b, " ON ", on];
        Query { sql: sql.or(&shared.sql), cols: out, time: None, window: None, append: false }
    }
}

/// Returns a list without optional items.
pub(super) fn list(items: Vec<Sql>) -> Sql {
    let mut all = Vec::new();
    for (i, item) in items.into_iter().enumerate() {
        all.push(Sql::from(if i == 0 { "" } else { ", " }));
        all.push(item);
    }
    Sql::Seq(all)
}
