//! The command line, a thin layer: it turns flags into a [`Connection`](crate::workspace::Connection) and prints the results.

mod allocator;
mod args;
mod check;
mod completions;
mod demo;
mod peek;
mod query;
mod run;
mod scripts;
mod setup;
mod shell;
mod status;
mod terminal;

use std::io::{IsTerminal, Write};
use std::process::ExitCode;

use clap::{Arg, CommandFactory, FromArgMatches};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::prelude::*;

use crate::common::{Error, Result, panics, secret};
use crate::shell::LogBuffer;

use args::{Args, Command};

/// Unused stack takes no memory.
const STACK: usize = 256 << 20;

/// Runs the command that the process was started with.
pub fn main() -> ExitCode {
    let args = arguments();
    let level = if args.common.verbose { "millstream=debug,warn,scylla=off" } else { "millstream=warn,error,scylla=off" };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(level));
    let notes = LogBuffer::default();
    let log = tracing_subscriber::registry().with(filter);
    // Live results draw on the terminal; the log must not write over them.
    if args.is_shell() {
        log.with(notes.clone()).init();
    } else {
        let ansi = std::io::stderr().is_terminal();
        log.with(tracing_subscriber::fmt::layer().with_writer(|| Discreet).without_time().with_target(false).with_ansi(ansi)).init();
    }
    let done = deep(|| start(args, notes.clone()));
    notes.at_once(true);
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(error.exit_code())
        }
    }
}

/// Stderr for the log, which holds messages of libraries: masks secrets.
struct Discreet;

impl Write for Discreet {
    /// Writes a whole event at a time.
    fn write(&mut self, event: &[u8]) -> std::io::Result<usize> {
        std::io::stderr().write_all(secret::shown(&String::from_utf8_lossy(event)).as_bytes())?;
        Ok(event.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        std::io::stderr().flush()
    }
}

/// The arguments of the process.
fn arguments() -> Args {
    Args::from_arg_matches(&command().get_matches()).unwrap_or_else(|e| e.exit())
}

/// Returns all commands and flags. The demo's help leaves out global flags without an effect on it.
fn command() -> clap::Command {
    const NOT_OF_DEMO: [&str; 7] = ["data", "checkpoints", "catalog", "variables", "memory_limit", "embedded", "retention"];
    let command = Args::command();
    let hidden = command.get_arguments().filter(|flag| NOT_OF_DEMO.contains(&flag.get_id().as_str()));
    let hidden: Vec<Arg> = hidden.map(|flag| flag.clone().hide(true)).collect();
    command.mut_subcommand("demo", |demo| demo.args(hidden))
}

/// Runs work on a thread with a large stack: plans are trees, which are walked recursively.
fn deep(run: impl FnOnce() -> Result<()> + Send) -> Result<()> {
    std::thread::scope(|scope| {
        let main = std::thread::Builder::new().name("main".into()).stack_size(STACK).spawn_scoped(scope, run);
        let main = main.map_err(|e| Error::internal("no threads can be started").with_source(e))?;
        main.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

fn start(args: Args, notes: LogBuffer) -> Result<()> {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    if args.common.memory_limit.is_some() {
        allocator::return_freed_memory();
    }
    if let Some(threads) = args.common.threads {
        runtime.worker_threads(threads);
    }
    let runtime = runtime
        .enable_all()
        .thread_stack_size(STACK / 8)
        .build()
        .map_err(|e| Error::internal("no threads can be started").with_source(e))?;
    panics::keep_quiet();
    let done = runtime.block_on(panics::caught(panics::gave_up, async {
        match args.command {
            None => shell::shell(&args.common, args.shell, notes).await,
            Some(Command::Run(run)) => run::run(&args.common, run).await,
            Some(Command::Query(query)) => query::query(&args.common, query).await,
            Some(Command::Check(check)) => check::check(&args.common, check).await,
            Some(Command::Peek(peek)) => peek::peek(&args.common, peek).await,
            Some(Command::Completions(wanted)) => completions::completions(&wanted, &mut command()),
            Some(Command::Demo(demo)) => demo::demo(&args.common, demo, notes).await,
        }
    }));
    // Does not wait for reader threads: one may be blocked in a network call.
    runtime.shutdown_background();
    done
}
