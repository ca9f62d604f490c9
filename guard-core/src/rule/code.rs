//! Rules of the `code` family: program text for PHP, JavaScript, Python, Ruby, Perl, Java
//! expression languages, ASP and server-side includes.
//!
//! What is confirmed is a call of a function that runs code ([`function`]), with arguments, where a
//! program could be evaluated ([`position`]); or syntax that only program text has: an opening tag,
//! a server directive, a static reference of an expression language.

use crate::inspect::{Effort, Match, Text, Trigger};
use crate::rule::{Family, Rules};

mod argument;
mod call;
mod function;
mod host;
mod position;
mod web;

pub(super) const RULES: Rules = Rules {
    family: Family::Code,
    triggers: TRIGGERS,
    glance: 11,
    context,
    hopeless: None,
    confirm,
};

/// Bytes that one confirmation may look at.
const WINDOW: usize = 448;

/// Longest argument list looked at.
const ARGUMENTS: usize = 200;

const TRIGGERS: &[Trigger] = &[
    // Any call: the name before the bracket decides.
    Trigger::new("\\w\\w\\w\\("),
    Trigger::new("\\w \\([\\\\'\"\\x24]"),
    Trigger::new("[lc] \\([a-z@]"),
    // `system/**/('id')`
    Trigger::new("[lcm]/\\*"),
    // `system 'id'`
    Trigger::new("e[mc] [\\\\'\"]"),
    // `%x(id)`, `qx{id}`
    Trigger::new("[%q]x[{(]"),
    // `<?php`, `<?=`
    Trigger::new("<\\?[a-wyz =]"),
    // `<!--#exec`, `<esi:`, `<cfexecute`
    Trigger::new("!--#"),
    Trigger::new("<[ecj][sf][iep]"),
    // `$_GET[`, `$f('id')`, `(system)('id')`
    Trigger::new("\\x24[a-z_][a-z_( ][a-z_(\\\\'\"\\x24]"),
    Trigger::new("[)'\"]\\([\\\\'\"\\x24]"),
    // `allow_url_include`; `call_user_func`; `auto_prepend_file`, `child_process`
    Trigger::new("w_ur"),
    Trigger::new("l_us"),
    Trigger::new("d_[fp][ir]"),
    // `__import__`, `__builtins__`, `__class__`, `__globals__`, `__subclasses__`, `__mro__`
    Trigger::new("__[icbgsm][mulr]"),
    // `constructor.constructor`, `constructor['constructor']`
    Trigger::new("tor[\\['\"\\\\.]"),
    // `mainModule`
    Trigger::new("nmod"),
    // OGNL and SpEL: `@java.`, `#_memberAccess`, `#context[`, `T(java.`
    Trigger::new("@[jo_c][argmo][vgnen]"),
    Trigger::new("#[jo_c][argmo][vgnen]"),
    Trigger::new("t\\([jo][ar]"),
    // `java.lang.Runtime`
    Trigger::new("g\\.[rp][ur]"),
    // `class.module.classLoader`
    Trigger::new("assl"),
];

fn context(bytes: &[u8], at: usize) -> bool {
    let rest = bytes.get(at..).unwrap_or_default();
    match rest {
        [_, _, _, b'(', ..] => names_function(bytes, at + 3),
        [_, b' ', b'(', ..] => names_function(bytes, at + 1),
        [_, _, b' ', _, ..] => names_function(bytes, at + 2),
        [_, b'/', b'*', ..] => names_function(bytes, at + 1),
        [b't' | b'T', b'o' | b'O', b'r' | b'R', ..] => at
            .checked_sub(8)
            .and_then(|start| bytes.get(start..at))
            .is_none_or(|b| b.eq_ignore_ascii_case(b"construc")),
        [b'_', b'_', name @ ..] => {
            let known: [&[u8]; 6] = [
                b"import",
                b"builtins",
                b"class",
                b"globals",
                b"subclasses",
                b"mro",
            ];
            known
                .iter()
                .any(|known| name.get(..3).is_none_or(|name| known.starts_with(name)))
        }
        // `$name(`: a short name and its bracket.
        [b'$', name @ ..] if !matches!(name.first(), Some(b'_' | b'G' | b'H')) => {
            let name = name.get(..name.len().min(24)).unwrap_or_default();
            let end = name
                .iter()
                .position(|b| !b.is_ascii_alphanumeric() && *b != b'_');
            end.is_none_or(|end| match name.get(end) {
                Some(b'\\') => name.get(end + 1) == Some(&b'u'),
                after => matches!(after, Some(b'(' | b' ' | b'%' | b'&')),
            })
        }
        // Most of what follows `@` is the domain of an address.
        [b'@', class @ ..] => host::PACKAGES.iter().any(|name| may_begin(class, name)),
        [b'#', name @ ..] => host::CONTEXTS.iter().any(|known| may_begin(name, known)),
        _ => true,
    }
}

/// Whether `bytes` begin with `name`, or with a part of it and what may be the rest encoded.
fn may_begin(bytes: &[u8], name: &[u8]) -> bool {
    let same = bytes.iter().zip(name).take_while(|(a, b)| a == b).count();
    let next = bytes.get(same);
    same == name.len() || next.is_none_or(|b| matches!(b, b'\\' | b'%' | b'&'))
}

/// Whether a known function's name ends at `end`.
fn names_function(bytes: &[u8], end: usize) -> bool {
    let before = bytes
        .get(end.saturating_sub(function::LONGEST + 1)..end)
        .unwrap_or_default();
    let name = before
        .iter()
        .rev()
        .take_while(|b| b.is_ascii_alphanumeric() || **b == b'_')
        .count();
    match before.get(before.len() - name..) {
        // `\neval(`: the escape's letter may stand before the name.
        Some(word) => {
            function::lookup(word).is_some()
                || before.len() > name
                    && before.get(before.len() - name - 1) == Some(&b'\\')
                    && word
                        .get(1..)
                        .is_some_and(|word| function::lookup(word).is_some())
                || word == b"concat"
        }
        None => false,
    }
}

fn confirm(text: &Text<'_>, at: usize, effort: &mut Effort) -> Option<Match> {
    if !effort.spend(WINDOW) {
        return None;
    }
    let rest = text.bytes.get(at..)?;
    match rest {
        [b'<', b'?', ..] => web::tag(text, at),
        [b'<' | b'!', ..] => web::directive(text, at),
        [b'$', b'_' | b'G' | b'H', ..] => {
            web::superglobal(text, at).or_else(|| call::variable_call(text, at))
        }
        [b'$', ..] => call::variable_call(text, at),
        [b')' | b'\'' | b'"' | b']', b'(', ..] => call::variable_call(text, at),
        [b'_', b'_', ..] => host::internals(text, at),
        [b'@' | b'#', ..] => host::java(text, at),
        [b't' | b'T', b'(', ..] => host::java(text, at),
        [b'g' | b'G', b'.', ..] => host::java(text, at),
        [_, _, _, b'(', ..] => call::call(text, at + 3, at + 3),
        [_, b' ', b'(', ..] => call::call(text, at + 1, at + 2),
        [_, _, b' ', _, ..] => call::statement(text, at + 2),
        [_, b'/', b'*', ..] => call::commented(text, at + 1),
        [b'%' | b'q' | b'Q', ..] => call::command_literal(text, at),
        [b't' | b'T', ..] => host::constructor(text, at),
        [b'a' | b'A', b's' | b'S', ..] => host::class_loader(text, at),
        [b'l' | b'L', ..] => call::named_by_field(text, at),
        [b'w' | b'W', ..] => web::setting(text, at),
        [_, b'_', b'f' | b'F', ..] => web::setting(text, at),
        _ => host::module(text, at),
    }
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
            (b"';phpinfo();//", Some("code.call")),
            (b"phpinfo() shows the settings", None),
            (b";print(md5(4711));", Some("code.probe")),
            (b"print(name)", None),
            (b"<?php $x=1;", Some("code.tag")),
            (b"what does <?php mean here", None),
            (b"class.module.classLoader.x=1", Some("code.class_loader")),
            (b"T(java.lang.Thread).sleep(9)", Some("code.java_reference")),
        ];
        for (text, expected) in cases {
            assert_eq!(rule(text), expected, "{}", text.escape_ascii());
        }
    }

    #[test]
    fn hostile_bytes_do_not_panic() {
        let pieces: [&[u8]; 20] = [
            b"eval",
            b"(",
            b")",
            b"'",
            b"\\",
            b"$_GET[",
            b"__class__",
            b".",
            b"<?php ",
            b"<!--#exec ",
            b"constructor",
            b"@java.lang.X",
            b"T(",
            b"classLoader",
            b";",
            b" ",
            b"\"",
            b"md5",
            b"7*7",
            b"\xc3",
        ];
        exercise(&RULES, &pieces);
    }
}
