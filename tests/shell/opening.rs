//! How a shell opens: its help, its flags, its init file.

use std::path::Path;
use std::process::Command;

use super::home;
use super::terminal::Terminal;

fn open(home: &Path, args: &[&str], env: &[(&str, &str)]) -> Terminal {
    Terminal::open(home, 80.try_into().unwrap(), args, env)
}

#[test]
fn an_init_file_comes_first() {
    let home = home();
    std::fs::create_dir_all(home.path().join(".config/millstream")).unwrap();
    let init = "\\timing on\nCREATE TEMPORARY TABLE mine (id INT) WITH ('connector' = 'print');\n\\set day 'a monday'\n";
    std::fs::write(home.path().join(".config/millstream/init.sql"), init).unwrap();
    let mut terminal = open(home.path(), &[], &[]);
    terminal.enter("\\dt", "mine");
    terminal.enter("SELECT :day AS day;", "| a monday |");
    terminal.shows("Time: ");
    terminal.line("\\q");
    terminal.ends();

    let mut terminal = open(home.path(), &["--no-init"], &[]);
    terminal.enter("SELECT 1 AS one;", "1 row");
    terminal.enter("\\d mine", "error: ");
    assert!(!terminal.text().contains("Time: "), "{}", terminal.text());

    // A script does not run the init file.
    let script = Command::new(env!("CARGO_BIN_EXE_millstream"))
        .args(["-c", "SELECT :day AS day"])
        .current_dir(home.path())
        .env("HOME", home.path())
        .env_remove("XDG_CONFIG_HOME")
        .output()
        .unwrap();
    assert_eq!(script.status.code(), Some(1));
}

#[test]
fn an_error_in_the_init_file_is_shown_and_the_shell_opens() {
    let home = home();
    std::fs::create_dir_all(home.path().join("own/millstream")).unwrap();
    std::fs::write(home.path().join("own/millstream/init.sql"), "SELECT 1 AS fine;\nSELEC 2;\n").unwrap();
    let own = home.path().join("own");
    let mut terminal = open(home.path(), &[], &[("XDG_CONFIG_HOME", own.to_str().unwrap())]);
    let text = terminal.shows("init.sql:2:1");
    assert!(text.contains("did you mean `SELECT`?"), "{text}");
    terminal.enter("SELECT 'open' AS it;", "| open |");
}

#[test]
fn an_option_that_nothing_knows_is_told_at_once() {
    let home = home();
    for (option, known) in [("topik=orders", false), ("checkpoint.interval=1 s", true), ("later.topic=orders", true)] {
        if known {
            let mut terminal = open(home.path(), &["-o", option], &[]);
            terminal.enter("SELECT 'open' AS it;", "| open |");
            continue;
        }
        let (mut terminal, text) = Terminal::ending(home.path(), (90.try_into().unwrap(), 120.try_into().unwrap()), &["-o", option]);
        assert!(text.contains("--option topik: nothing in this run knows this option") && text.contains("did you mean `topic`?"), "{text}");
        assert_eq!(terminal.ends(), 2);
    }
}

#[test]
fn help_fits_a_screen() {
    let help = |args: &[&str]| {
        let done = Command::new(env!("CARGO_BIN_EXE_millstream")).args(args).env("COLUMNS", "200").output().unwrap();
        assert!(done.status.success(), "{args:?}");
        String::from_utf8(done.stdout).unwrap()
    };
    let commands = ["run", "query", "check", "peek", "demo", "completions"];
    for command in std::iter::once(None).chain(commands.map(Some)) {
        let with = |flag| help(&command.into_iter().chain([flag]).collect::<Vec<_>>());
        let text = with("--help");
        assert_eq!(text, with("-h"));
        let widest = text.lines().map(|line| line.chars().count()).max().unwrap();
        assert!(text.lines().count() <= 40 && widest <= 80, "{} lines of {widest} columns\n{text}", text.lines().count());
    }
    let text = help(&["--help"]);
    assert!(text.contains("millstream run jobs/") && commands.iter().all(|command| text.contains(command)), "{text}");
}
