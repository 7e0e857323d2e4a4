//! `\?` and `\h`.

use crate::common::{Error, Result, suggest};

use super::commands::COMMANDS;

/// A statement: how it is written, and an example.
struct Statement {
    name: &'static str,
    syntax: &'static str,
    example: &'static str,
}

/// The statements, in the order of the alphabet.
const STATEMENTS: &[Statement] = &[
    Statement {
        name: "ALTER TABLE",
        syntax: "ALTER TABLE name RENAME TO new | SET ('key' = 'value', ...) | RESET ('key', ...)",
        example: "ALTER TABLE orders SET ('scan.startup.mode' = 'earliest-offset');",
    },
    Statement {
        name: "COPY",
        syntax: "COPY (query) TO 'file.parquet|csv|json' [(FORMAT csv, HEADER true, ...)]",
        example: "COPY (SELECT * FROM orders) TO 'orders.parquet';",
    },
    Statement {
        name: "CREATE FUNCTION",
        syntax: "CREATE FUNCTION [IF NOT EXISTS] name(parameter TYPE, ...) [RETURNS TYPE] AS expression",
        example: "CREATE FUNCTION cents(price DOUBLE) AS CAST(price * 100 AS BIGINT);",
    },
    Statement {
        name: "CREATE MATERIALIZED VIEW",
        syntax: "CREATE MATERIALIZED VIEW name AS query   -- a job keeps it up to date",
        example: "CREATE MATERIALIZED VIEW per_item AS SELECT item, COUNT(*) AS n FROM orders GROUP BY item;",
    },
    Statement {
        name: "CREATE TABLE",
        syntax: "CREATE [TEMPORARY] TABLE [IF NOT EXISTS] name (\n  column TYPE [NOT NULL] | column AS expression | column TYPE METADATA [FROM 'key'],\n  WATERMARK FOR column AS column - INTERVAL '5' SECOND,\n  PRIMARY KEY (column, ...) NOT ENFORCED\n) WITH ('connector' = 'kafka|upsert-kafka|filesystem|datagen|print|blackhole', ...)",
        example: "CREATE TABLE orders (id BIGINT, item STRING, price DOUBLE, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '5' SECOND)\n  WITH ('connector' = 'kafka', 'topic' = 'orders', 'properties.bootstrap.servers' = 'localhost:9092', 'format' = 'json');",
    },
    Statement {
        name: "CREATE VIEW",
        syntax: "CREATE [TEMPORARY] VIEW name [(column, ...)] AS query",
        example: "CREATE VIEW dear AS SELECT * FROM orders WHERE price > 100;",
    },
    Statement { name: "DESCRIBE", syntax: "DESCRIBE name", example: "DESCRIBE orders;" },
    Statement {
        name: "DROP",
        syntax: "DROP TABLE|VIEW|MATERIALIZED VIEW|DATABASE|FUNCTION [IF EXISTS] name",
        example: "DROP TABLE IF EXISTS orders;",
    },
    Statement {
        name: "EXPLAIN",
        syntax: "EXPLAIN [ANALYZE] query | INSERT | STATEMENT SET BEGIN ... END   -- ANALYZE runs it over what is there now, and writes nothing\nEXPLAIN ANALYZE JOB 'name'   -- what a job of this session does, and has cost so far",
        example: "EXPLAIN INSERT INTO sums SELECT item, SUM(price) FROM orders GROUP BY item;\nEXPLAIN ANALYZE JOB 'sums';",
    },
    Statement {
        name: "INSERT",
        syntax: "INSERT INTO name [(column, ...)] query | VALUES (...), ...   -- a query over a stream goes on as a job",
        example: "INSERT INTO sums SELECT item, SUM(price) FROM orders GROUP BY item;",
    },
    Statement {
        name: "SELECT",
        syntax: "SELECT ... FROM name | TABLE(TUMBLE|HOP|CUMULATE|SESSION(TABLE name, DESCRIPTOR(ts), INTERVAL '1' MINUTE)) ...\n  [EMIT CHANGES | EMIT FINAL]   -- without EMIT it answers over what is there now, and ends",
        example: "SELECT window_end, item, COUNT(*) AS n FROM TABLE(TUMBLE(TABLE orders, DESCRIPTOR(ts), INTERVAL '10' SECOND))\n  GROUP BY window_start, window_end, item EMIT FINAL;",
    },
    Statement {
        name: "SET",
        syntax: "SET ['key' = 'value']   -- alone it shows what is set; RESET ['key'] takes it back",
        example: "SET 'sql-client.execution.result-mode' = 'changelog';",
    },
    Statement {
        name: "SHOW",
        syntax: "SHOW TABLES | VIEWS | DATABASES | FUNCTIONS | JOBS | COLUMNS FROM name | CREATE TABLE name [LIKE 'pattern']",
        example: "SHOW TABLES LIKE 'ord%';",
    },
    Statement {
        name: "STATEMENT SET",
        syntax: "EXECUTE STATEMENT SET BEGIN INSERT ...; INSERT ...; END;   -- one job, one read of each table",
        example: "EXECUTE STATEMENT SET BEGIN\n  INSERT INTO a SELECT * FROM orders WHERE price > 10;\n  INSERT INTO b SELECT * FROM orders WHERE price <= 10;\nEND;",
    },
    Statement {
        name: "STOP JOB",
        syntax: "STOP JOB 'name'   -- after its last commit; the same INSERT resumes it",
        example: "STOP JOB 'sums';",
    },
    Statement { name: "USE", syntax: "USE database", example: "USE shop;" },
];

/// The names of all statements.
pub(super) fn statements() -> impl Iterator<Item = &'static str> {
    STATEMENTS.iter().map(|statement| statement.name)
}

/// What `\?` shows.
pub(super) fn commands() -> String {
    let head = |command: &super::commands::Command| format!("{} {}", command.names.join(" "), command.arguments);
    let width = COMMANDS.iter().map(|c| head(c).len()).max().unwrap_or(0);
    let lines = COMMANDS.iter().map(|c| format!("  {:width$}  {}\n", head(c), c.help)).collect::<String>();
    format!(
        "{lines}\nStatements end with `;`. \\h lists them, \\h SELECT shows one. Tab completes, Ctrl-R searches what was typed before.\n"
    )
}

/// What `\h` shows.
///
/// # Errors
/// When there is no such statement.
pub(super) fn statement(name: Option<&str>) -> Result<String> {
    let Some(name) = name else {
        return Ok(format!("\\h followed by one of: {}\n", statements().collect::<Vec<_>>().join(", ")));
    };
    let upper = name.to_ascii_uppercase();
    let found: Vec<&Statement> = STATEMENTS.iter().filter(|s| s.name == upper || s.name.split(' ').next() == Some(&upper)).collect();
    if found.is_empty() {
        let names: Vec<&str> = statements().collect();
        return Err(Error::usage(format!("there is no help on `{name}`")).hint(suggest::hint(&upper, &names)));
    }
    Ok(found
        .iter()
        .map(|s| format!("{}\n\n  {}\n\nFor example\n\n  {}\n\n", s.name, s.syntax.replace('\n', "\n  "), s.example.replace('\n', "\n  ")))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::ast::Source;
    use crate::sql::parse;

    #[test]
    fn every_example_can_be_parsed() {
        for statement in STATEMENTS {
            parse(&Source::new(statement.name, statement.example)).unwrap_or_else(|e| panic!("{e}"));
        }
    }

    #[test]
    fn help_on_one_of_them() {
        assert!(statement(Some("create table")).unwrap().contains("WATERMARK FOR"));
        assert!(statement(Some("create")).unwrap().contains("CREATE VIEW"));
        assert!(statement(Some("selekt")).unwrap_err().hint_text().unwrap().contains("`SELECT`"));
        assert!(statement(None).unwrap().contains("STOP JOB"));
        assert!(commands().contains("\\watch [SECONDS]"));
    }
}
