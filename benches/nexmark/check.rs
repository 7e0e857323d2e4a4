//! Whether a continuous answer is the batch answer.
//!
//! ```text
//!               ┌─ run, at most 1/16 of the events an epoch ─▶ topic or materialized view ─ SELECT * ─┐
//!   topic ──────┤                                                                                     ├─▶ the same bag of rows?
//!               └─ query, once ─────────────────────────────────────────────▶ topic or rows ──────────┘
//! ```
//! Rows that are final go to a topic, in both ways, so that both have the sink's types. Rows that change are kept as a materialized
//! view. What depends on the clock has no batch answer: there the counts have to add up.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use super::child::{Ended, millstream};
use super::queries::{self, Answer, Query};
use super::topic::Topic;

/// So many full epochs: with some that come out short there are at most 20.
const EPOCHS: u64 = 16;

/// What is needed to run something.
pub struct Checker<'a> {
    /// The broker.
    pub kafka: &'a str,
    /// The input.
    pub topic: &'a Topic,
    /// The most that one process may take.
    pub limit: Duration,
}

/// What came of a query.
pub enum Outcome {
    /// The answers are the same; a line about them.
    Same(String),
    /// They are not; lines that show where.
    Differs(String),
    /// It does not run: the error's first line.
    Refused(String),
}

type Rows = Vec<String>;

impl Checker<'_> {
    /// Runs a query in both ways.
    pub fn check(&self, query: &Query) -> Outcome {
        let folder = tempfile::tempdir().unwrap();
        let answers = match query.answer {
            Answer::Append => self.topics(query, folder.path()),
            Answer::Updating => self.view(query, folder.path()),
            Answer::Clock => self.totals(query, folder.path()),
        };
        match answers {
            Err(refused) => Outcome::Refused(refused),
            Ok((commits, live, batch)) if live.is_empty() || batch.is_empty() => {
                Outcome::Differs(format!("{} rows at commit {commits}, {} in batch: that shows nothing", live.len(), batch.len()))
            }
            Ok((commits, live, batch)) => match difference(&live, &batch) {
                None => Outcome::Same(format!("{} rows at commit {commits}", live.len())),
                Some(lines) => Outcome::Differs(format!("{} rows at commit {commits}, {} in batch\n{lines}", live.len(), batch.len())),
            },
        }
    }

    /// Both ways into topics of their own.
    fn topics(&self, query: &Query, folder: &Path) -> Result<(String, Rows, Rows), String> {
        let (_, select) = queries::text(query.name);
        let all = format!("SELECT * FROM nexmark_{}", query.name);
        let live = self.with_topic(query, folder, "continuous");
        let commits = self.run(folder, &format!("{live}\nINSERT INTO nexmark_{}\n{select};", query.name))?;
        let live = self.query(folder, &live, &all)?;
        let batch = self.with_topic(query, folder, "batch");
        self.query(folder, &batch, &format!("INSERT INTO nexmark_{}\n{select}", query.name))?;
        Ok((commits, live, self.query(folder, &batch, &all)?))
    }

    /// A materialized view, and the SELECT that it is made of.
    fn view(&self, query: &Query, folder: &Path) -> Result<(String, Rows, Rows), String> {
        let (declarations, select) = queries::text(query.name);
        let view = format!("nexmark_{}_view", query.name);
        let commits = self.run(folder, &format!("{declarations}\nCREATE MATERIALIZED VIEW {view} AS\n{select};"))?;
        Ok((commits, self.query(folder, "", &format!("SELECT * FROM {view}"))?, self.query(folder, &declarations, &select)?))
    }

    /// All counts together, and the number of bids.
    fn totals(&self, query: &Query, folder: &Path) -> Result<(String, Rows, Rows), String> {
        let (_, select) = queries::text(query.name);
        let live = self.with_topic(query, folder, "continuous");
        let commits = self.run(folder, &format!("{live}\nINSERT INTO nexmark_{}\n{select};", query.name))?;
        let counted = self.query(folder, &live, &format!("SELECT SUM(bid_count) FROM nexmark_{}", query.name))?;
        Ok((commits, counted, self.query(folder, &live, "SELECT COUNT(*) FROM bid")?))
    }

    /// The declarations, with a new topic for a sink.
    fn with_topic(&self, query: &Query, folder: &Path, way: &str) -> String {
        let unique = folder.file_name().unwrap_or_default().to_string_lossy().replace('.', "");
        let sink = format!(
            "'connector' = 'kafka', 'topic' = 'nexmark-check-{}-{way}-{unique}', 'properties.bootstrap.servers' = '{}', \
             'scan.startup.mode' = 'earliest-offset', 'format' = 'json'",
            query.name, self.kafka
        );
        queries::text(query.name).0.replace("'connector' = 'blackhole'", &sink)
    }

    /// Runs a script to the end of the input; the number of the last commit.
    fn run(&self, folder: &Path, script: &str) -> Result<String, String> {
        let rows = self.topic.events.div_ceil(EPOCHS);
        let options = [format!("max.rows.per.epoch={rows}"), "checkpoint.interval=0".into(), "scan.bounded.mode=latest-offset".into()];
        let mut args = self.args("run", folder, script);
        args.extend(["--name".into(), "check".into(), "--fresh".into(), "--yes".into()]);
        args.extend(options.into_iter().flat_map(|option| ["--option".into(), option]));
        let ended = self.ok(folder, &args)?;
        let commit = ended.err.lines().rev().find_map(|line| line.rsplit_once(" finished at commit "));
        Ok(commit.map_or_else(|| "?".to_string(), |(_, n)| n.to_string()))
    }

    /// The rows of a query, without their header.
    fn query(&self, folder: &Path, declarations: &str, sql: &str) -> Result<Rows, String> {
        let mut args = self.args("query", folder, declarations);
        args.extend(["--format".into(), "csv".into(), sql.into()]);
        Ok(self.ok(folder, &args)?.out.lines().skip(1).map(ToString::to_string).collect())
    }

    /// A subcommand over the tables and a script.
    fn args(&self, subcommand: &str, folder: &Path, script: &str) -> Vec<String> {
        let path = folder.join("script.sql");
        std::fs::write(&path, script).unwrap();
        let files = [queries::file("tables"), path].map(|file| file.display().to_string());
        let mut args = vec![subcommand.to_string()];
        args.extend(files.into_iter().flat_map(|file| if subcommand == "query" { vec!["-f".into(), file] } else { vec![file] }));
        let options = [format!("datagen.topic={}", self.topic.name), format!("datagen.properties.bootstrap.servers={}", self.kafka)];
        args.extend(options.into_iter().flat_map(|option| ["--option".into(), option]));
        args
    }

    fn ok(&self, folder: &Path, args: &[String]) -> Result<Ended, String> {
        let ended = millstream(folder, args, self.limit);
        if ended.ok { Ok(ended) } else { Err(format!("{}: {}", args[0], ended.complaint())) }
    }
}

/// The first rows that one bag has and the other has not.
fn difference(live: &Rows, batch: &Rows) -> Option<String> {
    let mut rows: BTreeMap<&String, i64> = BTreeMap::new();
    live.iter().for_each(|row| *rows.entry(row).or_default() += 1);
    batch.iter().for_each(|row| *rows.entry(row).or_default() -= 1);
    rows.retain(|_, count| *count != 0);
    let line = |(row, count): (&&String, &i64)| format!("  {} {row}", if *count > 0 { "too much:" } else { "missing: " });
    let lines: Vec<String> = rows.iter().take(6).map(line).collect();
    (!lines.is_empty()).then(|| format!("{}\n  {} rows in all", lines.join("\n"), rows.len()))
}
