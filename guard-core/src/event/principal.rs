//! On whose behalf an event came.

use super::TriggerKind;

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
    let _ = (event, kind);
    todo!()
}
