//! How a value looks after the usual encoders.

use core::fmt::Write as _;

/// The forms in which `value` may stand in a response, each once. In percent-encoding only if
/// `in_urls`.
pub(super) fn of(value: &[u8], in_urls: bool) -> Vec<Vec<u8>> {
    let mut forms = vec![value.to_vec()];
    for style in [
        Style::Plain,
        Style::Slashes,
        Style::Html,
        Style::Net,
        Style::Ascii,
    ] {
        let once = json(value, style);
        // An HTTP response's body is a JSON string, and what is in it often JSON as well.
        forms.push(json(&once, style));
        forms.push(json(&once, Style::Plain));
        forms.push(once);
    }
    if in_urls {
        forms.push(percent(value, "0123456789ABCDEF"));
        forms.push(percent(value, "0123456789abcdef"));
    }
    for before in 0..3 {
        let form = base64(value, before);
        forms.push(
            form.iter()
                .map(|c| if *c == b'+' { b'-' } else { *c })
                .collect(),
        );
        if let Some(url) = forms.last_mut() {
            for c in url.iter_mut().filter(|c| **c == b'/') {
                *c = b'_';
            }
        }
        forms.push(form);
    }
    forms.sort_unstable();
    forms.dedup();
    forms
}

/// What JSON encoders escape beyond what they must.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Style {
    /// Nothing.
    Plain,
    /// The slash: PHP.
    Slashes,
    /// `<`, `>`, `&`: Go, Rails.
    Html,
    /// These, the quotes and `+` with uppercase digits, and what is not ASCII: .NET.
    Net,
    /// What is not ASCII: Python.
    Ascii,
}

fn json(value: &[u8], style: Style) -> Vec<u8> {
    // Bytes that are not UTF-8 pass through encoders that take bytes as they are.
    let Ok(text) = core::str::from_utf8(value) else {
        return value.to_vec();
    };
    let mut out = String::new();
    for c in text.chars() {
        let by_style = match c {
            '/' => style == Style::Slashes,
            '<' | '>' | '&' => matches!(style, Style::Html | Style::Net),
            '"' | '\'' | '+' | '`' => style == Style::Net,
            _ => !c.is_ascii() && matches!(style, Style::Net | Style::Ascii),
        };
        match c {
            '/' if by_style => out.push_str("\\/"),
            _ if by_style => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    // A String takes whatever is written.
                    let _ = match style {
                        Style::Net => write!(out, "\\u{unit:04X}"),
                        _ => write!(out, "\\u{unit:04x}"),
                    };
                }
            }
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c => out.push(c),
        }
    }
    out.into_bytes()
}

/// Percent-encoding of everything but unreserved characters (RFC 3986, section 2.3).
fn percent(value: &[u8], digits: &str) -> Vec<u8> {
    let mut out = Vec::new();
    for byte in value {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(byte) {
            out.push(*byte);
        } else {
            out.push(b'%');
            let nibbles = [usize::from(byte >> 4), usize::from(byte & 15)];
            out.extend(nibbles.iter().filter_map(|n| digits.as_bytes().get(*n)));
        }
    }
    out
}

/// The part of base64 (RFC 4648, section 4) that is `value`'s alone when `before` bytes (counted
/// modulo 3) stand before it in what is encoded.
fn base64(value: &[u8], before: usize) -> Vec<u8> {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = Vec::new();
    let mut bits = 0_u32;
    let mut count = 0;
    for byte in core::iter::repeat_n(&0, before).chain(value) {
        bits = (bits << 8) | u32::from(*byte);
        count += 8;
        while count >= 6 {
            count -= 6;
            let index = (bits >> count) & 63;
            out.extend(ALPHABET.get(index as usize));
        }
        bits &= (1 << count) - 1;
    }
    // Digits that hold bits of what stands before; what is left in `bits` shares its digit with
    // what follows.
    out.drain(..(before * 8).div_ceil(6).min(out.len()));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_those_of_the_encoders() {
        let forms = of("p/q+r\"<é>wörd".as_bytes(), true);
        for wanted in [
            "p/q+r\"<é>wörd",
            r#"p/q+r\"<é>wörd"#,
            r#"p/q+r\\\"<é>wörd"#,
            r#"p\/q+r\"<é>wörd"#,
            r#"p\\/q+r\\\"<é>wörd"#,
            r#"p/q+r\"\u003cé\u003ewörd"#,
            r"p/q\u002Br\u0022\u003C\u00E9\u003Ew\u00F6rd",
            r#"p/q+r\"<\u00e9>w\u00f6rd"#,
            "p%2Fq%2Br%22%3C%C3%A9%3Ew%C3%B6rd",
            "p%2fq%2br%22%3c%c3%a9%3ew%c3%b6rd",
        ] {
            assert!(
                forms.iter().any(|form| form == wanted.as_bytes()),
                "{wanted}"
            );
        }
    }

    #[test]
    fn base64_does_not_depend_on_what_stands_around() {
        let value = b"abcdefgh";
        // Python: base64.b64encode(before + b"abcdefgh" + b"tail")
        for (before, whole) in [
            (0, "YWJjZGVmZ2h0YWls"),
            (1, "LWFiY2RlZmdodGFpbA=="),
            (2, "LS1hYmNkZWZnaHRhaWw="),
            (3, "LS0tYWJjZGVmZ2h0YWls"),
        ] {
            let form = String::from_utf8(base64(value, before % 3)).unwrap();
            assert!(whole.contains(&form), "{before} {form}");
            assert!(form.len() >= 10);
        }
    }
}
