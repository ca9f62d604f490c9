//! Rules of the `code` family: program text for PHP, JavaScript, Python, Ruby, Perl, Java
//! expression languages, ASP and server-side includes.
//!
//! What is confirmed is a call of a function that runs code ([`function`]), with arguments, where a
//! program could be evaluated ([`position`]); or syntax that only program text has: an opening tag,
//! a server directive, a static reference of an expression language.

use crate::inspect::{Effort, Match, Text, Trigger};
use crate::rule::{Family, RuleId, Rules};

mod function;
mod position;

use function::Kind;
use position::Before;

pub(super) const RULES: Rules =
    Rules { family: Family::Code, triggers: TRIGGERS, context, confirm };

/// Bytes that one confirmation may look at.
const WINDOW: usize = 320;

/// Longest argument list looked at.
const ARGUMENTS: usize = 200;

const CALL: RuleId = RuleId::new("code.call");
const PROBE: RuleId = RuleId::new("code.probe");
const TAG: RuleId = RuleId::new("code.tag");
const DIRECTIVE: RuleId = RuleId::new("code.directive");
const SUPERGLOBAL: RuleId = RuleId::new("code.superglobal");
const INTERNALS: RuleId = RuleId::new("code.internals");
const JAVA: RuleId = RuleId::new("code.java_reference");
const SETTING: RuleId = RuleId::new("code.php_setting");
const LOADER: RuleId = RuleId::new("code.class_loader");

const TRIGGERS: &[Trigger] = &[
    // Any call: the name before the bracket decides.
    Trigger::new("\\w\\w\\w\\("),
    Trigger::new("\\w \\([\\\\'\"\\x24]"),
    // `<?php`, `<?=`
    Trigger::new("<\\?[a-wyz =]"),
    // `<!--#exec`, `<esi:`, `<cfexecute`
    Trigger::new("!--#"),
    Trigger::new("<esi"),
    Trigger::new("<cfe"),
    // `$_GET[`
    Trigger::new("\\x24_[gprscfe]"),
    Trigger::new("\\x24[gh][lt][ot]"),
    // `$f('id')`, `(system)('id')`
    Trigger::new("\\x24[a-z_][a-z_( ][a-z_(\\\\'\"\\x24]"),
    Trigger::new("[)'\"]\\([\\\\'\"\\x24]"),
    // `call_user_func`, `allow_url_include`, `auto_prepend_file`, `open_basedir` and their like
    Trigger::new("l_us"),
    Trigger::new("w_ur"),
    Trigger::new("nd_f"),
    Trigger::new("e_fu"),
    Trigger::new("n_ba"),
    Trigger::new("e_re"),
    // `__import__`, `__builtins__`, `__class__`, `__globals__`, `__subclasses__`, `__mro__`
    Trigger::new("__[icbgsm][nmulaer]"),
    // `constructor.constructor`, `constructor['constructor']`
    Trigger::new("tor[\\['\"\\\\.]"),
    // `child_process`, `mainModule`
    Trigger::new("d_pr"),
    Trigger::new("nmod"),
    // OGNL and SpEL: `@java.`, `#_memberAccess`, `#context[`, `T(java.`
    Trigger::new("@[jo][arg][vgn]"),
    Trigger::new("#[_c][mo][en]"),
    Trigger::new("t\\([jo][ar]"),
    // `java.lang.Runtime`
    Trigger::new("g\\.[rp][ur]"),
    // `class.module.classLoader`
    Trigger::new("assl"),
];

fn context(bytes: &[u8], at: usize) -> bool {
    let rest = bytes.get(at..).unwrap_or_default();
    match rest {
        [_, _, _, b'(', ..] => names_function(bytes, at + 3),
        [_, b' ', b'(', ..] => names_function(bytes, at + 1),
        [b't' | b'T', b'o' | b'O', b'r' | b'R', ..] => {
            at.checked_sub(8).and_then(|start| bytes.get(start..at)).is_none_or(|b| {
                b.eq_ignore_ascii_case(b"construc")
            })
        }
        _ => true,
    }
}

/// Whether a known function's name ends at `end`.
fn names_function(bytes: &[u8], end: usize) -> bool {
    let before = bytes.get(end.saturating_sub(function::LONGEST + 1)..end).unwrap_or_default();
    let name = before.iter().rev().take_while(|b| b.is_ascii_alphanumeric() || **b == b'_').count();
    match before.get(before.len() - name..) {
        // `\neval(`: the escape's letter may stand before the name.
        Some(word) => {
            function::lookup(word).is_some()
                || before.len() > name
                    && before.get(before.len() - name - 1) == Some(&b'\\')
                    && word.get(1..).is_some_and(|word| function::lookup(word).is_some())
                || word == b"concat"
        }
        None => false,
    }
}

fn confirm(text: &Text<'_>, at: usize, effort: &mut Effort) -> Option<Match> {
    if !effort.spend(WINDOW) {
        return None;
    }
    let rest = text.bytes.get(at..)?;
    match rest {
        [b'<', b'?', ..] => tag(text, at),
        [b'<' | b'!', ..] => directive(text, at),
        [b'$', b'_' | b'G' | b'H', ..] => {
            superglobal(text, at).or_else(|| variable_call(text, at))
        }
        [b'$', ..] => variable_call(text, at),
        [b')' | b'\'' | b'"' | b']', b'(', ..] => variable_call(text, at),
        [b'_', b'_', ..] => internals(text, at),
        [b'@' | b'#', ..] => java(text, at),
        [b't' | b'T', b'(', ..] => java(text, at),
        [b'g' | b'G', b'.', ..] => java(text, at),
        [_, _, _, b'(', ..] => call(text, at + 3, at + 3),
        [_, b' ', b'(', ..] => call(text, at + 1, at + 2),
        [b't' | b'T', ..] => constructor(text, at),
        [b'a' | b'A', b's' | b'S', ..] => class_loader(text, at),
        [b'l' | b'L', ..] => named_by_field(text, at),
        [b'w' | b'W', ..] => setting(text, at),
        [b'n' | b'N', b'd' | b'_', ..] | [b'e' | b'E', b'_', ..] => setting(text, at),
        _ => module(text, at),
    }
}

fn found(rule: RuleId, start: usize, end: usize) -> Option<Match> {
    Some(Match { rule, span: start..end })
}

/// A call: the name ends at `end`, the bracket opens at `open`.
fn call(text: &Text<'_>, end: usize, open: usize) -> Option<Match> {
    let bytes = text.bytes;
    let before = bytes.get(end.saturating_sub(function::LONGEST + 1)..end)?;
    let length =
        before.iter().rev().take_while(|b| b.is_ascii_alphanumeric() || **b == b'_').count();
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
        Kind::Sure => close.is_some() || argument != Argument::Other,
        Kind::Run => {
            matches!(argument, Argument::Text | Argument::Variable | Argument::Call)
                && (!is_method || receiver(bytes, start) != Receiver::Plain)
        }
        Kind::Method => {
            matches!(argument, Argument::Text | Argument::Call | Argument::Variable)
                && match receiver(bytes, start) {
                    Receiver::None => !matches!(name, b"start" | b"compile" | b"execute" | b"spawn"),
                    Receiver::Call | Receiver::Host => true,
                    // `"..".exec("id")."`: joined by PHP.
                    Receiver::Text => matches!(name, b"exec") && argument == Argument::Text,
                    Receiver::Plain => false,
                }
                || name.eq_ignore_ascii_case(b"execute")
                    && argument == Argument::Empty
                    && receiver(bytes, start) == Receiver::Text
        }
        Kind::Show => {
            shows(arguments, close.map(|close| close - open))
                || is_method && bytes.get(..start)?.ends_with(b"process.") && place == Before::Start
        }
        Kind::Shown => {
            let word = position::word_before(bytes, start);
            matches!(word, b"echo" | b"print" | b"die" | b"exit" | b"puts") && argument != Argument::Other
        }
        Kind::Codes => argument == Argument::Number && is_method,
        Kind::Loop => {
            place == Before::Start
                && [&b"true)"[..], b"1)", b"!0)"].iter().any(|always| arguments.starts_with(always))
        }
        Kind::Request => {
            matches!(argument, Argument::Text)
                && matches!(position::word_before(bytes, start), b"eval" | b"execute" | b"Execute")
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

/// What a call's first argument begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Argument {
    Empty,
    Text,
    Number,
    Variable,
    Call,
    Other,
}

impl Argument {
    fn read(arguments: &[u8]) -> Self {
        match arguments {
            [b')', ..] => Self::Empty,
            [b'\'' | b'"' | b'`', ..] | [b'\\', b'\'' | b'"', ..] => Self::Text,
            // Prefixed texts: `b'..'`, `f"..."`, `r'..'`.
            [b'b' | b'f' | b'r' | b'u', b'\'' | b'"', ..] => Self::Text,
            [b'$' | b'@' | b'#' | b'%', ..] => Self::Variable,
            [b'0'..=b'9', ..] => Self::Number,
            [b'[', ..] => Self::Text,
            _ => {
                let name = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'\\');
                let length = arguments.iter().take(64).take_while(|b| name(b)).count();
                match arguments.get(length) {
                    Some(b'(') if length > 0 => Self::Call,
                    _ => Self::Other,
                }
            }
        }
    }
}

/// What a method is called on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Receiver {
    None,
    /// The result of a call, `getRuntime().exec(`.
    Call,
    /// A text or a list of texts.
    Text,
    /// A module or class that gives access to the host.
    Host,
    Plain,
}

fn receiver(bytes: &[u8], start: usize) -> Receiver {
    let Some(before) = bytes.get(start.saturating_sub(32)..start) else { return Receiver::Plain };
    let Some(before) = before.strip_suffix(b".").or_else(|| before.strip_suffix(b"::")) else {
        return Receiver::None;
    };
    match before.last() {
        Some(b')') => return Receiver::Call,
        Some(b'\'' | b'"' | b']') => return Receiver::Text,
        _ => {}
    }
    let length =
        before.iter().rev().take_while(|b| b.is_ascii_alphanumeric() || **b == b'_').count();
    let name = before.get(before.len() - length..).unwrap_or_default();
    let host = matches!(
        name,
        b"os" | b"subprocess" | b"pty" | b"commands" | b"Kernel" | b"IO" | b"Open3" | b"Process"
            | b"child_process" | b"Runtime" | b"Class" | b"Socket" | b"time" | b"Thread" | b"io"
            | b"builtins" | b"process" | b"Server" | b"global" | b"globalThis" | b"window" | b"self" | b"cp" | b"popen2"
    );
    if host { Receiver::Host } else { Receiver::Plain }
}

/// Whether what is shown is computed, as the answer to a probe must be.
fn shows(arguments: &[u8], length: Option<usize>) -> bool {
    let arguments = arguments.get(..arguments.len().min(length.unwrap_or(64).min(64))).unwrap_or_default();
    let (digits, rest) = number(arguments);
    if digits > 0 {
        let rest = rest.trim_ascii_start();
        return match rest {
            [b'*' | b'-' | b'+' | b'.' | b'^', rest @ ..] => number(rest.trim_ascii_start()).0 > 0,
            _ => false,
        };
    }
    let name = arguments.iter().take_while(|b| b.is_ascii_alphanumeric() || **b == b'_').count();
    let (name, rest) = arguments.split_at_checked(name).unwrap_or_default();
    let computed: &[&[u8]] = &[
        b"md5", b"sha1", b"hash", b"crc32", b"base64_decode", b"system", b"exec", b"shell_exec",
        b"phpinfo", b"phpversion", b"php_uname", b"file_get_contents", b"chr", b"eval", b"str_rot13",
        b"strrev", b"getenv", b"passthru", b"popen", b"lc", b"require", b"open", b"__import__",
    ];
    match rest.first() {
        Some(b'(') => computed.iter().any(|known| known.eq_ignore_ascii_case(name)),
        Some(b'`') => name.is_empty(),
        Some(b'$') => name.is_empty() && rest.starts_with(b"$_"),
        _ => false,
    }
}

fn number(bytes: &[u8]) -> (usize, &[u8]) {
    let digits = bytes.iter().take_while(|b| b.is_ascii_digit()).count();
    (digits, bytes.get(digits..).unwrap_or_default())
}

/// Whether what is loaded gives power over the host, or comes from the caller; `used` if a member of
/// the result is taken.
fn loads(name: &[u8], arguments: &[u8], used: bool) -> bool {
    let quoted = match arguments {
        [b'\'' | b'"' | b'`', rest @ ..] | [b'\\', b'\'' | b'"', rest @ ..] => rest,
        [b'$', b'_', ..] => return true,
        [b'$', ..] => return arguments.starts_with(b"$GLOBALS"),
        _ => return arguments.starts_with(b"base64_decode(") || arguments.starts_with(b"chr("),
    };
    let quoted = quoted.strip_prefix(b"node:").unwrap_or(quoted);
    let length = quoted.iter().take(64).position(|b| matches!(b, b'\'' | b'"' | b'`' | b'\\'));
    let quoted = length.and_then(|length| quoted.get(..length)).unwrap_or(quoted);
    let module = matches!(
        quoted,
        b"child_process" | b"fs" | b"os" | b"net" | b"vm" | b"process" | b"fs/promises"
    );
    let roots: [&[u8]; 10] = [
        b"/etc/", b"/proc/", b"/var/", b"/root/", b"/home/", b"/tmp/", b"c:", b"C:", b"php:", b"data:",
    ];
    let placed = roots.iter().any(|root| quoted.starts_with(root));
    match name {
        b"require" | b"import" => module && used || placed,
        b"open" => placed || quoted.starts_with(b"|"),
        b"scandir" | b"readdirSync" | b"opendir" => true,
        _ => {
            placed
                || quoted.starts_with(b"../../")
                || quoted.windows(3).any(|w| w == b"://")
                || matches!(quoted, b"." | b".." | b"/")
        }
    }
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

/// `<?php`, `<?=`.
fn tag(text: &Text<'_>, at: usize) -> Option<Match> {
    let bytes = text.bytes;
    let rest = bytes.get(at + 2..)?;
    let length = if rest.get(..3).is_some_and(|b| b.eq_ignore_ascii_case(b"php")) {
        match rest.get(3) {
            None => 3,
            Some(b) if b.is_ascii_whitespace() || matches!(b, b'/' | b'\\' | b'+') => 3,
            Some(_) => return None,
        }
    } else if rest.first() == Some(&b'=') {
        1
    } else if rest.get(..3).is_some_and(|b| b.eq_ignore_ascii_case(b"xml")) {
        return None;
    } else {
        0
    };
    let body = rest.get(length..rest.len().min(length + 96))?;
    let runs = body.iter().any(|b| matches!(b, b'(' | b'`'))
        || body.windows(2).any(|pair| pair == b"$_");
    let place = position::before(bytes, at, text.starts);
    (runs || place == Before::Start && length == 3).then_some(())?;
    (length > 0 || place != Before::Prose && body.contains(&b'(')).then_some(())?;
    // A question about the tag has words before and after it.
    let asked = place == Before::Prose && !body.windows(2).any(|pair| pair == b"$_" || pair == b"('");
    (!asked).then_some(())?;
    found(TAG, at, at + 2 + length)
}

/// Server-side includes (`<!--#exec cmd=`), edge-side includes, ColdFusion.
fn directive(text: &Text<'_>, at: usize) -> Option<Match> {
    let bytes = text.bytes;
    let rest = bytes.get(at..)?;
    if let Some(body) = rest.strip_prefix(b"!--#") {
        let start = at.checked_sub(1).filter(|i| bytes.get(*i) == Some(&b'<'))?;
        let name = body.iter().take(10).take_while(|b| b.is_ascii_alphabetic()).count();
        let (name, after) = body.split_at_checked(name)?;
        let known: [&[u8]; 7] =
            [b"exec", b"include", b"echo", b"printenv", b"config", b"set", b"flastmod"];
        known.iter().any(|known| known.eq_ignore_ascii_case(name)).then_some(())?;
        after.first().is_none_or(|b| b.is_ascii_whitespace() || matches!(b, b'-' | b'+')).then_some(())?;
        return found(DIRECTIVE, start, at + 4 + name.len());
    }
    let folded = |prefix: &[u8]| {
        rest.get(..prefix.len()).is_some_and(|found| found.eq_ignore_ascii_case(prefix))
    };
    let length = if folded(b"<esi:") {
        5
    } else if folded(b"<cfexecute") {
        10
    } else {
        return None;
    };
    rest.get(length).is_some_and(|b| b.is_ascii_alphabetic() || *b == b' ').then_some(())?;
    found(DIRECTIVE, at, at + length)
}

/// `$_GET[0]($_GET[1])`, `$_SERVER['PATH']`, `$GLOBALS`: PHP's own variables where data is expected.
fn superglobal(text: &Text<'_>, at: usize) -> Option<Match> {
    let bytes = text.bytes;
    let rest = bytes.get(at + 1..)?;
    let length = rest.iter().take(24).take_while(|b| b.is_ascii_uppercase() || **b == b'_').count();
    let known = matches!(
        rest.get(..length)?,
        b"_GET" | b"_POST" | b"_REQUEST" | b"_SERVER" | b"_COOKIE" | b"_FILES" | b"_SESSION" | b"_ENV"
            | b"GLOBALS" | b"HTTP_RAW_POST_DATA" | b"HTTP_GET_VARS" | b"HTTP_POST_VARS"
            | b"HTTP_COOKIE_VARS" | b"HTTP_SERVER_VARS" | b"HTTP_ENV_VARS" | b"HTTP_POST_FILES"
    );
    known.then_some(())?;
    let mut end = at + 1 + length;
    if let Some(b'[' | b'{') = bytes.get(end) {
        let index = bytes.get(end..)?;
        end += index.iter().take(40).position(|b| matches!(b, b']' | b'}'))? + 1;
        if bytes.get(end) == Some(&b'(') {
            return found(SUPERGLOBAL, at, end);
        }
    }
    let place = position::before(bytes, at, text.starts);
    (place != Before::Prose && position::goes_on(bytes, end, text.ends)).then_some(())?;
    found(SUPERGLOBAL, at, end)
}

/// `$f('id')`, `(system)('id')`, `'sys'.'tem'('id')`: PHP's calls of a function named by a value.
fn variable_call(text: &Text<'_>, at: usize) -> Option<Match> {
    let bytes = text.bytes;
    let (start, open) = if bytes.get(at) == Some(&b'$') {
        let name = bytes.get(at + 1..)?;
        let length = name.iter().take(24).take_while(|b| b.is_ascii_alphanumeric() || **b == b'_').count();
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
        for byte in word.iter().filter(|b| b.is_ascii_alphanumeric() || **b == b'_') {
            *bare.get_mut(count)? = *byte;
            count += 1;
        }
        let variable = word.first() == Some(&b'$');
        let kind = function::lookup(bare.get(..count)?);
        let runs = matches!(kind, Some(Kind::Sure | Kind::Run | Kind::Method));
        ((opened || closed_quote) && (runs || variable && opened)).then_some(())?;
        (at - length, at + 1)
    };
    (bytes.get(open) == Some(&b'(')).then_some(())?;
    let argument = Argument::read(bytes.get(open + 1..)?);
    matches!(argument, Argument::Text | Argument::Variable).then_some(())?;
    let close = position::close(bytes, open, ARGUMENTS)?;
    let place = position::before(bytes, start, text.starts);
    (place != Before::Prose && position::goes_on(bytes, close, text.ends)).then_some(())?;
    found(CALL, start, close)
}

/// `allow_url_include=1`: a setting of PHP, as `php-cgi` takes it from a query (CVE-2012-1823).
fn setting(text: &Text<'_>, at: usize) -> Option<Match> {
    let bytes = text.bytes;
    let name = |b: &&u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.');
    let back = bytes.get(..at)?.iter().rev().take(16).take_while(name).count();
    let rest = bytes.get(at - back..)?;
    let length = rest.iter().take(40).take_while(name).count();
    let known = matches!(
        rest.get(..length)?,
        b"allow_url_include" | b"allow_url_fopen" | b"auto_prepend_file" | b"auto_append_file"
            | b"disable_functions" | b"open_basedir" | b"safe_mode" | b"suhosin.simulation"
            | b"cgi.force_redirect" | b"cgi.redirect_status_env" | b"disable_classes"
    );
    let value = rest.get(length..)?;
    let blanks = value.iter().take(4).take_while(|b| matches!(b, b' ' | b'+')).count();
    (known && value.get(blanks) == Some(&b'=')).then_some(())?;
    found(SETTING, at - back, at - back + length + blanks + 1)
}

/// `function=call_user_func_array&vars[0]=system`: a function named by a field.
fn named_by_field(text: &Text<'_>, at: usize) -> Option<Match> {
    let bytes = text.bytes;
    let start = at.checked_sub(3)?;
    let rest = bytes.get(start..)?.strip_prefix(b"call_user_func")?;
    let field = start.checked_sub(1).and_then(|i| bytes.get(i)) == Some(&b'=');
    let rest = rest.strip_prefix(b"_array").unwrap_or(rest);
    (field && matches!(rest.first(), None | Some(b'&'))).then_some(())?;
    found(CALL, start, start + 14)
}

/// Python's way to its own internals: `__import__('os')`, `().__class__.__bases__`.
fn internals(text: &Text<'_>, at: usize) -> Option<Match> {
    let bytes = text.bytes;
    let rest = bytes.get(at + 2..)?;
    let length = rest.iter().take(14).take_while(|b| b.is_ascii_lowercase()).count();
    let (name, after) = rest.split_at_checked(length)?;
    let after = after.strip_prefix(b"__")?;
    let known = matches!(
        name,
        b"import" | b"builtins" | b"class" | b"globals" | b"subclasses" | b"mro" | b"base" | b"bases"
            | b"init" | b"code" | b"getattribute" | b"getitem" | b"reduce"
    );
    known.then_some(())?;
    let before = at.checked_sub(1).and_then(|i| bytes.get(i));
    let chained = match name {
        b"import" => {
            // `__import__('os')`
            matches!(after, [b'(', b'\'' | b'"' | b'\\' | b'o' | b'r' | b's', ..])
                && position::before(bytes, at, text.starts) != Before::Prose
        }
        b"builtins" => matches!(after.first(), Some(b'.' | b'[')),
        _ => {
            matches!(before, Some(b'.' | b'\'' | b'"'))
                && (after.starts_with(b".__")
                    || after.starts_with(b"[") && name != b"init"
                    || after.starts_with(b"()[") || after.starts_with(b"().__"))
        }
    };
    chained.then_some(())?;
    found(INTERNALS, at, at + 2 + length + 2)
}

/// `constructor.constructor('...')()`, `['constructor']['constructor']`.
fn constructor(text: &Text<'_>, at: usize) -> Option<Match> {
    let bytes = text.bytes;
    let start = at.checked_sub(8)?;
    let rest = bytes.get(start..)?.strip_prefix(b"constructor")?;
    let joint = rest.iter().take(6).take_while(|b| b"'\"\\].[".contains(b)).count();
    let rest = rest.get(joint..)?;
    let reached = rest.starts_with(b"constructor")
        || matches!(rest, [b'(', b'\'' | b'"' | b'`' | b'\\', ..])
        || rest.starts_with(b"prototype.");
    (joint > 0 && reached).then_some(())?;
    found(INTERNALS, start, start + 11 + joint)
}

/// Node's way to its modules: `process.mainModule.require`, `require("child_process").exec`.
fn module(text: &Text<'_>, at: usize) -> Option<Match> {
    let bytes = text.bytes;
    let rest = bytes.get(at..)?;
    if rest.starts_with(b"nModule") {
        let start = at.checked_sub(3)?;
        bytes.get(start..)?.starts_with(b"mainModule").then_some(())?;
        let chained = bytes.get(..start)?.ends_with(b"process.")
            || bytes.get(..start)?.ends_with(b"process['")
            || bytes.get(..start)?.ends_with(b"process[\"");
        let used = matches!(rest.get(7), Some(b'.' | b'[' | b'\'' | b'"'));
        (chained && used).then_some(())?;
        return found(INTERNALS, start, start + 10);
    }
    let start = at.checked_sub(4)?;
    let rest = bytes.get(start..)?.strip_prefix(b"child_process")?;
    let closed = rest.iter().take(4).take_while(|b| b"'\"`\\)".contains(b)).count();
    let used = closed > 0 && rest.get(closed) == Some(&b'.');
    let method = rest.get(closed + 1..)?;
    let runs = [&b"exec"[..], b"spawn", b"fork"].iter().any(|name| method.starts_with(name));
    (used && runs).then_some(())?;
    found(INTERNALS, start, start + 13)
}

/// References of OGNL, SpEL, MVEL and the like to classes and to their own context.
fn java(text: &Text<'_>, at: usize) -> Option<Match> {
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
        [b'#', ..] => {
            let known: [&[u8]; 3] = [b"#_memberAccess", b"#context", b"#container"];
            let name = known.iter().find(|name| rest.starts_with(name))?;
            let used = rest.get(name.len()).is_some_and(|b| b"=[.'".contains(b));
            used.then_some(())?;
            found(JAVA, at, at + name.len())
        }
        [b'T' | b't', b'(', class @ ..] => {
            let before = at.checked_sub(1).and_then(|i| bytes.get(i));
            before.is_none_or(|b| !b.is_ascii_alphanumeric()).then_some(())?;
            let length = class_name(class)?;
            (class.get(length) == Some(&b')')).then_some(())?;
            found(JAVA, at, at + 3 + length)
        }
        _ => {
            // `java.lang.Runtime`, `java.lang.ProcessBuilder` where a class is looked up or made.
            let start = at.checked_sub(8)?;
            let rest = bytes.get(start..)?;
            let length = class_name(rest)?;
            matches!(rest.get(..length)?, b"java.lang.Runtime" | b"java.lang.ProcessBuilder")
                .then_some(())?;
            let before = bytes.get(start.saturating_sub(12)..start)?;
            let made = before.ends_with(b"new ") || before.ends_with(b"new+");
            let named = matches!(before.last(), Some(b'\'' | b'"')) && matches!(rest.get(length), Some(b'\'' | b'"' | b'\\'));
            let called = rest.get(length..)?.starts_with(b".getRuntime()");
            let alone = start == 0 && text.starts && text.ends && rest.len() == length;
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
    let qualified = name.starts_with(b"java") || name.starts_with(b"org.") || name.starts_with(b"com.") || name.starts_with(b"ognl.");
    (qualified && last.first().is_some_and(u8::is_ascii_uppercase)).then_some(length)
}

/// `class.module.classLoader...`: a property path to the class loader (CVE-2022-22965).
fn class_loader(text: &Text<'_>, at: usize) -> Option<Match> {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(bytes: &[u8]) -> Option<&'static str> {
        let text = Text::value(bytes);
        let mut effort = Effort::new(1 << 20);
        (0..bytes.len()).find_map(|at| {
            (TRIGGERS.iter().any(|t| t.occurs(bytes, at)) && context(bytes, at))
                .then(|| confirm(&text, at, &mut effort))
                .flatten()
                .map(|found| found.rule.as_str())
        })
    }

    #[test]
    fn hostile_bytes_do_not_panic() {
        let pieces: [&[u8]; 20] = [
            b"eval", b"(", b")", b"'", b"\\", b"$_GET[", b"__class__", b".", b"<?php ", b"<!--#exec ",
            b"constructor", b"@java.lang.X", b"T(", b"classLoader", b";", b" ", b"\"", b"md5", b"7*7",
            b"\xc3",
        ];
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        for _ in 0..5_000 {
            let mut bytes = Vec::new();
            for _ in 0..12 {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                bytes.extend_from_slice(pieces[usize::try_from(state % 20).unwrap()]);
            }
            rule(&bytes);
        }
    }
}
