//! What a program's file is: read from its first bytes, as the kernel does.

use crate::sys::errno::E2BIG;
use crate::sys::{self, AT_FDCWD, Errno, Fd, OpenHow, Stat};
use crate::text::{DescriptorPath, PathText, Text};

/// Bytes of a file that the kernel decides by (`BINPRM_BUF_SIZE`, linux/binfmts.h).
const HEAD: usize = 256;
/// Program headers that are looked at; more than linkers make.
const MAX_HEADERS: usize = 64;

const S_ISUID: u32 = 0o4000;
const S_ISGID: u32 = 0o2000;
const S_IXGRP: u32 = 0o010;

/// How a program has to be started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Image {
    /// It cannot be read, gets privileges that drop what is preloaded (ld.so(8), secure execution),
    /// or names something for a dynamic loader that may preload nothing.
    Closed,
    /// With a dynamic loader.
    Dynamic,
    /// ELF for another word size, which no library or loader of ours fits, or with more parts than
    /// are looked at.
    Foreign,
    /// What the kernel knows better, or refuses.
    Other,
    Script,
    Static,
}

/// The first line of a script, and of the scripts that run it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line {
    program: Text<HEAD>,
    argument: Text<HEAD>,
    /// Names of interpreters that are scripts, outermost last, with their arguments before them,
    /// each ended by a NUL.
    nested: Text<{ 4 * HEAD }>,
}

impl Line {
    pub(super) const fn new() -> Self {
        Self {
            program: Text::new(),
            argument: Text::new(),
            nested: Text::new(),
        }
    }

    pub(super) fn program(&self) -> &[u8] {
        self.program.bytes()
    }

    /// The arguments that come before the script's name, in order.
    pub(super) fn arguments(&self) -> impl Iterator<Item = &[u8]> {
        let own = Some(self.argument.bytes()).filter(|argument| !argument.is_empty());
        let nested = self.nested.bytes();
        let nested = nested
            .strip_suffix(b"\0")
            .map(|all| all.split(|byte| *byte == 0));
        own.into_iter().chain(nested.into_iter().flatten())
    }

    /// The interpreter is a script with a line of its own: that one runs, with the interpreter's
    /// name and argument for arguments.
    pub(super) fn nest(&mut self, inner: &Self) -> Result<(), Errno> {
        let mut nested = Text::new();
        let all = [self.program.bytes(), self.argument.bytes()];
        let fits = all
            .iter()
            .filter(|part| !part.is_empty())
            .try_for_each(|part| {
                nested.push(part)?;
                nested.push(b"\0")
            })
            .and_then(|()| nested.push(self.nested.bytes()));
        // Argument list too long.
        fits.ok_or(E2BIG)?;
        *self = Self { nested, ..*inner };
        Ok(())
    }

    /// Reads `#! interpreter argument` (`load_script`, fs/binfmt_script.c): one argument, spaces
    /// and tabs around it dropped.
    fn read(&mut self, head: &[u8]) -> Option<()> {
        let line = head.strip_prefix(b"#!")?;
        let end = line.iter().position(|byte| matches!(byte, b'\n' | b'\0'));
        let line = trim(line.get(..end.unwrap_or(line.len()))?);
        let split = line.iter().position(|byte| matches!(byte, b' ' | b'\t'));
        let split = split.unwrap_or(line.len());
        let (program, argument) = line.split_at_checked(split)?;
        // Cut off: the kernel refuses too.
        if program.is_empty() || (end.is_none() && argument.is_empty() && head.len() == HEAD) {
            return None;
        }
        self.nested.clear();
        self.program.set(program)?;
        self.argument.set(trim(argument))
    }
}

/// Without the spaces and tabs at both ends.
fn trim(text: &[u8]) -> &[u8] {
    let is_text = |byte: &u8| !matches!(byte, b' ' | b'\t');
    let first = text.iter().position(is_text).unwrap_or(text.len());
    let end = text
        .iter()
        .rposition(is_text)
        .map_or(first, |last| last + 1);
    text.get(first..end).unwrap_or_default()
}

/// Looks at a file through its name in /proc/thread-self/fd. For a script `line` is set, for a
/// dynamic program `loader`.
pub(super) fn look(
    link: &DescriptorPath,
    status: &Stat,
    line: &mut Line,
    loader: &mut PathText,
) -> Image {
    let how = OpenHow {
        flags: 0o2_000_000,
        mode: 0,
        resolve: 0,
    };
    let Ok(file) = sys::open_at(AT_FDCWD, link, &how) else {
        return Image::Closed;
    };
    let mut head = [0; HEAD];
    let Ok(length) = sys::read_at(&file, 0, &mut head) else {
        return Image::Closed;
    };
    let head = head.get(..length).unwrap_or_default();
    if line.read(head).is_some() {
        return Image::Script;
    }
    let image = elf(&file, head, loader);
    // Scripts get no privileges of their file.
    match image {
        Image::Dynamic | Image::Static if is_privileged(&file, status) => Image::Closed,
        image => image,
    }
}

fn is_privileged(file: &Fd, status: &Stat) -> bool {
    let (user, group, refused) = sys::identity();
    let set_user = status.mode & S_ISUID != 0 && status.uid != user;
    let set_group = status.mode & (S_ISGID | S_IXGRP) == S_ISGID | S_IXGRP && status.gid != group;
    !refused && (set_user || set_group || sys::has_attribute(file, c"security.capability"))
}

/// ELF (elf(5)): class at 4, byte order at 5, machine at 18, headers at 32, their size and number
/// at 54 and 56.
fn elf(file: &Fd, head: &[u8], loader: &mut PathText) -> Image {
    if !head.starts_with(b"\x7fELF") {
        return Image::Other;
    }
    // EM_X86_64, EM_AARCH64
    let machine = if cfg!(target_arch = "x86_64") {
        62
    } else {
        183
    };
    if head.get(4) != Some(&2) || head.get(5) != Some(&1) || short(head, 18) != Some(machine) {
        return Image::Foreign;
    }
    // Kernels take some more than are looked at; what is not looked at is not known.
    if short(head, 56).is_some_and(|count| usize::from(count) > MAX_HEADERS) {
        return Image::Foreign;
    }
    match interpreter(file, head) {
        Some(Some((at, size))) => match name(file, at, size, loader) {
            Some(()) => Image::Dynamic,
            None => Image::Other,
        },
        Some(None) => Image::Static,
        None => Image::Other,
    }
}

/// The dynamic loader's name ends by a NUL, or the kernel refuses it.
fn name(file: &Fd, at: usize, size: usize, into: &mut PathText) -> Option<()> {
    let room = into.room().get_mut(..size)?;
    let read = sys::read_at(file, at, room).ok()?;
    let end = room.get(..read)?.iter().position(|byte| *byte == 0)?;
    into.filled(end)
}

/// Place and length of the dynamic loader's name, if there is one; `None` for damaged headers, which
/// the kernel refuses.
fn interpreter(file: &Fd, head: &[u8]) -> Option<Option<(usize, usize)>> {
    const SIZE: usize = 56;
    const PT_INTERP: u32 = 3;
    let first = long(head, 32)?;
    let count = usize::from(short(head, 56)?);
    if usize::from(short(head, 54)?) != SIZE || count == 0 || count > MAX_HEADERS {
        return None;
    }
    for index in 0..count {
        let mut header = [0; SIZE];
        let at = first.checked_add(index * SIZE)?;
        if sys::read_at(file, at, &mut header).ok()? != SIZE {
            return None;
        }
        let kind = header.first_chunk().map(|bytes| u32::from_le_bytes(*bytes));
        if kind == Some(PT_INTERP) {
            return Some(Some((long(&header, 8)?, long(&header, 32)?)));
        }
    }
    Some(None)
}

fn short(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn long(bytes: &[u8], at: usize) -> Option<usize> {
    let word = u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?);
    usize::try_from(word).ok()
}
