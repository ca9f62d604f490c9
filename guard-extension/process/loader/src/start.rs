//! From the arguments to the program.

use core::ffi::CStr;
use core::sync::atomic::Ordering;

use guard_gate::sys::{self, Descriptor, Errno, number};
use guard_gate::{environ, start as gate, text};
use guard_hook::{Answer, Call, Scratch};

use crate::begin::{self, guard_loader_jump};
use crate::image::{self, EMPTY, Form, Head, Image, Room};
use crate::stack::Stack;

/// As sysexits.h numbers them: the command line is not understood.
const USAGE: u8 = 64;
/// What is needed cannot be had.
const UNAVAILABLE: u8 = 69;

/// No such file, no memory (errno(3)).
const ENOENT: Errno = Errno(2);
const ENOMEM: Errno = Errno(12);
/// Permission denied (errno(3)).
const DENIED: Errno = Errno(13);

/// Longest path (PATH_MAX, limits.h).
const PATH: usize = 4096;

pub(crate) fn start(stack: usize) -> ! {
    let stack = Stack::at(stack);
    environ::given(stack.variables());
    if stack.count() == 2 && stack.argument(1) == c"--probe" {
        probe();
    }
    if stack.count() < 3 {
        sys::complain(&[b"guard-loader: started by hand, accepted is: PATH NAME [ARGUMENT...]\n"]);
        sys::exit(USAGE);
    }
    let path = stack.argument(1);
    let mut room = EMPTY;
    let opened = image::open(path).and_then(|file| Ok((Head::read(&file, &mut room)?, file)));
    match opened {
        Ok((head, file)) if is_run(head.form()) => run(stack, path, &head, file),
        Ok((head, _)) if head.form() == Form::Dynamic => preloaded(stack, path),
        Ok(_) => leave(stack, path, None),
        Err(error) => leave(stack, path, Some(error)),
    }
}

/// Tries what every guarded program needs, for the extension: found, handed over, mapped, patched.
fn probe() -> ! {
    let works = gate::prepare(&[]).is_ok() && text::can_patch();
    sys::exit(if works { 0 } else { UNAVAILABLE })
}

/// Whether a program is mapped here. A dynamic one is where a policy is enforced: what is preloaded
/// comes after code of the program's own that the dynamic loader calls while it links (indirect
/// functions, auditors, what wants to be initialised first).
///
/// On aarch64 it is left to the preloaded library: mapped here, dynamic programs end the emulator,
/// which is all that they have been tried on.
fn is_run(form: Form) -> bool {
    match form {
        Form::Static => true,
        Form::Dynamic => cfg!(target_arch = "x86_64") && gate::is_enforced() == Some(true),
        Form::Other => false,
    }
}

/// A program's dynamic loader.
struct Linker<'b> {
    head: Head<'b>,
    image: Image,
    identity: Option<(u64, u64)>,
}

impl<'b> Linker<'b> {
    fn map(head: &Head<'_>, file: &Descriptor, room: &'b mut Room) -> Result<Option<Self>, Errno> {
        if head.form() != Form::Dynamic {
            return Ok(None);
        }
        let mut buffer = [0; PATH];
        let file = image::open(head.interpreter(file, &mut buffer)?)?;
        let head = Head::read(&file, room)?;
        if head.form() != Form::Static {
            return Err(image::BAD_LIBRARY);
        }
        let image = head.map(&file)?;
        let identity = sys::identity(file.raw());
        Ok(Some(Self {
            head,
            image,
            identity,
        }))
    }
}

/// Becomes a program.
fn run(stack: Stack, path: &CStr, head: &Head<'_>, file: Descriptor) -> ! {
    let mut room = EMPTY;
    let mut buffer = [0; PATH];
    let found = real_path(&file, &mut buffer);
    let real = found.unwrap_or_else(|| path.to_bytes());
    let mapped = head
        .map(&file)
        .and_then(|image| Ok((image, Linker::map(head, &file, &mut room)?)));
    let (mut image, linker) = match mapped {
        Ok(mapped) => mapped,
        Err(error) => fail(path, error),
    };
    // What follows needs descriptors, of which there may be few.
    let identity = sys::identity(file.raw());
    drop(file);
    // After the program is mapped: the extension sees which files it is to know.
    let process = gate::prepare(real).ok();
    if let Some(process) = process {
        if !gate::may_run(process, found) {
            fail(path, DENIED);
        }
        let begin = sys::now();
        let mut count = text::Count::default();
        let mut patch = |identity, start, end, offset, state| {
            count.add(gate::patch_image(start, end, identity, offset, state));
        };
        head.code(&image, |start, end, at, state| {
            patch(identity, start, end, at, state);
        });
        if let Some(linker) = &linker {
            let (head, identity) = (&linker.head, linker.identity);
            head.code(&linker.image, |start, end, at, state| {
                patch(identity, start, end, at, state);
            });
            // Until it jumps to what it takes for the program's entry.
            image.entry = begin::until_linked(image.entry, process.local.linking());
        }
        gate::report(count, begin, real);
        stack.forget(b"GUARD_RENDEZVOUS=");
        stack.unload(process.children.preload);
        let is_steered = [b"LD_PRELOAD=".as_slice(), b"LD_LIBRARY_PATH="]
            .iter()
            .any(|name| stack.says(name));
        let is_steered = is_steered && !is_root();
        process.local.steered().store(is_steered, Ordering::Relaxed);
    }
    name(path);
    let (base, entry) = match &linker {
        Some(linker) => (linker.image.base, linker.image.entry),
        None => (0, image.entry),
    };
    stack.describe(&image, base, path);
    // SAFETY: the program is mapped, and the stack holds what it expects.
    unsafe { guard_loader_jump(stack.without_two(), entry) }
}

fn is_root() -> bool {
    // SAFETY: takes no arguments and changes nothing.
    let user = unsafe { sys::call(number::GETEUID, [0; 6]) };
    user == Ok(0)
}

/// Becomes any other program. What cannot be read may be startable all the same, the kernel knows;
/// but nobody knows whether it can be guarded.
fn leave(stack: Stack, path: &CStr, unread: Option<Errno>) -> ! {
    match (gate::is_enforced(), unread) {
        (Some(true), Some(error)) => fail(path, error),
        (Some(true), None) => fail(path, start_guarded(stack, path)),
        _ => preloaded(stack, path),
    }
}

/// Becomes a program with the library before its own, which asks the extension itself.
fn preloaded(stack: Stack, path: &CStr) -> ! {
    let mut buffer = [0; PATH];
    let error = match gate::is_enforced() {
        Some(enforces) => match beside(&mut buffer) {
            Some(preload) => with_preload(stack, path, preload),
            None if enforces => ENOENT,
            None => execute(path, stack.arguments_from(2), stack.variables()),
        },
        None => execute(path, stack.arguments_from(2), stack.variables()),
    };
    fail(path, error)
}

/// Starts a program as one under guard would be started: what runs a script may be static.
fn start_guarded(stack: Stack, path: &CStr) -> Errno {
    let (arguments, variables) = (stack.arguments_from(2), stack.variables());
    let Ok(process) = gate::prepare(&[]) else {
        return execute(path, arguments, variables);
    };
    let process = match gate::is_child() {
        true => *process,
        false => gate::as_users(process),
    };
    process
        .local
        .starting()
        .store(!gate::is_child(), Ordering::Relaxed);
    let Ok(memory) = sys::map_new(size_of::<Scratch>()) else {
        return ENOMEM;
    };
    // SAFETY: a new mapping, page-aligned and long enough; zeros are a valid value, as in slots.
    let scratch = unsafe { &mut *(memory as *mut Scratch) };
    let args = [path.as_ptr().addr(), arguments.addr(), variables.addr()];
    let call = Call {
        number: number::EXECVE,
        args: [args[0], args[1], args[2], 0, 0, 0],
    };
    match guard_hook::decide(&process, &call, scratch) {
        Answer::Proceed => execute(path, arguments, variables),
        // SAFETY: execve(2) with vectors of strings in memory that stays.
        Answer::Instead(call) => match unsafe { sys::call(call.number, call.args) } {
            Err(error) => error,
            Ok(_) => image::ENOEXEC,
        },
        Answer::Return(result) => {
            Errno(u16::try_from(result.unsigned_abs()).unwrap_or(image::ENOEXEC.0))
        }
    }
}

/// The preload library: beside the loader, where the extension looked for both.
fn beside(buffer: &mut [u8; PATH]) -> Option<&[u8]> {
    const NAME: &[u8] = b"libguard.so";
    let length = read_link(c"/proc/self/exe", buffer)?;
    let directory = buffer
        .get(..length)?
        .iter()
        .rposition(|byte| *byte == b'/')?
        + 1;
    buffer
        .get_mut(directory..)?
        .get_mut(..NAME.len())?
        .copy_from_slice(NAME);
    buffer.get(..directory + NAME.len())
}

/// Starts a program with `LD_PRELOAD` beginning with the library.
fn with_preload(stack: Stack, path: &CStr, preload: &[u8]) -> Errno {
    const NAME: &[u8] = b"LD_PRELOAD=";
    const E2BIG: Errno = Errno(7);
    let count = stack.variable_count();
    let old = stack.variables();
    let mut held: &[u8] = &[];
    for index in 0..count {
        if let Some(value) = string(old, index).to_bytes().strip_prefix(NAME) {
            held = value;
        }
    }
    // One mapping for the new vector and the new string.
    let vector = (count + 2) * size_of::<usize>();
    let length = NAME.len() + preload.len() + 1 + held.len() + 1;
    let Ok(memory) = sys::map_new(vector + length) else {
        return E2BIG;
    };
    let text = memory + vector;
    let mut at = text;
    let separator: &[u8] = if held.is_empty() { b"" } else { b":" };
    let is_there = held
        .split(|byte| b": ".contains(byte))
        .any(|part| part == preload);
    let parts: [&[u8]; 5] = if is_there {
        [NAME, held, b"", b"", b"\0"]
    } else {
        [NAME, preload, separator, held, b"\0"]
    };
    for part in parts {
        // SAFETY: the mapping has room for all parts.
        unsafe { core::ptr::copy_nonoverlapping(part.as_ptr(), at as *mut u8, part.len()) };
        at += part.len();
    }
    let new = memory as *mut usize;
    let mut used = 0;
    let mut put = |value: usize| {
        let place = new.wrapping_add(used);
        // SAFETY: the vector has room for the old variables, the new one and a null pointer.
        unsafe { place.write(value) };
        used += 1;
    };
    for index in 0..count {
        let variable = string(old, index);
        if !variable.to_bytes().starts_with(NAME) {
            put(variable.as_ptr().addr());
        }
    }
    put(text);
    put(0);
    execute(path, stack.arguments_from(2), new)
}

fn string(vector: *const usize, index: usize) -> &'static CStr {
    let place = vector.wrapping_add(index);
    // SAFETY: the index is below the number of variables.
    let pointer = unsafe { place.read() };
    // SAFETY: the kernel's strings end in a NUL byte, and the stack lives for ever.
    unsafe { CStr::from_ptr(pointer as *const _) }
}

fn execute(path: &CStr, arguments: *const usize, variables: *const usize) -> Errno {
    let args = [
        path.as_ptr().addr(),
        arguments.addr(),
        variables.addr(),
        0,
        0,
        0,
    ];
    // SAFETY: vectors of strings, each ended by a null pointer.
    match unsafe { sys::call(number::EXECVE, args) } {
        Err(error) => error,
        Ok(_) => image::ENOEXEC,
    }
}

/// As shells end for a program that cannot be started.
fn fail(path: &CStr, error: Errno) -> ! {
    let mut digits = [0; 5];
    let mut value = error.0;
    let mut first = digits.len();
    while value > 0 || first == digits.len() {
        first -= 1;
        if let Some(digit) = digits.get_mut(first) {
            *digit = b'0' + (value % 10) as u8;
        }
        value /= 10;
    }
    let why: &[u8] = match error {
        ENOENT => b"no such file",
        Errno(13) => b"permission denied",
        image::ENOEXEC => b"not a program",
        _ => b"cannot be started",
    };
    let number = digits.get(first..).unwrap_or_default();
    sys::complain(&[
        b"guard: ",
        path.to_bytes(),
        b": ",
        why,
        b" (error ",
        number,
        b")\n",
    ]);
    sys::exit(if error == ENOENT { 127 } else { 126 })
}

/// Where an open file is.
fn real_path<'b>(file: &Descriptor, buffer: &'b mut [u8; PATH]) -> Option<&'b [u8]> {
    let mut link = *b"/proc/self/fd/\0\0\0\0\0\0\0\0";
    let mut value = file.raw();
    let mut digits = 1;
    while value >= 10_usize.pow(digits) {
        digits += 1;
    }
    for at in (0..digits as usize).rev() {
        *link.get_mut(14 + at)? = b'0' + (value % 10) as u8;
        value /= 10;
    }
    let length = read_link(CStr::from_bytes_until_nul(&link).ok()?, buffer)?;
    buffer.get(..length)
}

/// Reads a link: how long what it says is.
fn read_link(link: &CStr, buffer: &mut [u8; PATH]) -> Option<usize> {
    const AT_FDCWD: usize = -100_isize as usize;
    let args = [
        AT_FDCWD,
        link.as_ptr().addr(),
        buffer.as_mut_ptr().addr(),
        PATH,
        0,
        0,
    ];
    // SAFETY: the link ends in a NUL byte; the kernel writes at most the buffer's length.
    unsafe { sys::call(number::READLINKAT, args) }.ok()
}

/// The name that lists of processes show: the last part of the path.
fn name(path: &CStr) {
    const PR_SET_NAME: usize = 15;
    let bytes = path.to_bytes_with_nul();
    let last = bytes
        .iter()
        .rposition(|byte| *byte == b'/')
        .map_or(0, |at| at + 1);
    let name = bytes.get(last..).unwrap_or(bytes);
    let args = [PR_SET_NAME, name.as_ptr().addr(), 0, 0, 0, 0];
    // SAFETY: the kernel reads at most 16 bytes of a string that ends in a NUL byte.
    if unsafe { sys::call(number::PRCTL, args) }.is_err()
        && let Ok(comm) = Descriptor::open(c"/proc/self/comm", 1)
    {
        let args = [comm.raw(), name.as_ptr().addr(), name.len() - 1, 0, 0, 0];
        // SAFETY: the kernel reads the slice.
        let _ = unsafe { sys::call(number::WRITE, args) };
    }
}
