//! A policy's settings in the words of the parts that they are for, translated once.

use crate::event::Limits;
use crate::policy::{self, Policy};
use crate::reply::OnBlock;
use crate::verdict::Mode;

#[derive(Debug, Clone, Copy)]
pub(super) struct Terms {
    pub(super) mode: Mode,
    pub(super) on_block: OnBlock,
    pub(super) limits: Limits,
}

impl Terms {
    pub(super) fn of(policy: &Policy) -> Self {
        let mode = match policy.mode() {
            policy::Mode::Enforce => Mode::Enforce,
            policy::Mode::Monitor => Mode::Monitor,
            policy::Mode::Off => Mode::Off,
        };
        let on_block = match policy.on_block() {
            policy::OnBlock::Drop => OnBlock::Drop,
            policy::OnBlock::Fail => OnBlock::Fail,
            policy::OnBlock::Partial => OnBlock::Partial,
        };
        // A limit beyond the address space is none.
        let size = |limit: Option<u64>| limit.and_then(|limit| usize::try_from(limit).ok());
        let limits = policy.limits();
        let limits = Limits {
            bytes: size(limits.bytes),
            depth: size(limits.depth),
            values: size(limits.values),
        };
        Self {
            mode,
            on_block,
            limits,
        }
    }
}
