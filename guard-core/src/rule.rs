//! What is looked for: one module for each family of injection.
//!
//! A family knows the language under attack and nothing of JSON, Lambda or the other families. It
//! names the byte patterns that every attack of its kind must contain ([`Trigger`]s), dismisses most
//! of their occurrences by a look at the bytes around them ([`Rules::context`]), and confirms what
//! is left by parsing the text as the attacked language would ([`Rules::confirm`]).

use core::fmt;

use crate::inspect::{Effort, Match, Text, Trigger};

mod base64;
mod code;
mod deserialization;
#[cfg(test)]
mod exercise;
mod jndi;
mod ldap;
mod log;
mod names;
mod nosql;
mod path;
mod prose;
mod prototype;
mod shell;
mod sql;
mod ssrf;
mod template;
mod xss;
mod xxe;

/// A family of injection: the language or mechanism under attack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
#[non_exhaustive]
pub enum Family {
    /// Program text evaluated by the function: PHP, JavaScript, Python, Java expressions.
    Code,
    /// Serialized objects that run code when they are read.
    Deserialization,
    /// Lookups that Log4j and relatives resolve.
    Jndi,
    /// LDAP search filters.
    Ldap,
    /// Line breaks and terminal escapes headed for logs or headers.
    Log,
    /// Query operators of document databases.
    NoSql,
    /// File paths that leave their directory or name well-known secrets.
    Path,
    /// Keys that reach an object's prototype.
    Prototype,
    /// Commands for a shell.
    Shell,
    /// SQL.
    Sql,
    /// URLs that make the function ask its own network.
    Ssrf,
    /// Expressions of template languages.
    Template,
    /// Script in HTML.
    Xss,
    /// External entities in XML.
    Xxe,
}

impl Family {
    /// Every family, in the order of [`Family`]'s variants.
    pub const ALL: [Self; 14] = [
        Self::Code,
        Self::Deserialization,
        Self::Jndi,
        Self::Ldap,
        Self::Log,
        Self::NoSql,
        Self::Path,
        Self::Prototype,
        Self::Shell,
        Self::Sql,
        Self::Ssrf,
        Self::Template,
        Self::Xss,
        Self::Xxe,
    ];

    /// The family's name as settings and records spell it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Code => "code",
            Self::Deserialization => "deserialization",
            Self::Jndi => "jndi",
            Self::Ldap => "ldap",
            Self::Log => "log",
            Self::NoSql => "nosql",
            Self::Path => "path",
            Self::Prototype => "prototype",
            Self::Shell => "shell",
            Self::Sql => "sql",
            Self::Ssrf => "ssrf",
            Self::Template => "template",
            Self::Xss => "xss",
            Self::Xxe => "xxe",
        }
    }

    /// The family that settings and records spell `name`.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|family| family.name() == name)
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A set of families.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Families(u16);

impl Families {
    /// Every family.
    pub const ALL: Self = Self((1 << Family::ALL.len()) - 1);
    /// No family.
    pub const NONE: Self = Self(0);

    /// Whether `family` is in the set.
    #[must_use]
    pub const fn contains(self, family: Family) -> bool {
        self.0 & (1 << family as u8) != 0
    }

    /// The set with `family` in it.
    #[must_use]
    pub const fn with(self, family: Family) -> Self {
        Self(self.0 | 1 << family as u8)
    }

    /// The set without `family`.
    #[must_use]
    pub const fn without(self, family: Family) -> Self {
        Self(self.0 & !(1 << family as u8))
    }

    /// Those of the set that `families` names.
    pub(crate) fn only(self, families: &[Family]) -> Self {
        Self(self.0 & families.iter().fold(0, |set, f| set | 1 << *f as u8))
    }

    /// Whether no family is in the set.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The families in the set, in the order of [`Family::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Family> {
        Family::ALL
            .into_iter()
            .filter(move |family| self.contains(*family))
    }
}

/// Names one rule: its family, a dot, what was recognised (`sql.tautology`). Stable across releases.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RuleId(&'static str);

impl RuleId {
    pub(crate) const fn new(id: &'static str) -> Self {
        Self(id)
    }

    /// The identifier as records and replies spell it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.0
    }
}

impl fmt::Display for RuleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// What a family module gives to the inspector.
#[derive(Clone, Copy)]
pub(crate) struct Rules {
    pub(crate) family: Family,
    /// Every attack that `confirm` accepts holds at least one of these at the offset it is asked
    /// about.
    pub(crate) triggers: &'static [Trigger],
    /// What `context` costs, in units of effort.
    pub(crate) glance: usize,
    /// `(text, at)`: whether `confirm` is sure to refuse, told by less than `context` takes.
    /// Asked once the text is decoded and whole values are known: of a value's many lines, say,
    /// most. None for families that can tell nothing beforehand.
    pub(crate) hopeless: Option<fn(&Text<'_>, usize) -> bool>,
    /// `(bytes, at)`: whether the occurrence of a trigger at `bytes[at..]` deserves a closer look.
    /// Cheap and bounded (some tens of bytes). It also runs on bytes that are still encoded: on a
    /// backslash, `%` or `&` in its way, or the end of the bytes, it says yes.
    pub(crate) context: fn(&[u8], usize) -> bool,
    /// `(text, at, effort)`: parses around the occurrence of a trigger at `text.bytes[at..]`.
    pub(crate) confirm: fn(&Text<'_>, usize, &mut Effort) -> Option<Match>,
}

/// What `confirm` answers when `rule` holds for the bytes from `start` to `end` of the text.
fn found(rule: RuleId, start: usize, end: usize) -> Option<Match> {
    Some(Match {
        rule,
        span: start..end,
    })
}

/// The rules of every family, in the order of [`Family::ALL`].
pub(crate) const RULES: [Rules; Family::ALL.len()] = [
    code::RULES,
    deserialization::RULES,
    jndi::RULES,
    ldap::RULES,
    log::RULES,
    nosql::RULES,
    path::RULES,
    prototype::RULES,
    shell::RULES,
    sql::RULES,
    ssrf::RULES,
    template::RULES,
    xss::RULES,
    xxe::RULES,
];
