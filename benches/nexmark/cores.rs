//! What a second core brings: each query from files, on one core and on two, by turns.
//!
//! Files, because a broker on the same machine takes a share of the second core. The files are those events that the topic would
//! hold, one record a line, in parts that are decoded side by side.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::child::{Ended, millstream_on};
use super::generator::Generator;
use super::queries::{self, Query};
use super::topic::Topic;

/// How many files hold the events.
const PARTS: u64 = 40;

/// Events as files of JSON lines.
pub struct Files {
    folder: PathBuf,
    events: u64,
}

impl Files {
    /// The events of a topic, in a folder that is kept for the next time.
    pub fn new(topic: &Topic) -> Self {
        Self { folder: std::env::temp_dir().join(format!("millstream-{}", topic.name)), events: topic.events }
    }

    /// Writes the files that are not there yet, oldest first.
    pub fn fill(&self, topic: &Topic) {
        std::fs::create_dir_all(&self.folder).unwrap();
        let generator = Generator::new(topic.config);
        for part in 0..PARTS {
            let path = self.folder.join(format!("{part:03}.json"));
            if path.exists() {
                continue;
            }
            let begun = self.folder.join(format!(".{part:03}.tmp"));
            let mut file = BufWriter::new(File::create(&begun).unwrap());
            for n in self.events * part / PARTS..self.events * (part + 1) / PARTS {
                serde_json::to_writer(&mut file, &generator.event(n)).unwrap();
                file.write_all(b"\n").unwrap();
            }
            file.into_inner().unwrap().sync_all().unwrap();
            std::fs::rename(begun, path).unwrap();
        }
    }

    /// The declarations of the queries, over these files.
    fn tables(&self) -> String {
        let tables = std::fs::read_to_string(queries::file("tables")).unwrap();
        let (columns, rest) = tables.split_once("WITH (").unwrap();
        let (_, views) = rest.split_once(';').unwrap();
        format!("{columns}WITH ('connector' = 'filesystem', 'path' = '{}', 'format' = 'json');{views}", self.folder.display())
    }
}

/// Runs each query `runs` times on one core and on two, and prints the medians.
///
/// Each run on two cores is compared with the run on one core just before it: the speed of a shared machine changes within minutes.
/// Two processes that run side by side, each on a core of its own, show what the machine's second core is worth at most.
pub fn measure(chosen: &[&Query], topic: &Topic, runs: u32, limit: Duration) {
    let files = Files::new(topic);
    files.fill(topic);
    println!("{} events from {PARTS} files, medians of {runs}\n", topic.events);
    println!("| query | s on one core | on two | times | of two processes | CPU-s on one core | on two | more CPU |");
    println!("|---|---|---|---|---|---|---|---|");
    for query in chosen {
        let ended = |cores| {
            let ended = run(&files, query.name, cores, limit);
            assert!(ended.ok, "{}: {}", query.name, ended.complaint());
            ended
        };
        let side_by_side = || {
            let begin = Instant::now();
            std::thread::scope(|scope| [0..1, 1..2].map(|core| scope.spawn(|| ended(core))).map(|run| run.join().unwrap()));
            begin.elapsed().as_secs_f64()
        };
        let rounds: Vec<(Ended, Ended, f64)> = (0..runs).map(|_| (ended(0..1), ended(0..2), side_by_side())).collect();
        let of = |value: &dyn Fn(&(Ended, Ended, f64)) -> f64| median(rounds.iter().map(value).collect());
        println!(
            "| {} | {:.2} | {:.2} | **{:.2}** | {:.2} | {:.2} | {:.2} | {:+.0} % |",
            query.name,
            of(&|(one, ..)| one.seconds),
            of(&|(_, two, _)| two.seconds),
            of(&|(one, two, _)| one.seconds / two.seconds),
            of(&|(one, _, both)| 2.0 * one.seconds / both),
            of(&|(one, ..)| one.cpu),
            of(&|(_, two, _)| two.cpu),
            (of(&|(one, two, _)| two.cpu / one.cpu) - 1.0) * 100.0,
        );
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len() % 2 == 1 { values[middle] } else { (values[middle - 1] + values[middle]) / 2.0 }
}

fn run(files: &Files, query: &str, cores: Range<usize>, limit: Duration) -> Ended {
    let data = tempfile::tempdir().unwrap();
    let tables = data.path().join("tables.sql");
    std::fs::write(&tables, files.tables()).unwrap();
    let args = ["run".to_string(), shown(&tables), shown(&queries::file(query))];
    millstream_on(Some(cores), data.path(), &args, limit)
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}
