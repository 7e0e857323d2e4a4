//! Names that become file names: those of jobs, and of declared objects.

use std::fmt::Write as _;

use super::{Error, Result};

/// How long a job's name may be, in bytes.
const LONGEST: usize = 128;

fn plain(c: char) -> bool {
    c.is_alphanumeric() || "-_.".contains(c)
}

/// Refuses an invalid job name: the name is a folder, an object's path, and a part of transactional ids.
///
/// # Errors
/// Says which characters a name may have.
pub fn check_job(name: &str) -> Result<()> {
    if !name.is_empty() && name.len() <= LONGEST && !name.starts_with('.') && name.chars().all(plain) {
        return Ok(());
    }
    let shown: String = name.chars().take(40).flat_map(char::escape_debug).collect();
    Err(Error::usage(format!("`{shown}` cannot be a job's name"))
        .hint("a job's name has 1 to 128 letters, digits, `.`, `_` and `-`, and does not begin with `.`"))
}

/// Makes a job's name from any text, such as a file's or a table's name.
pub fn job_from(text: &str) -> String {
    let mut name: String = text.chars().map(|c| if plain(c) { c } else { '-' }).collect();
    if name.starts_with('.') {
        name.replace_range(..1, "-");
    }
    // Leave space for a number after it.
    while name.len() > LONGEST - 8 {
        name.pop();
    }
    if name.is_empty() { "job".to_string() } else { name }
}

/// Encodes a name as a part of a file name: bytes other than letters, digits, `_` and `-` are written as `%XX`. An empty name is `%`.
pub fn encoded(name: &str) -> String {
    if name.is_empty() {
        return "%".to_string();
    }
    let mut file = String::with_capacity(name.len() + 4);
    for c in name.chars() {
        if c.is_alphanumeric() || c == '_' || c == '-' {
            file.push(c);
        } else {
            for byte in c.encode_utf8(&mut [0; 4]).bytes() {
                let _ = write!(file, "%{byte:02X}"); // writing to a String cannot fail
            }
        }
    }
    file
}

/// Decodes such a text; `None` if it is invalid.
pub fn decoded(file: &str) -> Option<String> {
    if file == "%" {
        return Some(String::new());
    }
    let (mut bytes, mut rest) = (Vec::with_capacity(file.len()), file);
    while let Some((plain, escape)) = rest.split_once('%') {
        bytes.extend(plain.bytes());
        bytes.push(u8::from_str_radix(escape.get(..2)?, 16).ok()?);
        rest = escape.get(2..)?;
    }
    bytes.extend(rest.bytes());
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_jobs() {
        ["a", "a-b_c.d", "größe", "1"].iter().for_each(|name| check_job(name).unwrap());
        let long = "a".repeat(129);
        for name in ["", ".", "..", ".a", "../../x", "a/b", "a\\b", "a\nb", "a b", "a\0", "%2E", &long] {
            let error = check_job(name).unwrap_err().to_string();
            assert!(error.contains("cannot be a job's name") && error.lines().count() == 2, "{error}");
            check_job(&job_from(name)).unwrap();
        }
        assert_eq!(job_from("../a b"), "-.-a-b");
    }

    #[test]
    fn names_of_declarations() {
        for (name, file) in
            [("orders_2-a", "orders_2-a"), ("größe", "größe"), ("a b/c", "a%20b%2Fc"), ("..", "%2E%2E"), ("100%", "100%25"), ("", "%")]
        {
            assert_eq!(encoded(name), file);
            assert_eq!(decoded(file).as_deref(), Some(name));
        }
        assert_eq!(decoded("a%2"), None);
    }
}
