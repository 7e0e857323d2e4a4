//! Turns a declaration into the table that a connector needs.

use crate::common::{Error, Result, secret};
use crate::connectors::{TableColumn, TableSpec};
use crate::sql::ast::{ColumnKind, CreateTable, Options};

/// Returns the table as its connector sees it: with `options` (from [`super::Overrides::effective`]) instead of the declared ones,
/// references in their values resolved, and without computed columns.
///
/// # Errors
/// When there is no `connector`, or a reference cannot be resolved.
pub fn table_spec(table: &CreateTable, options: &Options) -> Result<TableSpec> {
    let mut resolved = Options::default();
    for (key, value) in options.iter() {
        let value = resolve_references(value).map_err(|error| error.in_table_option(&table.name, key))?;
        secret::learn(key, &value);
        resolved.push(key.to_string(), value, options.pos(key))?;
    }
    let Some(connector) = resolved.get("connector").map(str::to_string) else {
        return Err(
            Error::sql(format!("table `{}` does not say where its data is", table.name)).hint("add WITH ('connector' = '...', ...)")
        );
    };
    let columns = table.columns.iter().filter_map(|column| {
        let (metadata, is_virtual) = match &column.kind {
            ColumnKind::Physical => (None, false),
            ColumnKind::Metadata { key, is_virtual } => (Some(key.clone()), *is_virtual),
            ColumnKind::Computed(_) => return None,
        };
        let data_type = column.data_type.clone()?;
        Some(TableColumn { name: column.name.clone(), data_type, nullable: column.nullable, metadata, is_virtual })
    });
    Ok(TableSpec {
        name: table.name.clone(),
        connector,
        columns: columns.collect(),
        primary_key: table.primary_key.clone(),
        partitioned_by: table.partitioned_by.clone(),
        options: resolved,
    })
}

/// Replaces the references `${env:NAME}`, `${env:NAME:-default}` and `${file:PATH}`; any other text is unchanged. The line end after a
/// file's last line is not part of its value.
///
/// # Errors
/// When a variable is not set and has no default, or a file cannot be read.
pub fn resolve_references(value: &str) -> Result<String> {
    let mut resolved = String::with_capacity(value.len());
    let mut rest = value;
    while let Some(start) = rest.find("${") {
        let (before, reference) = rest.split_at(start);
        resolved.push_str(before);
        let Some(end) = reference.find('}') else {
            rest = reference;
            break;
        };
        let inside = &reference[2..end];
        if let Some(name) = inside.strip_prefix("env:") {
            resolved.push_str(&environment(name)?);
        } else if let Some(path) = inside.strip_prefix("file:") {
            let text = std::fs::read_to_string(path.trim())
                .map_err(|error| Error::sql(format!("cannot read {}, which `${{{inside}}}` names", path.trim())).with_source(error))?;
            resolved.push_str(text.strip_suffix('\n').map_or(text.as_str(), |line| line.strip_suffix('\r').unwrap_or(line)));
        } else {
            resolved.push_str(&reference[..=end]);
        }
        rest = &reference[end + 1..];
    }
    resolved.push_str(rest);
    Ok(resolved)
}

fn environment(inside: &str) -> Result<String> {
    let (name, default) = inside.split_once(":-").map_or((inside, None), |(name, default)| (name, Some(default)));
    let name = name.trim();
    // As in a shell, a default also replaces an empty value. A name with `=` or NUL cannot be set.
    match (std::env::var(name).ok(), default) {
        (Some(value), None) => Ok(value),
        (Some(value), Some(_)) if !value.is_empty() => Ok(value),
        (_, Some(default)) => Ok(default.to_string()),
        (None, None) => Err(Error::sql(format!("the environment variable {name} is not set"))
            .hint(format!("set it, or give a default: ${{env:{name}:-default}}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::ast::{Source, Statement};

    #[test]
    fn references() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("secret");
        std::fs::write(&file, "s3cret\n").unwrap();
        for (value, resolved) in [
            ("plain ${other} $ { } ${", "plain ${other} $ { } ${".to_string()),
            ("a${env:MILLSTREAM_NO_SUCH:-b}c${env:MILLSTREAM_NO_SUCH:-}d", "abcd".to_string()),
            ("${env:PATH}", std::env::var("PATH").unwrap()),
            (&format!("x ${{file:{}}} y", file.display()), "x s3cret y".to_string()),
        ] {
            assert_eq!(resolve_references(value).unwrap(), resolved);
        }
        let error = resolve_references("${env:MILLSTREAM_NO_SUCH}").unwrap_err();
        assert_eq!(error.message(), "the environment variable MILLSTREAM_NO_SUCH is not set");
        assert!(resolve_references("${file:/no/such/file}").unwrap_err().message().contains("/no/such/file"));
    }

    #[test]
    fn a_spec_has_physical_and_metadata_columns() {
        let text = "CREATE TABLE t (id INT, ts TIMESTAMP_LTZ(3) METADATA FROM 'timestamp' VIRTUAL, twice AS id * 2, \
                    PRIMARY KEY (id) NOT ENFORCED) WITH ('connector' = 'kafka', 'topic' = '${env:MILLSTREAM_NO_SUCH:-t}')";
        let Statement::CreateTable(table) = crate::sql::parse(&Source::new("a", text)).unwrap().remove(0).statement else { panic!() };
        let spec = table_spec(&table, &table.options).unwrap();
        assert_eq!((spec.connector.as_str(), spec.option("topic")), ("kafka", Some("t")));
        let columns: Vec<_> = spec.columns.iter().map(|c| (c.name.as_str(), c.nullable, c.metadata.as_deref(), c.is_virtual)).collect();
        assert_eq!(columns, [("id", false, None, false), ("ts", true, Some("timestamp"), true)]);
        assert_eq!(spec.primary_key, ["id"]);
        assert!(table_spec(&table, &Options::default()).unwrap_err().message().contains("does not say where its data is"));
    }
}
