//! Mappings that a program was started with.
//!
//! A child of vfork(2) runs in its parent's memory until it starts a program, and never comes back
//! to unmap what it was started with. So mappings are noted with their owner, and the next start
//! releases those whose owner is gone.

use core::sync::atomic::Ordering;

use crate::process::Local;
use crate::sys::{self, Area};

/// Being written or released.
const BUSY: u64 = u64::MAX;

/// Notes a mapping, and releases those that nobody needs any more. Without room it is not noted, and
/// lost when the owner is such a child.
pub(super) fn keep(local: &Local, area: &Area) {
    let mut is_noted = false;
    for [owner, base, length] in &local.areas {
        let held = owner.load(Ordering::Acquire);
        let is_stale = held != 0
            && held != BUSY
            && u32::try_from(held).is_ok_and(|owner| !sys::is_alive(owner));
        let is_mine = (held == 0 && !is_noted || is_stale)
            && owner
                .compare_exchange(held, BUSY, Ordering::AcqRel, Ordering::Relaxed)
                .is_ok();
        if !is_mine {
            continue;
        }
        if is_stale {
            let parts = (base.load(Ordering::Relaxed), length.load(Ordering::Relaxed));
            if let (Ok(base), Ok(length)) = (usize::try_from(parts.0), usize::try_from(parts.1)) {
                drop(Area::held((base, length)));
            }
        }
        if is_noted {
            owner.store(0, Ordering::Release);
            continue;
        }
        base.store(area.base() as u64, Ordering::Relaxed);
        length.store(area.length() as u64, Ordering::Relaxed);
        owner.store(u64::from(sys::process_id()), Ordering::Release);
        is_noted = true;
    }
}

/// Takes the note of a mapping back, which its owner is about to unmap.
pub(super) fn release(local: &Local, at: usize) {
    let own = u64::from(sys::process_id());
    for [owner, base, _] in &local.areas {
        if owner.load(Ordering::Acquire) == own && base.load(Ordering::Relaxed) == at as u64 {
            owner.store(0, Ordering::Release);
            return;
        }
    }
}
