//! The format of a table's files, for reading and writing.

use std::sync::Arc;

use datafusion::datasource::file_format::FileFormat;
use datafusion::datasource::file_format::arrow::ArrowFormat;
use datafusion::datasource::file_format::file_compression_type::FileCompressionType;
use datafusion::datasource::file_format::parquet::ParquetFormat;
use object_store::path::Path;

use crate::common::{Error, Result, suggest, units};
use crate::connectors::TableSpec;
use crate::formats::FormatOptions;
use crate::formats::csv::{self, CsvOptions};

use super::location::Location;
use super::options::FORMATS;
use crate::connectors::files::text::record_splitter::{LONGEST, Quotes};

const LONGEST_LINE: &str = "csv.max-line-size";

/// Old writers of Parquet store days and nanoseconds in 96 bits. In 64-bit nanoseconds they would end in 2262.
const INT96: &str = "us";

/// The kind of a file's content.
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

/// What the first line of a CSV file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Header {
    /// Detected from the line.
    Auto,
    /// The column names.
    Names,
    /// A row.
    None,
    /// A line to skip.
    Skipped,
}

/// How the files of a table are read and written.
#[derive(Debug, Clone)]
pub struct Format {
    /// The kind of content.
    pub kind: Kind,
    /// Of CSV: the first line.
    pub header: Header,
    /// Chosen by each file's extension if `None`.
    compression: Option<FileCompressionType>,
    /// Options of our own formats: `csv.*`, `json.*`.
    pub options: FormatOptions,
    /// The same for CSV, parsed.
    pub csv: CsvOptions,
    /// CSV values may extend over lines.
    line_breaks: bool,
    /// The longest record of a text file, in bytes.
    pub longest: usize,
}

impl Kind {
    /// The name of our own format that reads and writes it record by record, if it is text.
    pub fn text(self) -> Option<&'static str> {
        match self {
            Self::Csv => Some("csv"),
            Self::Json => Some("json"),
            Self::Parquet | Self::Avro | Self::Arrow => None,
        }
    }
}

impl Format {
    /// Reads the format from a table's options, or from the extension of its path.
    ///
    /// # Errors
    /// When neither names a format, or an option is invalid.
    pub fn read(table: &TableSpec, location: &Location) -> Result<Self> {
        let named = table.option("format");
        let text = named.map(ToString::to_string).or_else(|| extension(&location.shown));
        let Some(text) = text else {
            return Err(unknown_format(table, location));
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
        let own = kind.text().unwrap_or_default();
        let of_another =
            |key: &str| ["csv", "json"].into_iter().find(|f| *f != own && key.strip_prefix(f).is_some_and(|r| r.starts_with('.')));
        if let Some((key, family)) = table.options.iter().find_map(|(key, _)| Some((key, of_another(key)?))) {
            return Err(Error::option(key, format!("is of format '{family}', not '{text}'")));
        }
        let tab = text.eq_ignore_ascii_case("tsv").then_some(("csv.field-delimiter", "\\t"));
        // Later options take precedence, here those of the table.
        let all = [(csv::EMPTY_IS_NULL, "true")].into_iter().chain(tab).chain(table.options.iter());
        let options = FormatOptions::pick(own, "", all).in_any_case();
        let csv = CsvOptions::read(&options)?;
        let line_breaks = table.option("csv.allow-line-breaks").is_none_or(|v| v.eq_ignore_ascii_case("true"));
        let longest = table.option(LONGEST_LINE).map(units::bytes).transpose().map_err(|e| e.in_option(LONGEST_LINE))?;
        let longest = longest.and_then(|bytes| usize::try_from(bytes).ok()).unwrap_or(LONGEST);
        Ok(Self { kind, header: header(table), compression, options, csv, line_breaks, longest })
    }

    /// Returns how values are quoted, if one may hold a line end.
    pub fn quotes(&self) -> Option<Quotes> {
        let CsvOptions { delimiter, quote, escape, .. } = self.csv;
        let quote = quote.filter(|_| self.kind == Kind::Csv && self.line_breaks)?;
        Some(Quotes { quote, escape, delimiter })
    }

    /// Returns the compression of a file.
    pub fn compression_of(&self, file: &Path) -> FileCompressionType {
        if self.kind.text().is_none() {
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

    /// Returns DataFusion's reader.
    ///
    /// # Errors
    /// For text, which is read record by record, and Avro, which is read block by block.
    pub fn reader(&self) -> Result<Arc<dyn FileFormat>> {
        match self.kind {
            Kind::Parquet => {
                let parquet = ParquetFormat::new().with_force_view_types(false);
                Ok(Arc::new(parquet.with_coerce_int96(Some(INT96.to_string()))))
            }
            Kind::Arrow => Ok(Arc::new(ArrowFormat)),
            Kind::Csv | Kind::Json | Kind::Avro => Err(Error::internal("these files are read by readers of our own")),
        }
    }

    /// Returns the compression that the options name.
    pub fn named_compression(&self) -> Option<FileCompressionType> {
        self.compression
    }

    /// Returns the extension of files that are written.
    pub fn extension(&self) -> String {
        let format = match self.kind {
            Kind::Parquet => "parquet",
            Kind::Csv => "csv",
            Kind::Json => "json",
            Kind::Avro => "avro",
            Kind::Arrow => "arrow",
        };
        match self.compression {
            Some(FileCompressionType::GZIP) if self.kind.text().is_some() => format!("{format}.gz"),
            Some(FileCompressionType::ZSTD) if self.kind.text().is_some() => format!("{format}.zst"),
            _ => format.to_string(),
        }
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

/// The error for files whose format is neither declared nor known from their names.
fn unknown_format(table: &TableSpec, location: &Location) -> Error {
    let (shown, formats) = (&location.shown, FORMATS.join(", "));
    if table.name != *shown {
        return Error::sql(format!("table `{}` does not say what format '{shown}' has", table.name))
            .hint(format!("add 'format' = '...': {formats}"));
    }
    let folder = shown.trim_end_matches('/');
    Error::sql(format!("'{shown}' does not say what format its files have")).hint(format!(
        "a pattern does, such as '{folder}/*.csv', or a table: CREATE TABLE t WITH ('connector' = 'filesystem', 'path' = '{shown}', \
         'format' = '...'); formats: {formats}"
    ))
}

/// Returns the format extension of a path, without that of its compression.
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
