//! Host names and suffixes as rules spell them.
//!
//! Knows labels, case, final dots and internationalised names; nothing of addresses or ports.

use core::fmt;

use idna::AsciiDenyList;

use super::ACCEPTED;
use crate::error::quote;
use crate::policy::compiled::{MAX_LABEL, MAX_NAME, is_host_name};
use crate::policy::list::Fault;

/// One host, or all hosts below a suffix, in canonical form: ASCII (A-labels for international
/// names, RFC 5890 section 2.3.2.1), lower case, no final dot.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct HostPattern {
    name: String,
    below: bool,
}

impl HostPattern {
    /// The name, or the suffix without `*.`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether the pattern means the hosts below [`Self::name`], at any depth, and not the name
    /// itself.
    #[must_use]
    pub const fn is_suffix(&self) -> bool {
        self.below
    }

    /// Whether `name` is the host or lies below the suffix. ASCII case and one final dot do not
    /// matter.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
        if !is_host_name(name.as_bytes()) {
            return false;
        }
        match name.strip_suffix(self.name.as_str()) {
            Some("") => !self.below,
            Some(front) => self.below && front.ends_with('.'),
            None => false,
        }
    }

    /// A host by a name that is canonical already.
    pub(in crate::policy) fn exact(name: String) -> Self {
        Self { name, below: false }
    }

    /// The hosts below a name that is canonical already.
    pub(in crate::policy) fn below(name: String) -> Self {
        Self { name, below: true }
    }

    pub(in crate::policy) fn parse(text: &str) -> Result<Self, Fault> {
        let (suffix, start) = match text.strip_prefix("*.") {
            Some(suffix) => (suffix, 2),
            None => (text, 0),
        };
        if let Some(at) = suffix.find('*') {
            let reason = match text {
                "*" => "\"*\" would allow everything, which leaving the setting unset does".into(),
                _ => format!("\"*\" is not the whole first label of {}", quote(text)),
            };
            return Err(Fault::new(start + at, reason, ACCEPTED));
        }
        let name = canonical(suffix).map_err(|fault| Fault {
            at: fault.at + start,
            ..fault
        })?;
        Ok(Self {
            name,
            below: start != 0,
        })
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", if self.below { "*." } else { "" }, self.name)
    }
}

fn canonical(text: &str) -> Result<String, Fault> {
    let name = text.strip_suffix('.').unwrap_or(text);
    let is_international = !name.is_ascii()
        || name.split('.').any(|label| {
            label
                .get(..4)
                .is_some_and(|l| l.eq_ignore_ascii_case("xn--"))
        });
    let ascii = if is_international {
        // UTS 46 processing, as resolvers of the common languages do it. Which ASCII characters
        // a name may have is decided below, for all names alike.
        match idna::domain_to_ascii_cow(name.as_bytes(), AsciiDenyList::EMPTY) {
            Ok(ascii) => ascii.strip_suffix('.').unwrap_or(&ascii).to_owned(),
            Err(_) => {
                let reason = format!("{} is not an international name", quote(name));
                return Err(Fault::new(0, reason, "a name that IDNA (UTS 46) accepts"));
            }
        }
    } else {
        name.to_ascii_lowercase()
    };
    check(&ascii, name)?;
    Ok(ascii)
}

fn check(ascii: &str, written: &str) -> Result<(), Fault> {
    if ascii.is_empty() {
        return Err(Fault::new(0, "a name is missing", ACCEPTED));
    }
    if ascii.len() > MAX_NAME {
        let reason = format!("the name has {} bytes", ascii.len());
        return Err(Fault::new(
            0,
            reason,
            format!("at most {MAX_NAME} (RFC 1035)"),
        ));
    }
    let is_as_written = ascii.eq_ignore_ascii_case(written);
    let mut at = 0;
    for label in ascii.split('.') {
        // A name that had to be converted has no positions in the written one.
        let shift = |fault: Fault| Fault {
            at: if is_as_written { fault.at + at } else { 0 },
            ..fault
        };
        check_label(label).map_err(shift)?;
        at += label.len() + 1;
    }
    let last = ascii.rsplit('.').next().unwrap_or_default();
    let is_number = last.bytes().all(|byte| byte.is_ascii_digit())
        || last
            .strip_prefix("0x")
            .is_some_and(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit()));
    if is_number {
        // Resolver libraries read such names as addresses (inet_aton(3)).
        let reason = format!("{} ends like an IPv4 address but is none", quote(written));
        return Err(Fault::new(
            0,
            reason,
            "four numbers from 0 to 255 without leading zeros",
        ));
    }
    debug_assert!(is_host_name(ascii.as_bytes()));
    Ok(())
}

fn check_label(label: &str) -> Result<(), Fault> {
    if label.is_empty() {
        return Err(Fault::new(0, "a label is empty", ACCEPTED));
    }
    if label.len() > MAX_LABEL {
        let reason = format!("label {} has {} bytes", quote(label), label.len());
        return Err(Fault::new(
            0,
            reason,
            format!("at most {MAX_LABEL} (RFC 1035)"),
        ));
    }
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if let Some(position) = label.bytes().position(|byte| !is_allowed(byte)) {
        let found = label.get(position..=position).unwrap_or(label);
        let reason = format!("{} cannot stand in a host name", quote(found));
        return Err(Fault::new(position, reason, ACCEPTED));
    }
    if label.starts_with('-') || label.ends_with('-') {
        let reason = format!("label {} begins or ends with \"-\"", quote(label));
        return Err(Fault::new(
            0,
            reason,
            "letters and digits at both ends (RFC 1123)",
        ));
    }
    Ok(())
}
