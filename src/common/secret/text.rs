//! Finds secrets in a text by position: the value after a secret key, quoted in any way or not at all, in any kind of text: SQL (complete,
//! cut off, in comments), the configuration of a login, JSON, the query of a URL. So quotes are not paired from the beginning: a missing
//! one must not hide a key after it.

use std::ops::Range;

use super::keys::is_secret;
use super::{MASK, urls};

/// One secret value.
#[derive(Debug)]
pub(super) struct Secret {
    /// The range to mask.
    pub(super) span: Range<usize>,
    /// Whether a declaration, a setting or a URL sets it; in a condition of a query it is only compared with a column.
    pub(super) declared: bool,
}

/// A line of a text with its secrets masked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Masked {
    /// The line.
    pub text: String,
    /// The position to which the column has moved.
    pub column: usize,
    /// The masked values: a message about the line may quote them.
    pub secrets: Vec<String>,
}

/// Whether a text contains a secret.
pub fn has_secrets(text: &str) -> bool {
    spans(text).iter().any(|secret| secret.declared)
}

/// Masks a line of a text (from 1) and moves a column in it (from 1): a secret may have begun in an earlier line.
pub fn masked_line(text: &str, line: usize, column: usize) -> Masked {
    let start: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    let whole = text.get(start..).and_then(|rest| rest.lines().next()).unwrap_or("");
    let end = start + whole.len();
    let mut here: Vec<Secret> = spans(text).into_iter().filter(|s| s.span.start < end && s.span.end > start).collect();
    let mut secrets = Vec::new();
    for Secret { span, .. } in &here {
        let value = text[span.clone()].trim_matches(['"', '\'', '`']);
        secrets.push(value.to_string());
        // If the backslash was not an escape, the value ended there.
        secrets.extend(value.split_once("\\\"").map(|(before, _)| before.to_string()));
        // Without quotes it is tokenised, and a message may quote one of the tokens.
        if text[..span.start].ends_with(|c: char| c.is_whitespace() || c == '=') {
            secrets.extend(value.split(|c: char| !c.is_alphanumeric()).map(str::to_string));
        }
    }
    for secret in &mut here {
        secret.span = secret.span.start.saturating_sub(start)..secret.span.end.min(end) - start;
    }
    let at = whole.char_indices().nth(column.saturating_sub(1)).map_or(whole.len(), |(at, _)| at);
    let beyond = column.saturating_sub(whole.chars().count() + 1);
    let before = here.iter().filter(|s| s.span.end <= at).map(|s| (whole[s.span.clone()].chars().count(), MASK.len()));
    let (was, is) = before.fold((0, 0), |(was, is), (w, i)| (was + w, is + i));
    // A place inside a secret would reveal its length.
    let inside = here.iter().find(|s| s.span.start < at && at < s.span.end).map_or(0, |s| whole[s.span.start..at].chars().count());
    let moved = whole[..at].chars().count() + 1 + beyond + is - was - inside;
    Masked { text: masked(whole, &here), column: moved, secrets }
}

/// Returns a text with these secrets masked.
pub(super) fn masked(text: &str, secrets: &[Secret]) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut from = 0;
    for Secret { span, .. } in secrets {
        shown.push_str(&text[from..span.start]);
        shown.push_str(MASK);
        from = span.end;
    }
    shown.push_str(&text[from..]);
    shown
}

/// Returns all secrets of a text, in order and without overlaps.
pub(super) fn spans(text: &str) -> Vec<Secret> {
    let mut found: Vec<Secret> = urls::spans(text).into_iter().map(|span| Secret { span, declared: true }).collect();
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        if !is_word(bytes[at]) {
            at += 1;
            continue;
        }
        let end = at + bytes[at..].iter().position(|b| !is_word(*b)).unwrap_or(bytes.len() - at);
        let value = text.get(at..end).filter(|key| is_secret(key)).and_then(|_| value_of(text, at, end));
        at = end;
        if let Some(secret) = value {
            at = secret.span.end.max(end);
            found.push(secret);
        }
    }
    found.sort_by_key(|secret| secret.span.start);
    let mut apart: Vec<Secret> = Vec::with_capacity(found.len());
    for secret in found {
        match apart.last_mut().filter(|last| secret.span.start < last.span.end) {
            Some(last) => last.span.end = last.span.end.max(secret.span.end),
            None => apart.push(secret),
        }
    }
    apart
}

/// Whether a value is only a reference to a secret.
pub(super) fn is_reference(value: &str) -> bool {
    value.starts_with("${") && value.find('}') == Some(value.len() - 1) && !value.contains(":-")
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"._-".contains(&byte) || byte >= 0x80
}

/// Returns the value of the key at `start..end`, if one follows it.
fn value_of(text: &str, start: usize, end: usize) -> Option<Secret> {
    let quote = text[end..].chars().next().filter(|c| "'\"`".contains(*c));
    let quoted = quote.is_some() && text[..start].ends_with(|c| Some(c) == quote);
    let behind = end + usize::from(quote.is_some());
    let sign = skip_blanks(text, behind);
    let value = match text[sign..].chars().next()? {
        '=' => skip_blanks(text, sign + if text[sign..].starts_with("=>") { 2 } else { 1 }),
        ':' if quoted && quote == Some('"') => skip_blanks(text, sign + 1),
        // OPTIONS ('key' 'value')
        '\'' if quoted && quote == Some('\'') && sign > behind => sign,
        _ => return None,
    };
    let queried = || is_queried(&text[..start]);
    let tight = value == end + 1;
    let in_url = tight && text[..start].ends_with(['?', '&']);
    if let Some(open) = opening(&text[value..]).filter(|_| !in_url) {
        let span = quoted_span(text, value + open, &text[value..value + open]);
        let inside = &text[span.clone()];
        let behind = text[span.end..].chars().nth(1);
        let joined = text.get(span.end + 1..).is_some_and(|rest| rest.trim_start().starts_with("||"));
        // Two quotes followed by more text are a mistake, and that text is the value.
        if !joined && (!inside.is_empty() || behind.is_none_or(|c| c.is_whitespace() || ",);".contains(c))) {
            return (!is_reference(inside) && !inside.is_empty()).then(|| Secret { span, declared: quoted || !queried() });
        }
    }
    let rest = &text[value..];
    if rest.is_empty() || rest.starts_with(['$', ':']) && !rest.starts_with("$$") || !(quoted || in_url || !queried()) {
        return None;
    }
    let statement = text[..start].rsplit(';').next().unwrap_or_default().trim_start();
    let set = statement.get(..4).is_some_and(|word| word.eq_ignore_ascii_case("SET "));
    let length = bare_length(rest, tight && !quoted && !set, set, in_url);
    let span = value..value + rest[..length].trim_end().len();
    (!span.is_empty() && !text[span.clone()].starts_with(MASK)).then_some(Secret { span, declared: true })
}

fn skip_blanks(text: &str, from: usize) -> usize {
    text[from..].find(|c: char| !c.is_whitespace()).map_or(text.len(), |n| from + n)
}

/// Returns the position of a literal's quote, after a prefix such as `E` or `U&`.
fn opening(value: &str) -> Option<usize> {
    let at = value.find(['\'', '"', '`'])?;
    matches!(value[..at].to_ascii_uppercase().as_str(), "" | "E" | "N" | "X" | "B" | "R" | "U&").then_some(at)
}

/// Returns the span inside quotes, or up to the end if they are not closed.
fn quoted_span(text: &str, open: usize, prefix: &str) -> Range<usize> {
    let bytes = text.as_bytes();
    let quote = bytes[open];
    let escapes = quote == b'"' || prefix.eq_ignore_ascii_case("e");
    let mut at = open + 1;
    while at < bytes.len() {
        match (bytes[at], bytes.get(at + 1)) {
            (b'\\', Some(_)) if escapes => at += 2,
            (byte, Some(next)) if byte == quote && *next == quote => at += 2,
            (byte, _) if byte == quote => break,
            _ => at += 1,
        }
    }
    open + 1..at.min(bytes.len())
}

/// Returns the length of an unquoted value: up to a comma or a parenthesis, at most to its line's end; a setting takes the rest of its
/// line.
fn bare_length(rest: &str, word: bool, set: bool, in_url: bool) -> usize {
    if let Some(end) = rest.strip_prefix("$$").and_then(|inside| inside.find("$$")) {
        return end + 4;
    }
    let (mut depth, mut quote) = (0_usize, None);
    for (at, c) in rest.char_indices() {
        match (c, quote) {
            ('\n', _) => return at,
            (c, Some(open)) if c == open => quote = None,
            (_, Some(_)) => {}
            (';', None) => return at,
            (c, None) if word && c.is_whitespace() => return at,
            ('&' | '#' | '\'' | '"' | '`', None) if in_url => return at,
            (',' | ')', None) if !set && depth == 0 => return at,
            ('(', None) => depth += 1,
            (')', None) => depth = depth.saturating_sub(1),
            ('\'' | '"' | '`', None) => quote = Some(c),
            _ => {}
        }
    }
    rest.len()
}

/// Whether the next text is in a query, where `token = x` is a condition.
fn is_queried(before: &str) -> bool {
    let statement = before.rsplit(';').next().unwrap_or_default().to_ascii_uppercase();
    let last = |word: &str| statement.rfind(word);
    last("SELECT").is_some_and(|select| last("OPTIONS").is_none_or(|options| options < select))
}

#[cfg(test)]
mod tests {
    use super::super::shown;
    use super::*;

    #[test]
    fn values_of_secret_keys_are_masked_however_they_are_written() {
        for (text, masked) in [
            ("'topic' = 'a', 'b' = 'c'", "'topic' = 'a', 'b' = 'c'"),
            ("'x.password' = 'aaa', 'b' = 'c'", "'x.password' = '****', 'b' = 'c'"),
            ("'x.password'='it''s', 'token' = 'a'", "'x.password'='****', 'token' = '****'"),
            ("'sasl.jaas.config' = 'Module required\n x=\"u\"", "'sasl.jaas.config' = '****"),
            ("'x.pasword' = 'aaa', 'y.passwrd' = 'a'", "'x.pasword' = '****', 'y.passwrd' = '****'"),
            ("SELECT 'password', 'shown'", "SELECT 'password', 'shown'"),
            ("SELECT password, x AS token FROM t", "SELECT password, x AS token FROM t"),
            ("WITH ('password' = \"a\"\"b\", 'a' = 'b')", "WITH ('password' = \"****\", 'a' = 'b')"),
            ("WITH ('password' = E'a\\'b', 'a' = 'b')", "WITH ('password' = E'****', 'a' = 'b')"),
            ("WITH ('password' = U&'a', 'a' = 'b')", "WITH ('password' = U&'****', 'a' = 'b')"),
            ("WITH ('password' = 'a' || 'b', 'a' = 'b')", "WITH ('password' = ****, 'a' = 'b')"),
            ("WITH ('password' = $$a'b$$, 'a' = 'b')", "WITH ('password' = ****, 'a' = 'b')"),
            ("WITH ('password' = hunter2, 'a' = 'b')", "WITH ('password' = ****, 'a' = 'b')"),
            ("WITH ('password' = hun ter(2), 'a' = 'b')", "WITH ('password' = ****, 'a' = 'b')"),
            ("WITH (\"x.password\" = 'a', `token` = 'b')", "WITH (\"x.password\" = '****', `token` = '****')"),
            ("OPTIONS ('password' 'p', 'a' 'password', 'b' 'c')", "OPTIONS ('password' '****', 'a' 'password', 'b' 'c')"),
            ("SET x.password = hun ter,2; SELECT 1", "SET x.password = ****; SELECT 1"),
            ("SET 'x.password' = 'a';", "SET 'x.password' = '****';"),
            ("--option t.x.password=aaa: no", "--option t.x.password=**** no"),
            // A missing quote before the key.
            ("WITH ('topic' = 'a, 'password' = 'aaa')", "WITH ('topic' = 'a, 'password' = '****')"),
            ("-- it's\n'password' = 'aaa' -- 'token' = 'b'", "-- it's\n'password' = '****' -- 'token' = '****'"),
            ("SELECT * FROM t /*+ OPTIONS('password'='a') */", "SELECT * FROM t /*+ OPTIONS('password'='****') */"),
            ("SELECT 1 FROM t WHERE token = b.token AND x = 2", "SELECT 1 FROM t WHERE token = b.token AND x = 2"),
            ("SELECT 1 FROM t WHERE token = 'a'", "SELECT 1 FROM t WHERE token = '****'"),
            ("WITH ('password' = '${env:PW}', 'token' = :t)", "WITH ('password' = '${env:PW}', 'token' = :t)"),
            ("'password' = '${env:PW:-letmein}'", "'password' = '****'"),
            ("SELECT * FROM 'http://h/a?password=aaa&x=1&token=b'", "SELECT * FROM 'http://h/a?password=****&x=1&token=****'"),
            ("{\"password\": \"aaa\", \"x\": 1}", "{\"password\": \"****\", \"x\": 1}"),
            ("x required username=\"u\" password=\"aaa\";", "x required username=\"u\" password=\"****\";"),
            ("kind = 'password'", "kind = 'password'"),
            ("'password' = ''", "'password' = ''"),
            ("'password'", "'password'"),
        ] {
            assert_eq!(shown(text), masked);
            assert_eq!(shown(masked), masked, "twice");
        }
    }

    #[test]
    fn passwords_of_urls_are_masked_in_any_text() {
        for (text, masked) in [
            ("cannot read s3://key:aaa@bucket/a.csv: no", "cannot read s3://key:****@bucket/a.csv: no"),
            ("`http://u:hun/ter2@host:9000`", "`http://u:****@host:9000`"),
            ("http://host:9000/a@b and mysql://u:p@h", "http://host:9000/a@b and mysql://u:****@h"),
            ("https://abc@host/x", "https://****@host/x"),
            ("s3://bucket/a@b:c", "s3://bucket/a@b:c"),
            ("no url", "no url"),
        ] {
            assert_eq!(shown(text), masked);
        }
    }

    #[test]
    fn a_caret_stays_under_its_place() {
        for (text, line, column, shown, moved) in [
            ("'topic' = 'a', 'b' = 'c'", 1, 16, "'topic' = 'a', 'b' = 'c'", 16),
            ("'x.password' = 'hunter2', 'b' = 'c'", 1, 27, "'x.password' = '****', 'b' = 'c'", 24),
            ("'x.password'='a', 'b' = 'c'", 1, 19, "'x.password'='****', 'b' = 'c'", 22),
            ("'x.password' = 'hunter2'", 1, 1, "'x.password' = '****'", 1),
            ("'x.password' = 'hunter2'", 1, 20, "'x.password' = '****'", 17),
            ("SELECT 1;\n'è' = 'a', 'x.token' = 'ab\ncd', 'b'", 3, 5, "****', 'b'", 7),
            ("SELECT", 1, 9, "SELECT", 9),
        ] {
            let masked = masked_line(text, line, column);
            assert_eq!((masked.text.as_str(), masked.column), (shown, moved), "{text}");
        }
    }
}
