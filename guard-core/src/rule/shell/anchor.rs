//! What stands before a separator: nothing, a value such as the function expects, or prose.

use super::command::{Name, lookup};

/// Bytes looked at before a separator.
const WINDOW: usize = 96;

/// What the text before a separator looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Anchor {
    /// Nothing, or only marks that close a quotation or call around the value.
    Start,
    /// A single value: an address, a number, a file, a field; or a command line.
    Value,
    /// One plain word.
    Word,
    /// Several words, or more than is looked at.
    Prose,
}

/// What ends just before `bytes[at]`.
pub(super) fn read(bytes: &[u8], at: usize, starts: bool) -> Anchor {
    let floor = at.saturating_sub(WINDOW);
    let whole = starts && floor == 0;
    let Some(before) = bytes.get(floor..at) else {
        return Anchor::Prose;
    };
    let mark = |b: u8| {
        matches!(
            b,
            b' ' | b'\t'
                | b'\r'
                | b'\n'
                | b'+'
                | b'"'
                | b'\''
                | b')'
                | b']'
                | b'}'
                | b';'
                | b'|'
                | b'&'
                | b'$'
                | b'*'
                | b'`'
                | b'\\'
                | b'{'
                | b'('
        )
    };
    let marks = before.iter().rev().take_while(|b| mark(**b)).count();
    let Some(before) = before.get(..before.len() - marks) else {
        return Anchor::Prose;
    };
    match before.last() {
        None if whole => return Anchor::Start,
        None => return Anchor::Prose,
        // `field=;id`, `"field":";id`.
        Some(b'=') if assigns_in_text(before) => return Anchor::Prose,
        Some(b'=') => return Anchor::Start,
        Some(b':' | b',') if marks > 0 && bytes.get(floor + before.len()) == Some(&b'"') => {
            return Anchor::Start;
        }
        Some(_) => {}
    }
    // The segment begins at the text, the line, or the field.
    let from = (0..before.len()).rev().find(|i| match before.get(*i) {
        Some(b'\n' | b'=') => true,
        // A quote opens a value after a colon, and a piece of prose after a blank.
        Some(b'"') => match i.checked_sub(1) {
            None => whole,
            Some(previous) => before.get(previous).is_some_and(|b| b":=,[{(".contains(b)),
        },
        _ => false,
    });
    let segment = before
        .get(from.map_or(0, |from| from + 1)..)
        .unwrap_or_default();
    let complete = whole || from.is_some();
    // Past the first line of a longer text only a line that is one value counts.
    let line = from.is_some_and(|from| before.get(from) == Some(&b'\n'));
    match shape(segment, complete) {
        Anchor::Value if line && segment.trim_ascii().contains(&b' ') => Anchor::Prose,
        anchor => anchor,
    }
}

/// Whether `export NAME=` stands last: a script that is talked about, not a field.
fn assigns_in_text(before: &[u8]) -> bool {
    let field = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'=' | b'-' | b'.');
    let name = before.iter().rev().take_while(|b| field(b)).count();
    let before = before.get(..before.len() - name).unwrap_or_default();
    before.last() == Some(&b' ')
        && before
            .trim_ascii_end()
            .last()
            .is_some_and(u8::is_ascii_alphanumeric)
}

fn shape(segment: &[u8], complete: bool) -> Anchor {
    let blank = |b: &u8| matches!(b, b' ' | b'\t' | b'+');
    let mut words = 0_u32;
    let mut parts = 0_u32;
    let mut first: &[u8] = b"";
    for part in segment.split(blank).filter(|part| !part.is_empty()) {
        if parts == 0 {
            first = part;
        }
        parts += 1;
        let letters = part
            .iter()
            .filter(|b| b.is_ascii_alphabetic() || **b >= 0x80)
            .count();
        // Fields joined by separators (`name;date`) are words, no value.
        let plain = part
            .iter()
            .all(|b| b.is_ascii_alphabetic() || b",!?:-';|&_".contains(b) || *b >= 0x80)
            || part
                .strip_suffix(b".")
                .is_some_and(|part| part.iter().all(u8::is_ascii_alphabetic));
        words += u32::from(plain && letters >= 2);
    }
    match parts {
        0 => Anchor::Start,
        1 if words == 1 && segment.len() > 2 => Anchor::Word,
        1 => Anchor::Value,
        _ if complete && (is_command(first) || begins_command(first)) => Anchor::Value,
        _ if words == 0 && parts <= 6 || words <= 1 && parts <= 3 && complete => Anchor::Value,
        2 | 3 if words <= 2 && complete => Anchor::Word,
        _ => Anchor::Prose,
    }
}

fn is_command(word: &[u8]) -> bool {
    let name = word.rsplit(|b| *b == b'/').next().unwrap_or_default();
    matches!(lookup(name), Some(Name::Sure | Name::Term))
        || matches!(name, b"cat" | b"ping" | b"echo" | b"sleep" | b"cd")
}

/// Whether a separator and a command's name stand first: a command line that the value began.
fn begins_command(word: &[u8]) -> bool {
    let name = word.iter().position(|b| !matches!(b, b';' | b'|' | b'&'));
    name.is_some_and(|at| at > 0 && word.get(at..).and_then(lookup).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn anchors_are_told_apart() {
        let cases: [(&[u8], Anchor); 12] = [
            (b"", Anchor::Start),
            (b"' ", Anchor::Start),
            (b"a", Anchor::Value),
            (b"a)", Anchor::Value),
            (b"127.0.0.1 ", Anchor::Value),
            (b"cmd=127.0.0.1 ", Anchor::Value),
            (b"cmd=", Anchor::Start),
            (b"default", Anchor::Word),
            (b"{\"x\":\"", Anchor::Start),
            (b"wget http://a/b.sh ", Anchor::Value),
            (b"look at this", Anchor::Prose),
            (b"Mozilla/5.0 (Windows NT 10.0", Anchor::Prose),
        ];
        for (text, anchor) in cases {
            assert_eq!(
                read(text, text.len(), true),
                anchor,
                "{}",
                text.escape_ascii()
            );
        }
    }
}
