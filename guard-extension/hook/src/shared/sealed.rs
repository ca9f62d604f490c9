//! The region that programs only read.
//!
//! | words | |
//! |---|---|
//! | 0 | magic |
//! | 1 | version |
//! | 2 | length of the region in words |
//! | 3, 4 | first word and length in bytes of the policy's image |
//! | 5, 6 | first word and number of the names' slots |
//! | 7 | first word of what is known of files' sites |
//! | 512.. | control page |
//!
//! Control page, counted from its first word: 0 phase (0 init, 1 invoke), 1 mode (as in the policy's
//! image), 2 use of /tmp, 3 process id of the extension, 4 flags of the tier, 5 number of redirects,
//! 8.. redirects of 4 words each: 0-1 address, 2 port and whether it leads to the proxy, 3 port of
//! the forwarder or the proxy on loopback.

use core::net::IpAddr;
use core::sync::atomic::AtomicU64;

use guard_core::policy::{CompiledPolicy, Phase};

use super::VERSION;
use super::texts::{self, KnownText, NamedBy, TextKey, Texts};
use super::words::{LayoutError, get, put_bytes, set};
use crate::names::{NameTable, SLOT, address, bits};

const MAGIC: u64 = u64::from_ne_bytes(*b"GRDseal\0");
const CONTROL: usize = 512;
const REDIRECT: usize = CONTROL + 8;
/// Set in the port of what leads to the proxy.
const PROXY: u64 = 1 << 16;
const MAX_REDIRECTS: usize = 8;
const POLICY: usize = 2 * CONTROL;

/// What becomes of /tmp.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum TmpUse {
    /// As any directory. What is wiped between invocations is so too.
    Keep = 0,
    /// Not writable.
    ReadOnly = 1,
    /// Not usable.
    None = 2,
}

/// A resolver whose queries go to the forwarder; or the Runtime API, whose requests go to the proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs, reason = "two ends, no more")]
pub struct Redirect {
    /// The address, as the program knows it; IPv4 not mapped.
    pub address: IpAddr,
    /// The port; a resolver's is 53.
    pub port: u16,
    /// The forwarder's port on 127.0.0.1, or the proxy's.
    pub forwarder: u16,
    /// Whether it is a resolver's: nobody knows of the forwarder then. Programs know the proxy.
    pub is_resolver: bool,
}

/// What the extension puts into the control page.
#[derive(Debug, Clone, Copy)]
#[allow(
    clippy::exhaustive_structs,
    reason = "the extension fills in all of it"
)]
pub struct Settings<'a> {
    /// What becomes of /tmp.
    pub tmp: TmpUse,
    /// The process that must not be tampered with.
    pub extension: u32,
    /// Resolvers, of which the first 4 count.
    pub redirects: &'a [Redirect],
}

/// The sealed region as a program sees it.
#[derive(Debug, Clone, Copy)]
pub struct Sealed<'a> {
    words: &'a [AtomicU64],
}

impl<'a> Sealed<'a> {
    /// Checks the frame. `words` is the whole mapping.
    ///
    /// # Errors
    /// When it is not a region that this version made.
    pub fn new(words: &'a [AtomicU64]) -> Result<Self, LayoutError> {
        if get(words, 0) != MAGIC {
            return Err(LayoutError::Magic);
        }
        if get(words, 1) != VERSION {
            return Err(LayoutError::Version);
        }
        let sealed = Self { words };
        let names_end = sealed
            .at(6)
            .checked_mul(SLOT)
            .and_then(|length| length.checked_add(sealed.at(5)));
        let texts_end = sealed.at(7).checked_add(texts::LENGTH);
        let is_inside = |end: Option<usize>| end.is_some_and(|end| end <= words.len());
        if sealed.at(2) > words.len() || !is_inside(names_end) || !is_inside(texts_end) {
            return Err(LayoutError::Length);
        }
        Ok(sealed)
    }

    /// The policy's image, checked.
    ///
    /// # Errors
    /// When it is outside the region or damaged.
    pub fn policy(&self) -> Result<CompiledPolicy<'a>, LayoutError> {
        let words = self.words.get(self.at(3)..).ok_or(LayoutError::Length)?;
        let image = crate::sys::region::constant_bytes(words)
            .get(..self.at(4))
            .ok_or(LayoutError::Length)?;
        CompiledPolicy::from_bytes(image).map_err(|_| LayoutError::Policy)
    }

    /// Whether the runtime has asked for an event.
    #[must_use]
    pub fn phase(&self) -> Phase {
        match get(self.words, CONTROL) {
            0 => Phase::Init,
            _ => Phase::Invoke,
        }
    }

    /// What becomes of /tmp. An unknown value is the narrowest.
    #[must_use]
    pub fn tmp(&self) -> TmpUse {
        match get(self.words, CONTROL + 2) {
            0 => TmpUse::Keep,
            1 => TmpUse::ReadOnly,
            _ => TmpUse::None,
        }
    }

    /// The extension's process.
    #[must_use]
    pub fn extension(&self) -> u32 {
        u32::try_from(get(self.words, CONTROL + 3)).unwrap_or(0)
    }

    /// What leads to the forwarder or the proxy instead.
    pub fn redirects(&self) -> impl Iterator<Item = Redirect> + use<'a> {
        let words = self.words;
        let count = self.at(CONTROL + 5).min(MAX_REDIRECTS);
        (0..count).map(move |index| {
            let at = REDIRECT + 4 * index;
            let port = |at| u16::try_from(get(words, at) & 0xffff).unwrap_or(0);
            Redirect {
                address: address(get(words, at), get(words, at + 1)),
                port: port(at + 2),
                forwarder: port(at + 3),
                is_resolver: get(words, at + 2) & PROXY == 0,
            }
        })
    }

    /// Calls `found` with every name that an address was learned under and that has not expired at
    /// `now` (seconds of `CLOCK_BOOTTIME`), until it returns true. Names are as the forwarder wrote
    /// them, at most 253 bytes.
    pub fn names(&self, of: IpAddr, now: u64, found: impl FnMut(&[u8]) -> bool) -> bool {
        self.table().find(of, now, found)
    }

    /// What is known of the sites of a file's text.
    #[must_use]
    pub fn text(&self, key: &TextKey, named: NamedBy) -> Option<KnownText<'a>> {
        self.texts().find(key, named)
    }

    /// Whether the extension keeps what is known of texts.
    #[must_use]
    pub fn knows_texts(&self) -> bool {
        self.texts().count() > 0
    }

    fn texts(&self) -> Texts<'a> {
        let words = self.words.get(self.at(7)..).unwrap_or_default();
        Texts(words.get(..texts::LENGTH).unwrap_or_default())
    }

    fn table(&self) -> NameTable<'a> {
        NameTable::new(self.words.get(self.at(5)..).unwrap_or_default(), self.at(6))
    }

    fn at(&self, at: usize) -> usize {
        usize::try_from(get(self.words, at)).unwrap_or(usize::MAX)
    }
}

/// The sealed region as the extension writes it. There is one writer.
#[derive(Debug)]
pub struct SealedWriter<'a> {
    view: Sealed<'a>,
}

impl<'a> SealedWriter<'a> {
    /// Bytes that a region needs, a multiple of 4096.
    #[must_use]
    pub const fn size(image: usize, names: usize) -> usize {
        (8 * (POLICY + image.div_ceil(8) + names * SLOT + texts::LENGTH)).next_multiple_of(4096)
    }

    /// Fills memory in, which is zero and at least [`Self::size`] long.
    ///
    /// # Errors
    /// When it is too short.
    pub fn create(
        words: &'a [AtomicU64],
        image: &[u8],
        names: usize,
        settings: &Settings<'_>,
    ) -> Result<Self, LayoutError> {
        if words.len() < Self::size(image.len(), names) / 8 {
            return Err(LayoutError::Length);
        }
        let names_at = POLICY + image.len().div_ceil(8);
        put_bytes(words, POLICY, image);
        set(words, CONTROL + 2, settings.tmp as u64);
        set(words, CONTROL + 3, u64::from(settings.extension));
        for (index, redirect) in settings.redirects.iter().take(MAX_REDIRECTS).enumerate() {
            let at = REDIRECT + 4 * index;
            let (high, low) = bits(redirect.address);
            set(words, at, high);
            set(words, at + 1, low);
            let end = if redirect.is_resolver { 0 } else { PROXY };
            set(words, at + 2, u64::from(redirect.port) | end);
            set(words, at + 3, u64::from(redirect.forwarder));
            set(words, CONTROL + 5, index as u64 + 1);
        }
        for (at, value) in [
            (2, words.len()),
            (3, POLICY),
            (4, image.len()),
            (5, names_at),
            (6, names),
            (7, names_at + names * SLOT),
        ] {
            set(words, at, value as u64);
        }
        set(words, 1, VERSION);
        set(words, 0, MAGIC);
        Ok(Self {
            view: Sealed::new(words)?,
        })
    }

    /// Another writer's handle on a region that [`Self::create`] filled in. There is one at a time.
    #[must_use]
    pub const fn join(view: Sealed<'a>) -> Self {
        Self { view }
    }

    /// The runtime has asked for an event: rules marked `@init` end.
    pub fn begin_invoke(&self) {
        set(self.view.words, CONTROL, 1);
    }

    /// What programs see.
    #[must_use]
    pub const fn view(&self) -> Sealed<'a> {
        self.view
    }

    /// Remembers that an address belongs to a name until `expiry` (seconds of `CLOCK_BOOTTIME`).
    /// Returns false when the name is too long, or the table is so full that a name in use had to
    /// give way: the one that expires first.
    pub fn learn(&self, address: IpAddr, name: &[u8], expiry: u64, now: u64) -> bool {
        self.view.table().learn(address, name, expiry, now)
    }

    /// Remembers what is known of the sites of a file's text: how many were found, are left alone,
    /// and stay open, and a word for each of the others. `stat` is the device of that inode as stat(2)
    /// names it, 0 where it has another there. False when there is no room.
    #[must_use]
    pub fn know(&self, key: &TextKey, stat: u64, counts: [u32; 3], sites: &[u64]) -> bool {
        self.view.texts().add(key, stat, counts, sites)
    }
}
