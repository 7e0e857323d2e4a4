//! Tables on S3.

use object_store::aws::AmazonS3Builder;
use object_store::path::Path;
use object_store::{ObjectStoreExt, PutPayload};

use crate::place::{Place, peek, run};

/// The bucket that tests/services started, with a prefix that no other run uses.
struct Bucket {
    endpoint: String,
    prefix: String,
    store: object_store::aws::AmazonS3,
}

impl Bucket {
    fn new() -> Self {
        let endpoint = std::env::var("MILLSTREAM_TEST_S3")
            .unwrap_or_else(|_| panic!("no S3; run: tests/services start s3 && eval \"$(tests/services env)\""));
        let builder = AmazonS3Builder::new().with_endpoint(&endpoint).with_allow_http(true).with_bucket_name("millstream");
        let store = builder.with_access_key_id("millstream").with_secret_access_key("millstream-secret").build().unwrap();
        Self { endpoint, prefix: uuid::Uuid::now_v7().simple().to_string(), store }
    }

    async fn put(&self, name: &str, bytes: Vec<u8>) {
        self.store.put(&Path::from(format!("{}/{name}", self.prefix)), PutPayload::from(bytes)).await.unwrap();
    }

    fn options(&self) -> String {
        format!("'s3.endpoint' = '{}', 's3.access-key' = 'millstream', 's3.secret-key' = 'millstream-secret'", self.endpoint)
    }

    fn path(&self, name: &str) -> String {
        format!("s3://millstream/{}/{name}", self.prefix)
    }
}

#[tokio::test]
async fn a_bucket_is_read_like_a_folder() {
    let (bucket, place) = (Bucket::new(), Place::new());
    place.copy("SELECT 1 AS n, 'a' AS s", "1.parquet", "").await;
    place.copy("SELECT 2 AS n, 'b' AS s", "2.parquet", "").await;
    bucket.put("t/dt=2024-05-01/1.parquet", std::fs::read(place.path("1.parquet")).unwrap()).await;
    bucket.put("t/dt=2024-05-02/2.parquet", std::fs::read(place.path("2.parquet")).unwrap()).await;
    bucket.put("t/_SUCCESS", Vec::new()).await;
    bucket.put("c/x.csv.gz", b"not what it says".to_vec()).await;
    let (path, options) = (bucket.path("t"), bucket.options());
    let table = format!("CREATE TABLE t WITH ('connector' = 'filesystem', 'format' = 'parquet', 'path' = '{path}', {options});");
    let said = run(&format!("{table} SELECT * FROM t; EXPLAIN SELECT n FROM t WHERE dt > DATE '2024-05-01'"), &[]).await.unwrap();
    assert_eq!(said.rows, ["1|a|2024-05-01", "2|b|2024-05-02"]);
    assert!(said.lines[1].contains("2.parquet") && !said.lines[1].contains("1.parquet"), "{}", said.lines[1]);
    assert!(!said.lines.iter().any(|l| l.contains("millstream-secret")), "{:?}", said.lines);

    // Without a declaration the options come from SET or from `--option`.
    let set = format!(
        "SET 's3.endpoint' = '{}'; SET 's3.access-key' = 'millstream'; SET 's3.secret-key' = 'millstream-secret';",
        bucket.endpoint
    );
    let sql = format!("{set} SELECT s FROM '{}' WHERE n = 2", bucket.path("t/**/*.parquet"));
    assert_eq!(run(&sql, &[]).await.unwrap().rows, ["b"]);

    let error = run(&format!("{set} SELECT * FROM '{}'", bucket.path("c/x.csv.gz")), &[]).await.unwrap_err();
    assert!(error.message().contains("x.csv.gz cannot be read"), "{error}");
    let error = run(&format!("{set} SELECT * FROM '{}'", bucket.path("none/*.csv")), &[]).await.unwrap_err();
    assert!(error.message().contains("no file matches"), "{error}");
}

#[tokio::test]
async fn the_newest_rows_of_a_bucket() {
    let (bucket, place) = (Bucket::new(), Place::new());
    let lines: String = (0..60_000).map(|n| format!("{n},\"a\n{n}\"\n")).collect();
    bucket.put("t/b.csv", lines.into_bytes()).await;
    // S3 stores modification times in whole seconds.
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    bucket.put("t/a.csv", b"60000,b\nx,c\n".to_vec()).await;
    let (path, options) = (bucket.path("t"), bucket.options());
    let table =
        format!("CREATE TABLE t (n INT, s STRING) WITH ('connector' = 'filesystem', 'format' = 'csv', 'path' = '{path}', {options});");
    let rows = peek(&table, "t", 3).await.unwrap();
    assert!(rows[0].starts_with("b.csv|") && rows[0].ends_with(r#"|59999,"a\n59999"|{"n":59999,"s":"a\n59999"}"#), "{rows:?}");
    assert_eq!(rows[1..], [r#"a.csv|0|60000,b|{"n":60000,"s":"b"}"#, "a.csv|8|x,c|NULL"]);

    place.copy("SELECT value AS n FROM generate_series(1, 1000)", "n.parquet", "OPTIONS ('format.max_row_group_size' '100')").await;
    bucket.put("p/n.parquet", std::fs::read(place.path("n.parquet")).unwrap()).await;
    let path = bucket.path("p");
    let table = format!("CREATE TABLE p WITH ('connector' = 'filesystem', 'format' = 'parquet', 'path' = '{path}', {options});");
    assert_eq!(peek(&table, "p", 2).await.unwrap(), ["999", "1000"]);
    let table = table.replace("/p'", "/q'");
    let error = peek(&table, "p", 2).await.unwrap_err();
    assert!(error.message().contains("there is no file at"), "{error}");
}

#[tokio::test]
async fn two_tables_on_one_bucket_keep_their_own_keys() {
    let bucket = Bucket::new();
    bucket.put("a.csv", b"n\n1\n".to_vec()).await;
    let table = |name: &str, secret: &str| {
        format!(
            "CREATE TABLE {name} (n INT) WITH ('connector' = 'filesystem', 'path' = '{}', 's3.endpoint' = '{}', 's3.access-key' = 'millstream', 's3.secret-key' = '{secret}');",
            bucket.path("a.csv"),
            bucket.endpoint
        )
    };
    let (right, wrong) = (table("a", "millstream-secret"), table("b", "hunter2-hunter2"));
    assert_eq!(run(&format!("{right} {wrong} SELECT * FROM a"), &[]).await.unwrap().rows, ["1"]);
    for sql in ["SELECT * FROM b", "SELECT * FROM a, b"] {
        let error = run(&format!("{right} {wrong} {sql}"), &[]).await.unwrap_err();
        assert!(error.message().contains("may not be read"), "{error}");
        assert!(!error.to_string().contains("hunter2") && !error.to_string().contains("millstream-secret"), "{error}");
    }
}

#[tokio::test]
async fn copy_and_insert_into_a_bucket() {
    let bucket = Bucket::new();
    let set = format!(
        "SET 's3.endpoint' = '{}'; SET 's3.access-key' = 'millstream'; SET 's3.secret-key' = 'millstream-secret';",
        bucket.endpoint
    );
    // Large enough for several parts.
    let rows = "SELECT value AS n, arrow_cast(random(), 'Utf8') || arrow_cast(random(), 'Utf8') AS s FROM generate_series(1, 600000)";
    let path = bucket.path("big.csv");
    let sql = format!("{set} COPY ({rows}) TO '{path}'; SELECT COUNT(*), SUM(n) FROM '{path}'");
    assert_eq!(run(&sql, &[]).await.unwrap().rows, ["600000|180000300000"]);
    let failing =
        "SELECT CAST(CASE WHEN value = 600000 THEN 'x' ELSE '1' END AS INT) AS n, repeat('y', 100) AS s FROM generate_series(1, 600000)";
    let path = bucket.path("failed/x.csv");
    run(&format!("{set} COPY ({failing}) TO '{path}'"), &[]).await.unwrap_err();
    let error = run(&format!("{set} SELECT * FROM '{path}'"), &[]).await.unwrap_err();
    assert!(error.message().contains("there is no file"), "{error}");
    let table = format!(
        "{set} CREATE TABLE t (n INT, p STRING) PARTITIONED BY (p) WITH ('connector' = 'filesystem', 'format' = 'parquet', 'path' = '{}');",
        bucket.path("t")
    );
    let sql = format!("{table} INSERT INTO t VALUES (1, 'a b'), (2, 'c/d%'); INSERT INTO t VALUES (3, 'a b'); SELECT * FROM t");
    assert_eq!(run(&sql, &[]).await.unwrap().rows, ["1|a b", "2|c/d%", "3|a b"]);
}
