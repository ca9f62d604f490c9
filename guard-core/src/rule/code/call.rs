//! Calls of functions that run code.

use crate::inspect::{Match, Text};
use crate::rule::{RuleId, found};

use super::ARGUMENTS;
use super::argument::{Argument, Receiver, loads, number, receiver, shows};
use super::function::{self, Kind};
use super::position::{self, Before};

const CALL: RuleId = RuleId::new("code.call");
const PROBE: RuleId = RuleId::new("code.probe");

/// A call: the name ends at `end`, the bracket opens at `open`.
pub(super) fn call(text: &Text<'_>, end: usize, open: usize) -> Option<Match> {
    let bytes = text.bytes;
    let before = bytes.get(end.saturating_sub(function::LONGEST + 1)..end)?;
    let length = before
        .iter()
        .rev()
        .take_while(|b| b.is_ascii_alphanumeric() || **b == b'_')
        .count();
    let start = end - length;
    let name = bytes.get(start..end)?;
    let arguments = bytes.get(open + 1..)?.trim_ascii_start();
    if name == b"concat" {
        return concatenation(text, start, open);
    }
    let kind = function::lookup(name)?;
    let is_method = start.checked_sub(1).and_then(|i| bytes.get(i)) == Some(&b'.');
    let close = position::close(bytes, open, ARGUMENTS);
    let place = position::before(bytes, start, text.starts);
    if place == Before::Prose {
        return None;
    }
    if let Some(close) = close
        && !position::goes_on(bytes, close, text.ends)
    {
        return None;
    }
    let argument = Argument::read(arguments);
    let suits = match kind {
        Kind::Sure if name == b"getRuntime" => {
            let after = close
                .and_then(|close| bytes.get(close..))
                .unwrap_or_default();
            after.starts_with(b".exec(") && after.get(6) != Some(&b')') || after.is_empty()
        }
        Kind::Sure => close.is_some() || argument != Argument::Other,
        // Programs assert what a call says; what PHP evaluates is a text, or comes from a decoder.
        Kind::Run if name.eq_ignore_ascii_case(b"assert") && argument == Argument::Call => {
            let inner = arguments.iter().take_while(|b| is_name(b)).count();
            let inner = arguments.get(..inner).unwrap_or_default();
            !is_method && function::lookup(inner).is_some()
        }
        Kind::Run => {
            matches!(
                argument,
                Argument::Text | Argument::Variable | Argument::Call
            ) && (!is_method
                || receiver(bytes, start) != Receiver::Plain
                || matches!(
                    name,
                    b"ScriptEngineManager" | b"ProcessBuilder" | b"constructor"
                ))
        }
        Kind::Method => {
            matches!(
                argument,
                Argument::Text | Argument::Call | Argument::Variable
            ) && match receiver(bytes, start) {
                Receiver::None => !matches!(
                    name,
                    b"start"
                        | b"compile"
                        | b"execute"
                        | b"spawn"
                        | b"call"
                        | b"run"
                        | b"invoke"
                        | b"binding"
                ),
                Receiver::Call | Receiver::Host => true,
                // `"..".exec("id")."`: joined by PHP.
                Receiver::Text => matches!(name, b"exec") && argument == Argument::Text,
                Receiver::Plain => false,
            } || name.eq_ignore_ascii_case(b"execute")
                && argument == Argument::Empty
                && receiver(bytes, start) == Receiver::Text
        }
        Kind::Show => {
            shows(arguments, close.map(|close| close - open))
                || is_method && bytes.get(..start)?.ends_with(b"process.")
        }
        Kind::Shown => {
            let word = position::word_before(bytes, start);
            matches!(word, b"echo" | b"print" | b"die" | b"exit" | b"puts")
                && argument != Argument::Other
        }
        Kind::Codes => {
            let after = close
                .and_then(|close| bytes.get(close + 1..))
                .unwrap_or_default();
            argument == Argument::Number
                && (is_method && name != b"chr" || after.starts_with(b"chr("))
        }
        Kind::Loop => {
            place == Before::Start
                && [&b"true)"[..], b"1)", b"!0)"]
                    .iter()
                    .any(|always| arguments.starts_with(always))
        }
        Kind::Request => {
            matches!(argument, Argument::Text)
                && matches!(
                    position::word_before(bytes, start),
                    b"eval" | b"execute" | b"Execute"
                )
        }
        Kind::Delay => {
            argument == Argument::Number
                && close.is_some_and(|close| close - open <= 12)
                && (!is_method || receiver(bytes, start) != Receiver::Plain)
        }
        Kind::Load => {
            let used = close.is_some_and(|close| matches!(bytes.get(close), Some(b'.' | b'[')));
            loads(name, arguments, used)
        }
    };
    suits.then_some(())?;
    let rule = match kind {
        Kind::Show | Kind::Delay => PROBE,
        _ => CALL,
    };
    found(rule, start, close.unwrap_or(open + 1))
}

const fn is_name(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || *byte == b'_'
}

/// `system/**/('id')`: a comment between the name and the bracket.
pub(super) fn commented(text: &Text<'_>, end: usize) -> Option<Match> {
    let comment = text.bytes.get(end + 2..)?;
    let length = comment.iter().take(32).position(|b| *b == b'*')?;
    (comment.get(length + 1) == Some(&b'/')).then_some(())?;
    let open = end + 2 + length + 2;
    (text.bytes.get(open) == Some(&b'(')).then_some(())?;
    call(text, end, open)
}

/// `system 'id'`: a call without brackets, as Ruby and Perl have it, that is the whole value.
pub(super) fn statement(text: &Text<'_>, end: usize) -> Option<Match> {
    let bytes = text.bytes;
    let start = [&b"system"[..], b"exec"]
        .iter()
        .find_map(|name| bytes.get(..end)?.ends_with(name).then(|| end - name.len()))?;
    let quote = *bytes.get(end + 1)?;
    let body = bytes.get(end + 2..)?;
    let close = body.iter().take(ARGUMENTS).position(|b| *b == quote)?;
    let whole = position::before(bytes, start, text.starts) == Before::Start
        && position::goes_on(bytes, end + 2 + close + 1, text.ends);
    (whole && close > 0).then_some(())?;
    found(CALL, start, end + 2 + close + 1)
}

/// `%x(id)`, `qx{id}`: commands as literals of Ruby and Perl.
pub(super) fn command_literal(text: &Text<'_>, at: usize) -> Option<Match> {
    let bytes = text.bytes;
    let before = at.checked_sub(1).and_then(|i| bytes.get(i));
    before
        .is_none_or(|b| !b.is_ascii_alphanumeric())
        .then_some(())?;
    let close = match bytes.get(at + 2)? {
        b'{' => b'}',
        _ => b')',
    };
    let body = bytes.get(at + 3..)?;
    let length = body.iter().take(ARGUMENTS).position(|b| *b == close)?;
    let end = at + 3 + length + 1;
    let place = position::before(bytes, at, text.starts);
    let named = body
        .first()
        .is_some_and(|b| b.is_ascii_alphabetic() || *b == b'/');
    (named && place != Before::Prose && position::goes_on(bytes, end, text.ends)).then_some(())?;
    found(CALL, at, end)
}

/// `"A".concat(70-3)`: characters joined from computed codes.
fn concatenation(text: &Text<'_>, start: usize, open: usize) -> Option<Match> {
    let bytes = text.bytes;
    (start.checked_sub(1).and_then(|i| bytes.get(i)) == Some(&b'.')).then_some(())?;
    let (digits, rest) = number(bytes.get(open + 1..)?);
    let (operator, rest) = rest.split_first()?;
    let (more, rest) = number(rest);
    let computed =
        digits > 0 && more > 0 && b"+-*".contains(operator) && rest.first() == Some(&b')');
    computed.then_some(())?;
    found(PROBE, start, open + 1 + digits + 1 + more + 1)
}

/// `$f('id')`, `(system)('id')`, `'sys'.'tem'('id')`: PHP's calls of a function named by a value.
pub(super) fn variable_call(text: &Text<'_>, at: usize) -> Option<Match> {
    let bytes = text.bytes;
    let (start, open) = if bytes.get(at) == Some(&b'$') {
        // `{{ $t('text') }}`: a function of the page's own template.
        if bytes
            .get(at.saturating_sub(3)..at)?
            .trim_ascii_end()
            .ends_with(b"{{")
        {
            return None;
        }
        // `$object->$method($x)`: the object's class decides what there is to call.
        if bytes.get(..at)?.ends_with(b"->") {
            return None;
        }
        let name = bytes.get(at + 1..)?;
        let length = name
            .iter()
            .take(24)
            .take_while(|b| b.is_ascii_alphanumeric() || **b == b'_')
            .count();
        let blank = usize::from(bytes.get(at + 1 + length) == Some(&b' '));
        (at, at + 1 + length + blank)
    } else {
        let inner = bytes.get(at.saturating_sub(40)..at)?;
        let name = |b: &u8| b.is_ascii_alphanumeric() || b"_'\".$\\".contains(b);
        let length = inner.iter().rev().take_while(|b| name(b)).count();
        let word = inner.get(inner.len() - length..)?;
        let opened = inner.len() > length && matches!(bytes.get(at - length - 1), Some(b'('));
        let closed_quote = matches!(bytes.get(at), Some(b'\'' | b'"'));
        let mut bare = [0; function::LONGEST];
        let mut count = 0;
        for byte in word
            .iter()
            .filter(|b| b.is_ascii_alphanumeric() || **b == b'_')
        {
            *bare.get_mut(count)? = *byte;
            count += 1;
        }
        let variable = word.first() == Some(&b'$');
        let kind = function::lookup(bare.get(..count)?);
        let runs = matches!(kind, Some(Kind::Sure | Kind::Run | Kind::Method));
        ((opened || closed_quote) && (runs || variable && opened)).then_some(())?;
        (at - length - usize::from(opened), at + 1)
    };
    (bytes.get(open) == Some(&b'(')).then_some(())?;
    let argument = Argument::read(bytes.get(open + 1..)?);
    matches!(argument, Argument::Text | Argument::Variable).then_some(())?;
    let close = position::close(bytes, open, ARGUMENTS)?;
    let place = position::before(bytes, start, text.starts);
    (place != Before::Prose && position::goes_on(bytes, close, text.ends)).then_some(())?;
    found(CALL, start, close)
}

/// `function=call_user_func_array&vars[0]=system`: a function named by a field.
pub(super) fn named_by_field(text: &Text<'_>, at: usize) -> Option<Match> {
    let bytes = text.bytes;
    let start = at.checked_sub(3)?;
    let rest = bytes.get(start..)?.strip_prefix(b"call_user_func")?;
    let field = start.checked_sub(1).and_then(|i| bytes.get(i)) == Some(&b'=');
    let rest = rest.strip_prefix(b"_array").unwrap_or(rest);
    (field && matches!(rest.first(), None | Some(b'&'))).then_some(())?;
    found(CALL, start, start + 14)
}
