//! Where answers go: the terminal, its pager, or a file.

use std::fs::File;
use std::io::{BufWriter, IsTerminal, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use datafusion::execution::SendableRecordBatchStream;
use ratatui::crossterm::terminal;

use crate::common::units::counted;
use crate::common::{Error, Result, clock, secret};

use super::arguments::format_of;
use super::commands::Expanded;
use super::render::{self, Format, Look, Printed};

/// What is shown, and how.
#[derive(Debug)]
pub(super) struct Screen {
    format: Format,
    expanded: Expanded,
    null: String,
    /// A file that answers go to.
    file: Option<File>,
    interactive: bool,
    /// How many rows are shown in a terminal, if not all.
    most: Option<usize>,
    /// When the statement began.
    begun: Option<Instant>,
}

/// How answers were shown before one that was diverted.
#[derive(Debug)]
pub(super) struct Before {
    format: Format,
    expanded: Expanded,
    /// Where they went, if that was changed.
    file: Option<Option<File>>,
}

/// The default row limit of a terminal: all rows of a large topic would fill the memory before the first one is shown.
const MOST: usize = 10_000;

impl Screen {
    /// Answers in the format that was asked for, else one that suits who reads them.
    pub(super) fn new(format: Option<Format>, interactive: bool) -> Self {
        Self {
            format: Format::asked(format),
            expanded: Expanded::Off,
            null: "NULL".to_string(),
            file: None,
            interactive,
            most: Some(MOST),
            begun: None,
        }
    }

    pub(super) fn set_format(&mut self, format: Format) {
        self.format = format;
    }

    pub(super) fn format_name(&self) -> String {
        self.format.name()
    }

    pub(super) fn set_null(&mut self, text: String) {
        self.null = text;
    }

    /// Sets how many rows of an answer are shown, 0 for all; what to say of it.
    pub(super) fn most(&mut self, wanted: Option<usize>) -> String {
        if let Some(most) = wanted {
            self.most = Some(most).filter(|most| *most > 0);
        }
        match self.most {
            Some(most) => format!("No more than {} of an answer are shown.", counted(most as u64, "row")),
            None => "All rows of an answer are shown.".to_string(),
        }
    }

    /// Sets or turns what `\x` does; what to say of it.
    pub(super) fn expand(&mut self, wanted: Option<Expanded>) -> &'static str {
        self.expanded = wanted.unwrap_or(if self.expanded == Expanded::Off { Expanded::On } else { Expanded::Off });
        match self.expanded {
            Expanded::On => "Expanded display is on.",
            Expanded::Off => "Expanded display is off.",
            Expanded::Auto => "Expanded display is used automatically.",
        }
    }

    /// Lets answers go to a file, or back to the screen.
    pub(super) fn to(&mut self, file: Option<&Path>) -> Result<()> {
        self.file = match file {
            None => None,
            Some(path) => Some(File::create(path).map_err(|e| Error::usage(format!("cannot write {}", path.display())).with_source(e))?),
        };
        Ok(())
    }

    /// For one answer: it goes to a file, in the format that its name says, or has one row below the other.
    pub(super) fn divert(&mut self, file: Option<&Path>, expanded: bool) -> Result<Before> {
        let before = Before { format: self.format, expanded: self.expanded, file: None };
        if expanded {
            self.expanded = Expanded::On;
        }
        let Some(path) = file else { return Ok(before) };
        let here = self.file.take();
        if let Err(error) = self.to(file) {
            (self.file, self.expanded) = (here, before.expanded);
            return Err(error);
        }
        self.format = path.to_str().and_then(format_of).unwrap_or(self.format);
        Ok(Before { file: Some(here), ..before })
    }

    /// Answers are shown as before.
    pub(super) fn restore(&mut self, before: Before) {
        (self.format, self.expanded) = (before.format, before.expanded);
        if let Some(file) = before.file {
            self.file = file;
        }
    }

    /// Whether answers are shown when all of them are there.
    pub(super) fn is_whole(&self) -> bool {
        self.format().is_whole() || self.file.is_some() || !std::io::stdout().is_terminal()
    }

    /// Whether a person sees answers as they come.
    pub(super) fn is_live(&self) -> bool {
        self.file.is_none() && std::io::stdout().is_terminal() && self.format().is_whole()
    }

    /// The format, `\x` considered.
    pub(super) fn format(&self) -> Format {
        let turned = self.expanded == Expanded::On && self.format.is_whole();
        if turned { Format::Vertical } else { self.format }
    }

    /// How tables look.
    pub(super) fn look(&self) -> Look {
        let seen = self.file.is_none() && std::io::stdout().is_terminal();
        Look {
            null: self.null.clone(),
            width: seen.then(|| size().0),
            turns: self.expanded == Expanded::Auto,
            colours: seen && render::colours_wanted(),
            most: self.most.filter(|_| seen && self.interactive),
            begun: self.begun.filter(|_| seen && self.interactive),
        }
    }

    /// A statement begins.
    pub(super) fn begin(&mut self) {
        self.begun = Some(clock::instant());
    }

    /// A line for the person.
    pub(super) fn say(&self, line: &str) {
        let line = secret::shown(line);
        if self.interactive { println!("{line}") } else { eprintln!("{line}") }
    }

    /// Prints how many rows there were, in a terminal with the elapsed time.
    pub(super) fn counted(&self, rows: u64) -> String {
        let time =
            self.begun.filter(|_| self.interactive).map_or(String::new(), |at| format!(" in {:.3} s", clock::since(at).as_secs_f64()));
        format!("{}{time}", counted(rows, "row"))
    }

    /// Prints, in a terminal only, that a statement without a result is done.
    pub(super) fn done(&self, tag: &str) {
        if self.interactive {
            println!("{tag}");
        }
    }

    /// Empties the terminal.
    pub(super) fn clear(&self) -> Result<()> {
        if self.file.is_none() && std::io::stdout().is_terminal() {
            print!("\x1b[H\x1b[2J");
            std::io::stdout().flush()?;
        }
        Ok(())
    }

    /// Rows that are there already.
    pub(super) async fn rows(&mut self, schema: SchemaRef, rows: RecordBatch) -> Result<()> {
        self.stream(schema, render::ready(rows)).await
    }

    /// Rows as they come.
    pub(super) async fn stream(&mut self, schema: SchemaRef, rows: SendableRecordBatchStream) -> Result<()> {
        let (format, look) = (self.format(), self.look());
        if let Some(file) = &mut self.file {
            render::print(schema, rows, format, &look, &mut BufWriter::new(file)).await?;
            return Ok(());
        }
        if self.interactive && format.is_whole() {
            let mut text = Vec::new();
            render::print(schema, rows, format, &look, &mut text).await?;
            return self.page(&text);
        }
        match render::print(schema, rows, format, &look, &mut BufWriter::new(std::io::stdout().lock())).await? {
            Printed::Closed if !self.interactive => std::process::exit(0),
            _ => Ok(()),
        }
    }

    /// The rows of a live query, as they come.
    pub(super) async fn flow(&mut self, rows: SendableRecordBatchStream) -> Result<()> {
        let (schema, format, look) = (rows.schema(), self.format(), self.look());
        if self.file.is_none() && format.is_whole() && std::io::stdout().is_terminal() {
            render::flow(rows, &look, &mut std::io::stdout().lock()).await?;
            return Ok(());
        }
        // What has to be there whole would never be printed.
        let format = if format.is_whole() { Format::Ndjson } else { format };
        match &mut self.file {
            Some(file) => render::print(schema, rows, format, &look, &mut BufWriter::new(file)).await?,
            None => render::print(schema, rows, format, &look, &mut BufWriter::new(std::io::stdout().lock())).await?,
        };
        Ok(())
    }

    /// Text that is an answer.
    pub(super) fn text(&mut self, text: &str) -> Result<()> {
        self.page(text.as_bytes())
    }

    /// Shows what does not fit on the screen page by page.
    fn page(&mut self, text: &[u8]) -> Result<()> {
        if let Some(file) = &mut self.file {
            return Ok(file.write_all(text)?);
        }
        let lines = text.iter().filter(|byte| **byte == b'\n').count();
        if self.interactive && std::io::stdout().is_terminal() && lines + 2 > size().1 && paged(text) {
            return Ok(());
        }
        let mut out = std::io::stdout().lock();
        out.write_all(text)?;
        Ok(out.flush()?)
    }
}

/// Columns and rows of the terminal.
pub(super) fn size() -> (usize, usize) {
    let (columns, rows) = terminal::size().unwrap_or((80, 24));
    (usize::from(columns).max(20), usize::from(rows).max(4))
}

/// Hands a text to the pager; false if there is none.
fn paged(text: &[u8]) -> bool {
    let chosen = std::env::var("PAGER").ok().filter(|pager| !pager.trim().is_empty());
    let plain;
    let text = match (&chosen, std::str::from_utf8(text)) {
        // The chosen pager may not handle colours.
        (Some(_), Ok(coloured)) => {
            plain = console::strip_ansi_codes(coloured).into_owned();
            plain.as_bytes()
        }
        _ => text,
    };
    let pager = chosen.unwrap_or_else(|| "less -SFRX".to_string());
    let mut words = pager.split_whitespace();
    let Some(program) = words.next() else { return false };
    let Ok(mut child) = Command::new(program).args(words).stdin(Stdio::piped()).spawn() else { return false };
    if let Some(mut input) = child.stdin.take() {
        let _ = input.write_all(text); // closed before it has read all: it has seen enough
    }
    child.wait().is_ok()
}
