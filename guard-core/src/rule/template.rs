//! Rules of the `template` family: expressions of template and expression languages.
//!
//! A delimiter alone says nothing: placeholders are everyday text. Its content is read as an
//! expression (`expression`) and confirmed when it computes something or reaches for the objects
//! behind the template.

use crate::inspect::{Effort, Match, Text, Trigger};
use crate::rule::prose::words;
use crate::rule::{Family, RuleId, Rules, found};

mod expression;
mod form;
mod name;

use expression::Evidence;

pub(super) const RULES: Rules = Rules {
    family: Family::Template,
    triggers: TRIGGERS,
    glance: 5,
    context,
    hopeless: None,
    confirm,
};

/// Longest content looked at.
const CONTENT: usize = 400;

/// What reading a byte of an expression costs, in units of effort.
const READING: usize = 4;

/// What comparing some tens of bytes with a few words costs.
const COMPARING: usize = 32;

/// Bytes looked at before a delimiter.
const BEFORE: usize = 64;

const ARITHMETIC: RuleId = RuleId::new("template.arithmetic");
const CALL: RuleId = RuleId::new("template.call");
const REACH: RuleId = RuleId::new("template.reach");
const DIRECTIVE: RuleId = RuleId::new("template.directive");

const TRIGGERS: &[Trigger] = &[
    // Jinja, Twig, Handlebars, Angular, Go.
    Trigger::new("\\{[{%]"),
    // EL, FreeMarker, Velocity, Ruby, Thymeleaf, Razor, OGNL, Pug.
    Trigger::new("[$#*~@!%]\\{"),
    Trigger::new("@\\([^)]"),
    // ERB, EJS, JSP, ASP.
    Trigger::new("<%[^\\d]"),
    // Smarty, Latte: `{$smarty.`, `{php}`, `{7*7}`, `{#7*7}`, `{*comment*}`.
    Trigger::new("\\{\\x24[st]"),
    Trigger::new("\\{[\\d#@=(][\\d*][\\d*+]"),
    Trigger::new("\\{\\*\\w"),
    // FreeMarker and Velocity directives.
    Trigger::new("[<\\[]#[ail][sfnmi]"),
    Trigger::new("#[sfep][eova][tra]"),
    // `{php}`, `{if `, `{self::`, `{math equation=`, `{fetch file=`, `{include file=`
    Trigger::new("\\{[pisfme][hfemnav][a-z ]"),
    // `[[7*7]]`
    Trigger::new("\\[\\[\\d[\\d*]"),
    // Template Toolkit: `[% 7*7 %]`.
    Trigger::new("\\[%[ \\d][\\d*]"),
    // `x.getClass()`
    Trigger::new("tcla"),
    Trigger::new("?new"),
];

fn context(bytes: &[u8], at: usize) -> bool {
    let rest = bytes.get(at..).unwrap_or_default();
    match rest {
        // Nested arrays of numbers are everyday JSON.
        [b'[', b'[', digits @ ..] => {
            let end = digits.iter().take(12).position(|b| !b.is_ascii_digit());
            end.is_none_or(|end| matches!(digits.get(end), Some(b'*' | b'\\' | b'%' | b'&')))
        }
        _ => true,
    }
}

fn confirm(text: &Text<'_>, at: usize, effort: &mut Effort) -> Option<Match> {
    let bytes = text.bytes;
    let rest = bytes.get(at..)?;
    match rest {
        [b'{', b'{', ..] => {
            let skip = rest.iter().take(4).take_while(|b| **b == b'{').count();
            expression(text, at, at + skip, b"}}", true, effort)
        }
        [b'{', b'%', ..] => statement(text, at, effort),
        [b'<', b'%', ..] => {
            let code = matches!(rest.get(2), Some(b'=' | b'-' | b'#' | b'@' | b'!'));
            expression(text, at, at + 2 + usize::from(code), b"%>", true, effort)
        }
        [b'$', b'{', b'{', ..] => expression(text, at, at + 3, b"}}", true, effort),
        [b'$', b'{', ..] => {
            if !effort.spend(CONTENT) {
                return None;
            }
            expression(text, at, at + 2, b"}", false, effort)
        }
        // Perl: `@{[ system "id" ]}`.
        [b'@', b'{', b'[', ..] => {
            let (_, end) = content(bytes, at + 2, b"}", effort)?;
            (!is_text(bytes, at, end)).then_some(())?;
            found(CALL, at, end)
        }
        [b'#' | b'*' | b'~' | b'@' | b'!' | b'%', b'{', ..] => {
            expression(text, at, at + 2, b"}", false, effort)
        }
        [b'@', b'(', ..] => expression(text, at, at + 2, b")", false, effort),
        [b'?' | b't' | b'T' | b'#', ..] | [b'<' | b'[', b'#', ..] if !effort.spend(COMPARING) => {
            None
        }
        [b'?', ..] => instantiation(text, at),
        [b't' | b'T', ..] => reflection(text, at),
        [b'[', b'[' | b'%', ..] => {
            let close: &[u8] = if rest.get(1) == Some(&b'%') {
                b"%]"
            } else {
                b"]]"
            };
            let found = expression(text, at, at + 2, close, false, effort)?;
            (found.rule == ARITHMETIC).then_some(found)
        }
        [b'#', ..] => assignment(text, at),
        [b'<' | b'[', b'#', ..] => directive(text, at, effort),
        [b'{', b'*', ..] => comment(text, at),
        [
            b'{',
            b'$' | b'p' | b'P' | b'i' | b'I' | b's' | b'S' | b'm' | b'f' | b'e',
            ..,
        ] => smarty(text, at, effort),
        [b'{', ..] => {
            let skip = usize::from(matches!(rest.get(1), Some(b'#' | b'@' | b'=')));
            let found = expression(text, at, at + 1 + skip, b"}", false, effort)?;
            (found.rule == ARITHMETIC && rest.iter().take(40).any(|b| *b == b'*')).then_some(found)
        }
        _ => None,
    }
}

/// An expression from `start` to `close`; its delimiter opens at `at`.
fn expression(
    text: &Text<'_>,
    at: usize,
    start: usize,
    close: &[u8],
    double: bool,
    effort: &mut Effort,
) -> Option<Match> {
    let bytes = text.bytes;
    let (content, end) = content(bytes, start, close, effort)?;
    if !effort.spend(BEFORE + READING * content.len()) {
        return None;
    }
    let plain = content.strip_prefix(b"=").unwrap_or(content);
    let delimiter = bytes.get(at..start)?;
    if form::runs(plain, delimiter) {
        return found(CALL, at, end);
    }
    if form::names_context(plain, double) {
        return found(REACH, at, end);
    }
    let evidence = expression::read(plain, double);
    let rule = match evidence {
        Evidence::Placeholder => {
            let whole = at == 0 && end == bytes.len() && text.starts && text.ends;
            if form::is_directive(plain, delimiter, whole) {
                DIRECTIVE
            } else if close == b"%>" && (plain.contains(&b'`') || plain.starts_with(b" eval ")) {
                CALL
            } else {
                return None;
            }
        }
        Evidence::Computation => ARITHMETIC,
        // `{{{a} of {b}}}` of a format string: what opens there closes before.
        Evidence::Reach if double && !expression::closes_braces(plain) => return None,
        Evidence::Reach => REACH,
        Evidence::Call => {
            // Program text has calls in its own delimiters: only a value that is no text counts.
            if is_text(bytes, at, end) || !expression::is_well_formed(plain) {
                return None;
            }
            CALL
        }
    };
    found(rule, at, end)
}

/// The bytes from `start` to the closing delimiter, and where that ends.
fn content<'t>(
    bytes: &'t [u8],
    start: usize,
    close: &[u8],
    effort: &mut Effort,
) -> Option<(&'t [u8], usize)> {
    // Deeper nesting is no expression that anybody would send, and costs a reading each.
    const DEEPEST: u32 = 4;
    let rest = bytes.get(start..)?;
    let rest = rest.get(..rest.len().min(CONTENT))?;
    let mut depth = 0_u32;
    let mut looked = 0;
    let mut length = None;
    for (i, &byte) in rest.iter().enumerate() {
        looked = i + 1;
        let next = rest.get(i + 1).copied();
        match *close {
            [single] if byte == single => match depth.checked_sub(1) {
                Some(less) => depth = less,
                None => {
                    length = Some(i);
                    break;
                }
            },
            [single] if byte == if single == b')' { b'(' } else { b'{' } => {
                depth += 1;
                if depth > DEEPEST {
                    break;
                }
            }
            [first, second] if byte == first && next == Some(second) => {
                length = Some(i);
                break;
            }
            // The same delimiter opens again: this one was never closed.
            [first, second] if i > 0 && next == Some(byte) && byte == b'{' && first == second => {
                break;
            }
            _ => {}
        }
    }
    if !effort.spend(looked / 2) {
        return None;
    }
    match length {
        Some(length) => Some((rest.get(..length)?, start + length + close.len())),
        // Longer than we look: what is there is judged.
        None if looked == CONTENT => Some((rest, start + CONTENT)),
        None => None,
    }
}

/// Whether the value around a delimiter is running text or program text.
fn is_text(bytes: &[u8], at: usize, end: usize) -> bool {
    let before = bytes.get(at.saturating_sub(BEFORE)..at).unwrap_or_default();
    let after = bytes
        .get(end..bytes.len().min(end + BEFORE))
        .unwrap_or_default();
    words(before) > 2 || words(after) > 4 || before.contains(&b'\n') || before.contains(&b'`')
}

/// `{% ... %}`
fn statement(text: &Text<'_>, at: usize, effort: &mut Effort) -> Option<Match> {
    let bytes = text.bytes;
    let (content, end) = content(bytes, at + 2, b"%}", effort)?;
    if !effort.spend(BEFORE + READING * content.len()) {
        return None;
    }
    let body = content.trim_ascii_start();
    let body = body.strip_prefix(b"-").unwrap_or(body).trim_ascii_start();
    let length = body.iter().take_while(|b| b.is_ascii_alphabetic()).count();
    let (keyword, rest) = body.split_at_checked(length)?;
    let rest = rest.trim_ascii();
    let outside = match keyword {
        b"import" => {
            let module = rest
                .split(u8::is_ascii_whitespace)
                .next()
                .unwrap_or_default();
            matches!(
                module,
                b"os" | b"sys" | b"subprocess" | b"platform" | b"socket" | b"pty"
            )
        }
        b"include" | b"extends" => {
            matches!(rest, [b'\'' | b'"', b'/' | b'.', ..]) || rest.windows(3).any(|w| w == b"://")
        }
        b"debug" => rest.is_empty(),
        b"php" => true,
        _ => false,
    };
    if outside {
        return found(DIRECTIVE, at, end);
    }
    // `for key, value in config.items()`
    let config = rest.windows(7).any(|w| w == b"config.");
    if config && keyword == b"for" {
        return found(REACH, at, end);
    }
    // A condition of literals shows that conditions are read.
    if keyword == b"if" && expression::compares_literals(rest) {
        return found(ARITHMETIC, at, end);
    }
    match expression::read(rest, true) {
        Evidence::Reach => found(REACH, at, end),
        Evidence::Call if matches!(keyword, b"set" | b"if" | b"raw" | b"code") => {
            (!is_text(bytes, at, end)).then_some(())?;
            found(CALL, at, end)
        }
        Evidence::Computation => found(ARITHMETIC, at, end),
        _ if keyword == b"set" => {
            let value = rest
                .iter()
                .position(|b| *b == b'=')
                .and_then(|i| rest.get(i + 1..))?;
            match expression::read(value, true) {
                Evidence::Computation => found(ARITHMETIC, at, end),
                Evidence::Reach => found(REACH, at, end),
                _ => None,
            }
        }
        _ => None,
    }
}

/// `$x.getClass()`, `x.getClass().forName(...)`: from any object to every class.
fn reflection(text: &Text<'_>, at: usize) -> Option<Match> {
    let bytes = text.bytes;
    let start = at.checked_sub(2)?;
    let rest = bytes.get(start..)?.strip_prefix(b"getClass()")?;
    let before = bytes.get(..start)?.strip_suffix(b".")?;
    let name = before
        .iter()
        .rev()
        .take(24)
        .take_while(|b| b.is_ascii_alphanumeric() || **b == b'_')
        .count();
    let sigil = before
        .len()
        .checked_sub(name + 1)
        .and_then(|i| before.get(i));
    let literal = name == 0 && matches!(before.last(), Some(b'"' | b'\'' | b')' | b']'));
    let members: [&[u8]; 5] = [
        b".forName(",
        b".getClassLoader(",
        b".getMethod(",
        b".getDeclared",
        b".getProtectionDomain(",
    ];
    let reaches = members.iter().any(|member| rest.starts_with(member));
    (reaches || sigil == Some(&b'$') && name > 0 || literal && rest.starts_with(b"."))
        .then_some(())?;
    found(REACH, start, start + 10)
}

/// `"freemarker.template.utility.Execute"?new()`
fn instantiation(text: &Text<'_>, at: usize) -> Option<Match> {
    let bytes = text.bytes;
    bytes.get(at..)?.starts_with(b"?new(").then_some(())?;
    let before = bytes.get(at.checked_sub(1)?)?;
    matches!(before, b'"' | b'\'').then_some(())?;
    found(REACH, at, at + 5)
}

/// `#set($x = 7*7)`, `#foreach($i in ...)`, `#evaluate("...")`
fn assignment(text: &Text<'_>, at: usize) -> Option<Match> {
    let rest = text.bytes.get(at..)?;
    let (rest, assigns) = if let Some(rest) = rest.strip_prefix(b"#set") {
        (rest, true)
    } else if let Some(rest) = rest.strip_prefix(b"#foreach") {
        (rest, false)
    } else {
        let evaluates = rest.strip_prefix(b"#evaluate");
        (evaluates.or_else(|| rest.strip_prefix(b"#parse"))?, false)
    };
    let rest = rest.get(..rest.len().min(80))?;
    let inner = rest
        .trim_ascii_start()
        .strip_prefix(b"(")?
        .trim_ascii_start();
    let shaped =
        matches!(inner.first(), Some(b'$' | b'"' | b'\'')) && (!assigns || inner.contains(&b'='));
    shaped.then_some(())?;
    found(DIRECTIVE, at, at + 4)
}

/// `<#assign x = ...>`, `[#include ...]`
fn directive(text: &Text<'_>, at: usize, effort: &mut Effort) -> Option<Match> {
    let rest = text.bytes.get(at + 2..)?;
    let length = rest
        .iter()
        .take(10)
        .take_while(|b| b.is_ascii_lowercase())
        .count();
    let (keyword, body) = rest.split_at_checked(length)?;
    let body = body.get(..body.len().min(120))?;
    body.first().filter(|b| b.is_ascii_whitespace())?;
    if !effort.spend(CONTENT) {
        return None;
    }
    let shaped = match keyword {
        b"assign" => body.contains(&b'='),
        b"include" | b"import" => {
            body.trim_ascii_start().starts_with(b"\"") || body.trim_ascii_start().starts_with(b"'")
        }
        b"if" | b"list" => {
            matches!(expression::read(body, false), Evidence::Reach)
                || body.windows(11).any(|w| w == b".data_model")
        }
        _ => false,
    };
    shaped.then_some(())?;
    found(DIRECTIVE, at, at + 2 + length)
}

/// `a{*comment*}b`: vanishes from the output of Smarty.
fn comment(text: &Text<'_>, at: usize) -> Option<Match> {
    let bytes = text.bytes;
    let rest = bytes.get(at + 2..)?;
    let length = rest.iter().take(24).position(|b| *b == b'*')?;
    let word = rest.get(..length)?.iter().all(u8::is_ascii_alphanumeric);
    let joined = at
        .checked_sub(1)
        .and_then(|i| bytes.get(i))
        .is_none_or(u8::is_ascii_alphanumeric);
    (word && joined && rest.get(length + 1) == Some(&b'}')).then_some(())?;
    found(DIRECTIVE, at, at + 2 + length + 2)
}

/// `{$smarty.version}`, `{php}`, `{if system('id')}`
fn smarty(text: &Text<'_>, at: usize, effort: &mut Effort) -> Option<Match> {
    let bytes = text.bytes;
    let rest = bytes.get(at + 1..)?;
    if rest.starts_with(b"$smarty.") || rest.starts_with(b"$template_object") {
        return found(REACH, at, at + 9);
    }
    if rest.starts_with(b"self::") || rest.starts_with(b"Smarty") {
        rest.iter().take(64).any(|b| *b == b'(').then_some(())?;
        return found(REACH, at, at + 7);
    }
    if rest.starts_with(b"php}") {
        return found(DIRECTIVE, at, at + 5);
    }
    let functions: [&[u8]; 4] = [
        b"math equation=",
        b"fetch file=",
        b"include file=",
        b"eval var=",
    ];
    if functions.iter().any(|function| rest.starts_with(function)) {
        return found(DIRECTIVE, at, at + 5);
    }
    let body = rest.strip_prefix(b"if ")?;
    let close = body.iter().take(CONTENT).position(|b| *b == b'}');
    if !effort.spend(close.map_or(CONTENT, |length| READING * length)) {
        return None;
    }
    let length = close?;
    (expression::read(body.get(..length)?, false) == Evidence::Reach).then_some(())?;
    found(REACH, at, at + 4 + length + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::exercise::{exercise, rule_of};

    fn rule(bytes: &[u8]) -> Option<&'static str> {
        rule_of(&RULES, bytes)
    }

    #[test]
    fn attacks_are_told_from_their_siblings() {
        let cases: [(&[u8], Option<&str>); 8] = [
            (b"{{9*8}}", Some("template.arithmetic")),
            (b"{{nine}}", None),
            (b"${x.getClass()}", Some("template.reach")),
            (b"${HOME}", None),
            (b"{{ config }}", Some("template.reach")),
            (b"${{ secrets.TOKEN }}", None),
            (b"{% debug %}", Some("template.directive")),
            (b"{% block debug %}", None),
        ];
        for (text, expected) in cases {
            assert_eq!(rule(text), expected, "{}", text.escape_ascii());
        }
    }

    #[test]
    fn hostile_bytes_do_not_panic() {
        let alphabet = b"{}${#%<>@*()[]'\"\\.|?=7a_ -+newset";
        let pieces: Vec<_> = alphabet.chunks(1).collect();
        exercise(&RULES, &pieces);
    }
}
