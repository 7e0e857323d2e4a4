//! The status line of a running job.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::common::{clock, secret};
use crate::jobs::Status;
use crate::jobs::progress::Phase;

use super::terminal::fit;

/// How often the line changes on a terminal, and how often it is printed elsewhere.
const ON_TERMINAL: Duration = Duration::from_millis(500);
const ELSEWHERE: Duration = Duration::from_secs(10);

/// Shows a job's status on stderr until the job has ended: in place on a terminal, elsewhere a line now and then.
pub(super) async fn show(mut status: watch::Receiver<Status>, ended: CancellationToken) {
    let terminal = std::io::stderr().is_terminal();
    let every = if terminal { ON_TERMINAL } else { ELSEWHERE };
    let mut next = clock::instant() + every.min(Duration::from_secs(1));
    let mut printed = Printed::default();
    loop {
        let more = tokio::select! {
            () = ended.cancelled() => false,
            changed = status.changed() => changed.is_ok(),
        };
        // A job that ends at once has a status, too.
        let now = status.borrow_and_update().clone();
        printed.print_changes(&now, terminal);
        if !more {
            if now.phase != Phase::Starting {
                line(terminal, &now.to_string());
            }
            return;
        }
        if clock::instant() >= next {
            next = clock::instant() + every;
            if terminal {
                eprint!("\r\x1b[2K{}", fit(&now.to_string()));
                let _ = std::io::stderr().flush();
            } else {
                eprintln!("{now}");
            }
        }
    }
}

/// What was already printed.
#[derive(Default)]
struct Printed {
    resumed: Option<u64>,
    notice: Option<String>,
    waits: Option<String>,
    at: Option<Instant>,
}

impl Printed {
    /// Prints once where the job resumed, and each notice. The reason of a wait is repeated now and then, so that the job does not look
    /// finished.
    fn print_changes(&mut self, now: &Status, terminal: bool) {
        if now.resumed != self.resumed {
            self.resumed = now.resumed;
            if let Some(commit) = now.resumed {
                line(terminal, &format!("resumed at commit {commit}"));
            }
        }
        if now.notice != self.notice {
            self.notice.clone_from(&now.notice);
            now.notice.iter().for_each(|notice| line(terminal, notice));
        }
        let again = self.at.is_some_and(|at| clock::since(at) >= ELSEWHERE);
        if now.waits != self.waits || now.waits.is_some() && again {
            self.waits.clone_from(&now.waits);
            self.at = Some(clock::instant());
            now.waits.iter().for_each(|waits| line(terminal, waits));
        }
    }
}

fn line(terminal: bool, text: &str) {
    let text = secret::shown(text);
    if terminal { eprintln!("\r\x1b[2K{text}") } else { eprintln!("{text}") }
}
