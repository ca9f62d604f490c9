//! Settings that are one word, a number or a short list of words.
//!
//! Knows the values and their spelling; what follows from them is decided elsewhere.

use core::fmt;

use super::list::Fault;
use crate::error::quote;
use crate::rule::{Families, Family};

/// Declares an enum whose variants have a spelling.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[allow(clippy::exhaustive_enums, reason = "a caller that misses a value is wrong")]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)+
        }

        impl $name {
            /// The word as the setting and records spell it.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }

            pub(super) fn parse(text: &str) -> Result<Self, Fault> {
                const VALUES: &[(&str, $name)] = &[$(($word, $name::$variant),)+];
                word(text, VALUES)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.name())
            }
        }
    };
}

words! {
    /// Whether findings and denials have consequences.
    Mode {
        /// Block and record.
        Enforce = "enforce",
        /// Record, never block.
        Monitor = "monitor",
        /// Do nothing.
        Off = "off",
    }
}

words! {
    /// What a blocked event without an HTTP caller gets.
    OnBlock {
        /// Blocked records are taken out and recorded, the rest are processed.
        Drop = "drop",
        /// The whole event errors, its source keeps it.
        Fail = "fail",
        /// Blocked records are named as batch item failures.
        Partial = "partial",
    }
}

words! {
    /// Whether TLS connections are checked for the name they ask for.
    Sni {
        /// Addresses learned from name resolution decide.
        Off = "off",
        /// The name in the TLS client hello or HTTP host decides.
        Verify = "verify",
    }
}

words! {
    /// What becomes of /tmp.
    Tmp {
        /// Nothing is done.
        Keep = "keep",
        /// It cannot be used.
        None = "none",
        /// It cannot be written.
        ReadOnly = "read-only",
        /// What an invocation left is removed after it.
        Wipe = "wipe",
    }
}

words! {
    /// How much is enforced, and by what means; lowest first.
    Tier {
        /// Inspection and records only.
        Observer = "observer",
        /// The program's own system calls are checked inside it.
        Process = "process",
        /// The kernel refuses.
        Kernel = "kernel",
    }
}

words! {
    /// The lowest tier to run with.
    Require {
        /// Any tier will do.
        None = "none",
        /// At least [`Tier::Process`].
        Process = "process",
        /// [`Tier::Kernel`].
        Kernel = "kernel",
    }
}

impl Require {
    /// Whether a tier is enough.
    #[must_use]
    pub const fn is_met_by(self, tier: Tier) -> bool {
        match self {
            Self::None => true,
            Self::Process => matches!(tier, Tier::Kernel | Tier::Process),
            Self::Kernel => matches!(tier, Tier::Kernel),
        }
    }
}

words! {
    /// Whether records hold part of what was found.
    AuditExcerpt {
        /// Records never hold any of the payload.
        Off = "off",
        /// Records hold a bounded excerpt around a finding, secrets blackened.
        On = "on",
    }
}

/// Limits on an event, checked on its raw bytes. `None`: not limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Limits {
    /// Bytes of the event.
    pub bytes: Option<u64>,
    /// Objects and arrays inside each other.
    pub depth: Option<u64>,
    /// Values: objects, arrays, strings, numbers, booleans and nulls.
    pub values: Option<u64>,
}

fn word<T: Copy>(text: &str, values: &[(&str, T)]) -> Result<T, Fault> {
    let known = values.iter().find(|(word, _)| *word == text);
    known.map(|(_, value)| *value).ok_or_else(|| {
        let words: Vec<_> = values.iter().map(|(word, _)| quote(word)).collect();
        let (last, front) = words
            .split_last()
            .map_or((String::new(), &[][..]), |(l, f)| (l.clone(), f));
        let reason = match text {
            "" => "the value is empty".to_owned(),
            _ => format!("{} is not a value of this setting", quote(text)),
        };
        Fault::new(0, reason, format!("{} or {last}", front.join(", ")))
    })
}

/// A positive number; with `units`, `K` and `M` behind it stand for 2^10 and 2^20.
pub(super) fn number(text: &str, units: bool) -> Result<u64, Fault> {
    let (digits, unit) = match text.strip_suffix(['K', 'k']) {
        Some(digits) if units => (digits, 1 << 10),
        _ => match text.strip_suffix(['M', 'm']) {
            Some(digits) if units => (digits, 1 << 20),
            _ => (text, 1),
        },
    };
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let value = digits.parse::<u64>().ok().filter(|_| is_number);
    value
        .and_then(|value| value.checked_mul(unit))
        .filter(|value| *value != 0)
        .ok_or_else(|| {
            let suffix = if units {
                ", with \"K\" or \"M\" behind it if need be"
            } else {
                ""
            };
            let reason = match text {
                "" => "the value is empty".to_owned(),
                _ => format!("{} is not a positive number", quote(text)),
            };
            Fault::new(0, reason, format!("a whole number from 1{suffix}"))
        })
}

/// What `GUARD_INSPECT` accepts behind the special words, for messages.
fn families_accepted() -> String {
    let names: Vec<_> = Family::ALL.into_iter().map(Family::name).collect();
    format!(
        "\"all\", \"off\", or families to inspect, \"-\" before one removes it: {}",
        names.join(", ")
    )
}

/// The family called `name`.
pub(super) fn family(name: &str) -> Result<Family, Fault> {
    Family::from_name(name).ok_or_else(|| {
        let near = super::near::nearest(name, Family::ALL.into_iter().map(Family::name));
        let hint = near.map_or(String::new(), |near| {
            format!(" (did you mean {}?)", quote(near))
        });
        Fault::new(
            0,
            format!("{} is not a family{hint}", quote(name)),
            families_accepted(),
        )
    })
}

/// Applies one entry of `GUARD_INSPECT` to what the entries before it selected.
pub(super) fn select(before: Option<Families>, entry: &str) -> Result<Families, Fault> {
    if let Some(name) = entry.strip_prefix('-') {
        let family = family(name).map_err(|fault| Fault { at: 1, ..fault })?;
        return Ok(before.unwrap_or(Families::ALL).without(family));
    }
    match entry {
        "all" => Ok(Families::ALL),
        "off" => Ok(Families::NONE),
        "" => Err(Fault::new(0, "the value is empty", families_accepted())),
        name => Ok(before.unwrap_or(Families::NONE).with(family(name)?)),
    }
}

/// Values of an event that are not inspected, by a JSON Pointer (RFC 6901) in which `*` stands for
/// any key or index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skip {
    tokens: Vec<String>,
    families: Families,
}

impl Skip {
    /// The pointer's reference tokens, unescaped; `*` matches any.
    #[must_use]
    pub fn tokens(&self) -> &[String] {
        &self.tokens
    }

    /// The families that are not looked for.
    #[must_use]
    pub const fn families(&self) -> Families {
        self.families
    }

    /// Reads `/pointer` or `/pointer=family`.
    pub(super) fn parse(entry: &str) -> Result<Self, Fault> {
        const ACCEPTED: &str =
            "a JSON Pointer (\"/body/comment\", \"*\" for any key) with an optional \"=family\"";
        // A family's name has no "/": what follows an "=" inside a key stays part of the pointer.
        let (pointer, families) = match entry.rsplit_once('=') {
            Some((pointer, name)) if !name.contains('/') => {
                let at = pointer.len() + 1;
                let family = family(name).map_err(|fault| Fault { at, ..fault })?;
                (pointer, Families::NONE.with(family))
            }
            _ => (entry, Families::ALL),
        };
        if !pointer.starts_with('/') {
            let reason = format!("{} does not begin with \"/\"", quote(pointer));
            return Err(Fault::new(0, reason, ACCEPTED));
        }
        let mut tokens = Vec::new();
        let mut at = 1;
        for token in pointer.split('/').skip(1) {
            tokens.push(unescape(token).map_err(|found| {
                let reason = format!("\"~\" without 0 or 1 behind it in {}", quote(token));
                Fault::new(
                    at + found,
                    reason,
                    "\"~0\" for \"~\", \"~1\" for \"/\" (RFC 6901)",
                )
            })?);
            at += token.len() + 1;
        }
        Ok(Self { tokens, families })
    }
}

fn unescape(token: &str) -> Result<String, usize> {
    let mut text = String::with_capacity(token.len());
    let mut characters = token.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '~' => match characters.next() {
                Some((_, '0')) => text.push('~'),
                Some((_, '1')) => text.push('/'),
                _ => return Err(at),
            },
            other => text.push(other),
        }
    }
    Ok(text)
}
