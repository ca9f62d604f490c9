//! What the guard says of itself at INIT: what is on, what is not, and why.

use guard_core::Family;
use guard_core::policy::{Mode, Policy, Require, Tier, Tmp};
use guard_core::secret::Secrets;
use serde_json::{Value, json};

use crate::proxy::TIER;

/// Why no higher tier is reached.
const WHY_NOT_HIGHER: &str = "this release has none above observer: it inspects events and \
                              responses, and enforces nothing inside the function";

/// The members of the status record.
pub(crate) fn members(policy: &Policy, secrets: &Secrets, problems: &[String]) -> Value {
    let limits = policy.limits();
    let families: Vec<&str> = policy.inspect().iter().map(Family::name).collect();
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "function": crate::settings::variable("AWS_LAMBDA_FUNCTION_NAME"),
        "mode": policy.mode().name(),
        "tier": TIER,
        "why_not_higher": WHY_NOT_HIGHER,
        "policy": policy.digest(),
        "families": families,
        "skips": policy.skips().len(),
        "limits": { "bytes": limits.bytes, "depth": limits.depth, "values": limits.values },
        "on_block": policy.on_block().name(),
        "secrets": secrets.names().collect::<Vec<_>>(),
        "not_enforced": not_enforced(policy),
        "problems": problems,
    })
}

/// Settings of which nothing is enforced here.
fn not_enforced(policy: &Policy) -> Vec<String> {
    let tmp = match policy.tmp() {
        Tmp::None | Tmp::ReadOnly => true,
        Tmp::Keep | Tmp::Wipe => false,
    };
    let settings = [
        ("GUARD_EGRESS_ALLOW", policy.egress().is_some()),
        ("GUARD_FILE_READ", policy.file_read().is_some()),
        ("GUARD_FILE_WRITE", policy.file_write().is_some()),
        ("GUARD_EXEC_ALLOW", policy.exec().is_some()),
        ("GUARD_DNS", policy.dns().is_some()),
        ("GUARD_TMP", tmp),
    ];
    settings
        .into_iter()
        .filter(|(_, is_set)| *is_set)
        .map(|(name, _)| name.to_owned())
        .collect()
}

/// Why the policy cannot run here at all: it requires a tier that is not reached.
pub(crate) fn missing_tier(policy: &Policy) -> Option<String> {
    let require = policy.require();
    if policy.mode() == Mode::Off || require.is_met_by(Tier::Observer) || require == Require::None {
        return None;
    }
    Some(format!(
        "GUARD_REQUIRE: \"{}\" is not reached, the tier here is \"{TIER}\" ({WHY_NOT_HIGHER}); \
         accepted here is \"none\"",
        require.name()
    ))
}
