//! A part of the terminal that is drawn over and over, and the keys that are pressed meanwhile.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::thread::JoinHandle;
use std::time::Duration;

use console::measure_text_width;
use ratatui::crossterm::cursor::{Hide, MoveToPreviousLine, Show};
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};
use ratatui::crossterm::terminal::{self, BeginSynchronizedUpdate, Clear, ClearType, EndSynchronizedUpdate};
use ratatui::crossterm::{execute, queue};
use tokio::sync::mpsc;

use crate::common::Result;

use super::screen::size;

/// How long the reader of keys is away from looking whether it is over.
const LOOK: Duration = Duration::from_millis(30);

/// What a person wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    /// `q`, Escape, Ctrl-C, Ctrl-D.
    Quit,
    /// The space bar.
    Pause,
    /// The size has changed.
    Resize,
}

/// Lines at the end of what the terminal shows. While it lives, keys come to it one by one; what was drawn last stays.
pub(super) struct Frame {
    /// How wide the lines are that were drawn last.
    drawn: Vec<usize>,
    keys: mpsc::UnboundedReceiver<Key>,
    over: Arc<AtomicBool>,
    reader: Option<JoinHandle<()>>,
}

impl Frame {
    /// Takes the terminal over.
    pub(super) fn open() -> Result<Self> {
        terminal::enable_raw_mode()?;
        execute!(std::io::stdout(), Hide)?;
        let (sender, keys) = mpsc::unbounded_channel();
        let over = Arc::new(AtomicBool::new(false));
        let ended = Arc::clone(&over);
        let reader = std::thread::spawn(move || {
            while !ended.load(SeqCst) {
                let key = match event::poll(LOOK).and_then(|some| if some { event::read().map(Some) } else { Ok(None) }) {
                    Ok(Some(event)) => key(&event),
                    Ok(None) => None,
                    Err(_) => Some(Key::Quit), // there is no terminal any more
                };
                if key.is_some_and(|key| sender.send(key).is_err()) {
                    return;
                }
            }
        });
        Ok(Self { drawn: Vec::new(), keys, over, reader: Some(reader) })
    }

    /// The next key.
    pub(super) async fn key(&mut self) -> Key {
        self.keys.recv().await.unwrap_or(Key::Quit)
    }

    /// Draws these lines in the place of those before. None may be wider than the terminal.
    pub(super) fn draw(&mut self, text: &str) -> Result<()> {
        let mut out = std::io::stdout().lock();
        queue!(out, BeginSynchronizedUpdate)?;
        let above = above(&self.drawn, size());
        if above > 0 {
            queue!(out, MoveToPreviousLine(above))?;
        }
        queue!(out, Clear(ClearType::FromCursorDown))?;
        self.drawn.clear();
        for line in text.lines() {
            write!(out, "{line}\r\n")?;
            self.drawn.push(measure_text_width(line));
        }
        queue!(out, EndSynchronizedUpdate)?;
        Ok(out.flush()?)
    }
}

impl Drop for Frame {
    fn drop(&mut self) {
        self.over.store(true, SeqCst);
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
        let _ = execute!(std::io::stdout(), Show);
        let _ = terminal::disable_raw_mode();
    }
}

/// How many lines of the terminal are taken by lines of these widths: one that has become narrower breaks them.
fn above(widths: &[usize], (columns, lines): (usize, usize)) -> u16 {
    let taken: usize = widths.iter().map(|width| width.div_ceil(columns).max(1)).sum();
    u16::try_from(taken.min(lines.saturating_sub(1))).unwrap_or(u16::MAX)
}

fn key(event: &Event) -> Option<Key> {
    match event {
        Event::Resize(_, _) => Some(Key::Resize),
        Event::Key(key) if key.kind != KeyEventKind::Release => match key.code {
            KeyCode::Char('c' | 'd') if key.modifiers.contains(KeyModifiers::CONTROL) => Some(Key::Quit),
            KeyCode::Char('q' | 'Q') | KeyCode::Esc => Some(Key::Quit),
            KeyCode::Char(' ' | 'p') => Some(Key::Pause),
            _ => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_break_take_more_of_them() {
        assert_eq!(above(&[10, 0, 41], (80, 24)), 3);
        assert_eq!(above(&[10, 0, 41], (20, 24)), 5);
        assert_eq!(above(&[80; 30], (80, 24)), 23);
    }
}
