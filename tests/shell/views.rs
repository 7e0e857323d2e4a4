//! Materialized views across several commands: read from another process, dropped.

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

    // The job that kept the view may start afresh with another view of that name.
    home.run(&["run", "view.sql", "--name", "keeps"]).ok();
    home.run(&["run", "view2.sql", "--name", "keeps"]).ok().says(&["removed"]);
    assert_eq!(ask().ok().out, "s\n4\n");

    // Each statement is executed separately, as in psql.
    home.run(&["-c", "DROP MATERIALIZED VIEW m; SELECT nope"]).exits(1).says(&["job keeps and the content of `m` are removed", "nope"]);
    ask().exits(1);
}

#[test]
fn a_run_leaves_out_views_that_it_drops_and_refuses_to_change_what_an_insert_above_uses() {
    let home = Home::new();
    let sink = "CREATE TABLE o (id BIGINT) WITH ('connector' = 'blackhole');\n";
    let run = |text: &str| {
        home.file("a.sql", &format!("{SEQUENCE}{sink}{text}"));
        home.run(&["run", "a.sql", "--name", "j"])
    };
    let drop = "DROP MATERIALIZED VIEW m;\n";

    run(&format!("{VIEW}{drop}")).ok().says(&["nothing to run"]);
    assert!(!home.path().join(".millstream/jobs").exists(), "no job has begun");
    run(&format!("{VIEW}{drop}INSERT INTO o SELECT id FROM g;")).ok().says(&["1 INSERT"]);
    assert!(!home.path().join(".millstream/jobs/_views").exists(), "no view is kept");

    // The last declaration counts, once.
    let other = VIEW.replace("SUM(id)", "MAX(id)");
    let replaced = other.replace("CREATE", "CREATE OR REPLACE");
    for (name, text) in
        [("dropped", format!("{VIEW}{drop}{other}")), ("replaced", format!("{VIEW}{replaced}")), ("same", format!("{other}{other}"))]
    {
        let home = Home::new();
        home.file("a.sql", &format!("{SEQUENCE}{text}"));
        home.run(&["run", "a.sql"]).ok().says(&["1 INSERT"]);
        assert_eq!(home.run(&["query", "SELECT s FROM m"]).ok().out, "s\n4\n", "{name}");
    }

    let view = "CREATE VIEW v AS SELECT id FROM g;\n";
    for (text, says) in [
        (format!("{VIEW}INSERT INTO o SELECT s FROM m;\n{drop}"), "the INSERT in line 5 uses `m`"),
        (format!("{VIEW}INSERT INTO o SELECT s FROM m;\n{replaced}"), "the INSERT in line 5 uses `m`"),
        (format!("{view}INSERT INTO o SELECT id FROM v;\nDROP VIEW v;"), "the INSERT in line 5 uses `v`"),
        (
            format!("{view}INSERT INTO o SELECT id FROM v;\n{}", SEQUENCE.replace("CREATE", "CREATE OR REPLACE").replace('4', "5")),
            "uses `g`",
        ),
        ("INSERT INTO o SELECT id FROM g;\nDROP TABLE o;".to_string(), "the INSERT in line 4 uses `o`"),
        ("INSERT INTO o SELECT id FROM g;\nALTER TABLE o RENAME TO p;".to_string(), "the INSERT in line 4 uses `o`"),
        (
            format!("INSERT INTO o SELECT id FROM g;\nCREATE DATABASE d;\n{}USE d;", sink.replace(" o ", " d.o ")),
            "write there in which database",
        ),
    ] {
        run(&text).exits(1).says(&[says]);
        home.run(&["check", "a.sql"]).exits(1).says(&[says]);
    }
    home.file(
        "a.sql",
        &format!("{SEQUENCE}{sink}{view}INSERT INTO o SELECT id FROM v;\n{view}{SEQUENCE}SET 'checkpoint.interval' = '1s';"),
    );
    home.run(&["run", "a.sql", "--name", "unchanged"]).ok();
}
