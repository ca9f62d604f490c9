//! Script in HTML: markup, attributes, URLs and style that run it, and values that break out of an
//! attribute or of a script's string.
//!
//! Knows how browsers read HTML and script; an answer about a candidate comes from the state that
//! the browser would be in there, not from the words around it. Every rule asks for the part that
//! runs (a handler with its value, an element with what makes it load), so markup that is talked
//! about, generics and harmless inline tags pass.

use core::ops::Range;

use crate::inspect::{Effort, Match, Text, Trigger};
use crate::rule::{Family, RuleId, Rules};

mod breakout;
mod element;
mod handler;
mod html;
mod script;
mod style;
mod url;

pub(super) const RULES: Rules = Rules {
    family: Family::Xss,
    triggers: TRIGGERS,
    glance: 9,
    context,
    hopeless: None,
    confirm,
};

const TRIGGERS: &[Trigger] = &[
    // Handlers, wherever an attribute may begin; behind a white-space escape of JSON as well.
    Trigger::new("[\u{0}-\u{20}/\"'+]on[a-z]"),
    Trigger::new("`on[a-z]"),
    Trigger::new("\\\\[nrtf]on"),
    // Elements that load or run something by themselves.
    Trigger::new("[<:\u{0}\\xbc]scr"),
    Trigger::new("<[ifl][fra][ra]"),
    Trigger::new("<[oea][bmp][jbp]"),
    Trigger::new("<[bmls][aeit][stny]"),
    Trigger::new("<[sax][enm][til]"),
    Trigger::new("[<?]imp"),
    Trigger::new("tasr"),
    Trigger::new("ml-s"),
    // URLs that run: `javascript:` and its kin end alike, `data:` with what follows.
    Trigger::new("ipt[:\\\\%&\t\n\r\u{0}]"),
    Trigger::new("ta:[tai,]"),
    Trigger::new("srcd"),
    // Calls and reads that an injected script is after; names end where a call begins.
    Trigger::new("ert[(`)?.;,]"),
    Trigger::new("mpt[(`)?.;,]"),
    Trigger::new("irm[(`)?.;,]"),
    Trigger::new("val[(`)?.;,]"),
    Trigger::new("[to][cu][ht]\\("),
    Trigger::new("[to][cu][ht]`"),
    Trigger::new("\\.coo"),
    Trigger::new("nt\\.[dlw]"),
    Trigger::new("dow\\."),
    Trigger::new("[lop][fpw]\\[[^\\]\\d]"),
    // Style that runs script in old browsers.
    Trigger::new("xpre"),
    Trigger::new("[vz][i-][ob][rui]"),
    // `<` in UTF-7.
    Trigger::new("\\+adw"),
    // Script written with brackets and operators alone.
    Trigger::new("[+!]\\[\\][+\\])]"),
    // `<!--#`, and what scanners send to see which characters come back: `;!--`.
    Trigger::new("[;!][-!]-[-#]"),
];

/// How far back from a candidate the tag or quote that holds it is looked for.
const BEHIND: usize = 384;

fn context(bytes: &[u8], at: usize) -> bool {
    let byte = |n: usize| bytes.get(at + n).map(u8::to_ascii_lowercase);
    match (byte(0), byte(1), byte(2)) {
        (Some(b'\\'), _, Some(b'o')) => handler::may_follow(bytes, at + 2),
        (Some(b'<'), _, _) => element::may_be_named(bytes, at + 1),
        (Some(b':' | 0 | 0xbc), Some(b's'), _) => element::may_be_named(bytes, at + 1),
        (Some(b'+'), Some(b'a'), _) => true,
        (Some(b'+' | b'!'), Some(b'['), _) => true,
        (Some(_), Some(b'o'), Some(b'n')) if byte(0) != Some(b'i') => {
            handler::may_follow(bytes, at + 1)
        }
        (Some(b'i'), Some(b'p'), _) => url::may_be_script(bytes, at),
        (Some(b't'), Some(b'a'), Some(b':')) => {
            // Pictures are what ordinary `data:` URLs hold.
            let picture = byte(3) == Some(b'i') && !begins_with(bytes, at, b"ta:image/s");
            ends_with(bytes, at, b"da") && !picture
        }
        (Some(b't'), Some(b'a'), _) => ends_with(bytes, at, b"da"),
        (Some(b'e'), Some(b'r'), _) => {
            ends_with(bytes, at, b"al") && breakout::may_call(bytes, at, 2)
        }
        (Some(b'm'), Some(b'p'), _) => {
            ends_with(bytes, at, b"pro") && breakout::may_call(bytes, at, 3)
        }
        (Some(b'i'), Some(b'r'), _) => {
            ends_with(bytes, at, b"conf") && breakout::may_call(bytes, at, 4)
        }
        (Some(b'v'), Some(b'a'), _) => {
            (ends_with(bytes, at, b"e") || ends_with(bytes, at, b"inter"))
                && breakout::may_call(bytes, at, 1)
        }
        (Some(b't'), Some(b'c'), _) => ends_with(bytes, at, b"fe"),
        (Some(b'o'), Some(b'u'), _) => ends_with(bytes, at, b"settime"),
        (Some(b'd'), Some(b'o'), _) => {
            ends_with(bytes, at, b"win") && bytes.get(at + 4).is_none_or(u8::is_ascii_alphabetic)
        }
        (Some(b'n'), Some(b't'), _) => ends_with(bytes, at, b"docume"),
        (Some(b'v'), Some(b'i'), Some(b'o')) => {
            ends_with(bytes, at, b"beha") && style::may_bind(bytes, at + 4)
        }
        (Some(b'x'), _, _) => {
            begins_with(bytes, at, b"xpression") && style::may_open(bytes, at + 9)
        }
        (Some(b'z'), Some(b'-'), _) => begins_with(bytes, at, b"z-binding"),
        (Some(b's'), _, _) => begins_with(bytes, at, b"srcdoc"),
        (Some(b'.'), _, _) => begins_with(bytes, at, b".cookie"),
        (Some(b'm'), Some(b'l'), _) => begins_with(bytes, at, b"ml-stylesheet"),
        (Some(b'!'), Some(b'-'), _) => byte(3) == Some(b'#') && ends_with(bytes, at, b"<"),
        (Some(b'?'), _, _) => ends_with(bytes, at, b"<"),
        (Some(b'l'), Some(b'f'), _) => ends_with(bytes, at, b"se"),
        (Some(b'o'), Some(b'p'), _) => ends_with(bytes, at, b"t"),
        (Some(b'o'), Some(b'w'), _) => ends_with(bytes, at, b"wind"),
        (Some(b';'), Some(b'!'), _) => byte(3) == Some(b'-'),
        _ => false,
    }
}

fn confirm(text: &Text<'_>, at: usize, effort: &mut Effort) -> Option<Match> {
    let bytes = text.bytes;
    if !effort.spend(16) {
        return None;
    }
    let byte = |n: usize| bytes.get(at + n).map(u8::to_ascii_lowercase);
    let (rule, span) = match (byte(0)?, byte(1)?, byte(2)?) {
        (b'\\', _, b'o') => handler::confirm(text, at + 2, effort),
        (b'<', _, _) => element::confirm(text, at, effort),
        (b':' | 0, b's', _) => element::confirm_prefixed(text, at, effort),
        (0xbc, b's', _) => element::confirm_high(bytes, at, effort),
        (b'+' | b'!', b'[', _) => breakout::confirm_six(bytes, at, effort),
        (b'+', b'a', _) => element::confirm_utf7(bytes, at, effort),
        (b'!', b'-', _) => element::confirm_include(bytes, at, effort),
        (b'?', _, _) => element::confirm(text, at.checked_sub(1)?, effort),
        (b';', b'!', _) => element::confirm_probe(bytes, at, effort),
        (b't', b'a', b's') => element::confirm_binding(bytes, at, effort),
        (b'm', b'l', _) => element::confirm_stylesheet(bytes, at, effort),
        (b'i', b'p', _) => url::confirm_script(text, at, effort),
        (b't', b'a', _) => url::confirm_data(text, at, effort),
        (b's', b'r', b'c') => handler::confirm_document(text, at, effort),
        (b'x', _, _) => style::confirm_expression(text, at, effort),
        (b'v', b'i', _) => style::confirm_binding(bytes, at.checked_sub(4)?, effort),
        (b'z', b'-', _) => style::confirm_binding(bytes, at.checked_sub(3)?, effort),
        (_, b'o', b'n') => handler::confirm(text, at + 1, effort),
        (b'.', _, _) => breakout::confirm(text, at + 1, effort),
        _ => breakout::confirm(text, at, effort),
    }?;
    Some(Match { rule, span })
}

/// A rule and the bytes it matched.
type Found = (RuleId, Range<usize>);

/// Whether `word` (in lower case) stands right before `at`, in any case.
fn ends_with(bytes: &[u8], at: usize, word: &[u8]) -> bool {
    at.checked_sub(word.len())
        .and_then(|start| bytes.get(start..at))
        .is_some_and(|b| b.eq_ignore_ascii_case(word))
}

/// Whether `word` stands at `at`, in any case; or what stands there is cut short by an encoding.
fn begins_with(bytes: &[u8], at: usize, word: &[u8]) -> bool {
    for (i, expected) in word.iter().enumerate() {
        match bytes.get(at + i) {
            Some(byte) if byte.eq_ignore_ascii_case(expected) => {}
            Some(b'\\' | b'%' | b'&') | None => return true,
            Some(_) => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests;
