//! The release binary as a process of its own, and what it cost.

use std::fs::File;
use std::mem::MaybeUninit;
use std::ops::Range;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A process that has ended.
pub struct Ended {
    /// Whether it ended well.
    pub ok: bool,
    /// What it wrote on stdout.
    pub out: String,
    /// What it wrote on stderr.
    pub err: String,
    /// Wall time.
    pub seconds: f64,
    /// User and system CPU.
    pub cpu: f64,
    /// Peak resident memory.
    pub megabytes: f64,
}

impl Ended {
    /// The first line of its error.
    pub fn complaint(&self) -> &str {
        let mut lines = self.err.lines().rev();
        let error = lines.find(|line| line.starts_with("error"));
        error.or_else(|| self.err.lines().next()).unwrap_or("ended without a word")
    }
}

/// Runs `millstream` in a data folder; a process that takes longer than `limit` is killed.
pub fn millstream(data: &Path, args: &[String], limit: Duration) -> Ended {
    millstream_on(None, data, args, limit)
}

/// Runs it on these CPU cores of the machine.
pub fn millstream_on(cores: Option<Range<usize>>, data: &Path, args: &[String], limit: Duration) -> Ended {
    // Files, not pipes: nothing has to be read while it runs.
    let (out, err) = (data.join("stdout"), data.join("stderr"));
    let mut command = Command::new(env!("CARGO_BIN_EXE_millstream"));
    command.args(args).env("MILLSTREAM_DATA", data).env_remove("MILLSTREAM_CRASH").env_remove("RUST_LOG");
    command.stdin(Stdio::null()).stdout(File::create(&out).unwrap()).stderr(File::create(&err).unwrap());
    if let Some(cores) = cores {
        // SAFETY: between fork and exec it only calls `sched_setaffinity`, on memory of its own.
        unsafe { command.pre_exec(move || stay_on(cores.clone())) };
    }
    let begin = Instant::now();
    let (status, usage) = end(command.spawn().unwrap(), begin + limit);
    let seconds = begin.elapsed().as_secs_f64();
    let [out, err] = [out, err].map(|file| String::from_utf8_lossy(&std::fs::read(file).unwrap()).into_owned());
    let time = |t: libc::timeval| t.tv_sec as f64 + t.tv_usec as f64 / 1e6;
    let err = if libc::WIFSIGNALED(status) { format!("error: killed after {seconds:.0} s\n{err}") } else { err };
    Ended {
        ok: status == 0,
        out,
        err,
        seconds,
        cpu: time(usage.ru_utime) + time(usage.ru_stime),
        megabytes: usage.ru_maxrss as f64 / 1024.0,
    }
}

/// Pins this process to these CPU cores.
fn stay_on(cores: Range<usize>) -> std::io::Result<()> {
    // SAFETY: zeroes are a valid, empty set; the calls write and read this set alone.
    let done = unsafe {
        let mut set = MaybeUninit::<libc::cpu_set_t>::zeroed().assume_init();
        cores.for_each(|core| libc::CPU_SET(core, &mut set));
        libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &raw const set)
    };
    if done == 0 { Ok(()) } else { Err(std::io::Error::last_os_error()) }
}

/// Waits for its end, and kills it when it is too late.
fn end(mut child: Child, latest: Instant) -> (i32, libc::rusage) {
    let pid = i32::try_from(child.id()).unwrap();
    loop {
        if let Some(ended) = ended(pid) {
            return ended;
        }
        if Instant::now() > latest {
            child.kill().unwrap();
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// The status and the resources of this one child, if it has ended: `RUSAGE_CHILDREN` would mix it with those before.
fn ended(pid: i32) -> Option<(i32, libc::rusage)> {
    let mut status = 0;
    let mut usage = MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: both pointers are valid for what the call writes, and zeroes are a valid `rusage`.
    let (found, usage) = unsafe {
        let found = libc::wait4(pid, &raw mut status, libc::WNOHANG, usage.as_mut_ptr());
        (found, usage.assume_init())
    };
    assert!(found >= 0, "wait4: {}", std::io::Error::last_os_error());
    (found == pid).then_some((status, usage))
}
