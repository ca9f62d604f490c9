//! What may follow a line break: a header line, a log entry, a command of a line protocol.

/// What a line begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Line {
    /// A header that HTTP or mail give a meaning to.
    Header,
    /// `Two-Words:` with no such meaning known.
    Named,
    /// A header of mail that letters and notes have too.
    Mail,
    /// Any `name:value` without white space.
    Pair,
    /// A level or a time stamp, as loggers write them.
    Entry,
    /// A level and a message after one blank, which a note may begin with too.
    Message,
    /// A command or an answer of SMTP, IMAP, HTTP, Redis.
    Command,
}

/// The line's kind and the length of what tells it.
pub(super) fn classify(line: &[u8]) -> Option<(Line, usize)> {
    let line = line.get(..line.len().min(128)).unwrap_or_default();
    if let Some(n) = entry(line) {
        return Some((Line::Entry, n));
    }
    if let Some(found) = header(line) {
        return Some(found);
    }
    if let Some(n) = command(line) {
        return Some((Line::Command, n));
    }
    if let Some(n) = message(line) {
        return Some((Line::Message, n));
    }
    let n = line
        .iter()
        .take_while(|b| b.is_ascii_alphanumeric())
        .count();
    let value = line.get(n + 1..).and_then(|value| value.first());
    let pair = n >= 2 && line.get(n) == Some(&b':') && value.is_some_and(u8::is_ascii_alphanumeric);
    pair.then_some((Line::Pair, n + 1))
}

/// Headers, and levels before a colon, that are one plain word.
pub(super) fn is_plain_name(word: &[u8]) -> bool {
    const WORDS: [&[u8]; 11] = [
        b"subject",
        b"location",
        b"refresh",
        b"cookie",
        b"connection",
        b"host",
        b"referer",
        b"bcc",
        b"cc",
        b"etag",
        b"link",
    ];
    WORDS.iter().any(|w| w.eq_ignore_ascii_case(word)) || is_level(word)
}

/// How many of the levels are what loggers name them; the rest are words of other uses too.
const COMMON_LEVELS: usize = 9;

const LEVELS: [&[u8]; 22] = [
    b"ERROR",
    b"WARN",
    b"WARNING",
    b"INFO",
    b"DEBUG",
    b"CRITICAL",
    b"FATAL",
    b"TRACE",
    b"NOTICE",
    b"ALERT",
    b"EMERG",
    b"EMERGENCY",
    b"SEVERE",
    b"SUCCESS",
    b"AUDIT",
    b"SECURITY",
    b"PANIC",
    b"ERR",
    b"CRIT",
    b"VERBOSE",
    b"LOG",
    b"ADMIN",
];

/// `[ERROR]`, `INFO:`, `WARN -`, a time stamp before one of them, a line of an access log.
fn entry(line: &[u8]) -> Option<usize> {
    match line {
        // syslog's priority (RFC 5424, 6.2.1; RFC 3164, 4.1.1).
        [b'<', rest @ ..] => {
            let n = rest
                .iter()
                .take(4)
                .take_while(|b| b.is_ascii_digit())
                .count();
            let header = rest.get(n..)?.strip_prefix(b">")?;
            let dated = header
                .strip_prefix(b"1 ")
                .is_some_and(|h| stamp(h).is_some());
            ((1..=3).contains(&n) && (dated || month_stamp(header).is_some())).then_some(n + 2)
        }
        [b'[', rest @ ..] => {
            let n = rest.iter().take_while(|b| b.is_ascii_alphabetic()).count();
            let closed = matches!(rest.get(n), Some(b']'));
            if closed && is_level(rest.get(..n)?) {
                return Some(n + 2);
            }
            let inner = rest.iter().take(40).position(|b| *b == b']')?;
            let inside = rest.get(..inner)?;
            // `[Mon Mar 02 10:00:00.1 2026]`: Apache's error log.
            let weekday = inside
                .iter()
                .take(4)
                .take_while(|b| b.is_ascii_alphabetic())
                .count();
            let error_log =
                weekday == 3 && inside.get(4..).is_some_and(|d| month_stamp(d).is_some());
            (error_log || stamp(inside).is_some()).then_some(inner + 2)
        }
        // Structured loggers: JSON, logfmt.
        [b'{', b'"', rest @ ..] => {
            let keys: [&[u8]; 9] = [
                b"level\"",
                b"severity\"",
                b"msg\"",
                b"message\"",
                b"time\"",
                b"timestamp\"",
                b"ts\"",
                b"@timestamp\"",
                b"log\"",
            ];
            keys.iter()
                .find(|k| rest.starts_with(k))
                .map(|k| k.len() + 2)
        }
        [b'l', b'e', b'v', b'e', b'l', b'=', ..] => Some(6),
        [b'0'..=b'9', ..] => {
            if let Some(n) = stamp(line)
                .or_else(|| named_month(line))
                .or_else(|| clock(line))
            {
                // A date alone is an agenda's; an entry names its level or its source next.
                let rest = line.get(n..)?;
                let rest = rest.get(..rest.len().min(40))?;
                let level = rest
                    .split(|b| !b.is_ascii_alphabetic())
                    .any(|w| w.len() >= 3 && w.iter().all(u8::is_ascii_uppercase) && is_level(w));
                return level.then_some(n);
            }
            if let Some(n) = day(line).or_else(|| epoch(line)) {
                return Some(n);
            }
            // `10.0.0.1 - - [`: the common log format.
            let address = line
                .iter()
                .take_while(|b| b.is_ascii_digit() || **b == b'.')
                .count();
            line.get(address..)?
                .starts_with(b" - ")
                .then_some(address + 3)
        }
        _ => {
            let n = line.iter().take_while(|b| b.is_ascii_alphabetic()).count();
            let (word, rest) = line.split_at(n);
            let upper = word.iter().all(u8::is_ascii_uppercase);
            let marked = [b":".as_slice(), b" - ", b" [", b"  "]
                .iter()
                .any(|mark| rest.starts_with(mark));
            if upper && marked && is_level(word) {
                return Some(n + 1);
            }
            month_stamp(line)
                .or_else(|| platform(word, rest))
                .or_else(|| glog(line))
                .or_else(|| audit(line))
                .or_else(|| (upper && is_level(word) && sourced(rest)).then_some(n))
        }
    }
}

/// `START RequestId: ` and its kin, by which Lambda frames an invocation in its log, and by which
/// what reads the log tells invocations apart (Lambda developer guide, "CloudWatch Logs").
fn platform(word: &[u8], rest: &[u8]) -> Option<usize> {
    let frame = matches!(word, b"START" | b"END" | b"REPORT" | b"XRAY");
    let tail = b" RequestId: ";
    (frame && rest.starts_with(tail)).then_some(word.len() + tail.len() - 1)
}

/// `I0304 05:06:07.0`: glog and klog, whose first letter is the level.
fn glog(line: &[u8]) -> Option<usize> {
    const SHAPE: &[u8] = b"dddd dd:dd:dd.";
    let rest = line.get(1..)?;
    let level = matches!(line.first(), Some(b'I' | b'W' | b'E' | b'F'));
    (level && has_shape(rest, SHAPE)).then_some(SHAPE.len())
}

/// `type=USER_LOGIN msg=audit(`: the audit system's records.
fn audit(line: &[u8]) -> Option<usize> {
    let name = line.strip_prefix(b"type=")?;
    let n = name
        .iter()
        .take_while(|b| b.is_ascii_uppercase() || **b == b'_')
        .count();
    let record = b" msg=audit(";
    (n > 0 && name.get(n..)?.starts_with(record)).then_some(5 + n + record.len())
}

/// What follows a level after one blank when a logger wrote it: a qualified name, and a mark before
/// the message.
fn sourced(rest: &[u8]) -> bool {
    let Some(source) = rest.strip_prefix(b" ") else {
        return false;
    };
    let n = source
        .iter()
        .take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'$'))
        .count();
    let (name, message) = source.split_at(n);
    let marked = [b" - ".as_slice(), b": ", b" : ", b" ["]
        .iter()
        .any(|mark| message.starts_with(mark));
    let inner = name.get(1..n.saturating_sub(1)).unwrap_or_default();
    inner.contains(&b'.') && marked
}

/// `1709528767 INFO`, `1709528767.123 INFO`: seconds or milliseconds, then a level.
fn epoch(line: &[u8]) -> Option<usize> {
    let n = line.iter().take_while(|b| b.is_ascii_digit()).count();
    let rest = line.get(n..).filter(|_| matches!(n, 10 | 13))?;
    let fraction = match rest {
        [b'.', digits @ ..] => 1 + digits.iter().take_while(|b| b.is_ascii_digit()).count(),
        _ => 0,
    };
    let rest = rest.get(fraction..)?.strip_prefix(b" ")?;
    let rest = rest.strip_prefix(b"[").unwrap_or(rest);
    let word = rest.iter().take_while(|b| b.is_ascii_uppercase()).count();
    let ends = rest
        .get(word)
        .is_none_or(|b| matches!(b, b' ' | b':' | b']'));
    (ends && is_level(rest.get(..word)?)).then_some(n + fraction)
}

/// `INFO admin logged in`
fn message(line: &[u8]) -> Option<usize> {
    let n = line.iter().take_while(|b| b.is_ascii_uppercase()).count();
    let level = LEVELS
        .iter()
        .take(COMMON_LEVELS)
        .any(|l| Some(*l) == line.get(..n));
    let said = matches!(line.get(n..), Some([b' ', first, ..]) if first.is_ascii_alphanumeric());
    (level && said).then_some(n)
}

fn is_level(word: &[u8]) -> bool {
    LEVELS.iter().any(|l| l.eq_ignore_ascii_case(word))
}

/// `2024-01-31 12:00`, `2024/01/31T12:00`.
fn stamp(line: &[u8]) -> Option<usize> {
    const SHAPE: &[u8] = b"dddd-dd-ddTdd:dd";
    has_shape(line, SHAPE).then_some(SHAPE.len())
}

/// `2024-01-31 INFO`: a day alone is an agenda's, unless a level follows it at once.
fn day(line: &[u8]) -> Option<usize> {
    const SHAPE: &[u8] = b"dddd-dd-dd ";
    let rest = line.get(SHAPE.len()..).filter(|_| has_shape(line, SHAPE))?;
    let rest = rest.strip_prefix(b"[").unwrap_or(rest);
    let n = rest.iter().take_while(|b| b.is_ascii_uppercase()).count();
    let ends = rest.get(n).is_none_or(|b| matches!(b, b' ' | b':' | b']'));
    (ends && is_level(rest.get(..n)?)).then_some(SHAPE.len() - 1)
}

/// `12:00:00`
fn clock(line: &[u8]) -> Option<usize> {
    const SHAPE: &[u8] = b"dd:dd:dd";
    has_shape(line, SHAPE).then_some(SHAPE.len())
}

/// Whether the line begins with digits and marks as the shape has them.
fn has_shape(line: &[u8], shape: &[u8]) -> bool {
    line.len() >= shape.len()
        && line.iter().zip(shape).all(|(b, shape)| match shape {
            b'd' => b.is_ascii_digit(),
            b'-' => matches!(b, b'-' | b'/'),
            b'T' => matches!(b, b' ' | b'T'),
            b'?' => matches!(b, b' ' | b'T' | b':'),
            _ => b == shape,
        })
}

const MONTHS: [&[u8; 3]; 12] = [
    b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec",
];

/// `31-Jan-2024 12:00:00`, `31/Jan/2024:12:00:00`.
fn named_month(line: &[u8]) -> Option<usize> {
    const DAY: &[u8] = b"dd-";
    const REST: &[u8] = b"-dddd?dd:dd:dd";
    let month = line.get(3..).filter(|_| has_shape(line, DAY))?;
    let named = MONTHS.iter().any(|m| month.starts_with(*m));
    (named && has_shape(month.get(3..)?, REST)).then_some(6 + REST.len())
}

/// `Jan 31 12:00:00`, as syslog has it (RFC 3164, 4.1.2).
fn month_stamp(line: &[u8]) -> Option<usize> {
    let month = MONTHS.iter().any(|m| line.starts_with(*m));
    // A day of one digit has a second blank before it, which forgers forget.
    let rest = line.get(3..)?;
    let day = match rest {
        [b' ', b' ' | b'0'..=b'9', b'0'..=b'9', b' ', ..] => 4,
        [b' ', b'0'..=b'9', b' ', ..] => 3,
        _ => return None,
    };
    (month && has_shape(rest.get(day..)?, b"dd:")).then_some(11 + day)
}

/// Headers with a meaning, in lower case.
const HEADERS: [&[u8]; 54] = [
    b"set-cookie",
    b"set-cookie2",
    b"content-type",
    b"content-length",
    b"content-disposition",
    b"content-encoding",
    b"content-language",
    b"content-location",
    b"content-range",
    b"content-security-policy",
    b"transfer-encoding",
    b"transfer-encodings",
    b"location",
    b"refresh",
    b"access-control-allow-origin",
    b"access-control-allow-credentials",
    b"access-control-allow-headers",
    b"access-control-allow-methods",
    b"access-control-expose-headers",
    b"x-xss-protection",
    b"x-frame-options",
    b"x-content-type-options",
    b"x-forwarded-for",
    b"x-forwarded-host",
    b"x-forwarded-proto",
    b"x-real-ip",
    b"x-original-url",
    b"x-rewrite-url",
    b"x-accel-redirect",
    b"x-sendfile",
    b"x-http-method-override",
    b"x-mailer",
    b"cache-control",
    b"last-modified",
    b"www-authenticate",
    b"proxy-authenticate",
    b"strict-transport-security",
    b"clear-site-data",
    b"authorization",
    b"user-agent",
    b"set-header",
    b"cookie",
    b"connection",
    b"host",
    b"referer",
    b"bcc",
    b"cc",
    b"to",
    b"reply-to",
    b"mime-version",
    b"return-path",
    b"etag",
    b"expires",
    b"link",
];

fn header(line: &[u8]) -> Option<(Line, usize)> {
    let n = line
        .iter()
        .take_while(|b| b.is_ascii_alphanumeric() || **b == b'-')
        .count();
    if !(2..=40).contains(&n) || line.get(n) != Some(&b':') {
        return None;
    }
    let name = line.get(..n)?;
    let value = line.get(n + 1..)?;
    let value = value.strip_prefix(b" ").unwrap_or(value);
    let known = HEADERS.iter().any(|h| h.eq_ignore_ascii_case(name));
    let is = |names: &[&[u8]]| names.iter().any(|h| h.eq_ignore_ascii_case(name));
    if known {
        // Plain words that letters and notes use too: only with a value the header takes.
        let proper = if is(&[b"location"]) {
            matches!(value.first(), None | Some(b'/' | b'\r' | b'\n'))
                || value.windows(3).any(|w| w == b"://")
        } else if is(&[b"link"]) {
            value.starts_with(b"<")
        } else if is(&[b"bcc", b"cc", b"to"]) {
            value.contains(&b'@') || value.starts_with(b"%40")
        } else if is(&[b"refresh", b"expires"]) {
            value.first().is_some_and(u8::is_ascii_digit)
        } else if is(&[b"host"]) {
            value.contains(&b'.') && !value.contains(&b' ')
        } else {
            true
        };
        return proper.then_some((Line::Header, n + 1));
    }
    if is(&[b"subject", b"from", b"sender"]) {
        return Some((Line::Mail, n + 1));
    }
    let parts = name.split(|b| *b == b'-');
    let worded = parts.clone().count() >= 2 && parts.clone().all(|p| !p.is_empty());
    (worded && !is_trailer(name)).then_some((Line::Named, n + 1))
}

/// Git's trailers and what other tools write at the foot of a message.
fn is_trailer(name: &[u8]) -> bool {
    let ends = |suffix: &[u8]| {
        name.len()
            .checked_sub(suffix.len())
            .and_then(|i| name.get(i..))
            .is_some_and(|end| end.eq_ignore_ascii_case(suffix))
    };
    ends(b"-by")
        || ends(b"-id")
        || ends(b"-to")
        || ends(b"-change")
        || ends(b"-issue")
        || ends(b"-pr")
        || ends(b"-url")
        || ends(b"-bug")
        || ends(b"-sha")
}

fn command(line: &[u8]) -> Option<usize> {
    const ALONE: [&[u8]; 8] = [
        b"QUIT",
        b"DATA",
        b"RSET",
        b"NOOP",
        b"LOGOUT",
        b"FLUSHALL",
        b"STARTTLS",
        b"MULTI",
    ];
    const WITH: [&[u8]; 17] = [
        b"RCPT TO:",
        b"MAIL FROM:",
        b"HELO ",
        b"EHLO ",
        b"VRFY ",
        b"AUTH LOGIN",
        b"AUTH PLAIN",
        b"CONFIG SET ",
        b"SLAVEOF ",
        b"REPLICAOF ",
        b"EVAL ",
        b"HTTP/1.",
        b"HTTP/2 ",
        b"EXPN ",
        b"MODULE LOAD ",
        b"FLUSHDB",
        b"PASV",
    ];
    if let Some(word) = ALONE.iter().find(|w| line.starts_with(w)) {
        let rest = line.get(word.len()..)?;
        return matches!(rest.first(), None | Some(b'\r' | b'\n' | b'\\')).then_some(word.len());
    }
    if let Some(word) = WITH.iter().find(|w| line.starts_with(w)) {
        return Some(word.len());
    }
    // `GET /x HTTP/1.1`
    let verb = line.iter().take_while(|b| b.is_ascii_uppercase()).count();
    if (3..=7).contains(&verb) && line.get(verb..)?.starts_with(b" ") {
        let end = line
            .iter()
            .position(|b| matches!(b, b'\r' | b'\n'))
            .unwrap_or(line.len());
        let request = line.get(..end)?;
        if request
            .windows(8)
            .any(|w| matches!(w, [b' ', b'H', b'T', b'T', b'P', b'/', ..]))
        {
            return Some(end);
        }
    }
    // IMAP: a tag, then a command (RFC 3501, 2.2.1).
    const IMAP: [&[u8]; 8] = [
        b"CAPABILITY",
        b"FETCH ",
        b"LOGIN ",
        b"SELECT ",
        b"LIST ",
        b"STORE ",
        b"APPEND ",
        b"LOGOUT",
    ];
    let letter = line.first().is_some_and(u8::is_ascii_uppercase);
    let digits = line
        .iter()
        .skip(1)
        .take_while(|b| b.is_ascii_digit())
        .count();
    let rest = line.get(digits + 1..)?.strip_prefix(b" ")?;
    let known = IMAP.iter().find(|c| rest.starts_with(c))?;
    (letter && (1..=6).contains(&digits)).then_some(digits + 2 + known.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_told_by_their_heads() {
        for (line, kind) in [
            ("[ERROR] x", Some(Line::Entry)),
            ("[link](x)", None),
            ("INFO: x", Some(Line::Entry)),
            ("Info: x", None),
            ("2024-01-31 12:00:00 ERROR x", Some(Line::Entry)),
            ("2024-01-31 12:00 lunch", None),
            ("[2024-01-31 12:00:00] x", Some(Line::Entry)),
            ("10.0.0.1 - - [31/Jan", Some(Line::Entry)),
            ("Jan 31 12:00:00 host sshd", Some(Line::Entry)),
            ("Set-Cookie: a=b", Some(Line::Header)),
            ("Location: https://x", Some(Line::Header)),
            ("Location: Room 5", None),
            ("X-Any: 1", Some(Line::Named)),
            ("Signed-off-by: A", None),
            ("Note: x", None),
            ("RCPT TO:<a@b>", Some(Line::Command)),
            ("QUIT\r\n", Some(Line::Command)),
            ("QUITE so", None),
            ("A1 LOGIN x", Some(Line::Command)),
            ("GET / HTTP/1.1\r\n", Some(Line::Command)),
            ("GET me a coffee", None),
        ] {
            assert_eq!(classify(line.as_bytes()).map(|(l, _)| l), kind, "{line}");
        }
    }
}
