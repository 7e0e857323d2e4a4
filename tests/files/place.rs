//! A folder with files, and SQL scripts that read them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::prelude::SessionContext;
use futures::TryStreamExt;
use millstream::catalog::{Catalog, Overrides};
use millstream::common::Error;
use millstream::connectors::Connectors;
use millstream::connectors::kafka::EmbeddedBroker;
use millstream::planner::Mode;
use millstream::sql::ast::{Source, Statement};
use millstream::sql::parse;
use millstream::workspace::{Connection, Outcome, Workspace};
use tempfile::TempDir;

/// A temporary folder.
pub struct Place(TempDir);

/// The output of a script.
#[derive(Debug, Default)]
pub struct Said {
    /// Lines of declarations and of EXPLAIN.
    pub lines: Vec<String>,
    /// The rows of all its queries, sorted per query, values separated by `|`.
    pub rows: Vec<String>,
}

impl Place {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes a file, and creates its folders.
    pub fn file(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    /// Writes a query's rows with DataFusion, in the format of the file's extension.
    pub async fn copy(&self, query: &str, name: &str, options: &str) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let sql = format!("COPY ({query}) TO '{}' {options}", path.display());
        SessionContext::new().sql(&sql).await.unwrap().collect().await.unwrap();
    }

    /// Runs a script, with `DIR` replaced by this folder.
    pub async fn run(&self, sql: &str) -> Result<Said, Error> {
        run(&sql.replace("DIR", &self.0.path().to_string_lossy()), &[]).await
    }

    /// Returns the rows of its queries.
    #[track_caller]
    pub fn rows(&self, sql: &str) -> impl Future<Output = Vec<String>> {
        let at = std::panic::Location::caller();
        async move { self.run(sql).await.unwrap_or_else(|e| panic!("{at}: {sql}\n{e}")).rows }
    }

    /// Returns the error of a script.
    pub async fn error(&self, sql: &str) -> Error {
        match self.run(sql).await {
            Ok(said) => panic!("{sql} answers {said:?}"),
            Err(e) => e,
        }
    }
}

/// Compresses a file with a system program, which adds its extension.
pub fn compress(path: &Path, program: &str) {
    assert!(std::process::Command::new(program).args(["-q", "-f"]).arg(path).status().unwrap().success());
}

pub fn connection(options: &[&str]) -> Connection {
    let connectors = Connectors::embedded(Arc::new(EmbeddedBroker::new()));
    Workspace::new(Catalog::in_memory(), connectors, Overrides::parse(options).unwrap()).into_connection()
}

/// Returns the newest rows of a table that a script declares, the newest last.
pub async fn peek(sql: &str, table: &str, rows: usize) -> Result<Vec<String>, Error> {
    let connection = connection(&[]);
    for parsed in parse(&Source::new("<sql>", sql))? {
        connection.execute(&parsed).await?;
    }
    Ok(show(&connection.peek(table, rows).await?.1))
}

/// Runs a script: declarations, queries and EXPLAIN.
pub async fn run(sql: &str, options: &[&str]) -> Result<Said, Error> {
    run_in(&connection(options), sql).await
}

/// The same in a session that continues.
pub async fn run_in(connection: &Connection, sql: &str) -> Result<Said, Error> {
    let mut said = Said::default();
    for parsed in parse(&Source::new("<sql>", sql))? {
        for outcome in connection.execute(&parsed).await? {
            match outcome {
                Outcome::Ack(line) => said.lines.extend(line),
                Outcome::Text(text) => said.lines.push(text),
                Outcome::Forget(keeper) => panic!("{keeper:?}"),
                Outcome::Stop(name) | Outcome::AnalyzeJob(name) => panic!("no job {name} was started"),
                Outcome::Query(query) => {
                    let (_, rows) = connection.session(Mode::Batch)?.run(&query).await?;
                    let rows: Vec<RecordBatch> = rows.try_collect().await?;
                    let mut rows: Vec<String> = rows.iter().flat_map(show).collect();
                    rows.sort();
                    said.rows.extend(rows);
                }
                Outcome::Copy(copy) => said.lines.push(format!("{} rows", connection.copy(&copy).await?)),
                Outcome::InsertNow(insert) => said.lines.push(format!("{} rows", connection.insert_now(&insert).await?)),
                // Reads of files end.
                Outcome::Job(part) => match &part.statement {
                    Statement::Insert(insert) => said.lines.push(format!("{} rows", connection.insert_now(insert).await?)),
                    other => panic!("{other:?}"),
                },
                Outcome::Rows(_, rows) => panic!("{rows:?}"),
            }
        }
    }
    Ok(said)
}

fn show(batch: &RecordBatch) -> Vec<String> {
    let options = FormatOptions::default().with_null("NULL");
    let columns: Vec<_> = batch.columns().iter().map(|c| ArrayFormatter::try_new(c, &options).unwrap()).collect();
    (0..batch.num_rows()).map(|i| columns.iter().map(|c| c.value(i).to_string()).collect::<Vec<_>>().join("|")).collect()
}
