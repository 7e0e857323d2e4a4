//! What must not be shown: the values of options that hold passwords, also where a line of SQL is quoted in an error.

/// Parts of keys whose values are secret.
const PARTS: [&str; 12] = [
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

/// A line of SQL with `'key' = 'value'` masked where the key says so, and the place to which a column of it has moved.
pub fn masked_line(line: &str, column: usize) -> (String, usize) {
    let chars: Vec<char> = line.chars().collect();
    let (mut shown, mut moved) = (String::with_capacity(line.len()), column);
    let (mut i, mut secret) = (0, false);
    while i < chars.len() {
        if chars[i] != '\'' {
            secret &= chars[i].is_whitespace() || chars[i] == '=';
            shown.push(chars[i]);
            i += 1;
            continue;
        }
        let end = end_of_literal(&chars, i);
        let inside: String = chars[i + 1..end].iter().collect();
        if secret {
            shown.push_str(&format!("'{MASK}"));
            let (was, is) = (end - i, MASK.len() + 1);
            if column > end {
                moved = (moved + is).saturating_sub(was);
            } else if column > i + 1 {
                moved = moved.min(shown.chars().count());
            }
        } else {
            shown.push('\'');
            shown.push_str(&inside);
        }
        // The closing quote, unless the text goes on in the next line.
        shown.extend(chars.get(end));
        secret = !secret && is_secret(&inside);
        i = end + 1;
    }
    (shown, moved.max(1))
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
        ] {
            assert_eq!(masked_line(line, column), (shown.to_string(), moved), "{line}");
        }
    }
}
