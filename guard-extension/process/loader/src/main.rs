//! Starts programs under Guard: `guard-loader PATH [ARGUMENT...]`, the first argument being the
//! program's own name for itself.
//!
//! A static program is mapped as the kernel would map it, patched, and jumped to; where a policy is
//! enforced, a dynamic one with its dynamic loader as well, whose libraries are patched as it maps
//! them. Elsewhere a dynamic program is left to the kernel, with the preload library put before its
//! libraries. A script is started as one under guard is. The process stays the same, so that what
//! started it notices nothing.
#![no_std]
#![no_main]
#![cfg(all(
    any(target_arch = "x86_64", target_arch = "aarch64"),
    target_os = "linux"
))]

mod begin;
mod image;
mod stack;
mod start;

use core::panic::PanicInfo;

use guard_gate::sys;

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    sys::complain(&[b"guard: a fault of its own\n"]);
    sys::exit(70)
}
