//! Whether the beginning of a text has the syntax of a container. Wrong guesses cost detection where
//! a text is divided that should not be, so what is not certain is also looked at undivided.

use crate::json::string_end;

/// Deepest nesting of which is known what it is: beyond, everything passes.
const NESTING: u32 = 64;

/// Whether `head` can be the beginning of a JSON text, or is one.
pub(super) fn is_json(head: &[u8]) -> bool {
    let (mut at, mut depth) = (0, 0u32);
    // Of the open containers, innermost lowest: whether each is an object.
    let mut objects = 0u64;
    let mut value_expected = true;
    while let Some(byte) = head.get(at) {
        at += 1;
        if byte.is_ascii_whitespace() {
            continue;
        }
        if !value_expected && depth == 0 {
            return false;
        }
        match byte {
            b'{' | b'[' if value_expected => {
                depth += 1;
                if depth > NESTING {
                    return true;
                }
                objects = objects << 1 | u64::from(*byte == b'{');
            }
            b'}' | b']' => {
                if depth == 0 || (objects & 1 == 1) != (*byte == b'}') {
                    return false;
                }
                objects >>= 1;
                depth -= 1;
                value_expected = false;
            }
            b',' | b':' => value_expected = true,
            b'"' if value_expected => {
                at = string_end(head, at);
                if at >= head.len() {
                    return true;
                }
                at += 1;
                value_expected = false;
            }
            b'-' | b'0'..=b'9' | b't' | b'f' | b'n' if value_expected => {
                let rest = &head[at..];
                let scalar =
                    |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
                at += rest.iter().take_while(|byte| scalar(byte)).count();
                value_expected = false;
            }
            _ => return false,
        }
    }
    true
}

/// Bytes of a name that a form does not encode, or encodes so.
const fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'_' | b'.' | b'-' | b'[' | b']' | b'$' | b'%' | b'+')
}

/// The fields of a form: all of `head`, or what follows a path or URL and `?`.
fn fields(head: &[u8]) -> &[u8] {
    let query = memchr::memchr(b'?', head).filter(|query| is_url(&head[..*query]));
    &head[query.map_or(0, |query| query + 1)..]
}

/// A field name, `=`, and no byte that a form or a URL would have encoded before the first `&`.
pub(super) fn is_form(head: &[u8]) -> bool {
    let fields = fields(head);
    let Some(equals) = memchr::memchr(b'=', fields).filter(|equals| *equals > 0) else {
        return false;
    };
    let mut first = fields[equals..].iter().take_while(|byte| **byte != b'&');
    fields[..equals].iter().all(|byte| is_name(*byte))
        && !first.any(|byte| matches!(byte, b' ' | b'\n' | b'<'))
}

/// Whether a form is beyond doubt: encoded throughout, and its first name looks like one.
pub(super) fn is_strict_form(head: &[u8]) -> bool {
    let fields = fields(head);
    let name = fields.split(|byte| *byte == b'=').next();
    let named = name.is_some_and(|name| {
        name.first()
            .is_some_and(|byte| byte.is_ascii_alphabetic() || *byte == b'_')
            && !name.contains(&b'+')
    });
    named && all(fields, &PLAIN) && memchr::memmem::find(fields, b"&&").is_none()
}

/// What a form that is encoded throughout consists of. Letters of other scripts are often left as
/// they are; those that stand for ASCII are odd.
static PLAIN: [bool; 256] = {
    let mut plain = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        #[expect(clippy::cast_possible_truncation, reason = "below 256")]
        let b = byte as u8;
        plain[byte] = match b {
            0x80.. => !matches!(b, 0xc0 | 0xc1 | 0xe0 | 0xef),
            b'"' | b'\'' | b'<' | b'>' | b'`' | b'|' | b';' | b'(' | b')' | b'{' | b'}' | b'\\' => {
                false
            }
            _ => b.is_ascii_graphic(),
        };
        byte += 1;
    }
    plain
};

/// Whether all of `bytes` are in a set. Without a branch for each: what is asked is mostly so.
fn all(bytes: &[u8], set: &[bool; 256]) -> bool {
    bytes.chunks(16).all(|chunk| {
        chunk
            .iter()
            .fold(true, |all, byte| all & set[usize::from(*byte)])
    })
}

/// `name=value; name=`: two pairs at the least.
pub(super) fn is_cookie(head: &[u8]) -> bool {
    let token = |text: &[u8]| {
        let equals = memchr::memchr(b'=', text)?;
        let name = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
        (equals > 0 && text[..equals].iter().all(name)).then_some(equals)
    };
    let Some(equals) = token(head) else {
        return false;
    };
    let value = &head[equals..];
    let Some(end) = memchr::memchr3(b';', b' ', b'&', value).filter(|end| value[*end] == b';')
    else {
        return false;
    };
    value[end..]
        .strip_prefix(b"; ")
        .is_some_and(|next| token(next).is_some())
}

/// A path or URL without a query in which something is percent-encoded.
pub(super) fn is_escaped_path(head: &[u8]) -> bool {
    is_url(head) && memchr::memchr(b'%', head).is_some()
}

/// A text without white space that has `+` in its place, `%` beside it or words around it.
pub(super) fn is_encoded(head: &[u8]) -> bool {
    memchr::memchr(b'+', head).is_some()
        && head.iter().all(|byte| byte.is_ascii_graphic())
        && (memchr::memchr(b'%', head).is_some()
            || head
                .split(|byte| *byte == b'+')
                .filter(|word| !word.is_empty())
                .count()
                > 2)
}

fn is_url(text: &[u8]) -> bool {
    let plain = |byte: &u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'<' | b'\'');
    (text.starts_with(b"/") || memchr::memmem::find(text, b"://").is_some_and(|at| at < 12))
        && text.iter().all(plain)
}

/// A delimiter line and a part's first header field.
pub(super) fn is_multipart(head: &[u8]) -> bool {
    let line = memchr::memmem::find(head, b"\r\n");
    head.starts_with(b"--")
        && line.is_some_and(|line| {
            let next = &head[line + 2..];
            next.len() >= 8 && next[..8].eq_ignore_ascii_case(b"content-")
        })
}
