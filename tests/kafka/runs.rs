//! Shared code of the tests of the Kafka source: tables in SQL, whole runs of the binary with their output, group offsets.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::LazyLock;
use std::time::Instant;

use millstream::connectors::kafka::RdKafkaBroker;
use millstream::connectors::kafka::broker::{Broker, OutRecord};
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;

use crate::common::process::{Job, PATIENCE};
use crate::common::{address, block, unique};

static BROKER: LazyLock<RdKafkaBroker> = LazyLock::new(|| RdKafkaBroker::new(&address(), &[]).unwrap());

/// 2024-05-01 12:00:00 UTC: long ago, so that no partition counts as live.
pub const BASE: i64 = 1_714_564_800_000;

/// Declares a JSON table on a topic; columns and options are SQL.
pub fn table(name: &str, topic: &str, columns: &str, options: &[(&str, &str)]) -> String {
    let own = [("connector", "kafka"), ("topic", topic), ("properties.bootstrap.servers", &address()), ("format", "json")];
    let all = own.iter().filter(|(key, _)| !options.iter().any(|(given, _)| given == key)).chain(options);
    let with: Vec<String> = all.map(|(key, value)| format!("'{key}' = '{value}'")).collect();
    format!("CREATE TABLE {name} ({columns}) WITH ({});\n", with.join(", "))
}

/// Creates a record of a partition with a record time.
pub fn record(partition: i32, timestamp: i64, value: &str) -> OutRecord {
    let value = Some(value.to_string().into());
    OutRecord { partition: Some(partition), timestamp: Some(timestamp), value, ..OutRecord::default() }
}

/// Creates a topic of one partition with its own settings.
pub fn create_with(topic: &str, settings: &[(&str, &str)]) {
    let admin: AdminClient<DefaultClientContext> = ClientConfig::new().set("bootstrap.servers", address()).create().unwrap();
    let topic = settings.iter().fold(NewTopic::new(topic, 1, TopicReplication::Fixed(1)), |t, (key, value)| t.set(key, value));
    block(admin.create_topics([&topic], &AdminOptions::new())).unwrap().pop().unwrap().unwrap();
}

/// Commits offsets for a group.
pub fn commit(group: &str, topic: &str, offsets: &[(i32, i64)]) {
    block(BROKER.commit_group(group, topic, offsets)).unwrap();
}

/// The offsets that a group has committed.
pub fn committed(group: &str, topic: &str) -> Vec<(i32, i64)> {
    block(BROKER.committed(group, topic)).unwrap().into_iter().map(|(partition, (offset, _))| (partition, offset)).collect()
}

/// Creates a job from a script, with its own name and data folder.
pub fn job(sql: &str) -> Job {
    let job = Job::new(Path::new("unused"));
    let file = job.folder().join("script.sql");
    std::fs::write(&file, sql).unwrap();
    job.of_files(&[file]).args(&["--name", &unique("job")])
}

/// The output of a process.
#[derive(Debug)]
pub struct Ran {
    code: Option<i32>,
    out: String,
    said: String,
}

impl Ran {
    /// Returns the lines of stdout, sorted; the exit code must be 0.
    #[track_caller]
    pub fn lines(&self) -> Vec<String> {
        assert_eq!(self.code, Some(0), "{}\n{}", self.out, self.said);
        let mut lines: Vec<String> = self.out.lines().map(ToString::to_string).collect();
        lines.sort();
        lines
    }

    /// Returns stderr; the exit code must be this.
    #[track_caller]
    pub fn said(&self, code: i32) -> &str {
        assert_eq!(self.code, Some(code), "{}\n{}", self.out, self.said);
        &self.said
    }
}

/// Runs a script with `run` to its end.
pub fn run(sql: &str, more: &[&str]) -> Ran {
    let data = tempfile::tempdir().unwrap();
    std::fs::write(data.path().join("script.sql"), sql).unwrap();
    let name = unique("run");
    let script = data.path().join("script.sql");
    binary(data.path(), &[&["run", &script.display().to_string(), "--name", &name], more].concat())
}

/// Runs `query` after declarations.
pub fn query(declarations: &str, sql: &str, format: &str) -> Ran {
    let data = tempfile::tempdir().unwrap();
    let file = data.path().join("declarations.sql");
    std::fs::write(&file, declarations).unwrap();
    binary(data.path(), &["query", sql, "-f", &file.display().to_string(), "--format", format])
}

fn binary(data: &Path, args: &[&str]) -> Ran {
    // Files, not pipes: a full pipe would block the process.
    let file = |name: &str| std::fs::File::create(data.join(name)).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_millstream"));
    command.args(args).arg("--data").arg(data.join("data")).env_remove("MILLSTREAM_CRASH");
    let mut child = command.stdin(Stdio::null()).stdout(file("out")).stderr(file("said")).spawn().unwrap();
    let text = |name: &str| std::fs::read_to_string(data.join(name)).unwrap();
    let begin = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return Ran { code: status.code(), out: text("out"), said: text("said") };
        }
        if begin.elapsed() > PATIENCE {
            let _ = child.kill();
            let _ = child.wait();
            panic!("{args:?} still runs:\n{}\n{}", text("out"), text("said"));
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
}
