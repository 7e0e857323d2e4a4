//! Flags, as in the field: the same names mean the same in every subcommand.

use std::io::IsTerminal;
use std::path::PathBuf;

use crate::common::units;
use crate::shell::commands::PEEKED;
use crate::shell::render::Format;
use clap::{Args as ClapArgs, Parser, Subcommand};

/// Streaming SQL on DataFusion, in one binary.
#[derive(Debug, Parser)]
#[command(version, about, max_term_width = 110, after_help = AFTER, args_conflicts_with_subcommands = false)]
pub(super) struct Args {
    #[command(flatten)]
    pub(super) common: Common,
    #[command(flatten)]
    pub(super) shell: ShellArgs,
    #[command(subcommand)]
    pub(super) command: Option<Command>,
}

impl Args {
    /// Whether a person will be asked what to do.
    pub(super) fn asks(&self) -> bool {
        match &self.command {
            None => self.shell.commands.is_empty() && self.shell.files.is_empty() && std::io::stdin().is_terminal(),
            Some(Command::Demo(demo)) => demo.shell,
            Some(_) => false,
        }
    }
}

/// What stands below the help.
const AFTER: &str = "Without a command it opens a shell. For example:
  millstream                                    the shell
  millstream -c \"SELECT * FROM 'data.csv'\"      one answer
  millstream run jobs/                          jobs, until Ctrl-C";

/// Flags of the shell.
#[derive(Debug, ClapArgs)]
pub(super) struct ShellArgs {
    /// Carry out statements or meta commands, and end
    #[arg(short = 'c', long = "command", value_name = "SQL")]
    pub(super) commands: Vec<String>,
    /// Carry out a file, and end (before -c; `-` is stdin)
    #[arg(short = 'f', long = "file", value_name = "FILE")]
    pub(super) files: Vec<PathBuf>,
    /// How rows are printed [default: table on a terminal, else csv]
    #[arg(long, value_name = "FORMAT")]
    pub(super) format: Option<Format>,
}

/// Flags of every subcommand.
#[derive(Debug, Clone, ClapArgs)]
pub(super) struct Common {
    /// The data folder: jobs' checkpoints, the catalog
    #[arg(long, global = true, env = "MILLSTREAM_DATA", default_value = ".millstream", value_name = "DIR")]
    pub(super) data: PathBuf,
    /// Shared declarations to read as well: a folder of .sql files, or one file
    #[arg(long, global = true, value_name = "PATH")]
    pub(super) catalog: Option<PathBuf>,
    /// Set an option of tables, or of the job: [TABLE.]KEY=VALUE
    #[arg(long = "option", short = 'o', global = true, value_name = "[TABLE.]KEY=VALUE")]
    pub(super) options: Vec<String>,
    /// Give a variable a value: `:NAME` and `${NAME}` in statements become it
    #[arg(short = 'v', long = "variable", global = true, value_name = "NAME=VALUE")]
    pub(super) variables: Vec<String>,
    /// The memory for queries and state, like 512MB [default: 60 % of the machine's or the cgroup's]
    #[arg(long, global = true, value_name = "SIZE", value_parser = memory)]
    pub(super) memory_limit: Option<u64>,
    /// Put an in-process topic log in place of every Kafka table (kept in the data folder, for one process at a time)
    #[arg(long, global = true)]
    pub(super) embedded: bool,
    /// Say more on stderr (RUST_LOG sets it in detail)
    #[arg(long, global = true)]
    pub(super) verbose: bool,
}

/// Less than this is of no use to anybody: batches alone take some.
const LEAST_MEMORY: u64 = 16 << 20;

fn memory(text: &str) -> Result<u64, String> {
    match units::bytes(text) {
        Ok(bytes) if bytes >= LEAST_MEMORY => Ok(bytes),
        Ok(_) => Err("at least 16MB are needed".to_string()),
        Err(e) => Err(format!("{}; {}", e.message(), e.hint_text().unwrap_or_default())),
    }
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Run .sql files as one continuous job, until Ctrl-C
    Run(RunArgs),
    /// Answer a query over what the tables hold now, and end
    Query(QueryArgs),
    /// Say what .sql files would do, and all that is wrong with them; nothing is started
    Check(CheckArgs),
    /// Show the newest messages of a topic or records of files, raw and decoded
    Peek(PeekArgs),
    /// Show windows moving: a generator and the transactions job, with nothing installed (--shell: ask by yourself)
    Demo(DemoArgs),
    /// Print what a shell needs to complete commands and flags of millstream
    Completions(CompletionsArgs),
}

/// Flags of `run`.
#[derive(Debug, ClapArgs)]
pub(super) struct RunArgs {
    /// .sql files in the order they run; a folder stands for its .sql files in natural order
    #[arg(required = true, value_name = "FILE")]
    pub(super) files: Vec<PathBuf>,
    /// The job's name; the same name resumes [default: the files' folder, or the file's stem]
    #[arg(long)]
    pub(super) name: Option<String>,
    /// Where commits are kept: a folder or s3://bucket/prefix [default: <DATA>/jobs]
    #[arg(long, value_name = "URL")]
    pub(super) checkpoints: Option<String>,
    /// Drop the job's state and begin anew (asks first)
    #[arg(long)]
    pub(super) fresh: bool,
    /// Answer yes to every question
    #[arg(long, short)]
    pub(super) yes: bool,
    /// With --fresh: where reading begins: earliest, latest or timestamp:<ms or 'yyyy-mm-dd hh:mm:ss'>
    #[arg(long, value_name = "POSITION")]
    pub(super) from: Option<String>,
    /// Stop at the positions that are the ends now; the next run goes on from there
    #[arg(long)]
    pub(super) until_now: bool,
}

/// Flags of `query`.
#[derive(Debug, ClapArgs)]
pub(super) struct QueryArgs {
    /// The query
    #[arg(value_name = "SQL")]
    pub(super) sql: String,
    /// Run declarations from this file first
    #[arg(short = 'f', long = "file", value_name = "FILE")]
    pub(super) files: Vec<PathBuf>,
    /// How rows are printed [default: table on a terminal, else csv]
    #[arg(long)]
    pub(super) format: Option<Format>,
}

/// Flags of `peek`.
#[derive(Debug, ClapArgs)]
pub(super) struct PeekArgs {
    /// The table, or the path of files
    #[arg(value_name = "TABLE")]
    pub(super) table: String,
    /// How many rows at most
    #[arg(short = 'n', long, value_name = "ROWS", default_value_t = PEEKED, value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) rows: u32,
    /// Run declarations from this file first
    #[arg(short = 'f', long = "file", value_name = "FILE")]
    pub(super) files: Vec<PathBuf>,
    /// How rows are printed [default: table on a terminal, else csv]
    #[arg(long, value_name = "FORMAT")]
    pub(super) format: Option<Format>,
}

/// Flags of `completions`.
#[derive(Debug, ClapArgs)]
pub(super) struct CompletionsArgs {
    /// Whose: bash reads `source <(millstream completions bash)`
    #[arg(value_name = "SHELL")]
    pub(super) shell: clap_complete::Shell,
}

/// Flags of `check`.
#[derive(Debug, ClapArgs)]
pub(super) struct CheckArgs {
    /// .sql files in the order they run; a folder stands for its .sql files in natural order
    #[arg(required = true, value_name = "FILE")]
    pub(super) files: Vec<PathBuf>,
    /// Also reach the server of each table, and show a row of it
    #[arg(long)]
    pub(super) connect: bool,
}

/// Flags of `demo`.
#[derive(Debug, ClapArgs)]
pub(super) struct DemoArgs {
    /// End by itself after so many seconds
    #[arg(long, value_name = "SECONDS", conflicts_with = "shell")]
    pub(super) seconds: Option<u64>,
    /// Open a shell on the demo's tables instead
    #[arg(long)]
    pub(super) shell: bool,
}
