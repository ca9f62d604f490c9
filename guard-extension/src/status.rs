//! What the guard says of itself at INIT: what is on, what is not, and why.

use guard_core::Family;
use guard_core::policy::{Mode, Policy, Require, Sni, Tier, Tmp};
use serde_json::{Value, json};

use crate::process::ProcessTier;
use crate::proxy::Shared;

/// Why no tier above process is reached.
const NO_KERNEL_TIER: &str = "this release has no tier above process";

/// The members of the status record. `why_not_higher` says why there is no process tier.
pub(crate) fn members(shared: &Shared, why_not_higher: Option<&str>, problems: &[String]) -> Value {
    let (policy, secrets) = (shared.guard.policy(), &shared.secrets);
    let limits = policy.limits();
    let families: Vec<&str> = policy.inspect().iter().map(Family::name).collect();
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "function": crate::settings::variable("AWS_LAMBDA_FUNCTION_NAME"),
        "mode": policy.mode().name(),
        "tier": shared.tier(),
        "why_not_higher": why_not_higher.unwrap_or(NO_KERNEL_TIER),
        "process": shared.process.as_ref().map(ProcessTier::members),
        "policy": policy.digest(),
        "families": families,
        "skips": policy.skips().len(),
        "limits": { "bytes": limits.bytes, "depth": limits.depth, "values": limits.values },
        "on_block": policy.on_block().name(),
        "secrets": secrets.names().collect::<Vec<_>>(),
        "not_enforced": not_enforced(policy, shared.process.is_some()),
        "problems": problems,
    })
}

/// Settings of which nothing is enforced here.
fn not_enforced(policy: &Policy, has_process_tier: bool) -> Vec<String> {
    if has_process_tier {
        let sni = policy.sni() == Sni::Verify;
        return sni
            .then(|| "GUARD_EGRESS_SNI".to_owned())
            .into_iter()
            .collect();
    }
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
/// `why_not_process` is why there is no process tier, if there is none.
pub(crate) fn missing_tier(policy: &Policy, why_not_process: Option<&String>) -> Option<String> {
    let require = policy.require();
    let (tier, why, accepted) = match why_not_process {
        Some(why) => (Tier::Observer, why.as_str(), "\"none\""),
        None => (Tier::Process, NO_KERNEL_TIER, "\"none\" or \"process\""),
    };
    if policy.mode() == Mode::Off || require.is_met_by(tier) || require == Require::None {
        return None;
    }
    Some(format!(
        "GUARD_REQUIRE: \"{}\" is not reached, the tier here is \"{}\" ({why}); accepted here is \
         {accepted}",
        require.name(),
        tier.name(),
    ))
}
