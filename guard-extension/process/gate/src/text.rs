//! Code that is made to pass through the entry.
//!
//! Trampolines lie in islands: pages within reach of a jump, which are filled while they are not
//! code yet and made code before the first jump to them is written. Text is made data, written and
//! made code again; where mprotect(2) refuses that, it is written through /proc/self/mem. No page is
//! writable and executable at once but those that the program has so.

use core::mem::MaybeUninit;
use core::sync::atomic::Ordering;

use guard_hook::Call;
use guard_hook::calls::passes;
use guard_hook::shared::{KnownText, NamedBy, TextKey};
use guard_patcher::{Kind, Site, Text};

use self::island::Island;
use self::writes::{Data, Writes};
use crate::arch::{self, Planner, guard_gate_entry};
use crate::covered;
use crate::maps;
use crate::sections::Sections;
use crate::sys::{self, Errno, map, number};

mod island;
mod writes;

/// Bytes of a text whose pages are given back when it was searched, and that the extension is told
/// of. Of less, mapping those anew that the program runs costs more than they are.
const LARGE: usize = 256 << 10;

/// Sites looked at before what they need is written: more than a libc has, since the whole text is
/// searched for branches to them once for each batch.
const BATCH: usize = 1024;

/// What a text is to the program, besides code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum State {
    /// Nobody has run it or written to it since it was mapped.
    New,
    /// It has been there for a while; the dynamic loader may have written to it (DT_TEXTREL, elf(5)).
    Used,
    /// Memory that the program writes to as well.
    Writable,
}

impl State {
    /// Of text that is mapped just now.
    pub const fn mapped(is_writable: bool) -> Self {
        match is_writable {
            true => Self::Writable,
            false => Self::New,
        }
    }

    /// Its protection, for mprotect(2).
    const fn access(self) -> usize {
        match self {
            Self::New | Self::Used => map::READ | map::EXEC,
            Self::Writable => map::READ | map::WRITE | map::EXEC,
        }
    }
}

/// What became of the sites of some text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Count {
    /// Sites found.
    pub found: u32,
    /// Those that pass through the entry.
    pub patched: u32,
    /// Those whose number is constant and needs no check.
    pub left: u32,
    /// Those that could not be placed.
    pub open: u32,
    /// Those of `open` for which there was no memory, or no permission to write them: a program can
    /// bring that about, so such text must not run where a policy is enforced.
    pub lost: u32,
}

impl Count {
    /// Adds another one's.
    pub const fn add(&mut self, other: Self) {
        self.found += other.found;
        self.patched += other.patched;
        self.left += other.left;
        self.open += other.open;
        self.lost += other.lost;
    }

    /// Adds the calls that begin in one text and end in the next, at both ends of this one: each text
    /// is searched by itself, and no compiler makes such a call.
    fn straddled(&mut self, start: usize, end: usize) {
        for seam in [start, end] {
            let is_call = covered::is_straddled(seam);
            self.found += u32::from(is_call);
            self.open += u32::from(is_call);
        }
    }

    /// Takes back what was counted as patched and could not be written.
    const fn written(&mut self, lost: u32) {
        self.patched -= lost;
        self.lose(lost);
    }

    /// A site that could be patched, but was not.
    const fn lose(&mut self, sites: u32) {
        self.open += sites;
        self.lost += sites;
    }
}

/// Whether a call maps a file as code of its own. What is shared with the file is not patched: that
/// would change the file.
pub fn maps_code(call: &Call) -> bool {
    let [_, _, protection, flags, ..] = call.args;
    let is_private = flags & (map::SHARED | map::PRIVATE) == map::PRIVATE;
    let is_file = is_private && flags & map::ANONYMOUS == 0;
    call.number == number::MMAP && protection & map::EXEC != 0 && is_file
}

/// Patches what `call` has mapped, for which [`maps_code`] is true. Returns the result for the
/// program: where a policy is enforced, text that cannot be patched is taken away again; and text
/// with a site that stays open, which anybody can write, where none may be.
pub fn mapped(call: &Call, result: isize) -> isize {
    let Ok(start) = usize::try_from(result) else {
        return result;
    };
    let [_, length, protection, _, file, offset] = call.args;
    let whole = start.saturating_add(length.next_multiple_of(4096));
    let state = State::mapped(protection & map::WRITE != 0);
    // Nobody has put another file behind the number meanwhile.
    let is_alone =
        crate::start::process().is_some_and(|process| !process.local.shares_descriptors());
    if is_alone
        && protection & map::READ != 0
        && let Some(identity) = sys::identity(file)
        && let Some(count) = patch_file(start, whole, identity, offset as u64, state)
    {
        return settled(count, start, whole, result);
    }
    // Without a list, which takes a descriptor, it is as long as was asked for.
    let (mut end, mut is_own, mut key) = (whole, false, None);
    let _ = maps::each(|mapping| {
        if mapping.start <= start && start < mapping.end {
            is_own = crate::start::is_own(mapping.name);
            end = mapping.end.min(whole);
            key = (mapping.start == start && mapping.end == end).then(|| mapping.key());
        }
        mapping.start <= start
    });
    if is_own {
        return result;
    }
    let sections = || Sections::read(file, offset as u64);
    let count = match protection & map::READ != 0 {
        true => patch(start, end, key.as_ref(), state, sections),
        false => patch_unreadable(start, end, state, sections),
    };
    settled(count, start, whole, result)
}

/// Says what became of text that was mapped, and what the program gets for it. Ends a program that
/// keeps what it may not have.
fn settled(count: Count, start: usize, whole: usize, result: isize) -> isize {
    const ENOMEM: isize = -12;
    const EACCES: isize = -13;
    crate::start::found_more(count);
    let enforces = crate::start::process().is_some_and(|process| process.enforces());
    let refusal = match count {
        Count { lost: 1.., .. } if enforces => Some(ENOMEM),
        Count { open: 1.., .. } if crate::start::needs_all() => Some(EACCES),
        _ => None,
    };
    if let Some(refusal) = refusal {
        let args = [start, whole - start, 0, 0, 0, 0];
        // SAFETY: the program's own mapping, made by the call that is being answered; who asked for
        // it has not been told yet that it is there.
        let taken = unsafe { sys::call(number::MUNMAP, args) };
        if taken.is_err() {
            // With as many mappings as there may be, one in the middle of another stays. Whoever
            // chose the address knows where it is.
            sys::complain(&[b"guard: code that passes by the check cannot be taken away\n"]);
            sys::exit(crate::start::UNAVAILABLE)
        }
        return refusal;
    }
    result
}

/// Patches text that was just mapped from `offset` on of a file, told by device and inode as stat(2)
/// names them, as the extension knows it; the list of mappings, which takes the kernel as long as
/// there are mappings, is not asked then. Nothing, and the text as it was, where the extension knows
/// nothing of it: never of the library that the gate is in.
pub fn patch_file(
    start: usize,
    end: usize,
    (device, inode): (u64, u64),
    offset: u64,
    state: State,
) -> Option<Count> {
    let key = TextKey {
        device,
        inode,
        offset,
        length: (end - start) as u64,
    };
    let sealed = crate::start::process()?.sealed;
    let known = sealed.text(&key, NamedBy::Stat)?;
    let mut count = patch_known(start, end, &known, state)?;
    covered::remember(start, end);
    count.straddled(start, end);
    Some(count)
}

/// Patches text that may be run, but not read; it may be from then on.
pub fn patch_unreadable(
    start: usize,
    end: usize,
    state: State,
    sections: impl FnOnce() -> Option<Sections>,
) -> Count {
    let args = [start, end - start, state.access(), 0, 0, 0];
    // SAFETY: a mapping that is code; to be readable as well changes nothing for who runs it.
    if unsafe { sys::call(number::MPROTECT, args) }.is_err() {
        let mut count = Count::default();
        count.lose(1);
        return count;
    }
    patch(start, end, None, state, sections)
}

/// Whether code can be made to pass through the entry here: memory for trampolines is to be had in
/// reach of some text, and becomes code.
pub fn can_patch() -> bool {
    let text = guard_gate_entry as *const () as usize;
    Island::near(text, text + 1).is_some_and(|mut island| island.seal().is_ok())
}

/// Where the memory between two addresses ends that can be read: pages behind the end of a file are
/// mapped, and end whoever touches them (SIGBUS, mmap(2)). The kernel, asked to read there, says so.
fn readable(start: usize, end: usize) -> usize {
    const PAGE: usize = 4096;
    let can_read = |page: usize| {
        const EFAULT: Errno = Errno(14);
        // SAFETY: with an unknown operation the call changes nothing; it reads 8 bytes or says that
        // it cannot (rt_sigprocmask(2)).
        let asked = unsafe { sys::call(number::RT_SIGPROCMASK, [usize::MAX, page, 0, 8, 0, 0]) };
        asked != Err(EFAULT)
    };
    let first = start & !(PAGE - 1);
    let mut pages = end.saturating_sub(first).div_ceil(PAGE);
    // From the end, page by page: behind one that cannot be read there may be others that can, in a
    // program made for that.
    while pages > 0 && !can_read(first + (pages - 1) * PAGE) {
        pages -= 1;
    }
    (first + pages * PAGE).clamp(start, end)
}

/// Whether all of the memory between two addresses can be read.
pub(crate) fn is_readable(start: usize, end: usize) -> bool {
    start < end && readable(start, start + 1) > start && readable(start, end) == end
}

/// The byte at an address, if it can be read.
pub(crate) fn byte(at: usize) -> Option<u8> {
    // SAFETY: the kernel has just read there, and it is text that programs keep for as long as they run
    // what lies beside it: whoever unmaps it just now ends as when running it.
    is_readable(at, at.checked_add(1)?).then(|| unsafe { *(at as *const u8) })
}

/// Patches the text between two addresses: as the extension knows it, where that is which part of
/// which file it is, else all of it is searched. `sections` says what of it is code, if anybody knows.
pub fn patch(
    start: usize,
    end: usize,
    key: Option<&TextKey>,
    state: State,
    sections: impl FnOnce() -> Option<Sections>,
) -> Count {
    covered::remember(start, end);
    let mut count = searched(start, end, key, state, sections);
    count.straddled(start, end);
    count
}

/// [`patch`], of what begins and ends between the two addresses.
fn searched(
    start: usize,
    end: usize,
    key: Option<&TextKey>,
    state: State,
    sections: impl FnOnce() -> Option<Sections>,
) -> Count {
    let sealed = crate::start::process().map(|process| process.sealed);
    let known = sealed
        .zip(key)
        .and_then(|(sealed, key)| sealed.text(key, NamedBy::Maps));
    if let Some(count) = known.and_then(|known| patch_known(start, end, &known, state)) {
        return count;
    }
    let mut count = Count::default();
    let end = readable(start, end);
    let length = end.saturating_sub(start);
    // SAFETY: the range is mapped readable; the program does not change its code while it is
    // loaded, and a file that is cut while it is mapped ends the program as any access would.
    let bytes = unsafe { core::slice::from_raw_parts(start as *const u8, length) };
    let text = Text::new(bytes, start as u64);
    let Some(mut work) = Work::mapped() else {
        count.lose(1);
        return count;
    };
    let Work {
        room,
        writes,
        planner,
    } = work.get();
    let room = cleared(room);
    let mut island: Option<Island> = None;
    // Most texts have no site: nobody has to know.
    let (mut sections, mut parts) = (Some(sections), None);
    let mut from = Some(0);
    let mut is_untouched = true;
    while let Some(offset) = from {
        let batch = arch::survey(text, offset, room);
        from = batch.next;
        for site in batch.sites.iter() {
            if let Some(read) = sections.take() {
                parts = read();
            }
            if parts.as_ref().is_some_and(|parts| !parts.has(site.offset)) {
                continue;
            }
            count.found += 1;
            if site.kind == Kind::Call && site.number.is_some_and(|number| !passes(number)) {
                count.left += 1;
                continue;
            }
            // Nothing but a policy that is enforced changes what a call does.
            let is_foreign = site.kind.is_odd();
            if is_foreign && !crate::start::process().is_some_and(|process| process.enforces()) {
                count.open += 1;
                continue;
            }
            let has_room = match &island {
                Some(island) if island.has_room() => true,
                _ => {
                    is_untouched &= writes.length == 0;
                    count.written(writes.carry_out(start, state, &mut island));
                    island = Island::near(start, end);
                    island.is_some()
                }
            };
            match island.as_mut().filter(|_| has_room) {
                Some(island) => match place(text, site, planner, island, writes) {
                    Some(()) => count.patched += 1,
                    None => count.open += 1,
                },
                None => count.lose(1),
            }
        }
        let is_last = from.is_none() && is_untouched && length >= LARGE;
        let is_as_in_file = || match state {
            State::New => true,
            State::Used => maps::is_as_in_file(start, end),
            // Another thread may write to it in between.
            State::Writable => false,
        };
        if is_last && is_as_in_file() {
            give_back(start, length);
        }
        is_untouched &= writes.length == 0;
        count.written(writes.carry_out(start, state, &mut island));
    }
    if length >= LARGE && key.is_some() {
        crate::start::call_extension();
    }
    count
}

/// Gives back the pages of a text that are as its file has them: most were only searched, and count
/// as the program's memory as long as they are mapped. Those that it runs come back.
fn give_back(start: usize, length: usize) {
    const DONTNEED: usize = 4;
    let args = [start, length, DONTNEED, 0, 0, 0];
    // SAFETY: private pages of a file that nobody has written to: what is read there next is the
    // same.
    let _ = unsafe { sys::call(number::MADVISE, args) };
}

/// Patches a text whose sites are known. Nothing, and the text as it was, when it is not what is
/// known.
fn patch_known(start: usize, end: usize, known: &KnownText<'_>, state: State) -> Option<Count> {
    let mut count = Count {
        found: known.found,
        left: known.left,
        open: known.open,
        ..Count::default()
    };
    if known.sites.is_empty() {
        return Some(count);
    }
    if known.sites.len() > BATCH {
        return None;
    }
    let length = readable(start, end).saturating_sub(start);
    let data = (state == State::New)
        .then(|| Data::of_sites(start, length, known))
        .flatten();
    // SAFETY: as in `patch`.
    let bytes = unsafe { core::slice::from_raw_parts(start as *const u8, length) };
    let text = Text::new(bytes, start as u64);
    let mut work = Work::mapped()?;
    let writes = &mut work.get().writes;
    let mut island: Option<Island> = None;
    for site in known.sites {
        if island.as_ref().is_none_or(|island| !island.has_room()) {
            // What is full is code from here on; nothing leads to it yet.
            if let Some(full) = &mut island {
                full.seal().ok()?;
            }
            island = Some(Island::near(start, end)?);
        }
        let island = island.as_mut()?;
        let patch = arch::follow(site.load(Ordering::Relaxed), text, island.place())?;
        island.add(patch.trampoline());
        for write in patch.writes() {
            writes.add(*write);
        }
        writes.sites += 1;
        count.patched += 1;
    }
    count.written(writes.carry_out(start, state, &mut island));
    drop(data);
    Some(count)
}

/// Plans one site's patch, writes its trampoline and notes what is to be written to the text.
fn place(
    text: Text<'_>,
    site: &Site,
    planner: &mut Planner,
    island: &mut Island,
    writes: &mut Writes,
) -> Option<()> {
    let patch = planner.plan(text, site, island.place()).ok()?;
    island.add(patch.trampoline());
    for write in patch.writes() {
        writes.add(*write);
    }
    writes.sites += 1;
    Some(())
}

/// What patching works in: too much for a slot's stack, so it is mapped while it lasts.
struct Work {
    room: [MaybeUninit<Site>; BATCH],
    writes: Writes,
    planner: Planner,
}

/// [`Work`] in a mapping of its own.
struct Mapped(*mut Work);

impl Work {
    fn mapped() -> Option<Mapped> {
        let work = sys::map_new(size_of::<Self>()).ok()? as *mut Self;
        // SAFETY: the mapping is new, page-aligned and as long as the structure.
        let writes = unsafe { &raw mut (*work).writes };
        // SAFETY: the field lies in the mapping.
        let length = unsafe { &raw mut (*writes).length };
        // SAFETY: the field is writable; the list is not read beyond its length.
        unsafe { length.write(0) };
        // SAFETY: the field lies in the mapping.
        let sites = unsafe { &raw mut (*writes).sites };
        // SAFETY: the field is writable.
        unsafe { sites.write(0) };
        // SAFETY: the field lies in the mapping.
        let planner = unsafe { &raw mut (*work).planner };
        // SAFETY: the field is writable.
        unsafe { planner.write(Planner::new()) };
        Some(Mapped(work))
    }
}

impl Mapped {
    fn get(&mut self) -> &mut Work {
        // SAFETY: every field was initialised by `mapped`, but those that are `MaybeUninit`.
        unsafe { &mut *self.0 }
    }
}

/// Makes room for sites. Not where there is no search: it is some pages that nobody else touches.
fn cleared(room: &mut [MaybeUninit<Site>; BATCH]) -> &mut [Site] {
    for site in room.iter_mut() {
        site.write(Site::NONE);
    }
    let room = core::ptr::from_mut(room).cast::<[Site; BATCH]>();
    // SAFETY: every element was written; the borrow is that of the argument.
    unsafe { &mut *room }
}

impl Drop for Mapped {
    fn drop(&mut self) {
        let args = [self.0.addr(), size_of::<Work>(), 0, 0, 0, 0];
        // SAFETY: the mapping is ours, and nothing refers to it any more.
        let _ = unsafe { sys::call(number::MUNMAP, args) };
    }
}
