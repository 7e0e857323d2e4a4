//! Type errors and other mistakes in expressions: messages use SQL's terms, and show nothing of a library.

use crate::cli::Home;
use crate::place::Place;

const WRONG: &[&str] = &[
    "SELECT SUM('a')",
    "SELECT AVG('a')",
    "SELECT MIN(1, 2)",
    "SELECT SUM(TRUE)",
    "SELECT SUM(DATE '2024-01-01')",
    "SELECT AVG(INTERVAL '1' DAY)",
    "SELECT STDDEV('x')",
    "SELECT 'a' + 1",
    "SELECT 'a' - DATE '2024-01-01'",
    "SELECT -'a'",
    "SELECT NOT 5",
    "SELECT 1 AND 2",
    "SELECT TRUE + 1",
    "SELECT 1 / 0",
    "SELECT 5 % 0",
    "SELECT CAST('x' AS INT)",
    "SELECT CAST('x' AS TIMESTAMP(3))",
    "SELECT CAST('2024-13-01' AS DATE)",
    "SELECT CAST(300 AS TINYINT)",
    "SELECT CAST(1e30 AS BIGINT)",
    "SELECT CAST('99999999999999999999' AS DECIMAL(5, 2))",
    "SELECT CAST(ARRAY[1] AS INT)",
    "SELECT CAST(1 AS ROW<a INT>)",
    "SELECT SUBSTRING(5 FROM 'a')",
    "SELECT UPPER(ARRAY[1])",
    "SELECT ABS('x')",
    "SELECT SQRT('x')",
    "SELECT ROUND('x', 2)",
    "SELECT POWER('a', 'b')",
    "SELECT COALESCE()",
    "SELECT COALESCE(1, ARRAY[1])",
    "SELECT CASE WHEN 5 THEN 1 END",
    "SELECT CASE WHEN TRUE THEN 1 ELSE ARRAY[1] END",
    "SELECT 1 IN ('a', DATE '2024-01-01')",
    "SELECT 5 BETWEEN 'a' AND 'b'",
    "SELECT 'a' LIKE 5",
    "SELECT EXTRACT(HOUR FROM 5)",
    "SELECT EXTRACT(YEAR FROM 'abc')",
    "SELECT DATE_FORMAT(5, 'yyyy')",
    "SELECT TO_TIMESTAMP(ARRAY[1])",
    "SELECT TIMESTAMPADD(DAY, 'x', TIMESTAMP '2024-01-01 00:00:00')",
    "SELECT TIMESTAMPDIFF(DAY, 1, 2)",
    "SELECT ARRAY[1, 'a', DATE '2024-01-01']",
    "SELECT ARRAY[1][ 'a' ]",
    "SELECT MAP['a', 1, 2, 3]",
    "SELECT CARDINALITY(5)",
    "SELECT ELEMENT('a')",
    "SELECT ROW_NUMBER()",
    "SELECT ROW_NUMBER() OVER (ORDER BY ARRAY[1])",
    "SELECT LAG(1, 'a') OVER (ORDER BY 1)",
    "SELECT NTILE('a') OVER (ORDER BY 1)",
    "SELECT NTILE(0) OVER (ORDER BY 1)",
    "SELECT COUNT(DISTINCT)",
    "SELECT STRING_AGG(1)",
    "SELECT PERCENTILE_CONT(2) WITHIN GROUP (ORDER BY 1)",
    "SELECT APPROX_DISTINCT(ARRAY[1])",
    "SELECT 9223372036854775807 + 1",
    "SELECT 9223372036854775807 * 2",
    "SELECT TIMESTAMP '9999-12-31 00:00:00' + INTERVAL '90000' YEAR",
    "SELECT DATE '2024-01-01' + 'x'",
    "SELECT INTERVAL '1' DAY * 'x'",
    "SELECT JSON_VALUE(5, '$.a')",
    "SELECT JSON_VALUE('{}', 5)",
    "SELECT REGEXP_EXTRACT('a', '(')",
    "SELECT REGEXP_REPLACE('a', '[', 'b')",
    "SELECT LPAD('a', 'b')",
    "SELECT REPEAT('a', 'b')",
    "SELECT SPLIT_INDEX('a', 'b', 'c')",
    "SELECT CHR('x')",
    "SELECT nope(1)",
    "SELECT nope",
    "SELECT * FROM (VALUES (1), ('a')) t(x) WHERE x > DATE '2024-01-01'",
    "SELECT * FROM (VALUES (1), (2, 3)) t",
    "SELECT 1 UNION ALL SELECT 1, 2",
    "SELECT ARRAY[1] UNION ALL SELECT 1",
    "SELECT (SELECT 1 UNION ALL SELECT 2)",
    "SELECT 1 WHERE 'abc'",
    "SELECT 1 HAVING 5",
    "SELECT 1 ORDER BY 7",
    "SELECT 1 LIMIT 'a'",
    "SELECT 1 LIMIT -1",
    "SELECT SUM(SUM(1))",
    "SELECT 1 WHERE SUM(1) > 0",
    "SELECT a.b FROM (VALUES (1)) t(a)",
    "SELECT a[1] FROM (VALUES (1)) t(a)",
    "SELECT UNNEST(5)",
    "SELECT EXISTS (SELECT 1) + 1",
    "SELECT GROUPING(1)",
    "SELECT TUMBLE_START(1, INTERVAL '1' HOUR)",
    "SELECT * FROM TABLE(TUMBLE(TABLE nope, DESCRIPTOR(a), INTERVAL '1' HOUR))",
    "SELECT CEIL(5 TO DAY)",
    "SELECT FLOOR('x' TO DAY)",
    "SELECT IF('a', 1, 2)",
    "SELECT NULLIF(1, ARRAY[2])",
    "SELECT GREATEST(1, 'a')",
    "SELECT CONCAT_WS(5)",
    "SELECT TRIM(BOTH 5 FROM 'a')",
    "SELECT OVERLAY('a' PLACING 1 FROM 'x')",
    "SELECT POSITION(1 IN 2)",
    "SELECT TO_DATE('x', 'qqq')",
    "SELECT ENCODE('a', 'nope')",
    "SELECT DECODE(5, 'UTF-8')",
    "SELECT FROM_BASE64('***')",
    "SELECT ASCII(5)",
    "SELECT MD5(5)",
    "SELECT SHA2('a', 5)",
    "SELECT UNIX_TIMESTAMP('x')",
    "SELECT CONVERT_TZ('x', 'y', 'z')",
    "SELECT FROM_UNIXTIME('x')",
    "SELECT ARRAY_CONTAINS(1, 2)",
    "SELECT ARRAY_JOIN(1, 2)",
    "SELECT STR_TO_MAP(5)",
    "SELECT PARSE_URL(5, 'HOST')",
];

/// Terms that only make sense to someone who knows the libraries in use.
const RAW: [&str; 30] = [
    "<?xml",
    "os error",
    "Error performing",
    "Generic ",
    "arrow_array",
    "reservation",
    "Internal error",
    "internal error",
    "DataFusion",
    "Arrow",
    "bug in",
    "Execution error",
    "External error",
    "Cast error",
    "Compute error",
    "Parser error",
    "Invalid argument error",
    "Error during planning",
    "Optimizer rule",
    "Schema error",
    "user-defined coercion",
    "Candidate functions",
    "Utf8",
    "Int64",
    "Int32",
    "Float64",
    "UserDefined",
    "caused by",
    "github.com",
    "has given up",
];

#[tokio::test]
async fn what_is_said_of_wrong_expressions_is_in_words_of_sql() {
    let place = Place::new();
    let values = "(VALUES ('a', 1, DATE '2024-01-01', 1.5)) t(s, i, d, n)";
    let more = [
        "SUM(s)",
        "AVG(s)",
        "AVG(d)",
        "SUM(d)",
        "s + i",
        "d + n",
        "s || ARRAY[i]",
        "CAST(d AS INT)",
        "i.x",
        "s LIKE i",
        "-d",
        "NOT n",
        "d * 2",
    ];
    let more = more.map(|expression| format!("SELECT {expression} FROM {values}"));
    let (mut wrong, mut raw) = (0, Vec::new());
    for query in WRONG.iter().map(ToString::to_string).chain(more) {
        let Err(error) = place.run(&query).await else { continue };
        wrong += 1;
        let text = error.to_string();
        if RAW.iter().any(|word| text.contains(word)) {
            raw.push(format!("{query}\n    {}", text.replace('\n', "\n    ")));
        }
    }
    assert!(raw.is_empty(), "{} of {wrong}\n{}", raw.len(), raw.join("\n"));
    assert!(wrong > 70, "{wrong}");
}

#[test]
fn what_disks_servers_and_memory_refuse_is_said_plainly() {
    let home = Home::new();
    std::fs::write(home.path().join("a.csv"), "a\n1\n").unwrap();
    std::fs::write(home.path().join("t.sql"), "SELECT a.a FROM 'a.csv' AS a JOIN 'a.csv' AS b ON a.a = b.a WHERE a > 0").unwrap();
    let s3 = |path: &str, options: &str| {
        format!("CREATE TABLE t (a INT) WITH ('connector' = 'filesystem', 'format' = 'csv', 'path' = '{path}'{options}); SELECT * FROM t")
    };
    let unknown = ", 's3.access-key' = 'unknown', 's3.secret-key' = 'nothing-at-all'";
    let endpoint = std::env::var("MILLSTREAM_TEST_S3").unwrap();
    let sort = "SELECT value, REPEAT('x', 200) AS s FROM generate_series(1, 400000) ORDER BY s, value DESC";
    let wide = "SELECT value, REPEAT(CAST(value AS STRING), 20) AS s FROM generate_series(1, 400000) ORDER BY s DESC LIMIT 300000";
    for (query, says) in [
        (std::fs::read_to_string(home.path().join("t.sql")).unwrap(), "column `a` can mean"),
        (s3("s3://no-such-bucket/x", &format!(", 's3.endpoint' = '{endpoint}'")), "s3://no-such-bucket/x"),
        (s3("s3://no-such-bucket/x", &format!(", 's3.endpoint' = '{endpoint}'{unknown}")), "s3://no-such-bucket/x"),
        (s3("s3://no-such-bucket/x", ", 's3.endpoint' = 'http://127.0.0.1:9'"), "s3://no-such-bucket/x"),
        ("COPY (SELECT 1) TO '/proc/nope/a.csv'".to_string(), "/proc/nope/a.csv"),
        ("SELECT * FROM '/proc/1/mem/*.csv'".to_string(), "/proc/1/mem"),
        (sort.to_string(), ""),
        (wide.to_string(), "not enough memory for ORDER BY with LIMIT"),
    ] {
        let ended = home.run(&["query", &query, "--format", "csv", "--memory-limit", "20MB"]);
        let text = &ended.err;
        assert!(ended.code == Some(0) && says.is_empty() || text.contains(says), "{query}\n{text}");
        if let Some(raw) = RAW.iter().find(|raw| text.contains(**raw)) {
            panic!("{query}\n{raw}: {text}");
        }
    }
}
