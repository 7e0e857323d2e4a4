//! Generates random cases: tables, rows, queries, and one run of the job each. The same seed gives the same case.

pub mod data;
pub mod expr;
pub mod over;
pub mod query;
pub mod shrink;
pub mod sql;
pub mod windows;

use std::fmt::Write as _;

use millstream::common::faults::CrashPoint;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::case::{Case, Plan};
use super::harness::Stop;
use data::{Manner, Table};
use expr::{Col, Type};
use query::{Query, Relation, Writer};
use sql::Sql;

/// A statement after the tables.
#[derive(Debug, Clone)]
pub enum Statement {
    /// CREATE VIEW, for other statements.
    View(String, Sql),
    /// CREATE MATERIALIZED VIEW, perhaps with EMIT CHANGES.
    Kept(String, Sql, Sql),
    /// INSERT INTO a topic of these columns.
    Insert(String, Vec<Col>, Sql),
}

/// A case and its run, in parts that the shrinker can remove.
#[derive(Debug, Clone)]
pub struct Spec {
    pub seed: u64,
    pub tables: Vec<Table>,
    pub statements: Vec<Statement>,
    pub plan: Plan,
}

impl Spec {
    pub fn random(seed: u64) -> Self {
        let r = &mut StdRng::seed_from_u64(seed);
        let manner = Manner { late: r.random_bool(0.12), partitions: if r.random_bool(0.5) { 1 } else { 2 }, old: r.random_bool(0.2) };
        // Late rows must come in one fixed order.
        let manner = Manner { partitions: if manner.late { 1 } else { manner.partitions }, ..manner };
        let tables: Vec<Table> = (0..if manner.late { 1 } else { r.random_range(1..3) }).map(|n| Table::random(r, n, manner)).collect();
        let mut named: Vec<Relation> = tables.iter().map(relation).collect();
        let (mut statements, mut next) = (Vec::new(), 0);
        let outputs = r.random_range(2..5);
        for i in 0..outputs {
            let depth = r.random_range(0..4);
            let mut writer = Writer { r: &mut *r, named: &named, tables: tables.len(), next: &mut next };
            let query = if manner.late { writer.late() } else { writer.query(depth) };
            let statement = match r.random_range(0..8) {
                0 | 1 if !manner.late && i + 1 < outputs => {
                    let name = format!("view{i}");
                    named.push(Relation { sql: Sql::from(&name), query: query.clone() });
                    Statement::View(name, query.sql)
                }
                // Rows that are late for only some of their windows can be excluded only from views.
                2 if query.append && !manner.late && query.cols.iter().all(|c| c.ty != Type::Inexact) => {
                    Statement::Insert(format!("out{i}"), query.cols, query.sql)
                }
                3 => Statement::Kept(format!("mv{i}"), query.sql, Sql::from(" EMIT CHANGES").maybe()),
                _ => Statement::Kept(format!("mv{i}"), query.sql, "".into()),
            };
            statements.push(statement);
        }
        if statements.iter().all(|s| matches!(s, Statement::View(..))) {
            statements.push(Statement::Kept("mv".into(), format!("SELECT * FROM {}", named.last().unwrap().sql).into(), "".into()));
        }
        let rows = tables.iter().map(|t| t.rows.len() as u64).sum();
        let plan = plan(r, rows, manner.late);
        Self { seed, tables, statements, plan }
    }

    /// The case as a file of `tests/oracle/cases`.
    pub fn text(&self) -> String {
        let mut text = format!("-- Generated from seed {}.\n-- run: {}\n", self.seed, self.plan);
        for table in &self.tables {
            writeln!(text, "-- input {}: rows=0", table.name).unwrap();
            for (partition, row) in &table.rows {
                writeln!(text, "-- {} {}/{partition}: {row}", table.directive(), table.name).unwrap();
            }
        }
        for table in &self.tables {
            writeln!(text, "{}", table.ddl()).unwrap();
        }
        for statement in &self.statements {
            match statement {
                Statement::View(name, sql) => writeln!(text, "CREATE VIEW {name} AS {sql};"),
                Statement::Kept(name, sql, emit) => writeln!(text, "CREATE MATERIALIZED VIEW {name} AS {sql}{emit};"),
                Statement::Insert(name, cols, sql) => {
                    let cols: Vec<String> = cols.iter().map(|c| format!("{} {}", c.name, c.ty.ddl())).collect();
                    writeln!(text, "CREATE TABLE {name} ( {} ) WITH {};\nINSERT INTO {name} {sql};", cols.join(", "), data::with(name))
                }
            }
            .unwrap();
        }
        text
    }

    pub fn case(&self) -> Case {
        Case::parse(&format!("seed_{}", self.seed), &self.text())
    }

    /// Returns the case with only some of the statements that have an output.
    pub fn only(&self, keep: impl Fn(&Statement) -> bool) -> Self {
        let statements = self.statements.iter().filter(|s| matches!(s, Statement::View(..)) || keep(s)).cloned().collect();
        Self { statements, ..self.clone() }
    }
}

fn relation(table: &Table) -> Relation {
    let time = Some("ts".to_string());
    let query = Query { sql: "".into(), cols: table.cols.clone(), time, window: None, append: !table.keyed };
    Relation { sql: Sql::from(&table.name), query }
}

/// Chooses how the input is cut, and where the job is stopped.
fn plan(r: &mut StdRng, rows: u64, late: bool) -> Plan {
    let stopped = r.random_bool(0.4);
    let mean = [1, 2, 4, 10, 1000][r.random_range(0..5)];
    // Where rows can be late, a stop does not change which are only if every row is an epoch.
    let mean = if late && stopped { 1 } else { mean };
    let cuts = (1..=rows).filter(|_| r.random_ratio(1, mean)).collect();
    let stop = |r: &mut StdRng| {
        let most = [3, 10, 30][r.random_range(0..3)];
        let count = r.random_range(1..most);
        let points: Vec<CrashPoint> = CrashPoint::all().collect();
        if r.random_bool(0.15) { Stop::Asked(count) } else { Stop::At(points[r.random_range(0..points.len())], count) }
    };
    let stops = if stopped { (0..r.random_range(1..4)).map(|_| stop(r)).collect() } else { Vec::new() };
    Plan { cuts, interval: [0, 0, 2, 10][r.random_range(0..4)], stops }
}
