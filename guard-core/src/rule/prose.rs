//! What tells prose from a language's text: words.

/// Plain words among `bytes`.
pub(super) fn words(bytes: &[u8]) -> usize {
    let plain = |word: &&[u8]| {
        word.len() >= 2
            && word
                .iter()
                .all(|b| b.is_ascii_alphabetic() || b",.'-:".contains(b) || *b >= 0x80)
    };
    bytes.split(u8::is_ascii_whitespace).filter(plain).count()
}
