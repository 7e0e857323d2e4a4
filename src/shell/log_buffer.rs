//! What the process logs while a person has the terminal.

use std::collections::VecDeque;
use std::fmt::{self, Write};
use std::io::IsTerminal;
use std::sync::{Arc, Mutex, PoisonError};

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

use crate::common::secret;
use crate::common::units::counted;

/// How many distinct notes wait for the next prompt; older ones are dropped, and counted.
const KEPT: usize = 20;

/// Buffers warnings and errors of the log until printing them does not disturb the screen.
///
/// ```text
///   logged ──▶ kept while a person types, or a live answer is drawn ──▶ printed before the next prompt, below the live answer
///          └─▶ printed at once while a statement runs
/// ```
/// A note that differs from one that waits only in its numbers takes its place: a broker that was away over lunch is one line, not a
/// hundred.
#[derive(Debug, Clone, Default)]
pub struct LogBuffer(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    at_once: bool,
    held: VecDeque<Note>,
    /// How many went because others came.
    lost: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Note {
    text: String,
    times: u64,
}

impl LogBuffer {
    /// Whether notes are printed at once from now on, with those that have waited, or wait.
    pub fn at_once(&self, at_once: bool) {
        self.lock().at_once = at_once;
        if at_once {
            self.flush();
        }
    }

    /// Prints the buffered notes.
    pub(super) fn flush(&self) {
        self.take().iter().for_each(|note| eprintln!("{note}"));
    }

    /// The newest note that waits.
    pub(super) fn newest(&self) -> Option<String> {
        self.lock().held.back().map(|note| note.text.clone())
    }

    /// Takes the notes that have waited, the oldest one first.
    fn take(&self) -> Vec<String> {
        let told = |note: Note| if note.times == 1 { note.text } else { format!("{} ({})", note.text, counted(note.times, "time")) };
        let mut state = self.lock();
        let lost = std::mem::take(&mut state.lost);
        let first = (lost > 0).then(|| format!("{} not shown", counted(lost, "earlier note")));
        first.into_iter().chain(state.held.drain(..).map(told)).collect()
    }

    fn add(&self, text: &str) {
        let text = secret::shown(text);
        let mut state = self.lock();
        if state.at_once {
            // Over the line of progress, if there is one.
            let over = if std::io::stderr().is_terminal() { "\r\x1b[2K" } else { "" };
            eprintln!("{over}{text}");
            return;
        }
        let same = |note: &Note| without_numbers(&note.text).eq(without_numbers(&text));
        let times = state.held.iter().position(same).and_then(|old| state.held.remove(old)).map_or(1, |old| old.times + 1);
        state.held.push_back(Note { text, times });
        if state.held.len() > KEPT {
            state.held.pop_front();
            state.lost += 1;
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn without_numbers(text: &str) -> impl Iterator<Item = char> {
    text.chars().filter(|c| !c.is_ascii_digit())
}

impl<S: Subscriber> Layer<S> for LogBuffer {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let level = match *event.metadata().level() {
            Level::ERROR => "error",
            Level::WARN => "warning",
            Level::INFO => "info",
            Level::DEBUG => "debug",
            Level::TRACE => "trace",
        };
        let mut text = Text(format!("{level}: "));
        event.record(&mut text);
        self.add(&text.0);
    }
}

/// The message of an event, then its other fields.
struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Writing to a text cannot fail.
        let _ = if field.name() == "message" { write!(self.0, "{value:?}") } else { write!(self.0, " {}={value:?}", field.name()) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_repeats_is_one_note() {
        let notes = LogBuffer::default();
        for seconds in [10, 20, 30] {
            notes.add(&format!("warning: no answer for {seconds} s"));
        }
        notes.add("warning: another");
        assert_eq!(notes.newest().unwrap(), "warning: another");
        assert_eq!(notes.take(), ["warning: no answer for 30 s (3 times)", "warning: another"]);
        assert!(notes.take().is_empty());
        ('a'..='z').for_each(|c| notes.add(&c.to_string()));
        let told = notes.take();
        assert_eq!((told[0].as_str(), told.len(), notes.newest()), ("6 earlier notes not shown", KEPT + 1, None));
    }

    #[test]
    fn what_is_logged_arrives_with_its_level() {
        use tracing_subscriber::prelude::*;
        let notes = LogBuffer::default();
        tracing::subscriber::with_default(tracing_subscriber::registry().with(notes.clone()), || {
            tracing::warn!(port = 9092, "no answer from {}", "localhost");
        });
        assert_eq!(notes.take(), ["warning: no answer from localhost port=9092"]);
    }
}
