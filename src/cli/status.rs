//! The one status line of a running job.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::jobs::Status;

use super::terminal::fit;

/// How often the line changes on a terminal, and how often one is printed elsewhere.
const ON_TERMINAL: Duration = Duration::from_millis(500);
const ELSEWHERE: Duration = Duration::from_secs(10);

/// Shows a job's status on stderr until the job is gone: on a terminal in place, elsewhere a line now and then.
pub(super) async fn show(mut status: watch::Receiver<Status>) {
    let terminal = std::io::stderr().is_terminal();
    let every = if terminal { ON_TERMINAL } else { ELSEWHERE };
    let mut next = Instant::now() + every.min(Duration::from_secs(1));
    let mut notice = None;
    let mut told = Instant::now();
    let mut resumed = None;
    while status.changed().await.is_ok() {
        let now = status.borrow_and_update().clone();
        if now.resumed != resumed {
            resumed = now.resumed;
            if let Some(commit) = resumed {
                line(terminal, &format!("resumed at commit {commit}"));
            }
        }
        // A trouble that lasts is told again now and then, so that it is not taken for over.
        if now.notice != notice || (now.notice.is_some() && told.elapsed() >= ELSEWHERE) {
            notice.clone_from(&now.notice);
            told = Instant::now();
            if let Some(text) = &notice {
                line(terminal, text);
            }
        }
        if Instant::now() >= next {
            next = Instant::now() + every;
            if terminal {
                eprint!("\r\x1b[2K{}", fit(&now.to_string()));
                let _ = std::io::stderr().flush();
            } else {
                eprintln!("{now}");
            }
        }
    }
}

fn line(terminal: bool, text: &str) {
    if terminal { eprintln!("\r\x1b[2K{text}") } else { eprintln!("{text}") }
}

/// Ends the status line with its last state.
pub(super) fn finish(status: &Status) {
    line(std::io::stderr().is_terminal(), &status.to_string());
}
