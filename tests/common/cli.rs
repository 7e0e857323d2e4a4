//! Runs the real binary as a user would: in its own folder, with its output captured.
#![allow(dead_code, reason = "every test crate uses a part of it")]

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// The time limit of every wait; far above what it takes on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// The scripts of the main job.
pub const MAIN_JOB: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/sql/transactions/flink");

/// A folder in which commands run: its `.millstream` is their data folder.
pub struct Home(TempDir);

/// A command that has ended.
#[derive(Debug)]
pub struct Ended {
    /// The exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    /// The text on stdout.
    pub out: String,
    /// The text on stderr.
    pub err: String,
    /// The peak memory in bytes, as seen up to a few milliseconds before the command's end.
    pub peak: u64,
}

/// A running command.
pub struct Live {
    child: Child,
    out: Lines,
    err: Lines,
}

impl Home {
    pub fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Writes a file, also into a subfolder.
    pub fn file(&self, name: &str, text: &str) {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// Returns a file's text.
    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path().join(name)).unwrap()
    }

    /// Returns the command, without environment variables that affect it.
    pub fn command<S: AsRef<str>>(&self, args: &[S]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_millstream"));
        command.args(args.iter().map(AsRef::as_ref)).current_dir(self.path());
        command.env_remove("MILLSTREAM_DATA").env_remove("MILLSTREAM_CRASH").env_remove("RUST_LOG");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Starts the command and leaves it running.
    pub fn start<S: AsRef<str>>(&self, args: &[S]) -> Live {
        Live::start(self.command(args))
    }

    /// Runs a command to its end, with this text on stdin.
    pub fn launch(&self, command: Command, stdin: Option<&str>) -> Ended {
        let mut live = Live::start(command);
        if let (Some(text), Some(mut pipe)) = (stdin, live.child.stdin.take()) {
            pipe.write_all(text.as_bytes()).unwrap();
        }
        live.end()
    }

    /// Runs a command until it ends; after `patience` it is asked to stop.
    pub fn launch_for(&self, command: Command, patience: Duration) -> Ended {
        let mut live = Live::start(command);
        let begin = Instant::now();
        while live.child.try_wait().unwrap().is_none() && begin.elapsed() < patience {
            std::thread::sleep(Duration::from_millis(10));
        }
        if live.child.try_wait().unwrap().is_none() {
            live.signal("TERM");
        }
        live.end()
    }

    /// Runs the command to its end.
    pub fn run<S: AsRef<str>>(&self, args: &[S]) -> Ended {
        self.start(args).end()
    }
}

impl Ended {
    /// Fails the test unless the command succeeded.
    #[track_caller]
    pub fn ok(self) -> Self {
        self.exits(0)
    }

    /// Fails the test unless the command ended with this code.
    #[track_caller]
    pub fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self}");
        self
    }

    /// Fails the test unless stderr contains all of these texts.
    #[track_caller]
    pub fn says(self, parts: &[&str]) -> Self {
        for part in parts {
            assert!(self.err.contains(part), "stderr lacks {part:?}:\n{self}");
        }
        self
    }
}

impl std::fmt::Display for Ended {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "exit code {:?}\n--- stdout\n{}--- stderr\n{}", self.code, self.out, self.err)
    }
}

impl Live {
    fn start(mut command: Command) -> Self {
        let mut child = command.spawn().unwrap();
        let out = Lines::of(child.stdout.take().unwrap());
        let err = Lines::of(child.stderr.take().unwrap());
        Self { child, out, err }
    }

    /// Returns everything on stdout so far.
    pub fn out(&self) -> String {
        self.out.text()
    }

    /// Returns everything on stderr so far.
    pub fn err(&self) -> String {
        self.err.text()
    }

    /// Waits until stderr contains this text.
    #[track_caller]
    pub fn says(&mut self, part: &str) {
        self.until(&format!("{part:?} on stderr"), |live| live.err().contains(part));
    }

    /// Waits until a condition is true; fails after a timeout or when the command ends before.
    #[track_caller]
    pub fn until(&mut self, what: &str, mut holds: impl FnMut(&Self) -> bool) {
        let begin = Instant::now();
        while !holds(self) {
            let ended = self.child.try_wait().unwrap();
            let over = ended.is_some() && !holds(self);
            assert!(!over && begin.elapsed() < PATIENCE, "no {what} ({ended:?})\n--- stdout\n{}--- stderr\n{}", self.out(), self.err());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Sends a signal, by name.
    pub fn signal(&self, name: &str) {
        assert!(Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status().unwrap().success());
    }

    /// Stops the command gracefully.
    #[track_caller]
    pub fn stop(self) -> Ended {
        self.signal("TERM");
        self.end().ok()
    }

    /// Waits for the command's end.
    #[track_caller]
    pub fn end(mut self) -> Ended {
        let (begin, mut peak) = (Instant::now(), 0);
        let status: ExitStatus = loop {
            peak = memory_peak(self.child.id()).unwrap_or(0).max(peak);
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(begin.elapsed() < PATIENCE, "still running\n--- stdout\n{}--- stderr\n{}", self.out(), self.err());
            std::thread::sleep(Duration::from_millis(5));
        };
        Ended { code: status.code(), out: self.out.all(), err: self.err.all(), peak }
    }
}

/// Returns the peak memory of a process so far, in bytes.
fn memory_peak(process: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let kilobytes = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?.trim().strip_suffix("kB")?.trim().parse::<u64>();
    Some(kilobytes.ok()? * 1024)
}

impl Drop for Live {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The output of a pipe, read by a thread so that the command never waits for us.
struct Lines {
    text: Arc<Mutex<String>>,
    reader: Option<JoinHandle<()>>,
}

impl Lines {
    fn of(pipe: impl Read + Send + 'static) -> Self {
        let text = Arc::new(Mutex::new(String::new()));
        let shared = Arc::clone(&text);
        let reader = std::thread::spawn(move || {
            let mut pipe = BufReader::new(pipe);
            let mut line = Vec::new();
            while pipe.read_until(b'\n', &mut line).is_ok_and(|n| n > 0) {
                shared.lock().unwrap().push_str(&String::from_utf8_lossy(&line));
                line.clear();
            }
        });
        Self { text, reader: Some(reader) }
    }

    fn text(&self) -> String {
        self.text.lock().unwrap().clone()
    }

    fn all(&mut self) -> String {
        self.reader.take().into_iter().for_each(|reader| reader.join().unwrap());
        self.text()
    }
}
