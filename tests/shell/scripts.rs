//! `-c`, `-f` and stdin.

use std::io::Write;
use std::process::Stdio;

use super::cli::Home;

#[test]
fn scripts_run_in_the_order_in_which_they_stand() {
    let home = Home::new();
    home.file("a.sql", "SELECT 'a' AS file;\n");
    home.file("b.sql", "\\echo b\n");
    let args = ["-c", "SELECT 1 AS n", "-f", "a.sql", "-c", "SELECT 2 AS n; SELECT 3 AS m", "--file=b.sql", "--command", "SELECT 4 AS n"];
    let ended = home.run(&args).ok();
    assert_eq!((ended.out.as_str(), ended.err.as_str()), ("n\n1\nfile\na\nn\n2\nm\n3\nn\n4\n", "b\n"));

    let mut child = home.command(&["-f", "a.sql", "-f", "-", "-c", "SELECT 5 AS n"]).stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"SELECT 'in' AS std;").unwrap();
    let done = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8(done.stdout).unwrap(), "file\na\nstd\nin\nn\n5\n");
}

#[test]
fn the_first_error_ends_it_with_its_place_and_a_caret() {
    let home = Home::new();
    home.file("wrong.sql", "SELECT 1 AS n;\n\\echo on\nSELECT 2 AS n;\nSELECT nothing FROM nowhere;\nSELECT 3 AS n;\n");
    home.file("command.sql", "SELECT 1 AS n;\nSELECT 2 AS n; \\timming\n");
    for (args, code, out, err) in [
        (&["-f", "wrong.sql", "-c", "SELECT 4"][..], 1, "n\n1\nn\n2\n", "wrong.sql:4:21"),
        (&["-c", "SELECT 1 AS n", "-c", "SELECT 2 +", "-c", "SELECT 3"], 1, "n\n1\n", "<sql>:1:"),
        (&["-f", "command.sql"], 2, "n\n1\nn\n2\n", "command.sql:2:16"),
        (&["-f", "missing.sql", "-c", "SELECT 1"], 2, "", "cannot read missing.sql"),
        (&["-c", "SELECT 1 AS n", "-f", "missing.sql"], 2, "", "cannot read missing.sql"),
        (&["-c", "\\i missing.sql"], 2, "", "<sql>:1:1"),
    ] {
        let ended = home.run(args).exits(code).says(&[err]);
        assert_eq!(ended.out, out, "{args:?}\n{ended}");
        let caret = ended.err.lines().any(|line| line.contains('|') && line.trim_end().ends_with('^'));
        assert!(caret || !err.contains(':'), "{ended}");
    }
}

#[test]
fn commands_behind_sql_in_a_script() {
    let home = Home::new();
    home.file(
        "script.sql",
        "SELECT 'a\n\\d\n.tables\n' AS lines \\g lines.csv\nSELECT 1 AS n; SELECT 2 AS n \\gx\nSELECT 3 AS n\n\\echo then\n",
    );
    let ended = home.run(&["-f", "script.sql"]).ok();
    assert_eq!(home.read("lines.csv"), "lines\n\"a\n\\d\n.tables\n\"\n");
    assert!(ended.out.starts_with("n\n1\n") && ended.out.ends_with("n\n3\n"), "{ended}");
}
