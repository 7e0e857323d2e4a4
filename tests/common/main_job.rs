//! The main job, its rows and its windows.
#![allow(dead_code, reason = "every test crate uses a part of it")]

use super::cli::MAIN_JOB;
use super::topic::{Record, Topic, record};

/// A window of three seconds: (start in seconds after 2024-05-01 12:00, total paid, number of payments).
pub type Window = (i64, i64, i64);

/// A payment, this many milliseconds after 2024-05-01 12:00.
pub fn paid(millis: i64, amount: i64) -> Record {
    record(payment(millis, &amount.to_string()))
}

/// The text of a payment, with any JSON as the amount.
pub fn payment(millis: i64, amount: &str) -> String {
    let time = chrono::DateTime::from_timestamp_millis(1_714_564_800_000 + millis).unwrap().format("%Y-%m-%d %H:%M:%S%.3f");
    format!(r#"{{"event_timestamp":"{time}","user_id":"1","transaction_id":1,"total_paid":{amount},"status":"Paid"}}"#)
}

/// The main job from one topic to another.
pub struct MainJob {
    pub input: Topic,
    pub output: Topic,
    args: Vec<String>,
}

impl MainJob {
    /// Creates a job on a new topic with this many partitions; `options` are given with `--option`.
    pub fn new(name: &str, partitions: i32, options: &[&str]) -> Self {
        Self::on(Topic::new(name, partitions), options)
    }

    /// Creates a job on a topic that may not exist.
    pub fn on(input: Topic, options: &[&str]) -> Self {
        let output = Topic { name: format!("{}-out", input.name), address: input.address.clone() };
        let own = [
            format!("properties.bootstrap.servers={}", input.address),
            format!("transactions_table.topic={}", input.name),
            format!("transactions_paid_agg_table.topic={}", output.name),
        ];
        // The name is also the transactional id, which two jobs on one cluster cannot share.
        let mut args = ["run", MAIN_JOB, "--name", &input.name].map(ToString::to_string).to_vec();
        for option in own.into_iter().chain(options.iter().map(ToString::to_string)) {
            args.extend(["--option".to_string(), option]);
        }
        Self { input, output, args }
    }

    /// The command's arguments.
    pub fn args(&self) -> Vec<String> {
        self.args.clone()
    }

    /// The command's arguments followed by others.
    pub fn and(&self, more: &[&str]) -> Vec<String> {
        self.args.iter().cloned().chain(more.iter().map(ToString::to_string)).collect()
    }

    /// Returns the windows in the output topic, in order.
    pub fn windows(&self) -> Vec<Window> {
        let mut windows: Vec<Window> = self.output.values().iter().map(|value| window(value)).collect();
        windows.sort_unstable();
        windows
    }
}

/// Parses a window's record, which must have Flink's format.
fn window(text: &str) -> Window {
    let row: serde_json::Value = serde_json::from_str(text).unwrap();
    let keys: Vec<&str> = row.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(keys, ["window_start", "window_end", "total_paid", "total_transactions", "average_transaction_value"]);
    let seconds = |key: &str| {
        let text = row[key].as_str().unwrap();
        chrono::NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S").unwrap().and_utc().timestamp() - 1_714_564_800
    };
    let number = |key: &str| row[key].as_i64().unwrap_or(-1);
    assert_eq!(seconds("window_end"), seconds("window_start") + 3, "{text}");
    (seconds("window_start"), number("total_paid"), number("total_transactions"))
}
