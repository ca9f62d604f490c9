//! The library as it is linked into programs: nothing around it.
#![no_std]

use guard_hook::{Answer, Call, Next, Process, Scratch};

#[unsafe(no_mangle)]
pub extern "C" fn guard_test_decide(
    process: &Process<'_>,
    call: &Call,
    scratch: &mut Scratch,
    answer: &mut Answer,
) {
    *answer = guard_hook::decide(process, call, scratch);
}

#[unsafe(no_mangle)]
pub extern "C" fn guard_test_after(
    process: &Process<'_>,
    call: &Call,
    scratch: &mut Scratch,
    result: isize,
    next: &mut Next,
) {
    *next = guard_hook::after(process, call, scratch, result);
}

unsafe extern "C" {
    /// Nowhere to be found: what refers to it is left undefined, which the test sees.
    safe fn guard_test_panics() -> !;
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    guard_test_panics()
}
