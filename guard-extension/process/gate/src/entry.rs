//! Where trampolines lead: from the program's stack to a slot's, to the hook, and back.
//!
//! The contract with trampolines is guard_patcher's: rcx holds the resume address, at which a
//! `syscall` stands; two bytes further execution goes on with the result in rax. Everything but rax,
//! rcx and r11 is as it was when the program goes on, the flags included.
//!
//! The caller's stack holds a [`Frame`] below its red zone, 232 bytes in all: everything that is
//! needed to go back, so that even a call whose slot was taken away while it was under way goes back
//! right (it goes without the hook's [`after`](guard_hook::after) then).

use core::arch::global_asm;
use core::mem::offset_of;

use guard_hook::{Answer, Call, Next, decide};

use crate::slots::{self, CHUNK, COUNT, Chunk, FIRST, HEAD, IN_CALL, SIZE, Slot};
use crate::sys::{map, number};
use crate::{start, text};

/// What lies on the program's stack during a call.
#[derive(Debug)]
#[repr(C)]
pub struct Frame {
    /// The program's signal mask.
    mask: u64,
    slot: u64,
    thread: u64,
    rbp: u64,
    rbx: u64,
    r9: u64,
    r8: u64,
    r10: u64,
    rdx: u64,
    rsi: u64,
    rdi: u64,
    resume: u64,
    /// The call's number, then its result.
    rax: u64,
    flags: u64,
}

// What `decide` and `after` tell the entry to do.
const PROCEED: u32 = 0;
const INSTEAD: u32 = 1;
const RETURN: u32 = 2;

unsafe extern "C" {
    /// Where trampolines lead. Not a function: it is jumped to.
    pub safe fn guard_gate_entry();
}

global_asm!(
    ".pushsection .text.guard_gate, \"ax\", @progbits",
    ".globl guard_gate_entry",
    ".hidden guard_gate_entry",
    ".balign 64",
    "guard_gate_entry:",
    // Below the red zone.
    "lea rsp, [rsp - 128]",
    "pushfq",
    // Calls that need no decision with the arguments they mostly have: memory that is not code,
    // and data for or from a connected socket.
    "cmp eax, {MMAP}",
    "je 20f",
    "cmp eax, {MPROTECT}",
    "je 20f",
    "cmp eax, {SENDTO}",
    "je 21f",
    "1:",
    "push rax",
    "push rcx",
    "push rdi",
    "push rsi",
    "push rdx",
    "push r10",
    "push r8",
    "push r9",
    "push rbx",
    "push rbp",
    "sub rsp, 24",
    "cld",
    // All signals are blocked from here on.
    "mov eax, {RT_SIGPROCMASK}",
    "xor edi, edi",
    "lea rsi, [rip + 90f]",
    "mov rdx, rsp",
    "mov r10d, 8",
    "syscall",
    "mov eax, {GETTID}",
    "syscall",
    "mov ebp, eax",
    "mov [rsp + {THREAD}], rbp",
    // A slot: the first word that is zero becomes ours.
    "mov rsi, [rip + {FIRST}]",
    "2:",
    "xor ecx, ecx",
    "3:",
    "cmp dword ptr [rsi + 4 * rcx], 0",
    "jne 4f",
    "xor eax, eax",
    "lock cmpxchg dword ptr [rsi + 4 * rcx], ebp",
    "je 6f",
    "4:",
    "inc ecx",
    "cmp ecx, {COUNT}",
    "jb 3b",
    "mov rdx, [rsi + {NEXT}]",
    "test rdx, rdx",
    "jz 5f",
    "mov rsi, rdx",
    "jmp 2b",
    // Another chunk.
    "5:",
    "mov rbx, rsi",
    "mov eax, {MMAP}",
    "xor edi, edi",
    "mov esi, {CHUNK}",
    "mov edx, 3",
    "mov r10d, {NEW}",
    "mov r8, -1",
    "xor r9d, r9d",
    "syscall",
    "cmp rax, -4096",
    "ja 30f",
    "mov rdi, rax",
    "mov eax, {MADVISE}",
    "mov esi, {CHUNK}",
    "mov edx, 15",
    "syscall",
    "xor eax, eax",
    "lock cmpxchg qword ptr [rbx + {NEXT}], rdi",
    "je 51f",
    // Another thread was faster: its chunk serves.
    "mov eax, {MUNMAP}",
    "mov esi, {CHUNK}",
    "syscall",
    "51:",
    "mov rsi, [rbx + {NEXT}]",
    "jmp 2b",
    "6:",
    "imul rbx, rcx, {SIZE}",
    "lea rbx, [rsi + rbx + {HEAD}]",
    "lea rax, [rsi + 4 * rcx]",
    "mov [rbx + {CLAIM}], rax",
    "mov [rbx + {FRAME}], rsp",
    "mov [rsp + {SLOT}], rbx",
    "mov rdi, rbx",
    "lea rax, [rip + {decide}]",
    // To the slot's stack, and to the function in rax with the slot in rdi.
    "7:",
    "mov qword ptr [rbx + {STATE}], 0",
    "lea rsp, [rbx + {SIZE}]",
    "movaps [rbx + 0x00], xmm0",
    "movaps [rbx + 0x10], xmm1",
    "movaps [rbx + 0x20], xmm2",
    "movaps [rbx + 0x30], xmm3",
    "movaps [rbx + 0x40], xmm4",
    "movaps [rbx + 0x50], xmm5",
    "movaps [rbx + 0x60], xmm6",
    "movaps [rbx + 0x70], xmm7",
    "movaps [rbx + 0x80], xmm8",
    "movaps [rbx + 0x90], xmm9",
    "movaps [rbx + 0xa0], xmm10",
    "movaps [rbx + 0xb0], xmm11",
    "movaps [rbx + 0xc0], xmm12",
    "movaps [rbx + 0xd0], xmm13",
    "movaps [rbx + 0xe0], xmm14",
    "movaps [rbx + 0xf0], xmm15",
    "call rax",
    "movaps xmm0, [rbx + 0x00]",
    "movaps xmm1, [rbx + 0x10]",
    "movaps xmm2, [rbx + 0x20]",
    "movaps xmm3, [rbx + 0x30]",
    "movaps xmm4, [rbx + 0x40]",
    "movaps xmm5, [rbx + 0x50]",
    "movaps xmm6, [rbx + 0x60]",
    "movaps xmm7, [rbx + 0x70]",
    "movaps xmm8, [rbx + 0x80]",
    "movaps xmm9, [rbx + 0x90]",
    "movaps xmm10, [rbx + 0xa0]",
    "movaps xmm11, [rbx + 0xb0]",
    "movaps xmm12, [rbx + 0xc0]",
    "movaps xmm13, [rbx + 0xd0]",
    "movaps xmm14, [rbx + 0xe0]",
    "movaps xmm15, [rbx + 0xf0]",
    "mov rsp, [rbx + {FRAME}]",
    "cmp eax, {INSTEAD}",
    "je 10f",
    "mov rdx, [rbx + {CLAIM}]",
    "cmp eax, {RETURN}",
    "je 8f",
    // Proceed: the slot is given back, and the trampoline's own instruction makes the call.
    "mov dword ptr [rdx], 0",
    "mov eax, {RT_SIGPROCMASK}",
    "mov edi, 2",
    "mov rsi, rsp",
    "xor edx, edx",
    "mov r10d, 8",
    "syscall",
    "add rsp, 24",
    "pop rbp",
    "pop rbx",
    "pop r9",
    "pop r8",
    "pop r10",
    "pop rdx",
    "pop rsi",
    "pop rdi",
    "pop rcx",
    "pop rax",
    "popfq",
    "lea rsp, [rsp + 128]",
    "jmp rcx",
    // Return: the slot is given back, the result goes to the program.
    "8:",
    "mov rax, [rbx + {RESULT}]",
    "mov [rsp + {RAX}], rax",
    "mov dword ptr [rdx], 0",
    "9:",
    "mov eax, {RT_SIGPROCMASK}",
    "mov edi, 2",
    "mov rsi, rsp",
    "xor edx, edx",
    "mov r10d, 8",
    "syscall",
    "add rsp, 24",
    "pop rbp",
    "pop rbx",
    "pop r9",
    "pop r8",
    "pop r10",
    "pop rdx",
    "pop rsi",
    "pop rdi",
    "pop rcx",
    "pop rax",
    // As the instruction leaves them: where it goes on, and the flags.
    "mov r11, [rsp]",
    "popfq",
    "lea rsp, [rsp + 128]",
    "lea rcx, [rcx + 2]",
    "jmp rcx",
    // Instead: another call, here on the program's stack. Signals come through.
    "10:",
    "mov qword ptr [rbx + {STATE}], {IN_CALL}",
    "mov eax, {RT_SIGPROCMASK}",
    "mov edi, 2",
    "mov rsi, rsp",
    "xor edx, edx",
    "mov r10d, 8",
    "syscall",
    "mov rax, [rbx + {CALL} + 0]",
    "mov rdi, [rbx + {CALL} + 8]",
    "mov rsi, [rbx + {CALL} + 16]",
    "mov rdx, [rbx + {CALL} + 24]",
    "mov r10, [rbx + {CALL} + 32]",
    "mov r8, [rbx + {CALL} + 40]",
    "mov r9, [rbx + {CALL} + 48]",
    "syscall",
    "mov [rsp + {RAX}], rax",
    "mov eax, {RT_SIGPROCMASK}",
    "xor edi, edi",
    "lea rsi, [rip + 90f]",
    "mov rdx, rsp",
    "mov r10d, 8",
    "syscall",
    // Still ours? A handler may have been in between.
    "mov rdx, [rbx + {CLAIM}]",
    "mov eax, [rdx]",
    "cmp eax, [rsp + {THREAD}]",
    "jne 9b",
    "cmp rsp, [rbx + {FRAME}]",
    "jne 9b",
    "mov rdi, rbx",
    "lea rax, [rip + {after}]",
    "jmp 7b",
    // Memory that is not to be code.
    "20:",
    "test edx, 4",
    "jnz 1b",
    "popfq",
    "lea rsp, [rsp + 128]",
    "jmp rcx",
    // No address, and no connection opened by the way (MSG_FASTOPEN).
    "21:",
    "test r8, r8",
    "jnz 1b",
    "test r10d, 0x20000000",
    "jnz 1b",
    "popfq",
    "lea rsp, [rsp + 128]",
    "jmp rcx",
    // No memory for a chunk: ENOMEM.
    "30:",
    "mov qword ptr [rsp + {RAX}], -12",
    "jmp 9b",
    ".balign 8",
    "90:",
    ".quad -1",
    ".popsection",
    MMAP = const number::MMAP,
    MPROTECT = const number::MPROTECT,
    MUNMAP = const number::MUNMAP,
    MADVISE = const number::MADVISE,
    SENDTO = const 44,
    RT_SIGPROCMASK = const 14,
    GETTID = const number::GETTID,
    THREAD = const offset_of!(Frame, thread),
    RAX = const offset_of!(Frame, rax),
    SLOT = const offset_of!(Frame, slot),
    FIRST = sym FIRST,
    COUNT = const COUNT,
    NEXT = const offset_of!(Chunk, next),
    CHUNK = const CHUNK,
    NEW = const map::PRIVATE | map::ANONYMOUS | map::NORESERVE,
    SIZE = const SIZE,
    HEAD = const HEAD,
    CLAIM = const offset_of!(Slot, claim),
    FRAME = const offset_of!(Slot, frame),
    STATE = const offset_of!(Slot, state),
    RESULT = const offset_of!(Slot, result),
    CALL = const offset_of!(Slot, instead),
    INSTEAD = const INSTEAD,
    RETURN = const RETURN,
    IN_CALL = const IN_CALL,
    decide = sym guard_gate_decide,
    after = sym guard_gate_after,
);

/// Asks the hook about the program's call.
extern "C" fn guard_gate_decide(slot: &mut Slot) -> u32 {
    slots::settle(slot);
    slots::reclaim(slot);
    // SAFETY: the entry has stored the address of the frame on the caller's stack.
    let frame = unsafe { &*slot.frame };
    slot.call = Call {
        // The kernel takes the lower half.
        number: (frame.rax & 0xffff_ffff) as usize,
        args: [
            frame.rdi, frame.rsi, frame.rdx, frame.r10, frame.r8, frame.r9,
        ]
        .map(|argument| argument as usize),
    };
    slot.maps_code = false;
    slot.is_watched = false;
    slot.is_hooks = false;
    let Some(process) = start::process() else {
        // It was there before any text was patched: the program has taken it away.
        const EPERM: isize = -1;
        slot.result = EPERM;
        return RETURN;
    };
    match decide(process, &slot.call, &mut slot.scratch) {
        Answer::Proceed if text::maps_code(&slot.call) => {
            slot.maps_code = true;
            slot.instead = slot.call;
            INSTEAD
        }
        Answer::Proceed => PROCEED,
        Answer::Instead(call) => {
            slot.maps_code = text::maps_code(&call);
            slot.is_hooks = true;
            slot.instead = call;
            if matches!(call.number, number::EXECVE | number::EXECVEAT) && slots::is_borrowed() {
                slots::watch(slot);
            }
            INSTEAD
        }
        Answer::Return(result) => {
            slot.result = result;
            RETURN
        }
    }
}

/// Asks the hook what to do after a call that was made in place of the program's.
extern "C" fn guard_gate_after(slot: &mut Slot) -> u32 {
    // SAFETY: as in `guard_gate_decide`; the entry has compared the frame's address.
    let made = unsafe { &*slot.frame }.rax.cast_signed() as isize;
    slots::unwatch(slot);
    let result = match slot.maps_code {
        true => text::mapped(&slot.call, made),
        false => made,
    };
    let next = match start::process() {
        Some(process) if slot.is_hooks => {
            guard_hook::after(process, &slot.call, &mut slot.scratch, result)
        }
        _ => Next::Done(result),
    };
    match next {
        Next::Done(result) => {
            slot.result = result;
            RETURN
        }
        Next::Again(call) => {
            slot.instead = call;
            INSTEAD
        }
    }
}
