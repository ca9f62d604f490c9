//! What a search reports: sites, what is known of each, and how far it looked for branches.

/// One instruction that enters the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Site {
    /// Of its first byte, in the text.
    pub offset: u32,
    /// Which instruction.
    pub kind: Kind,
    /// The call's number, where it is constant: an instruction right before sets it and no branch
    /// within the [`Reach`] of the search lands between that instruction and this one.
    pub number: Option<u32>,
    /// Byte i stands for the text at `offset - 32 + i`: whether a direct branch lands there.
    pub landings: u64,
    /// Byte i stands for the text at `offset - 32 + i`: whether an instruction starts there, as
    /// far as that is known (before the site).
    pub boundaries: u64,
}

impl Site {
    /// What an earlier search reported, kept with the file's build id: what is known of a file need
    /// not be searched for again. `guard scan --json` prints it.
    pub const fn known(offset: u32, number: Option<u32>, landings: u64, boundaries: u64) -> Self {
        Self {
            offset,
            kind: Kind::Call,
            number,
            landings,
            boundaries,
        }
    }

    /// Fills an array before a search.
    pub const NONE: Self = Self {
        offset: 0,
        kind: Kind::Call,
        number: None,
        landings: 0,
        boundaries: 0,
    };
}

/// The instruction at a site.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// `syscall` or `svc #0`.
    Call,
    /// Bytes of a system call of which it could not be settled whether they are an instruction:
    /// never patched.
    Doubtful,
    /// `int 0x80`: the 32-bit interface of x86, whose numbers mean other calls.
    Int80,
    /// `sysenter`: the same.
    Sysenter,
    /// One of these behind prefixes that do nothing. The site is where the call's own bytes begin.
    Prefixed,
}

impl Kind {
    /// Whether no compiler makes such a call in a 64-bit program: where a policy is enforced, it is
    /// refused or a trap, whatever its number is.
    #[must_use]
    pub const fn is_odd(self) -> bool {
        matches!(self, Self::Int80 | Self::Sysenter | Self::Prefixed)
    }
}

/// How far around a site direct branches are looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reach {
    /// In the whole text: compilers put cold parts of a function far away from it.
    All,
    /// Within 4 KiB: Go keeps a function in one piece.
    Near,
}

/// Part of the sites of a text.
#[derive(Debug)]
#[non_exhaustive]
pub struct Batch<'s> {
    /// In the order of the text.
    pub sites: &'s mut [Site],
    /// Where to search on; nothing when the text is done.
    pub next: Option<u32>,
}
