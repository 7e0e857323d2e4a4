//! Command-line flags. A name means the same in every subcommand.

use std::path::PathBuf;
use std::sync::Arc;

use crate::common::s3::Buckets;
use crate::common::units;
use crate::shell::commands::PEEKED;
use crate::shell::render::Format;
use clap::{Args as ClapArgs, Parser, Subcommand};

use super::scripts::Scripts;

/// Streaming SQL on DataFusion, in one binary.
#[derive(Debug, Parser)]
#[command(version, about, max_term_width = WIDTH, after_help = AFTER, args_conflicts_with_subcommands = false)]
pub(super) struct Args {
    // First, because the heading of the others would count for it as well.
    #[command(flatten)]
    pub(super) shell: ShellArgs,
    #[command(flatten)]
    pub(super) common: Common,
    #[command(subcommand)]
    pub(super) command: Option<Command>,
}

/// Help is no wider than this, so that it fits the narrowest terminal that people use.
const WIDTH: usize = 80;

impl Args {
    /// Whether statements are carried out as in the shell, for a person or a script.
    pub(super) fn is_shell(&self) -> bool {
        match &self.command {
            None => true,
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

/// The help of `--format`: the values without a line for each.
const FORMATS: &str = "table, box, vertical, markdown, csv, tsv, json or ndjson [default: table on a terminal, else csv]";

/// Flags of the shell.
#[derive(Debug, ClapArgs)]
pub(super) struct ShellArgs {
    #[command(flatten)]
    pub(super) scripts: Scripts,
    /// How rows are printed
    #[arg(long, value_name = "FORMAT", hide_possible_values = true, help = FORMATS)]
    pub(super) format: Option<Format>,
    /// Leave out the init file, ~/.config/millstream/init.sql
    #[arg(long)]
    pub(super) no_init: bool,
}

/// Flags of every subcommand.
#[derive(Debug, Clone, ClapArgs)]
#[command(next_help_heading = "Options of every command")]
pub(super) struct Common {
    /// The data folder: jobs' checkpoints, the catalog
    #[arg(long, global = true, env = "MILLSTREAM_DATA", default_value = ".millstream", value_name = "DIR", hide_env_values = true)]
    pub(super) data: PathBuf,
    /// Where commits of jobs are: a folder or s3://bucket/prefix [default: DATA/jobs]
    #[arg(long, global = true, value_name = "URL")]
    pub(super) checkpoints: Option<String>,
    /// The buckets that the process has open.
    #[arg(skip)]
    pub(super) buckets: Arc<Buckets>,
    /// More declarations: a folder of .sql files, or one
    #[arg(long, global = true, value_name = "PATH")]
    pub(super) catalog: Option<PathBuf>,
    /// Set an option: KEY, or TABLE.KEY for one table
    #[arg(long = "option", short = 'o', global = true, value_name = "KEY=VALUE")]
    pub(super) options: Vec<String>,
    /// In statements `:NAME` and `${NAME}` become VALUE
    #[arg(short = 'v', long = "variable", global = true, value_name = "NAME=VALUE")]
    pub(super) variables: Vec<String>,
    /// Of queries and state [default: 60% of all]
    #[arg(long, global = true, value_name = "SIZE", value_parser = memory)]
    pub(super) memory_limit: Option<u64>,
    /// How many cores plans use [default: all]
    #[arg(long, global = true, value_name = "N", value_parser = threads)]
    pub(super) threads: Option<usize>,
    /// Kafka topics in the data folder, with no broker
    #[arg(long, global = true)]
    pub(super) embedded: bool,
    /// What an embedded partition keeps [256MB]
    #[arg(long, global = true, requires = "embedded", value_name = "SIZE", value_parser = retention)]
    pub(super) retention: Option<u64>,
    /// Say more on stderr (RUST_LOG sets it in detail)
    #[arg(long, global = true)]
    pub(super) verbose: bool,
}

fn retention(text: &str) -> Result<u64, String> {
    units::bytes(text).map_err(|e| format!("{}; {}", e.message(), e.hint_text().unwrap_or_default()))
}

/// The least memory limit: single batches alone need a few MB.
const LEAST_MEMORY: u64 = 16 << 20;

fn memory(text: &str) -> Result<u64, String> {
    match units::bytes(text) {
        Ok(bytes) if bytes >= LEAST_MEMORY => Ok(bytes),
        Ok(_) => Err("at least 16MB are needed".to_string()),
        Err(e) => Err(format!("{}; {}", e.message(), e.hint_text().unwrap_or_default())),
    }
}

/// More threads than these are of no use to any machine.
const MOST_THREADS: usize = 1024;

fn threads(text: &str) -> Result<usize, String> {
    match text.trim().parse() {
        Ok(threads) if (1..=MOST_THREADS).contains(&threads) => Ok(threads),
        _ => Err(format!("a number from 1 to {MOST_THREADS} is needed")),
    }
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Run .sql files as one continuous job, until Ctrl-C
    Run(RunArgs),
    /// Answer a query over what the tables hold now, and end
    Query(QueryArgs),
    /// Say what .sql files would do and what is wrong with them
    Check(CheckArgs),
    /// Show the newest messages of a topic or records of files
    Peek(PeekArgs),
    /// Show windows moving, with nothing installed
    Demo(DemoArgs),
    /// Print what bash, zsh or fish needs to complete commands
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

/// Flags of commands that answer over declared tables.
#[derive(Debug, ClapArgs)]
pub(super) struct AnswerArgs {
    /// Run declarations from this file first
    #[arg(short = 'f', long = "file", value_name = "FILE")]
    pub(super) files: Vec<PathBuf>,
    /// How rows are printed
    #[arg(long, value_name = "FORMAT", hide_possible_values = true, help = FORMATS)]
    pub(super) format: Option<Format>,
}

/// Flags of `query`.
#[derive(Debug, ClapArgs)]
pub(super) struct QueryArgs {
    /// The query
    #[arg(value_name = "SQL")]
    pub(super) sql: String,
    #[command(flatten)]
    pub(super) answer: AnswerArgs,
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
    #[command(flatten)]
    pub(super) answer: AnswerArgs,
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
    /// End by itself after this many seconds
    #[arg(long, value_name = "SECONDS", conflicts_with = "shell")]
    pub(super) seconds: Option<u64>,
    /// Open a shell on the demo's tables instead
    #[arg(long)]
    pub(super) shell: bool,
}
