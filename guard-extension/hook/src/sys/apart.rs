//! Work that no other thread of the program can reach with its descriptors.
//!
//! A table of descriptors belongs to all threads of a process: any of them can put another file
//! behind a number (dup2(2)) between two calls of ours. Knows how to have a piece of work done by a
//! child that shares the memory and has a table of its own, copied when it begins, as well as a
//! working directory of its own.
#![allow(unsafe_code, reason = "makes processes and threads")]

use core::arch::asm;
use core::ffi::c_void;

use super::errno::EPERM;
use super::number;
use super::raw::{Errno, checked, syscall};

/// `CLONE_VM | CLONE_VFORK` of clone(2), no signal at its end: the parent stands still until the
/// child has ended, so that both can use one stack.
const FLAGS: usize = 0x100 | 0x4000;
/// `CLONE_SIGHAND | CLONE_THREAD`.
const OF_THREAD: usize = 0x800 | 0x1_0000;
/// Waits for children that end without a signal (`__WCLONE`, wait(2)).
const WITHOUT_SIGNAL: usize = 0x8000_0000;

/// Has `work` done with a copy of the table of descriptors, and returns what it returned. What it
/// opens is closed by its end. All signals are to be blocked.
///
/// # Errors
/// Those of clone(2), when there is no process to be had; EPERM when the child was ended from
/// outside.
pub(crate) fn apart<T>(work: impl FnOnce() -> T) -> Result<T, Errno> {
    let (child, result) = done(FLAGS, work)?;
    // It has ended: vfork(2) says when. Another thread may have waited for it meanwhile.
    // SAFETY: stores nothing.
    let _ = unsafe { syscall(number::WAIT4, [child, 0, WITHOUT_SIGNAL, 0, 0, 0]) };
    result.ok_or(EPERM)
}

/// The same by a thread of the program's: it is the program that calls, for whomever the kernel
/// tells (`SO_PEERCRED` and `SCM_CREDENTIALS` of unix(7)).
///
/// # Errors
/// As of [`apart`].
pub(crate) fn apart_in_thread<T>(work: impl FnOnce() -> T) -> Result<T, Errno> {
    let (_, result) = done(FLAGS | OF_THREAD, work)?;
    result.ok_or(EPERM)
}

/// Which child it was, and what the work returned if it was done.
fn done<T>(flags: usize, work: impl FnOnce() -> T) -> Result<(usize, Option<T>), Errno> {
    let mut task = Task {
        work: Some(work),
        result: None,
    };
    let begin = begin(&task);
    let child = checked(start(flags, begin, (&raw mut task).cast()))?;
    Ok((child, task.result))
}

struct Task<F, T> {
    work: Option<F>,
    result: Option<T>,
}

type Begin = extern "C" fn(*mut c_void);

fn begin<F: FnOnce() -> T, T>(_: &Task<F, T>) -> Begin {
    run::<F, T>
}

extern "C" fn run<F: FnOnce() -> T, T>(task: *mut c_void) {
    // SAFETY: `apart` hands in its own task, which nobody else touches until the child has ended.
    let task = unsafe { &mut *task.cast::<Task<F, T>>() };
    if let Some(work) = task.work.take() {
        task.result = Some(work());
    }
}

/// clone(2); the child calls `begin` and ends. The result is the parent's.
fn start(flags: usize, begin: Begin, data: *mut c_void) -> isize {
    let result: isize;
    // SAFETY: the parent stands still until the child has ended. The child uses the stack below
    // where the parent stands, where nothing of the parent's is; and changes no register of the
    // parent's, having its own. It calls a function with the stack aligned as at entry of `asm!`,
    // to 16 bytes, and never leaves the block: exit(2) ends it, and it alone.
    #[cfg(target_arch = "x86_64")]
    unsafe {
        asm!(
            "syscall",
            "test rax, rax",
            "jnz 2f",
            "mov rdi, r12",
            "call r13",
            "mov eax, {EXIT}",
            "xor edi, edi",
            "syscall",
            "ud2",
            "2:",
            EXIT = const number::EXIT,
            inlateout("rax") number::CLONE => result,
            in("rdi") flags,
            in("rsi") 0_usize,
            in("rdx") 0_usize,
            in("r10") 0_usize,
            in("r8") 0_usize,
            in("r9") 0_usize,
            in("r12") data,
            in("r13") begin,
            lateout("rcx") _,
            lateout("r11") _,
        );
    }
    // SAFETY: as above; the link register is the child's own, too.
    #[cfg(target_arch = "aarch64")]
    unsafe {
        asm!(
            "svc #0",
            "cbnz x0, 2f",
            "mov x0, x20",
            "blr x21",
            "mov x8, #{EXIT}",
            "mov x0, #0",
            "svc #0",
            "udf #0",
            "2:",
            EXIT = const number::EXIT,
            in("x8") number::CLONE,
            inlateout("x0") flags => result,
            in("x1") 0_usize,
            in("x2") 0_usize,
            in("x3") 0_usize,
            in("x4") 0_usize,
            in("x20") data,
            in("x21") begin,
        );
    }
    result
}
