//! Ways from an expression to the host: Python and JavaScript internals, Java classes and loaders.

use crate::inspect::{Match, Place, Text};
use crate::rule::{RuleId, found};

use super::position::{self, Before};

const INTERNALS: RuleId = RuleId::new("code.internals");
const JAVA: RuleId = RuleId::new("code.java_reference");
const LOADER: RuleId = RuleId::new("code.class_loader");

/// Python's way to its own internals: `__import__('os')`, `().__class__.__bases__`.
pub(super) fn internals(text: &Text<'_>, at: usize) -> Option<Match> {
    let bytes = text.bytes;
    let rest = bytes.get(at + 2..)?;
    let length = rest
        .iter()
        .take(14)
        .take_while(|b| b.is_ascii_lowercase())
        .count();
    let (name, after) = rest.split_at_checked(length)?;
    let after = after.strip_prefix(b"__")?;
    let known = matches!(
        name,
        b"import"
            | b"builtins"
            | b"class"
            | b"globals"
            | b"subclasses"
            | b"mro"
            | b"base"
            | b"bases"
            | b"init"
            | b"code"
            | b"getattribute"
            | b"getitem"
            | b"reduce"
    );
    known.then_some(())?;
    let before = at.checked_sub(1).and_then(|i| bytes.get(i));
    // A key of data that is merged into an object attribute by attribute.
    let whole = at == 0 && after.is_empty() && matches!(text.place, Place::Key(_));
    if whole && matches!(name, b"globals" | b"builtins" | b"subclasses") {
        return found(INTERNALS, 0, bytes.len());
    }
    let chained = match name {
        // `__init__.__globals__`: from any method to its module.
        b"globals" if bytes.get(..at).is_some_and(|head| head.ends_with(b"__.")) => true,
        b"import" => {
            // `__import__('os')`
            matches!(after, [b'(', b'\'' | b'"' | b'\\' | b'o' | b'r' | b's', ..])
                && position::before(bytes, at, text.starts) != Before::Prose
        }
        b"builtins" if matches!(after.first(), Some(b'.' | b'[')) => true,
        // `getattr(__builtins__,'eval')`
        b"builtins" if after.starts_with(b",") => bytes
            .get(..at)
            .is_some_and(|head| head.ends_with(b"getattr(")),
        // `x.__class__.__name__`: what programs call an object's type.
        b"class"
            if after.starts_with(b".__name__")
                && at
                    .checked_sub(2)
                    .and_then(|i| bytes.get(i))
                    .is_some_and(u8::is_ascii_alphanumeric) =>
        {
            false
        }
        _ => {
            let quoted = matches!(before, Some(b'\'' | b'"'))
                && matches!(
                    at.checked_sub(2).and_then(|i| bytes.get(i)),
                    Some(b'[' | b'(')
                )
                && matches!(after, [b'\'' | b'"', b']' | b')', ..]);
            quoted
                || matches!(before, Some(b'.' | b'\'' | b'"'))
                    && (after.starts_with(b".__")
                        || after.starts_with(b"[") && name != b"init"
                        || after.starts_with(b"()[")
                        || after.starts_with(b"().__"))
        }
    };
    chained.then_some(())?;
    found(INTERNALS, at, at + 2 + length + 2)
}

/// `constructor.constructor('...')()`, `['constructor']['constructor']`.
pub(super) fn constructor(text: &Text<'_>, at: usize) -> Option<Match> {
    let bytes = text.bytes;
    let start = at.checked_sub(8)?;
    let rest = bytes.get(start..)?.strip_prefix(b"constructor")?;
    let joint = rest
        .iter()
        .take(6)
        .take_while(|b| b"'\"\\].[".contains(b))
        .count();
    let rest = rest.get(joint..)?;
    let reached = rest.starts_with(b"constructor")
        || matches!(rest, [b'(', b'\'' | b'"' | b'`' | b'\\', ..])
        || rest.starts_with(b"prototype.");
    (joint > 0 && reached).then_some(())?;
    found(INTERNALS, start, start + 11 + joint)
}

/// Node's way to its modules: `process.mainModule.require`, `require("child_process").exec`.
pub(super) fn module(text: &Text<'_>, at: usize) -> Option<Match> {
    let bytes = text.bytes;
    let rest = bytes.get(at..)?;
    if rest.starts_with(b"nModule") {
        let start = at.checked_sub(3)?;
        bytes
            .get(start..)?
            .starts_with(b"mainModule")
            .then_some(())?;
        let chained = bytes.get(..start)?.ends_with(b"process.")
            || bytes.get(..start)?.ends_with(b"process['")
            || bytes.get(..start)?.ends_with(b"process[\"");
        let used = matches!(rest.get(7), Some(b'.' | b'[' | b'\'' | b'"'));
        (chained && used).then_some(())?;
        return found(INTERNALS, start, start + 10);
    }
    let start = at.checked_sub(4)?;
    let rest = bytes.get(start..)?.strip_prefix(b"child_process")?;
    let closed = rest
        .iter()
        .take(4)
        .take_while(|b| b"'\"`\\)".contains(b))
        .count();
    let used = closed > 0 && rest.get(closed) == Some(&b'.');
    let method = rest.get(closed + 1..)?;
    let runs = [&b"exec"[..], b"spawn", b"fork"]
        .iter()
        .any(|name| method.starts_with(name));
    (used && runs).then_some(())?;
    found(INTERNALS, start, start + 13)
}

/// What the names of classes begin with that are reached for.
pub(super) const PACKAGES: [&[u8]; 4] = [b"java", b"org.", b"com.", b"ognl."];

/// The objects of its own context that OGNL is asked for, behind `#`.
pub(super) const CONTEXTS: [&[u8]; 3] = [b"_memberAccess", b"context", b"container"];

/// References of OGNL, SpEL, MVEL and the like to classes and to their own context.
pub(super) fn java(text: &Text<'_>, at: usize) -> Option<Match> {
    let bytes = text.bytes;
    let rest = bytes.get(at..)?;
    match rest {
        [b'@', class @ ..] => {
            // `@java.lang.Runtime@getRuntime()`
            let length = class_name(class)?;
            (class.get(length) == Some(&b'@')).then_some(())?;
            class.get(length + 1).filter(|b| b.is_ascii_alphabetic())?;
            found(JAVA, at, at + 2 + length)
        }
        [b'#', rest @ ..] => {
            let name = CONTEXTS.iter().find(|name| rest.starts_with(name))?;
            let used = rest.get(name.len()).is_some_and(|b| b"=[.'".contains(b));
            used.then_some(())?;
            found(JAVA, at, at + 1 + name.len())
        }
        [b'T' | b't', b'(', class @ ..] => {
            let before = at.checked_sub(1).and_then(|i| bytes.get(i));
            before
                .is_none_or(|b| !b.is_ascii_alphanumeric())
                .then_some(())?;
            let length = class_name(class)?;
            (class.get(length) == Some(&b')')).then_some(())?;
            found(JAVA, at, at + 3 + length)
        }
        _ => {
            // `java.lang.Runtime`, `java.lang.ProcessBuilder` where a class is looked up or made.
            let start = at.checked_sub(8)?;
            let rest = bytes.get(start..)?;
            let length = class_name(rest)?;
            matches!(
                rest.get(..length)?,
                b"java.lang.Runtime" | b"java.lang.ProcessBuilder"
            )
            .then_some(())?;
            let before = bytes.get(start.saturating_sub(12)..start)?;
            let made = before.ends_with(b"new ")
                || before.ends_with(b"new+")
                // The package needs no import but from a script.
                || before.ends_with(b"import ") && rest.get(length) == Some(&b';');
            let named = matches!(before.last(), Some(b'\'' | b'"'))
                && matches!(rest.get(length), Some(b'\'' | b'"' | b'\\'));
            let called = rest.get(length..)?.starts_with(b".getRuntime()");
            let opens = start
                .checked_sub(1)
                .map_or(Some(b'='), |i| bytes.get(i).copied());
            let alone = matches!(opens, Some(b'=' | b'"' | b'\''))
                && matches!(rest.get(length), None | Some(b'&' | b'"' | b'\''));
            (made || named || called || alone).then_some(())?;
            found(JAVA, start, start + length)
        }
    }
}

/// Length of a qualified class name: at least three parts, the last in upper camel case.
fn class_name(bytes: &[u8]) -> Option<usize> {
    let part = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'$');
    let length = bytes.iter().take(80).take_while(|b| part(b)).count();
    let name = bytes.get(..length)?;
    let last = name.rsplit(|b| *b == b'.').next()?;
    let qualified = PACKAGES.iter().any(|package| name.starts_with(package));
    (qualified && last.first().is_some_and(u8::is_ascii_uppercase)).then_some(length)
}

/// `class.module.classLoader...`: a property path to the class loader (CVE-2022-22965).
pub(super) fn class_loader(text: &Text<'_>, at: usize) -> Option<Match> {
    let bytes = text.bytes;
    let start = at.checked_sub(2)?;
    let rest = bytes.get(start..)?;
    rest.starts_with(b"classLoader").then_some(())?;
    let before = bytes.get(..start)?;
    let (before, width) = if let Some(before) = before.strip_suffix(b"class.module.") {
        (before, 13)
    } else if let Some(before) = before.strip_suffix(b"class.") {
        (before, 6)
    } else if let Some(before) = before.strip_suffix(b"class['") {
        (before, 7)
    } else {
        return None;
    };
    let apart = before.last().is_none_or(|b| !b.is_ascii_alphanumeric());
    let deeper = matches!(rest.get(11), Some(b'.' | b'[' | b'=' | b'\''));
    (apart && deeper).then_some(())?;
    found(LOADER, start - width, start + 11)
}
