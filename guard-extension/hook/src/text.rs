//! Paths in fixed memory, ended by a NUL as the kernel takes them.

/// Bytes with a final NUL; at most `N - 1` of them.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub(crate) struct Text<const N: usize> {
    length: usize,
    bytes: [u8; N],
}

/// Longest path the kernel takes, with its final NUL (`PATH_MAX`, limits.h).
pub(crate) const PATH: usize = 4096;

/// A path.
pub(crate) type PathText = Text<PATH>;

impl<const N: usize> Text<N> {
    pub(crate) const fn new() -> Self {
        Self {
            length: 0,
            bytes: [0; N],
        }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }

    /// Where the text begins, for the kernel. The NUL is there.
    pub(crate) fn pointer(&self) -> usize {
        self.bytes.as_ptr().expose_provenance()
    }

    pub(crate) fn clear(&mut self) {
        self.cut(0);
    }

    /// Shortens the text.
    pub(crate) fn cut(&mut self, length: usize) {
        if let Some(byte) = self.bytes.get_mut(length) {
            *byte = 0;
            self.length = length;
        }
    }

    /// Appends, or leaves the text as it is and returns `None` when there is no room.
    pub(crate) fn push(&mut self, more: &[u8]) -> Option<()> {
        let end = self.length.checked_add(more.len())?;
        // With room for the NUL.
        if end >= N {
            return None;
        }
        let room = self.bytes.get_mut(self.length..end)?;
        copy(room, more).unwrap_or_else(|| room.copy_from_slice(more));
        self.cut(end);
        Some(())
    }

    /// Replaces the text.
    pub(crate) fn set(&mut self, text: &[u8]) -> Option<()> {
        self.clear();
        self.push(text)
    }

    /// Appends a number in decimal.
    pub(crate) fn push_number(&mut self, number: usize) -> Option<()> {
        let mut digits = [0_u8; 20];
        let mut rest = number;
        let mut first = digits.len();
        for digit in digits.iter_mut().rev() {
            #[allow(clippy::cast_possible_truncation, reason = "a digit")]
            let value = (rest % 10) as u8;
            *digit = b'0' + value;
            rest /= 10;
            first -= 1;
            if rest == 0 {
                break;
            }
        }
        self.push(digits.get(first..)?)
    }

    /// The whole memory, to be filled by the kernel; [`Self::filled`] says how far.
    pub(crate) fn room(&mut self) -> &mut [u8] {
        &mut self.bytes
    }

    /// Takes the first `length` bytes of the memory as text; `None` when no NUL fits behind them.
    pub(crate) fn filled(&mut self, length: usize) -> Option<()> {
        if length >= N {
            self.clear();
            return None;
        }
        self.cut(length);
        Some(())
    }
}

/// Copies few bytes between slices of one length: the first and the last ones, which overlap where
/// there are fewer. `None` for many. What compilers call for slices is `rep movsb` where no libc is:
/// it takes longer to begin than a path takes.
#[inline(never)]
fn copy(to: &mut [u8], from: &[u8]) -> Option<()> {
    fn ends<const N: usize>(to: &mut [u8], from: &[u8]) -> Option<()> {
        *to.first_chunk_mut::<N>()? = *from.first_chunk()?;
        *to.last_chunk_mut::<N>()? = *from.last_chunk()?;
        Some(())
    }
    match from.len() {
        0 => Some(()),
        1 => ends::<1>(to, from),
        2..=3 => ends::<2>(to, from),
        4..=7 => ends::<4>(to, from),
        8..=15 => ends::<8>(to, from),
        16..=31 => ends::<16>(to, from),
        32..=63 => ends::<32>(to, from),
        64..=128 => ends::<64>(to, from),
        _ => None,
    }
}

/// `/proc/thread-self/fd/N`, and room for a name below it.
///
/// Of the thread: one that has left the table of descriptors that the others share (unshare(2)) has
/// other files under the same numbers than `/proc/self` says.
pub(crate) type DescriptorPath = Text<320>;

impl DescriptorPath {
    pub(crate) fn of(&mut self, descriptor: usize) {
        self.clear();
        // Both fit.
        let _ = self.push(b"/proc/thread-self/fd/");
        let _ = self.push_number(descriptor);
    }
}
