//! From a decision to a verdict and a record.
//!
//! Knows modes, and what is recorded how often. What an operation is and which error it ends with is
//! the business of those who ask.

use core::hash::Hasher;
use core::net::IpAddr;

use guard_core::policy::{Decision, Phase};

use crate::files::is_below;
use crate::process::Process;
use crate::shared::{Kind, Outcome, Record};
use crate::sys;

/// What is decided about, as a record names it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Subject<'s> {
    pub(crate) kind: Kind,
    /// Path or name.
    pub(crate) text: &'s [u8],
    pub(crate) address: Option<IpAddr>,
    pub(crate) port: u16,
    pub(crate) protocol: u8,
}

impl<'s> Subject<'s> {
    /// Of a kind that has a path or a name only.
    pub(crate) const fn new(kind: Kind, text: &'s [u8]) -> Self {
        Self {
            kind,
            text,
            address: None,
            port: 0,
            protocol: 0,
        }
    }
}

/// Whether the call goes on. Records what has to be recorded: every refusal (in monitor mode: what
/// would be one), and once what an unrestricted policy lets through. `errno` is the error that the
/// program gets when it does not go on.
pub(crate) fn goes_on(
    process: &Process<'_>,
    number: usize,
    subject: &Subject<'_>,
    decision: Decision,
    errno: u16,
) -> bool {
    match decision {
        Decision::Allowed(_) => true,
        Decision::NotRestricted => {
            let phase = process.sealed.phase();
            process.ring.push_once(hash(subject, number, phase), || {
                push(process, number, subject, Outcome::Used, 0)
            });
            true
        }
        Decision::Denied if process.enforces() => {
            let _ = push(process, number, subject, Outcome::Denied, errno);
            false
        }
        Decision::Denied => {
            if process.records() {
                let _ = push(process, number, subject, Outcome::Would, 0);
            }
            true
        }
    }
}

/// Tells things apart that are recorded once each: what, and in which phase, since rules may end
/// with the first. Names that change from one time to the next count as one.
fn hash(subject: &Subject<'_>, number: usize, phase: Phase) -> u64 {
    let mut hash = Fnv::new();
    hash.write(&[subject.kind as u8, subject.protocol, phase as u8]);
    hash.write(&subject.port.to_le_bytes());
    match subject.address {
        // The address of a name changes; the name is what is recorded.
        Some(_) if !subject.text.is_empty() => {}
        Some(IpAddr::V4(v4)) => hash.write(&v4.octets()),
        Some(IpAddr::V6(v6)) => hash.write(&v6.octets()),
        None => {}
    }
    match subject.kind {
        // A program that is mapped is no program that is started.
        Kind::Exec => {
            hash.write(&number.to_le_bytes());
            hash.write(subject.text);
        }
        Kind::Read | Kind::Write => match temporary(subject.text) {
            Some(directory) => hash.write(directory.as_bytes()),
            None if subject.text.starts_with(b"/proc/") => {
                let stays = |byte: &&u8| !byte.is_ascii_digit();
                for byte in subject.text.iter().filter(stays) {
                    hash.write(&[*byte]);
                }
            }
            None => hash.write(subject.text),
        },
        _ => hash.write(subject.text),
    }
    hash.finish()
}

/// The directory of temporary files in which this one stands, if it does: the names in it are made
/// up anew every time, and say nothing.
#[must_use]
pub fn temporary(path: &[u8]) -> Option<&'static str> {
    ["/tmp", "/var/tmp", "/dev/shm"]
        .into_iter()
        .find(|directory| is_below(path, directory.as_bytes()))
}

/// FNV-1a: short, and nobody gains by a collision but one record of his own.
pub(crate) struct Fnv(u64);

impl Fnv {
    pub(crate) const fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Hasher for Fnv {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
        }
    }

    fn finish(&self) -> u64 {
        // The high bits choose the slot: mixed from all, and nothing lost (splitmix64's last step).
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed ^ (mixed >> 27)
    }
}

fn push(
    process: &Process<'_>,
    number: usize,
    subject: &Subject<'_>,
    outcome: Outcome,
    errno: u16,
) -> bool {
    let [pid, tid] = match process.acts_for {
        Some(ids) => ids,
        None => [sys::process_id(), sys::thread_id()],
    };
    process.ring.push(&Record {
        kind: subject.kind,
        outcome,
        is_init: process.sealed.phase() == Phase::Init,
        is_cut: false,
        call: u16::try_from(number).unwrap_or(u16::MAX),
        errno,
        pid,
        tid,
        time: sys::time(),
        address: subject.address,
        port: subject.port,
        protocol: subject.protocol,
        text: subject.text,
    })
}
