//! The secret values that this process uses: they are masked in texts of libraries, which may quote one.

use std::collections::BTreeSet;
use std::sync::{PoisonError, RwLock};

use super::MASK;
use super::keys::is_secret;
use super::text::{is_reference, spans};

static KNOWN: RwLock<BTreeSet<String>> = RwLock::new(BTreeSet::new());

/// Remembers the value of an option, if its key is secret, and secrets inside any value.
pub fn learn(key: &str, value: &str) {
    if is_secret(key) && !is_reference(value) {
        add(value);
    }
    learn_text(value);
}

/// Remembers the secrets that a text declares.
pub fn learn_text(text: &str) {
    for secret in spans(text).into_iter().filter(|secret| secret.declared) {
        let Some(value) = text.get(secret.span) else { continue };
        add(value);
        // The configuration of a login holds its password among other words.
        if value.contains('=') {
            learn_text(value);
        }
    }
}

fn add(value: &str) {
    let value = value.trim().trim_matches(['\'', '"', '`']);
    if !is_distinctive(value) {
        return;
    }
    let escaped = value.escape_debug().to_string();
    let encoded = percent_encoding::utf8_percent_encode(value, percent_encoding::NON_ALPHANUMERIC).to_string();
    let decoded = percent_encoding::percent_decode_str(value).decode_utf8_lossy().into_owned();
    let single = value.replace("''", "'");
    let forms = [value.to_string(), value.replace('\'', "''"), single, escaped, encoded, decoded];
    // Libraries split texts at line ends.
    let lines = value.lines().skip(1).map(|line| line.trim().to_string()).filter(|line| line.contains('='));
    let mut known = KNOWN.write().unwrap_or_else(PoisonError::into_inner);
    known.extend(forms.into_iter().chain(lines).filter(|form| is_distinctive(form)));
}

/// Passwords that are words of our own texts as well: names of the product and of connectors, which are default passwords.
const OWN_WORDS: [&str; 2] = ["cassandra", "millstream"];

/// Whether a value can be looked for in any text: short words such as `admin` are part of too many.
fn is_distinctive(value: &str) -> bool {
    let word = value.chars().all(|c| c.is_ascii_lowercase());
    value.chars().count() > 3 && !(word && (value.len() < 6 || is_secret(value) || OWN_WORDS.contains(&value))) && value != MASK
}

/// Masks known secrets in a text.
pub(super) fn without(text: &str) -> String {
    without_all(text, KNOWN.read().unwrap_or_else(PoisonError::into_inner).iter())
}

/// Masks these values in a text, also where it holds only the beginning of one, cut off with `...`.
pub fn without_all<'v>(text: &str, values: impl IntoIterator<Item = &'v String>) -> String {
    let cut = text.contains("...");
    let mut found: Vec<&str> = Vec::new();
    for value in values {
        if text.contains(value.as_str()) {
            found.push(value);
        } else if let Some(beginning) = Some(value).filter(|_| cut).and_then(|value| cut_off(text, value)) {
            found.push(beginning);
        }
    }
    // The longest first: one may be a part of another.
    found.sort_by_key(|value| std::cmp::Reverse(value.len()));
    found.into_iter().fold(text.to_string(), |text, value| text.replace(value, MASK))
}

/// Returns the beginning of a value, if a text holds it before `...`.
fn cut_off<'v>(text: &str, value: &'v str) -> Option<&'v str> {
    let beginnings = || value.char_indices().skip(4).map(|(end, _)| &value[..end]);
    text.match_indices("...").find_map(|(at, _)| beginnings().filter(|beginning| text[..at].ends_with(beginning)).last())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_found_again_in_any_text() {
        learn("x.password", "k1'n\"own");
        learn("sasl.jaas.config", "Module required\n username=\"ann\" password=\"k2-known\";");
        learn_text("CREATE TABLE t (a INT) WITH ('token' = 'k3-known', 'password' = 'admin')");
        learn_text("CREATE TABLE t (a INT) WITH ('connector' = 'cassandra', 'password' = 'cassandra')");
        learn("path", "s3://me:k4%2Fknown@bucket/x");
        learn("password", "${env:K5_KNOWN}");
        for (text, shown) in [
            ("found k1'n\"own", "found ****"),
            ("found k1''n\"own", "found ****"),
            ("found \"k1\\'n\\\"own\"", "found \"****\""),
            ("found k2-known here", "found **** here"),
            ("found username=\"ann\" password=\"k2-known\";", "found ****"),
            ("found k3-known", "found ****"),
            ("found k4/known and k4%2Fknown", "found **** and ****"),
            ("found \"Module required\n user...", "found \"****..."),
            ("found admin and ${env:K5_KNOWN}", "found admin and ${env:K5_KNOWN}"),
            ("source cassandra: table t at cassandra:9042", "source cassandra: table t at cassandra:9042"),
        ] {
            assert_eq!(without(text), shown);
        }
    }
}
