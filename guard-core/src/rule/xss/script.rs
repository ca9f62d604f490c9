//! JavaScript as far as it takes to tell a statement from prose: calls, assignments, and the names
//! that an injected script reaches for.
//!
//! Knows nothing of HTML.

use core::ops::Range;

/// How much of a piece of script is looked at; what matters comes early, or the piece is padded and
/// its name or place gives it away.
pub(super) const WINDOW: usize = 192;

/// What reading that much costs, in units of effort.
pub(super) const READING: usize = 4 * WINDOW;

/// What a piece of text is when read as script.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Script {
    /// Nothing that could run to any effect.
    Inert,
    /// Calls, assignments or statements.
    Code,
    /// Calls or reads what an injected script is after.
    Sink,
}

/// What an injected script does with a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Use {
    /// Functions that run text, show a proof of execution, or send data away; and their kin.
    Called,
    /// Members that are harmful wherever they are set.
    Member,
    /// Objects whose members are what the script is after.
    Reached,
}

/// The names that injected scripts use, by their length: most words of a text are dismissed by a
/// comparison or two.
fn usage(word: &[u8]) -> Option<Use> {
    let names: &[(&[u8], Use)] = match word.len() {
        3 => &[(b"top", Use::Reached)],
        4 => &[
            (b"atob", Use::Called),
            (b"eval", Use::Called),
            (b"self", Use::Reached),
        ],
        5 => &[
            (b"alert", Use::Called),
            (b"fetch", Use::Called),
            (b"print", Use::Called),
            (b"write", Use::Called),
        ],
        6 => &[
            (b"cookie", Use::Member),
            (b"frames", Use::Reached),
            (b"import", Use::Called),
            (b"msgbox", Use::Called),
            (b"parent", Use::Reached),
            (b"prompt", Use::Called),
            (b"srcdoc", Use::Member),
            (b"window", Use::Reached),
        ],
        7 => &[
            (b"confirm", Use::Called),
            (b"onerror", Use::Member),
            (b"writeln", Use::Called),
        ],
        8 => &[
            (b"document", Use::Reached),
            (b"function", Use::Called),
            (b"location", Use::Reached),
        ],
        9 => &[
            (b"getscript", Use::Called),
            (b"innerhtml", Use::Member),
            (b"outerhtml", Use::Member),
        ],
        10 => &[
            (b"execscript", Use::Called),
            (b"globalthis", Use::Reached),
            (b"sendbeacon", Use::Called),
            (b"settimeout", Use::Called),
        ],
        11 => &[
            (b"appendchild", Use::Called),
            (b"constructor", Use::Called),
            (b"postmessage", Use::Called),
            (b"setinterval", Use::Called),
        ],
        12 => &[
            (b"fromcharcode", Use::Called),
            (b"localstorage", Use::Reached),
            (b"setimmediate", Use::Called),
        ],
        13 => &[
            (b"createelement", Use::Called),
            (b"importscripts", Use::Called),
        ],
        14 => &[(b"xmlhttprequest", Use::Member)],
        18 => &[(b"insertadjacenthtml", Use::Called)],
        _ => &[],
    };
    let first = word.first()?.to_ascii_lowercase();
    names
        .iter()
        .find(|(name, _)| name.first() == Some(&first) && name.eq_ignore_ascii_case(word))
        .map(|(_, usage)| *usage)
}

pub(super) fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$')
}

fn listed(names: &[&[u8]], word: &[u8]) -> bool {
    names.iter().any(|name| name.eq_ignore_ascii_case(word))
}

/// The identifier that holds the offset `at`, if it is no longer than one of ours.
pub(super) fn word_at(bytes: &[u8], at: usize) -> Range<usize> {
    const LONGEST: usize = 20;
    let mut start = at.min(bytes.len());
    while start > 0 && at - start <= LONGEST && bytes.get(start - 1).is_some_and(|b| is_word(*b)) {
        start -= 1;
    }
    let mut end = at.min(bytes.len());
    while end - start <= LONGEST && bytes.get(end).is_some_and(|b| is_word(*b)) {
        end += 1;
    }
    start..end
}

/// Skips white space and comments; gives up after some, on purpose inside a comment.
pub(super) fn skip_blank(bytes: &[u8], mut at: usize) -> usize {
    for _ in 0..WINDOW {
        match (bytes.get(at), bytes.get(at + 1)) {
            (Some(b), _) if *b <= b' ' => at += 1,
            (Some(b'/'), Some(b'*')) => {
                let rest = bytes.get(at + 2..).unwrap_or_default();
                match rest
                    .iter()
                    .take(WINDOW)
                    .zip(rest.iter().skip(1))
                    .position(|p| p == (&b'*', &b'/'))
                {
                    Some(n) => at += n + 4,
                    None => return at,
                }
            }
            _ => return at,
        }
    }
    at
}

/// Whether what follows a function's name calls it: `f(`, `` f` ``, `(f)(`, `["f"](`, `f?.(`,
/// `f.call(`, `f/**/(`. The offset of the bracket or back quote.
fn called(bytes: &[u8], mut at: usize) -> Option<usize> {
    for _ in 0..6 {
        at = skip_blank(bytes, at);
        match bytes.get(at)? {
            b'(' | b'`' => return Some(at),
            b')' | b']' | b'"' | b'\'' => at += 1,
            b'?' if bytes.get(at + 1) == Some(&b'.') => at += 2,
            b'.' => {
                let word = word_at(bytes, at + 1);
                let method = bytes.get(word.clone())?;
                if !listed(&[b"apply", b"bind", b"call"], method) {
                    return None;
                }
                at = word.end;
            }
            _ => return None,
        }
    }
    None
}

/// Whether the identifier at `word` is put to a use an injected script has for it; the offset
/// behind what shows that.
pub(super) fn is_sink(bytes: &[u8], word: &Range<usize>) -> Option<usize> {
    let name = bytes.get(word.clone())?;
    let usage = usage(name)?;
    // `function (` is how any function begins; `Function(` makes one of text.
    if name == b"function" {
        return None;
    }
    let next = skip_blank(bytes, word.end);
    match (usage, bytes.get(next)?) {
        (Use::Called, _) => called(bytes, word.end).map(|at| at + 1),
        // A name written as a string: one written plainly is an index into some table.
        (Use::Reached, b'[') => {
            let key = bytes.get(skip_blank(bytes, next + 1))?;
            (!is_word(*key) && *key != b']').then_some(next + 1)
        }
        (Use::Reached, b'.') => {
            let member = word_at(bytes, skip_blank(bytes, next + 1));
            let own: &[&[u8]] = match name.first()?.to_ascii_lowercase() {
                b'd' => &[b"baseuri", b"body", b"defaultview", b"domain", b"url"],
                b'l' => &[b"assign", b"hash", b"href", b"replace", b"search"],
                _ => &[b"name", b"open"],
            };
            let reached = bytes.get(member.clone())?;
            (self::usage(reached).is_some() || listed(own, reached)).then_some(member.end)
        }
        (Use::Reached, b'=') if name.eq_ignore_ascii_case(b"location") => {
            (bytes.get(next + 1) != Some(&b'=')).then_some(next + 1)
        }
        (Use::Member, b'=') => (bytes.get(next + 1) != Some(&b'=')).then_some(next + 1),
        (Use::Member, b'(') => Some(next + 1),
        _ => None,
    }
}

/// The first use in `range` of what an injected script is after.
pub(super) fn find_sink(bytes: &[u8], range: Range<usize>) -> Option<Range<usize>> {
    let mut at = range.start;
    let end = range.end.min(bytes.len()).min(range.start + WINDOW);
    while at < end {
        let byte = *bytes.get(at)?;
        if !is_word(byte) {
            at += 1;
            continue;
        }
        let start = at;
        while at < bytes.len().min(end) && bytes.get(at).is_some_and(|b| is_word(*b)) {
            at += 1;
        }
        if let Some(end) = is_sink(bytes, &(start..at)) {
            return Some(start..end);
        }
    }
    None
}

/// What the bytes in `range` are when run.
pub(super) fn classify(bytes: &[u8], range: Range<usize>) -> Script {
    if find_sink(bytes, range.clone()).is_some() {
        return Script::Sink;
    }
    let Some(piece) = bytes.get(range.start..range.end.min(range.start + WINDOW)) else {
        return Script::Inert;
    };
    let mut last = b' ';
    for (i, &byte) in piece.iter().enumerate() {
        let touching = i
            .checked_sub(1)
            .and_then(|i| piece.get(i))
            .is_some_and(|b| *b > b' ');
        let callee = is_word(last) || matches!(last, b')' | b']' | b'.');
        match byte {
            b'(' | b'`' if callee && touching => return Script::Code,
            b'=' if is_word(last) && piece.get(i + 1) != Some(&b'=') => return Script::Code,
            b';' if callee => return Script::Code,
            _ => {}
        }
        if byte > b' ' {
            last = byte;
        }
    }
    Script::Inert
}

/// Whether a call's end at `at` (just behind its opening bracket) is followed by what may follow a
/// call in a script, rather than by prose.
pub(super) fn ends_like_script(bytes: &[u8], at: usize) -> bool {
    let mut depth = 1_usize;
    let mut end = at;
    for (i, byte) in bytes.iter().enumerate().skip(at).take(WINDOW) {
        match byte {
            b'(' => depth += 1,
            b')' if depth == 1 => {
                end = i + 1;
                break;
            }
            b')' => depth -= 1,
            _ => {}
        }
    }
    if end == at {
        // A template literal, an assignment, or a bracket that the value does not close.
        return true;
    }
    match bytes.get(skip_blank(bytes, end)) {
        Some(next) => !next.is_ascii_alphanumeric() && next.is_ascii(),
        None => true,
    }
}

/// Whether `piece` reads as words of prose: two words in a row of which the first is no keyword.
pub(super) fn is_prose(piece: &[u8]) -> bool {
    const KEYWORDS: &[&[u8]] = &[
        b"async",
        b"await",
        b"case",
        b"class",
        b"const",
        b"delete",
        b"do",
        b"else",
        b"function",
        b"if",
        b"in",
        b"instanceof",
        b"let",
        b"new",
        b"of",
        b"return",
        b"throw",
        b"try",
        b"typeof",
        b"var",
        b"void",
        b"while",
        b"with",
        b"yield",
    ];
    let mut words = piece.split(|b| !is_word(*b) && *b != b' ');
    words.any(|run| {
        let mut pair = run.split(|b| *b == b' ').filter(|w| !w.is_empty());
        let mut before = pair.next();
        pair.any(|word| {
            let first = before.replace(word);
            first.is_some_and(|f| !listed(KEYWORDS, f)) && !listed(KEYWORDS, word)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_are_told_from_words() {
        let cases = [
            ("alert(1)", Script::Sink),
            ("(alert)(1)", Script::Sink),
            ("self['al'+'ert'](1)", Script::Sink),
            ("alert?.(1)", Script::Sink),
            ("alert.call(null,1)", Script::Sink),
            ("confirm/*x*/`1`", Script::Sink),
            ("a=document.cookie", Script::Sink),
            ("location = name", Script::Sink),
            ("location == name", Script::Inert),
            ("the alert was seen", Script::Inert),
            ("document them", Script::Inert),
            ("function(x) {}", Script::Code),
            ("go(1)", Script::Code),
            ("hello (world)", Script::Inert),
            ("hello", Script::Inert),
        ];
        for (text, expected) in cases {
            assert_eq!(classify(text.as_bytes(), 0..text.len()), expected, "{text}");
        }
    }

    #[test]
    fn prose_is_two_words_in_a_row() {
        assert!(is_prose(b"use the"));
        assert!(!is_prose(b";var x=new "));
        assert!(!is_prose(b"));if(!self.x)self.x=!"));
    }
}
