//! Gzip inside base64, as CloudWatch Logs sends its records.

use miniz_oxide::inflate::stream::{InflateState, inflate};
use miniz_oxide::{DataFormat, MZFlush, MZStatus};

use super::{Decoder, Growth, Layer, Source};

/// Most that one value may inflate to: ten times the largest event. What is beyond goes unlooked and
/// the event is reported for it.
pub(in crate::inspect) const LARGEST: usize = 64 << 20;

/// So many bytes are read for nothing with each character of base64 that a caller wrote. Logs of a function that
/// says the same of each invocation inflate to ten bytes and more; what inflates to hundreds is made for it.
const FREE: usize = 32;

/// And so many of them count as one of the event's for everything else: what repeats itself that often needs less
/// than what does not.
const COUNTED: usize = 16;

/// Who compressed it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::inspect) enum By {
    /// AWS, which wraps what the function was subscribed to: what it inflates to was as long when it came about.
    Platform,
    /// Who sent the event.
    Caller,
}

/// Base64 characters decoded at a time.
const INPUT: usize = 2048;

/// Inflates a gzip member (RFC 1952) that base64 text holds. Some 45 KiB: kept in the frame of the
/// one function that reads it.
pub(in crate::inspect) struct Gunzip<'s> {
    decoder: Decoder<'s>,
    inflate: InflateState,
    input: [u8; INPUT],
    /// What of `input` is still to be inflated.
    start: usize,
    end: usize,
    produced: usize,
    by: By,
    /// How many bytes are still read for nothing.
    free: usize,
    done: bool,
}

impl<'s> Gunzip<'s> {
    /// `None` if `text` does not decode to the header of a gzip member.
    pub(in crate::inspect) fn new(text: &'s [u8], by: By) -> Option<Self> {
        // The magic number 1f 8b 08 in base64.
        if !text.starts_with(b"H4sI") {
            return None;
        }
        let mut decoder = Decoder::new(Layer::Base64, text);
        let mut input = [0; INPUT];
        let end = decoder.read(&mut input);
        let start = header(&input[..end])?;
        let inflate = InflateState::new(DataFormat::Raw);
        Some(Self {
            decoder,
            inflate,
            input,
            start,
            end,
            produced: 0,
            by,
            free: match by {
                By::Platform => LARGEST,
                By::Caller => FREE * text.len(),
            },
            done: false,
        })
    }

    /// Whether inflating stopped at [`LARGEST`].
    pub(in crate::inspect) const fn is_cut(&self) -> bool {
        self.produced >= LARGEST
    }
}

impl Source for Gunzip<'_> {
    fn read(&mut self, out: &mut [u8]) -> usize {
        let mut len = 0;
        while len < out.len() && !self.done {
            if self.start == self.end && !self.decoder.is_done() {
                self.start = 0;
                self.end = self.decoder.read(&mut self.input);
            }
            let input = &self.input[self.start..self.end];
            let step = inflate(&mut self.inflate, input, &mut out[len..], MZFlush::None);
            self.start += step.bytes_consumed;
            len += step.bytes_written;
            self.produced += step.bytes_written;
            let stuck = step.bytes_consumed == 0 && step.bytes_written == 0;
            self.done = stuck || step.status != Ok(MZStatus::Ok) || self.is_cut();
        }
        len
    }

    fn is_done(&self) -> bool {
        self.done
    }

    fn grown(&mut self, read: usize) -> Growth {
        let read = read.min(self.free);
        self.free -= read;
        Growth {
            read,
            counted: match self.by {
                By::Platform => read,
                By::Caller => read / COUNTED,
            },
        }
    }
}

/// Length of the header, if there is one and it ends within `bytes` (RFC 1952, section 2.3).
fn header(bytes: &[u8]) -> Option<usize> {
    const EXTRA: u8 = 1 << 2;
    const NAME: u8 = 1 << 3;
    const COMMENT: u8 = 1 << 4;
    const CHECKSUM: u8 = 1 << 1;
    let [0x1f, 0x8b, 8, flags, ..] = *bytes else {
        return None;
    };
    let mut at = 10;
    if flags & EXTRA != 0 {
        let low = *bytes.get(at)?;
        let high = *bytes.get(at + 1)?;
        at += 2 + usize::from(u16::from_le_bytes([low, high]));
    }
    for flag in [NAME, COMMENT] {
        if flags & flag != 0 {
            at += bytes.get(at..)?.iter().position(|byte| *byte == 0)? + 1;
        }
    }
    if flags & CHECKSUM != 0 {
        at += 2;
    }
    (at <= bytes.len()).then_some(at)
}
