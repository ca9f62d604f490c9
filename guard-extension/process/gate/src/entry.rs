//! Where trampolines lead: from the program's stack to a slot's, to the hook, and back.
//!
//! The machine code is the architecture's, as is the [`Frame`](crate::arch::Frame) that the caller's
//! stack holds: everything that is needed to go back, so that even a call whose slot was taken away
//! while it was under way goes back right (it goes without the hook's [`after`](guard_hook::after)
//! then).

use guard_hook::{Answer, Call, Next, decide, hands_on, uncovers};

use crate::slots::{self, Slot};
use crate::sys::number;
use crate::{covered, start, text};

// What `decide` and `after` tell the entry to do.
const PROCEED: u32 = 0;
pub(crate) const INSTEAD: u32 = 1;
pub(crate) const RETURN: u32 = 2;

/// Asks the hook about the program's call.
pub(crate) extern "C" fn guard_gate_decide(slot: &mut Slot) -> u32 {
    slots::settle(slot);
    slots::reclaim(slot);
    // SAFETY: the entry has stored the address of the frame on the caller's stack.
    let frame = unsafe { &*slot.frame };
    slot.call = Call {
        number: frame.number(),
        args: frame.arguments(),
    };
    slot.maps_code = false;
    slot.is_watched = false;
    slot.is_hooks = false;
    slot.hands_on = 0;
    let Some(process) = start::process() else {
        // It was there before any text was patched: the program has taken it away.
        const EPERM: isize = -1;
        slot.result = EPERM;
        return RETURN;
    };
    let answer = match covered::uncovers(&slot.call) {
        true => uncovers(process, &slot.call),
        false => decide(process, &slot.call, &mut slot.scratch),
    };
    match answer {
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
            if !slot.maps_code && hands_on(process, &slot.call, &slot.scratch) {
                slot.hands_on = 1;
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
pub(crate) extern "C" fn guard_gate_after(slot: &mut Slot) -> u32 {
    // SAFETY: as in `guard_gate_decide`; the entry has compared the frame's address.
    let made = unsafe { &*slot.frame }.result();
    slots::unwatch(slot);
    let result = match slot.maps_code {
        true => text::mapped(&slot.instead, made),
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
            slot.hands_on = 0;
            slot.instead = call;
            INSTEAD
        }
    }
}
