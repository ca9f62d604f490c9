//! What a policy says of events, read once.

use crate::policy::{Limits, Mode, OnBlock, Policy};

#[derive(Debug, Clone, Copy)]
pub(super) struct Terms {
    pub(super) mode: Mode,
    pub(super) on_block: OnBlock,
    pub(super) limits: Limits,
}

impl Terms {
    pub(super) fn of(policy: &Policy) -> Self {
        Self {
            mode: policy.mode(),
            on_block: policy.on_block(),
            limits: policy.limits(),
        }
    }
}
