//! Looks once through files that programs run, so that not every program does it when it starts.
//!
//! A program that comes for the regions shows by its mappings (proc_pid_maps(5)) which files it runs.
//! A thread looks through those that are new, and puts what it found into the sealed region, where
//! the next program finds it; the first one has done the work by itself meanwhile.
//!
//! What a program says counts for nothing. The file is opened here, and it is the mapped one when a
//! mapping of it made here has the same device and inode. Only what no program can change is looked
//! at: a file on a file system mounted read-only, or another user's that others may not write, and
//! that only where this process and with it the function have no capabilities. It stays open, so that
//! its inode stays its own. Every other file is searched by each program.
#![allow(unsafe_code, reason = "mapping files")]

use std::collections::HashSet;
use std::fs::{self, File};
use std::ops::Range;
use std::os::fd::AsFd as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::ptr;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use guard_hook::calls::passes;
use guard_hook::shared::{NamedBy, TextKey};
use guard_patcher::elf::Elf;
use guard_patcher::x86_64::{Planner, Recipe, survey_for};
use guard_patcher::{Kind, Place, Reach, Site, Text};
use rustix::fs::{OFlags, StatVfsMountFlags, fstatvfs};
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};

use super::regions::Regions;

/// Nearly every program has these: looked at before the first one starts.
const COMMON: [&str; 4] = [
    "/lib64/libc.so.6",
    "/lib64/ld-linux-x86-64.so.2",
    "/lib/x86_64-linux-gnu/libc.so.6",
    "/lib/ld-musl-x86_64.so.1",
];
/// Longest text that is looked through.
const LONGEST: u64 = 256 << 20;
/// Most sites of a text, as programs take them.
const SITES: usize = 1024;
/// Texts that are taken notice of.
const MOST: usize = 1024;
/// After as many programs that showed nothing new, one of as many is looked at.
const EVERY: u32 = 16;

/// Who takes notice of what programs run.
#[derive(Debug)]
pub(super) struct Texts {
    thread: SyncSender<(PathBuf, (u64, u64))>,
    /// Files by device and inode.
    seen: HashSet<(u64, u64)>,
    /// Programs since the last that showed something new.
    programs: u32,
    /// Of these, how often one came again.
    calls: u32,
}

impl Texts {
    /// With a thread that looks through files; nothing where programs could change them, nor where
    /// searching them takes programs little more than that: instructions are words on aarch64.
    pub(super) fn new(regions: &Arc<Regions>, preload: &Path) -> Option<Self> {
        if !cfg!(target_arch = "x86_64") || !has_no_capabilities() {
            return None;
        }
        let (thread, texts) = sync_channel(MOST);
        let surveyor = Surveyor {
            regions: Arc::clone(regions),
            files: Vec::new(),
            own: identity(&fs::metadata(preload).ok()?),
        };
        thread::Builder::new()
            .name("guard-texts".to_owned())
            .spawn(move || surveyor.run(&texts))
            .ok()?;
        Some(Self {
            thread,
            seen: HashSet::new(),
            programs: 0,
            calls: 0,
        })
    }

    /// Whether the next program is worth looking at, or one that comes again.
    pub(super) fn is_due(&mut self, comes_again: bool) -> bool {
        let count = match comes_again {
            true => &mut self.calls,
            false => &mut self.programs,
        };
        *count = count.saturating_add(1);
        let is_due = *count <= EVERY || count.is_multiple_of(EVERY);
        is_due && self.seen.len() < MOST
    }

    /// Takes notice of what a process has mapped.
    pub(super) fn look(&mut self, process: i32) {
        // It may be gone.
        let Ok(maps) = fs::read(format!("/proc/{process}/maps")) else {
            return;
        };
        for mapping in String::from_utf8_lossy(&maps).lines().filter_map(parse) {
            // Of one that is being patched, the mappings are no longer the file's parts.
            let file = (mapping.key.device, mapping.key.inode);
            if mapping.is_code && mapping.path.starts_with('/') && self.seen.insert(file) {
                (self.programs, self.calls) = (0, 0);
                let _ = self.thread.try_send((mapping.path.into(), file));
            }
        }
    }
}

/// Who looks through files.
#[derive(Debug)]
struct Surveyor {
    regions: Arc<Regions>,
    /// What is known belongs to these.
    files: Vec<File>,
    /// Of the library that the gate is in, whose calls stay as they are: programs take nothing that
    /// is known for it.
    own: (u64, u64),
}

impl Surveyor {
    fn run(mut self, texts: &Receiver<(PathBuf, (u64, u64))>) {
        for path in COMMON {
            let _ = self.look_through(Path::new(path), None);
        }
        for (path, file) in texts {
            let _ = self.look_through(&path, Some(file));
        }
    }

    /// Nothing when the file is another one than expected, can be changed, or is better looked
    /// through by programs.
    fn look_through(&mut self, path: &Path, expected: Option<(u64, u64)>) -> Option<()> {
        let file = open_unchangeable(path)?;
        if identity(&file.metadata().ok()?) == self.own {
            return None;
        }
        let mut is_known = false;
        for (offset, length) in code(&file)? {
            is_known |= self.look_at(&file, offset, length, expected).is_some();
        }
        if is_known {
            self.files.push(file);
        }
        Some(())
    }

    fn look_at(
        &self,
        file: &File,
        offset: u64,
        length: u64,
        expected: Option<(u64, u64)>,
    ) -> Option<()> {
        let size = file.metadata().ok()?.len();
        if length > LONGEST || offset >= size {
            return None;
        }
        let mapped = Mapped::new(file, offset, usize::try_from(length).ok()?)?;
        let key = mapped.key()?;
        let is_other = expected.is_some_and(|expected| expected != (key.device, key.inode));
        if is_other
            || self
                .regions
                .sealed()
                .view()
                .text(&key, NamedBy::Maps)
                .is_some()
        {
            return None;
        }
        let in_file = usize::try_from(size - offset).unwrap_or(usize::MAX);
        let whole = Mapped::new(file, 0, usize::try_from(size).ok()?)?;
        let parts = parts(whole.bytes(usize::MAX), offset)?;
        let (counts, sites) = survey(mapped.bytes(in_file), &parts)?;
        // Programs have only the open file to tell it by.
        let data = file.metadata().ok()?;
        let stat = if data.ino() == key.inode {
            data.dev()
        } else {
            0
        };
        let is_kept = self.regions.sealed().know(&key, stat, counts, &sites);
        is_kept.then_some(())
    }
}

/// What of a file is code, from `offset` on, as programs take it: the rest of a segment may be data.
fn parts(file: &[u8], offset: u64) -> Option<Vec<Range<u64>>> {
    let elf = Elf::parse(file).ok()?;
    let parts = elf.code().filter_map(|code| {
        let end = code.offset + code.bytes.len() as u64;
        Some(code.offset.saturating_sub(offset)..end.checked_sub(offset)?)
    });
    Some(parts.collect())
}

/// Sites found, left alone and open, and the others for the patcher; nothing where some are not
/// ordinary calls.
fn survey(bytes: &[u8], parts: &[Range<u64>]) -> Option<([u32; 3], Vec<u64>)> {
    // Anywhere: what is kept has no addresses.
    const TEXT: u64 = 1 << 40;
    let text = Text::new(bytes, TEXT);
    let place = Place {
        trampoline: TEXT - (1 << 16),
        header: TEXT - (1 << 17),
    };
    let mut room = vec![Site::NONE; SITES];
    let mut planner = Planner::new();
    let (mut counts, mut words) = ([0_u32; 3], Vec::new());
    let mut from = Some(0);
    while let Some(start) = from {
        let batch = survey_for(text, start, None, Reach::All, passes, &mut room);
        for site in &*batch.sites {
            let is_code = |part: &Range<u64>| part.contains(&u64::from(site.offset));
            if !parts.iter().any(is_code) {
                continue;
            }
            counts[0] += 1;
            if site.kind == Kind::Call && site.number.is_some_and(|number| !passes(number)) {
                counts[1] += 1;
                continue;
            }
            if site.kind.is_odd() {
                return None;
            }
            match planner.plan(text, site, place) {
                Ok(patch) => words.push(Recipe::of(site, &patch)?.to_word()?),
                Err(_) => counts[2] += 1,
            }
        }
        from = batch.next;
    }
    (words.len() <= SITES).then_some((counts, words))
}

/// Parts of a program or library that are mapped as code, as the kernel and dynamic loaders do it:
/// where they begin and how long they are, in whole pages.
fn code(file: &File) -> Option<Vec<(u64, u64)>> {
    const PAGE: u64 = 4096;
    // The headers are in the beginning; what is cut off is not asked for.
    let mut head = vec![0; 4096];
    let read = rustix::io::pread(file, &mut head, 0).ok()?;
    let elf = Elf::parse(head.get(..read)?).ok()?;
    let parts = elf.segments().filter(|segment| segment.is_code());
    let parts = parts.filter_map(|segment| {
        let start = segment.offset & !(PAGE - 1);
        let end = segment.offset.checked_add(segment.file_size)?;
        Some((start, end.checked_next_multiple_of(PAGE)? - start))
    });
    Some(parts.collect())
}

/// A file that programs of this user cannot change.
fn open_unchangeable(path: &Path) -> Option<File> {
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = fs::OpenOptions::new()
        .read(true)
        .custom_flags(flags.bits().cast_signed())
        .open(path)
        .ok()?;
    let data = file.metadata().ok()?;
    let is_others = data.uid() != rustix::process::geteuid().as_raw() && data.mode() & 0o022 == 0;
    let is_read_only =
        || fstatvfs(&file).is_ok_and(|system| system.f_flag.contains(StatVfsMountFlags::RDONLY));
    (data.is_file() && (is_others || is_read_only())).then_some(file)
}

/// Device and inode.
fn identity(data: &fs::Metadata) -> (u64, u64) {
    (data.dev(), data.ino())
}

/// Capabilities (capabilities(7)) may be rights over files of other users, and over mounts.
fn has_no_capabilities() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    // What a program may get is what counts: effective ones are among these.
    let is_empty = |name: &str| {
        let mut lines = status.lines();
        let value = lines.find_map(|line| line.strip_prefix(name));
        value.is_some_and(|value| value.trim().bytes().all(|digit| digit == b'0'))
    };
    is_empty("CapPrm:") && is_empty("CapEff:") && is_empty("CapInh:")
}

/// Part of a file in memory.
struct Mapped {
    base: *mut core::ffi::c_void,
    length: usize,
}

impl Mapped {
    fn new(file: &File, offset: u64, length: usize) -> Option<Self> {
        if length == 0 {
            return None;
        }
        let flags = MapFlags::PRIVATE;
        // SAFETY: a new mapping at an address of the kernel's choice, which overlaps nothing.
        let base = unsafe {
            mmap(
                ptr::null_mut(),
                length,
                ProtFlags::READ,
                flags,
                file.as_fd(),
                offset,
            )
        };
        let base = base.ok()?;
        Some(Self { base, length })
    }

    /// What the kernel says it is.
    fn key(&self) -> Option<TextKey> {
        let maps = fs::read("/proc/self/maps").ok()?;
        let start = self.base.addr() as u64;
        String::from_utf8_lossy(&maps)
            .lines()
            .filter_map(parse)
            .find(|mapping| mapping.start == start && mapping.key.length >= self.length as u64)
            .map(|mapping| mapping.key)
    }

    /// As much of it as lies in the file.
    fn bytes(&self, in_file: usize) -> &[u8] {
        let length = self.length.min(in_file);
        // SAFETY: the mapping is readable, at least this long and lives as long as the borrow; the
        // file is one that no program can change or cut, see `open_unchangeable`.
        unsafe { std::slice::from_raw_parts(self.base.cast(), length) }
    }
}

impl Drop for Mapped {
    fn drop(&mut self) {
        // SAFETY: the mapping is ours, and nothing refers to it any more.
        let _ = unsafe { munmap(self.base, self.length) };
    }
}

/// A line of a list of mappings.
struct Mapping<'m> {
    start: u64,
    is_code: bool,
    key: TextKey,
    path: &'m str,
}

fn parse(line: &str) -> Option<Mapping<'_>> {
    let hexadecimal = |text: &str| u64::from_str_radix(text, 16).ok();
    let (range, rest) = line.split_once(' ')?;
    let (permissions, rest) = rest.split_once(' ')?;
    let (offset, rest) = rest.split_once(' ')?;
    let (device, rest) = rest.split_once(' ')?;
    let (inode, path) = rest.split_once(' ').unwrap_or((rest, ""));
    let (start, end) = range.split_once('-')?;
    let (start, end) = (hexadecimal(start)?, hexadecimal(end)?);
    let (major, minor) = device.split_once(':')?;
    Some(Mapping {
        start,
        is_code: permissions == "r-xp" && inode != "0",
        key: TextKey {
            device: hexadecimal(major)? << 32 | hexadecimal(minor)?,
            inode: inode.parse().ok()?,
            offset: hexadecimal(offset)?,
            length: end.checked_sub(start)?,
        },
        path: path.trim_start(),
    })
}

#[cfg(test)]
mod tests {
    use std::slice;

    use super::*;

    #[test]
    fn mappings_are_read() {
        let line = "7f6c1a654000-7f6c1a7aa000 r-xp 00026000 fe:01 1234  /usr/lib/a b.so";
        let mapping = parse(line).unwrap();
        assert!(mapping.is_code);
        assert_eq!(mapping.path, "/usr/lib/a b.so");
        assert_eq!(
            mapping.key,
            TextKey {
                device: 0xfe << 32 | 1,
                inode: 1234,
                offset: 0x26000,
                length: 0x15_6000,
            }
        );
        assert!(
            !parse("7f6c1a654000-7f6c1a655000 rw-p 00000000 00:00 0 ")
                .unwrap()
                .is_code
        );
        assert!(parse("").is_none());
        assert!(parse("2000-1000 r-xp 0 0:0 1 /a").is_none());
    }

    #[test]
    fn who_comes_again_is_looked_at() {
        let mut texts = Texts {
            thread: sync_channel(1).0,
            seen: HashSet::new(),
            programs: 0,
            calls: 0,
        };
        let due = |texts: &mut Texts, again| (0..64).filter(|_| texts.is_due(again)).count();
        assert_eq!(due(&mut texts, false), 19);
        // However many came before; and not for ever either.
        assert_eq!(due(&mut texts, true), 19);
        assert_eq!(due(&mut texts, true), 4);
        // This process shows its own files, which are new here.
        texts.look(std::process::id().cast_signed());
        assert!(texts.is_due(false) && texts.is_due(true));
    }

    #[test]
    fn files_of_ones_own_are_not_trusted() {
        let path = std::env::temp_dir().join(format!("guard-texts-{}", std::process::id()));
        fs::write(&path, [0x0f, 0x05]).unwrap();
        let opened = open_unchangeable(&path);
        fs::remove_file(&path).unwrap();
        assert!(opened.is_none());
    }

    /// What linkers put beside code looks like a call at times.
    #[test]
    fn data_among_code_is_no_site() {
        let bytes = [0x90, 0x90, 0x0f, 0x05, 0xc3, 0x90, 0x90, 0x90].repeat(40);
        let (all, _) = survey(&bytes, slice::from_ref(&(0..u64::MAX))).unwrap();
        let (some, sites) = survey(&bytes, &[0..16, 160..168]).unwrap();
        assert_eq!((all[0], some[0]), (40, 3));
        assert!(sites.len() <= 3);
    }

    /// What is kept of a plan leads to the same plan, in the code that runs this test.
    #[test]
    fn what_is_kept_is_enough() {
        let path = fs::read_link("/proc/self/exe").unwrap();
        let bytes = fs::read(path).unwrap();
        let elf = Elf::parse(&bytes).unwrap();
        let mut any = 0;
        for code in elf.code() {
            let (counts, sites) = survey(code.bytes, slice::from_ref(&(0..u64::MAX))).unwrap();
            assert_eq!(
                counts[0] - counts[1] - counts[2],
                u32::try_from(sites.len()).unwrap()
            );
            any += sites.len();
            assert!(
                sites.iter().all(|word| {
                    Recipe::from_word(*word).and_then(Recipe::to_word) == Some(*word)
                })
            );
        }
        println!("{any} sites");
    }
}
