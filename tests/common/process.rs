//! Processes of the real binary: start, watch, stop and kill.

use std::fs::File;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// The time limit of every wait; far more than it should take.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// How many processes are crashed concurrently.
const AT_ONCE: usize = 4;

/// The root of the repository.
pub fn repo() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// A `millstream run` that can be started again and again on the same data folder.
#[derive(Clone)]
pub struct Job {
    files: Vec<PathBuf>,
    args: Vec<String>,
    env: Vec<(String, String)>,
    data: Arc<tempfile::TempDir>,
}

impl Job {
    /// Creates a job from a file or a folder, with a new data folder.
    pub fn new(file: &Path) -> Self {
        Self { files: vec![file.to_path_buf()], args: Vec::new(), env: Vec::new(), data: Arc::new(tempfile::tempdir().unwrap()) }
    }

    /// Adds `--option KEY=VALUE`.
    #[must_use]
    pub fn option(&self, key: &str, value: &str) -> Self {
        self.args(&["--option", &format!("{key}={value}")])
    }

    /// Removes an option.
    #[must_use]
    pub fn without(&self, key: &str) -> Self {
        let mut job = self.clone();
        let at = job.args.iter().position(|arg| arg.starts_with(&format!("{key}="))).unwrap();
        job.args.drain(at - 1..=at);
        job
    }

    /// Adds flags.
    #[must_use]
    pub fn args(&self, more: &[&str]) -> Self {
        let mut job = self.clone();
        job.args.extend(more.iter().map(ToString::to_string));
        job
    }

    /// Sets an environment variable.
    #[must_use]
    pub fn env(&self, key: &str, value: &str) -> Self {
        let mut job = self.clone();
        job.env.push((key.to_string(), value.to_string()));
        job
    }

    /// Returns the same job with other files.
    #[must_use]
    pub fn of_files(&self, files: &[PathBuf]) -> Self {
        Self { files: files.to_vec(), ..self.clone() }
    }

    /// Returns the same job with another data folder.
    #[must_use]
    pub fn elsewhere(&self) -> Self {
        Self { data: Arc::new(tempfile::tempdir().unwrap()), ..self.clone() }
    }

    /// A folder of this job for files of the test.
    pub fn folder(&self) -> &Path {
        self.data.path()
    }

    /// Starts the job.
    pub fn start(&self) -> Running {
        self.start_with(&[])
    }

    /// Starts the job, to be killed at a crash point.
    pub fn start_to_crash(&self, point: &str) -> Running {
        self.start_with(&[("MILLSTREAM_CRASH", point)])
    }

    fn start_with(&self, env: &[(&str, &str)]) -> Running {
        let log = self.data.path().join(format!("stderr-{}", uuid::Uuid::now_v7().simple()));
        let mut command = Command::new(env!("CARGO_BIN_EXE_millstream"));
        command.arg("run").args(&self.files).args(&self.args).arg("--data").arg(self.data.path()).env_remove("MILLSTREAM_CRASH");
        command
            .envs(self.env.iter().map(|(k, v)| (k, v)))
            .envs(env.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&log).unwrap());
        Running { child: command.spawn().unwrap(), log, _data: Arc::clone(&self.data) }
    }

    /// Returns the answer of `millstream query` over the job's tables, with its options.
    #[track_caller]
    pub fn query(&self, sql: &str) -> String {
        self.query_if_possible(sql).unwrap_or_else(|said| panic!("{said}"))
    }

    /// The same, or the error.
    pub fn query_if_possible(&self, sql: &str) -> Result<String, String> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_millstream"));
        command.args(["query", sql, "--data"]).arg(self.data.path());
        for file in &self.files {
            command.arg("-f").arg(file);
        }
        for pair in self.args.chunks(2).filter(|pair| pair[1].contains(".topic=") || pair[1].contains("bootstrap")) {
            command.args(pair);
        }
        let ended = command.output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        if ended.status.success() { Ok(text(ended.stdout)) } else { Err(text(ended.stderr)) }
    }

    /// Starts the job and waits until it ends by itself.
    pub fn run(&self) -> Ended {
        self.start().ended()
    }
}

/// A running process; killed when a test drops it.
pub struct Running {
    child: Child,
    log: PathBuf,
    /// The folder is kept as long as the process uses it.
    _data: Arc<tempfile::TempDir>,
}

/// How a process ended, and its output.
#[derive(Debug)]
pub struct Ended {
    /// Exit code or signal.
    pub status: ExitStatus,
    /// All of stderr.
    pub said: String,
}

impl Ended {
    /// Fails unless the process ended with this exit code; shows its stderr.
    #[track_caller]
    pub fn code(self, code: i32) -> String {
        assert_eq!(self.status.code(), Some(code), "{:?}\n{}", self.status, self.said);
        self.said
    }

    /// Whether it died like after `kill -9`.
    pub fn killed(&self) -> bool {
        self.status.signal() == Some(libc::SIGKILL)
    }
}

impl Running {
    /// Returns stderr so far.
    pub fn said(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Waits until the process has ended.
    #[track_caller]
    pub fn ended(mut self) -> Ended {
        let begin = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return Ended { status, said: self.said() };
            }
            assert!(begin.elapsed() < PATIENCE, "it still runs:\n{}", self.said());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Waits until the process has killed itself at a crash point.
    #[track_caller]
    pub fn until_gone(&mut self) {
        let begin = Instant::now();
        loop {
            match self.child.try_wait().unwrap() {
                Some(status) => return assert_eq!(status.signal(), Some(libc::SIGKILL), "{status:?}\n{}", self.said()),
                None => assert!(begin.elapsed() < PATIENCE, "it still runs:\n{}", self.said()),
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Waits until a condition is true, while the process runs.
    #[track_caller]
    pub fn until(&mut self, what: &str, mut holds: impl FnMut(&Self) -> bool) {
        let begin = Instant::now();
        while !holds(self) {
            let status = self.child.try_wait().unwrap();
            assert!(status.is_none(), "it ended with {status:?} before {what}:\n{}", self.said());
            assert!(begin.elapsed() < PATIENCE, "no {what}:\n{}", self.said());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Sends the process a signal.
    pub fn signal(&self, signal: i32) {
        let pid = i32::try_from(self.child.id()).unwrap();
        // SAFETY: the child is not waited for yet, so the number is still its own.
        unsafe { libc::kill(pid, signal) };
    }

    /// Asks the process to stop, and waits until it has.
    #[track_caller]
    pub fn stop(self) -> Ended {
        self.signal(libc::SIGTERM);
        self.ended()
    }

    /// Kills the process without a chance to clean up.
    #[track_caller]
    pub fn kill(mut self) -> Ended {
        // A process that has ended is left alone: its id may belong to another one.
        let _ = self.child.kill();
        self.ended()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs crash points a few at a time, and names all that fail.
pub fn crash_at(points: Vec<String>, crash_and_resume: impl Fn(&str) + Sync + std::panic::RefUnwindSafe) {
    let (waiting, failed) = (Mutex::new(points), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let Some(point) = waiting.lock().unwrap().pop() else { return };
                    if std::panic::catch_unwind(|| crash_and_resume(&point)).is_err() {
                        failed.lock().unwrap().push(point);
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap();
    assert!(failed.is_empty(), "not exactly once after a crash at {failed:?}");
}
