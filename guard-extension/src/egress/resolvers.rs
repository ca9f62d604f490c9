//! Which resolvers there are, and what /etc/hosts says.
//!
//! Knows the two files' formats (resolv.conf(5), hosts(5)) and what `GUARD_DNS` puts in their place.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use guard_core::policy::{Mode, Policy};

/// Most resolvers that stand-ins are opened for: those that the C library asks are three.
const MOST: usize = 4;

/// Most entries of /etc/hosts that are looked at.
const MOST_HOSTS: usize = 256;

/// A resolver as programs know it, and the one that is asked for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Resolver {
    /// Where programs send queries.
    pub asked: SocketAddr,
    /// Who answers them; nobody, when the policy allows no resolver.
    pub upstream: Option<SocketAddr>,
}

/// The resolvers of this environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolvers(Vec<Resolver>);

impl Resolvers {
    /// As the policy has them, over the text of /etc/resolv.conf. Only what is enforced changes whom
    /// programs ask.
    #[must_use]
    pub fn of(policy: &Policy, resolv_conf: &str) -> Self {
        let dns = policy.dns().filter(|_| policy.mode() == Mode::Enforce);
        let dns: Option<Vec<SocketAddr>> = dns.map(|entries| {
            let sockets = entries.iter().flat_map(|entry| &entry.rules);
            sockets
                .map(|(ip, port)| SocketAddr::new(*ip, *port))
                .collect()
        });
        Self::new(resolv_conf, dns.as_deref())
    }

    /// From the text of /etc/resolv.conf, and `GUARD_DNS` where that is set. What programs send to
    /// the former goes to the latter, so that the C library need not know of it.
    #[must_use]
    pub fn new(resolv_conf: &str, dns: Option<&[SocketAddr]>) -> Self {
        let mut asked: Vec<SocketAddr> = resolv_conf
            .lines()
            .filter_map(|line| line.trim_end().strip_prefix("nameserver"))
            .filter_map(nameserver)
            .take(3)
            .collect();
        if asked.is_empty() {
            // What the C library falls back to (resolv.conf(5)).
            asked.push(SocketAddr::from((Ipv4Addr::LOCALHOST, 53)));
        }
        let mut resolvers = Vec::new();
        let mut seen = BTreeSet::new();
        for (index, asked) in asked.into_iter().enumerate() {
            let upstream = match dns {
                None => Some(asked),
                Some(_) if dns.is_some_and(|dns| dns.contains(&asked)) => Some(asked),
                Some([]) => None,
                Some(dns) => dns.get(index % dns.len()).copied(),
            };
            if seen.insert(asked) {
                resolvers.push(Resolver { asked, upstream });
            }
        }
        for asked in dns.unwrap_or_default() {
            if seen.insert(*asked) {
                resolvers.push(Resolver {
                    asked: *asked,
                    upstream: Some(*asked),
                });
            }
        }
        resolvers.truncate(MOST);
        Self(resolvers)
    }

    /// Each resolver, in the order in which the C library asks them.
    pub fn iter(&self) -> impl Iterator<Item = Resolver> {
        self.0.iter().copied()
    }
}

/// `nameserver ADDRESS`, behind the keyword. A zone of a link-local address says nothing here.
fn nameserver(text: &str) -> Option<SocketAddr> {
    let text = text.strip_prefix([' ', '\t'])?;
    let address = text.split_ascii_whitespace().next()?;
    let address = address.split('%').next()?;
    let ip: IpAddr = address.parse().ok()?;
    Some(SocketAddr::new(ip.to_canonical(), 53))
}

/// The names of /etc/hosts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hosts(Vec<(IpAddr, String)>);

impl Hosts {
    /// From the file's text.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let mut hosts = Vec::new();
        for line in text.lines() {
            let line = line.split('#').next().unwrap_or_default();
            let mut fields = line.split_ascii_whitespace();
            let Some(Ok(ip)) = fields.next().map(str::parse::<IpAddr>) else {
                continue;
            };
            for name in fields {
                let name = name.strip_suffix('.').unwrap_or(name);
                hosts.push((ip.to_canonical(), name.to_ascii_lowercase()));
            }
        }
        hosts.truncate(MOST_HOSTS);
        Self(hosts)
    }

    /// Each address with a name that it has.
    pub fn iter(&self) -> impl Iterator<Item = (IpAddr, &str)> {
        self.0.iter().map(|(ip, name)| (*ip, name.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn socket(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    fn resolvers_of_the_file_and_of_the_policy() {
        let pairs = |conf: &str, dns: Option<&[&str]>| {
            let dns: Option<Vec<_>> = dns.map(|dns| dns.iter().copied().map(socket).collect());
            let resolvers = Resolvers::new(conf, dns.as_deref());
            let texts = resolvers.iter().map(|r| {
                let upstream = r.upstream.map_or("-".to_owned(), |u| u.to_string());
                format!("{}>{upstream}", r.asked)
            });
            texts.collect::<Vec<_>>()
        };
        let conf = "# c\nnameserver 169.254.78.1\nsearch x\nnameserver\tfd00::2%eth0 \n\
                    nameservers 9.9.9.9\nnameserver nonsense\nnameserver 169.254.78.1\n";
        let v4 = "169.254.78.1:53";
        let v6 = "[fd00::2]:53";
        assert_eq!(
            pairs(conf, None),
            [format!("{v4}>{v4}"), format!("{v6}>{v6}")]
        );
        assert_eq!(
            pairs(conf, Some(&["10.0.0.2:5353"])),
            [
                format!("{v4}>10.0.0.2:5353"),
                format!("{v6}>10.0.0.2:5353"),
                "10.0.0.2:5353>10.0.0.2:5353".to_owned()
            ]
        );
        assert_eq!(
            pairs(conf, Some(&[])),
            [format!("{v4}>-"), format!("{v6}>-")]
        );
        assert_eq!(pairs("", None), ["127.0.0.1:53>127.0.0.1:53"]);
        assert_eq!(
            pairs(conf, Some(&[v4])),
            [format!("{v4}>{v4}"), format!("{v6}>{v4}")]
        );
    }

    #[test]
    fn names_of_hosts() {
        let hosts =
            Hosts::new("127.0.0.1 localhost Local. # and more\n::1\tip6\nnonsense x\n\n#\n");
        let found: Vec<_> = hosts
            .iter()
            .map(|(ip, name)| format!("{ip} {name}"))
            .collect();
        assert_eq!(found, ["127.0.0.1 localhost", "127.0.0.1 local", "::1 ip6"]);
    }
}
