//! What meta commands ask for.

use super::render::Format;

/// What a line that is no SQL asks for.
#[derive(Debug, Clone, PartialEq)]
pub enum Meta {
    /// Carries out the statement that stands before it, or the last one again.
    Go(Go),
    /// The columns of a relation.
    Describe(String),
    /// The columns of a relation and how it was declared.
    DescribeMore(String),
    /// Statements to answer in their place: `\dt` is SHOW TABLES.
    Sql(String),
    /// How a table was declared.
    Schema(Option<String>),
    /// This many of the newest messages of a table.
    Peek(String, usize),
    /// One row below the other: on, off, or when it does not fit.
    Expanded(Option<Expanded>),
    /// How long statements take.
    Timing(Option<bool>),
    /// Answers go to a file, or back to the screen.
    Output(Option<String>),
    /// The next answer goes to a file.
    Once(String),
    /// Statements of a file.
    Include(String),
    /// The last query again and again, every this many seconds.
    Watch(f64),
    /// Shows the statement that stands before it, or the last one.
    Print,
    /// Forgets the statement that stands before it.
    Forget,
    /// Writes the statement that stands before it, or the last one, to a file.
    Write(String),
    /// A command of the system, or its shell.
    System(Option<String>),
    /// Another folder, or the person's own.
    Folder(Option<String>),
    /// What this shell is connected to.
    Connection,
    /// A variable gets a value; without a name all are shown.
    Set(Option<(String, String)>),
    /// A variable goes.
    Unset(String),
    /// The format of answers, or which one it is.
    Mode(Option<Format>),
    /// Sets how many rows of an answer are shown, 0 for all; without a number, prints the limit.
    MostRows(Option<usize>),
    /// What stands for NULL.
    Null(String),
    /// The last statement, or a file, in an editor.
    Edit(Option<String>),
    /// Text to print.
    Echo(String),
    /// These commands.
    Help,
    /// How a statement is written.
    SqlHelp(Option<String>),
    /// The end.
    Quit,
}

/// How one statement is carried out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Go {
    /// A file that its answer goes to.
    pub file: Option<String>,
    /// One row below the other.
    pub expanded: bool,
}

/// When rows are shown one below the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expanded {
    /// Always.
    On,
    /// Never.
    Off,
    /// When they are too wide for the terminal.
    Auto,
}

/// How many messages are shown if nothing is said.
pub const PEEKED: u32 = 10;
