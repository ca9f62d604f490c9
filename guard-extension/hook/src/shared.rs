//! The memory that the extension shares with the programs it guards: two regions, their layout, and
//! functions that read and write them, for both sides.
//!
//! - The **sealed** region is written by the extension and mapped read-only in programs: what the
//!   policy is, which phase it is, which resolvers lead to the forwarder, which name an address was
//!   learned under ([`Sealed`]).
//! - The **ring** is mapped writable in programs: records of what was refused or used, and a status
//!   per process ([`Ring`]).
//!
//! Everything is an atomic 64-bit word, so that no reader or writer can make another one's access
//! undefined; structures of several words carry a version. Numbers are in the machine's byte order:
//! both sides run on it. Nothing here is a pointer, and every read is checked against the region's
//! length.
//!
//! Whatever is in the ring may have been written by a program under guard: records can be forged or
//! left out by code that writes this memory by itself. The reader takes them for what they are,
//! bounded and with every value checked; the sealed region is out of programs' reach.

mod ring;
mod sealed;
mod texts;
pub(crate) mod words;

pub use ring::{Kind, Outcome, Record, Ring, RingReader, Status, TEXT};
pub use sealed::{Redirect, Sealed, SealedWriter, Settings, TmpUse};
pub use texts::{KnownText, NamedBy, TextKey};
pub use words::LayoutError;

/// Changes with every change of the layout.
pub const VERSION: u64 = 4;
