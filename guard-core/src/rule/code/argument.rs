//! What a call is made with and on: its first argument, its receiver, the file or module it loads.

/// What a call's first argument begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Argument {
    Empty,
    Text,
    Number,
    Variable,
    Call,
    Other,
}

impl Argument {
    pub(super) fn read(arguments: &[u8]) -> Self {
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
                    // `String['fromCharCode'](..)`
                    Some(b'[') if matches!(arguments.get(length + 1), Some(b'\'' | b'"')) => {
                        Self::Call
                    }
                    _ => Self::Other,
                }
            }
        }
    }
}

/// What a method is called on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Receiver {
    None,
    /// The result of a call, `getRuntime().exec(`.
    Call,
    /// A text or a list of texts.
    Text,
    /// A module or class that gives access to the host.
    Host,
    Plain,
}

pub(super) fn receiver(bytes: &[u8], start: usize) -> Receiver {
    let Some(before) = bytes.get(start.saturating_sub(32)..start) else {
        return Receiver::Plain;
    };
    let Some(before) = before
        .strip_suffix(b".")
        .or_else(|| before.strip_suffix(b"::"))
    else {
        return Receiver::None;
    };
    match before.last() {
        Some(b')') => return Receiver::Call,
        Some(b'\'' | b'"' | b']') => return Receiver::Text,
        _ => {}
    }
    let length = before
        .iter()
        .rev()
        .take_while(|b| b.is_ascii_alphanumeric() || **b == b'_')
        .count();
    let name = before.get(before.len() - length..).unwrap_or_default();
    let host = matches!(
        name,
        b"os"
            | b"subprocess"
            | b"pty"
            | b"commands"
            | b"Kernel"
            | b"IO"
            | b"Open3"
            | b"Process"
            | b"child_process"
            | b"Runtime"
            | b"Class"
            | b"Socket"
            | b"time"
            | b"Thread"
            | b"io"
            | b"builtins"
            | b"process"
            | b"Server"
            | b"global"
            | b"globalThis"
            | b"window"
            | b"self"
            | b"cp"
            | b"vm"
            | b"popen2"
    );
    if host {
        Receiver::Host
    } else {
        Receiver::Plain
    }
}

/// Whether what is shown is computed, as the answer to a probe must be.
pub(super) fn shows(arguments: &[u8], length: Option<usize>) -> bool {
    let arguments = arguments
        .get(..arguments.len().min(length.unwrap_or(64).min(64)))
        .unwrap_or_default();
    let (digits, rest) = number(arguments);
    if digits > 0 {
        let rest = rest.trim_ascii_start();
        return match rest {
            [b'*' | b'-' | b'+' | b'.' | b'^', rest @ ..] => number(rest.trim_ascii_start()).0 > 0,
            _ => false,
        };
    }
    let name = arguments
        .iter()
        .take_while(|b| b.is_ascii_alphanumeric() || **b == b'_')
        .count();
    let (name, rest) = arguments.split_at_checked(name).unwrap_or_default();
    let computed: &[&[u8]] = &[
        b"md5",
        b"sha1",
        b"hash",
        b"crc32",
        b"base64_decode",
        b"system",
        b"exec",
        b"shell_exec",
        b"phpinfo",
        b"phpversion",
        b"php_uname",
        b"file_get_contents",
        b"chr",
        b"eval",
        b"str_rot13",
        b"strrev",
        b"getenv",
        b"passthru",
        b"popen",
        b"lc",
        b"require",
        b"open",
        b"__import__",
    ];
    match rest.first() {
        Some(b'(') => computed
            .iter()
            .any(|known| known.eq_ignore_ascii_case(name)),
        Some(b'`') => name.is_empty(),
        Some(b'$') => name.is_empty() && rest.starts_with(b"$_"),
        _ => false,
    }
}

pub(super) fn number(bytes: &[u8]) -> (usize, &[u8]) {
    let digits = bytes.iter().take_while(|b| b.is_ascii_digit()).count();
    (digits, bytes.get(digits..).unwrap_or_default())
}

/// Whether what is loaded gives power over the host, or comes from the caller; `used` if a member of
/// the result is taken.
pub(super) fn loads(name: &[u8], arguments: &[u8], used: bool) -> bool {
    let quoted = match arguments {
        [b'\'' | b'"' | b'`', rest @ ..] | [b'\\', b'\'' | b'"', rest @ ..] => rest,
        [b'$', b'_', ..] => return true,
        [b'$', ..] => return arguments.starts_with(b"$GLOBALS"),
        _ => return arguments.starts_with(b"base64_decode(") || arguments.starts_with(b"chr("),
    };
    let quoted = quoted.strip_prefix(b"node:").unwrap_or(quoted);
    let length = quoted
        .iter()
        .take(64)
        .position(|b| matches!(b, b'\'' | b'"' | b'`' | b'\\'));
    let quoted = length
        .and_then(|length| quoted.get(..length))
        .unwrap_or(quoted);
    let module = matches!(
        quoted,
        b"child_process" | b"fs" | b"os" | b"net" | b"vm" | b"process" | b"fs/promises"
    );
    let roots: [&[u8]; 10] = [
        b"/etc/", b"/proc/", b"/var/", b"/root/", b"/home/", b"/tmp/", b"c:", b"C:", b"php:",
        b"data:",
    ];
    let placed = roots.iter().any(|root| quoted.starts_with(root));
    match name {
        b"require" | b"import" => module && used || placed || quoted == b"child_process",
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
