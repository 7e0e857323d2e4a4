//! What is looked at before a message is given to the parser.

/// The parser reports a wrong value by walking it recursively; deeper nesting than this could exhaust the stack.
const MAX_DEPTH: usize = 1_000;

/// What stands at the top of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Object,
    Array,
    Scalar,
    Empty,
    TooDeep,
}

/// Finds out by its first byte; long messages are also checked for their depth.
pub(super) fn kind(message: &[u8]) -> Kind {
    let first = message.iter().find(|b| !matches!(b, b' ' | b'\n' | b'\r' | b'\t'));
    let kind = match first {
        None => return Kind::Empty,
        Some(b'{') => Kind::Object,
        Some(b'[') => Kind::Array,
        Some(_) => Kind::Scalar,
    };
    if message.len() > MAX_DEPTH && deeper(message) { Kind::TooDeep } else { kind }
}

fn deeper(message: &[u8]) -> bool {
    let mut depth = 0_usize;
    let mut in_string = false;
    let mut escaped = false;
    for b in message {
        if in_string {
            match b {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => in_string = false,
                _ => {}
            }
            continue;
        }
        match b {
            b'"' => in_string = true,
            b'{' | b'[' => {
                depth += 1;
                if depth > MAX_DEPTH {
                    return true;
                }
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    false
}
