//! Python's pickle: a program for a small stack machine (Lib/pickletools.py lists its opcodes),
//! walked as far as needed to see which functions it names.

/// Whether the program at the head of `bytes` names a function that runs commands or code. It may
/// be cut off.
pub(super) fn is_dangerous(bytes: &[u8]) -> bool {
    let mut i = 0;
    // The last two strings pushed: module and name of STACK_GLOBAL.
    let mut strings: [&[u8]; 2] = [&[], &[]];
    // Every opcode reads a byte at least.
    while let Some(opcode) = bytes.get(i) {
        i += 1;
        match opcode {
            b'c' | b'i' => {
                let (module, after) = line(bytes, i);
                let (name, after) = line(bytes, after);
                if is_risky(module, name) {
                    return true;
                }
                i = after;
            }
            // STACK_GLOBAL
            0x93 => {
                let [module, name] = strings;
                if is_risky(module, name) {
                    return true;
                }
            }
            // Strings with a length of one, four or eight bytes.
            0x8c | b'U' | b'C' | b'X' | b'T' | b'B' | 0x8d | 0x8e | 0x96 => {
                let width = match opcode {
                    0x8c | b'U' | b'C' => 1,
                    b'X' | b'T' | b'B' => 4,
                    _ => 8,
                };
                let length = number(bytes, i, width);
                let start = i + width;
                let end = start.saturating_add(length).min(bytes.len());
                strings = [strings[1], bytes.get(start..end).unwrap_or_default()];
                i = end.max(start);
            }
            b'V' | b'S' => {
                let (text, after) = line(bytes, i);
                strings = [strings[1], text.trim_ascii().trim_quotes()];
                i = after;
            }
            b'I' | b'L' | b'F' | b'g' | b'p' | b'P' => i = line(bytes, i).1,
            0x80 | b'K' | b'q' | b'h' | 0x82 => i += 1,
            b'M' | 0x83 => i += 2,
            b'J' | b'r' | b'j' | 0x84 => i += 4,
            b'G' | 0x95 => i += 8,
            0x8a => i = i.saturating_add(1 + number(bytes, i, 1)),
            0x8b => i = i.saturating_add(4 + number(bytes, i, 4)),
            b'('
            | b')'
            | b'.'
            | b'0'..=b'2'
            | b'N'
            | b'Q'
            | b'R'
            | b']'
            | b'a'
            | b'b'
            | b'd'
            | b'e'
            | b'l'
            | b'o'
            | b's'
            | b't'
            | b'u'
            | b'}'
            | 0x81
            | 0x85..=0x89
            | 0x8f..=0x92
            | 0x94
            | 0x97
            | 0x98 => {}
            _ => return false,
        }
    }
    false
}

trait TrimQuotes {
    fn trim_quotes(&self) -> &Self;
}

impl TrimQuotes for [u8] {
    fn trim_quotes(&self) -> &Self {
        match self {
            [b'\'' | b'"', inner @ .., b'\'' | b'"'] => inner,
            _ => self,
        }
    }
}

fn line(bytes: &[u8], from: usize) -> (&[u8], usize) {
    let rest = bytes.get(from..).unwrap_or_default();
    let n = rest.iter().position(|b| *b == b'\n').unwrap_or(rest.len());
    (rest.get(..n).unwrap_or_default(), from + n + 1)
}

fn number(bytes: &[u8], from: usize, width: usize) -> usize {
    let digits = bytes
        .get(from..)
        .unwrap_or_default()
        .iter()
        .take(width)
        .rev();
    digits.fold(0_usize, |n, b| {
        n.checked_mul(256)
            .map_or(usize::MAX, |n| n | usize::from(*b))
    })
}

/// Whether calling `module.name` runs a command, or code that comes as data.
pub(super) fn is_risky(module: &[u8], name: &[u8]) -> bool {
    const MODULES: [&[u8]; 19] = [
        b"os",
        b"posix",
        b"nt",
        b"subprocess",
        b"pty",
        b"commands",
        b"popen2",
        b"sys",
        b"socket",
        b"shutil",
        b"importlib",
        b"runpy",
        b"timeit",
        b"code",
        b"ctypes",
        b"marshal",
        b"webbrowser",
        b"pdb",
        b"cProfile",
    ];
    const BUILTINS: [&[u8]; 8] = [
        b"eval",
        b"exec",
        b"execfile",
        b"compile",
        b"__import__",
        b"getattr",
        b"open",
        b"apply",
    ];
    let first = module.split(|b| *b == b'.').next().unwrap_or_default();
    if matches!(module, b"builtins" | b"__builtin__" | b"__builtins__") {
        return BUILTINS.contains(&name);
    }
    MODULES.contains(&first)
        && name
            .first()
            .is_some_and(|b| b.is_ascii_alphabetic() || *b == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_walked_to_the_functions_they_name() {
        for (program, dangerous) in [
            (b"cos\nsystem\n(S'id'\ntR.".as_slice(), true),
            (
                b"\x80\x03cposix\nsystem\nq\0X\x02\0\0\0idq\x01\x85q\x02Rq\x03.",
                true,
            ),
            (
                b"\x80\x04\x95\x1d\0\0\0\0\0\0\0\x8c\x05posix\x94\x8c\x06system\x94\x93\x94",
                true,
            ),
            (b"(S'id'\nios\nsystem\n.", true),
            (b"cbuiltins\nset\n(lR.", false),
            (b"\x80\x04}\x94\x8c\x01a\x94K\x01s.", false),
            (b"corner\ncase\n", false),
            (b"\x80\x04\x8d\xff\xff\xff\xff\xff\xff\xff\xff", false),
            (b"", false),
        ] {
            assert_eq!(is_dangerous(program), dangerous, "{program:?}");
        }
    }
}
