//! What the Lambda platform itself needs to reach, from the variables it sets.
//!
//! Knows their spelling. A value that cannot be read allows nothing: it is the platform's, so that
//! it is no error of the policy.

use super::egress::{self, Cidr, EgressRule, HostPattern, LOOPBACK, Ports, Target};
use super::operation::Protocol;
use super::written::Entry;

/// Allowed whatever `GUARD_EGRESS_ALLOW` says.
pub(super) fn destinations(lookup: impl Fn(&str) -> Option<String>) -> Vec<Entry<EgressRule>> {
    const XRAY: &str = "AWS_XRAY_DAEMON_ADDRESS";
    let mut found = Vec::new();
    for variable in [
        "AWS_LAMBDA_RUNTIME_API",
        XRAY,
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    ] {
        let read = if variable == XRAY { daemon } else { endpoint };
        let rules = lookup(variable).map_or_else(Vec::new, |value| read(&value));
        if !rules.is_empty() {
            found.push(Entry {
                text: variable.to_owned(),
                rules,
            });
        }
    }
    found
}

/// An HTTP endpoint. Lambda sets `host:port` for the Runtime API, cargo-lambda a URL with a path.
fn endpoint(value: &str) -> Vec<EgressRule> {
    rules(authority(value), &[Protocol::Tcp])
}

/// Segments go over UDP, sampling rules over TCP. One address for both, or one for each:
/// `tcp:127.0.0.1:2000 udp:127.0.0.2:2001`.
fn daemon(value: &str) -> Vec<EgressRule> {
    let parts = value
        .split_ascii_whitespace()
        .flat_map(|part| match part.split_once(':') {
            Some(("tcp", address)) => rules(address, &[Protocol::Tcp]),
            Some(("udp", address)) => rules(address, &[Protocol::Udp]),
            _ => rules(part, &[Protocol::Udp, Protocol::Tcp]),
        });
    parts.collect()
}

/// Host and port of a URL or of `host:port`.
fn authority(value: &str) -> &str {
    let behind = value.split_once("://").map_or(value, |(_, behind)| behind);
    behind.split(['/', '?', '#']).next().unwrap_or_default()
}

fn rules(address: &str, protocols: &[Protocol]) -> Vec<EgressRule> {
    let mut found = Vec::new();
    let mut allow = |target: Target, port| {
        found.extend(protocols.iter().map(|protocol| EgressRule {
            target: target.clone(),
            ports: Ports::one(port),
            protocol: *protocol,
        }));
    };
    // The default is HTTP's, for a URL without a port.
    if let Some((ip, port)) = egress::socket(address, 80) {
        allow(Target::Network(Cidr::one(ip)), port);
    } else {
        let (name, port) = address.rsplit_once(':').unwrap_or((address, "80"));
        let (Ok(host), Ok(port)) = (HostPattern::parse(name), port.parse()) else {
            return found;
        };
        if host.name() == "localhost" {
            LOOPBACK
                .into_iter()
                .for_each(|ip| allow(Target::Network(Cidr::one(ip)), port));
        }
        if !host.is_suffix() {
            allow(Target::Host(host), port);
        }
    }
    found
}
