//! The units of an XML text, found from a candidate outwards. Checks no grammar: what is before the
//! candidate says whether it stands in a text, in an attribute or in a tag.

use super::{Place, Unit};

const CDATA: &[u8] = b"<![CDATA[";

/// The unit around `bytes[at..]`. In a tag but in no attribute's value it is an empty one, behind
/// which the search goes on.
pub(super) fn unit(bytes: &[u8], from: usize, at: usize) -> Unit<'_> {
    let mut end = at;
    let (start, starts) = loop {
        let Some(mark) = memchr::memrchr3(b'<', b'>', b'=', &bytes[from..end]).map(|n| from + n)
        else {
            // What was passed last may be an attribute's value.
            if from > 0 && matches!(bytes.get(from), Some(b'"' | b'\'')) {
                return outside(bytes, at);
            }
            // Or the mark of a section.
            if bytes[..from].ends_with(CDATA) {
                return section(bytes, from, at);
            }
            break (from, from == 0);
        };
        let rest = &bytes[mark..];
        match rest {
            [b'>', ..] => break (mark + 1, true),
            [b'=', quote @ (b'"' | b'\''), ..] if mark + 1 < at => {
                return attribute(bytes, mark + 2, at, *quote);
            }
            [b'<', ..] if rest.starts_with(CDATA) && mark + CDATA.len() <= at => {
                return section(bytes, mark + CDATA.len(), at);
            }
            // In the mark itself: what it opens comes next.
            [b'<', ..] if rest.starts_with(CDATA) => {
                let at = mark + CDATA.len();
                return value(at, Some(at), at);
            }
            [b'<', ..] => return outside(bytes, at),
            _ => end = mark,
        }
    };
    let after = memchr::memchr(b'<', &bytes[at..]).map(|n| at + n);
    Unit {
        starts,
        ..value(start, after, bytes.len())
    }
}

/// What a CDATA section around `bytes[at..]` holds.
fn section(bytes: &[u8], start: usize, at: usize) -> Unit<'_> {
    let after = memchr::memmem::find(&bytes[at..], b"]]>").map(|n| at + n);
    value(start, after, bytes.len())
}

fn attribute(bytes: &[u8], start: usize, at: usize, quote: u8) -> Unit<'_> {
    if memchr::memchr(quote, bytes.get(start..at).unwrap_or_default()).is_some() {
        return outside(bytes, at);
    }
    let from = start.max(at);
    let after = memchr::memchr(quote, &bytes[from..]).map(|n| from + n);
    value(start, after, bytes.len())
}

fn outside(bytes: &[u8], at: usize) -> Unit<'_> {
    let next = memchr::memchr3(b'=', b'>', b'<', bytes.get(at + 1..).unwrap_or_default());
    let at = next.map_or(bytes.len(), |n| at + 1 + n);
    value(at, Some(at), at)
}

const fn value<'b>(start: usize, end: Option<usize>, len: usize) -> Unit<'b> {
    let (end, ends) = match end {
        Some(end) => (end, true),
        None => (len, false),
    };
    Unit {
        span: start..end,
        starts: true,
        ends,
        encoded: false,
        place: Place::Value,
    }
}
