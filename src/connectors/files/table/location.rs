//! The location of files: parses `path` into a store, a folder and a pattern.

use std::path::{Component, PathBuf};

use glob::{MatchOptions, Pattern};
use object_store::path::Path;

use crate::common::{Error, Result};

/// `*` and `?` match within one part of a path; `**` matches across folders.
const MATCHING: MatchOptions = MatchOptions { case_sensitive: true, require_literal_separator: true, require_literal_leading_dot: false };

/// The kind of store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Storage {
    /// This machine.
    Local,
    /// A bucket of S3.
    S3(String),
}

/// A parsed path:
///
/// ```text
///   s3://lake/events/dt=*/part-*.parquet        data/events
///   place ────▶ S3("lake")                      Local
///   base ─────▶ events                          <working directory>/data/events
///   pattern ──▶ dt=*/part-*.parquet             none: a file, or a folder with all that is below it
/// ```
#[derive(Debug, Clone)]
pub struct Location {
    /// The store.
    pub place: Storage,
    /// The part without wildcards.
    pub base: Path,
    /// The pattern for the rest of a file's path below `base`.
    pub pattern: Option<Pattern>,
    /// As it was written, for messages.
    pub shown: String,
}

impl Location {
    /// Parses a path or a URL.
    ///
    /// # Errors
    /// For URLs that are neither `file://` nor `s3://`, and invalid patterns.
    pub fn parse(text: &str) -> Result<Self> {
        let text = text.trim();
        let (place, path) = match text.split_once("://") {
            None => (Storage::Local, text.to_string()),
            Some(("file", path)) => (Storage::Local, path.to_string()),
            Some(("s3" | "s3a" | "s3n", rest)) => {
                let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
                if bucket.is_empty() {
                    return Err(Error::sql(format!("'{text}' names no bucket")).hint("write s3://bucket/folder/*.parquet"));
                }
                (Storage::S3(bucket.to_string()), key.to_string())
            }
            Some(("http" | "https", _)) => {
                return Err(Error::sql(format!(
                    "'{text}': files cannot be read over HTTP, which can neither list nor promise that a file stays as it is"
                ))
                .hint("copy it to a local folder or to S3"));
            }
            Some((scheme, _)) => {
                return Err(Error::sql(format!("'{text}': there is no store for `{scheme}://`"))
                    .hint("use a path, file:///path or s3://bucket/path"));
            }
        };
        if path.is_empty() && place == Storage::Local {
            return Err(Error::option("path", "is empty").hint("name a file, a folder, or a pattern such as data/*.parquet"));
        }
        let wrong = |e: glob::PatternError| Error::sql(format!("'{text}' is no pattern: {}", e.msg)).hint("* ? [abc] and ** are wildcards");
        let (fixed, rest) = split_at_wildcard(&path);
        let pattern = rest.map(Pattern::new).transpose().map_err(wrong)?;
        let base = match &place {
            Storage::Local => local(fixed).map_err(|e| Error::sql(format!("'{text}' is no path")).with_source(e))?,
            Storage::S3(_) => {
                Path::parse(fixed.trim_matches('/')).map_err(|e| Error::sql(format!("'{text}' is no path")).with_source(e))?
            }
        };
        Ok(Self { place, base, pattern, shown: text.to_string() })
    }

    /// Whether the location includes a file at `parts` below `base`. Hidden files are never included.
    pub fn matches(&self, parts: &[String]) -> bool {
        let hidden = |part: &String| part.starts_with('.') || (part.starts_with('_') && !part.contains('='));
        !parts.iter().any(hidden) && self.pattern.as_ref().is_none_or(|p| p.matches_with(&parts.join("/"), MATCHING))
    }

    /// Whether the pattern matches only files directly in `base`.
    pub fn is_flat(&self) -> bool {
        self.pattern.as_ref().is_some_and(|p| !p.as_str().contains('/') && !p.as_str().contains("**"))
    }

    /// Returns the path of an object of this store as users write it.
    pub fn show(&self, object: &Path) -> String {
        match &self.place {
            Storage::Local => format!("/{object}"),
            Storage::S3(bucket) => format!("s3://{bucket}/{object}"),
        }
    }
}

/// Splits a path before the first part with a wildcard.
fn split_at_wildcard(path: &str) -> (&str, Option<&str>) {
    let Some(first) = path.find(['*', '?', '[']) else { return (path, None) };
    let cut = path[..first].rfind('/').map_or(0, |slash| slash + 1);
    (&path[..cut], Some(&path[cut..]))
}

/// Returns an absolute path without `.` and `..`, as a key of the local store.
fn local(path: &str) -> std::result::Result<Path, object_store::path::Error> {
    let absolute = std::path::absolute(if path.is_empty() { "." } else { path }).unwrap_or_else(|_| PathBuf::from(path));
    let mut plain = PathBuf::from("/");
    for component in absolute.components() {
        match component {
            Component::ParentDir => {
                plain.pop();
            }
            Component::Normal(part) => plain.push(part),
            _ => {}
        }
    }
    if plain == *"/" { Ok(Path::default()) } else { Path::from_absolute_path(plain) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_taken_apart() {
        let here = std::env::current_dir().unwrap();
        let here = here.to_string_lossy().trim_start_matches('/').to_string();
        let s3 = Storage::S3("b".to_string());
        for (text, place, base, pattern) in [
            ("/a/b.csv", Storage::Local, "a/b.csv".to_string(), None),
            ("file:///a/b", Storage::Local, "a/b".into(), None),
            ("a/../b/./c/", Storage::Local, format!("{here}/b/c"), None),
            ("*.csv", Storage::Local, here.clone(), Some("*.csv")),
            ("/a/x-*/y?.csv", Storage::Local, "a".into(), Some("x-*/y?.csv")),
            ("s3://b", s3.clone(), String::new(), None),
            ("s3a://b/k/", s3.clone(), "k".into(), None),
            ("s3://b/k/**/*.parquet", s3.clone(), "k".into(), Some("**/*.parquet")),
        ] {
            let location = Location::parse(text).unwrap();
            let pattern_text = location.pattern.as_ref().map(Pattern::as_str);
            assert_eq!((location.place, location.base.as_ref(), pattern_text), (place, base.as_str(), pattern), "{text}");
        }
    }

    #[test]
    fn what_matches() {
        for (path, below, yes) in [
            ("/d", "a.csv", true),
            ("/d", "x/y/a.csv", true),
            ("/d", "_tmp/a.csv", false),
            ("/d", "dt=1/_SUCCESS", false),
            ("/d", "_p=1/a.csv", true),
            ("/d", ".a.csv", false),
            ("/d/*.csv", "a.csv", true),
            ("/d/*.csv", "x/a.csv", false),
            ("/d/**/*.csv", "a.csv", true),
            ("/d/**/*.csv", "x/y/a.csv", true),
            ("/d/dt=[12]/*", "dt=2/a", true),
            ("/d/dt=[12]/*", "dt=3/a", false),
        ] {
            let parts: Vec<String> = below.split('/').map(ToString::to_string).collect();
            assert_eq!(Location::parse(path).unwrap().matches(&parts), yes, "{path} {below}");
        }
    }

    #[test]
    fn what_is_refused() {
        for (text, message) in [
            ("https://h/a.parquet", "cannot be read over HTTP"),
            ("gs://b/a", "there is no store for `gs://`"),
            ("s3:///a", "names no bucket"),
            ("", "`path` is empty"),
            ("/a/[x", "is no pattern"),
        ] {
            let error = Location::parse(text).unwrap_err();
            assert!(error.message().contains(message) && error.hint_text().is_some(), "{error}");
        }
    }
}
