//! Writes JSON strings that are valid whatever the text holds.

use core::fmt;

/// Writes `text` as a JSON string, quotes included.
pub(crate) fn write_string(out: &mut impl fmt::Write, text: &str) -> fmt::Result {
    out.write_char('"')?;
    for c in text.chars() {
        write_char(out, c)?;
    }
    out.write_char('"')
}

/// Writes what stands for `c` inside of a JSON string. Everything that could act on a terminal or
/// end a line for some reader is escaped: controls, DEL and C1, U+2028 and U+2029, and what changes
/// the direction of text.
pub(crate) fn write_char(out: &mut impl fmt::Write, c: char) -> fmt::Result {
    match c {
        '"' => out.write_str("\\\""),
        '\\' => out.write_str("\\\\"),
        '\n' => out.write_str("\\n"),
        '\r' => out.write_str("\\r"),
        '\t' => out.write_str("\\t"),
        '\0'..='\x1f'
        | '\x7f'..='\u{9f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2066}'..='\u{2069}'
        | '\u{feff}' => {
            write!(out, "\\u{:04x}", u32::from(c))
        }
        c => out.write_char(c),
    }
}

/// How many bytes [`write_char`] writes for `c`.
pub(crate) fn written_len(c: char) -> usize {
    struct Count(usize);
    impl fmt::Write for Count {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            self.0 += text.len();
            Ok(())
        }
    }
    let mut count = Count(0);
    // Counting does not fail.
    let _ = write_char(&mut count, c);
    count.0
}
