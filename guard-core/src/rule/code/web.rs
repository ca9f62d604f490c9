//! PHP and the directives that web servers run: tags, superglobals, settings, includes.

use crate::inspect::{Match, Text};
use crate::rule::{RuleId, found};

use super::function;
use super::position::{self, Before};

const TAG: RuleId = RuleId::new("code.tag");
const DIRECTIVE: RuleId = RuleId::new("code.directive");
const SUPERGLOBAL: RuleId = RuleId::new("code.superglobal");
const SETTING: RuleId = RuleId::new("code.php_setting");

/// `<?php`, `<?=`.
pub(super) fn tag(text: &Text<'_>, at: usize) -> Option<Match> {
    let bytes = text.bytes;
    let rest = bytes.get(at + 2..)?;
    let length = if rest
        .get(..3)
        .is_some_and(|b| b.eq_ignore_ascii_case(b"php"))
    {
        match rest.get(3) {
            None => 3,
            Some(b) if b.is_ascii_whitespace() || matches!(b, b'/' | b'\\' | b'+') => 3,
            Some(_) => return None,
        }
    } else if rest.first() == Some(&b'=') {
        1
    } else if rest
        .get(..3)
        .is_some_and(|b| b.eq_ignore_ascii_case(b"xml"))
    {
        return None;
    } else {
        0
    };
    let body = rest.get(length..rest.len().min(length + 96))?;
    let runs = body.iter().any(|b| matches!(b, b'(' | b'`'))
        || length == 1 && body.first().is_some_and(u8::is_ascii_digit)
        || body.windows(2).any(|pair| pair == b"$_");
    let place = position::before(bytes, at, text.starts);
    (runs || place == Before::Start && length == 3).then_some(())?;
    (length > 0 || place != Before::Prose && begins_with_call(body)).then_some(())?;
    // A question about the tag has words before and after it.
    let asked =
        place == Before::Prose && !body.windows(2).any(|pair| pair == b"$_" || pair == b"('");
    (!asked).then_some(())?;
    found(TAG, at, at + 2 + length)
}

/// Whether `body` begins with a call of a known function or with a word that shows something.
fn begins_with_call(body: &[u8]) -> bool {
    let body = body.trim_ascii_start();
    let length = body
        .iter()
        .take_while(|b| b.is_ascii_alphanumeric() || **b == b'_')
        .count();
    let (name, rest) = body.split_at_checked(length).unwrap_or_default();
    match rest.trim_ascii_start().first() {
        Some(b'(') => function::lookup(name).is_some(),
        Some(b'$' | b'\'' | b'"' | b'`') => matches!(name, b"echo" | b"print" | b"include"),
        _ => false,
    }
}

/// Server-side includes (`<!--#exec cmd=`), edge-side includes, ColdFusion.
pub(super) fn directive(text: &Text<'_>, at: usize) -> Option<Match> {
    let bytes = text.bytes;
    let rest = bytes.get(at..)?;
    if let Some(body) = rest.strip_prefix(b"!--#") {
        let start = at.checked_sub(1).filter(|i| bytes.get(*i) == Some(&b'<'))?;
        let body = body.strip_prefix(b" ").unwrap_or(body);
        let name = body
            .iter()
            .take(10)
            .take_while(|b| b.is_ascii_alphabetic())
            .count();
        let (name, after) = body.split_at_checked(name)?;
        let known: [&[u8]; 7] = [
            b"exec",
            b"include",
            b"echo",
            b"printenv",
            b"config",
            b"set",
            b"flastmod",
        ];
        known
            .iter()
            .any(|known| known.eq_ignore_ascii_case(name))
            .then_some(())?;
        after
            .first()
            .is_none_or(|b| b.is_ascii_whitespace() || matches!(b, b'-' | b'+'))
            .then_some(())?;
        return found(DIRECTIVE, start, at + 4 + name.len());
    }
    let folded = |prefix: &[u8]| {
        rest.get(..prefix.len())
            .is_some_and(|found| found.eq_ignore_ascii_case(prefix))
    };
    let length = if folded(b"<esi:") {
        5
    } else if folded(b"<cfexecute") {
        10
    } else if folded(b"<jsp:") {
        5
    } else {
        return None;
    };
    rest.get(length)
        .is_some_and(|b| b.is_ascii_alphabetic() || *b == b' ')
        .then_some(())?;
    found(DIRECTIVE, at, at + length)
}

/// `$_GET[0]($_GET[1])`, `$_SERVER['PATH']`, `$GLOBALS`: PHP's own variables where data is expected.
pub(super) fn superglobal(text: &Text<'_>, at: usize) -> Option<Match> {
    let bytes = text.bytes;
    let rest = bytes.get(at + 1..)?;
    let length = rest
        .iter()
        .take(24)
        .take_while(|b| b.is_ascii_uppercase() || **b == b'_')
        .count();
    let known = matches!(
        rest.get(..length)?,
        b"_GET"
            | b"_POST"
            | b"_REQUEST"
            | b"_SERVER"
            | b"_COOKIE"
            | b"_FILES"
            | b"_SESSION"
            | b"_ENV"
            | b"GLOBALS"
            | b"HTTP_RAW_POST_DATA"
            | b"HTTP_GET_VARS"
            | b"HTTP_POST_VARS"
            | b"HTTP_COOKIE_VARS"
            | b"HTTP_SERVER_VARS"
            | b"HTTP_ENV_VARS"
            | b"HTTP_POST_FILES"
    );
    known.then_some(())?;
    let mut end = at + 1 + length;
    if let Some(b'[' | b'{') = bytes.get(end) {
        let index = bytes.get(end..)?;
        end += index
            .iter()
            .take(40)
            .position(|b| matches!(b, b']' | b'}'))?
            + 1;
        if bytes.get(end) == Some(&b'(') {
            return found(SUPERGLOBAL, at, end);
        }
    }
    let place = position::before(bytes, at, text.starts);
    (place != Before::Prose && position::goes_on(bytes, end, text.ends)).then_some(())?;
    found(SUPERGLOBAL, at, end)
}

/// `allow_url_include=1`: a setting of PHP, as `php-cgi` takes it from a query (CVE-2012-1823).
pub(super) fn setting(text: &Text<'_>, at: usize) -> Option<Match> {
    let bytes = text.bytes;
    let name = |b: &&u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.');
    let back = bytes
        .get(..at)?
        .iter()
        .rev()
        .take(16)
        .take_while(name)
        .count();
    let rest = bytes.get(at - back..)?;
    let length = rest.iter().take(40).take_while(name).count();
    let known = matches!(
        rest.get(..length)?,
        b"allow_url_include" | b"allow_url_fopen" | b"auto_prepend_file" | b"auto_append_file"
    );
    let value = rest.get(length..)?;
    let blanks = value
        .iter()
        .take(4)
        .take_while(|b| matches!(b, b' ' | b'+'))
        .count();
    (known && value.get(blanks) == Some(&b'=')).then_some(())?;
    found(SETTING, at - back, at - back + length + blanks + 1)
}
