//! Rules of the `deserialization` family.

use crate::inspect::{Effort, Match, Text, Trigger};
use crate::rule::{Family, Rules};

pub(super) const RULES: Rules = Rules { family: Family::Deserialization, triggers: TRIGGERS, context, confirm };

const TRIGGERS: &[Trigger] = &[];

fn context(_bytes: &[u8], _at: usize) -> bool {
    true
}

fn confirm(_text: &Text<'_>, _at: usize, _effort: &mut Effort) -> Option<Match> {
    None
}
