//! Passwords in URLs: `scheme://user:password@host`.

use std::ops::Range;

/// Returns their spans. A user without a password may be a token, and is masked as well.
pub(super) fn spans(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(at) = text[from..].find("://") {
        from += at + 3;
        let after = &text[from..];
        let end = after.find(|c: char| c.is_whitespace() || "/?#'\"`,;()<>".contains(c)).unwrap_or(after.len());
        // A password may contain a character that ends a host: then a `@` still comes before the next quote or blank.
        let far = after.find(|c: char| c.is_whitespace() || "'\"`".contains(c)).unwrap_or(after.len());
        let near = after[..end].rfind('@');
        let Some(at) = near.or_else(|| after[..end].contains(':').then(|| after[..far].rfind('@')).flatten()) else { continue };
        match after[..at].split_once(':') {
            // A port and a path may come before an @ as well: `host:9000/a@b`.
            Some((user, _)) if at >= end && after[user.len() + 1..end].chars().all(|c| c.is_ascii_digit()) => {}
            Some((user, _)) => found.push(from + user.len() + 1..from + at),
            None => found.push(from..from + at),
        }
        from += at;
    }
    found
}
