//! Tests of the catalog and its folder.

use std::fs;

use super::*;
use crate::common::Result;
use crate::sql::ast::Statement;
use crate::sql::ast::{Parsed, Source};
use crate::sql::parse;

fn statement(file: &str, text: &str) -> Parsed {
    parse(&Source::new(file, text)).unwrap_or_else(|error| panic!("{error}")).remove(0)
}

fn create(catalog: &mut Catalog, file: &str, text: &str) -> Result<Created> {
    catalog.create(&statement(file, text))
}

fn drop(catalog: &mut Catalog, text: &str) -> Result<bool> {
    let Statement::Drop(drop) = statement("a.sql", text).statement else { panic!("{text}") };
    catalog.drop(&drop)
}

const T1: &str = "CREATE TABLE t (a INT) WITH ('connector' = 'x')";
const T2: &str = "CREATE TABLE t (a INT, b INT) WITH ('connector' = 'x')";

#[test]
fn who_may_create_again() {
    let dir = tempfile::tempdir().unwrap();
    let mut catalog = Catalog::open(dir.path()).unwrap();
    assert_eq!(create(&mut catalog, "./sql/a.sql", T1).unwrap(), Created::New);
    assert_eq!(create(&mut catalog, "sql/b.sql", T1).unwrap(), Created::Kept, "the same declaration");
    assert_eq!(create(&mut catalog, "/home/x/sql/a.sql", T2).unwrap(), Created::Replaced, "the same file");
    let error = create(&mut catalog, "sql/b.sql", T1).unwrap_err();
    assert_eq!(error.message(), "table `t` exists, created by /home/x/sql/a.sql");
    assert_eq!(error.hint_text(), Some("use CREATE OR REPLACE TABLE"));
    assert!(error.place().is_some());
    assert_eq!(create(&mut catalog, "sql/b.sql", &T1.replace("TABLE", "TABLE IF NOT EXISTS")).unwrap(), Created::Kept);
    assert_eq!(create(&mut catalog, "sql/b.sql", &T1.replace("CREATE", "CREATE OR REPLACE")).unwrap(), Created::Replaced);
    assert_eq!(create(&mut catalog, "sql/c.sql", &T1.replace("CREATE", "CREATE OR REPLACE")).unwrap(), Created::Kept);
    let error = create(&mut catalog, "sql/b.sql", "CREATE OR REPLACE VIEW t AS SELECT 1").unwrap_err();
    assert_eq!(error.message(), "`t` exists as a table, created by sql/b.sql");

    let mut typed = Catalog::in_memory();
    create(&mut typed, "<sql>", T1).unwrap();
    assert!(create(&mut typed, "<sql>", T2).is_err(), "what is typed is no file");
}

#[test]
fn declarations_are_files_that_come_back() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("deep/catalog");
    let mut catalog = Catalog::open(&folder).unwrap();
    create(&mut catalog, "sql/a.sql", "-- why\nCREATE OR REPLACE TABLE `a b/c` (a INT) -- d\n;").unwrap();
    create(&mut catalog, "two\nlines.sql", "CREATE VIEW v AS SELECT ';' FROM `a b/c`").unwrap();
    create(&mut catalog, "a.sql", "CREATE TEMPORARY TABLE gone (a INT)").unwrap();
    assert_eq!(catalog.names(), ["a b/c", "gone", "v"]);
    let text = fs::read_to_string(folder.join("a%20b%2Fc.sql")).unwrap();
    assert_eq!(text, "-- created by sql/a.sql\nCREATE OR REPLACE TABLE `a b/c` (a INT);\n");

    let mut again = Catalog::open(&folder).unwrap();
    assert_eq!(again.names(), ["a b/c", "v"]);
    assert!(again.warnings().is_empty());
    assert_eq!(again.get_table("a b/c").unwrap().created_by, "sql/a.sql");
    assert_eq!(again.get("v").unwrap().created_by(), "two lines.sql");
    assert_eq!(create(&mut again, "sql/a.sql", "CREATE TABLE `a b/c` (a INT, b INT)").unwrap(), Created::Replaced);
    assert!(drop(&mut again, "DROP VIEW v").unwrap());
    let last = Catalog::open(&folder).unwrap();
    assert_eq!(last.names(), ["a b/c"]);
    assert_eq!(last.get_table("a b/c").unwrap().definition.columns.len(), 2);
    let left = fs::read_dir(&folder).unwrap().map(|f| f.unwrap().file_name()).filter(|f| f != ".lock");
    assert_eq!(left.collect::<Vec<_>>(), ["a%20b%2Fc.sql"], "nothing temporary stays");
}

#[test]
fn a_broken_file_takes_only_itself_down() {
    let dir = tempfile::tempdir().unwrap();
    create(&mut Catalog::open(dir.path()).unwrap(), "a.sql", T1).unwrap();
    fs::write(dir.path().join("broken.sql"), "-- created by b.sql\nCREATE TABLE broken (\n  a STIRNG);\n").unwrap();
    fs::write(dir.path().join("set.sql"), "SET a = b").unwrap();
    fs::write(dir.path().join("two.sql"), "CREATE VIEW a AS SELECT 1; CREATE VIEW b AS SELECT 1").unwrap();
    fs::write(dir.path().join("bytes.sql"), b"\xff\xfe").unwrap();
    fs::write(dir.path().join(".12-0.tmp"), "CREATE TAB").unwrap();
    fs::write(dir.path().join("readme.txt"), "nothing").unwrap();
    let mut catalog = Catalog::open(dir.path()).unwrap();
    assert_eq!(catalog.names(), ["t"]);
    let warnings = catalog.warnings().join("\n");
    for part in
        ["unknown type `STIRNG`", "broken.sql:3:5", "a catalog holds only CREATE TABLE", "two.sql holds 2", "bytes.sql is not UTF-8"]
    {
        assert!(warnings.contains(part), "{part} is not in {warnings}");
    }
    assert!(catalog.get("broken").unwrap_err().to_string().contains("unknown type `STIRNG`"));
    create(&mut catalog, "b.sql", "CREATE TABLE broken (a STRING)").unwrap();
    assert!(catalog.get_table("BROKEN").is_ok());
    assert_eq!(catalog.warnings().len(), 3);
}

#[test]
fn names_and_kinds() {
    let mut catalog = Catalog::in_memory();
    for text in [T1, "CREATE TABLE Orders (a INT)", "CREATE VIEW V AS SELECT 1"] {
        create(&mut catalog, "a.sql", text).unwrap();
    }
    assert_eq!(catalog.get_table("orders").unwrap().definition.name, "Orders");
    assert_eq!(catalog.get("ORDER").unwrap_err().message(), "no table or view is called `ORDER`");
    assert!(catalog.get("ORDER").unwrap_err().hint_text().unwrap().starts_with("did you mean `Orders`?"));
    assert_eq!(catalog.get_table("v").unwrap_err().message(), "`V` is a view, not a table");
    create(&mut catalog, "a.sql", "CREATE TABLE ORDERS (a INT)").unwrap();
    assert_eq!(catalog.get("orders").unwrap_err().message(), "`orders` can mean `ORDERS` or `Orders`");
}

#[test]
fn dropping() {
    let mut catalog = Catalog::in_memory();
    create(&mut catalog, "a.sql", T1).unwrap();
    create(&mut catalog, "b.sql", &T2.replace("CREATE", "CREATE TEMPORARY")).unwrap();
    assert_eq!(catalog.get_table("t").unwrap().definition.columns.len(), 2, "a temporary table hides the other");
    assert_eq!(drop(&mut catalog, "DROP VIEW t").unwrap_err().message(), "`t` is a table, not a view");
    assert!(drop(&mut catalog, "DROP TABLE t").unwrap());
    assert_eq!(catalog.get_table("t").unwrap().definition.columns.len(), 1);
    assert!(drop(&mut catalog, "DROP TABLE T").unwrap());
    assert!(drop(&mut catalog, "DROP TABLE t").is_err());
    assert!(!drop(&mut catalog, "DROP TABLE IF EXISTS t").unwrap());
}

#[test]
fn a_shared_folder_lies_over_the_own_one_and_is_never_written() {
    let dir = tempfile::tempdir().unwrap();
    let (own, shared) = (dir.path().join("own"), dir.path().join("shared"));
    fs::create_dir(&shared).unwrap();
    fs::write(shared.join("all.sql"), format!("{T2};\nCREATE TABLE u (a INT)")).unwrap();
    create(&mut Catalog::open(&own).unwrap(), "a.sql", T1).unwrap();

    let mut catalog = Catalog::open_layered(&own, Some(&shared)).unwrap();
    assert_eq!(catalog.names(), ["t", "u"]);
    assert_eq!(catalog.get_table("t").unwrap().definition.columns.len(), 2);
    assert!(drop(&mut catalog, "DROP TABLE u").unwrap_err().message().contains("only read"));
    assert!(create(&mut catalog, "a.sql", T1).unwrap_err().message().contains("all.sql"));
    create(&mut catalog, "a.sql", &T1.replace("CREATE", "CREATE OR REPLACE")).unwrap();
    assert_eq!(catalog.get_table("t").unwrap().definition.columns.len(), 1);
    assert!(own.join("t.sql").exists());

    let file = Catalog::open_layered(&own, Some(&shared.join("all.sql"))).unwrap();
    assert_eq!(file.names(), ["t", "u"]);
    let missing = Catalog::open_layered(&own, Some(&dir.path().join("no"))).unwrap_err();
    assert_eq!(missing.exit_code(), 2);
}

#[test]
fn two_at_once_leave_whole_files() {
    let dir = tempfile::tempdir().unwrap();
    let threads: Vec<_> = (0..4)
        .map(|n| {
            let folder = dir.path().to_path_buf();
            std::thread::spawn(move || {
                let mut catalog = Catalog::open(&folder).unwrap();
                for i in 0..50 {
                    create(&mut catalog, &format!("{n}.sql"), &format!("CREATE OR REPLACE TABLE t (a INT) WITH ('n' = '{n}-{i}')"))
                        .unwrap();
                }
            })
        })
        .collect();
    while !threads.iter().all(std::thread::JoinHandle::is_finished) {
        assert!(Catalog::open(dir.path()).unwrap().warnings().is_empty());
    }
    threads.into_iter().for_each(|t| t.join().unwrap());
    assert_eq!(Catalog::open(dir.path()).unwrap().names(), ["t"]);
}

#[test]
fn two_processes_see_what_the_other_one_declares() {
    let dir = tempfile::tempdir().unwrap();
    let (mut one, mut two) = (Catalog::open(dir.path()).unwrap(), Catalog::open(dir.path()).unwrap());
    create(&mut one, "a.sql", T1).unwrap();
    let error = create(&mut two, "b.sql", T2).unwrap_err();
    assert_eq!(error.message(), "table `t` exists, created by a.sql", "it was not there when the second one was opened");
    assert!(drop(&mut two, "DROP TABLE t").unwrap());
    assert_eq!(create(&mut one, "b.sql", T2).unwrap(), Created::New, "it is gone for the first one as well");
    create(&mut two, "a.sql", "CREATE VIEW v AS SELECT * FROM t").unwrap();
    assert_eq!(drop(&mut one, "DROP TABLE t").unwrap_err().message(), "table `t` is used by view `v`");
    create(&mut one, "a.sql", "CREATE DATABASE d").unwrap();
    create(&mut two, "a.sql", "CREATE TABLE d.u (a INT) WITH ('connector' = 'x')").unwrap();
    one.refresh().unwrap();
    assert_eq!(one.names(), ["d.u", "t", "v"]);
}

#[test]
fn connections_share_what_lasts_and_keep_the_rest_apart() {
    let dir = tempfile::tempdir().unwrap();
    for shared in [Catalog::in_memory(), Catalog::open(dir.path()).unwrap()] {
        let (mut one, mut two) = (shared.connect(), shared.connect());
        create(&mut one, "<sql>", "CREATE DATABASE shop").unwrap();
        one.use_database("shop").unwrap();
        create(&mut one, "<sql>", T1).unwrap();
        create(&mut one, "<sql>", "CREATE TEMPORARY TABLE own (a INT) WITH ('connector' = 'x')").unwrap();
        assert!(two.names().is_empty(), "a statement that has begun sees what was there before");
        two.refresh().unwrap();
        assert_eq!((two.names(), two.current()), (vec!["shop.t".to_string()], "default_database"));
        assert_eq!(one.names(), ["shop.own", "shop.t"]);
        create(&mut two, "<sql>", "CREATE VIEW v AS SELECT * FROM shop.t").unwrap();
        assert_eq!(drop(&mut one, "DROP TABLE t").unwrap_err().message(), "table `shop.t` is used by view `v`");
        assert_eq!(one.detached().connect().names(), ["shop.t", "v"]);
    }
}

/// All processes read, check and write: without the lock two would find the name free.
#[test]
fn one_of_many_declares_a_name() {
    let dir = tempfile::tempdir().unwrap();
    for round in 0..10 {
        let threads: Vec<_> = (0..4)
            .map(|n| {
                let folder = dir.path().to_path_buf();
                std::thread::spawn(move || {
                    let mut catalog = Catalog::open(&folder).unwrap();
                    let text = format!("CREATE TABLE t{round} (a INT) WITH ('n' = '{n}')");
                    usize::from(create(&mut catalog, &format!("{n}.sql"), &text).is_ok_and(|c| c == Created::New))
                })
            })
            .collect();
        assert_eq!(threads.into_iter().map(|t| t.join().unwrap()).sum::<usize>(), 1, "round {round}");
    }
    assert!(Catalog::open(dir.path()).unwrap().warnings().is_empty());
}

#[test]
fn files_that_people_edit() {
    let dir = tempfile::tempdir().unwrap();
    let mut catalog = Catalog::open(dir.path()).unwrap();
    fs::create_dir(dir.path().join("shop")).unwrap();
    fs::write(dir.path().join("shop/orders.sql"), "CREATE TABLE orders (a INT) WITH ('connector' = 'x');").unwrap();
    fs::write(dir.path().join("shop/wrong.sql"), "CREATE TABLE other.wrong (a INT);").unwrap();
    fs::write(dir.path().join("shop/broken.sql"), "CREATE TABLE\n broken (a INTT);").unwrap();
    fs::write(dir.path().join("like.sql"), "CREATE TABLE l LIKE orders").unwrap();
    fs::write(dir.path().join("a.sql"), "CREATE VIEW a AS SELECT * FROM b").unwrap();
    fs::write(dir.path().join("b.sql"), "CREATE VIEW b AS SELECT * FROM a").unwrap();
    fs::write(dir.path().join("b2.sql"), "CREATE VIEW b AS SELECT 1").unwrap();
    catalog.refresh().unwrap();
    assert_eq!(catalog.names(), ["a", "b", "shop.orders"]);
    assert_eq!(catalog.databases().collect::<Vec<_>>(), ["default_database", "shop"]);
    let warnings = catalog.warnings().join("\n");
    for part in [
        "`other.wrong` is in the folder of database `shop`",
        "broken.sql:2:12",
        "without LIKE and AS",
        "b2.sql is left out: view `b` is declared in",
    ] {
        assert!(warnings.contains(part), "{part} is not in {warnings}");
    }
    assert!(catalog.get("shop.broken").unwrap_err().message().contains("which cannot be read"));
    let error = catalog.refuse_circle(&catalog.get("a").unwrap()).unwrap_err();
    assert_eq!(error.message(), "view `a` needs itself through view `b`");

    fs::write(dir.path().join("b.sql"), "CREATE VIEW b AS SELECT 1 AS x").unwrap();
    catalog.refresh().unwrap();
    catalog.refuse_circle(&catalog.get("a").unwrap()).unwrap();
    fs::remove_file(dir.path().join("shop/orders.sql")).unwrap();
    catalog.refresh().unwrap();
    assert_eq!(catalog.names(), ["a", "b"]);
}

#[test]
fn the_dialect_of_a_declaration_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let mut catalog = Catalog::open(dir.path()).unwrap();
    let kept = statement("a.sql", "KEEP totals AS SELECT a FROM t");
    assert_eq!(catalog.create(&kept).unwrap(), Created::New);
    assert_eq!(catalog.create(&statement("b.sql", "CREATE VIEW plain AS SELECT a FROM t")).unwrap(), Created::New);
    let file = |name: &str| std::fs::read_to_string(dir.path().join(name)).unwrap();
    assert_eq!(file("TOTALS.sql"), "-- created by a.sql\nSET 'sql.dialect' = 'test';\nKEEP totals AS SELECT a FROM t;\n");
    assert_eq!(file("plain.sql"), "-- created by b.sql\nCREATE VIEW plain AS SELECT a FROM t;\n");
    let mut again = Catalog::open(dir.path()).unwrap();
    assert!(again.warnings().is_empty(), "{:?}", again.warnings());
    let dialects: Vec<_> = again.entries().iter().map(|entry| (entry.name().to_string(), entry.dialect().name())).collect();
    assert_eq!(dialects, [("TOTALS".to_string(), "test"), ("plain".to_string(), "flink")]);
    assert_eq!(again.create(&kept).unwrap(), Created::Kept);
    // ALTER writes the declaration in the dialect in force at that time.
    let alter = statement("c.sql", "ALTER VIEW totals RENAME TO sums");
    let Statement::Alter(change) = &alter.statement else { panic!() };
    let after = again.altered(change, &alter).unwrap().unwrap();
    again.alter(change, &after).unwrap();
    assert!(file("sums.sql").contains("SET 'sql.dialect' = 'test';\nKEEP sums AS SELECT a FROM t;"), "{}", file("sums.sql"));
}

#[test]
fn one_text_in_two_dialects_is_two_declarations() {
    let text = "KEEP v AS SELECT a FROM t";
    let mut catalog = Catalog::in_memory();
    catalog.create(&statement("a.sql", text)).unwrap();
    let mut other = statement("b.sql", text);
    let Statement::CreateView(view) = &mut other.statement else { panic!() };
    (view.query.dialect, other.dialect) = (crate::sql::Dialect::FLINK, crate::sql::Dialect::FLINK);
    assert!(catalog.create(&other).unwrap_err().message().contains("exists, created by a.sql"));
}
