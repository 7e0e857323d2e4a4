//! Rewords error messages of libraries for authors of SQL.
//!
//! ```text
//!   Arrow error: Cast error: Cannot cast string 'x' to value of Int32 type   ─▶   Cannot cast string 'x' to INT
//!   ... No function matches the given name and argument types 'sum(Utf8)'    ─▶   SUM(STRING) does not fit
//!       ... Candidate functions: sum(Decimal) sum(Int64)                          hint: write SUM(DECIMAL) or SUM(BIGINT)
//! ```

use std::sync::LazyLock;

use regex::Regex;

use super::excerpt::{shortened, whole};

/// The class names that libraries put before their messages, one after the other.
const CLASSES: [&str; 24] = [
    "Arrow error: ",
    "Execution error: ",
    "External error: ",
    "Internal error: ",
    "Error during planning: ",
    "Schema error: ",
    "SQL error: ",
    "This feature is not implemented: ",
    "Invalid or Unsupported Configuration: ",
    "Substrait error: ",
    "Cast error: ",
    "Compute error: ",
    "Parser error: ",
    "Invalid argument error: ",
    "Not yet implemented: ",
    "Parquet error: ",
    "Parquet argument error: ",
    "Csv error: ",
    "Json error: ",
    "Avro error: ",
    "Ipc error: ",
    "Io error: ",
    "Object Store error: ",
    "Memory error: ",
];

/// The beginning of DataFusion's message about wrong arguments of a function.
const MISFIT: &str = "No function matches the given name and argument types '";
/// How many signatures of a function a hint lists.
const MAX_SIGNATURES: usize = 4;

/// A library's message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plain {
    /// What is wrong.
    pub text: String,
    /// What would be valid, if the message says so.
    pub hint: Option<String>,
}

/// Rewords a message, with no more data in it than is needed to find the fault.
pub fn plain(text: &str) -> Plain {
    let text = without_its_bug_report(text.trim());
    if let Some(short) = of_memory(&text) {
        return short;
    }
    if let Some((_, column)) = text.split_once("Ambiguous reference to unqualified field ") {
        let column = column.trim_matches(['"', '.', ' ']);
        return Plain {
            text: format!("column `{column}` is in more than one of the tables"),
            hint: Some(format!("say of which one: `t.{column}`")),
        };
    }
    match text.split_once(MISFIT) {
        Some((reason, call)) => misfit(&worded(reason), call),
        None => Plain { text: whole(&shortened(&worded(&text))).into_owned(), hint: None },
    }
}

/// Rewords a refused memory allocation: `Failed to allocate additional 5.0 MB for TopK[0] with ...`.
fn of_memory(text: &str) -> Option<Plain> {
    const WHO: [(&str, &str); 8] = [
        ("TopK", "ORDER BY with LIMIT"),
        ("ExternalSorter", "a sort"),
        ("Sort", "a sort"),
        ("Aggregate", "GROUP BY or DISTINCT"),
        ("Join", "a join"),
        ("SMJ", "a join"),
        ("Window", "OVER"),
        ("Recursive", "WITH RECURSIVE"),
    ];
    let (asked, behind) = text.split_once("Failed to allocate additional ")?.1.split_once(" for ")?;
    let who = WHO.iter().find(|(name, _)| behind.split(" with ").next().is_some_and(|who| who.contains(name)));
    let what = who.map_or("this statement", |(_, what)| what);
    let left = behind.split_once("reservation - ").and_then(|(_, left)| left.split_once(" remain"));
    let left = left.map_or(String::new(), |(left, _)| format!(", and {left} are left"));
    Some(Plain { text: format!("there is not enough memory for {what}: {asked} more are needed{left}"), hint: None })
}

/// Whether an internal error of DataFusion is about wrong arguments of a function.
pub fn is_misfit(text: &str) -> bool {
    text.contains("coerc")
}

/// Whether the disk is full, or a quota is used up: DataFusion spills to disk what does not fit into memory.
pub fn is_full_disk(text: &str) -> bool {
    ["(os error 28)", "(os error 122)"].iter().any(|full| text.contains(full))
}

/// Whether the error is a division by zero.
pub fn is_division_by_zero(text: &str) -> bool {
    text.contains("ivide by zero")
}

/// Whether a cast has failed.
pub fn is_failed_cast(text: &str) -> bool {
    text.contains("Cannot cast")
}

/// Returns the unknown function, and the name that DataFusion suggests, however different it is:
pub fn unknown_function(text: &str) -> Option<(String, Option<String>)> {
    let quoted = |start: &str| Some(text.split_once(start)?.1.split('\'').next()?.to_string());
    Some((quoted("Invalid function '")?, quoted("Did you mean '")))
}

/// Returns the name that two columns of a SELECT share according to DataFusion: `... the expression "1 AS a" at position 0 and "2 AS a" at
/// position 1 have the same name ...`.
pub fn same_name(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once("Projections require unique expression names but the expression \"")?;
    let (_, second) = rest.split_once("\" at position ")?.1.split_once(" and \"")?;
    let (expression, _) = second.rsplit_once("\" at position ")?;
    Some(expression.rsplit_once(" AS ").map_or(expression, |(_, name)| name))
}

/// Removes DataFusion's request to report a bug, which does not help the author of a query. It also precedes messages about wrong arguments
/// of a function.
fn without_its_bug_report(text: &str) -> String {
    const BUG: &str = "This issue was likely caused by a bug in DataFusion's code. Please help us to resolve this by filing a bug report in \
                       our issue tracker: https://github.com/apache/datafusion/issues";
    let Some((before, behind)) = text.split_once(BUG) else { return text.to_string() };
    let behind = behind.trim_start_matches('.').trim();
    let said = if behind.is_empty() { before.trim() } else { behind };
    said.trim_end_matches('.').to_string()
}

/// Rewords a call whose arguments do not fit: `reason` comes before it, and valid signatures after it.
fn misfit(reason: &str, call: &str) -> Plain {
    let (call, behind) = call.split_once("'. ").or_else(|| call.split_once('\'')).unwrap_or((call, ""));
    let reason = reason.trim().trim_end_matches(['.', ' ']);
    let reason = reason.rsplit("coercion failed with: ").next().unwrap_or(reason);
    // The message of one of our own functions is complete.
    if let Some((said, hint)) = reason.split_once("\nhint: ") {
        return Plain { text: said.to_string(), hint: Some(hint.to_string()) };
    }
    let (name, arguments) = call.split_once('(').unwrap_or((call, ")"));
    let name = name.to_uppercase();
    let known = reason.is_empty() || ["coercion from", "requires", "is not comparable"].iter().any(|part| reason.contains(part));
    let why = if known { String::new() } else { format!(": {reason}") };
    let text = format!("{name}({} does not fit{why}", in_sql(arguments));
    let mut signatures: Vec<String> = Vec::new();
    for signature in behind.lines().filter_map(|line| parse_signature(&name, line)) {
        if !signatures.contains(&signature) && signatures.len() < MAX_SIGNATURES {
            signatures.push(signature);
        }
    }
    let hint = signatures
        .pop()
        .map(|last| if signatures.is_empty() { format!("write {last}") } else { format!("write {} or {last}", signatures.join(", ")) });
    Plain { text: whole(&text).into_owned(), hint }
}

/// Returns a signature of a function for a hint, if it has SQL types.
fn parse_signature(name: &str, line: &str) -> Option<String> {
    const OTHERS: [&str; 9] = ["UserDefined", "UInt", "Duration", "Large", "View", "Comparable", "Any", "Null", "Signature"];
    let arguments = line.trim().split_once('(')?.1.strip_suffix(')')?;
    let first = |argument: &str| argument.split('/').next().map(str::to_string);
    let arguments: Vec<String> = arguments.split(", ").filter_map(first).collect();
    let arguments = arguments.join(", ");
    if arguments.is_empty() || OTHERS.iter().any(|other| arguments.contains(other)) {
        return None;
    }
    Some(format!("{name}({})", in_sql(&arguments).to_uppercase()))
}

/// Removes class names from a message, and uses SQL types.
fn worded(text: &str) -> String {
    let plain = CLASSES.iter().fold(text.to_string(), |text, class| if text.contains(class) { text.replace(class, "") } else { text });
    in_sql(&replaced(&plain, &PHRASES))
}

type Rules = LazyLock<Vec<(Option<Regex>, &'static str)>>;

fn rules(all: &[(&str, &'static str)]) -> Vec<(Option<Regex>, &'static str)> {
    all.iter().map(|(from, to)| (Regex::new(from).ok(), *to)).collect()
}

fn replaced(text: &str, rules: &Rules) -> String {
    rules.iter().fold(text.to_string(), |text, (from, to)| match from {
        Some(from) if from.is_match(&text) => from.replace_all(&text, *to).into_owned(),
        _ => text,
    })
}

/// Rewordings of phrases that only experts of a library understand. The messages of all failed casts begin alike.
static PHRASES: Rules = LazyLock::new(|| {
    rules(&[
        // S3
        (r"(?s)<\?xml.*?<Code>([^<]*)</Code>\s*<Message>([^<]*)</Message>.*", "$1: $2"),
        (r"(?s)<\?xml.*?<Code>([^<]*)</Code>.*", "$1"),
        (r"(?s)<\?xml.*", ""),
        (r"Generic \w+ error: ", ""),
        (r"Error performing \w+ \S+ in \S+?(?:, after \d+ retries)?(?:, max_retries: \d+)?(?:, retry_timeout: \S+)?\s+- ", ""),
        (r"Server returned (?:non-2xx status code|error response): ", "the server answers "),
        (r"HTTP error: ", ""),
        (r"error sending request.*", "the server cannot be reached"),
        (
            r"(?:The operation lacked the necessary privileges|The operation lacked valid authentication credentials)[^:]*: ",
            "not allowed: ",
        ),
        (r"Object at location (\S+) not found: ", "there is no $1: "),
        (r"Unable to (?:open|access|walk) (?:file|metadata for|dir) ?", ""),
        (r"Unable to walk dir: ", ""),
        (r"IO error for operation on ", ""),
        (r" \(os error \d+\)", ""),
        // Casts
        (r"Cannot cast string '((?s).*)' to value of (\S+) type", "Cannot cast string '$1' to $2"),
        (r"Can't cast value (.*) to type (\S+)", "Cannot cast $1 to $2"),
        (
            r"(?:Cannot|Failed to) convert arrow_array::types::\w+ (-?\d+) to (?:datetime|temporal)[\w ]*",
            "Cannot cast $1 to a date or time",
        ),
        (r"Error parsing timestamp from ('(?s).*'): .*", "Cannot cast string $1 to a date or time"),
        (r"(?i)error parsing date.*", "it is no date"),
        (r"Unsupported CAST from (.*) to (.*)", "a cast from $1 to $2 is not possible"),
        // Plans
        (r"Cannot coerce arithmetic expression (.*) to valid types", "$1 is not possible"),
        (r"Cannot infer common argument type for comparison operation (.*)", "$1 cannot be compared"),
        (
            r"Column in (\w+) must be in GROUP BY or an aggregate function: While expanding wildcard, column (.*) must appear in .*",
            "column $2 of $1 is neither in GROUP BY nor in an aggregate function",
        ),
        (r"Arithmetic overflow: Overflow happened on: (.*)", "$1 is beyond the type of its result"),
        (r"(?:Optimizer|Analyzer) rule '\w+' failed(?: due to)?:?\s*", ""),
        (r"\b(?:type_coercion|simplify_expressions|expand_wildcard_rule)\b\s*(?:caused by)?\s*", ""),
        (r"\s*\bcaused by\b\s*", ": "),
        (r"Function '(\w+)' user-defined coercion failed with: ", ""),
        (r"\bUser-defined coercion failed with:? ", ""),
        (r"You might need to add explicit type casts\.?", ""),
        (r"\s*Candidate functions:(?s).*", ""),
    ])
});

/// Replaces Arrow's names of types and its literals in a text by those of SQL.
pub fn in_sql(text: &str) -> String {
    static WORDS: Rules = LazyLock::new(|| {
        rules(&[
            (r"\b(?:U?Int(?:8|16|32|64)|Float(?:32|64)|Boolean)\((-?[\w.]+)\)", "$1"),
            (r#"\b(?:Large)?Utf8(?:View)?\("([^"]*)"\)"#, "'$1'"),
            (r"\b(?:Large)?Utf8(?:View)?\b", "STRING"),
            (r"\b(?:Large)?Binary(?:View)?\b", "BYTES"),
            (r"\bInt8\b", "TINYINT"),
            (r"\bU?Int16\b|\bUInt8\b", "SMALLINT"),
            (r"\bInt32\b", "INT"),
            (r"\bU?Int64\b|\bUInt32\b", "BIGINT"),
            (r"\bFloat32\b", "FLOAT"),
            (r"\bFloat64\b", "DOUBLE"),
            (r"\bBoolean\b", "BOOLEAN"),
            (r"\bDate(?:32|64)\b", "DATE"),
            (r"\bDecimal(?:32|64|128|256)?\b", "DECIMAL"),
            (r"\bTime(?:32|64)\((?:s|ms|µs|ns)\)", "TIME"),
            (r"\bTimestamp\((?:s|ms)\)", "TIMESTAMP(3)"),
            (r"\bTimestamp\(µs\)", "TIMESTAMP(6)"),
            (r"\bTimestamp\(ns\)", "TIMESTAMP(9)"),
            (r"\bInterval\(\w+\)", "INTERVAL"),
            (r"\b(?:Large)?List\(([^()]*(?:\([^()]*\))?)\)", "ARRAY<$1>"),
        ])
    });
    replaced(text, &WORDS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_libraries_say_becomes_words_of_sql() {
        let only = |text: &str| Plain { text: text.into(), hint: None };
        let with = |text: &str, hint: &str| Plain { text: text.into(), hint: Some(hint.into()) };
        let misfit = "You might need to add explicit type casts.\n\tCandidate functions:\n\tsum(Decimal)\n\tsum(UInt64)\n\tsum(Int64)";
        for (said, plainly) in [
            ("Arrow error: Cast error: Cannot cast string 'x' to value of Int32 type", only("Cannot cast string 'x' to INT")),
            ("Arrow error: Divide by zero error", only("Divide by zero error")),
            (
                &format!("No function matches the given name and argument types 'sum(Utf8)'. {misfit}"),
                with("SUM(STRING) does not fit", "write SUM(DECIMAL) or SUM(BIGINT)"),
            ),
            (
                "Execution error: Function 'lpad' user-defined coercion failed with: External error: LPAD(STRING, STRING) does not fit\nhint: write \
                 LPAD(STRING, INT, STRING). No function matches the given name and argument types 'lpad(Utf8, Utf8)'. You might ...",
                with("LPAD(STRING, STRING) does not fit", "write LPAD(STRING, INT, STRING)"),
            ),
            ("Unsupported CAST from List(Timestamp(ms)) to Int64", only("a cast from ARRAY<TIMESTAMP(3)> to BIGINT is not possible")),
        ] {
            assert_eq!(plain(said), plainly);
        }
    }

    #[test]
    fn what_servers_and_disks_say_is_without_its_wrapping() {
        let xml = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>NoSuchBucket</Code><Message>The bucket is not there</Message><Key>a</Key></Error>";
        let performing =
            "Error performing GET http://localhost:19100/nope in 1.234ms, after 2 retries, max_retries: 10, retry_timeout: 180s";
        for (said, plainly) in [
            (
                format!("Object Store error: Generic S3 error: {performing}  - Server returned non-2xx status code: 404 Not Found: {xml}"),
                "the server answers 404 Not Found: NoSuchBucket: The bucket is not there",
            ),
            (
                format!("Generic S3 error: {performing}  - HTTP error: error sending request for url (http://localhost:1/x)"),
                "the server cannot be reached",
            ),
            (
                "Generic LocalFileSystem error: Unable to open file /a/b.csv: Permission denied (os error 13)".to_string(),
                "/a/b.csv: Permission denied",
            ),
            (
                "Failed to allocate additional 5.0 MB for TopK[0] with 0.0 B already allocated for this reservation - 3.0 MB remain available for \
                 the total memory pool: fair(16 MB)"
                    .to_string(),
                "there is not enough memory for ORDER BY with LIMIT: 5.0 MB more are needed, and 3.0 MB are left",
            ),
        ] {
            assert_eq!(plain(&said).text, plainly);
        }
        let said = plain("Schema error: Ambiguous reference to unqualified field id");
        assert_eq!(
            (said.text.as_str(), said.hint.as_deref()),
            ("column `id` is in more than one of the tables", Some("say of which one: `t.id`"))
        );
    }

    #[test]
    fn data_in_it_is_cut() {
        let text = plain(&format!("Cast error: Cannot cast string '{}' to value of Int32 type", "x".repeat(1 << 20))).text;
        assert_eq!(text, format!("Cannot cast string '{}…' to INT", "x".repeat(200)));
        assert!(plain(&"it's not; ".repeat(1000)).text.chars().count() < 450);
    }
}
