//! What a decision knows of the program it decides for.

use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

use guard_core::policy::{Access, CompiledPolicy, Decision};

use crate::network::Sockets;
use crate::shared::{Ring, Sealed, TmpUse};

/// The program under guard. Put together once, when it starts.
#[derive(Debug, Clone, Copy)]
pub struct Process<'a> {
    /// The policy of the sealed region.
    pub policy: CompiledPolicy<'a>,
    /// What the extension says.
    pub sealed: Sealed<'a>,
    /// Where records go.
    pub ring: Ring<'a>,
    /// What this process remembers.
    pub local: &'a Local,
    /// How programs that it starts are guarded.
    pub children: Children<'a>,
    /// The program that runs, when the loader started it: `/proc/self/exe` names the loader then.
    /// Empty otherwise. Without a final NUL.
    pub program: &'a [u8],
    /// Process and thread whose call it is, when another process decides about it in their place.
    pub acts_for: Option<[u32; 2]>,
}

impl Process<'_> {
    /// Whether what the policy refuses is refused.
    #[must_use]
    pub const fn enforces(&self) -> bool {
        self.policy.mode_number() == 0
    }

    /// Whether rules or settings restrict anything, so that a program without guard would be a way
    /// around them.
    #[must_use]
    pub fn restricts(&self) -> bool {
        self.policy.egress_name(b"a") != Decision::NotRestricted || self.restricts_files()
    }

    /// Whether rules or settings restrict what is done to files.
    pub(crate) fn restricts_files(&self) -> bool {
        let phase = self.sealed.phase();
        let policy = &self.policy;
        let decisions = [
            policy.file(b"/", Access::Read, phase),
            policy.file(b"/", Access::Write, phase),
            policy.exec(b"/", phase),
        ];
        decisions
            .iter()
            .any(|decision| *decision != Decision::NotRestricted)
            || self.sealed.tmp() != TmpUse::Keep
    }

    /// Whether anything is looked at at all: not in mode off.
    pub(crate) const fn records(&self) -> bool {
        self.policy.mode_number() <= 1
    }
}

/// How programs that are started are guarded. All without a final NUL.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Children<'a> {
    /// Path of the library that dynamic programs preload.
    pub preload: &'a [u8],
    /// Path of the loader that starts static programs.
    pub loader: &'a [u8],
    /// Value of `GUARD_RENDEZVOUS`, as children get it.
    pub rendezvous: &'a [u8],
}

impl<'a> Children<'a> {
    /// From the library's path, the loader's path and the value of `GUARD_RENDEZVOUS`.
    #[must_use]
    pub const fn new(preload: &'a [u8], loader: &'a [u8], rendezvous: &'a [u8]) -> Self {
        Self {
            preload,
            loader,
            rendezvous,
        }
    }
}

/// Memory of one process, not shared. A static of whoever calls.
#[derive(Debug)]
pub struct Local {
    pub(crate) sockets: Sockets,
    /// Paths that were no symbolic links when they were looked at, by hash; lossy. What rests on
    /// it is made to fail when it is out of date.
    pub(crate) plain: [AtomicU64; 256],
    /// Paths that met a link when they were opened as text, by hash; lossy, a hint.
    pub(crate) linked: [AtomicU64; 64],
    /// The process that `/proc/self` was seen to lead to, being this one; 0 for none. A child has
    /// another number, and looks for itself.
    pub(crate) own_folder: AtomicU32,
    /// Mappings with arguments of programs that were started: owner's process id and address, and
    /// length in bytes. See `programs::areas`.
    pub(crate) areas: [[AtomicU64; 3]; 32],
    /// Whether another thread or process may change what a descriptor's number stands for.
    shares: AtomicBool,
    /// Whether the program's dynamic loader is at work, so that the program has not begun.
    linking: AtomicBool,
    /// Whether who started the program names libraries that it does not ask for.
    steered: AtomicBool,
    /// Whether the program is being started by its user, not by a program under guard.
    starting: AtomicBool,
}

impl Local {
    /// Remembers nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            sockets: Sockets::new(),
            plain: [const { AtomicU64::new(0) }; 256],
            linked: [const { AtomicU64::new(0) }; 64],
            own_folder: AtomicU32::new(0),
            areas: [const { [const { AtomicU64::new(0) }; 3] }; 32],
            shares: AtomicBool::new(false),
            linking: AtomicBool::new(false),
            steered: AtomicBool::new(false),
            starting: AtomicBool::new(false),
        }
    }

    /// Whether the dynamic loader is at work. While it is, what it needs to link a program that may
    /// run needs no entries of its own. Whoever starts the program says so, and that it has begun.
    #[must_use]
    pub const fn linking(&self) -> &AtomicBool {
        &self.linking
    }

    /// Whether variables name libraries, or places for them, that the program does not ask for by
    /// itself: what is linked then is the program's as little as what it loads later. Not to be said
    /// of root, who could write over the program's own.
    #[must_use]
    pub const fn steered(&self) -> &AtomicBool {
        &self.steered
    }

    /// Whether what is started is what the user has asked for, which needs no entry. Whoever asks on
    /// the user's behalf says so, before any code of a program runs.
    #[must_use]
    pub const fn starting(&self) -> &AtomicBool {
        &self.starting
    }

    /// Somebody is being made who shares the table of descriptors.
    pub(crate) fn share_descriptors(&self) {
        self.shares.store(true, Ordering::Relaxed);
    }

    /// Whether anybody else may do that: another thread, or a process with the same table.
    #[must_use]
    pub fn shares_descriptors(&self) -> bool {
        self.shares.load(Ordering::Relaxed)
    }

    pub(crate) fn is_starting(&self) -> bool {
        self.starting.load(Ordering::Relaxed)
    }

    pub(crate) fn is_linking(&self) -> bool {
        self.linking.load(Ordering::Relaxed)
    }

    pub(crate) fn is_steered(&self) -> bool {
        self.steered.load(Ordering::Relaxed)
    }
}

impl Default for Local {
    fn default() -> Self {
        Self::new()
    }
}
