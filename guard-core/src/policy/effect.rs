//! What a policy means in effect, in words, and what would allow what it denies.
//!
//! Knows wording; it decides nothing.

use core::fmt;

use super::aws;
use super::compiled::is_host_name;
use super::egress::{Cidr, EgressRule, HostPattern, Ports, Target};
use super::file;
use super::operation::{Access, Operation, Origin, Phase, Protocol};
use super::{Entry, Limits, Mode, Policy, Sni};
use crate::error::quote;
use crate::rule::Families;

/// The entry that would allow a denied operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suggestion {
    /// The setting to add it to.
    pub origin: Origin,
    /// The entry, the narrowest that allows the operation.
    pub entry: String,
}

impl fmt::Display for Suggestion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "add {} to {}", quote(&self.entry), self.origin.name())
    }
}

impl Policy {
    /// The entry that would allow an operation, whether or not it is denied. `None` where no entry
    /// can name it: a name or path that is not one, or a path that is not text.
    #[must_use]
    pub fn entry_that_would_allow(&self, operation: &Operation<'_>) -> Option<Suggestion> {
        let egress = |entry| Suggestion {
            origin: Origin::EgressAllow,
            entry,
        };
        match *operation {
            Operation::Host {
                name,
                port,
                protocol,
            } => {
                let name = core::str::from_utf8(name).ok()?;
                // What goes over the wire is ASCII; anything else is no name and stays denied.
                let pattern = HostPattern::parse(name)
                    .ok()
                    .filter(|_| is_wire_name(name))?;
                if let Some(entry) = self.aws_entry(pattern.name(), port, protocol) {
                    return Some(egress(entry));
                }
                let ports = Ports::one(port);
                let rule = EgressRule {
                    target: Target::Host(pattern),
                    ports,
                    protocol,
                };
                Some(egress(rule.to_string()))
            }
            Operation::Address { ip, port, protocol } => {
                let ip = match ip.to_canonical() {
                    ip if ip.is_unspecified() => super::egress::LOOPBACK
                        .into_iter()
                        .find(|l| l.is_ipv4() == ip.is_ipv4())?,
                    ip => ip,
                };
                let target = Target::Network(Cidr::one(ip));
                Some(egress(
                    EgressRule {
                        target,
                        ports: Ports::one(port),
                        protocol,
                    }
                    .to_string(),
                ))
            }
            Operation::Unix { path } => {
                let path = core::str::from_utf8(path).ok()?;
                let entry = match path.strip_prefix('\0') {
                    Some(name) => format!("unix:@{name}"),
                    None => format!("unix:{path}"),
                };
                let is_entry = !entry.contains(',') && EgressRule::parse(&entry).is_ok();
                is_entry.then(|| egress(entry))
            }
            Operation::File {
                path,
                access,
                phase,
            } => {
                let origin = match access {
                    Access::Read => Origin::FileRead,
                    Access::Write => Origin::FileWrite,
                };
                path_entry(path, phase).map(|entry| Suggestion { origin, entry })
            }
            Operation::Exec { path, phase } => {
                let entry = path_entry(path, phase)?;
                Some(Suggestion {
                    origin: Origin::ExecAllow,
                    entry,
                })
            }
        }
    }

    /// The entry `aws:...` that stands for this host among others, if there is one.
    fn aws_entry(&self, name: &str, port: u16, protocol: Protocol) -> Option<String> {
        let region = self.region.as_ref()?;
        let allows = |text: &str| {
            let rules = aws::expand(text, Some(region));
            rules.is_ok_and(|rules| rules.iter().any(|r| r.allows_host(name, port, protocol)))
        };
        let resource = aws::resources(name, region)
            .into_iter()
            .find(|text| allows(text));
        let service = || {
            aws::services()
                .map(str::to_owned)
                .find(|service| allows(service))
        };
        resource.or_else(service).map(|text| format!("aws:{text}"))
    }

    /// Tells policies apart: FNV-1a (64 bits) over [`Self::effect`], line by line, in hexadecimal.
    /// For comparing functions and releases by eye, not against forgery.
    #[must_use]
    pub fn digest(&self) -> String {
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        for line in self.effect() {
            for byte in line.bytes().chain([b'\n']) {
                hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
            }
        }
        format!("{hash:016x}")
    }

    /// What the policy does, one statement a line.
    #[must_use]
    pub fn effect(&self) -> Vec<String> {
        let mut lines = vec![self.mode_effect()];
        if self.mode == Mode::Off {
            return lines;
        }
        lines.push(self.inspect_effect());
        lines.push(limits_effect(self.limits));
        lines.push(list_effect("outbound connections", &self.egress));
        if self.sni == Sni::Verify {
            lines.push("TLS and HTTP connections: the name they ask for is verified".to_owned());
        }
        lines.push(match self.dns.as_deref() {
            None => "resolvers: those of /etc/resolv.conf".to_owned(),
            Some([]) => "resolvers: none, no name can be looked up".to_owned(),
            Some(entries) => format!("resolvers: {}", texts(entries)),
        });
        lines.push(list_effect("reading files", &self.file_read));
        lines.push(list_effect("writing files", &self.file_write));
        lines.push(list_effect("starting programs", &self.exec));
        lines.push(format!("/tmp: {}", self.tmp));
        let best = self
            .tier
            .map_or("the best the environment allows", super::Tier::name);
        lines.push(format!("tier: {best}; at least {}", self.require));
        lines.push(format!(
            "a blocked event without an HTTP caller: {}",
            self.on_block
        ));
        if let Some(wrapper) = &self.next_wrapper {
            lines.push(format!("exec wrapper after this one: {wrapper}"));
        }
        lines
    }

    /// What is likely not meant: wide entries, settings without effect.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        let mut found = Vec::new();
        for entry in self.egress.iter().flatten() {
            if entry.text == "aws:s3" {
                let what = "allows every bucket of every account in the region, \
                            \"aws:s3/BUCKET\" allows one";
                found.push(format!("GUARD_EGRESS_ALLOW: {} {what}", quote(&entry.text)));
            } else if !entry.text.starts_with("aws:")
                && let Some(what) = entry.rules.iter().find_map(wide)
            {
                found.push(format!("GUARD_EGRESS_ALLOW: {} {what}", quote(&entry.text)));
            }
        }
        let files = [
            (Origin::FileRead, &self.file_read, "allows every file"),
            (Origin::FileWrite, &self.file_write, "allows every file"),
        ];
        for (origin, list, what) in files {
            for entry in list
                .iter()
                .flatten()
                .filter(|e| e.rules.iter().any(|r| r.path() == "/"))
            {
                found.push(format!("{}: {} {what}", origin.name(), quote(&entry.text)));
            }
        }
        for entry in self.exec.iter().flatten() {
            // Whoever can write there can start what they wrote.
            let opens = |path: &&str| entry.rules.iter().any(|r| r.allows(path, Phase::Init));
            let places = file::RUNTIME_WRITE
                .iter()
                .filter(|path| **path != "/dev/null");
            if let Some(place) = places.copied().find(opens) {
                let what = format!("allows programs in {place}, which the function can write");
                found.push(format!("GUARD_EXEC_ALLOW: {} {what}", quote(&entry.text)));
            }
        }
        let restricts = self.egress.is_some()
            || self.file_read.is_some()
            || self.file_write.is_some()
            || self.exec.is_some();
        if restricts && self.mode == Mode::Monitor {
            found.push("GUARD_MODE: monitor, so that the rules record and refuse nothing".into());
        }
        if restricts && self.tier == Some(super::Tier::Observer) {
            found.push(
                "GUARD_TIER: observer enforces no rule on connections, files, programs".into(),
            );
        }
        if self.sni == Sni::Verify && self.egress.is_none() {
            found.push("GUARD_EGRESS_SNI: verify has no effect without GUARD_EGRESS_ALLOW".into());
        }
        if self.inspect.is_empty() && self.mode != Mode::Off {
            found.push("GUARD_INSPECT: no family is inspected".into());
        }
        found
    }

    fn mode_effect(&self) -> String {
        match self.mode {
            Mode::Enforce => "mode enforce: what the policy refuses is blocked and recorded",
            Mode::Monitor => {
                "mode monitor: what the policy refuses is recorded, nothing is blocked"
            }
            Mode::Off => "mode off: nothing is inspected, restricted or recorded",
        }
        .to_owned()
    }

    fn inspect_effect(&self) -> String {
        let names: Vec<_> = self.inspect.iter().map(crate::rule::Family::name).collect();
        let mut line = match self.inspect {
            Families::ALL => "inspection: every family".to_owned(),
            Families::NONE => "inspection: off".to_owned(),
            _ => format!("inspection: {}", names.join(", ")),
        };
        if !self.skips.is_empty() {
            line += &format!("; {} JSON Pointers are skipped", self.skips.len());
        }
        line
    }
}

fn is_wire_name(name: &str) -> bool {
    is_host_name(name.strip_suffix('.').unwrap_or(name).as_bytes())
}

fn limits_effect(limits: Limits) -> String {
    let named = [
        ("bytes", limits.bytes),
        ("levels", limits.depth),
        ("values", limits.values),
    ];
    let set: Vec<_> = named
        .iter()
        .filter_map(|(what, limit)| Some(format!("{} {what}", (*limit)?)))
        .collect();
    match set.is_empty() {
        true => "events: not limited in size".to_owned(),
        false => format!("events: at most {}", set.join(", ")),
    }
}

fn list_effect<T: fmt::Display>(what: &str, list: &Option<Vec<Entry<T>>>) -> String {
    match list.as_deref() {
        None => format!("{what}: not restricted, recorded"),
        Some([]) => format!("{what}: only what the platform needs"),
        Some(entries) => {
            let rules = entries.iter().map(|entry| entry.rules.len()).sum::<usize>();
            let texts = texts(entries);
            let count = if rules == 1 {
                "1 rule".to_owned()
            } else {
                format!("{rules} rules")
            };
            format!("{what}: only what the platform needs and {texts} ({count})")
        }
    }
}

fn texts<T>(entries: &[Entry<T>]) -> String {
    entries
        .iter()
        .map(|entry| entry.text.as_str())
        .collect::<Vec<_>>()
        .join(", ")
}

/// The path itself or, where a list cannot hold it, the nearest directory above it.
fn path_entry(path: &[u8], phase: Phase) -> Option<String> {
    // Such a path is denied whatever the list says.
    if path.contains(&0) || path.split(|byte| *byte == b'/').any(|part| part == b"..") {
        return None;
    }
    let mut path = path;
    loop {
        let text = core::str::from_utf8(path).ok();
        let canonical = text.and_then(|text| file::absolute(text).ok());
        if let Some(canonical) = canonical.filter(|p| !p.contains(':') && !p.ends_with("@init")) {
            // Everything is no advice.
            return (canonical != "/").then(|| match phase {
                Phase::Init => canonical + "@init",
                Phase::Invoke => canonical,
            });
        }
        let slash = path
            .iter()
            .rposition(|byte| *byte == b'/')
            .filter(|at| *at > 0)?;
        path = path.get(..slash)?;
    }
}

/// Whether an entry allows more than it seems to say, and why.
fn wide(rule: &EgressRule) -> Option<&'static str> {
    match rule.target() {
        Target::Host(pattern) if pattern.is_suffix() && !pattern.name().contains('.') => {
            Some("allows every name under a top-level domain")
        }
        Target::Host(pattern) if pattern.is_suffix() && is_shared(pattern.name()) => {
            Some("allows hosts that anybody can register")
        }
        Target::Host(pattern) if pattern.is_suffix() => Some("allows every name below the suffix"),
        Target::Network(network) if network.prefix() == 0 => Some("allows every address"),
        Target::Network(network) if network.prefix() < if network.is_v4() { 16 } else { 32 } => {
            Some("allows a very large network")
        }
        _ => None,
    }
}

/// Suffixes under which hosting providers hand out names.
fn is_shared(suffix: &str) -> bool {
    const SHARED: &[&str] = &[
        "amazonaws.com",
        "api.aws",
        "on.aws",
        "azurewebsites.net",
        "blob.core.windows.net",
        "cloudfront.net",
        "github.io",
        "githubusercontent.com",
        "googleapis.com",
        "herokuapp.com",
        "netlify.app",
        "ngrok.io",
        "pages.dev",
        "vercel.app",
        "workers.dev",
        "appspot.com",
        "run.app",
        "web.app",
    ];
    SHARED.iter().any(|shared| {
        suffix == *shared
            || suffix
                .strip_suffix(shared)
                .is_some_and(|front| front.ends_with('.'))
    })
}
