use std::sync::Arc;

use crate::catalog::{Catalog, Overrides};
use crate::connectors::Connectors;
use crate::sql::ast::{Source, Statement};
use crate::sql::parse;
use crate::state::local::LocalStore;

use super::*;
use crate::workspace::Outcome;

/// Carries out statements; what they answer, as text.
async fn run(connection: &Connection, script: &str) -> Result<String> {
    let mut said = Vec::new();
    for parsed in parse(&Source::new("<sql>", script))? {
        for outcome in connection.execute(&parsed).await? {
            match outcome {
                Outcome::Rows(_, rows) => said.push(arrow::util::pretty::pretty_format_batches(&[rows])?.to_string()),
                Outcome::Query(query) => {
                    let (_, rows) = connection.session(Mode::Batch)?.run(&query).await?;
                    let rows: Vec<_> = futures::TryStreamExt::try_collect(rows).await?;
                    said.push(arrow::util::pretty::pretty_format_batches(&rows)?.to_string());
                }
                Outcome::Job(part) => {
                    assert!(matches!(part.statement, Statement::Insert(_)));
                    said.push(connection.start_job(&[*part]).await?.name().to_string());
                }
                Outcome::InsertNow(insert) => drop(connection.insert_now(&insert).await?),
                _ => {}
            }
        }
    }
    Ok(said.join("\n"))
}

#[tokio::test]
async fn connections_share_tables_and_jobs_and_keep_settings_apart() {
    let folder = tempfile::tempdir().unwrap();
    let workspace = Workspace::new(Catalog::in_memory(), Connectors::embedded(Arc::default()), Overrides::default());
    let workspace = Arc::new(workspace.with_checkpoints(Arc::new(LocalStore::new(folder.path())), false));
    let (one, two) = (workspace.connect(), workspace.connect());
    let tables = "CREATE TABLE source (a INT) WITH ('connector' = 'datagen', 'number-of-rows' = '3', 'fields.a.kind' = 'sequence',
            'fields.a.start' = '1', 'fields.a.end' = '3');
        CREATE TABLE sink (a INT) WITH ('connector' = 'blackhole');
        CREATE DATABASE d; USE d; SET 'pipeline.name' = 'copy'; SET 'number-of-rows' = '1';
        CREATE TEMPORARY VIEW twice AS SELECT a * 2 AS b FROM default_database.source;";
    run(&one, tables).await.unwrap();
    assert!(run(&one, "SELECT SUM(b) AS s FROM twice").await.unwrap().contains("| 12 |"));
    assert!(run(&two, "SELECT SUM(a) AS s FROM source").await.unwrap().contains("| 6 |"), "the other one's database is not this one's");
    assert!(run(&two, "SELECT * FROM twice").await.unwrap_err().message().contains("twice"));
    assert!(run(&two, "SHOW TABLES").await.unwrap().contains("source"));
    assert!(!run(&two, "SET").await.unwrap().contains("pipeline.name"));

    assert_eq!(run(&one, "INSERT INTO default_database.sink SELECT a FROM default_database.source").await.unwrap(), "copy");
    let name = run(&two, "INSERT INTO sink SELECT a FROM source").await.unwrap();
    assert_eq!(name, "sink");
    for job in ["copy", "sink"] {
        workspace.jobs.get(job).unwrap().ended().await.unwrap();
        assert!(run(&two, "SHOW JOBS").await.unwrap().contains(job));
    }
    assert!(workspace.sources.has("source"));
    // What one drops is gone for the other; what is temporary goes with its connection.
    run(&two, "DROP TABLE sink").await.unwrap();
    assert!(!workspace.sources.has("source"), "what was open before a declaration changed stays open");
    assert!(run(&one, "DESCRIBE default_database.sink").await.unwrap_err().message().contains("sink"));
    drop(one);
    assert_eq!(run(&workspace.connect(), "SHOW VIEWS").await.unwrap().matches("twice").count(), 0);
}

/// Also by names that options hold, and where both databases have a table of that name.
#[tokio::test]
async fn names_mean_their_database_in_plans_and_jobs() {
    let folder = tempfile::tempdir().unwrap();
    let workspace = Workspace::new(Catalog::in_memory(), Connectors::embedded(Arc::default()), Overrides::default());
    let connection = workspace.with_checkpoints(Arc::new(LocalStore::new(folder.path())), false).into_connection();
    let datagen = |rows: u32| format!("('connector' = 'datagen', 'number-of-rows' = '{rows}')");
    let script = format!(
        "CREATE TABLE t (a INT) WITH {}; CREATE TABLE only_here (a INT) WITH {};
         CREATE TABLE bad (`table` STRING, error STRING) WITH ('connector' = 'blackhole');
         CREATE TABLE k (a INT) WITH ('connector' = 'kafka', 'topic' = 'k', 'format' = 'json', 'scan.bounded.mode' = 'latest-offset',
             'scan.startup.mode' = 'earliest-offset', 'dead-letter.table' = 'bad');
         CREATE VIEW v AS SELECT a FROM t;
         CREATE DATABASE d; USE d;
         CREATE TABLE t (a INT) WITH {}; CREATE TABLE sink (a INT) WITH ('connector' = 'blackhole');
         INSERT INTO default_database.k VALUES (1);",
        datagen(2),
        datagen(3),
        datagen(5)
    );
    run(&connection, &script).await.unwrap();
    for (table, rows) in [("t", 5), ("d.t", 5), ("default_database.t", 2), ("default_database.v", 2), ("default_database.only_here", 3)] {
        let answer = run(&connection, &format!("SELECT COUNT(*) AS n FROM {table}")).await.unwrap();
        assert!(answer.contains(&format!("| {rows} |")), "{table}: {answer}");
        let script = format!("SET 'pipeline.name' = 'of_{table}'; INSERT INTO sink SELECT a FROM {table}");
        let job = run(&connection, &script).await.unwrap();
        let job = connection.workspace().jobs.get(&job).unwrap();
        job.ended().await.unwrap();
        assert_eq!(job.status().rows, rows, "{table}");
    }
    let hinted = "SELECT COUNT(*) AS n FROM default_database.t /*+ OPTIONS('number-of-rows' = '7') */";
    assert!(run(&connection, hinted).await.unwrap().contains("| 7 |"));
    assert!(run(&connection, "SELECT * FROM only_here").await.unwrap_err().message().contains("only_here"));
    let script = "SET 'pipeline.name' = 'of_k'; INSERT INTO sink SELECT a FROM default_database.k";
    let job = run(&connection, script).await.unwrap();
    connection.workspace().jobs.get(&job).unwrap().ended().await.unwrap();
}

/// A table's options are part of what it is opened from.
#[tokio::test]
async fn options_of_a_connection_open_another_source() {
    let workspace = Arc::new(Workspace::new(Catalog::in_memory(), Connectors::embedded(Arc::default()), Overrides::default()));
    let (one, two) = (workspace.connect(), workspace.connect());
    run(&one, "CREATE TABLE s (a INT) WITH ('connector' = 'datagen'); SET 'number-of-rows' = '2'").await.unwrap();
    run(&two, "SET 'number-of-rows' = '5'").await.unwrap();
    for _ in 0..2 {
        assert!(run(&one, "SELECT COUNT(*) AS n FROM s").await.unwrap().contains("| 2 |"));
        assert!(run(&two, "SELECT COUNT(*) AS n FROM s").await.unwrap().contains("| 5 |"));
    }
}
