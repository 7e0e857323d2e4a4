//! A terminal that runs the shell: tests send keys and read the screen.

use std::io::{Read, Write};
use std::num::NonZeroU16;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};

/// The shell's prompt.
const PROMPT: &str = "millstream>";
/// Lines of the terminal.
const LINES: NonZeroU16 = NonZeroU16::new(24).unwrap();
/// The time limit of every wait, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

pub struct Terminal {
    screen: Arc<Mutex<vt100::Parser>>,
    keys: Box<dyn Write + Send>,
    child: Box<dyn Child + Send + Sync>,
    _master: Box<dyn MasterPty + Send>,
}

impl Terminal {
    /// Opens the shell in its own folder, in a terminal with this many columns and 24 lines.
    pub fn open(home: &Path, columns: NonZeroU16, args: &[&str], env: &[(&str, &str)]) -> Self {
        Self::sized(home, (LINES, columns), args, env)
    }

    /// The same in a terminal with this many lines and columns.
    pub fn sized(home: &Path, size: (NonZeroU16, NonZeroU16), args: &[&str], env: &[(&str, &str)]) -> Self {
        let terminal = Self::start(home, size, args, env);
        terminal.shows("millstream> ");
        terminal
    }

    /// Starts a shell that does not open; returns its output.
    pub fn ending(home: &Path, size: (NonZeroU16, NonZeroU16), args: &[&str]) -> (Self, String) {
        let terminal = Self::start(home, size, args, &[]);
        let text = terminal.shows("error: ");
        (terminal, text)
    }

    fn start(home: &Path, (lines, columns): (NonZeroU16, NonZeroU16), args: &[&str], env: &[(&str, &str)]) -> Self {
        let size = PtySize { rows: lines.get(), cols: columns.get(), pixel_width: 0, pixel_height: 0 };
        let pair = native_pty_system().openpty(size).unwrap();
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_millstream"));
        command.args(args);
        command.cwd(home);
        for (name, value) in [("HOME", home.to_str().unwrap()), ("TERM", "xterm-256color"), ("PAGER", "cat")].iter().chain(env) {
            command.env(name, value);
        }
        for name in ["XDG_STATE_HOME", "XDG_CONFIG_HOME", "MILLSTREAM_DATA", "EDITOR", "VISUAL", "NO_COLOR", "RUST_LOG"] {
            if !env.iter().any(|(given, _)| *given == name) {
                command.env_remove(name);
            }
        }
        let child = pair.slave.spawn_command(command).unwrap();
        let screen = Arc::new(Mutex::new(vt100::Parser::new(lines, columns, 500)));
        let (mut output, shown) = (pair.master.try_clone_reader().unwrap(), Arc::clone(&screen));
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(n @ 1..) = output.read(&mut bytes) {
                shown.lock().unwrap().process(&bytes[..n]);
            }
        });
        let keys = pair.master.take_writer().unwrap();
        Self { screen, keys, child, _master: pair.master }
    }

    /// Returns the text on the terminal.
    pub fn text(&self) -> String {
        self.screen.lock().unwrap().screen().contents()
    }

    /// Returns the text with its colours.
    pub fn coloured(&self) -> String {
        self.screen.lock().unwrap().screen().contents_formatted()
    }

    /// Returns the current screen.
    pub fn screen(&self) -> vt100::Screen {
        self.screen.lock().unwrap().screen().clone()
    }

    /// Sends keys.
    pub fn keys(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
        self.keys.flush().unwrap();
    }

    /// Types a line at the prompt.
    pub fn line(&mut self, line: &str) {
        self.prompts();
        self.keys(line);
        // Until the keys have arrived the old prompt is still there, as if it were the next one.
        self.until("what is typed", |text| !text.trim_end().ends_with(PROMPT));
        self.keys("\r");
    }

    /// Types a line, and waits for the expected text.
    pub fn enter(&mut self, line: &str, expected: &str) -> String {
        self.line(line);
        self.shows(expected)
    }

    /// Waits for a prompt.
    pub fn prompts(&self) -> String {
        self.until("a prompt", |text| text.trim_end().ends_with(PROMPT))
    }

    /// Waits until the terminal shows a text.
    pub fn shows(&self, expected: &str) -> String {
        self.until(&format!("`{expected}`"), |text| text.contains(expected))
    }

    /// Waits until a condition on the text is true.
    pub fn until(&self, what: &str, holds: impl Fn(&str) -> bool) -> String {
        let begin = Instant::now();
        loop {
            let text = self.text();
            if holds(&text) {
                return text;
            }
            assert!(begin.elapsed() < PATIENCE, "{what} does not show:\n{text}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits for the shell to end; returns its exit code.
    pub fn ends(&mut self) -> u32 {
        let begin = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.exit_code();
            }
            assert!(begin.elapsed() < PATIENCE, "the shell does not end:\n{}", self.text());
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
