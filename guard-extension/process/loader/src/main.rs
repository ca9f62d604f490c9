//! Starts static programs under Guard.
#![no_std]
#![no_main]

use core::panic::PanicInfo;
use guard_gate::sys;

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    sys::complain(&[b"guard: a fault of its own\n"]);
    sys::exit(70)
}

#[unsafe(no_mangle)]
extern "C" fn _start() -> ! { sys::exit(1) }
