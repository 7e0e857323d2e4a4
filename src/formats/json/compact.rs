//! JSON without what stands between its values, as Jackson writes a tree: what Flink reads of an object in a STRING column.

use super::cursor::Quoted;
use super::{find, quote};

/// Appends a value, which is JSON.
pub(super) fn append(json: &[u8], out: &mut Vec<u8>) {
    let mut text = Vec::new();
    let mut at = 0;
    while let Some(byte) = json.get(at) {
        at += 1;
        match byte {
            b' ' | b'\n' | b'\r' | b'\t' => {}
            b'"' => {
                let (end, escaped) = end(json, at);
                text.clear();
                Quoted { text: json.get(at..end).unwrap_or_default(), escaped }.append_to(&mut text);
                quote(&String::from_utf8_lossy(&text), out);
                at = end + 1;
            }
            other => out.push(*other),
        }
    }
}

/// Where the string ends that begins at `at`, and whether it has escapes.
fn end(json: &[u8], mut at: usize) -> (usize, bool) {
    let mut escaped = false;
    loop {
        at = find::special(json, at);
        match json.get(at) {
            Some(b'\\') => (at, escaped) = (at + 2, true),
            Some(b'"') | None => return (at, escaped),
            Some(_) => at += 1,
        }
    }
}
