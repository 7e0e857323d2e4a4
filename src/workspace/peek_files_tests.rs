use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use arrow::record_batch::RecordBatch;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::prelude::SessionContext;

use crate::catalog::{Catalog, Overrides};
use crate::connectors::Connectors;
use crate::sql::ast;
use crate::sql::parse;

use crate::workspace::Workspace;
use crate::workspace::peek::*;

/// A folder of files, and tables on it.
struct TestFolder(tempfile::TempDir);

impl TestFolder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// Writes a file that was changed at this second.
    fn file(&self, name: &str, content: impl AsRef<[u8]>, at: u64) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, content).unwrap();
        changed(&path, at);
        path
    }

    /// A text in which `DIR` stands for this folder.
    fn here(&self, text: &str) -> String {
        text.replace("DIR", &self.0.path().to_string_lossy())
    }

    /// Peeks after a script.
    async fn try_peek(&self, script: &str, table: &str, rows: usize) -> Result<RecordBatch> {
        let connection = Workspace::new(Catalog::in_memory(), Connectors::embedded(Arc::default()), Overrides::default()).into_connection();
        for parsed in parse(&ast::Source::new("a.sql", self.here(script))).unwrap() {
            connection.declare(&parsed).await.unwrap();
        }
        Ok(connection.peek(&self.here(table), rows).await?.1)
    }

    /// The rows, values separated by ` | `.
    async fn peek(&self, script: &str, table: &str, rows: usize) -> Vec<String> {
        let batch = self.try_peek(script, table, rows).await.unwrap();
        let options = FormatOptions::default().with_null("NULL");
        let columns: Vec<_> = batch.columns().iter().map(|c| ArrayFormatter::try_new(c, &options).unwrap()).collect();
        (0..batch.num_rows()).map(|i| columns.iter().map(|c| c.value(i).to_string()).collect::<Vec<_>>().join(" | ")).collect()
    }
}

fn changed(path: &Path, at: u64) {
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000 + at);
    std::fs::File::options().write(true).open(path).unwrap().set_modified(time).unwrap();
}

#[tokio::test]
async fn the_newest_file_comes_last_whatever_its_name() {
    let place = TestFolder::new();
    place.file("t/b.csv", "id,name\n1,tea\n2,\"green\ntea\"\n", 30);
    place.file("t/dt=x/a.csv", "name,id\ncake,3\npie,four\n", 20);
    place.file("t/c.csv", "id,name\n5,jam\n", 10);
    let script = "CREATE TABLE t (id INT, name STRING, f STRING METADATA FROM 'file.name') WITH ('connector' = 'filesystem',
      'path' = 'DIR/t', 'format' = 'csv', 'on-error' = 'fail');";
    let expected = [
        r#"dt=x/a.csv | 8 | cake,3 | {"id":3,"name":"cake","f":"a.csv"}"#,
        "dt=x/a.csv | 15 | pie,four | NULL",
        r#"b.csv | 8 | 1,tea | {"id":1,"name":"tea","f":"b.csv"}"#,
        r#"b.csv | 14 | 2,"green\ntea" | {"id":2,"name":"green\ntea","f":"b.csv"}"#,
    ];
    assert_eq!(place.peek(script, "t", 4).await, expected);
    assert_eq!(place.peek(script, "t", 3).await, expected[1..]);
    assert_eq!(place.peek(script, "t", 1).await, expected[3..]);
    let all = place.peek(script, "t", 100).await;
    assert_eq!((all.len(), all[0].as_str()), (5, r#"c.csv | 8 | 5,jam | {"id":5,"name":"jam","f":"c.csv"}"#));
    // Without a declaration, by its path.
    assert_eq!(place.peek("", "DIR/t/c.csv", 9).await, [r#"c.csv | 8 | 5,jam | {"id":5,"name":"jam"}"#]);
}

#[tokio::test]
async fn other_texts() {
    let place = TestFolder::new();
    place.file("a.jsonl", "\u{feff}{\"n\":1}\n\n[{\"n\":2},{\"n\":3}]\n{oops\n", 1);
    place.file("b.tsv", "1\t\u{1b}\n", 1);
    let gz = "COPY (SELECT * FROM (VALUES (1, 'x'), (2, 'y')) AS t(a, b)) TO 'DIR/c.csv.gz' STORED AS CSV
      OPTIONS ('format.compression' 'gzip', 'format.has_header' 'false')";
    SessionContext::new().sql(&place.here(gz)).await.unwrap().collect().await.unwrap();
    let table = |path: &str, columns: &str| format!("CREATE TABLE t ({columns}) WITH ('connector' = 'filesystem', 'path' = 'DIR/{path}');");
    let expected =
        [r#"a.jsonl | 3 | {"n":1} | {"n":1}"#, r#"a.jsonl | 12 | [{"n":2},{"n":3}] | {"n":2} {"n":3}"#, "a.jsonl | 30 | {oops | NULL"];
    assert_eq!(place.peek(&table("a.jsonl", "n INT NOT NULL"), "t", 9).await, expected);
    let escape = [r#"b.tsv | 0 | 1\t\u{1b} | {"n":1,"s":"\u001B"}"#];
    assert_eq!(place.peek(&table("b.tsv", "n INT, s STRING"), "t", 9).await, escape);
    assert_eq!(place.peek(&table("c.csv.gz", "n INT, s STRING"), "t", 1).await, [r#"c.csv.gz | 4 | 2,y | {"n":2,"s":"y"}"#]);
}

/// A sparse file that cannot be read from its start: its first record is longer than the limit.
#[tokio::test]
async fn of_a_large_file_only_the_end_is_read() {
    let place = TestFolder::new();
    let path = place.file("large", "", 1);
    let mut file = std::fs::File::options().write(true).open(&path).unwrap();
    file.seek(SeekFrom::Start(1 << 30)).unwrap();
    file.write_all(b"\n1\n2\n3\n").unwrap();
    for (format, line_breaks) in [("json", ""), ("csv", ""), ("csv", ", 'csv.allow-line-breaks' = 'false'")] {
        let script = format!(
            "CREATE TABLE t (n INT) WITH ('connector' = 'filesystem', 'path' = 'DIR/large', 'format' = '{format}'{line_breaks}, \
             'csv.header' = 'false');"
        );
        let script = if format == "json" { script.replace(", 'csv.header' = 'false'", "") } else { script };
        let begin = (1_u64 << 30) + 1;
        let expected = [(2, r#"{"n":2}"#), (3, r#"{"n":3}"#)].map(|(n, row)| format!("large | {} | {n} | {row}", begin + (n - 1) * 2));
        assert_eq!(place.peek(&script, "t", 2).await, expected, "{script}");
    }
}

#[tokio::test]
async fn the_end_of_a_file_is_as_in_the_whole_of_it() {
    let place = TestFolder::new();
    let (mut text, mut places) = ("id,note\n".to_string(), Vec::new());
    for i in 0..40_000 {
        places.push(text.len());
        // Two lines look like rows and are none.
        text.push_str(&format!("{i},\"n\n{i},\n\"\n"));
    }
    assert!(text.len() > 600_000);
    place.file("t.csv", &text, 1);
    let script = "CREATE TABLE t (id INT, note STRING) WITH ('connector' = 'filesystem', 'path' = 'DIR/t.csv');";
    for rows in [1, 3, 30_000, 39_999, 40_000, 50_000] {
        let shown = place.peek(script, "t", rows).await;
        let first = 40_000_usize.saturating_sub(rows);
        assert_eq!(shown.len(), 40_000 - first);
        let row = |i: usize| format!("t.csv | {} | {i},\"n\\n{i},\\n\" | {{\"id\":{i},\"note\":\"n\\n{i},\\n\"}}", places[i]);
        assert_eq!((shown[0].as_str(), shown[shown.len() - 1].as_str()), (row(first).as_str(), row(39_999).as_str()));
    }
}

#[tokio::test]
async fn rows_of_files_that_are_no_text() {
    let place = TestFolder::new();
    for (name, numbers, at) in [("z.parquet", "(1), (2), (3)", 1), ("y.parquet", "(4), (5)", 2), ("a.avro", "(6), (7)", 1)] {
        let path = place.0.path().join(name);
        let format = if name.ends_with("avro") { "" } else { "OPTIONS ('format.max_row_group_size' '1')" };
        if name.ends_with("avro") {
            avro(&path);
        } else {
            let sql = format!("COPY (SELECT * FROM (VALUES {numbers}) AS t(n)) TO '{}' STORED AS PARQUET {format}", path.display());
            SessionContext::new().sql(&sql).await.unwrap().collect().await.unwrap();
        }
        changed(&path, at);
    }
    for (rows, expected) in [(1, &["5"][..]), (2, &["4", "5"]), (3, &["3", "4", "5"]), (9, &["1", "2", "3", "4", "5"])] {
        assert_eq!(place.peek("", "DIR/*.parquet", rows).await, expected);
    }
    assert_eq!(place.peek("", "DIR/a.avro", 1).await, ["7"]);
    // What can never be shown as JSON does not matter here.
    assert_eq!(
        place.peek("CREATE TABLE t (n BIGINT, lacks STRING) WITH ('connector' = 'filesystem', 'path' = 'DIR/y.parquet');", "t", 1).await,
        ["5 | NULL"]
    );
}

/// `{"n": 6}`, `{"n": 7}`.
fn avro(path: &Path) {
    let schema = r#"{"type":"record","name":"r","fields":[{"name":"n","type":"long"}]}"#;
    let (zigzag, sync) = (|n: u8| n * 2, [7_u8; 16]);
    let mut bytes = b"Obj\x01\x02\x16avro.schema".to_vec();
    // The length as two bytes of a variable-length number.
    let length = u16::try_from(schema.len() * 2).unwrap();
    bytes.extend([(length & 0x7f) as u8 | 0x80, (length >> 7) as u8]);
    bytes.extend(schema.as_bytes());
    bytes.push(0);
    bytes.extend(sync);
    bytes.extend([zigzag(2), zigzag(2), zigzag(6), zigzag(7)]);
    bytes.extend(sync);
    std::fs::write(path, bytes).unwrap();
}

#[tokio::test]
async fn what_is_not_there() {
    let place = TestFolder::new();
    place.file("data/orders.csv", "n\n1\n", 1);
    place.file("data/empty/_hidden.csv", "n\n1\n", 1);
    let on_empty = "CREATE TABLE t (n INT) WITH ('connector' = 'filesystem', 'path' = 'DIR/data/empty', 'format' = 'csv');";
    for (script, table, message, hint) in [
        ("", "DIR/data/orders", "'DIR/data/orders' does not say what format its files have", "such as 'DIR/data/orders/*.csv'"),
        ("", "data/", "'data/' does not say what format its files have", "'data/*.csv'"),
        ("", "DIR/data/ordrs.csv", "there is no file at 'DIR/data/ordrs.csv'", "did you mean 'DIR/data/orders.csv'?"),
        ("", "DIR/dta/*.csv", "no file matches 'DIR/dta/*.csv'", "did you mean 'DIR/data/*.csv'?"),
        ("", "other.csv", "there is no file at 'other.csv'", "looked for in /"),
        (on_empty, "t", "there are no files in folder 'DIR/data/empty'", "begin with `_`"),
    ] {
        let error = place.try_peek(script, table, 2).await.unwrap_err();
        assert!(error.message().contains(&place.here(message)), "{error}");
        assert!(error.hint_text().unwrap_or_default().contains(&place.here(hint)), "{error}");
    }
}
