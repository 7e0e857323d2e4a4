//! What a second core brings: each query from files, on one core and on two, by turns.
//!
//! Files, because a broker on the same machine takes a share of the second core. The files are those events that the topic would
//! hold, one record a line, in parts that are decoded side by side.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

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
    pub fn of(topic: &Topic) -> Self {
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

/// Runs each query `runs` times on one core and on two, and prints the best of each.
pub fn measure(chosen: &[&Query], topic: &Topic, runs: u32, limit: Duration) {
    let files = Files::of(topic);
    files.fill(topic);
    println!("{} events from {PARTS} files, best of {runs}\n", topic.events);
    println!("| query | s on one core | on two | times | CPU-s on one core | on two | more CPU |");
    println!("|---|---|---|---|---|---|---|");
    for query in chosen {
        let mut best: [Option<Ended>; 2] = [None, None];
        for _ in 0..runs {
            for (cores, best) in [1, 2].into_iter().zip(&mut best) {
                let ended = run(&files, query.name, cores, limit);
                assert!(ended.ok, "{}: {}", query.name, ended.complaint());
                if best.as_ref().is_none_or(|best| ended.seconds < best.seconds) {
                    *best = Some(ended);
                }
            }
        }
        let [Some(one), Some(two)] = best else { continue };
        println!(
            "| {} | {:.2} | {:.2} | **{:.2}** | {:.2} | {:.2} | {:+.0} % |",
            query.name,
            one.seconds,
            two.seconds,
            one.seconds / two.seconds,
            one.cpu,
            two.cpu,
            (two.cpu / one.cpu - 1.0) * 100.0,
        );
    }
}

fn run(files: &Files, query: &str, cores: usize, limit: Duration) -> Ended {
    let data = tempfile::tempdir().unwrap();
    let tables = data.path().join("tables.sql");
    std::fs::write(&tables, files.tables()).unwrap();
    let args = ["run".to_string(), shown(&tables), shown(&queries::file(query))];
    millstream_on(Some(cores), data.path(), &args, limit)
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}
