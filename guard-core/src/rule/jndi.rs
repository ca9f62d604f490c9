//! Rules of the `jndi` family: `${...}` that Log4j, and Commons Text, resolve by asking somebody
//! or by running something.

use crate::inspect::{Effort, Match, Text, Trigger};
use crate::rule::{Family, RuleId, Rules};

mod substitute;

use substitute::Outcome;

pub(super) const RULES: Rules = Rules {
    family: Family::Jndi,
    triggers: TRIGGERS,
    glance: 8,
    context,
    hopeless: None,
    confirm,
};

const LOOKUP: RuleId = RuleId::new("jndi.lookup");
const REMOTE: RuleId = RuleId::new("jndi.remote_lookup");
const SECRET: RuleId = RuleId::new("jndi.secret_lookup");
const HIDDEN: RuleId = RuleId::new("jndi.hidden_lookup");

/// The heads of the lookups looked for, and of expressions nested at the head of another.
const TRIGGERS: &[Trigger] = &[
    Trigger::new("\\x24\\{[j$lu:sdebfpx][n${op:\\-craium]"),
    // `${sys:`, `${ctx:`, `${main:`, `${web:`, `${k8s:`, `${sd:`, `${event:`
    Trigger::new("\\x24\\{[scmwke][ytae8dv]"),
];

/// Longest expression read. Obfuscated ones take some ten bytes for each letter of `jndi:ldap://`.
const REACH: usize = 512;

fn context(bytes: &[u8], at: usize) -> bool {
    let rest = bytes.get(at + 2..).unwrap_or_default();
    let end = rest
        .iter()
        .take(46)
        .position(|b| matches!(b, b':' | b'$' | b'}' | b'\\' | b'%' | b'&' | b'(' | b' '));
    match end.and_then(|i| rest.get(i)) {
        Some(b'}' | b'(' | b' ') => false,
        Some(_) => true,
        None => rest.len() < 46,
    }
}

fn confirm(text: &Text<'_>, at: usize, effort: &mut Effort) -> Option<Match> {
    // What stands at the head of another expression was judged with that one.
    if at >= 2 && text.bytes.get(at - 2..at) == Some(b"${") {
        return None;
    }
    let rest = text.bytes.get(at..)?;
    let (outcome, length) = substitute::evaluate(rest.get(..rest.len().min(REACH))?);
    if !effort.spend(64 + 16 * length) {
        return None;
    }
    let rule = match outcome {
        Outcome::Jndi => LOOKUP,
        Outcome::Remote => REMOTE,
        Outcome::Secret => SECRET,
        Outcome::Hidden => HIDDEN,
        // What the platform is, asked for by a value that is nothing but the question. In a text it
        // is the setting of a logger, which has to say these things.
        Outcome::Harmless => {
            let whole = at == 0 && text.starts && text.ends && length == text.bytes.len();
            (whole && substitute::is_question(text.bytes)).then_some(SECRET)?
        }
    };
    Some(Match {
        rule,
        span: at..at + length,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::exercise::{exercise, rule_of};

    #[test]
    fn attacks_differ_from_their_siblings() {
        for (input, rule) in [
            ("${jndi:ldap://x}", "jndi.lookup"),
            ("${jndiName}", ""),
            ("${script:js:x}", "jndi.remote_lookup"),
            ("${env:HOME}", ""),
        ] {
            let found = rule_of(&RULES, input.as_bytes());
            assert_eq!(found.unwrap_or_default(), rule, "{input}");
        }
    }

    #[test]
    fn any_bytes_are_survived() {
        let pieces: &[&[u8]] = &[
            b"${",
            b"}",
            b"jndi:",
            b"ldap://x",
            b"lower:",
            b"upper:",
            b"::-",
            b":-",
            b"j",
            b"n",
            b"env:A",
            b"base64:",
            b"am5kaTo=",
            b"date:'j'",
            b"script:js:",
            b"url:UTF-8:http://",
            b"dns:address|",
            b"$",
            b"{",
            b"\xc4\xb1",
            b"\\",
            b"%7d",
        ];
        exercise(&RULES, pieces);
    }
}
