//! What is wrong with how a function is set up, one record each, with what to do about it.
//!
//! Read from the environment, the policy and what the first events showed. Must not know: where
//! records go.

use guard_core::policy::{Mode, Policy};
use guard_core::secret::Secrets;
use serde_json::json;

use crate::records::Records;

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Setup {
    /// Stable name.
    rule: &'static str,
    /// The variable or setting it is about.
    subject: String,
    /// What is the matter, and what to do.
    message: String,
}

impl Setup {
    pub(crate) fn write(&self, records: &Records) {
        records.write_members(
            "setup",
            &json!({ "rule": self.rule, "subject": self.subject, "message": self.message }),
        );
    }
}

/// Most findings of one rule that are written: what is beyond is the same mistake again.
const MOST: usize = 16;

/// What can be known before the function starts. `lookup` gives the function's variables.
pub(crate) fn at_init(
    policy: &Policy,
    secrets: &Secrets,
    lookup: impl Fn(&str) -> Option<String>,
) -> Vec<Setup> {
    let mut found = Vec::new();
    // Lambda itself puts the role's credentials there.
    let plain = secrets.names().filter(|name| !name.starts_with("AWS_"));
    found.extend(plain.take(MOST).map(|name| {
        Setup {
            rule: "setup.plain-secret",
            subject: name.to_owned(),
            message:
                "a secret stands in a plain variable, readable with the function's configuration: \
                  keep it in Secrets Manager or Parameter Store and read it at INIT"
                    .to_owned(),
        }
    }));
    found.extend(TLS.iter().filter_map(|(name, is_off, instead)| {
        let value = lookup(name)?;
        is_off(&value).then(|| Setup {
            rule: "setup.tls-unverified",
            subject: (*name).to_owned(),
            message: format!(
                "certificates are not verified, so that anyone on the way can answer: remove the \
                 variable{instead}"
            ),
        })
    }));
    found.extend(policy.warnings().into_iter().take(MOST).map(|warning| {
        let (subject, message) = warning.split_once(": ").unwrap_or(("GUARD_", &warning));
        Setup {
            rule: "setup.wide-rule",
            subject: subject.to_owned(),
            message: message.to_owned(),
        }
    }));
    found
}

/// Variables that switch off the verification of certificates, the values that do, and what to set
/// instead.
type Unverified = (&'static str, fn(&str) -> bool, &'static str);

const TLS: [Unverified; 7] = [
    (
        "NODE_TLS_REJECT_UNAUTHORIZED",
        |value| value == "0",
        ", NODE_EXTRA_CA_CERTS adds an authority",
    ),
    (
        "PYTHONHTTPSVERIFY",
        |value| value == "0",
        ", SSL_CERT_FILE names authorities",
    ),
    (
        "GIT_SSL_NO_VERIFY",
        |value| !matches!(value, "" | "0" | "false" | "no" | "off"),
        ", GIT_SSL_CAINFO names authorities",
    ),
    (
        "PERL_LWP_SSL_VERIFY_HOSTNAME",
        |value| value == "0",
        ", PERL_LWP_SSL_CA_FILE names authorities",
    ),
    (
        "npm_config_strict_ssl",
        |value| value == "false",
        ", npm_config_cafile names authorities",
    ),
    (
        "NPM_CONFIG_STRICT_SSL",
        |value| value == "false",
        ", NPM_CONFIG_CAFILE names authorities",
    ),
    // Python's requests took an empty one for "do not verify" (before 2.28).
    (
        "CURL_CA_BUNDLE",
        str::is_empty,
        ", a path names authorities",
    ),
];

/// The variable that makes Lambda start a runtime through the exec wrapper.
pub(crate) const WRAPPER: &str = "AWS_LAMBDA_EXEC_WRAPPER";

/// That nothing was started through the wrapper, `wrapper` being what the variable holds.
pub(crate) fn not_wrapped(wrapper: Option<&str>) -> Setup {
    let message = match wrapper {
        Some("/opt/guard/wrap") => {
            "the function was not started through the exec wrapper, events and responses are not \
             seen: provided.* runtimes and container images do not read the variable, start the \
             function as \"guard exec -- COMMAND\""
                .to_owned()
        }
        Some(other) => format!(
            "the exec wrapper is {other:?}, events and responses are not seen: set the variable to \
             /opt/guard/wrap, and GUARD_NEXT_WRAPPER to the other one"
        ),
        None => "the function was not started through the exec wrapper, events and responses are \
                 not seen: set the variable to /opt/guard/wrap"
            .to_owned(),
    };
    Setup {
        rule: "setup.not-wrapped",
        subject: WRAPPER.to_owned(),
        message,
    }
}

/// What one invocation may cost before it is worth a finding, in micro-dollars: a tenth of a cent is
/// 480 times what an invocation of 100 ms at 1 GB costs with its request.
const COSTLY: u64 = 1_000;

/// Price of a gigabyte-second on x86, in micro-dollars, and of what is not: `us-east-1`, 2025.
const GB_SECOND_NANO: u64 = 16_667;

/// That one event may run up a bill, and nothing limits events. The timeout is what the first event
/// had left of it.
pub(crate) fn costly(
    policy: &Policy,
    memory_mb: Option<u64>,
    timeout_ms: Option<u64>,
) -> Option<Setup> {
    let limits = policy.limits();
    if policy.mode() == Mode::Off || limits.bytes.is_some() {
        return None;
    }
    let (memory, timeout) = (memory_mb?, timeout_ms?);
    let nano = memory.checked_mul(timeout)?.checked_mul(GB_SECOND_NANO)? / (1024 * 1000);
    let micro = nano / 1000;
    (micro >= COSTLY).then(|| Setup {
        rule: "setup.costly-event",
        subject: "GUARD_LIMIT_BYTES".to_owned(),
        message: format!(
            "one event can run for {} s at {memory} MB, ${}.{:06} on x86, and events of any size \
             are taken: set GUARD_LIMIT_BYTES and shorten the function's timeout",
            timeout.div_ceil(1000),
            micro / 1_000_000,
            micro % 1_000_000
        ),
    })
}

/// What `enforce` would have blocked in `monitor`, rule by rule.
pub(crate) fn would_have_blocked(rules: &[(&'static str, u64)]) -> Option<Setup> {
    if rules.is_empty() {
        return None;
    }
    let listed: Vec<String> = rules
        .iter()
        .take(MOST)
        .map(|(rule, count)| format!("{rule} ({count})"))
        .collect();
    Some(Setup {
        rule: "setup.monitor-only",
        subject: "GUARD_MODE".to_owned(),
        message: format!(
            "\"monitor\" let through what \"enforce\" blocks: {}",
            listed.join(", ")
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(variables: &[(&str, &str)]) -> Vec<(&'static str, String)> {
        let lookup = |name: &str| {
            variables
                .iter()
                .find(|(known, _)| *known == name)
                .map(|(_, value)| (*value).to_owned())
        };
        let policy = Policy::from_vars(lookup).unwrap();
        let secrets = Secrets::from_variables(variables.iter().copied());
        at_init(&policy, &secrets, lookup)
            .into_iter()
            .map(|setup| (setup.rule, setup.subject))
            .collect()
    }

    #[test]
    fn each_mistake_has_a_sibling_that_is_none() {
        let cases: [(&str, &str, &str, Option<&str>); 6] = [
            (
                "DB_PASSWORD",
                "correct-horse-battery",
                "/prod/db",
                Some("setup.plain-secret"),
            ),
            (
                "NODE_TLS_REJECT_UNAUTHORIZED",
                "0",
                "1",
                Some("setup.tls-unverified"),
            ),
            ("PYTHONHTTPSVERIFY", "0", "1", Some("setup.tls-unverified")),
            (
                "GIT_SSL_NO_VERIFY",
                "true",
                "false",
                Some("setup.tls-unverified"),
            ),
            ("GUARD_FILE_READ", "/", "/var/task", Some("setup.wide-rule")),
            ("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG", "x", None),
        ];
        for (name, bad, good, rule) in cases {
            let wanted: Vec<_> = rule
                .into_iter()
                .map(|rule| (rule, name.to_owned()))
                .collect();
            let enforce = ("GUARD_MODE", "enforce");
            assert_eq!(rules(&[enforce, (name, bad)]), wanted, "{name}={bad}");
            // A path stands for a secret as little as a switch that is on.
            let name = if name == "DB_PASSWORD" {
                "DB_PASSWORD_PATH"
            } else {
                name
            };
            assert_eq!(rules(&[enforce, (name, good)]), [], "{name}={good}");
        }
    }

    #[test]
    fn cost_is_a_finding_where_nothing_limits_it() {
        let policy = Policy::default();
        assert_eq!(costly(&policy, Some(128), Some(3_000)), None);
        let found = costly(&policy, Some(10_240), Some(900_000)).unwrap();
        // 10 GB for 900 s at $0.0000166667.
        assert!(found.message.contains("$0.150003"), "{}", found.message);
        assert_eq!(costly(&policy, None, Some(900_000)), None);
    }
}
