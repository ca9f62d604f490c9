//! Whether a name may be asked for, and an address taken for an answer.
//!
//! The policy decides; on top of it stand bounds on what names can carry under a wildcard, and on
//! addresses that a name may not lead to. Must not know: messages, sockets.

use std::collections::{BTreeSet, HashMap};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use guard_core::policy::{Cidr, CompiledPolicy, Decision, Mode, Policy, Target};

/// Most labels below a wildcard's suffix. A bucket with dots in its name has some.
const LABELS: usize = 6;
/// Most octets below a wildcard's suffix: a bucket's name has up to 63, a load balancer's with its
/// number some 45.
const OCTETS: usize = 80;
/// How many different names below one suffix can be asked for at once ...
const BURST: f64 = 64.0;
/// ... and how many per second in the long run.
const PER_SECOND: f64 = 0.5;
/// For how long a name below a suffix can be asked for again without counting.
const KNOWN: Duration = Duration::from_secs(3600);
/// Most names that are remembered, of either kind.
const MOST: usize = 4096;
/// How often a refusal of the same name is recorded: resolvers ask for both families, again, and
/// with search domains.
const AGAIN: Duration = Duration::from_secs(60);

/// Zones in which nobody but AWS writes addresses, and those that no public zone can be (ICANN's
/// `.internal`, RFC 6762, RFC 8375): there, private addresses are what names are for.
const PRIVATE_ZONES: [&str; 8] = [
    "amazonaws.com",
    "amazonaws.com.cn",
    "api.aws",
    "on.aws",
    "home.arpa",
    "internal",
    "local",
    "aws.internal",
];

/// Why a lookup is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// No entry allows a resolver.
    NoResolver,
    /// No entry allows the name.
    NotAllowed,
    /// The name leads to an address of this machine or a private network, which no entry allows.
    Rebinding(IpAddr),
    /// A wildcard allows the name, which is longer or one of more than hosts' names are.
    Tunnel,
}

/// What an address is worth as an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Worth {
    /// It may be told. Connections to it are decided about by address: it is of this machine or a
    /// private network, and what the policy lists there it lists with ports.
    Address,
    /// It may be told, and belongs to the name.
    Name,
    /// It may not be told.
    Nothing(Reason),
}

/// What decides about names.
#[derive(Debug)]
pub struct Rules {
    policy: CompiledPolicy<'static>,
    enforces: bool,
    is_restricted: bool,
    exact: BTreeSet<String>,
    below: Vec<String>,
    networks: Vec<Cidr>,
    memory: Mutex<Memory>,
}

#[derive(Debug, Default)]
struct Memory {
    /// Names below a suffix, and when they were last asked for.
    known: HashMap<String, Instant>,
    /// What each suffix has left, and since when.
    left: HashMap<String, (f64, Instant)>,
    /// What was recorded, and when.
    told: HashMap<(String, Option<Reason>), Instant>,
}

impl Rules {
    /// From the policy in both of its forms.
    #[must_use]
    pub fn new(policy: &Policy, compiled: CompiledPolicy<'static>) -> Self {
        let mut rules = Self {
            policy: compiled,
            enforces: policy.mode() == Mode::Enforce,
            is_restricted: policy.egress().is_some(),
            exact: BTreeSet::new(),
            below: Vec::new(),
            networks: Vec::new(),
            memory: Mutex::default(),
        };
        let written = policy
            .egress()
            .unwrap_or_default()
            .iter()
            .flat_map(|e| &e.rules);
        let platform = policy.platform().iter().flat_map(|e| &e.rules);
        for rule in written.clone().chain(platform) {
            match rule.target() {
                Target::Host(host) if host.is_suffix() => rules.below.push(host.name().to_owned()),
                Target::Host(host) => drop(rules.exact.insert(host.name().to_owned())),
                _ => {}
            }
        }
        // Not what the platform listens at: no name needs to lead there.
        rules.networks = written
            .filter_map(|rule| match rule.target() {
                Target::Network(network) => Some(*network),
                _ => None,
            })
            .collect();
        rules
    }

    /// Whether what is refused is really refused.
    pub(super) const fn enforces(&self) -> bool {
        self.enforces && self.is_restricted
    }

    /// Whether names are restricted at all.
    pub(super) const fn is_restricted(&self) -> bool {
        self.is_restricted
    }

    /// Why a name, in lower case and without its final dot, may not be asked for.
    pub(super) fn refuses(&self, host: &str, now: Instant) -> Option<Reason> {
        match self.policy.egress_name(host.as_bytes()) {
            Decision::NotRestricted => None,
            Decision::Denied => Some(Reason::NotAllowed),
            Decision::Allowed(_) if self.exact.contains(host) => None,
            Decision::Allowed(_) => self.tunnels(host, now).then_some(Reason::Tunnel),
        }
    }

    /// What an address is worth as the answer to a name that may be asked for.
    pub(super) fn worth(&self, host: &str, ip: IpAddr) -> Worth {
        let is_listed = || self.networks.iter().any(|network| network.contains(ip));
        match reach(ip) {
            _ if !self.is_restricted => Worth::Name,
            Reach::Public => Worth::Name,
            Reach::Private if is_in_private_zone(host) => Worth::Name,
            Reach::Private | Reach::Local if is_listed() => Worth::Address,
            Reach::Private | Reach::Local => Worth::Nothing(Reason::Rebinding(ip)),
        }
    }

    /// Whether a lookup is to be recorded, or was so already.
    pub(super) fn is_news(&self, name: &str, reason: Option<Reason>, now: Instant) -> bool {
        let mut memory = self.memory();
        let key = (name.to_owned(), reason);
        let is_old = memory
            .told
            .get(&key)
            .is_some_and(|told| !self.enforces() || now.saturating_duration_since(*told) < AGAIN);
        if is_old {
            return false;
        }
        if memory.told.len() >= MOST {
            memory.told.clear();
        }
        memory.told.insert(key, now);
        true
    }

    /// Whether a name that a wildcard allows carries more than hosts' names do.
    fn tunnels(&self, host: &str, now: Instant) -> bool {
        let suffixes = self.below.iter().filter_map(|suffix| {
            let front = host.strip_suffix(suffix.as_str())?.strip_suffix('.')?;
            Some((suffix, front))
        });
        // The longest suffix leaves the least to be judged.
        let Some((suffix, front)) = suffixes.max_by_key(|(suffix, _)| suffix.len()) else {
            return false;
        };
        if front.len() > OCTETS || front.split('.').count() > LABELS {
            return true;
        }
        let mut memory = self.memory();
        let known = memory.known.get_mut(host);
        if let Some(last) = known.filter(|last| now.saturating_duration_since(**last) < KNOWN) {
            *last = now;
            return false;
        }
        let left = memory.left.entry(suffix.clone()).or_insert((BURST, now));
        let since = now.saturating_duration_since(left.1).as_secs_f64();
        *left = ((left.0 + since * PER_SECOND).min(BURST), now);
        if left.0 < 1.0 {
            return true;
        }
        left.0 -= 1.0;
        if memory.known.len() >= MOST {
            memory.known.clear();
        }
        memory.known.insert(host.to_owned(), now);
        false
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_in_private_zone(host: &str) -> bool {
    PRIVATE_ZONES.iter().any(|zone| {
        host.strip_suffix(zone)
            .is_some_and(|front| front.ends_with('.'))
    })
}

/// Whom an address reaches.
enum Reach {
    /// This machine, its neighbours on the link, groups: no name of the Internet leads there.
    Local,
    /// A private network.
    Private,
    /// Anyone.
    Public,
}

/// By the special-purpose registries (RFC 6890).
fn reach(ip: IpAddr) -> Reach {
    match ip.to_canonical() {
        IpAddr::V4(v4) => {
            let [first, second, third, _] = v4.octets();
            match (first, second, third) {
                (0 | 127 | 224.., ..) | (169, 254, _) | (192, 0, 0) => Reach::Local,
                (10, ..) | (172, 16..=31, _) | (192, 168, _) | (198, 18 | 19, _) => Reach::Private,
                // Shared between carriers and their customers (RFC 6598).
                (100, 64..=127, _) => Reach::Private,
                _ => Reach::Public,
            }
        }
        IpAddr::V6(v6) => reach_v6(v6),
    }
}

fn reach_v6(v6: Ipv6Addr) -> Reach {
    let segments = v6.segments();
    // Addresses that stand for an IPv4 one: compatible (RFC 4291), translated (RFC 2765), NAT64
    // (RFC 6052), 6to4 (RFC 3056).
    let inner = match segments {
        [0, 0, 0, 0, 0 | 0xffff, 0, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            Some((high, low))
        }
        [0x2002, high, low, ..] => Some((high, low)),
        _ => None,
    };
    if let Some((high, low)) = inner {
        let v4 = std::net::Ipv4Addr::from(u32::from(high) << 16 | u32::from(low));
        return reach(IpAddr::V4(v4));
    }
    match segments[0] {
        // Link-local, the former site-local, groups.
        0xfe80..=0xfeff | 0xff00.. => Reach::Local,
        // What AWS offers a machine by itself, credentials among it, as at 169.254.169.254.
        0xfd00 if segments[1] == 0x0ec2 => Reach::Local,
        0xfc00..=0xfdff => Reach::Private,
        // NAT64's local prefix (RFC 8215).
        0x64 if segments[1] == 0xff9b => Reach::Private,
        _ => Reach::Public,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_stand_for_others_reach_what_those_do() {
        let cases = [
            ("127.0.0.1", "local"),
            ("169.254.169.254", "local"),
            ("10.0.0.1", "private"),
            ("::ffff:127.0.0.1", "local"),
            ("::ffff:0:127.0.0.1", "local"),
            ("::127.0.0.1", "local"),
            ("::1", "local"),
            ("64:ff9b::169.254.169.254", "local"),
            ("64:ff9b:1::1", "private"),
            ("2002:7f00:1::1", "local"),
            ("2002:c000:201::1", "public"),
            ("::ffff:0:192.0.2.1", "public"),
            ("fe80::1", "local"),
            ("fd00:ec2::254", "local"),
            ("fd00:ec3::254", "private"),
            ("2001:db8::1", "public"),
        ];
        for (text, wanted) in cases {
            let found = match reach(text.parse().unwrap()) {
                Reach::Local => "local",
                Reach::Private => "private",
                Reach::Public => "public",
            };
            assert_eq!(found, wanted, "{text}");
        }
    }
}
