//! Checks that modules use only modules below them (docs/architecture.md).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// From top to bottom; modules on one line may not use each other.
const FLOORS: [&[&str]; 12] = [
    &["main"],
    &["cli"],
    &["shell", "server", "cluster"],
    &["workspace"],
    &["jobs"],
    &["planner"],
    &["operators"],
    &["catalog"],
    &["connectors"],
    &["state", "formats", "sql"],
    &["common"],
    &[],
];

fn floor(module: &str) -> Option<usize> {
    FLOORS.iter().position(|modules| modules.contains(&module))
}

fn rust_files(dir: &Path, out: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            rust_files(&path, out);
        } else if path.extension().is_some_and(|e| e == "rs") {
            out.push(path);
        }
    }
}

/// Returns the modules in `crate::a::b` and `crate::{a::b, c}` in code, not in comments.
fn uses(text: &str) -> BTreeSet<String> {
    let code: String = text.lines().map(|l| l.split("//").next().unwrap_or("")).collect::<Vec<_>>().join("\n");
    let mut modules = BTreeSet::new();
    for root in ["crate::", "millstream::"] {
        for (at, _) in code.match_indices(root) {
            let rest = &code[at + root.len()..];
            if let Some(list) = rest.strip_prefix('{') {
                let mut depth = 1;
                let mut part = String::new();
                for c in list.chars() {
                    match c {
                        '{' => depth += 1,
                        '}' => depth -= 1,
                        _ => {}
                    }
                    if depth == 0 || (depth == 1 && c == ',') {
                        modules.insert(first_name(&part));
                        part.clear();
                    } else {
                        part.push(c);
                    }
                    if depth == 0 {
                        break;
                    }
                }
            } else {
                modules.insert(first_name(rest));
            }
        }
    }
    modules
}

fn first_name(text: &str) -> String {
    text.trim().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

#[test]
fn arrows_between_modules_go_down_only() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    rust_files(&src, &mut files);
    let mut wrong = Vec::new();
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for file in files {
        let relative = file.strip_prefix(&src).unwrap();
        let module = relative.components().next().unwrap().as_os_str().to_string_lossy().trim_end_matches(".rs").to_string();
        if module == "lib" {
            continue;
        }
        let Some(from) = floor(&module) else {
            wrong.push(format!("{}: `{module}` is no module that this test knows", relative.display()));
            continue;
        };
        *seen.entry(module.clone()).or_default() += 1;
        for used in uses(&std::fs::read_to_string(&file).unwrap()) {
            let Some(to) = floor(&used) else { continue };
            if used != module && to <= from {
                wrong.push(format!("{}: {module} may not use {used}", relative.display()));
            }
        }
    }
    assert!(seen.len() >= 8, "modules found: {seen:?}");
    assert!(wrong.is_empty(), "arrows that go up:\n{}", wrong.join("\n"));
}

#[test]
fn the_reader_of_uses_finds_all_forms() {
    let text = "use crate::common::{Error, Result};\nuse crate::{jobs::run, planner::{bind::Binding, session}};\n// use crate::shell;\nlet x = crate::state::open();";
    assert_eq!(uses(text).into_iter().collect::<Vec<_>>(), ["common", "jobs", "planner", "state"]);
}

#[test]
fn the_planner_names_no_connector() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/planner");
    let mut files = Vec::new();
    rust_files(&src, &mut files);
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap().to_lowercase();
        for name in ["kafka", "datagen", "mysql", "cassandra", "blackhole"] {
            assert!(!text.contains(name), "{} names the connector {name}", file.display());
        }
    }
}

/// A dialect is one folder and one line: shared code names no dialect.
#[test]
fn what_dialects_share_names_none() {
    let sql = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/sql");
    let mut files = Vec::new();
    rust_files(&sql, &mut files);
    let mut named = Vec::new();
    for file in files {
        let relative = file.strip_prefix(&sql).unwrap().to_string_lossy().to_string();
        if relative.starts_with("flink/") || relative == "dialect.rs" || relative.ends_with("tests.rs") {
            continue;
        }
        let text = std::fs::read_to_string(&file).unwrap();
        let code = text.split("#[cfg(test)]\nmod tests").next().unwrap();
        let lines = code.lines().map(|line| line.split("//").next().unwrap_or("")).enumerate();
        for (n, line) in lines.filter(|(_, line)| line.to_lowercase().contains("flink") && !line.trim_start().starts_with("mod flink")) {
            named.push(format!("{relative}:{}: {line}", n + 1));
        }
    }
    assert!(named.is_empty(), "only dialect.rs names a dialect:\n{}", named.join("\n"));
}
