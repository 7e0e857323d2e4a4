//! Files as other programs write them, read by name: the inferred columns are those that are read.

use crate::cli::Home;
use crate::place::{Place, compress, connection, run_in};

#[tokio::test]
async fn every_member_of_a_packed_file_is_read() {
    let place = Place::new();
    for (program, extension) in [("gzip", "gz"), ("zstd", "zst"), ("bzip2", "bz2"), ("xz", "xz")] {
        let mut whole = Vec::new();
        for (n, part) in ["id,name\n1,a\n2,b\n", "3,c\n", "4,d\n5,e\n"].into_iter().enumerate() {
            place.file(&format!("{n}.csv"), part);
            compress(&place.path(&format!("{n}.csv")), program);
            whole.extend(std::fs::read(place.path(&format!("{n}.csv.{extension}"))).unwrap());
            std::fs::remove_file(place.path(&format!("{n}.csv.{extension}"))).unwrap();
        }
        place.file(&format!("all.csv.{extension}"), &whole);
        let by_name = format!("SELECT COUNT(*), MAX(id) FROM 'DIR/all.csv.{extension}'");
        assert_eq!(place.rows(&by_name).await, ["5|5"], "{program}");
        place.file(&format!("cut.csv.{extension}"), &whole[..whole.len() - 4]);
        let error = place.error(&format!("SELECT id FROM 'DIR/cut.csv.{extension}'")).await.to_string();
        assert!(error.contains("cut.csv"), "{program}: {error}");
    }
}

#[tokio::test]
async fn an_avro_file_that_is_not_whole_is_an_error() {
    let place = Place::new();
    place.run("COPY (SELECT value AS id, 'a name' AS name FROM generate_series(1, 5000)) TO 'DIR/a.avro'").await.unwrap();
    assert_eq!(place.rows("SELECT COUNT(*), SUM(id) FROM 'DIR/a.avro'").await, ["5000|12502500"]);
    let whole = std::fs::read(place.path("a.avro")).unwrap();
    let mut zeroed = whole.clone();
    let end = zeroed.len();
    zeroed[end - 16..].fill(0);
    // The sync marker after the first of several blocks.
    let sync = &whole[end - 16..];
    let marks: Vec<usize> = whole.windows(16).enumerate().filter(|(_, bytes)| bytes == &sync).map(|(at, _)| at).collect();
    let mut middle = [&whole[..], &whole[marks[0] + 16..]].concat();
    assert_eq!(marks.len(), 2, "the header's and the block's");
    middle[marks[1]..marks[1] + 16].fill(0);
    let (cut, short, head) = (&whole[..end / 2], &whole[..end - 1], &whole[..60]);
    for (name, bytes) in
        [("half", cut), ("short", short), ("head", head), ("zeroed", &zeroed[..]), ("middle", &middle[..]), ("magic", &whole[..3])]
    {
        place.file(&format!("{name}.avro"), bytes);
        let table = format!("CREATE TABLE t (id BIGINT) WITH ('connector' = 'filesystem', 'path' = 'DIR/{name}.avro'); SELECT id FROM t");
        let error = place.error(&table).await.to_string();
        assert!(error.contains(&format!("{name}.avro")), "{error}");
    }
}

#[tokio::test]
async fn types_hold_what_is_there() {
    let place = Place::new();
    place.file("ids.json", "{\"id\":18446744073709551615}\n{\"id\":18446744073709551614}\n{\"id\":1}\n");
    place.file("mixed.json", "{\"a\":[\"x\"],\"b\":1}\n{\"a\":\"y\",\"b\":2.5,\"c\":{\"d\":1}}\n");
    place.file("w/1.csv", "a,b\n1,2024-02-28\n");
    place.file("w/2.csv", "a,b,c\n1.5,2024-02-30,x\n");
    place.copy("SELECT CAST(1 AS INT) AS a", "p/1.parquet", "").await;
    place.copy("SELECT 1.5 AS a, 'x' AS b", "p/2.parquet", "").await;
    place.file("long.csv", format!("a,b\n1,\"{}\"\n2,y\n", "x\n".repeat(10_000)));
    place.file("null.csv", "x\n1\n\n3\n");
    for (file, columns, expected) in [
        ("ids.json", "id", &["18446744073709551614", "18446744073709551615", "1"][..]),
        ("mixed.json", "a, b", &["[\"x\"]|1.0", "y|2.5"]),
        ("w/*.csv", "a, b, c", &["1.0|2024-02-28|NULL", "1.5|2024-02-30|x"]),
        ("p/*.parquet", "a, b", &["1.0|NULL", "1.5|x"]),
        ("long.csv", "a, LENGTH(b)", &["1|20000", "2|1"]),
        ("null.csv", "x", &["1", "3", "NULL"]),
    ] {
        let mut rows = place.rows(&format!("SELECT {columns} FROM 'DIR/{file}'")).await;
        let mut expected: Vec<String> = expected.iter().map(ToString::to_string).collect();
        rows.sort();
        expected.sort();
        assert_eq!(rows, expected, "{file}");
    }
}

#[tokio::test]
async fn headers_as_other_programs_write_them() {
    let place = Place::new();
    place.file("pandas.csv", ",a,b\n0,x,1\n1,y,2\n");
    place.file("signs.csv", "1st,%,(x),#,null\na,b,c,d,e\n");
    place.file("twice.csv", "a,b,a\n1,2,3\n");
    place.file("years.csv", "2023,2024\nx,y\n");
    assert_eq!(place.rows("SELECT column_1, a, b FROM 'DIR/pandas.csv'").await, ["0|x|1", "1|y|2"]);
    assert_eq!(place.rows("SELECT \"1st\", \"%\", \"null\" FROM 'DIR/signs.csv'").await, ["a|b|e"]);
    assert_eq!(place.rows("SELECT a, a_1 FROM 'DIR/twice.csv'").await, ["1|3"]);
    let declared = "CREATE TABLE y (`2023` STRING, `2024` STRING) WITH ('connector' = 'filesystem', 'path' = 'DIR/years.csv');
                    CREATE TABLE i (A STRING) WITH ('connector' = 'filesystem', 'path' = 'DIR/pandas.csv'); SELECT * FROM y; SELECT A FROM i";
    assert_eq!(place.rows(declared).await, ["x|y", "x", "y"]);
}

#[tokio::test]
async fn json_in_every_layout() {
    let place = Place::new();
    for (name, text) in [
        ("bom", "\u{feff}{\"a\": 1}\n{\"a\": 2}\n"),
        ("array", "[{\"a\": 1}, {\"a\": 2}]"),
        ("pretty", "\u{feff}[\n  {\"a\": 1,\n   \"b\": [1,\n 2]},\n  {\"a\": 2}\n]\n"),
        ("behind", "{\n  \"a\": 1\n}\n{\n  \"a\": 2\n}"),
    ] {
        place.file(&format!("{name}.json"), text);
        assert_eq!(place.rows(&format!("SELECT a FROM 'DIR/{name}.json'")).await, ["1", "2"], "{name}");
        let table = format!("CREATE TABLE t (a INT) WITH ('connector' = 'filesystem', 'path' = 'DIR/{name}.json'); SELECT a FROM t");
        assert_eq!(place.rows(&table).await, ["1", "2"], "{name}");
    }
}

#[tokio::test]
async fn a_stray_quote_costs_one_line() {
    let place = Place::new();
    let line = |n: u32| if n == 9 { format!("{n},\"x\n") } else { format!("{n},x{n}\n") };
    place.file("stray.csv", (1..=1000).map(line).collect::<String>());
    place.file("later.csv", "1,\"x\n2,y\n3,\"a, b\"\n4,\"two\nlines\"\n");
    for (file, expected) in [("stray.csv", "999|1000"), ("later.csv", "3|4")] {
        let table = format!("CREATE TABLE t (id INT, s STRING) WITH ('connector' = 'filesystem', 'path' = 'DIR/{file}');");
        assert_eq!(place.rows(&format!("{table} SELECT COUNT(*), MAX(id) FROM t")).await, [expected], "{file}");
    }
    place.file("large.csv", format!("1,a\n2,{}\n", "x".repeat(3 << 20)));
    let table =
        "CREATE TABLE t (id INT, s STRING) WITH ('connector' = 'filesystem', 'path' = 'DIR/large.csv', 'csv.max-line-size' = '1MB');";
    let error = place.error(&format!("{table} SELECT COUNT(s) FROM t")).await.to_string();
    assert!(error.contains("large.csv") && error.contains("longer than"), "{error}");
}

#[tokio::test]
async fn times_beyond_the_calendar_are_bad_records() {
    let place = Place::new();
    place.file("t.json", "{\"t\":9223372036854775807}\n{\"t\":0}\n{\"t\":\"10000-01-01 00:00:00\"}\n{\"t\":\"0000-12-31 00:00:00\"}\n");
    place.file("t.csv", "9999-12-31\n0000-01-01\n0001-01-01\n");
    let json = "CREATE TABLE t (t TIMESTAMP(3)) WITH ('connector' = 'filesystem', 'path' = 'DIR/t.json'); SELECT t FROM t";
    assert_eq!(place.rows(json).await, ["1970-01-01T00:00:00"]);
    let csv = "CREATE TABLE t (t DATE) WITH ('connector' = 'filesystem', 'path' = 'DIR/t.csv', 'csv.header' = 'false'); SELECT t FROM t";
    assert_eq!(place.rows(csv).await, ["0001-01-01", "9999-12-31"]);
}

#[tokio::test]
async fn a_file_is_as_it_is_now() {
    let place = Place::new();
    place.file("a.csv", "a,b\n1,2\n");
    let dir = place.path("").to_string_lossy().into_owned();
    let connection = connection(&[]);
    let query = format!("SELECT * FROM '{dir}a.csv'");
    assert_eq!(run_in(&connection, &query).await.unwrap().rows, ["1|2"]);
    place.file("a.csv", "x\nsome text\n");
    assert_eq!(run_in(&connection, &query).await.unwrap().rows, ["some text"]);
}

#[tokio::test]
async fn folders_of_uneven_depth_are_named() {
    let place = Place::new();
    place.file("t/dt=2024-05-01/a.csv", "a\n1\n");
    place.file("t/b.csv", "a\n2\n");
    place.file("u/dt=1/a.csv", "a\n1\n");
    place.file("u/DT=2/a.csv", "a\n2\n");
    for (folder, files) in [("t", ["t/dt=2024-05-01/a.csv", "t/b.csv"]), ("u", ["u/dt=1/a.csv", "u/DT=2/a.csv"])] {
        let error = place.error(&format!("SELECT * FROM 'DIR/{folder}/**/*.csv'")).await.to_string();
        assert!(files.iter().all(|file| error.contains(file)), "{error}");
    }
}

#[tokio::test]
async fn empty_files_and_odd_names_do_not_stand_in_the_way() {
    let place = Place::new();
    place.file("t/a.csv", "a\n1\n");
    place.file("t/empty.csv", "");
    place.file("t/odd\u{1}.csv", "a\n2\n");
    std::os::unix::fs::symlink(".", place.path("t/loop")).unwrap();
    assert_eq!(place.rows("SELECT a FROM 'DIR/t/*.csv'").await, ["1"]);
    assert_eq!(place.rows("SELECT a FROM 'DIR/t/**/*.csv'").await, ["1"]);
    let table = "CREATE TABLE t (a INT) WITH ('connector' = 'filesystem', 'path' = 'DIR/t/empty.csv'); SELECT a FROM t";
    assert!(place.rows(table).await.is_empty());
    assert!(place.error("SELECT * FROM 'DIR/t/empty.csv'").await.to_string().contains("is empty"));
}

#[tokio::test]
async fn maps_and_unions_are_shown() {
    let place = Place::new();
    let schema = r#"{"type":"record","name":"r","fields":[{"name":"id","type":"int"},{"name":"u","type":["null","int","string"]}]}"#;
    // Two rows: 1 with the int 5, 2 with the text x.
    let rows: &[u8] = &[2, 2, 10, 4, 4, 2, b'x'];
    let sync = [7; 16];
    let mut bytes = b"Obj\x01\x02\x16avro.schema".to_vec();
    let long = |mut value: u64, bytes: &mut Vec<u8>| {
        value <<= 1;
        while value > 127 {
            bytes.push((value & 127) as u8 | 128);
            value >>= 7;
        }
        bytes.push(value as u8);
    };
    long(schema.len() as u64, &mut bytes);
    bytes.extend(schema.as_bytes());
    bytes.push(0);
    bytes.extend(sync);
    long(2, &mut bytes);
    long(rows.len() as u64, &mut bytes);
    bytes.extend(rows);
    bytes.extend(sync);
    place.file("u.avro", bytes);
    assert_eq!(place.rows("SELECT * FROM 'DIR/u.avro'").await, ["1|5", "2|x"]);
    assert_eq!(place.rows("SELECT id FROM 'DIR/u.avro' WHERE u = '5'").await, ["1"]);
    assert_eq!(place.rows("SELECT id FROM 'DIR/u.avro' WHERE id > 1").await, ["2"]);
    place.copy("SELECT MAP {1: 'a', 2: 'b'} AS m", "m.parquet", "").await;
    assert_eq!(place.rows("SELECT m[2] FROM 'DIR/m.parquet'").await, ["b"]);
    assert_eq!(place.rows("SELECT * FROM 'DIR/m.parquet'").await, ["{1: a, 2: b}"]);
}

/// Whatever a file contains, a message shows no more of it than is needed to find the fault.
#[tokio::test]
async fn no_message_holds_more_than_200_characters_of_data() {
    let place = Place::new();
    let long = "long ".repeat(20_000);
    place.file("a.json", format!("{{\"id\": \"{long}\", \"t\": \"{long}\"}}\n"));
    place.file("b.json", format!("{{\"id\": {{\"x\": \"{long}\"\n"));
    place.file("a.csv", format!("{long},{long}\n"));
    place.file("header.csv", format!("id,t\n\"{long}\",\"it's {long}\"\n"));
    place.file("key.csv", format!("{long}\n1\n"));
    let text = format!("SELECT '{long}' AS id, '{long}' AS t");
    place.run(&format!("COPY ({text}) TO 'DIR/a.parquet'; COPY ({text}) TO 'DIR/a.avro'; COPY ({text}) TO 'DIR/a.arrow'")).await.unwrap();
    for (file, with) in [
        ("a.json", ", 'on-error' = 'fail'"),
        ("b.json", ", 'on-error' = 'fail'"),
        ("a.csv", ", 'on-error' = 'fail'"),
        ("header.csv", ", 'on-error' = 'fail'"),
        ("a.parquet", ""),
        ("a.avro", ""),
        ("a.arrow", ""),
    ] {
        for column in ["id BIGINT", "t TIMESTAMP(3)", "t DATE", "id DECIMAL(5, 2)", "id ARRAY<INT>"] {
            let name = column.split(' ').next().unwrap();
            let table = format!(
                "CREATE TABLE t ({column}, z INT) WITH ('connector' = 'filesystem', 'path' = 'DIR/{file}'{with}); SELECT {name} FROM t"
            );
            let error = place.error(&table).await.to_string();
            assert!(error.contains(file), "{file}, {column}: {error:.2000}");
            let shown = error.matches("long ").count();
            assert!(shown <= 2 * 41, "{file}, {column}: {shown} times in {error:.2000}");
        }
        for expression in ["CAST(t AS INT)", "CAST(t AS TIMESTAMP(3))", "t + 1", "CAST(t AS DECIMAL(3, 1))"] {
            if with.is_empty() {
                let error = place.error(&format!("SELECT {expression} FROM 'DIR/{file}'")).await.to_string();
                assert!(error.matches("long ").count() <= 2 * 41, "{file}, {expression}: {error:.2000}");
            }
        }
    }
    let error = place.error(&format!("SELECT CAST('{long}' AS INT)")).await.to_string();
    assert!(error.matches("long ").count() <= 3 * 41, "{error:.2000}");
    let error = place.error("SELECT nope FROM 'DIR/key.csv'").await.to_string();
    assert!(error.matches("long ").count() <= 3 * 41, "{error:.2000}");
}
#[test]
fn maps_and_unions_are_printed_in_every_format() {
    let home = Home::new();
    let maps = "SELECT MAP {1: 'a', 2: 'b'} AS m, ARRAY[MAP {DATE '2024-05-01': 1.5}] AS l";
    for (format, parts) in [
        ("table", &["{1: a, 2: b}", "[{2024-05-01: 1.5}]"][..]),
        ("box", &["{1: a, 2: b}"]),
        ("csv", &["m,l"]),
        ("json", &[r#"{"1":"a","2":"b"}"#, r#"[{"2024-05-01":1.5}]"#]),
        ("ndjson", &[r#""m":{"1":"a","2":"b"}"#]),
    ] {
        let ended = home.run(&["query", maps, "--format", format]);
        assert!(ended.code == Some(0) && parts.iter().all(|part| ended.out.contains(part)), "{format}: {ended}");
    }
}

/// The error must not quote the whole line.
#[tokio::test]
async fn a_line_of_many_megabytes_is_read_and_not_shown() {
    let place = Place::new();
    let row = |n: usize| format!("{{\"id\": {n}, \"s\": \"{}\"}}", "long ".repeat(200));
    let array: Vec<String> = (0..74_000).map(row).collect();
    place.file("a.json", format!("[{}]", array.join(", ")));
    assert_eq!(place.rows("SELECT COUNT(*), MAX(id) FROM 'DIR/a.json'").await, ["74000|73999"]);
    place.file("cut.json", format!("[{}, {{\"id\": ", array.join(", ")));
    let table =
        "CREATE TABLE t (id INT, s INT) WITH ('connector' = 'filesystem', 'path' = 'DIR/FILE', 'on-error' = 'fail'); SELECT id, s FROM t";
    for file in ["a.json", "cut.json"] {
        let error = place.error(&table.replace("FILE", file)).await.to_string();
        assert!(error.contains(file) && error.matches("long ").count() <= 2 * 41, "{error:.2000}");
    }
    let long = "long ".repeat(40);
    place.file(&format!("p/k={long}/a.csv"), "id\n1\n");
    let table = "CREATE TABLE t (id INT, k INT) PARTITIONED BY (k) WITH ('connector' = 'filesystem', 'path' = 'DIR/p', 'format' = 'csv'); SELECT k FROM t";
    let error = place.error(table).await.to_string();
    // Once in the name of the file, which is shown whole so that users find it.
    assert!(error.contains("a.csv") && error.matches("long ").count() <= 3 * 41, "{error}");
}
