//! On whose behalf an event came.

use super::TriggerKind;
use super::cursor::{Cursor, Step};

/// On whose behalf an event came, as far as the event says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Principal<'e> {
    /// Where the event says it, for example `sub` or `sourceIp`.
    pub field: &'static str,
    /// What it says: the raw content of the JSON string, escapes as they stand.
    pub value: &'e [u8],
}

/// The principal that `event` names: the authenticated caller if there is one (subject of the
/// token, IAM ARN), else the network address or the sender's identifier. Of a batch, the first
/// record's.
#[must_use]
pub fn principal(event: &[u8], kind: TriggerKind) -> Option<Principal<'_>> {
    let mut cursor = Cursor::new(event, kind);
    let mut best = None;
    let mut best_rank = u8::MAX;
    loop {
        match cursor.step() {
            Step::String { start, end } => {
                if let Some((field, rank)) = cursor.node().principal
                    && rank < best_rank
                    && start < end
                {
                    best = event
                        .get(start..end)
                        .map(|value| Principal { field, value });
                    best_rank = rank;
                }
            }
            // Any record may be the one with a sender; the first one's decides.
            Step::Close { .. } if cursor.record().is_some() && cursor.record_ended() => break,
            Step::End => break,
            _ => {}
        }
        if best_rank == 0 {
            break;
        }
    }
    best
}
