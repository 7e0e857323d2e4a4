//! Files with some changed bytes: queries return the rows of all undamaged parts, or an error that names the file; they never panic, and
//! their memory stays below a limit.

use std::ops::Range;
use std::path::Path;

use datafusion::arrow::compute::concat_batches;
use datafusion::arrow::ipc;
use datafusion::arrow::ipc::writer::FileWriter;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use datafusion::parquet::file::properties::WriterProperties;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::cli::Home;

/// Files of each format.
const FILES: usize = 100;
/// The size that a damaged file claims is far above.
const MEMORY: u64 = 400 << 20;
/// Rows of a block or row group; a file has four of them.
const PART: usize = 6;

const ROWS: &str =
    "SELECT n AS id, CONCAT('name-', CAST(n % 7 AS STRING)) AS name, CAST(n AS DOUBLE) / 3 AS d, CAST(n AS DECIMAL(10, 2)) AS m,
  CASE WHEN n % 5 = 0 THEN NULL ELSE n % 2 = 0 END AS b, ARRAY[n, n + 1] AS l, DATE '2024-05-01' AS day
  FROM (SELECT UNNEST(ARRAY[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24]) AS n) t";

/// Returns a file with some changed bytes, and their ranges.
fn mutated(whole: &[u8], random: &mut StdRng) -> (Vec<u8>, Vec<Range<usize>>) {
    let (mut bytes, mut changed) = (whole.to_vec(), Vec::new());
    for _ in 0..random.random_range(1..4) {
        let at = random.random_range(0..bytes.len());
        let end = bytes.len().min(at + 4);
        let one = at..at + 1;
        changed.push(match random.random_range(0..5) {
            0 => {
                bytes[at] ^= 1 << random.random_range(0..8);
                one
            }
            1 => {
                bytes[at] = [0, 127, 128, 255][random.random_range(0..4)];
                one
            }
            2 => {
                bytes[at..end].fill(255);
                at..end
            }
            3 => {
                random.fill(&mut bytes[at..end]);
                at..end
            }
            _ => {
                bytes.truncate(at.max(1));
                bytes.len()..whole.len()
            }
        });
    }
    (bytes, changed)
}

/// Writes rows in four parts.
fn write(path: &Path, rows: &RecordBatch) {
    let (file, schema) = (std::fs::File::create(path).unwrap(), rows.schema());
    let parts = (0..rows.num_rows()).step_by(PART).map(|first| rows.slice(first, PART));
    match path.extension().and_then(|extension| extension.to_str()).unwrap() {
        "parquet" => {
            let properties = WriterProperties::builder().set_max_row_group_row_count(Some(PART)).build();
            let mut writer = ArrowWriter::try_new(file, schema, Some(properties)).unwrap();
            parts.for_each(|part| writer.write(&part).unwrap());
            writer.close().unwrap();
        }
        "arrow" => {
            let mut writer = FileWriter::try_new(file, &schema).unwrap();
            parts.for_each(|part| writer.write(&part).unwrap());
            writer.finish().unwrap();
        }
        _ => {
            let mut writer = arrow_avro::writer::AvroWriter::new(file, schema.as_ref().clone()).unwrap();
            parts.for_each(|part| writer.write(&part).unwrap());
            writer.finish().unwrap();
        }
    }
}

/// Returns the byte range of each part.
fn parts(path: &Path) -> Vec<Range<usize>> {
    let bytes = std::fs::read(path).unwrap();
    let place = |from: u64, len: u64| from as usize..(from + len) as usize;
    match path.extension().and_then(|extension| extension.to_str()).unwrap() {
        "parquet" => {
            let opened = ParquetRecordBatchReaderBuilder::try_new(std::fs::File::open(path).unwrap()).unwrap();
            let of = |columns: Vec<(u64, u64)>| {
                let first = columns.iter().map(|(from, _)| *from).min().unwrap();
                place(first, columns.iter().map(|(from, len)| from + len).max().unwrap() - first)
            };
            opened.metadata().row_groups().iter().map(|group| of(group.columns().iter().map(|c| c.byte_range()).collect())).collect()
        }
        "arrow" => {
            let end = bytes.len() - 10;
            let length = u32::from_le_bytes(*bytes[end..].first_chunk().unwrap()) as usize;
            let footer = ipc::root_as_footer(&bytes[end - length..end]).unwrap();
            let blocks = footer.recordBatches().unwrap();
            blocks.iter().map(|b| place(b.offset() as u64, b.metaDataLength() as u64 + b.bodyLength() as u64)).collect()
        }
        _ => {
            // The sync marker at the end of the file is after every block, and before the first.
            let mark = &bytes[bytes.len() - 16..];
            let ends: Vec<usize> = (16..=bytes.len()).filter(|end| bytes[end - 16..*end] == *mark).collect();
            ends.windows(2).map(|pair| pair[0]..pair[1]).collect()
        }
    }
}

#[test]
fn damaged_files_are_read_or_named() {
    let home = Home::new();
    let mut random = StdRng::seed_from_u64(17);
    let (mut wrong, mut compared, mut peak) = (Vec::new(), 0, 0);
    home.run(&["-c", &format!("COPY ({ROWS}) TO 'rows.parquet'")]).ok();
    let file = std::fs::File::open(home.path().join("rows.parquet")).unwrap();
    let rows: Vec<RecordBatch> = ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap().map(Result::unwrap).collect();
    let rows = concat_batches(&rows[0].schema(), &rows).unwrap();
    let ask = |name: &str| home.run(&["query", &format!("SELECT * FROM '{name}'"), "--format", "csv", "--memory-limit", "128MB"]);
    for extension in ["parquet", "arrow", "avro"] {
        let path = home.path().join(format!("whole.{extension}"));
        write(&path, &rows);
        let (whole, parts) = (std::fs::read(&path).unwrap(), parts(&path));
        let ended = ask(&format!("whole.{extension}"));
        let lines: Vec<&str> = ended.out.lines().skip(1).collect();
        assert_eq!((parts.len(), lines.len()), (4, 4 * PART), "{extension}: {ended}");
        for n in 0..FILES {
            let name = format!("damaged-{n}.{extension}");
            let (bytes, changed) = mutated(&whole, &mut random);
            std::fs::write(home.path().join(&name), bytes).unwrap();
            let damaged = ask(&name);
            peak = peak.max(damaged.peak);
            let told = damaged.code == Some(1) && damaged.err.contains(name.as_str());
            let raw = ["panicked", "internal error", "the statement was cut off"].iter().any(|text| damaged.err.contains(text));
            if raw || !(told || damaged.code == Some(0)) {
                wrong.push(format!("{name}: {damaged}"));
            }
            // Damage to the metadata of parts and columns cannot be detected.
            let touches = |one: &Range<usize>, part: &Range<usize>| one.start < part.end && part.start < one.end;
            let within = |one: &Range<usize>| parts.iter().any(|part| part.start <= one.start && one.end <= part.end);
            if damaged.code != Some(0) || !changed.iter().all(within) {
                continue;
            }
            let found: Vec<&str> = damaged.out.lines().collect();
            for (part, rows) in parts.iter().zip(lines.chunks(PART)) {
                if !changed.iter().any(|one| touches(one, part)) {
                    compared += 1;
                    if !rows.iter().all(|row| found.contains(row)) {
                        wrong.push(format!("{name}: changed {changed:?}, but the rows of {part:?} are missing: {damaged}"));
                    }
                }
            }
        }
    }
    assert!(compared > 50, "{compared}");
    assert!(wrong.is_empty(), "{} files\n{}", wrong.len(), wrong[..wrong.len().min(8)].join("\n"));
    assert!(peak > 0 && peak < MEMORY, "{peak} bytes");
}
