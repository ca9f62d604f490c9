//! What follows a command word: its end, an argument that shells take, or prose.

use super::word::is_ifs;

/// What comes after a command word, from the least to the most telling.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Tail {
    /// A byte that no argument list has there: the word is a key, a call, a part of a sentence.
    Foreign,
    /// A plain word follows.
    Plain,
    /// The text ends (quotes, a closing bracket or a comment may follow).
    End,
    /// Another separator follows.
    Separator,
    /// An argument that prose could hold: a number, a quoted text, a name with a dot.
    Soft,
    /// A flag, an absolute path, an address, an expansion or a redirection follows.
    Hard,
}

/// Reads what follows at `at`, the end of a command word, and tells where that begins.
pub(super) fn read(bytes: &[u8], at: usize, ends: bool) -> (Tail, usize) {
    let rest = bytes.get(at..).unwrap_or_default();
    if is_ifs(bytes, at) {
        return (Tail::Hard, at);
    }
    let Some(&first) = rest.first() else {
        return (if ends { Tail::End } else { Tail::Foreign }, at);
    };
    match first {
        b';' | b'|' | b'\n' | b'\r' | b'`' => (Tail::Separator, at),
        b'&' => (Tail::Separator, at),
        b'<' | b'>' => match rest.get(1) {
            // The end of an element that holds the value.
            Some(b'/')
                if first == b'<'
                    && rest.get(2).is_some_and(u8::is_ascii_alphabetic)
                    && !is_rooted(rest) =>
            {
                (Tail::Soft, at)
            }
            // A tag, unless an input redirection from a well-known directory.
            Some(b'/' | b'!' | b'a'..=b'z' | b'A'..=b'Z')
                if first == b'<'
                    && rest.iter().take(40).any(|b| *b == b'>')
                    && !is_rooted(rest) =>
            {
                (Tail::Foreign, at)
            }
            // `<name|id>`: a placeholder closes.
            Some(b) if b.is_ascii_alphanumeric() || b"/>&$<('\"".contains(b) => (Tail::Hard, at),
            Some(b'.') if rest.get(2) == Some(&b'/') => (Tail::Hard, at),
            _ => (Tail::Foreign, at),
        },
        b' ' | b'\t' | b'+' => arguments(bytes, at, ends),
        b'\\' if matches!(rest.get(1), Some(b'n' | b'r' | b'`')) => (Tail::Separator, at),
        b',' if matches!(rest.get(1), Some(b'/' | b'-')) => (Tail::Hard, at),
        b'/' if windows_flag(rest) => (Tail::Hard, at),
        b'"' | b'\'' | b')' | b'#' | b'}' | b',' | b'/' | b'\\' if closes(rest) && ends => {
            (Tail::End, at)
        }
        b')' => (Tail::Separator, at),
        b'"' | b'\'' => match rest.get(1) {
            Some(b';' | b'|' | b'&' | b'`' | b')') => (Tail::Separator, at),
            Some(b' ') => match rest.get(2) {
                Some(b';' | b'|' | b'&' | b'#') => (Tail::Separator, at),
                _ => (Tail::Foreign, at),
            },
            _ => (Tail::Foreign, at),
        },
        _ => (Tail::Foreign, at),
    }
}

/// `</etc/passwd`
fn is_rooted(rest: &[u8]) -> bool {
    let directories: [&[u8]; 8] = [
        b"etc/", b"proc/", b"dev/", b"tmp/", b"var/", b"home/", b"root/", b"usr/",
    ];
    let path = rest.get(2..).unwrap_or_default();
    directories
        .iter()
        .any(|directory| path.starts_with(directory))
}

/// Whether nothing but closing marks or a comment is left of a short text.
fn closes(rest: &[u8]) -> bool {
    rest.starts_with(b"#")
        || rest.starts_with(b"//")
        || rest.len() <= 8
            && rest
                .iter()
                .all(|b| matches!(b, b'"' | b'\'' | b')' | b'}' | b' ' | b'#' | b'\\'))
}

/// `cmd/c`, `ipconfig/all`.
fn windows_flag(rest: &[u8]) -> bool {
    match rest {
        [b'/', letter, after, ..] => letter.is_ascii_alphabetic() && matches!(after, b' ' | b'+'),
        _ => rest.eq_ignore_ascii_case(b"/all"),
    }
}

fn arguments(bytes: &[u8], at: usize, ends: bool) -> (Tail, usize) {
    let blanks = bytes
        .get(at..)
        .unwrap_or_default()
        .iter()
        .take(16)
        .take_while(|b| matches!(b, b' ' | b'\t' | b'+'))
        .count();
    let start = at + blanks;
    let rest = bytes.get(start..).unwrap_or_default();
    let second = rest.get(1).copied().unwrap_or(b' ');
    let Some(&first) = rest.first() else {
        return (if ends { Tail::End } else { Tail::Foreign }, at);
    };
    let tail = match first {
        b';' | b'|' | b'\n' | b'\r' => Tail::Separator,
        b'&' if second == b'&' || second == b' ' || rest.len() == 1 => Tail::Separator,
        b'-' if second.is_ascii_alphabetic() || second == b'-' => Tail::Hard,
        b'-' if second.is_ascii_digit() => Tail::Soft,
        b'/' if second.is_ascii_alphanumeric() || matches!(second, b'?' | b'*' | b'.') => {
            Tail::Hard
        }
        b'/' if matches!(second, b' ' | b')' | b';' | b'|' | b'&' | b'`') => Tail::Soft,
        b'~' if second == b'/' => Tail::Hard,
        b'.' if matches!(second, b'/' | b'.') => Tail::Hard,
        b'$' if second.is_ascii_alphanumeric() || matches!(second, b'(' | b'{' | b'@' | b'*') => {
            Tail::Hard
        }
        b'%' if second.is_ascii_alphabetic() => Tail::Hard,
        b'`' => Tail::Hard,
        b'>' | b'<' if matches!(second, b' ' | b'/' | b'&' | b'>' | b'(' | b'<') => Tail::Hard,
        b'>' if second.is_ascii_alphabetic() => Tail::Hard,
        b'#' => Tail::End,
        b'"' | b'\'' | b')' | b'}' if closes(rest) && ends => Tail::End,
        b')' => Tail::Separator,
        b'"' | b'\'' => match second {
            b'/' | b'$' => Tail::Hard,
            b' ' | b';' | b'|' | b'&' => Tail::Separator,
            _ => Tail::Soft,
        },
        b'?' | b'*' | b'\\' | b'{' | b'@' => Tail::Soft,
        b'.' if second == b' ' || rest.len() == 1 => Tail::Soft,
        b'[' if second == b' ' => Tail::Soft,
        first if first.is_ascii_alphanumeric() || first == b'_' => word(rest),
        _ => Tail::Foreign,
    };
    (tail, start)
}

/// Whether one of the arguments that begin at `at` has the shape of a flag, path or address.
pub(super) fn has_hard_argument(bytes: &[u8], at: usize) -> bool {
    let rest = bytes.get(at..).unwrap_or_default();
    let rest = rest.get(..rest.len().min(64)).unwrap_or_default();
    let end = rest
        .iter()
        .position(|b| matches!(b, b'\n' | b';' | b'|' | b'&'))
        .unwrap_or(rest.len());
    let line = rest.get(..end).unwrap_or_default();
    line.windows(3).any(|w| match w {
        [b' ' | b'+', b'/', c] => c.is_ascii_alphanumeric() || *c == b'?' || *c == b'*',
        [b' ' | b'+', b'-', c] => c.is_ascii_alphanumeric(),
        [b':', b'/', b'/'] => true,
        _ => false,
    })
}

/// Whether from `at` one or two plain words lead to the end.
pub(super) fn ends_soon(bytes: &[u8], at: usize, ends: bool) -> bool {
    let rest = bytes.get(at..).unwrap_or_default();
    let word = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
    ends && rest.len() <= 32
        && rest.split(|b| *b == b' ').count() <= 2
        && rest.split(|b| *b == b' ').all(|part| part.iter().all(word))
}

/// The first argument is a plain word, or something with a shape.
fn word(rest: &[u8]) -> Tail {
    let blank = |b: &u8| {
        matches!(
            b,
            b' ' | b'\t' | b'+' | b'\n' | b'\r' | b';' | b'|' | b'&' | b'`' | b')'
        )
    };
    let length = rest
        .iter()
        .take(80)
        .position(blank)
        .unwrap_or_else(|| rest.len().min(80));
    let Some(word) = rest.get(..length) else {
        return Tail::Plain;
    };
    if let [letter, b':', rest @ ..] = word
        && letter.is_ascii_alphabetic()
        && matches!(rest.first(), None | Some(b'\\' | b'/' | b'"'))
    {
        return Tail::Hard;
    }
    if word.windows(3).any(|w| w == b"://") || is_ipv4(word) {
        return Tail::Hard;
    }
    let inner = word.get(..word.len().saturating_sub(1)).unwrap_or_default();
    if word.iter().all(u8::is_ascii_digit) || inner.iter().any(|b| b"./\\*?=@$'\"".contains(b)) {
        return Tail::Soft;
    }
    Tail::Plain
}

/// Whether `word` begins with four numbers and dots.
fn is_ipv4(word: &[u8]) -> bool {
    let mut parts = word.split(|b| *b == b'.');
    (0..4).all(|_| {
        parts.next().is_some_and(|part| {
            let digits = part.iter().take_while(|b| b.is_ascii_digit()).count();
            (1..=3).contains(&digits)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tails_are_told_apart() {
        let cases: [(&[u8], Tail); 20] = [
            (b"", Tail::End),
            (b"\"", Tail::End),
            (b" #", Tail::End),
            (b";", Tail::Separator),
            (b" | x", Tail::Separator),
            (b"=1", Tail::Foreign),
            (b"> of", Tail::Foreign),
            (b">/x", Tail::Hard),
            (b"</etc/hosts", Tail::Hard),
            (b"</b>", Tail::Soft),
            (b": x", Tail::Foreign),
            (b" -la", Tail::Hard),
            (b" /etc", Tail::Hard),
            (b"+/etc", Tail::Hard),
            (b"$IFS$9x", Tail::Hard),
            (b" 127.0.0.1", Tail::Hard),
            (b" c:\\", Tail::Hard),
            (b" 5", Tail::Soft),
            (b" of them", Tail::Plain),
            (b",/etc/passwd}", Tail::Hard),
        ];
        for (text, tail) in cases {
            assert_eq!(read(text, 0, true).0, tail, "{text:?}");
        }
    }
}
