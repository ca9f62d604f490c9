//! What the layer says of itself when it is attached.

use guard_core::policy::{OnBlock, Policy, Require};
use guard_core::{Families, Family};
use serde_json::{Value, json};

use crate::shared::{Shared, TIER};

/// The members of the status record: what is on, what is not, and why.
pub(crate) fn members(shared: &Shared) -> Value {
    let policy = shared.guard.policy();
    let limits = policy.limits();
    let mut problems = shared.problems.to_vec();
    problems.extend(policy.warnings());
    problems.extend(out_of_reach(policy));
    if policy.on_block() == OnBlock::Partial && !shared.partial.is_attached() {
        problems.push(
            "GUARD_ON_BLOCK: \"partial\" needs the handler's responses, whole batches fail until \
             the runtime is handed GuardLayer::responses_of(handler)"
                .to_owned(),
        );
    }
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "function": std::env::var("AWS_LAMBDA_FUNCTION_NAME").ok(),
        "mode": policy.mode().name(),
        "tier": TIER,
        "policy": policy.digest(),
        "families": families(policy.inspect()),
        "skips": policy.skips().len(),
        "limits": { "bytes": limits.bytes, "depth": limits.depth, "values": limits.values },
        "on_block": policy.on_block().name(),
        "responses": shared.partial.is_attached(),
        "secrets": shared.secrets.names().collect::<Vec<_>>(),
        "problems": problems,
    })
}

fn families(families: Families) -> Vec<&'static str> {
    families.iter().map(Family::name).collect()
}

/// Settings that something beside the middleware has to enforce.
fn out_of_reach(policy: &Policy) -> impl Iterator<Item = String> {
    let settings = [
        ("GUARD_EGRESS_ALLOW", policy.egress().is_some()),
        ("GUARD_FILE_READ", policy.file_read().is_some()),
        ("GUARD_FILE_WRITE", policy.file_write().is_some()),
        ("GUARD_EXEC_ALLOW", policy.exec().is_some()),
        ("GUARD_REQUIRE", policy.require() != Require::None),
    ];
    settings
        .into_iter()
        .filter(|(_, is_set)| *is_set)
        .map(|(name, _)| {
            format!("{name}: not enforced by the middleware, attach the extension for it")
        })
}
