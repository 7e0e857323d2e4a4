//! Meta commands of psql, DuckDB and MySQL that are not here, and what there is instead.

/// Names, and the hint for them.
const HINTS: &[(&[&str], &str)] = &[
    (
        &["\\c", "\\connect", ".open", "\\u", "\\use"],
        "a shell is on one data folder: `millstream --data DIR` opens another one; `USE database;` goes to a database of it",
    ),
    (
        &["\\copy", ".import", ".export", ".dump"],
        "`SELECT * FROM 'file.csv';` reads a file, `COPY (query) TO 'file.csv';` writes one; .schema shows all declarations",
    ),
    (&["\\du", "\\dg", "\\dp", "\\z", "\\ddp", "\\password"], "there are no users and rights here"),
    (&["\\di", ".indexes", ".indices"], "tables have no indexes; \\d NAME shows the primary key"),
    (&["\\ds", "\\dE"], "\\dt lists all tables, \\d+ NAME shows the connector of one"),
    (&["\\dT", "\\dC", "\\do", "\\dD"], "docs/sql.md lists the types, \\df the functions"),
    (&["\\dx", "\\dA", "\\db", "\\dL"], "everything is built in: \\df lists functions, Tab in `WITH ('connector' = '` the connectors"),
    (
        &["\\a", "\\H", "\\t", "\\f", "\\C", "\\pset", ".headers", ".separator"],
        "\\format csv, tsv, markdown, json ...; \\x turns rows, \\null TEXT stands for NULL",
    ),
    (
        &[".width", ".maxwidth", ".columns", ".rows", ".pager"],
        "a table fits the terminal by itself, and long ones go through $PAGER; LIMIT shortens an answer, \\x auto turns wide rows",
    ),
    (&["\\s", ".history"], "Ctrl-R searches what was typed, Up brings it back"),
    (&["\\ir"], "\\i FILE; a path begins in the folder where the shell was opened, or that of \\cd"),
    (&["\\ef", "\\ev"], "\\sf NAME shows a declaration; \\e edits the last statement"),
    (&["\\gset", "\\prompt", "\\getenv", "\\setenv", ".parameter"], "\\set NAME VALUE: `:NAME` and `${NAME}` in statements become VALUE"),
    (&["\\gdesc"], "CREATE TEMPORARY VIEW v AS query; \\d v shows its columns"),
    (&["\\gexec", "\\crosstabview", "\\bind", "\\parse", "\\startpipeline"], "\\g carries out a statement, \\watch repeats it"),
    (&["\\if", "\\elif", "\\else", "\\endif"], "there are no conditions in scripts; `-v NAME=VALUE` gives them values"),
    (&["\\encoding"], "texts are UTF-8; raw.charset is an option of tables"),
    (&["\\errverbose", ".bail"], "an error is shown whole; a script ends at its first one, the shell goes on"),
    (&[".explain", ".eqp", ".profile"], "EXPLAIN query; and EXPLAIN ANALYZE query;"),
    (&["\\qecho", "\\warn"], "\\echo TEXT"),
    (&["\\.", "\\source", ".source"], "\\i FILE"),
    (&["\\P", "\\pager"], "the pager is $PAGER; PAGER=cat turns it off"),
];

/// What there is instead of a command.
pub(super) fn hint(name: &str) -> Option<&'static str> {
    HINTS.iter().find(|(names, _)| names.contains(&name)).map(|(_, hint)| *hint)
}
