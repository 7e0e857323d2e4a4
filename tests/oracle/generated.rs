//! Runs generated cases, shrinks those that fail, and prints them as files for the repository.

use std::collections::{BTreeMap, BTreeSet};
use std::io::IsTerminal;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::check;
use super::generate::{Spec, shrink::shrink};
use super::harness::{self, Cuts};

/// How many cases a plain `cargo test` runs.
const SEEDS: u64 = 300;

/// Walking a deep plan needs a large stack in an unoptimised build.
const STACK: usize = 64 << 20;

/// The requested seeds: `MILLSTREAM_ORACLE_SEEDS=10000`, or `=4711..4712` for one.
fn seeds() -> (u64, u64) {
    let Ok(text) = std::env::var("MILLSTREAM_ORACLE_SEEDS") else { return (0, SEEDS) };
    match text.split_once("..") {
        Some((from, to)) => (from.parse().unwrap(), to.parse().unwrap()),
        None => (0, text.parse().unwrap()),
    }
}

/// The result of a case.
#[derive(Debug, Clone)]
enum Outcome {
    Same,
    /// Batch and continuous answers differ.
    Differs(String),
    /// One of them stopped with an error.
    Fails(String),
}

impl Outcome {
    /// Whether a smaller case shows the same fault: errors are compared by their beginnings, without names and numbers.
    fn like(&self, other: &Self) -> bool {
        let kind = |text: &str| text.chars().filter(|c| c.is_alphabetic() || *c == ' ').take(60).collect::<String>();
        match (self, other) {
            (Self::Differs(_), Self::Differs(_)) => true,
            (Self::Fails(a), Self::Fails(b)) => kind(a) == kind(b),
            _ => false,
        }
    }
}

/// Runs a case once, with its plan.
fn run(spec: &Spec, runtime: &tokio::runtime::Runtime) -> Outcome {
    let attempt = || {
        let case = spec.case();
        let plan = &spec.plan;
        runtime.block_on(check(&case, "generated", &Cuts(plan.cuts.clone()), plan.interval, &plan.stops))
    };
    match catch_unwind(AssertUnwindSafe(attempt)) {
        Ok(Ok(_)) => Outcome::Same,
        Ok(Err(text)) => Outcome::Differs(text),
        Err(panic) => Outcome::Fails(text(panic.as_ref())),
    }
}

fn text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string)).unwrap_or_default()
}

/// Statistics of plans: why queries do not plan, with their seeds; and in how many cases each operator runs.
#[derive(Default)]
struct Planned {
    refused: BTreeMap<String, Vec<u64>>,
    operators: BTreeMap<String, u64>,
}

/// Returns the case without the queries that do not plan.
fn plannable(spec: Spec, runtime: &tokio::runtime::Runtime, planned: &Mutex<Planned>) -> Option<Spec> {
    use super::generate::Statement;
    let count = |operators: Vec<String>| {
        for name in operators.into_iter().collect::<BTreeSet<_>>() {
            *planned.lock().unwrap().operators.entry(name).or_default() += 1;
        }
    };
    let plans = |spec: &Spec| {
        let plan = || runtime.block_on(harness::plans(&spec.case()));
        catch_unwind(AssertUnwindSafe(plan)).unwrap_or_else(|panic| Err(text(panic.as_ref())))
    };
    if let Ok(operators) = plans(&spec) {
        count(operators);
        return Some(spec);
    }
    let mut good = Vec::new();
    for statement in &spec.statements {
        let (Statement::Kept(name, ..) | Statement::Insert(name, ..)) = statement else { continue };
        let one = spec.only(|s| matches!(s, Statement::Kept(n, ..) | Statement::Insert(n, ..) if n == name));
        match plans(&one) {
            Ok(_) => good.push(name.clone()),
            Err(why) => planned.lock().unwrap().refused.entry(why).or_default().push(spec.seed),
        }
    }
    let rest = spec.only(|s| matches!(s, Statement::Kept(n, ..) | Statement::Insert(n, ..) if good.contains(n)));
    count(plans(&rest).ok().filter(|_| !good.is_empty())?);
    Some(rest)
}

/// Writes the queries for DuckDB, a file per seed, and runs them: its answers must equal those of our batch queries, where it supports the
/// SQL. For a long run: `MILLSTREAM_ORACLE_SEEDS=3000 cargo test --test oracle duckdb -- --ignored --nocapture`, with the Python package
/// `duckdb`.
#[test]
#[ignore = "asks another engine, which has to be installed"]
fn duckdb() {
    use super::generate::Statement;
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).thread_stack_size(STACK).enable_all().build().unwrap();
    let (from, to) = seeds();
    let write = |seed: u64| {
        let spec = plannable(Spec::random(seed), &runtime, &Mutex::default())?.only(|s| matches!(s, Statement::Kept(..)));
        if spec.tables.iter().any(|table| table.keyed) || !spec.statements.iter().any(|s| matches!(s, Statement::Kept(..))) {
            return None;
        }
        let answers = runtime.block_on(harness::batch(&spec.case(), &Vec::new()));
        let table = |table: &super::generate::data::Table| serde_json::json!({"ddl": table.ddl(), "name": table.name, "rows": table.rows});
        let statement = |statement: &Statement| match statement {
            Statement::View(name, sql) => serde_json::json!({"view": name, "sql": sql.to_string()}),
            Statement::Kept(name, sql, _) => serde_json::json!({"answer": name, "sql": sql.to_string()}),
            Statement::Insert(..) => serde_json::Value::Null,
        };
        let asked = serde_json::json!({
            "seed": seed,
            "tables": spec.tables.iter().map(table).collect::<Vec<_>>(),
            "statements": spec.statements.iter().map(statement).collect::<Vec<_>>(),
            "answers": answers,
        });
        std::fs::write(folder.path().join(format!("{seed}.json")), asked.to_string()).unwrap();
        Some(())
    };
    std::thread::scope(|scope| {
        let work = || {
            for seed in from..to {
                let _ = write(seed);
            }
        };
        std::thread::Builder::new().name("generated".into()).stack_size(STACK).spawn_scoped(scope, work).unwrap();
    });
    let script = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oracle/ask_duckdb.py");
    let asked = std::process::Command::new("python3").arg(script).arg(folder.path()).status().unwrap();
    assert!(asked.success(), "DuckDB answers otherwise; see above");
}

#[test]
fn generated() {
    let (from, to) = seeds();
    let next = AtomicU64::new(from);
    let (failures, planned) = (Mutex::new(Vec::new()), Mutex::<Planned>::default());
    let (begin, told) = (Instant::now(), Mutex::new(Instant::now()));
    // Panics on these threads are outcomes; they are printed with the case.
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if std::thread::current().name() != Some("generated") {
            hook(info);
        }
    }));
    let work = || {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).thread_stack_size(STACK).enable_all().build().unwrap();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= to || failures.lock().unwrap().len() >= 20 {
                break;
            }
            if to - from == 1 {
                println!("{}", Spec::random(seed).text());
            }
            let Some(spec) = plannable(Spec::random(seed), &runtime, &planned) else { continue };
            let outcome = run(&spec, &runtime);
            if !matches!(outcome, Outcome::Same) {
                let small = shrink(spec, |spec| run(spec, &runtime).like(&outcome));
                let now = run(&small, &runtime);
                let why = match if matches!(now, Outcome::Same) { outcome } else { now } {
                    Outcome::Differs(text) | Outcome::Fails(text) => text,
                    Outcome::Same => unreachable!(),
                };
                let report = format!("{}\n{why}\n", small.text());
                println!("seed {seed} fails:\n{report}");
                failures.lock().unwrap().push(seed);
            }
            let mut told = told.lock().unwrap();
            if told.elapsed() > Duration::from_secs(if std::io::stdout().is_terminal() { 5 } else { 30 }) {
                *told = Instant::now();
                println!("seed {seed} of {from}..{to}, {} failed, {:.0} s", failures.lock().unwrap().len(), begin.elapsed().as_secs_f64());
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(2, usize::from) {
            std::thread::Builder::new().name("generated".into()).stack_size(STACK).spawn_scoped(scope, work).unwrap();
        }
    });
    let Planned { refused, operators } = planned.into_inner().unwrap();
    for (why, seeds) in &refused {
        println!("{} queries not planned, as in seed {}: {why}", seeds.len(), seeds[0]);
    }
    let operators: Vec<String> = operators.iter().map(|(name, cases)| format!("{name} {cases}")).collect();
    println!("cases by operator: {}", operators.join(", "));
    println!("{} cases in {:.0} s", to - from, begin.elapsed().as_secs_f64());
    let failures = failures.into_inner().unwrap();
    assert!(failures.is_empty(), "seeds {failures:?} fail; their cases stand above");
    // Few queries may be invalid, or the rest covers too little.
    let lost: usize = refused.values().map(Vec::len).sum();
    assert!((lost as u64) * 10 <= to - from, "{lost} queries of {} cases do not plan", to - from);
}
