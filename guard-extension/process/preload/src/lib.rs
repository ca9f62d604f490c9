//! The library that dynamic programs under Guard preload where nothing is refused; the loader maps
//! them where a policy is enforced.
//!
//! Its constructor patches everything that is mapped, and from then on the program's calls pass
//! through the gate. It needs nothing of any libc, so that one file serves them all, and exports
//! nothing.
#![no_std]
#![cfg(all(
    any(target_arch = "x86_64", target_arch = "aarch64"),
    target_os = "linux"
))]

mod own_stack;

use core::panic::PanicInfo;

use guard_gate::{environ, start, sys};

/// Run by the dynamic loader, before all others where it knows DF_1_INITFIRST.
#[used]
#[unsafe(link_section = ".init_array")]
static CONSTRUCTOR: extern "C" fn(i32, usize, usize) = own_stack::guard_preload_construct;

extern "C" fn construct(count: i32, arguments: usize, variables: usize) {
    environ::maybe_given(usize::try_from(count).unwrap_or(0), arguments, variables);
    if start::prepare(&[]).is_ok() {
        let own = construct as *const () as usize;
        start::patch_everything(own..own + 1);
    }
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    sys::complain(&[b"guard: a fault of its own\n"]);
    sys::exit(70)
}
