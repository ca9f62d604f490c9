//! Whether bytes stand where program text is evaluated, or are mentioned in prose.

use crate::rule::prose::words;

/// Bytes looked at before and after an expression.
const WINDOW: usize = 96;

/// What stands before an expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Before {
    /// Nothing, or marks that close what the function wrote around the value.
    Start,
    /// A value and a mark that joins it to the expression.
    Joined,
    /// Words.
    Prose,
}

/// First byte of the expression that `at` belongs to: a chain of names, calls and quotes without
/// blanks.
pub(super) fn expression_start(bytes: &[u8], at: usize) -> usize {
    let chain =
        |b: &u8| b.is_ascii_alphanumeric() || b"_.$@#'\"()[]:\\/-%<>?!*^~{},=&;|+`".contains(b);
    let before = bytes.get(at.saturating_sub(WINDOW)..at).unwrap_or_default();
    at - before.iter().rev().take_while(|b| chain(b)).count()
}

/// What stands before `bytes[at]`, the first byte of an expression.
pub(super) fn before(bytes: &[u8], at: usize, starts: bool) -> Before {
    let start = expression_start(bytes, at);
    let glued = bytes.get(start..at).unwrap_or_default();
    let floor = start.saturating_sub(WINDOW);
    let Some(before) = bytes.get(floor..start) else {
        return Before::Prose;
    };
    let joint = glued.last().copied();
    let words = words(before);
    if words == 0 && (floor > 0 || starts) {
        return match joint {
            None if before.iter().all(u8::is_ascii_whitespace) => Before::Start,
            None if ends_with_keyword(before) => Before::Joined,
            None if before
                .iter()
                .rev()
                .find(|b| !b.is_ascii_whitespace())
                .is_some_and(is_joint) =>
            {
                Before::Joined
            }
            Some(b) if !b.is_ascii_alphanumeric() => {
                if glued.iter().any(|b| b.is_ascii_alphanumeric()) {
                    Before::Joined
                } else {
                    Before::Start
                }
            }
            _ => Before::Prose,
        };
    }
    let last = before
        .iter()
        .rev()
        .find(|b| !b.is_ascii_whitespace())
        .copied();
    // The receiver of a method does not join it to what stands before.
    let receiver = glued.strip_suffix(b".").and_then(<[u8]>::last);
    let joint = joint.filter(|b| *b != b'.' || !receiver.is_some_and(u8::is_ascii_alphanumeric));
    let joined = match joint {
        Some(b) => b";|&+={}'\"@!>".contains(&b) || b == b'.',
        None => last.is_some_and(|b| is_joint(&b)) || ends_with_keyword(before),
    };
    let joined = joined || glued.iter().any(|b| b"=;|&".contains(b));
    if joined && words <= 2 {
        Before::Joined
    } else {
        Before::Prose
    }
}

fn is_joint(b: &u8) -> bool {
    b";|&+=.{}(!@-*/%>,?".contains(b)
}

/// The word before `bytes[at]`, if a blank is between.
pub(super) fn word_before(bytes: &[u8], at: usize) -> &[u8] {
    let before = bytes.get(at.saturating_sub(12)..at).unwrap_or_default();
    let trimmed = before.trim_ascii_end();
    if trimmed.len() == before.len() {
        return b"";
    }
    let word = trimmed
        .iter()
        .rev()
        .take_while(|b| b.is_ascii_alphabetic())
        .count();
    trimmed.get(trimmed.len() - word..).unwrap_or_default()
}

fn ends_with_keyword(before: &[u8]) -> bool {
    let before = before.trim_ascii_end();
    let word = before
        .iter()
        .rev()
        .take_while(|b| b.is_ascii_alphabetic())
        .count();
    let word = before.get(before.len() - word..).unwrap_or_default();
    matches!(
        word,
        b"echo"
            | b"return"
            | b"print"
            | b"puts"
            | b"new"
            | b"await"
            | b"and"
            | b"or"
            | b"php"
            | b"println"
            | b"do"
            | b"then"
            | b"import"
            | b"die"
            | b"exit"
            | b"eval"
            | b"execute"
    )
}

/// Whether program text, and not prose, goes on at `at`, the end of an expression.
pub(super) fn goes_on(bytes: &[u8], at: usize, ends: bool) -> bool {
    let rest = bytes.get(at..).unwrap_or_default();
    let rest = rest.get(..rest.len().min(WINDOW)).unwrap_or_default();
    let Some(first) = rest.first() else {
        return ends;
    };
    let (blank, rest) = if first.is_ascii_whitespace() {
        (true, rest.trim_ascii_start())
    } else {
        (false, rest)
    };
    let Some(first) = rest.first() else {
        return true;
    };
    match first {
        b';' | b'}' | b'|' | b'&' | b'+' | b'*' | b'?' | b'#' | b'%' | b'<' | b'\\' | b'\''
        | b'"' => true,
        b')' | b']' | b'`' | b'@' | b'=' | b'[' | b'{' => true,
        b'/' => true,
        b'-' | b'(' => !blank,
        b'.' | b',' | b':' => rest
            .get(1)
            .is_some_and(|b| b.is_ascii_alphanumeric() || b"'\"$_`@(".contains(b)),
        b'>' => true,
        _ => false,
    }
}

/// End (past the bracket) of what opens at `at`, `None` if it is longer than `window` or not closed.
pub(super) fn close(bytes: &[u8], at: usize, window: usize) -> Option<usize> {
    let rest = bytes.get(at..)?;
    let rest = rest.get(..rest.len().min(window))?;
    let mut depth = 0_u32;
    let mut quote = None;
    let mut escaped = false;
    for (i, &byte) in rest.iter().enumerate() {
        if escaped {
            escaped = false;
            continue;
        }
        match (quote, byte) {
            (_, b'\\') => escaped = true,
            (Some(open), _) if byte == open => quote = None,
            (Some(_), _) => {}
            (None, b'\'' | b'"') => quote = Some(byte),
            (None, b'(') => depth += 1,
            (None, b')') => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return Some(at + i + 1);
                }
            }
            (None, _) => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_told_apart() {
        let cases: [(&[u8], Before); 12] = [
            (b"", Before::Start),
            (b"';", Before::Start),
            (b"  ", Before::Start),
            (b"1;", Before::Joined),
            (b"a'.", Before::Joined),
            (b"<?php ", Before::Joined),
            (b"<?php echo ", Before::Joined),
            (b"|| ", Before::Joined),
            (b"how does ", Before::Prose),
            (b"What is wrong with ", Before::Prose),
            (b"name ", Before::Prose),
            (b"x = ", Before::Joined),
        ];
        for (text, expected) in cases {
            assert_eq!(
                before(text, text.len(), true),
                expected,
                "{}",
                text.escape_ascii()
            );
        }
    }

    #[test]
    fn brackets_are_matched_outside_quotes() {
        assert_eq!(close(b"('a)b')x", 0, 64), Some(7));
        assert_eq!(close(b"(f(1),g(2))", 0, 64), Some(11));
        assert_eq!(close(b"(f(1)", 0, 64), None);
    }
}
