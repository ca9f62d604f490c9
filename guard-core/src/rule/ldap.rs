//! Rules of the `ldap` family: values that end the filter they are put into and go on with one of
//! their own (RFC 4515).

use crate::inspect::{Effort, Match, Text, Trigger};
use crate::rule::{Family, RuleId, Rules};

pub(super) const RULES: Rules = Rules {
    family: Family::Ldap,
    triggers: TRIGGERS,
    glance: 6,
    context,
    hopeless: None,
    confirm,
};

const BREAKOUT: RuleId = RuleId::new("ldap.breakout");
const TRUNCATION: RuleId = RuleId::new("ldap.truncation");
const WILDCARD: RuleId = RuleId::new("ldap.wildcard");
const MATCHING_RULE: RuleId = RuleId::new("ldap.matching_rule");
const FILTER: RuleId = RuleId::new("ldap.filter");

const TRIGGERS: &[Trigger] = &[
    // One filter ends, another begins.
    Trigger::new("\\)\\([&|!(a-z\\d]"),
    Trigger::new("\\)\\(:[a-z\\d]"),
    // A list of filters where a value was expected.
    Trigger::new("\\*\\([&|!(]"),
    // A filter cut short, with NUL as it is or as filters escape it.
    Trigger::new("\\)\\0"),
    Trigger::new("\\)\\\\[x0\\\\][0x\\\\]"),
    Trigger::new("\\(\\*\\*[a-z]"),
    // Nothing but the filter's own characters, to see what breaks.
    Trigger::new("\\*\\(\\)[|&!]"),
    // 2.5.13.18:=
    Trigger::new("\\d:="),
];

/// Bytes before an occurrence that the value may begin in. Names are short; text is not.
const BACK: usize = 128;
/// Bytes of filter read behind it.
const REACH: usize = 128;

fn context(bytes: &[u8], at: usize) -> bool {
    let rest = bytes.get(at..).unwrap_or_default();
    let encoded = |b: Option<&u8>| b.is_none_or(|b| matches!(b, b'\\' | b'%' | b'&'));
    match rest {
        // `)(name=`, not `)(name)`.
        [b')', b'(', first, ..] if first.is_ascii_alphanumeric() => {
            let n = rest
                .iter()
                .skip(2)
                .take(40)
                .take_while(|b| is_attribute(**b))
                .count();
            let next = rest.get(n + 2);
            matches!(next, Some(b'=' | b':' | b'~' | b'<' | b'>')) || encoded(next)
        }
        [digit, b':', b'=', ..] if digit.is_ascii_digit() => {
            let head = bytes.get(..at).unwrap_or_default();
            head.iter().rev().take(8).any(|b| *b == b'.')
        }
        [b')', b'(', _, next, ..] | [b'*', b'(', _, next, ..] => {
            matches!(
                next,
                b'(' | b')' | b'&' | b'|' | b'!' | b'"' | b'\'' | b'\\' | b'%' | b' '
            ) || next.is_ascii_alphabetic()
        }
        _ => true,
    }
}

fn confirm(text: &Text<'_>, at: usize, effort: &mut Effort) -> Option<Match> {
    if !effort.spend(BACK) {
        return None;
    }
    let bytes = text.bytes;
    let head = bytes.get(..at)?;
    let rest = bytes.get(at..)?;
    let rest = rest.get(..rest.len().min(REACH)).unwrap_or_default();
    if let [digit, b':', b'=', ..] = rest
        && digit.is_ascii_digit()
    {
        return matching_rule(head, at);
    }
    if !text.starts || at > BACK || head.iter().any(|b| matches!(b, b'\n' | b'{' | b'}' | b';')) {
        return None;
    }
    let depth = head.iter().fold(0_i32, |depth, b| match b {
        b'(' => depth + 1,
        b')' => depth - 1,
        _ => depth,
    });
    let found = |rule, length| {
        Some(Match {
            rule,
            span: 0..at + length,
        })
    };
    match rest {
        [b')', 0, ..] | [b')', b'\\', ..] => {
            let literal = rest.get(1) == Some(&0)
                || rest.starts_with(b")\\x00")
                || rest.starts_with(b")\\00");
            // Closing what the value did not open, all of it or a filter of its own first.
            (literal && depth <= 0).then(|| Match {
                rule: TRUNCATION,
                span: 0..at + 2,
            })
        }
        [b')', b'(', inner @ ..] => {
            let length = filter_head(inner, head.last() == Some(&b'*'))?;
            if depth > 0 {
                return known_filter(text, effort);
            }
            found(BREAKOUT, 2 + length)
        }
        [b'*', b'(', b')', ..] => {
            let probe = at == 0 && bytes.len() <= 12 && bytes.iter().all(u8::is_ascii_punctuation);
            probe.then_some(Match {
                rule: WILDCARD,
                span: 0..bytes.len(),
            })
        }
        [b'*', b'(', inner @ ..] => {
            let short = head.len() <= 64 && !head.contains(&b' ');
            let nested = matches!(inner, [b'&' | b'|' | b'!', b'(', ..]);
            let length = filter_head(inner, true).filter(|_| short && nested)?;
            found(WILDCARD, 2 + length)
        }
        [b'(', b'*', b'*', ..] => {
            let closed = rest.iter().any(|b| matches!(b, b')' | b' ' | b'\n'));
            (at == 0 && !closed && rest.ends_with(b"**")).then_some(Match {
                rule: WILDCARD,
                span: 0..rest.len(),
            })
        }
        _ => None,
    }
}

const fn is_attribute(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b';' | b'_')
}

/// The length of what makes `inner`, behind an opening parenthesis, the head of a filter:
/// `&`, `|` or `!` before a filter or the end, or an attribute and its operator. Where a wildcard
/// was closed, less is enough.
fn filter_head(inner: &[u8], wildcard: bool) -> Option<usize> {
    let operators = inner
        .iter()
        .take(16)
        .take_while(|b| matches!(b, b'&' | b'|' | b'!' | b'('))
        .count();
    let after = inner.get(operators..).unwrap_or_default();
    if operators > 0 {
        let ends = after.is_empty() || matches!(after, [b')', ..] | [0, ..]);
        let listed = inner
            .iter()
            .take(operators)
            .any(|b| matches!(b, b'&' | b'|' | b'!'));
        if listed && ends {
            return Some(operators);
        }
        let attribute = attribute(after)?;
        return listed.then_some(operators + attribute);
    }
    let length = attribute(after)?;
    let value = after.get(length..).unwrap_or_default();
    let value = value.split(|b| *b == b')').next().unwrap_or_default();
    let plain = |value: &[u8]| !value.iter().any(|b| b" \"'<,".contains(b));
    (wildcard || plain(value) || is_name(value)).then_some(length)
}

/// Whether a value is a distinguished name (RFC 4514): attributes with their values, two or more,
/// between commas.
fn is_name(value: &[u8]) -> bool {
    let mut parts = 0;
    for part in value.split(|b| *b == b',') {
        let n = part.iter().take_while(|b| is_attribute(**b)).count();
        let worded = |b: &u8| !b"\"'<=".contains(b);
        let (name, value) = part.split_at(n);
        let valued = matches!(value, [b'=', value @ ..] if value.iter().all(worded));
        if name.is_empty() || !valued || value.len() < 2 {
            return false;
        }
        parts += 1;
    }
    parts >= 2
}

/// `name=`, `name>=`, `name~=`, `name:=`, `name:dn:=`, `name:1.2.3:=`, `name:caseExactMatch:=`
/// (RFC 4515, 3: `extensible`).
fn attribute(text: &[u8]) -> Option<usize> {
    let n = text
        .iter()
        .take(40)
        .take_while(|b| is_attribute(**b))
        .count();
    // A matching rule may stand without an attribute: it is asked of all that has it.
    if n == 0 && text.first() != Some(&b':') {
        return None;
    }
    match text.get(n..)? {
        [b'=' | b'<' | b'>' | b'~', ..] | [b':', b'=', ..] if n == 0 => None,
        [b'=', b'=' | b'>', ..] => None,
        [b'=', ..] => Some(n + 1),
        [b'<' | b'>' | b'~' | b':', b'=', ..] => Some(n + 2),
        // At most `dn` and a matching rule stand between the name and `:=`.
        [b':', ..] => {
            let parts = text.get(n..)?.iter().take(48);
            let rule = parts
                .take_while(|b| is_attribute(**b) || **b == b':')
                .count();
            let colons = text
                .get(n..n + rule)?
                .iter()
                .filter(|b| **b == b':')
                .count();
            let assigned =
                text.get(..n + rule)?.ends_with(b":") && text.get(n + rule) == Some(&b'=');
            (assigned && (2..=3).contains(&colons)).then_some(n + rule + 1)
        }
        _ => None,
    }
}

/// `userPassword:2.5.13.18:=`: an attribute compared by a rule of the caller's choice.
fn matching_rule(head: &[u8], at: usize) -> Option<Match> {
    let oid = head
        .iter()
        .rev()
        .take(32)
        .take_while(|b| b.is_ascii_digit() || **b == b'.')
        .count();
    let (before, number) = head.split_at(head.len() - oid);
    let before = before.strip_suffix(b":")?;
    let before = before.strip_suffix(b":dn").unwrap_or(before);
    let name = before
        .iter()
        .rev()
        .take(40)
        .take_while(|b| is_attribute(**b))
        .count();
    let dots = number.iter().filter(|b| **b == b'.').count();
    (name > 0 && dots >= 2).then(|| Match {
        rule: MATCHING_RULE,
        span: before.len() - name..at + 3,
    })
}

/// A whole filter as a value, that can only be true or false whatever the directory holds, that asks
/// for nothing but that attributes are there, or for passwords.
fn known_filter(text: &Text<'_>, effort: &mut Effort) -> Option<Match> {
    let bytes = text.bytes.get(..text.bytes.len().min(2 * REACH))?;
    let [b'(', b'&' | b'|' | b'!', b'(', ..] = bytes else {
        return None;
    };
    let constant = bytes
        .windows(5)
        .any(|w| matches!(w, [b'(', b'0' | b'1', b'=', b'0' | b'1', b')']));
    let secret = bytes
        .windows(13)
        .any(|w| w.eq_ignore_ascii_case(b"userpassword="));
    (effort.spend(2 * bytes.len()) && (constant || secret || is_presence(bytes))).then_some(Match {
        rule: FILTER,
        span: 0..bytes.len(),
    })
}

/// Whether every item of a filter is `name=*`.
fn is_presence(filter: &[u8]) -> bool {
    filter
        .split(|b| *b == b'(')
        .filter(|item| item.first().is_some_and(u8::is_ascii_alphanumeric))
        .all(|item| {
            let value = attribute(item).and_then(|name| item.get(name..));
            value.is_some_and(|value| value.starts_with(b"*)"))
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::exercise::{exercise, rule_of};

    #[test]
    fn attacks_differ_from_their_siblings() {
        for (input, rule) in [
            ("*)(uid=*", "ldap.breakout"),
            ("(a)(uid=b", ""),
            ("x))\0", "ldap.truncation"),
            ("cn:2.5.13.2:=x", "ldap.matching_rule"),
            ("a1:=2", ""),
            ("*(|(mail=*))", "ldap.wildcard"),
        ] {
            let found = rule_of(&RULES, input.as_bytes());
            assert_eq!(found.unwrap_or_default(), rule, "{input}");
        }
    }

    #[test]
    fn any_bytes_are_survived() {
        let pieces: &[&[u8]] = &[
            b"*",
            b")",
            b"(",
            b"&",
            b"|",
            b"!",
            b"uid=",
            b"*)(",
            b"objectClass=*",
            b"\0",
            b"\\00",
            b"\\x00",
            b"a",
            b" ",
            b":=",
            b"1.2.3",
            b"cn:",
            b"**x**",
            b"(1=0)",
            b"userPassword=",
            b"=",
            b"%",
            b"(&(",
        ];
        exercise(&RULES, pieces);
    }
}
