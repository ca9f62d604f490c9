//! Reads one word where a shell expects a command, with the ways a shell lets a word be written.
//!
//! POSIX.1-2024 Shell Command Language 2.2 (quoting), 2.6 (expansions), 2.14 (patterns), and the
//! caret of `cmd.exe`. It does not know which words are commands.

use super::command::LONGEST;

/// Bytes looked at for one word.
const WINDOW: usize = 64;

/// A command word without its quoting.
#[derive(Debug, Clone)]
pub(super) struct Word {
    name: [u8; LONGEST],
    len: usize,
    /// Whether quotes, escapes or empty expansions stand inside the word.
    pub(super) tricked: bool,
    /// Whether a directory of programs (`bin`, `sbin`) comes before the name.
    pub(super) in_bin: bool,
    /// Whether there is a directory at all.
    pub(super) is_path: bool,
    /// Wildcards in an absolute path.
    pub(super) wildcards: u8,
    /// First byte after the word.
    pub(super) end: usize,
}

impl Word {
    /// The last path component in lower case; empty if longer than any known name.
    pub(super) fn name(&self) -> &[u8] {
        self.name.get(..self.len).unwrap_or_default()
    }

    /// Reads the word at `bytes[at..]`; `None` if no word begins there.
    pub(super) fn read(bytes: &[u8], at: usize) -> Option<Self> {
        let limit = bytes.len().min(at.saturating_add(WINDOW));
        let bytes = bytes.get(..limit)?;
        let mut word = Self {
            name: [0; LONGEST],
            len: 0,
            tricked: false,
            in_bin: false,
            is_path: false,
            wildcards: 0,
            end: at,
        };
        let drive = is_drive(bytes, at);
        let mut letters = 0_usize;
        while let Some(&byte) = bytes.get(word.end) {
            let next = bytes.get(word.end + 1).copied().unwrap_or(0);
            let step = match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'-' | b'.' | b'~' => {
                    word.push(byte);
                    1
                }
                b':' if drive && word.end == at + 1 => {
                    word.len = 0;
                    1
                }
                b'/' => {
                    word.enter_directory();
                    1
                }
                b'\\' if drive => {
                    word.enter_directory();
                    1
                }
                b'\\' if matches!(next, b'n' | b'r') && !follows_letter(bytes, word.end + 2) => break,
                b'\\' | b'^' if next.is_ascii_alphanumeric() && letters > 0 => {
                    word.tricked = true;
                    1
                }
                // `id\n`: a line break that stayed escaped ends the word.
                b'\\' if next.is_ascii_alphabetic() || next == b'\\' => {
                    word.tricked = true;
                    1
                }
                b'\'' | b'"' => match quoted(bytes, word.end) {
                    Some(length) => {
                        for inner in bytes.get(word.end + 1..word.end + 1 + length)? {
                            match inner {
                                b'/' => word.enter_directory(),
                                inner => word.push(*inner),
                            }
                        }
                        word.tricked = true;
                        length + 2
                    }
                    None => break,
                },
                b'?' | b'*' | b'[' | b']' if word.is_path => {
                    word.wildcards = word.wildcards.saturating_add(1);
                    1
                }
                b'$' => match expansion(bytes, word.end) {
                    Some(length) if letters > 0 => {
                        word.tricked = true;
                        length
                    }
                    _ => break,
                },
                _ => break,
            };
            letters += 1;
            word.end += step;
        }
        // A word may end a sentence or a host name.
        (letters > 0 && (word.len > 0 || word.wildcards > 0)).then_some(word)
    }

    fn push(&mut self, byte: u8) {
        match self.name.get_mut(self.len) {
            Some(slot) => {
                *slot = byte.to_ascii_lowercase();
                self.len += 1;
            }
            None => self.len = usize::MAX,
        }
    }

    fn enter_directory(&mut self) {
        self.is_path = true;
        self.in_bin = matches!(self.name(), b"bin" | b"sbin" | b"system32" | b"tmp" | b"shm");
        self.len = 0;
    }
}

fn follows_letter(bytes: &[u8], at: usize) -> bool {
    bytes.get(at).is_some_and(u8::is_ascii_alphanumeric)
}

/// Whether `X:\` or `X:/` stands at `at`.
fn is_drive(bytes: &[u8], at: usize) -> bool {
    matches!(
        bytes.get(at..).unwrap_or_default(),
        [letter, b':', b'\\' | b'/', ..] if letter.is_ascii_alphabetic()
    )
}

/// Length of what the quote at `at` encloses, if that could be a piece of a word.
fn quoted(bytes: &[u8], at: usize) -> Option<usize> {
    let (quote, rest) = bytes.get(at..)?.split_first()?;
    let length = rest.iter().take(20).position(|byte| byte == quote)?;
    let piece = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'/' | b'.' | b'_' | b'-');
    rest.get(..length)?.iter().all(piece).then_some(length)
}

/// Length of an expansion at `at` that yields nothing: `$@`, `$*`, `$9`, `$u`, `${u}`; not `$IFS`.
fn expansion(bytes: &[u8], at: usize) -> Option<usize> {
    let rest = bytes.get(at + 1..)?;
    match rest.first()? {
        b'@' | b'*' | b'#' | b'!' | b'-' | b'1'..=b'9' => Some(2),
        b'{' => {
            let length = rest.iter().take(16).position(|b| *b == b'}')?;
            (!is_ifs(bytes, at)).then_some(length + 2)
        }
        b'a'..=b'z' | b'A'..=b'Z' | b'_' => {
            let name = |b: &&u8| b.is_ascii_alphanumeric() || **b == b'_';
            let length = rest.iter().take(16).take_while(name).count();
            (!is_ifs(bytes, at)).then_some(length + 1)
        }
        _ => None,
    }
}

/// Whether `$IFS` or `${IFS` stands at `at`.
pub(super) fn is_ifs(bytes: &[u8], at: usize) -> bool {
    let rest = bytes.get(at..).unwrap_or_default();
    rest.starts_with(b"$IFS") || rest.starts_with(b"${IFS")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoting_is_undone() {
        let cases: [(&[u8], &[u8], usize); 10] = [
            (b"cat /x", b"cat", 3),
            (b"c''at x", b"cat", 5),
            (b"'c'a\"t\"", b"cat", 7),
            (b"c\\at", b"cat", 4),
            (b"wh$@oami", b"whoami", 8),
            (b"/usr/bin/ID;", b"id", 11),
            (b"cat$IFS/etc", b"cat", 3),
            (b"cat$u /etc", b"cat", 5),
            (b"p^i^n^g x", b"ping", 7),
            (b"C:\\Windows\\System32\\cmd.exe /c", b"cmd.exe", 27),
        ];
        for (text, name, end) in cases {
            let word = Word::read(text, 0).unwrap();
            assert_eq!((word.name(), word.end), (name, end), "{text:?}");
        }
        assert!(Word::read(b" x", 0).is_none());
        assert!(Word::read(b"I'd", 0).unwrap().name() == b"i");
    }
}
