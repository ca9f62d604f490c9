//! Denials that say what one of the same invocation has said.
//!
//! A program that is refused something tries again, some thousands of times a second. Must not know:
//! how records are written.

use std::collections::HashSet;
use std::hash::{BuildHasher as _, RandomState};

use guard_hook::shared::{Outcome, Record};

/// Most denials that are told of one invocation.
const MOST: usize = 1024;

/// Remembers the denials of an invocation.
#[derive(Debug, Default)]
pub(super) struct Repeats {
    /// By a hash that nobody can foresee.
    told: HashSet<u64>,
    hasher: RandomState,
    request_id: Option<String>,
    left_out: u64,
}

impl Repeats {
    /// Records that follow belong to this invocation. When it is another one than before, how many
    /// denials of that were left out.
    pub(super) fn begin(&mut self, request_id: Option<&str>) -> u64 {
        if self.request_id.as_deref() == request_id {
            return 0;
        }
        self.request_id = request_id.map(str::to_owned);
        self.end()
    }

    /// Forgets all; how many denials were left out.
    pub(super) fn end(&mut self) -> u64 {
        self.told.clear();
        std::mem::take(&mut self.left_out)
    }

    /// Whether the record is a denial that is not to be told: one like it was, or too many were.
    pub(super) fn is_repeated(&mut self, record: &Record<'_>) -> bool {
        if record.outcome == Outcome::Used {
            return false;
        }
        let what = (
            record.kind,
            record.outcome,
            record.is_init,
            record.call,
            (record.address, record.port, record.protocol),
            record.text,
        );
        let hash = self.hasher.hash_one(what);
        let is_repeated = self.told.contains(&hash) || self.told.len() >= MOST;
        if is_repeated {
            self.left_out = self.left_out.saturating_add(1);
        } else {
            self.told.insert(hash);
        }
        is_repeated
    }
}

#[cfg(test)]
mod tests {
    use guard_hook::shared::Kind;

    use super::*;

    fn denial(text: &str) -> Record<'_> {
        Record {
            kind: Kind::Read,
            outcome: Outcome::Denied,
            is_init: false,
            is_cut: false,
            call: 2,
            errno: 13,
            pid: 7,
            tid: 7,
            time: 1,
            address: None,
            port: 0,
            protocol: 0,
            text: text.as_bytes(),
        }
    }

    #[test]
    fn a_denial_is_told_once_in_each_invocation() {
        let mut repeats = Repeats::default();
        assert_eq!(repeats.begin(Some("1")), 0);
        assert!(!repeats.is_repeated(&denial("/a")));
        assert!(!repeats.is_repeated(&denial("/b")));
        let later = Record {
            time: 2,
            pid: 9,
            ..denial("/a")
        };
        assert!(repeats.is_repeated(&later));
        assert_eq!(repeats.begin(Some("1")), 0);
        assert!(repeats.is_repeated(&later));
        assert_eq!(repeats.begin(Some("2")), 2);
        assert!(!repeats.is_repeated(&later));
        assert_eq!(repeats.end(), 0);
    }

    #[test]
    fn what_is_told_is_bounded() {
        let mut repeats = Repeats::default();
        let texts: Vec<String> = (0..2 * MOST).map(|n| format!("/{n}")).collect();
        let told = texts
            .iter()
            .filter(|text| !repeats.is_repeated(&denial(text)));
        assert_eq!(told.count(), MOST);
        assert_eq!(repeats.end(), MOST as u64);
    }
}
