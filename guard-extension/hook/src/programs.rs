//! Starting programs: which may be, and how they stay under guard.
//!
//! A program is found and decided about by its real path, and looked into: a static one is started
//! by our loader, one with a dynamic loader too where rules are enforced, else with the library to
//! preload, a script as its interpreter has to be. Whatever the caller's environment says, the variables that put the child
//! under guard are set.
//!
//! What is executed is what was looked at: by its descriptor, wherever the program could put
//! another file under the path in the meantime.

use guard_core::policy::Decision;

use crate::calls::Name;
use crate::files::{
    self, EACCES, O_NOFOLLOW, Spare, Wants, append, base, climbs, find, is_below, name_of, object,
    of_process, path_argument, split,
};
use crate::process::Process;
use crate::record::{Subject, goes_on};
use crate::scratch::Scratch;
use crate::shared::{Kind, TmpUse};
use crate::sys::errno::{EINVAL, ELOOP, ENAMETOOLONG};
use crate::sys::{self, AT_FDCWD, Area, Errno, Fd, memory, number};
use crate::text::{DescriptorPath, PathText};
use crate::{Answer, Call, Next};
use arguments::{Front, arguments};
use image::{Image, Line, look};

mod areas;
mod arguments;
mod image;

const AT_SYMLINK_NOFOLLOW: usize = 0x100;
const AT_EMPTY_PATH: usize = 0x1000;
/// What of an argument the kernel takes as `int`.
const INT: usize = 0xffff_ffff;
const DENIED: Errno = Errno(EACCES);
/// Exec format error (errno(3)).
const NO_PROGRAM: Errno = Errno(8);

/// Interpreters that are scripts themselves, before the kernel gives up (`exec_binprm`, fs/exec.c).
const MAX_SCRIPTS: usize = 5;

/// What is kept until the kernel has started the program, or has not.
#[derive(Debug)]
pub(crate) struct Memory {
    link: DescriptorPath,
    line: Line,
    held: [Option<usize>; 2],
    area: Option<(usize, usize)>,
}

impl Memory {
    pub(crate) const fn new() -> Self {
        Self {
            link: DescriptorPath::new(),
            line: Line::new(),
            held: [None; 2],
            area: None,
        }
    }
}

/// Decides about the calls whose treatment is `Program`.
pub(crate) fn decide(
    process: &Process<'_>,
    name: Name,
    call: &Call,
    scratch: &mut Scratch,
) -> Answer {
    let [a, b, c, d, e, _] = call.args;
    match name {
        Name::Readlink => own_name(process, AT_FDCWD, a, b, c, scratch),
        Name::Readlinkat => own_name(process, a, b, c, d, scratch),
        Name::Execve => start(process, call, scratch, (AT_FDCWD, a), (b, c), 0),
        Name::Execveat => start(process, call, scratch, (a, b), (c, d), e),
        _ => Answer::Proceed,
    }
}

/// Continues after the kernel has refused to start a program.
pub(crate) fn after(process: &Process<'_>, scratch: &mut Scratch, result: isize) -> Next {
    for held in &mut scratch.programs.held {
        drop(held.take().map(Fd::held));
    }
    if let Some(area) = scratch.programs.area.take() {
        areas::release(process.local, area.0);
        drop(Area::held(area));
    }
    Next::Done(result)
}

/// Whether a program or a library may be started, by its real path; records what has to be recorded.
pub(crate) fn may_start(
    process: &Process<'_>,
    number: usize,
    path: &[u8],
    _names: &mut PathText,
) -> bool {
    if process.local.is_starting() {
        return true;
    }
    if is_below(path, b"/tmp") && process.sealed.tmp() == TmpUse::None {
        let subject = Subject::new(Kind::Tmp, path);
        return goes_on(process, number, &subject, Decision::Denied, EACCES);
    }
    let decision = process.policy.exec(path, process.sealed.phase());
    goes_on(
        process,
        number,
        &Subject::new(Kind::Exec, path),
        decision,
        EACCES,
    )
}

/// Whether a program that was decided about under one path may run as the file that was found there
/// when it was opened, by its real path; empty when that is not known. Another thread may have put a
/// link to another program there in the meantime.
#[must_use]
pub fn may_run(process: &Process<'_>, path: &[u8]) -> bool {
    let is_closed = is_below(path, b"/tmp") && process.sealed.tmp() == TmpUse::None;
    let decision = process.policy.exec(path, process.sealed.phase());
    !process.enforces()
        || !(is_closed || decision.is_denied())
        || may_start(process, number::EXECVE, path, &mut PathText::new())
}

/// readlink(2) of the program's own file, which under the loader would be the loader's.
fn own_name(
    process: &Process<'_>,
    directory: usize,
    path: usize,
    to: usize,
    room: usize,
    scratch: &mut Scratch,
) -> Answer {
    let [given, real] = &mut scratch.given;
    if process.program.is_empty() || path_argument(path, given).is_err() {
        return Answer::Proceed;
    }
    if !is_own_name(directory, given.bytes(), real) {
        return Answer::Proceed;
    }
    let name = process.program;
    let name = name.get(..room).unwrap_or(name);
    // The kernel's errors: no room at all, a place that cannot be written.
    if name.is_empty() {
        return Answer::Return(-22);
    }
    match memory::copy_out(to, name) {
        Ok(()) => Answer::Return(isize::try_from(name.len()).unwrap_or(0)),
        Err(errno) => Answer::Return(errno.result()),
    }
}

/// Whether a path is `/proc/self/exe` in one of its spellings.
pub(crate) fn is_own_name(directory: usize, path: &[u8], real: &mut PathText) -> bool {
    if !path.ends_with(b"exe") || climbs(path) {
        return false;
    }
    real.clear();
    if !path.starts_with(b"/") && base(directory, real).is_none() {
        return false;
    }
    if append(real, path).is_none() {
        return false;
    }
    let path = real.bytes();
    if matches!(path, b"/proc/self/exe" | b"/proc/thread-self/exe") {
        return true;
    }
    of_process(path).is_some_and(|of| of.rest == b"exe" && of.id == sys::process_id())
}

fn start(
    process: &Process<'_>,
    call: &Call,
    scratch: &mut Scratch,
    (directory, path): (usize, usize),
    (argv, envp): (usize, usize),
    flags: usize,
) -> Answer {
    scratch.programs.held = [None; 2];
    scratch.programs.area = None;
    // The call that is made in its place would leave out what we do not know, and start a program
    // that is only to be checked (`AT_EXECVE_CHECK`). Kernels that do not know it refuse it.
    if flags & INT & !(AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW) != 0 {
        return match process.enforces() {
            true => Answer::Return(EINVAL.result()),
            false => Answer::Proceed,
        };
    }
    let copied = path_argument(path, &mut scratch.given[0]);
    let is_descriptor = flags & AT_EMPTY_PATH != 0 && scratch.given[0].bytes().is_empty();
    if let Err(answer) = copied
        && !(is_descriptor && answer == Answer::Return(-2))
    {
        return answer;
    }
    let asked = Asked {
        directory,
        argv,
        envp,
        flags,
    };
    match prepare(process, call.number, scratch, asked) {
        Ok(call) => Answer::Instead(call),
        Err(errno) => {
            let _ = after(process, scratch, 0);
            Answer::Return(errno.result())
        }
    }
}

/// The arguments of execveat(2) but the path.
#[derive(Debug, Clone, Copy)]
struct Asked {
    directory: usize,
    argv: usize,
    envp: usize,
    flags: usize,
}

fn prepare(
    process: &Process<'_>,
    number: usize,
    scratch: &mut Scratch,
    asked: Asked,
) -> Result<Call, Errno> {
    let [given, spare] = &mut scratch.given;
    let [real, names] = &mut scratch.real;
    let programs = &mut scratch.programs;
    // The path as text, for as long as it is not used up.
    let by_path = asked.directory_is_cwd() || given.bytes().starts_with(b"/");
    // In monitor mode programs are started as they ask for it.
    let is_strict = process.enforces() && process.restricts();
    let is_firm_name =
        !is_strict || by_path && !given.bytes().is_empty() && is_firm(process, given, names, spare);
    let found = if given.bytes().is_empty() {
        sys::duplicate(asked.directory)?
    } else if !process.program.is_empty() && is_own_name(asked.directory, given.bytes(), names) {
        given.set(process.program).ok_or(ENAMETOOLONG)?;
        let mut spare = Spare {
            rest: spare,
            link: names,
        };
        find(process, AT_FDCWD, given.bytes(), 0, real, &mut spare)?
    } else {
        let nofollow = asked.flags & AT_SYMLINK_NOFOLLOW != 0;
        let flags = if nofollow { O_NOFOLLOW } else { 0 };
        let mut spare = Spare {
            rest: spare,
            link: names,
        };
        find(
            process,
            asked.directory,
            given.bytes(),
            flags,
            real,
            &mut spare,
        )?
    };
    if given.bytes().is_empty() {
        name_of(found.number(), real).map_err(|_| DENIED)?;
    }
    let status = sys::status(found.number())?;
    if status.kind() == sys::S_IFLNK {
        return Err(ELOOP);
    }
    if status.kind() != sys::S_IFREG {
        return Err(DENIED);
    }
    if !may_start(process, number, real.bytes(), spare) {
        return Err(DENIED);
    }
    programs.link.of(found.number());
    // Without a kernel that can tell, a call with the path itself would.
    if sys::is_executable(&found) == Some(false) {
        return Err(DENIED);
    }
    let firm = is_firm_name && (!is_strict || is_firm(process, real, names, spare));
    let mut image = look(&programs.link, &status, &mut programs.line, names);
    // A script: its interpreter is what runs.
    let script = image == Image::Script;
    let mut interpreter = None;
    if script {
        // Where the interpreter is found goes into `real`, what it is called is in the line.
        let (file, kind) = interpret(process, number, &mut programs.line, real, names, spare)?;
        image = kind;
        interpreter = Some(file);
    } else if let Image::Dynamic = image {
        image = loader_of(process, number, names, spare)?;
    }
    // As a kernel says that has nobody to run it by (binfmt_misc(5)): whoever that is comes without a
    // guard.
    if image == Image::Other && is_strict {
        return Err(NO_PROGRAM);
    }
    if image == Image::Closed || image == Image::Foreign {
        let subject = Subject::new(Kind::Unguarded, real.bytes());
        let decision = match process.restricts() {
            true => Decision::Denied,
            false => Decision::NotRestricted,
        };
        if !goes_on(process, number, &subject, decision, EACCES) {
            return Err(DENIED);
        }
    }
    // What a library that is preloaded would do comes after code of the program's own.
    let is_mapped = image == Image::Static || image == Image::Dynamic && is_strict;
    let loads = is_mapped && !process.children.loader.is_empty();
    let pins = !firm;
    // What the kernel is to open: the path, or the descriptor that was looked at.
    let opened = match &interpreter {
        Some(file) => file.number(),
        None => found.number(),
    };
    programs.link.of(opened);
    let named = match by_path && !given.bytes().is_empty() {
        true => given.bytes(),
        false => real.bytes(),
    };
    let front = match (loads, script) {
        // The script with its interpreter spelled out, when its first line could change or the
        // interpreter is static.
        (true, true) => Front::Interpreter {
            loader: process.children.loader,
            program: real.bytes(),
            line: &programs.line,
            script: named,
        },
        (false, true) if pins => Front::Interpreter {
            loader: b"",
            program: real.bytes(),
            line: &programs.line,
            script: named,
        },
        (true, false) => Front::Loader {
            loader: process.children.loader,
            // The loader looks the path up once more: in another directory, if another thread has
            // changed the working directory meanwhile.
            program: match firm && named.starts_with(b"/") || !is_strict {
                true => named,
                false => real.bytes(),
            },
        },
        _ => Front::Same,
    };
    let made = arguments(process, &front, asked.argv, asked.envp)?;
    let own_descriptor = asked.flags & AT_EMPTY_PATH;
    let (path, directory, flags) = match &front {
        Front::Loader { .. } => (made.path, AT_FDCWD, 0),
        Front::Interpreter { loader, .. } if !loader.is_empty() => (made.path, AT_FDCWD, 0),
        Front::Interpreter { .. } => (programs.link.pointer(), AT_FDCWD, 0),
        Front::Same if !pins && by_path && !given.bytes().is_empty() => {
            (given.pointer(), AT_FDCWD, 0)
        }
        // The interpreter gets its script by the name or the descriptor that the caller has.
        Front::Same if script => (given.pointer(), asked.directory, own_descriptor),
        Front::Same => (programs.link.pointer(), AT_FDCWD, 0),
    };
    areas::keep(process.local, &made.area);
    let call = Call {
        number: if directory == AT_FDCWD {
            number::EXECVE
        } else {
            number::EXECVEAT
        },
        args: match directory == AT_FDCWD {
            true => [path, made.argv, made.envp, 0, 0, 0],
            false => [directory, path, made.argv, made.envp, flags, 0],
        },
    };
    programs.area = Some(made.area.keep());
    programs.held = [Some(found.keep()), interpreter.map(Fd::keep)];
    Ok(call)
}

impl Asked {
    const fn directory_is_cwd(&self) -> bool {
        sys::int(self.directory) == sys::int(AT_FDCWD)
    }
}

/// Whether the program could not put another file there: the policy or the file system refuses to
/// change the directory that the path's last component is in.
pub(crate) fn is_firm(
    process: &Process<'_>,
    path: &PathText,
    full: &mut PathText,
    names: &mut PathText,
) -> bool {
    if climbs(path.bytes()) {
        return false;
    }
    full.clear();
    if !path.bytes().starts_with(b"/") && base(AT_FDCWD, full).is_none() {
        return false;
    }
    if append(full, path.bytes()).is_none() {
        return false;
    }
    let is_closed = !files::is_free(process, full.bytes(), Wants::WRITE, names);
    if is_closed {
        return true;
    }
    let length = split(full.bytes()).map_or(0, |(directory, _)| directory.len());
    full.cut(length);
    sys::is_writable(full) == Some(false)
}

/// Finds what runs a script: looks at its interpreter, and at that one's, if it is a script too.
/// `line` ends up with the innermost line, `real` with the interpreter's real path.
fn interpret(
    process: &Process<'_>,
    number: usize,
    line: &mut Line,
    real: &mut PathText,
    names: &mut PathText,
    spare: &mut PathText,
) -> Result<(Fd, Image), Errno> {
    let mut link = DescriptorPath::new();
    for _ in 0..MAX_SCRIPTS {
        let mut both = Spare {
            rest: spare,
            link: names,
        };
        let found = find(process, AT_FDCWD, line.program(), 0, real, &mut both)?;
        let status = sys::status(found.number())?;
        if status.kind() != sys::S_IFREG || !may_start(process, number, real.bytes(), spare) {
            return Err(DENIED);
        }
        link.of(found.number());
        if sys::is_executable(&found) == Some(false) {
            return Err(DENIED);
        }
        let mut inner = Line::new();
        match look(&link, &status, &mut inner, names) {
            Image::Script => line.nest(&inner)?,
            Image::Dynamic => return Ok((found, loader_of(process, number, names, spare)?)),
            image => return Ok((found, image)),
        }
    }
    Err(ELOOP)
}

/// Decides about the dynamic loader that a program names: it runs before anything that is preloaded,
/// and if it is no loader, nothing is. What is called like one is taken for one where the program
/// could not have put it.
fn loader_of(
    process: &Process<'_>,
    number: usize,
    name: &mut PathText,
    spare: &mut PathText,
) -> Result<Image, Errno> {
    let found = object(process, AT_FDCWD, name, 0, 0, spare)?;
    name_of(found.number(), name).map_err(|_| DENIED)?;
    if is_systems(name.bytes()) {
        return Ok(Image::Dynamic);
    }
    if !may_start(process, number, name.bytes(), spare) {
        return Err(DENIED);
    }
    if !is_called_loader(name.bytes()) {
        return Ok(Image::Closed);
    }
    if !files::is_free(process, name.bytes(), Wants::WRITE, spare) {
        return Ok(Image::Dynamic);
    }
    let length = split(name.bytes()).map_or(0, |(directory, _)| directory.len());
    name.cut(length);
    match sys::is_writable(name) {
        Some(false) => Ok(Image::Dynamic),
        _ => Ok(Image::Closed),
    }
}

/// Whether a path is that of the system's own dynamic loader, where links have led to: it runs no
/// program but the one that names it, so that an entry for that one suffices. Started by itself it
/// is a program as any other.
fn is_systems(path: &[u8]) -> bool {
    let below = path.strip_prefix(b"/usr").unwrap_or(path);
    let is_library = [b"/lib/".as_slice(), b"/lib64/"]
        .iter()
        .any(|of| below.starts_with(of));
    is_library && is_called_loader(path)
}

pub(crate) fn is_called_loader(path: &[u8]) -> bool {
    let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
    // The last is musl's, which is its own loader.
    name.starts_with(b"ld-") || name == b"ld.so" || name == b"libc.so"
}
