//! How the bytes of files become rows: DataFusion's formats with a table's options.

use std::sync::Arc;

use datafusion::common::config::CsvOptions;
use datafusion::datasource::file_format::FileFormat;
use datafusion::datasource::file_format::arrow::ArrowFormat;
use datafusion::datasource::file_format::avro::AvroFormat;
use datafusion::datasource::file_format::csv::CsvFormat;
use datafusion::datasource::file_format::file_compression_type::FileCompressionType;
use datafusion::datasource::file_format::json::JsonFormat;
use datafusion::datasource::file_format::parquet::ParquetFormat;
use object_store::path::Path;

use crate::common::{Error, Result, suggest};
use crate::connectors::TableSpec;

use super::location::Location;
use super::options::FORMATS;

/// How many records are looked at to find types out, as in DuckDB.
const SAMPLE: usize = 20_480;

/// What files hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Apache Parquet.
    Parquet,
    /// Text with a separator.
    Csv,
    /// One JSON object per line.
    Json,
    /// Avro object container files.
    Avro,
    /// Arrow IPC, as a file or as a stream.
    Arrow,
}

/// Whether the first line of a CSV file names columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Header {
    /// It is looked at.
    Auto,
    /// It does.
    Names,
    /// It is a row.
    None,
    /// It is left out.
    Skipped,
}

/// How the files of a table are read.
#[derive(Debug, Clone)]
pub struct Format {
    /// What they hold.
    pub kind: Kind,
    /// Of CSV.
    pub header: Header,
    /// The text that stands for NULL, of CSV.
    pub null_literal: Option<String>,
    /// By each file's extension if `None`.
    compression: Option<FileCompressionType>,
    csv: CsvOptions,
}

impl Format {
    /// What a table's options say, or the extension of its path.
    ///
    /// # Errors
    /// When neither names a format, or an option does not fit.
    pub fn read(table: &TableSpec, location: &Location) -> Result<Self> {
        let named = table.option("format");
        let text = named.map(ToString::to_string).or_else(|| extension(&location.shown));
        let Some(text) = text else {
            return Err(Error::sql(format!("table `{}` does not say what format '{}' has", table.name, location.shown))
                .hint(format!("add 'format' = '...': {}", FORMATS.join(", "))));
        };
        let kind = kind(&text).ok_or_else(|| Error::sql(format!("unknown format '{text}'")).hint(suggest::hint(&text, &FORMATS)))?;
        let compression = match table.option("compression").map(str::to_ascii_lowercase).as_deref() {
            None | Some("auto") => None,
            Some("gzip") => Some(FileCompressionType::GZIP),
            Some("zstd") => Some(FileCompressionType::ZSTD),
            Some("bzip2") => Some(FileCompressionType::BZIP2),
            Some("xz") => Some(FileCompressionType::XZ),
            Some(_) => Some(FileCompressionType::UNCOMPRESSED),
        };
        if kind != Kind::Csv
            && let Some((key, _)) = table.options.iter().find(|(key, _)| key.starts_with("csv."))
        {
            return Err(Error::sql(format!("option `{key}` is of format 'csv', not '{text}'")));
        }
        let null_literal = table.option("csv.null-literal").map(ToString::to_string);
        Ok(Self { kind, header: header(table), null_literal, compression, csv: csv(table, &text)? })
    }

    /// The compression of a file.
    pub fn compression_of(&self, file: &Path) -> FileCompressionType {
        if !matches!(self.kind, Kind::Csv | Kind::Json) {
            return FileCompressionType::UNCOMPRESSED;
        }
        self.compression.unwrap_or_else(|| match file.extension() {
            Some("gz" | "gzip") => FileCompressionType::GZIP,
            Some("zst" | "zstd") => FileCompressionType::ZSTD,
            Some("bz2") => FileCompressionType::BZIP2,
            Some("xz") => FileCompressionType::XZ,
            _ => FileCompressionType::UNCOMPRESSED,
        })
    }

    /// DataFusion's reader of files with this compression; `header`: their first line is no row.
    pub fn reader(&self, compression: FileCompressionType, header: bool) -> Arc<dyn FileFormat> {
        match self.kind {
            Kind::Parquet => Arc::new(ParquetFormat::new().with_force_view_types(false)),
            Kind::Csv => {
                let csv = CsvFormat::default().with_options(self.csv.clone()).with_has_header(header);
                Arc::new(csv.with_schema_infer_max_rec(SAMPLE).with_file_compression_type(compression))
            }
            Kind::Json => Arc::new(JsonFormat::default().with_schema_infer_max_rec(SAMPLE).with_file_compression_type(compression)),
            Kind::Avro => Arc::new(AvroFormat),
            Kind::Arrow => Arc::new(ArrowFormat),
        }
    }

    /// The compression that is asked for by name.
    pub fn named_compression(&self) -> Option<FileCompressionType> {
        self.compression
    }

    /// The extension of files that are written.
    pub fn extension(&self) -> String {
        let format = match self.kind {
            Kind::Parquet => "parquet",
            Kind::Csv => "csv",
            Kind::Json => "json",
            Kind::Avro => "avro",
            Kind::Arrow => "arrow",
        };
        match self.compression {
            Some(FileCompressionType::GZIP) if matches!(self.kind, Kind::Csv | Kind::Json) => format!("{format}.gz"),
            Some(FileCompressionType::ZSTD) if matches!(self.kind, Kind::Csv | Kind::Json) => format!("{format}.zst"),
            _ => format.to_string(),
        }
    }

    /// How CSV is written: times as in SQL, a fraction only where there is one.
    pub fn csv_writer(&self, header: bool) -> arrow_csv::WriterBuilder {
        let writer = arrow_csv::WriterBuilder::new().with_header(header).with_delimiter(self.csv.delimiter).with_quote(self.csv.quote);
        let writer = writer.with_timestamp_format("%Y-%m-%d %H:%M:%S%.f".to_string());
        let writer = writer.with_timestamp_tz_format("%Y-%m-%d %H:%M:%S%.fZ".to_string());
        let writer = match self.csv.escape {
            Some(escape) => writer.with_double_quote(false).with_escape(escape),
            None => writer,
        };
        writer.with_null(self.null_literal.clone().unwrap_or_default())
    }

    /// A reader that looks at the first line of a CSV file alone: its values come out as names of columns.
    pub fn first_line(&self, compression: FileCompressionType) -> CsvFormat {
        let csv = CsvFormat::default().with_options(self.csv.clone()).with_has_header(true);
        csv.with_schema_infer_max_rec(0).with_file_compression_type(compression)
    }
}

fn kind(format: &str) -> Option<Kind> {
    match format.to_ascii_lowercase().as_str() {
        "parquet" => Some(Kind::Parquet),
        "csv" | "tsv" => Some(Kind::Csv),
        "json" | "ndjson" => Some(Kind::Json),
        "avro" => Some(Kind::Avro),
        "arrow" => Some(Kind::Arrow),
        _ => None,
    }
}

/// The format that the extension of a path names, with that of a compression taken off.
pub fn extension(path: &str) -> Option<String> {
    let name = path.rsplit('/').next()?.to_ascii_lowercase();
    let name = [".gz", ".gzip", ".zst", ".zstd", ".bz2", ".xz"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(&name);
    let format = match name.rsplit_once('.')?.1 {
        "pq" | "parquet" => "parquet",
        "csv" => "csv",
        "tsv" | "tab" => "tsv",
        "json" | "ndjson" | "jsonl" => "json",
        "avro" => "avro",
        "arrow" | "ipc" | "feather" | "arrows" => "arrow",
        _ => return None,
    };
    Some(format.to_string())
}

fn header(table: &TableSpec) -> Header {
    let is = |key: &str, value: &str| table.option(key).is_some_and(|v| v.eq_ignore_ascii_case(value));
    if is("csv.ignore-first-line", "true") {
        Header::Skipped
    } else if is("csv.header", "true") {
        Header::Names
    } else if is("csv.header", "false") {
        Header::None
    } else {
        Header::Auto
    }
}

fn csv(table: &TableSpec, format: &str) -> Result<CsvOptions> {
    let byte = |key: &str| -> Result<Option<u8>> {
        let Some(text) = table.option(key) else { return Ok(None) };
        match text {
            "\\t" => Ok(Some(b'\t')),
            _ if text.len() == 1 => Ok(text.bytes().next()),
            _ => Err(Error::sql(format!("table `{}`: option `{key}` cannot be '{text}'", table.name)).hint("give one ASCII character")),
        }
    };
    let flag = |key: &str| table.option(key).map(|v| v.eq_ignore_ascii_case("true"));
    let tab = if format.eq_ignore_ascii_case("tsv") { b'\t' } else { b',' };
    Ok(CsvOptions {
        delimiter: byte("csv.field-delimiter")?.unwrap_or(tab),
        quote: byte("csv.quote-character")?.unwrap_or(b'"'),
        escape: byte("csv.escape-character")?,
        comment: flag("csv.allow-comments").filter(|on| *on).map(|_| b'#'),
        // Cutting a file at line ends would cut inside of such values, too.
        newlines_in_values: Some(flag("csv.allow-line-breaks").unwrap_or(true)),
        ..CsvOptions::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_by_extension() {
        for (path, format) in [
            ("a.parquet", Some("parquet")),
            ("s3://b/x/*.csv.gz", Some("csv")),
            ("A.TSV", Some("tsv")),
            ("a.jsonl.zst", Some("json")),
            ("a.b/c", None),
            ("folder/", None),
            ("a.txt", None),
        ] {
            assert_eq!(extension(path).as_deref(), format, "{path}");
        }
    }
}
