//! What must not be shown: the values of options that hold passwords, also where a line of SQL is quoted in an error.

/// Parts of keys whose values are secret.
const PARTS: [&str; 15] = [
    "password",
    "passwd",
    "secret",
    "token",
    "sasl.jaas.config",
    "access-key",
    "access.key",
    "api-key",
    "api.key",
    "private-key",
    "credential",
    "user-info",
    "keystore.key",
    "key.pem",
    "oauthbearer.config",
];

/// What stands in a secret's place.
pub const MASK: &str = "****";

/// Whether the value of an option of that name is secret.
pub fn is_secret(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    // A key that is misspelt is quoted in an error before anything else, so its value has to be masked as well.
    let misspelt = || key.split(['.', '-', '_']).any(|word| strsim::damerau_levenshtein(word, "password") <= 2);
    PARTS.iter().any(|part| key.contains(part)) || misspelt()
}

/// A line of SQL as it may be shown.
#[derive(Debug, PartialEq, Eq)]
pub struct Masked {
    /// The line, values of secret keys masked.
    pub text: String,
    /// Where a column of it has moved to.
    pub column: usize,
    /// What was masked: a message may quote it.
    pub secrets: Vec<String>,
}

/// A line of SQL with the values of secret keys masked, however they are quoted, or not at all.
pub fn masked_line(line: &str, column: usize) -> Masked {
    let chars: Vec<char> = line.chars().collect();
    let (mut shown, mut moved, mut secrets) = (String::with_capacity(line.len()), column, Vec::new());
    // A secret key has been read; `=` after it.
    let (mut i, mut secret, mut equals) = (0, false, false);
    while i < chars.len() {
        let c = chars[i];
        let literal = c == '\'' || (secret && equals && !c.is_whitespace() && c != '=');
        if literal && secret {
            // Only what is quoted can follow a key without `=`.
            let bare = c != '\'';
            let end = if bare { end_of_value(&chars, i) } else { end_of_literal(&chars, i) };
            let inside: String = chars[i + usize::from(!bare)..end].iter().collect();
            secrets.push(inside.trim_matches(['"', '\'']).to_string());
            let (was, is) = (end - i, MASK.len() + usize::from(!bare));
            shown.push_str(if bare { "" } else { "'" });
            shown.push_str(MASK);
            if column > end {
                moved = (moved + is).saturating_sub(was);
            } else if column > i + 1 {
                moved = moved.min(shown.chars().count());
            }
            // The closing quote, unless the text goes on in the next line.
            if !bare {
                shown.extend(chars.get(end));
            }
            (secret, equals) = (false, false);
            i = end + usize::from(!bare);
        } else if c == '\'' || c == '"' {
            let end = if c == '\'' { end_of_literal(&chars, i) } else { end_of_quoted(&chars, i) };
            let inside: String = chars[i + 1..end].iter().collect();
            shown.extend(&chars[i..(end + 1).min(chars.len())]);
            (secret, equals) = (is_secret(&inside), false);
            i = end + 1;
        } else if is_word(c) {
            let end = chars[i..].iter().position(|c| !is_word(*c)).map_or(chars.len(), |n| i + n);
            let word: String = chars[i..end].iter().collect();
            shown.push_str(&word);
            // A bare word is a key only with a `=` behind it.
            let assigned = chars[end..].iter().find(|c| !c.is_whitespace()) == Some(&'=');
            (secret, equals) = (assigned && is_secret(&word), false);
            i = end;
        } else {
            equals |= secret && c == '=';
            secret &= c.is_whitespace() || c == '=';
            shown.push(c);
            i += 1;
        }
    }
    Masked { text: without_users(&shown), column: moved.max(1), secrets }
}

/// Whether a text ends within the quotes of a secret.
pub fn is_open(text: &str) -> bool {
    masked_line(text, 1).text.ends_with(&format!("'{MASK}"))
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || "._-".contains(c)
}

/// Where a value ends that is not in single quotes: before a comma or a parenthesis outside of quotes.
fn end_of_value(chars: &[char], from: usize) -> usize {
    let mut i = from;
    while i < chars.len() {
        match chars[i] {
            '\'' => i = end_of_literal(chars, i) + 1,
            '"' => i = end_of_quoted(chars, i) + 1,
            ',' | ')' | ';' => return i,
            _ => i += 1,
        }
    }
    chars.len()
}

fn end_of_quoted(chars: &[char], open: usize) -> usize {
    chars[open + 1..].iter().position(|c| *c == '"').map_or(chars.len(), |n| open + 1 + n)
}

/// A text without the passwords of URLs in it: `scheme://user:password@host`.
pub fn without_users(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("://") {
        shown.push_str(before);
        shown.push_str("://");
        let end = after.find(|c: char| c.is_whitespace() || "/?#'\"`,;()<>".contains(c)).unwrap_or(after.len());
        // A password may hold what ends a host: then a `@` still comes before the next quote or blank.
        let far = after.find(|c: char| c.is_whitespace() || "'\"`".contains(c)).unwrap_or(after.len());
        let at = after[..end].rfind('@').or_else(|| after[..end].contains(':').then(|| after[..far].rfind('@')).flatten());
        match at.and_then(|at| Some((at, after[..at].split_once(':')?.0))) {
            // A port and a path may come before an @ as well: `host:9000/a@b`.
            Some((at, user)) if at < end || !after[user.len() + 1..end].chars().all(|c| c.is_ascii_digit()) => {
                shown.push_str(user);
                shown.push(':');
                shown.push_str(MASK);
                rest = &after[at..];
            }
            _ => rest = after,
        }
    }
    shown.push_str(rest);
    shown
}

/// A message about a line of which something was masked, which it may quote.
pub fn without(text: &str, secrets: &[String]) -> String {
    let long = secrets.iter().filter(|secret| secret.chars().count() > 2);
    long.fold(without_users(text), |text, secret| text.replace(secret.as_str(), MASK))
}

/// The index of the quote that closes the one at `open`, a doubled one inside left out; the line's end if it is not there.
fn end_of_literal(chars: &[char], open: usize) -> usize {
    let mut i = open + 1;
    while i < chars.len() {
        match (chars[i], chars.get(i + 1)) {
            ('\'', Some('\'')) => i += 2,
            ('\'', _) => return i,
            _ => i += 1,
        }
    }
    chars.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_secret_options_are_masked_and_the_caret_stays() {
        for (line, column, shown, moved) in [
            ("'topic' = 'a', 'b' = 'c'", 16, "'topic' = 'a', 'b' = 'c'", 16),
            ("'x.password' = 'hunter2', 'b' = 'c'", 27, "'x.password' = '****', 'b' = 'c'", 24),
            ("'x.password'='a', 'b' = 'c'", 19, "'x.password'='****', 'b' = 'c'", 22),
            ("'x.password' = 'hunter2'", 1, "'x.password' = '****'", 1),
            ("'sasl.jaas.config' = 'Module required", 1, "'sasl.jaas.config' = '****", 1),
            ("'password' = 'it''s', 'token' = 'a'", 1, "'password' = '****', 'token' = '****'", 1),
            ("'x.pasword' = 'hunter2', 'y.passwrd' = 'a'", 1, "'x.pasword' = '****', 'y.passwrd' = '****'", 1),
            ("SELECT 'password', 'shown'", 8, "SELECT 'password', 'shown'", 8),
            ("WITH ('password' = \"hunter2\", 'a' = 'b')", 1, "WITH ('password' = ****, 'a' = 'b')", 1),
            ("WITH ('password' = E'hunt\\'er2', 'a' = 'b')", 1, "WITH ('password' = ****", 1),
            ("WITH ('password' = hunter2, 'a' = 'b')", 1, "WITH ('password' = ****, 'a' = 'b')", 1),
            ("\"x.password\" = 'hunter2'", 1, "\"x.password\" = '****'", 1),
            ("SET x.password = hunter2;", 1, "SET x.password = ****;", 1),
            ("'ssl.keystore.key' = 'hunter2', 'ssl.key.pem'='hunter2'", 1, "'ssl.keystore.key' = '****', 'ssl.key.pem'='****'", 1),
            ("'path' = 's3://me:hunter2@bucket/x'", 1, "'path' = 's3://me:****@bucket/x'", 1),
            ("WHERE password = 1 AND x = 2", 1, "WHERE password = ****", 1),
        ] {
            let masked = masked_line(line, column);
            assert_eq!((masked.text.as_str(), masked.column), (shown, moved), "{line}");
        }
    }

    #[test]
    fn passwords_of_urls_are_masked_in_any_text() {
        for (text, shown) in [
            ("cannot read s3://key:hunter2@bucket/a.csv: no", "cannot read s3://key:****@bucket/a.csv: no"),
            ("`http://u:hun/ter2@host:9000`", "`http://u:****@host:9000`"),
            ("http://host:9000/a@b and mysql://u:p@h", "http://host:9000/a@b and mysql://u:****@h"),
            ("s3://bucket/a@b:c", "s3://bucket/a@b:c"),
            ("no url", "no url"),
        ] {
            assert_eq!(without_users(text), shown);
        }
        assert!(is_open("WITH ('sasl.jaas.config' = 'Module required\n username=\"u\""));
        assert!(!is_open("WITH ('password' = 'p',\n 'b'"));
        assert_eq!(without("found: hunter2", &["hunter2".to_string()]), "found: ****");
    }
}
