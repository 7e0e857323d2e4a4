//! No secret is shown: eleven of them, written in every way, valid and invalid, through every command, at the most verbose log level.

use std::process::Stdio;

use crate::cli::{Ended, Home};

/// A part of every word of every secret, so that no part of one may be shown.
const MARK: &str = "Zq9";

/// Options and their values, as text of SQL.
const SECRETS: [(&str, &str); 11] = [
    ("properties.sasl.password", "Zq9plain"),
    ("properties.sasl.jaas.config", "org.x.PlainLoginModule required\n  username=\"ann\"\n  password=\"Zq9jaas\";"),
    ("properties.ssl.key.password", "Zq9a,Zq9b) Zq9c"),
    ("properties.ssl.keystore.key", "-----BEGIN KEY-----\nZq9line1\nZq9line2\n-----END KEY-----"),
    ("properties.ssl.key.pem", "Zq9-pem-'quoted"),
    ("properties.sasl.oauthbearer.config", "scope=x secret=Zq9oauth"),
    ("s3.secret-access-key", "Zq9/+==&x=Zq9"),
    ("s3.session-token", "\"Zq9-in-double\""),
    ("value.avro-confluent.basic-auth.user-info", "me:Zq9info"),
    ("properties.sasl.pasword", "Zq9-misspelt"),
    ("password", "Zq9'quoted\\"),
];

/// Ways of writing a secret: `{k}` is its key, `{v}` its value with quotes doubled, `{raw}` the plain value, `{url}` a part of a URL.
const WAYS: [&str; 37] = [
    "CREATE TABLE {t} (a INT) WITH ('connector' = 'kafka', 'topic' = 'x', '{k}' = '{v}', 'format' = 'json');",
    "CREATE TABLE {t} (a INT) WITH ('connector' = 'kafka', '{k}'='{v}', 'topik' = 'x');",
    "CREATE TABLE {t} (a INT) WITH ('connector' = 'files', 'path' = '/no/such', '{k}'\n = \n'{v}');",
    "CREATE TABLE {t} (a INT) WITH ('connector' = 'datagen', '{k}' = '{v}');",
    "CREATE TABLE {t} (a INT) WITH ('{k}' = \"{raw}\", 'connector' = 'kafka');",
    "CREATE TABLE {t} (a INT) WITH (\"{k}\" = '{v}', 'connector' = 'kafka');",
    "CREATE TABLE {t} (a INT) WITH (`{k}` = `{raw}`);",
    "CREATE TABLE {t} (a INT) WITH ('{k}' = E'{v}', 'connector' = 'kafka');",
    "CREATE TABLE {t} (a INT) WITH ('{k}' = U&'{v}', 'connector' = 'kafka');",
    "CREATE TABLE {t} (a INT) WITH ('{k}' = $${raw}$$, 'connector' = 'kafka');",
    "CREATE TABLE {t} (a INT) WITH ('{k}' = {word}, 'connector' = 'kafka');",
    "CREATE TABLE {t} (a INT) WITH ({k} = {word}, 'connector' = 'kafka');",
    "CREATE TABLE {t} (a INT) WITH ('{k}' '{v}');",
    "CREATE TABLE {t} (a INT) WITH ('{k}' = '{v}' 'topic' = 'x');",
    "CREATE TABLE {t} (a INT) WITH ('{k}' == '{v}');",
    "CREATE TABLE {t} (a INT) WITH ('{k}' = '{v}'",
    "CREATE TABLE {t} (a INT) WITH ('topic' = 'x, '{k}' = '{v}');",
    "CREATE TABLE {t} (a INT) WITH ('{k}' = 'x' || '{v}');",
    "CREATE TABLE {t} (a INT) WITH ('{k}' = '{v}, 'connector' = 'kafka');",
    "CREATE TABLE {t} (a INT) /* '{k}' = '{v}' */ WITH ('connector' = 'kafka') nonsense;",
    "-- it's '{k}' = '{word}'\nCREATE TABLE {t} (a INT) WITH ('connector' = 'kafka') nonsense;",
    "CREATE TABLE {t} (a INT) WITH ('connector' = 'files', 'path' = 's3://me:{url}@bucket/x', 'format' = 'csv');\nSELECT * FROM {t};",
    "CREATE TABLE {t} (a INT) WITH ('connector' = 'files', 'path' = 's3://bucket/x', 's3.endpoint' = 'http://me:{url}@127.0.0.1:1', \
     'format' = 'csv');\nSELECT * FROM {t};",
    "SELECT * FROM 's3://me:{url}@bucket/a.csv';",
    "SELECT * FROM 'http://127.0.0.1:1/a.csv?x=1&password={url}&y=2';",
    "SELECT * FROM '/no/such.csv?token={url}';",
    "COPY (SELECT 1) TO 's3://me:{url}@bucket/a.csv' (FORMAT CSV, '{k}' '{v}');",
    "CREATE EXTERNAL TABLE {t} (a INT) STORED AS CSV LOCATION 's3://me:{url}@bucket/a' OPTIONS ('{k}' '{v}');",
    "SET '{k}' = '{v}';\nSET;",
    "SET {k} = {word};",
    "SET '{k}' '{v}';",
    "SELECT * FROM (VALUES (1)) t /*+ OPTIONS('{k}'='{v}') */;",
    "CREATE TABLE {t} (a INT) WITH ('connector' = 'kafka', 'topic' = 'x', 'format' = 'json', '{k}' = '{v}', \
     'properties.bootstrap.servers' = 'me:{url}@127.0.0.1:1,https://me:{url}@127.0.0.1:2');\nSELECT * FROM {t} LIMIT 1;",
    "CREATE TABLE {t} (a INT) WITH ('connector' = 'mysql', 'url' = 'mysql://me:{url}@127.0.0.1:1/d', 'table-name' = 'x', '{k}' = '{v}');\n\
     SELECT * FROM {t}; EXPLAIN SELECT * FROM {t}; INSERT INTO {t} VALUES (1); SHOW CREATE TABLE {t};",
    "CREATE TABLE {t} WITH ('connector' = 'jdbc', 'url' = 'jdbc:mysql://127.0.0.1:1/d?user=me&password={url}', 'table-name' = 'x', \
     'username' = 'me', '{k}' = '{v}');\nSELECT * FROM {t};",
    "CREATE TABLE {t} (a INT) WITH ('connector' = 'mysql', 'url' = 'mysql://me:{url}@127.0.0.1:x/d?ssl-mod=1', 'table-name' = 'x');",
    "CREATE TABLE {t} (a INT) WITH ('connector' = 'kafka', 'topic' = 'x', 'format' = 'json', '{k}' = '{v}');\n\
     SHOW CREATE TABLE {t}; DESCRIBE {t}; EXPLAIN SELECT * FROM {t}; EXPLAIN INSERT INTO {t} SELECT a FROM {t}; SHOW TABLES; \
     ALTER TABLE {t} SET ('{k}' = '{v}x'); SHOW CREATE TABLE {t}; INSERT INTO {t} SELECT a FROM {t}; SHOW JOBS; DROP TABLE {t} nonsense;",
];

fn written(way: &str, (key, value): (&str, &str), table: &str) -> String {
    let word: String = value.chars().filter(|c| !c.is_whitespace() && !"'\"(),;".contains(*c)).collect();
    let url = word.replace('/', "%2F").replace(['&', '#', '=', '+'], "_");
    let filled = [("{k}", key), ("{v}", &value.replace('\'', "''")), ("{raw}", value), ("{word}", &word), ("{url}", &url), ("{t}", table)];
    filled.iter().fold(way.to_string(), |text, (place, with)| text.replace(place, with))
}

/// Secrets that were shown.
#[derive(Default)]
struct Shown(Vec<String>);

impl Shown {
    fn by(&mut self, what: &str, ended: &Ended) {
        let shown = format!("{}\n{}", ended.out, ended.err);
        let found: Vec<&str> = shown.lines().filter(|line| line.contains(MARK)).take(5).collect();
        if !found.is_empty() {
            self.0.push(format!("{what} shows a secret:\n{}\n", found.join("\n")));
        }
        assert!(!shown.trim().is_empty() || ended.code == Some(0), "{what} failed without a word");
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        assert!(self.0.is_empty() || std::thread::panicking(), "{}", self.0.join("\n"));
    }
}

/// Runs a command with the most verbose log.
fn traced(home: &Home, args: &[&str], stdin: Option<&str>) -> Ended {
    let mut command = home.command(args);
    command.env("RUST_LOG", "trace");
    if stdin.is_some() {
        command.stdin(Stdio::piped());
    }
    home.launch(command, stdin)
}

#[test]
fn check_shows_no_secret_of_any_statement() {
    let mut shown = Shown::default();
    for (n, way) in WAYS.iter().enumerate() {
        let home = Home::new();
        for (m, secret) in SECRETS.iter().enumerate() {
            home.file(&format!("{m}.sql"), &written(way, *secret, &format!("t{m}")));
        }
        let all: Vec<String> = (0..SECRETS.len()).map(|m| format!("{m}.sql")).collect();
        let files: Vec<&str> = all.iter().map(String::as_str).collect();
        shown.by(&format!("check of way {n} ({way})"), &traced(&home, &[&["check"], &files[..]].concat(), None));
    }
}

#[test]
fn statements_and_their_errors_show_no_secret() {
    let mut shown = Shown::default();
    for (n, way) in WAYS.iter().enumerate() {
        let home = Home::new();
        for m in [n % SECRETS.len(), (n + 3) % SECRETS.len()] {
            let text = written(way, SECRETS[m], "t");
            home.file("a.sql", &text);
            let what = |command: &str| format!("{command} of way {n} with secret {m} ({text})");
            shown.by(&what("query -f"), &traced(&home, &["query", "SELECT * FROM t", "-f", "a.sql"], None));
            shown.by(&what("-c"), &traced(&home, &["-c", &text], None));
            // Each statement separately, after the invalid ones; then commands of the shell that show them.
            let typed = format!("{text}\n;\n\\p\nSHOW CREATE TABLE t;\n\\d+ t\n\\peek t\n\\set\nSET;\nSHOW JOBS;\n");
            shown.by(&what("stdin"), &traced(&home, &[], Some(&typed)));
        }
    }
}

#[test]
fn flags_and_variables_show_no_secret() {
    let home = Home::new();
    home.file(
        "job.sql",
        "CREATE TABLE t (a INT) WITH ('connector' = 'kafka', 'topic' = 'x', 'format' = 'json', 'properties.sasl.username' = 'ann',
           'properties.security.protocol' = 'SASL_PLAINTEXT', 'properties.sasl.mechanism' = 'PLAIN',
           'properties.sasl.password' = '${env:ZQ}', 'properties.socket.connection.setup.timeout.ms' = '1000');
         CREATE TABLE o (a INT) WITH ('connector' = 'blackhole');
         INSERT INTO o SELECT a FROM t;",
    );
    home.file("var.sql", "CREATE TABLE t (a INT) WITH ('connector' = 'kafka', 'properties.sasl.password' = :pw, 'topik' = :pw);");
    home.file("pw", "Zq9-of-a-file\n");
    let server = "properties.bootstrap.servers=127.0.0.1:1";
    let commands: [&[&str]; 16] = [
        &["run", "job.sql", "-o", server, "-o", "t.properties.sasl.pasword=Zq9 Zq9b"],
        &["run", "job.sql", "-o", server, "-o", "properties.sasl.password Zq9"],
        &["run", "job.sql", "-o", server, "-o", "t.s3.secret-access-key=Zq9"],
        &["run", "job.sql", "-o", server, "-o", "tt.properties.sasl.password=Zq9"],
        &["run", "job.sql", "-o", server, "-o", "properties.sasl.jaas.config=x required username=\"u\" password=\"Zq9\";"],
        &["check", "job.sql", "--connect", "-o", server, "-o", "t.properties.sasl.password=Zq9x"],
        &["query", "SELECT * FROM t", "-f", "job.sql", "-o", server, "-o", "t.properties.sasl.password=Zq9x"],
        &["peek", "t", "-o", server, "-o", "t.properties.sasl.password=Zq9x"],
        &["check", "var.sql", "-v", "pw=Zq9var"],
        &["run", "var.sql", "-v", "password=Zq9var"],
        &["run", "var.sql", "-v", "password Zq9var"],
        &["run", "job.sql", "-o", "t.properties.sasl.password=${file:pw}", "-o", "t.topik=${file:pw}"],
        &["run", "job.sql", "--checkpoints", "s3://me:Zq9check@bucket/x", "-o", "s3.endpoint=http://me:Zq9@127.0.0.1:1"],
        &["run", "job.sql", "--name", "../x", "-o", "s3.endpoint=http://Zq9token@127.0.0.1:1"],
        &["-c", "SHOW TABLES; SET; \\set", "-v", "token=Zq9var", "-o", "t.properties.sasl.password=Zq9x"],
        &[
            "-c",
            "CREATE TABLE u (a INT) WITH ('connector' = 'kafka', 'topic' = 'x', 'format' = 'json', 'properties.ssl.key.pem' = :k); \
                 SHOW CREATE TABLE u; SELECT * FROM u LIMIT 1",
            "-v",
            "k=Zq9var",
            "-o",
            server,
        ],
    ];
    let mut shown = Shown::default();
    for command in commands {
        let mut asked = home.command(command);
        asked.env("RUST_LOG", "trace").env("ZQ", "Zq9-of-the-environment");
        // A job waits for its broker: its output until then is enough.
        let live = home.launch_for(asked, std::time::Duration::from_secs(3));
        shown.by(&command.join(" "), &live);
    }
}
