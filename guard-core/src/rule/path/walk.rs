//! A path token and the steps upwards in it, as servers and file systems normalise them.

use super::name::is_separator;

/// Bytes walked either way from an occurrence. Paths longer than this are cut, which loses only
/// the judgement of where the value begins.
pub(super) const REACH: usize = 256;

/// Where a path token stands in its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Anchor {
    /// After white space or punctuation: text around it.
    Inside,
    /// After a quote or a tag.
    Quoted,
    /// After `=`, or where the value begins.
    Value,
    /// After `=` of a query or form field.
    Query,
}

/// A run of bytes that may belong to a path.
#[derive(Debug, Clone, Copy)]
pub(super) struct Token {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) anchor: Anchor,
    /// Whether nothing of the text follows but what ends a value (NUL, white space, `?`, `&`).
    pub(super) whole: bool,
}

/// The token around `bytes[at]`.
pub(super) fn token(bytes: &[u8], starts: bool, at: usize) -> Token {
    let head = bytes.get(..at).unwrap_or_default();
    let back = head
        .iter()
        .rev()
        .take(REACH)
        .take_while(|b| PATH[usize::from(**b)])
        .count();
    let start = at - back;
    let end = at
        + bytes
            .get(at..)
            .unwrap_or_default()
            .iter()
            .take(REACH)
            .take_while(|b| PATH[usize::from(**b)])
            .count();
    let anchor = if back == REACH {
        Anchor::Value
    } else {
        anchor(bytes, starts, start)
    };
    let whole = match bytes.get(end) {
        None | Some(0 | b'?' | b'&' | b'#' | b'\n' | b'\r') => true,
        // What closes a quoted or tagged value.
        Some(b'"' | b'\'' | b'<') => true,
        Some(_) => end - at == REACH || bytes.len() - end < 3,
    };
    Token {
        start,
        end,
        anchor,
        whole,
    }
}

fn anchor(bytes: &[u8], starts: bool, start: usize) -> Anchor {
    let before = bytes.get(..start).unwrap_or_default();
    match before.last() {
        None => {
            if starts {
                Anchor::Value
            } else {
                Anchor::Inside
            }
        }
        Some(b'=') => {
            let key = before.iter().rev().skip(1).take(40);
            let name = key.clone().take_while(|b| is_key(**b)).count();
            let option = name > 0 && key.clone().nth(name - 1) == Some(&b'-');
            match key.clone().nth(name) {
                _ if name == 0 => Anchor::Value,
                _ if option => Anchor::Inside,
                Some(b'?' | b'&') => Anchor::Query,
                None if starts && before.len() == name + 1 => Anchor::Query,
                Some(b' ' | b'-' | b'<') => Anchor::Inside,
                _ => Anchor::Value,
            }
        }
        Some(b'>') => Anchor::Quoted,
        Some(b'"' | b'\'' | b'\n') if starts && before.len() <= 2 => Anchor::Value,
        // A member, an argument, an attribute; not a name quoted in a sentence.
        Some(b'"' | b'\'') => {
            let opening = before
                .iter()
                .rev()
                .take(6)
                .find(|b| !matches!(b, b'"' | b'\'' | b' ' | b'\\'));
            match opening {
                Some(b':' | b'=' | b'(' | b'[' | b',' | b'{') => Anchor::Quoted,
                _ => Anchor::Inside,
            }
        }
        Some(b'\n') => Anchor::Quoted,
        Some(_) => {
            let blank = |b: &u8| b.is_ascii_whitespace() || *b == 0;
            if starts && (before.len() <= 4 && before.iter().all(blank) || spaced(before)) {
                Anchor::Value
            } else {
                Anchor::Inside
            }
        }
    }
}

/// Whether a path with white space in its directories goes on here: `C:\Program Files\`.
fn spaced(before: &[u8]) -> bool {
    const NAMES: [&[u8]; 4] = [
        b"program ",
        b"program files ",
        b"documents and ",
        b"apache ",
    ];
    let drive = matches!(before, [b'/' | b'\\', ..] | [_, b':', b'/' | b'\\', ..]);
    drive
        && before.len() <= 64
        && NAMES.iter().any(|name| {
            before
                .len()
                .checked_sub(name.len())
                .and_then(|i| before.get(i..))
                .is_some_and(|end| end.eq_ignore_ascii_case(name))
        })
}

const fn is_key(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'[' | b']')
}

/// What [`is_path`] says, to be read once a byte: tokens are walked often.
static PATH: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < table.len() {
        table[byte] = is_path(byte.to_le_bytes()[0]);
        byte += 1;
    }
    table
};

const fn is_path(byte: u8) -> bool {
    !matches!(
        byte,
        1..=b' '
            | b'"'
            | b'\''
            | b'<'
            | b'>'
            | b'='
            | b'&'
            | b'?'
            | b','
            | b'('
            | b')'
            | b'|'
            | b'`'
            | b'{'
            | b'}'
            | 0x7f
    )
}

/// The steps in a token.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Steps {
    /// Segments that lead upwards.
    pub(super) ups: u32,
    /// How far above its beginning the path climbs at most.
    pub(super) climb: u32,
    /// Steps spelled with more dots than two, for filters that strip `../` once.
    pub(super) padded: u32,
    /// A step that only some parsers see: `..;`, `..` before a control byte, bytes that did not
    /// decode, look-alikes of the slash.
    pub(super) disguised: bool,
    /// Both separators, or repeated ones, between steps.
    pub(super) mixed: bool,
    /// The path goes down before it goes up.
    pub(super) downs_first: bool,
    /// The path begins at a root, or is a URL's.
    pub(super) rooted: bool,
    /// After the last step upwards and the separators behind it.
    pub(super) tail: usize,
}

/// Walks the token's segments once.
pub(super) fn steps(bytes: &[u8], token: Token) -> Steps {
    let mut steps = Steps {
        tail: token.start,
        ..Steps::default()
    };
    let text = bytes.get(..token.end).unwrap_or(bytes);
    let mut depth = 0_i32;
    let mut i = token.start;
    let mut kinds = 0_u8;
    steps.rooted = text.get(i).copied().is_some_and(is_separator);
    while i < text.len() {
        let (segment, next) = segment(text, i);
        match segment {
            Segment::Nothing => {}
            Segment::Scheme => {
                depth = 0;
                steps.rooted = true;
            }
            Segment::Down => {
                depth += 1;
                steps.downs_first |= steps.ups == 0;
            }
            Segment::Up { padded, disguised } => {
                depth -= 1;
                steps.ups += 1;
                steps.padded += u32::from(padded);
                steps.disguised |= disguised;
                steps.climb = steps.climb.max(depth.min(0).unsigned_abs());
                let mut run = 0;
                let mut j = next;
                while let Some(separator) = text.get(j).filter(|b| is_separator(**b)) {
                    kinds |= if *separator == b'/' { 1 } else { 2 };
                    run += 1;
                    j += 1;
                }
                steps.mixed |= run > 1 && j < text.len();
                steps.tail = j;
            }
        }
        i = next.max(i + 1);
    }
    steps.mixed |= kinds == 3;
    steps
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Segment {
    Nothing,
    Scheme,
    Down,
    Up { padded: bool, disguised: bool },
}

/// The segment at `i` and where the next one begins; a separator is a segment of its own.
fn segment(text: &[u8], i: usize) -> (Segment, usize) {
    let rest = text.get(i..).unwrap_or_default();
    if rest.first().copied().is_some_and(is_separator) {
        return (Segment::Nothing, i + 1);
    }
    if rest.first() == Some(&0) {
        return (Segment::Nothing, i + 1);
    }
    let dots = rest.iter().take_while(|b| **b == b'.').count();
    if dots >= 2 {
        let padded = dots > 2;
        match rest.get(dots..).unwrap_or_default() {
            [] | [b'/' | b'\\', ..] => {
                return (
                    Segment::Up {
                        padded,
                        disguised: false,
                    },
                    i + dots,
                );
            }
            [0, b'/' | b'\\', ..] => {
                return (
                    Segment::Up {
                        padded,
                        disguised: true,
                    },
                    i + dots + 1,
                );
            }
            // A path parameter: containers drop it before they normalise, proxies do not.
            [b';', more @ ..] => {
                let n = more.iter().take_while(|b| !is_separator(**b)).count();
                if n < more.len() {
                    return (
                        Segment::Up {
                            padded,
                            disguised: true,
                        },
                        i + dots + 1 + n,
                    );
                }
            }
            // U+FFFD left by a decoder; U+2044, U+2215, U+2216 that best-fit mappings make slashes.
            [0xef, 0xbf, 0xbd, ..] | [0xe2, 0x81, 0x84, ..] | [0xe2, 0x88, 0x95 | 0x96, ..] => {
                let after = rest.get(dots..).unwrap_or_default();
                let n = after.chunks_exact(3).take_while(|c| is_stray(c)).count();
                return (
                    Segment::Up {
                        padded,
                        disguised: true,
                    },
                    i + dots + 3 * n,
                );
            }
            _ => {}
        }
    }
    // A byte that begins no UTF-8, as in `..%c0%2f`.
    if dots >= 2
        && let [0xc0 | 0xc1, b'/' | b'\\', ..] = rest.get(dots..).unwrap_or_default()
    {
        return (
            Segment::Up {
                padded: false,
                disguised: true,
            },
            i + dots + 1,
        );
    }
    // Dots that did not decode: overlong forms come in twos or fours.
    let stray = rest.chunks_exact(3).take_while(|c| is_stray(c)).count();
    if stray >= 2 && rest.get(3 * stray).copied().is_some_and(is_separator) {
        return (
            Segment::Up {
                padded: false,
                disguised: true,
            },
            i + 3 * stray,
        );
    }
    let n = rest.iter().take_while(|b| !is_separator(**b)).count();
    let (name, after) = rest.split_at(n);
    if name == b"." {
        return (Segment::Nothing, i + n);
    }
    if name.last() == Some(&b':') && matches!(after, [b'/' | b'\\', b'/' | b'\\', ..]) {
        let host = after
            .iter()
            .skip(2)
            .take_while(|b| !is_separator(**b))
            .count();
        let dotted = after.get(2..).unwrap_or_default().starts_with(b"..");
        return (Segment::Scheme, i + n + 2 + if dotted { 0 } else { host });
    }
    (Segment::Down, i + n.max(1))
}

fn is_stray(chunk: &[u8]) -> bool {
    matches!(
        chunk,
        [0xef, 0xbf, 0xbd] | [0xe2, 0x81, 0x84] | [0xe2, 0x88, 0x95 | 0x96]
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Steps {
        let token = token(text.as_bytes(), true, 0);
        steps(text.as_bytes(), token)
    }

    #[test]
    fn steps_are_counted_as_paths_normalise() {
        for (text, ups, climb) in [
            ("../../a", 2, 2),
            ("a/b/../../c", 2, 0),
            ("a/../../c", 2, 1),
            ("....//....//x", 2, 2),
            ("/..;/manager", 1, 1),
            ("..\\..\\x", 2, 2),
            ("https://host/../../x", 2, 2),
            ("./a/./b", 0, 0),
            ("a..b/c", 0, 0),
        ] {
            let steps = of(text);
            assert_eq!((steps.ups, steps.climb), (ups, climb), "{text}");
        }
        assert!(of("..\u{fffd}\u{fffd}../..\u{fffd}").disguised);
        assert!(of("..\\../x").mixed);
    }

    #[test]
    fn anchors_tell_values_from_prose() {
        for (text, at, anchor) in [
            ("/etc/passwd", 1, Anchor::Value),
            ("see /etc/passwd", 5, Anchor::Inside),
            ("http://h/?page=etc/passwd", 15, Anchor::Query),
            ("page=etc/passwd", 5, Anchor::Query),
            ("--path=../x", 7, Anchor::Inside),
            ("<a href=\"../x\">", 9, Anchor::Quoted),
        ] {
            assert_eq!(token(text.as_bytes(), true, at).anchor, anchor, "{text}");
        }
    }
}
