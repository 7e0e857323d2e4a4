//! Materialized views over several commands: read from elsewhere, dropped.

use super::cli::Home;

const SEQUENCE: &str = "CREATE TABLE g (id BIGINT) WITH ('connector' = 'datagen', 'number-of-rows' = '4', 'fields.id.kind' = 'sequence',
    'fields.id.start' = '1', 'fields.id.end' = '4');\n";
const VIEW: &str = "CREATE MATERIALIZED VIEW m AS SELECT SUM(id) AS s FROM g;\n";

#[test]
fn views_of_another_folder_are_read_with_checkpoints() {
    let home = Home::new();
    home.file("view.sql", &format!("{SEQUENCE}{VIEW}"));
    home.run(&["run", "view.sql", "--data", "theirs", "--checkpoints", "kept"]).ok();
    let ask = "SELECT s FROM m";
    let ended = home.run(&["query", ask, "-f", "view.sql", "--checkpoints", "kept"]).ok();
    assert_eq!(ended.out, "s\n10\n", "{ended}");
    let ended = home.run(&["--checkpoints", "kept", "--catalog", "theirs/catalog", "-c", ask, "-c", "\\cd theirs", "-c", ask]).ok();
    assert_eq!(ended.out, "s\n10\ns\n10\n", "{ended}");
    home.run(&["query", ask, "--catalog", "theirs/catalog"]).exits(1).says(&["materialized view `m` has no content yet"]);
    home.run(&["--catalog", "theirs/catalog", "-c", ask]).exits(1).says(&["materialized view `m` has no content yet"]);
    // A job of the shell keeps its commits there, too.
    home.run(&["--checkpoints", "kept", "-c", &format!("{SEQUENCE} CREATE MATERIALIZED VIEW more AS SELECT COUNT(*) AS n FROM g")]).ok();
    let ended = home.run(&["query", "SELECT n FROM more", "--checkpoints", "kept"]).ok();
    assert_eq!(ended.out, "n\n4\n", "{ended}");
    assert!(!home.path().join(".millstream/jobs").exists(), "nothing was kept in the data folder");
}

#[test]
fn a_drop_is_carried_out_in_its_place_or_by_a_run_that_is_not_refused() {
    let home = Home::new();
    home.file("view.sql", &format!("{SEQUENCE}{VIEW}"));
    let sink = "CREATE TABLE o (id BIGINT) WITH ('connector' = 'blackhole');\n";
    home.file("refused.sql", &format!("DROP MATERIALIZED VIEW m;\n{sink}INSERT INTO o SELECT nothing FROM g;"));
    home.file("dropping.sql", &format!("DROP MATERIALIZED VIEW m;\n{sink}INSERT INTO o SELECT id FROM g;"));
    home.file("view2.sql", &format!("DROP MATERIALIZED VIEW m;\n{}", VIEW.replace("SUM(id)", "MAX(id)")));
    let ask = || home.run(&["query", "SELECT s FROM m"]);

    home.run(&["run", "view.sql", "--name", "keeps"]).ok();
    home.run(&["run", "refused.sql"]).exits(1).says(&["nothing"]);
    assert_eq!(ask().ok().out, "s\n10\n");
    home.run(&["run", "dropping.sql"]).ok().says(&["job keeps and the content of `m` are removed"]);
    ask().exits(1);
    assert!(!home.path().join(".millstream/jobs/keeps/commits").exists());

    // The job that kept it may begin anew with another view of the name.
    home.run(&["run", "view.sql", "--name", "keeps"]).ok();
    home.run(&["run", "view2.sql", "--name", "keeps"]).ok().says(&["removed"]);
    assert_eq!(ask().ok().out, "s\n4\n");

    // Statement by statement, as in psql.
    home.run(&["-c", "DROP MATERIALIZED VIEW m; SELECT nope"]).exits(1).says(&["job keeps and the content of `m` are removed", "nope"]);
    ask().exits(1);
}
