//! Chunked bodies (RFC 9112, section 7.1): which bytes are data, which are framing, where it ends.
//!
//! Copies nothing and reads every byte once, in whatever pieces they come.

use super::Malformed;

/// Most bytes of framing between data that are accepted: a size line with its extensions, or all
/// trailers together. Lambda's error trailers carry an error's text, which runtimes bound to 16 KiB.
const MOST_FRAMING: usize = 64 << 10;

/// Where in a chunked body a reader is.
#[derive(Debug, Clone)]
pub(crate) struct Chunked {
    state: State,
    /// Bytes of framing since the last data.
    framing: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// In the digits of a size, of which there were some.
    Size {
        size: u64,
        digits: u8,
    },
    /// In the white space behind a size: RFC 9112, 7.1.1 has it before an extension, and some
    /// clients pad sizes with it.
    Padding {
        size: u64,
    },
    /// In what follows a size up to its line's end.
    Extension {
        size: u64,
    },
    /// At the line feed of a size line.
    SizeEnd {
        size: u64,
    },
    Data {
        left: u64,
    },
    /// At the carriage return behind data.
    DataReturn,
    DataEnd,
    /// At a trailer's first byte, or the body's last line.
    TrailerStart,
    Trailer,
    TrailerEnd,
    LastEnd,
    Done,
}

/// What the next bytes are; at least one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Piece {
    /// So many bytes of data.
    Data(usize),
    /// So many bytes of framing.
    Framing(usize),
    /// So many bytes of the trailer section, the empty line that ends it included.
    Trailer(usize),
}

impl Chunked {
    pub(crate) const fn new() -> Self {
        Self {
            state: State::Size { size: 0, digits: 0 },
            framing: 0,
        }
    }

    /// Whether the body is over.
    pub(crate) fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// What `bytes` begin with; nothing when they are empty or the body is over.
    pub(crate) fn next(&mut self, bytes: &[u8]) -> Result<Option<Piece>, Malformed> {
        if bytes.is_empty() || self.is_done() {
            return Ok(None);
        }
        if let State::Data { left } = self.state {
            let taken = bytes.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            let left = left - taken as u64;
            self.state = match left {
                0 => State::DataReturn,
                left => State::Data { left },
            };
            self.framing = 0;
            return Ok(Some(Piece::Data(taken)));
        }
        let in_trailer = self.is_in_trailer();
        let mut taken = 0;
        for byte in bytes {
            self.step(*byte)?;
            taken += 1;
            self.framing += 1;
            if self.framing > MOST_FRAMING {
                return Err(Malformed("chunk sizes or trailers are too long"));
            }
            let changes = self.is_in_trailer() != in_trailer;
            if changes || matches!(self.state, State::Data { .. } | State::Done) {
                break;
            }
        }
        Ok(Some(if in_trailer {
            Piece::Trailer(taken)
        } else {
            Piece::Framing(taken)
        }))
    }

    const fn is_in_trailer(&self) -> bool {
        matches!(
            self.state,
            State::TrailerStart | State::Trailer | State::TrailerEnd | State::LastEnd | State::Done
        )
    }

    fn step(&mut self, byte: u8) -> Result<(), Malformed> {
        const BAD_LINE: Malformed = Malformed("a chunk does not end in a line break");
        self.state = match (self.state, byte) {
            (State::Size { size, digits }, byte) if byte.is_ascii_hexdigit() => {
                let digit = char::from(byte).to_digit(16).unwrap_or(0);
                // 15 digits: a length that no integer type here can overflow on.
                if digits == 15 {
                    return Err(Malformed("a chunk's size is too large"));
                }
                State::Size {
                    size: size << 4 | u64::from(digit),
                    digits: digits + 1,
                }
            }
            (State::Size { digits: 0, .. }, _) => {
                return Err(Malformed("a chunk has no size"));
            }
            (
                State::Size { size, .. } | State::Padding { size } | State::Extension { size },
                b'\r',
            ) => State::SizeEnd { size },
            (State::Size { size, .. } | State::Padding { size }, b';') => State::Extension { size },
            (State::Size { size, .. } | State::Padding { size }, b' ' | b'\t') => {
                State::Padding { size }
            }
            (State::Extension { size }, byte) if is_text(byte) => State::Extension { size },
            (State::Size { .. } | State::Padding { .. } | State::Extension { .. }, _) => {
                return Err(Malformed("a chunk's size is no hexadecimal number"));
            }
            (State::SizeEnd { size: 0 }, b'\n') | (State::TrailerEnd, b'\n') => State::TrailerStart,
            (State::SizeEnd { size }, b'\n') => State::Data { left: size },
            (State::DataReturn, b'\r') => State::DataEnd,
            (State::DataEnd, b'\n') => State::Size { size: 0, digits: 0 },
            (State::TrailerStart, b'\r') => State::LastEnd,
            (State::Trailer, b'\r') => State::TrailerEnd,
            // A line that begins with white space would go on with the one before it.
            (State::TrailerStart, b' ' | b'\t') => {
                return Err(Malformed("a trailer begins with white space"));
            }
            (State::TrailerStart | State::Trailer, byte) if is_text(byte) => State::Trailer,
            (State::LastEnd, b'\n') => State::Done,
            _ => return Err(BAD_LINE),
        };
        Ok(())
    }
}

/// Whether a byte can stand in a line (RFC 9110, 5.5).
const fn is_text(byte: u8) -> bool {
    byte == b'\t' || (byte >= b' ' && byte != 0x7f)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A body, its data, its trailers, and whether it is whole.
    type Case = (&'static [u8], &'static [u8], &'static [u8], bool);

    /// Data, trailers, and how many bytes the body took, when it comes `step` bytes at a time.
    fn read(bytes: &[u8], step: usize) -> Result<(Vec<u8>, Vec<u8>, usize, bool), Malformed> {
        let (mut data, mut trailer, mut at) = (Vec::new(), Vec::new(), 0);
        let mut chunked = Chunked::new();
        while at < bytes.len() && !chunked.is_done() {
            let end = bytes.len().min(at + step);
            while let Some(piece) = chunked.next(&bytes[at..end])? {
                match piece {
                    Piece::Data(n) => {
                        data.extend_from_slice(&bytes[at..at + n]);
                        at += n;
                    }
                    Piece::Trailer(n) => {
                        trailer.extend_from_slice(&bytes[at..at + n]);
                        at += n;
                    }
                    Piece::Framing(n) => at += n,
                }
            }
        }
        Ok((data, trailer, at, chunked.is_done()))
    }

    #[test]
    fn bodies_are_read_alike_in_pieces_of_any_length() {
        let cases: [Case; 7] = [
            (b"0\r\n\r\n", b"", b"\r\n", true),
            (b"5\r\nhello\r\n0\r\n\r\n", b"hello", b"\r\n", true),
            (
                b"5;a=\"b\"\r\nhello\r\n00A \r\n, world!!!\r\n0\r\nX: y\r\nZ: w\r\n\r\nnext",
                b"hello, world!!!",
                b"X: y\r\nZ: w\r\n\r\n",
                true,
            ),
            (b"4\r\n\r\n\r\n\r\n0\r\n\r\n", b"\r\n\r\n", b"\r\n", true),
            (b"1 \t ;x=y\r\nz\r\n0\r\n\r\n", b"z", b"\r\n", true),
            (b"5\r\nhel", b"hel", b"", false),
            (b"5\r\nhello\r\n0\r\nX: y\r\n", b"hello", b"X: y\r\n", false),
        ];
        for (bytes, data, trailer, done) in cases {
            for step in 1..=bytes.len() {
                let found = read(bytes, step).unwrap();
                assert_eq!(
                    (found.0.as_slice(), found.1.as_slice(), found.3),
                    (data, trailer, done)
                );
                if done {
                    let behind = bytes.strip_suffix(b"next").unwrap_or(bytes);
                    assert_eq!(found.2, behind.len());
                }
            }
        }
    }

    #[test]
    fn what_is_no_chunk_is_refused() {
        let long = [b"1;".as_slice(), &[b'x'; MOST_FRAMING + 1]].concat();
        let cases: [&[u8]; 15] = [
            b"\r\n",
            b"g\r\n",
            b"-1\r\n",
            b"+1\r\n",
            b"1\nx",
            b"1\r\nxy",
            b"1\r\nx\n",
            b"1000000000000000\r\n",
            b"0\r\n\n",
            b"1 2\r\nx",
            b"1 /x HTTP/1.1\r\nx",
            b"1;\x7f\r\nx",
            b"0\r\nA: b\r\n c\r\n\r\n",
            b"0\r\nA: b\nB: c\r\n\r\n",
            &long,
        ];
        for bytes in cases {
            for step in [1, bytes.len()] {
                assert!(read(bytes, step).is_err(), "{}", bytes.escape_ascii());
            }
        }
    }
}
