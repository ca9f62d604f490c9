//! Arguments and environment of a program to start, in memory of our own.
//!
//! The environment is copied as a whole: what was looked at is what the program gets, whatever other
//! threads write in the meantime.

use super::image::Line;
use crate::process::Process;
use crate::sys::errno::EFAULT;
use crate::sys::memory::Reader;
use crate::sys::{Area, Errno};

const WORD: usize = size_of::<usize>();
/// Longest string (`MAX_ARG_STRLEN`, linux/binfmts.h).
const MAX_STRING: usize = 128 * 1024;
/// Most that is copied: more than the kernel takes by default, a quarter of an 8 MiB stack.
const MAX_TOTAL: usize = 6 << 20;
/// Argument list too long.
const E2BIG: Errno = Errno(7);

const PRELOAD: &[u8] = b"LD_PRELOAD=";
const AUDIT: &[u8] = b"LD_AUDIT=";
const RENDEZVOUS: &[u8] = b"GUARD_RENDEZVOUS=";

/// What the arguments begin with.
#[derive(Debug)]
pub(super) enum Front<'a> {
    /// As the caller has them.
    Same,
    /// `loader program argv...`
    Loader { loader: &'a [u8], program: &'a [u8] },
    /// `[loader program] interpreter [argument...] script argv[1..]`
    Interpreter {
        loader: &'a [u8],
        program: &'a [u8],
        line: &'a Line,
        script: &'a [u8],
    },
}

/// Arguments for execve(2): addresses in the area, or the caller's own `argv`.
#[derive(Debug)]
pub(super) struct Made {
    pub(super) area: Area,
    pub(super) argv: usize,
    pub(super) envp: usize,
    /// The first string of the front: the program to execute.
    pub(super) path: usize,
}

pub(super) fn arguments(
    process: &Process<'_>,
    front: &Front<'_>,
    argv: usize,
    envp: usize,
) -> Result<Made, Errno> {
    let mut reader = Reader::new();
    let mut sizes = Sizes::default();
    // How much there is.
    let kept = match front {
        Front::Same => 0,
        _ => count(&mut reader, argv)?,
    };
    sizes.words(kept)?;
    each_front(front, |text| sizes.string(text.len()))?;
    let variables = count(&mut reader, envp)?;
    let mut old_preload = 0;
    for index in 0..variables {
        let at = reader.word(envp + index * WORD)?;
        let mut name = [0; PRELOAD.len()];
        let length = reader.string(at, &mut name, MAX_STRING)?.ok_or(E2BIG)?;
        sizes.string(length)?;
        if name == *PRELOAD {
            old_preload = length;
        }
    }
    let children = &process.children;
    sizes.string(PRELOAD.len() + children.preload.len() + 1 + old_preload)?;
    sizes.string(RENDEZVOUS.len() + children.rendezvous.len())?;
    // The NULL at the end of both arrays.
    sizes.words(2)?;
    let mut area = Area::map(sizes.words * WORD + sizes.bytes)?;
    let base = area.base();
    let mut writer = Writer {
        base,
        words: 0,
        bytes: sizes.words * WORD,
        memory: area.bytes(),
    };
    // Arguments.
    let mut path = 0;
    each_front(front, |text| {
        let at = writer.string(&[text])?;
        if path == 0 {
            path = at;
        }
        writer.word(at)
    })?;
    // A script's name takes the place of what it was called by.
    let skipped = usize::from(matches!(front, Front::Interpreter { .. }));
    for index in skipped..kept {
        writer.word(reader.word(argv + index * WORD)?)?;
    }
    writer.word(0)?;
    let environment = base + writer.words;
    // Environment: ours first.
    let own_preload = writer.words;
    if !children.preload.is_empty() {
        writer.word(0)?;
    }
    if !children.rendezvous.is_empty() {
        let at = writer.string(&[RENDEZVOUS, children.rendezvous])?;
        writer.word(at)?;
    }
    let mut preloads = (0, 0);
    for index in 0..variables {
        let from = reader.word(envp + index * WORD)?;
        let (at, length) = writer.copy(&mut reader, from)?;
        let text = writer.text(at, length);
        let is_ours = text.starts_with(RENDEZVOUS) && !children.rendezvous.is_empty();
        // Its code would run before ours.
        let is_before = text.starts_with(AUDIT) && process.enforces() && process.restricts();
        if text.starts_with(PRELOAD) && !children.preload.is_empty() {
            preloads = (at, length);
        } else if !is_ours && !is_before {
            writer.word(base + at)?;
        }
    }
    writer.word(0)?;
    if !children.preload.is_empty() {
        let at = writer.preload(children.preload, preloads)?;
        writer.word_at(own_preload, at)?;
    }
    // All in the area: the caller's own array serves when nothing comes before it.
    let argv = match front {
        Front::Same => argv,
        _ => base,
    };
    Ok(Made {
        area,
        argv,
        envp: environment,
        path,
    })
}

/// Calls `each` with the strings of the front, in order. Those of `Loader` begin with the program
/// to execute, those of a plain interpreter with its name as the script has it.
fn each_front(
    front: &Front<'_>,
    mut each: impl FnMut(&[u8]) -> Result<(), Errno>,
) -> Result<(), Errno> {
    match front {
        Front::Same => Ok(()),
        Front::Loader { loader, program } => {
            each(loader)?;
            each(program)
        }
        Front::Interpreter {
            loader,
            program,
            line,
            script,
        } => {
            if !loader.is_empty() {
                each(loader)?;
                each(program)?;
            }
            each(line.program())?;
            for argument in line.arguments() {
                each(argument)?;
            }
            each(script)
        }
    }
}

/// Entries of an array of pointers before its NULL. No array is an empty one (execve(2)).
fn count(reader: &mut Reader, array: usize) -> Result<usize, Errno> {
    if array == 0 {
        return Ok(0);
    }
    for index in 0..MAX_TOTAL / WORD {
        let at = array.checked_add(index * WORD).ok_or(EFAULT)?;
        if reader.word(at)? == 0 {
            return Ok(index);
        }
    }
    Err(E2BIG)
}

#[derive(Debug, Default)]
struct Sizes {
    words: usize,
    bytes: usize,
}

impl Sizes {
    fn words(&mut self, more: usize) -> Result<(), Errno> {
        self.words = self.words.checked_add(more).ok_or(E2BIG)?;
        self.check()
    }

    /// A string, its NUL and the word that points to it.
    fn string(&mut self, length: usize) -> Result<(), Errno> {
        self.bytes = self.bytes.checked_add(length + 1).ok_or(E2BIG)?;
        self.words(1)
    }

    const fn check(&self) -> Result<(), Errno> {
        if self.bytes > MAX_TOTAL || self.words > MAX_TOTAL / WORD {
            return Err(E2BIG);
        }
        Ok(())
    }
}

/// Fills the area: words from its beginning, strings from where the words end.
#[derive(Debug)]
struct Writer<'m> {
    base: usize,
    words: usize,
    bytes: usize,
    memory: &'m mut [u8],
}

impl Writer<'_> {
    fn word(&mut self, value: usize) -> Result<(), Errno> {
        let at = self.words;
        self.word_at(at, value)?;
        self.words = at + WORD;
        Ok(())
    }

    fn word_at(&mut self, at: usize, value: usize) -> Result<(), Errno> {
        let place = self
            .memory
            .get_mut(at..)
            .and_then(|rest| rest.first_chunk_mut());
        *place.ok_or(E2BIG)? = value.to_ne_bytes();
        Ok(())
    }

    /// Writes a string of several parts and returns its address.
    fn string(&mut self, parts: &[&[u8]]) -> Result<usize, Errno> {
        let first = self.bytes;
        for part in parts {
            let end = self.bytes.checked_add(part.len()).ok_or(E2BIG)?;
            let room = self.memory.get_mut(self.bytes..end).ok_or(E2BIG)?;
            for (to, from) in room.iter_mut().zip(*part) {
                *to = *from;
            }
            self.bytes = end;
        }
        // The area is zero.
        self.bytes += 1;
        Ok(self.base + first)
    }

    /// Copies a string of the program; returns where it is in the area, and its length. One that has
    /// grown since it was counted does not fit.
    fn copy(&mut self, reader: &mut Reader, from: usize) -> Result<(usize, usize), Errno> {
        let first = self.bytes;
        let room = self.memory.get_mut(first..).ok_or(E2BIG)?;
        let most = room.len();
        let length = reader.string(from, room, most)?.ok_or(E2BIG)?;
        self.bytes = first + length + 1;
        Ok((first, length))
    }

    fn text(&self, at: usize, length: usize) -> &[u8] {
        self.memory.get(at..at + length).unwrap_or_default()
    }

    /// `LD_PRELOAD=` with our library first, then what the caller preloads but ours.
    fn preload(&mut self, library: &[u8], (at, length): (usize, usize)) -> Result<usize, Errno> {
        let first = self.string(&[PRELOAD, library])?;
        let mut from = at + PRELOAD.len();
        let end = at + length;
        while from < end {
            let rest = self.text(from, end - from);
            // Spaces separate as well as colons (ld.so(8)).
            let stop = rest.iter().position(|byte| matches!(byte, b':' | b' '));
            let size = stop.unwrap_or(rest.len());
            let is_other = size != 0 && rest.get(..size) != Some(library);
            if is_other {
                // Over the NUL of what was written last.
                let to = self.bytes - 1;
                *self.memory.get_mut(to).ok_or(E2BIG)? = b':';
                for offset in 0..size {
                    let byte = self.memory.get(from + offset).copied().ok_or(E2BIG)?;
                    *self.memory.get_mut(to + 1 + offset).ok_or(E2BIG)? = byte;
                }
                self.bytes = to + 1 + size + 1;
            }
            from += size + 1;
        }
        Ok(first)
    }
}
