//! The plan for a site: a short jump into padding, or a long one over the site and its neighbours.

use super::boundary::before;
use super::cave::{JUMP, cave};
use super::decode::{Flow, Instruction, decode};
use super::landing::short_landings;
use super::trampoline::{Code, reach};
use crate::patch::{Bytes, WRITE_MAX};
use crate::{How, Kind, Patch, Place, Site, Text, Unplaceable, Write};

/// A patch touches nothing further than this from its site: 129 bytes to padding, and that.
const AROUND: u32 = 150;
/// Instructions before a site that may be moved, at most.
const EARLIER: usize = 3;

/// Plans patches, site after site in the order of the text; remembers what is written already.
#[derive(Debug, Clone)]
pub struct Planner {
    /// Start and end of the last writes, oldest overwritten first.
    taken: [(u32, u32); 32],
    next: usize,
}

impl Planner {
    /// For one text.
    pub const fn new() -> Self {
        Self {
            taken: [(0, 0); 32],
            next: 0,
        }
    }

    /// The patch that makes `site` pass through a trampoline at `place`. With a constant number the
    /// trampoline asks always, with any other it looks the number up in the header's table.
    ///
    /// A call of the 32-bit interface becomes one of the 64-bit interface with a number that no call
    /// has, [`super::FOREIGN`]; where that cannot be placed, a trap.
    ///
    /// `text` may or may not hold the patches planned before, but not those of another planner.
    ///
    /// # Errors
    ///
    /// When there is no safe patch: the site stays open.
    pub fn plan(
        &mut self,
        text: Text<'_>,
        site: &Site,
        place: Place,
    ) -> Result<Patch, Unplaceable> {
        match site.kind {
            Kind::Call if text.from(site.offset as usize).starts_with(&[0x0f, 0x05]) => {}
            // Reported of another text, or written over by now.
            Kind::Call => return Err(Unplaceable::Doubtful),
            Kind::Doubtful => return Err(Unplaceable::Doubtful),
            Kind::Int80 | Kind::Sysenter if is_foreign(text, site) => {}
            Kind::Int80 | Kind::Sysenter => return Err(Unplaceable::Doubtful),
            // A jump behind the prefixes would be another one.
            Kind::Prefixed => {
                let trap = self.trap(text, site).ok_or(Unplaceable::Doubtful)?;
                self.take(trap.site.offset(), trap.site.end());
                return Ok(trap);
            }
        }
        let (_, oldest) = self.oldest();
        if oldest != 0 && oldest.saturating_add(2 * AROUND) > site.offset {
            return Err(Unplaceable::Crowded);
        }
        let patch = self
            .ahead(text, site, place)
            .or_else(|_| self.cave(text, site, place))
            .or_else(|reason| match self.displace(text, site, place) {
                // Padding that is there but out of reach says more than none of the rest.
                Err(Unplaceable::NoRoom) => Err(reason),
                other => other,
            })
            .or_else(|reason| self.trap(text, site).ok_or(reason))?;
        for write in patch.writes() {
            self.take(write.offset(), write.end());
        }
        Ok(patch)
    }

    fn oldest(&self) -> (u32, u32) {
        self.taken.get(self.next).copied().unwrap_or_default()
    }

    fn take(&mut self, start: u32, end: u32) {
        if let Some(taken) = self.taken.get_mut(self.next) {
            *taken = (start, end);
        }
        self.next = (self.next + 1) % self.taken.len();
    }

    fn is_free(&self, start: u32, end: u32) -> bool {
        self.taken
            .iter()
            .all(|(taken, until)| end <= *taken || *until <= start)
    }

    /// A long jump over the instruction before the site, which stays.
    ///
    /// For the one place in musl, and in glibc from 2.41 on, where calls are made that end a thread
    /// which is cancelled meanwhile: their signal handlers look whether the thread is at this very
    /// address, and would wait for ever for one whose call is made somewhere else.
    pub(super) fn ahead(
        &self,
        text: Text<'_>,
        site: &Site,
        place: Place,
    ) -> Result<Patch, Unplaceable> {
        // mov [rsp + 8], r11; syscall; ret
        const POINT: [u8; 8] = [0x4c, 0x89, 0x5c, 0x24, 0x08, 0x0f, 0x05, 0xc3];
        let start = site.offset.checked_sub(JUMP).ok_or(Unplaceable::NoRoom)?;
        let behind = site.offset.saturating_add(2);
        let (first, moved) = before(text, site.offset, site.boundaries, site.offset)
            .filter(|(first, _)| *first == start)
            .filter(|_| text.from(start as usize).starts_with(&POINT))
            .ok_or(Unplaceable::NoRoom)?;
        let landings = site.landings | short_landings(text, site.offset, first, site.offset);
        if is_landed_on(site, landings, first, behind) || !self.is_free(first, behind) {
            return Err(Unplaceable::NoRoom);
        }
        // musl's look at the flag, a few instructions before: mov eax, [rdi]; test eax, eax. glibc
        // has other bits in that word, and asks for one.
        const LOOK: [u8; 4] = [0x8b, 0x07, 0x85, 0xc0];
        let function = first.saturating_sub(48) as usize..first as usize;
        let function = text.bytes().get(function).unwrap_or_default();
        let asks = function.windows(LOOK.len()).any(|bytes| bytes == LOOK);
        let mut code = Code::new(place);
        let (trampoline, resume) = code
            .displaced(text, first, &moved)
            .and_then(|()| code.call_at(text.address_of(site.offset), asks))
            .and_then(|()| code.finish())
            .ok_or(Unplaceable::OutOfReach)?;
        Ok(Patch {
            how: How::Ahead,
            trampoline,
            resume,
            cave: None,
            site: long_jump(text, first, site.offset, place)?,
        })
    }

    /// A trap instead of a call of the 32-bit interface that no jump can be placed for, and of one
    /// with prefixes: nobody who is to be let go on makes one in a 64-bit program.
    fn trap(&self, text: Text<'_>, site: &Site) -> Option<Patch> {
        if !is_foreign(text, site) || !self.is_free(site.offset, site.offset.saturating_add(2)) {
            return None;
        }
        let mut ud2 = Bytes::new();
        ud2.push(&[0x0f, 0x0b]);
        Some(Patch {
            how: How::Replaced,
            trampoline: Bytes::new(),
            resume: 0,
            cave: None,
            site: Write::new(site.offset, ud2),
        })
    }

    /// A short jump to a long one in padding.
    fn cave(&self, text: Text<'_>, site: &Site, place: Place) -> Result<Patch, Unplaceable> {
        let behind = site.offset.saturating_add(2);
        if !self.is_free(site.offset, behind) {
            return Err(Unplaceable::NoRoom);
        }
        let is_free = |cave: u32| self.is_free(cave, cave.saturating_add(JUMP));
        let cave = cave(text, site.offset, is_free).ok_or(Unplaceable::NoRoom)?;
        in_padding(text, site, place, cave)
    }

    /// A long jump over the site and instructions before and behind it.
    fn displace(&self, text: Text<'_>, site: &Site, place: Place) -> Result<Patch, Unplaceable> {
        let first = site.offset.saturating_sub(31);
        let short = short_landings(text, site.offset, first, site.offset.saturating_add(31));
        let landings = site.landings | short;
        let earlier = Earlier::new(text, site);
        let mut reason = Unplaceable::NoRoom;
        // Rather what comes before, which the compiler made for this call, than what comes behind,
        // where a block may start that an indirect jump leads to; both together at last.
        let before = (1..=earlier.count).map(|count| (count, false));
        let behind = (0..=earlier.count).map(|count| (count, true));
        for (count, goes_on) in before.chain(behind) {
            let start = earlier.start(count).unwrap_or(site.offset);
            let Some(end) = end(text, site, start, goes_on) else {
                continue;
            };
            if is_landed_on(site, landings, start, end) || !self.is_free(start, end) {
                continue;
            }
            match displaced(text, site, place, start, end) {
                Ok(patch) => return Ok(patch),
                Err(Unplaceable::OutOfReach) => reason = Unplaceable::OutOfReach,
                Err(_) => {}
            }
        }
        Err(reason)
    }
}

impl Default for Planner {
    fn default() -> Self {
        Self::new()
    }
}

/// Whether a site is one that no compiler makes, and still there.
fn is_foreign(text: Text<'_>, site: &Site) -> bool {
    let bytes = text.from(site.offset as usize);
    match site.kind {
        Kind::Int80 => bytes.starts_with(&[0xcd, 0x80]),
        Kind::Sysenter => bytes.starts_with(&[0x0f, 0x34]),
        Kind::Prefixed => matches!(bytes, [0x0f, 0x05 | 0x34, ..] | [0xcd, 0x80, ..]),
        _ => false,
    }
}

/// Where the instructions before a site start, nearest first.
struct Earlier {
    starts: [u32; EARLIER],
    count: usize,
}

impl Earlier {
    fn new(text: Text<'_>, site: &Site) -> Self {
        let (mut starts, mut count) = ([0; EARLIER], 0);
        let mut at = site.offset;
        for slot in &mut starts {
            let Some((start, instruction)) = before(text, site.offset, site.boundaries, at) else {
                break;
            };
            if instruction.flow() != Flow::Next {
                break;
            }
            *slot = start;
            at = start;
            count += 1;
        }
        Self { starts, count }
    }

    fn start(&self, count: usize) -> Option<u32> {
        self.starts.get(count.checked_sub(1)?).copied()
    }
}

/// The first end of an instruction that leaves room for a jump from `start` on; only that of the
/// site itself unless it `goes_on`.
fn end(text: Text<'_>, site: &Site, start: u32, goes_on: bool) -> Option<u32> {
    let mut end = site.offset.checked_add(2)?;
    while end.checked_sub(start)? < JUMP {
        if !goes_on {
            return None;
        }
        end = end.checked_add(decode(text.from(end as usize))?.len())?;
    }
    Some(end)
}

/// Whether a branch lands behind `start` and before `end`.
fn is_landed_on(site: &Site, landings: u64, start: u32, end: u32) -> bool {
    (start.saturating_add(1)..end).any(|offset| {
        (offset + 32)
            .checked_sub(site.offset)
            .and_then(|bit| landings.checked_shr(bit))
            .is_none_or(|bits| bits & 1 == 1)
    })
}

/// A short jump at the site to a long one in the padding at `cave`.
pub(super) fn in_padding(
    text: Text<'_>,
    site: &Site,
    place: Place,
    cave: u32,
) -> Result<Patch, Unplaceable> {
    let behind = site.offset.saturating_add(2);
    let short = i64::from(cave) - i64::from(behind);
    let short = i8::try_from(short).map_err(|_| Unplaceable::NoRoom)?;

    let mut code = Code::new(place);
    let (trampoline, resume) = code
        .call_of(site)
        .and_then(|()| code.leave(text.address_of(behind)))
        .and_then(|()| code.finish())
        .ok_or(Unplaceable::OutOfReach)?;
    let mut site_bytes = Bytes::new();
    site_bytes.push(&[0xeb, short.cast_unsigned()]);
    Ok(Patch {
        how: How::Cave,
        trampoline,
        resume,
        cave: Some(long_jump(text, cave, cave.saturating_add(JUMP), place)?),
        site: Write::new(site.offset, site_bytes),
    })
}

/// A long jump over the instructions from `start` to `end`, the site among them.
pub(super) fn displaced(
    text: Text<'_>,
    site: &Site,
    place: Place,
    start: u32,
    end: u32,
) -> Result<Patch, Unplaceable> {
    let mut code = Code::new(place);
    let mut at = start;
    let mut goes_on = true;
    while at < end {
        let instruction = decode(text.from(at as usize)).ok_or(Unplaceable::NoRoom)?;
        if at == site.offset {
            code.call_of(site).ok_or(Unplaceable::OutOfReach)?;
        } else if !goes_on {
            // Behind a return only padding is sure not to be executed.
            if !is_padding(text, at, &instruction) {
                return Err(Unplaceable::NoRoom);
            }
        } else {
            code.displaced(text, at, &instruction)
                .ok_or(Unplaceable::OutOfReach)?;
            goes_on = !matches!(instruction.flow(), Flow::Jump | Flow::Stop);
        }
        at = at.saturating_add(instruction.len());
    }
    if goes_on {
        code.leave(text.address_of(end))
            .ok_or(Unplaceable::OutOfReach)?;
    }
    let (trampoline, resume) = code.finish().ok_or(Unplaceable::NoRoom)?;
    Ok(Patch {
        how: How::Displaced,
        trampoline,
        resume,
        cave: None,
        site: long_jump(text, start, end, place)?,
    })
}

fn is_padding(text: Text<'_>, at: u32, instruction: &Instruction) -> bool {
    instruction.is_nop() || text.from(at as usize).first() == Some(&0xcc)
}

/// A jump to the trampoline at `start`, with traps up to `end`.
fn long_jump(text: Text<'_>, start: u32, end: u32, place: Place) -> Result<Write, Unplaceable> {
    let from = text.address_of(start.saturating_add(JUMP));
    let displacement = reach(from, place.trampoline).ok_or(Unplaceable::OutOfReach)?;
    let mut bytes = Bytes::<WRITE_MAX>::new();
    bytes.push(&[0xe9]);
    bytes.push(&displacement);
    for _ in start.saturating_add(JUMP)..end {
        bytes.push(&[0xcc]);
    }
    if bytes.is_overfull() {
        return Err(Unplaceable::NoRoom);
    }
    Ok(Write::new(start, bytes))
}
