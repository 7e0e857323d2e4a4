//! The queries, and what Flink needs for them.

use std::path::PathBuf;

/// One of the queries.
#[derive(Debug)]
pub struct Query {
    /// `q0`: its file is `queries/q0.sql`, its sink `nexmark_q0`.
    pub name: &'static str,
    /// What comes out of it.
    pub answer: Answer,
    /// Flink 2.1 at parallelism 1 on the same machine (README.md).
    pub flink: Flink,
}

/// How rows come out, which decides how an answer can be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Rows are final.
    Append,
    /// Rows change.
    Updating,
    /// Rows depend on when they were processed.
    Clock,
}

/// What a run of Flink costs, start-up taken off.
#[derive(Debug, Clone, Copy)]
pub struct Flink {
    /// CPU-seconds per million events.
    pub cpu: f64,
    /// Thousand events a second.
    pub rate: u32,
    /// Peak memory in GB.
    pub gigabytes: f64,
}

const fn query(name: &'static str, answer: Answer, cpu: f64, rate: u32, gigabytes: f64) -> Query {
    Query { name, answer, flink: Flink { cpu, rate, gigabytes } }
}

/// All of them but q6, which Flink cannot run, and q10 and q13, which need files.
pub const QUERIES: [Query; 20] = [
    query("q0", Answer::Append, 3.3, 441, 1.0),
    query("q1", Answer::Append, 3.1, 469, 1.1),
    query("q2", Answer::Append, 2.6, 512, 1.1),
    query("q3", Answer::Append, 3.3, 471, 1.4),
    query("q4", Answer::Updating, 8.5, 199, 3.2),
    query("q5", Answer::Append, 4.6, 370, 1.3),
    query("q7", Answer::Append, 17.2, 104, 3.5),
    query("q8", Answer::Append, 3.4, 464, 1.2),
    query("q9", Answer::Updating, 14.0, 119, 3.4),
    query("q11", Answer::Append, 4.7, 362, 1.4),
    query("q12", Answer::Clock, 4.4, 389, 1.1),
    query("q14", Answer::Append, 3.1, 480, 1.1),
    query("q15", Answer::Updating, 4.0, 366, 1.1),
    query("q16", Answer::Updating, 9.4, 170, 2.8),
    query("q17", Answer::Updating, 4.6, 329, 1.8),
    query("q18", Answer::Updating, 6.5, 229, 2.4),
    query("q19", Answer::Updating, 7.8, 220, 3.4),
    query("q20", Answer::Append, 10.1, 153, 3.4),
    query("q21", Answer::Append, 4.5, 290, 1.0),
    query("q22", Answer::Append, 3.3, 422, 1.0),
];

/// A file of the queries' folder.
pub fn file(name: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/benches/nexmark/queries")).join(format!("{name}.sql"))
}

/// A query's text: the declarations, and the SELECT.
pub fn text(name: &str) -> (String, String) {
    let text = std::fs::read_to_string(file(name)).unwrap();
    let (declarations, select) = text.split_once(&format!("INSERT INTO nexmark_{name}\n")).unwrap();
    (declarations.to_string(), select.trim().trim_end_matches(';').to_string())
}
