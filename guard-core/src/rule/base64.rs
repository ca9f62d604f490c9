//! Base64 that an attacked language undoes by itself: in Log4j's lookups, in serialized objects.

use crate::inspect::base64_digit;

/// What digits taken one after the other become.
#[derive(Debug, Default)]
pub(super) struct Octets {
    bits: u32,
    count: u32,
}

impl Octets {
    /// Takes a digit of either alphabet; answers the byte that it completes, if any. None for what is no
    /// digit.
    pub(super) fn take(&mut self, digit: u8) -> Option<Option<u8>> {
        self.bits = self.bits << 6 | u32::from(base64_digit(digit)?);
        self.count += 6;
        if self.count < 8 {
            return Some(None);
        }
        self.count -= 8;
        Some(Some((self.bits >> self.count & 0xff) as u8))
    }
}
