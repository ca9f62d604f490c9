//! Decisions of the compiled policy against a naive twin that asks every rule in turn.
//!
//! Names, addresses and paths are drawn from small sets, so that rules and questions meet.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use guard_core::Policy;
use guard_core::policy::{
    Access, CompiledPolicy, Decision, EgressRule, Entry, Origin, Phase, Protocol, Target,
};
use proptest::prelude::*;

use super::lookup;

const LABELS: [&str; 6] = ["a", "b", "ab", "com", "x-y", "_s"];

fn name() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(&LABELS[..]), 1..5).prop_map(|l| l.join("."))
}

fn port() -> impl Strategy<Value = u16> {
    prop::sample::select(vec![1_u16, 79, 80, 81, 443, u16::MAX])
}

fn ports() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(String::new()),
        port().prop_map(|port| format!(":{port}")),
        (port(), port()).prop_map(|(a, b)| format!(":{}-{}", a.min(b), a.max(b))),
    ]
}

fn v4() -> impl Strategy<Value = Ipv4Addr> {
    prop::sample::select(vec![
        0_u32,
        0x7f00_0001,
        0x0a00_0000,
        0x0a00_0001,
        0x0a01_0000,
        u32::MAX,
    ])
    .prop_map(Ipv4Addr::from_bits)
}

fn ip() -> impl Strategy<Value = IpAddr> {
    prop_oneof![
        v4().prop_map(IpAddr::V4),
        v4().prop_map(|v4| IpAddr::V6(v4.to_ipv6_mapped())),
        prop::sample::select(vec![0_u128, 1, 1 << 96, 0xfe80 << 112, u128::MAX])
            .prop_map(|bits| IpAddr::V6(Ipv6Addr::from_bits(bits))),
    ]
}

fn cidr() -> impl Strategy<Value = String> {
    (ip(), 0_u32..=128, ports()).prop_map(|(ip, prefix, ports)| match ip {
        IpAddr::V4(v4) => {
            // The unspecified address is no destination; a network that begins with it is one.
            let prefix = if v4.is_unspecified() {
                prefix % 32
            } else {
                prefix % 33
            };
            let mask = u32::MAX.checked_shl(32 - prefix).unwrap_or(0);
            format!(
                "{}/{prefix}{ports}",
                Ipv4Addr::from_bits(v4.to_bits() & mask)
            )
        }
        IpAddr::V6(v6) => {
            let most = if ip.to_canonical().is_unspecified() {
                127
            } else {
                128
            };
            let prefix = prefix.min(most);
            let mask = u128::MAX.checked_shl(128 - prefix).unwrap_or(0);
            format!(
                "[{}/{prefix}]{ports}",
                Ipv6Addr::from_bits(v6.to_bits() & mask)
            )
        }
    })
}

fn egress_entry() -> impl Strategy<Value = String> {
    let target = prop_oneof![
        (name(), ports()).prop_map(|(name, ports)| format!("{name}{ports}")),
        (name(), ports()).prop_map(|(name, ports)| format!("*.{name}{ports}")),
        cidr(),
    ];
    prop_oneof![
        5 => (prop::sample::select(vec!["", "tcp:", "udp:"]), target)
            .prop_map(|(protocol, target)| format!("{protocol}{target}")),
        1 => (path(), prop::sample::select(vec!["", "/"]))
            .prop_filter("a socket", |(path, _)| path != "/")
            .prop_map(|(path, end)| format!("unix:{path}{end}")),
    ]
}

fn path() -> impl Strategy<Value = String> {
    let component = prop::sample::select(vec!["a", "b", "ab", "a.b", "..a", "dev", "null"]);
    prop::collection::vec(component, 0..4).prop_map(|parts| format!("/{}", parts.join("/")))
}

fn path_list() -> impl Strategy<Value = Option<String>> {
    let entry = (path(), prop::sample::select(vec!["", "@init", "/"])).prop_map(|(path, end)| {
        if path == "/" && end == "/" {
            path
        } else {
            format!("{path}{end}")
        }
    });
    prop::option::of(prop::collection::vec(entry, 0..6).prop_map(|list| list.join(":")))
}

fn protocol() -> impl Strategy<Value = Protocol> {
    prop::sample::select(vec![Protocol::Tcp, Protocol::Udp])
}

fn phase() -> impl Strategy<Value = Phase> {
    prop::sample::select(vec![Phase::Init, Phase::Invoke])
}

fn policy(values: &[(&str, Option<String>)]) -> Policy {
    let set = values
        .iter()
        .filter_map(|(name, value)| Some(((*name).into(), value.clone()?)));
    let variables: Vec<(String, String)> = set.collect();
    Policy::from_vars(lookup(&variables)).unwrap_or_else(|errors| panic!("{errors}"))
}

/// The decision must be the naive one, and name an entry that the twin found too.
fn check(
    compiled: &CompiledPolicy<'_>,
    decision: Decision,
    entries: Option<Vec<(Origin, String)>>,
) -> Result<(), TestCaseError> {
    match (decision, entries) {
        (Decision::NotRestricted, None) => Ok(()),
        (Decision::Denied, Some(allowing)) if allowing.is_empty() => Ok(()),
        (Decision::Allowed(id), Some(allowing)) => {
            let (origin, text) = compiled.entry(id).unwrap();
            prop_assert!(
                allowing.contains(&(origin, text.to_owned())),
                "{text:?} {allowing:?}"
            );
            Ok(())
        }
        (decision, allowing) => Err(TestCaseError::fail(format!(
            "compiled {decision:?}, twin {allowing:?}"
        ))),
    }
}

/// Entries that allow something, by asking all rules of each.
fn allowing<T>(
    origin: Origin,
    list: &[Entry<T>],
    ask: impl Fn(&T) -> bool,
) -> Vec<(Origin, String)> {
    let found = list.iter().filter(|entry| entry.rules.iter().any(&ask));
    found.map(|entry| (origin, entry.text.clone())).collect()
}

fn is_platform_read(path: &str, phase: Phase) -> bool {
    // The one platform path that the paths above can form.
    let _ = phase;
    path == "/dev/null" || path.starts_with("/dev/null/")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn egress(
        entries in prop::option::of(prop::collection::vec(egress_entry(), 0..8)),
        names in prop::collection::vec((name(), any::<bool>()), 1..6),
        ips in prop::collection::vec(ip(), 1..6),
        sockets in prop::collection::vec(path(), 1..3),
        port in port(),
        protocol in protocol(),
    ) {
        let policy = policy(&[("GUARD_EGRESS_ALLOW", entries.map(|list| list.join(",")))]);
        let image = policy.compile();
        let compiled = CompiledPolicy::from_bytes(&image).unwrap();
        let twin = |ask: &dyn Fn(&EgressRule) -> bool| {
            policy.egress().map(|list| allowing(Origin::EgressAllow, list, ask))
        };
        for (name, decorate) in names {
            let asked = if decorate { name.to_uppercase() + "." } else { name.clone() };
            let naive = twin(&|rule| rule.allows_host(&name, port, protocol));
            check(&compiled, compiled.egress_host(asked.as_bytes(), port, protocol), naive)?;
            let naive = twin(&|rule| {
                matches!(rule.target(), Target::Host(pattern) if pattern.matches(&name))
            });
            check(&compiled, compiled.egress_name(asked.as_bytes()), naive)?;
        }
        for ip in ips {
            let naive = twin(&|rule| rule.allows_addr(ip, port, protocol));
            check(&compiled, compiled.egress_addr(ip, port, protocol), naive)?;
        }
        for path in sockets {
            let naive = twin(&|rule| match rule.target() {
                Target::Unix(rule) if rule.ends_with(b"/") => {
                    path.as_bytes().starts_with(rule) && path.len() > rule.len()
                }
                Target::Unix(rule) => rule == path.as_bytes(),
                _ => false,
            });
            check(&compiled, compiled.unix(path.as_bytes()), naive)?;
        }
    }

    #[test]
    fn files(
        read in path_list(),
        write in path_list(),
        exec in path_list(),
        paths in prop::collection::vec(path(), 1..8),
        phase in phase(),
    ) {
        let policy = policy(&[
            ("GUARD_FILE_READ", read),
            ("GUARD_FILE_WRITE", write),
            ("GUARD_EXEC_ALLOW", exec),
        ]);
        let image = policy.compile();
        let compiled = CompiledPolicy::from_bytes(&image).unwrap();
        for path in paths {
            let ask = |rule: &guard_core::policy::FileRule| rule.allows(&path, phase);
            let written = policy.file_write().map(|list| allowing(Origin::FileWrite, list, ask));
            let platform = is_platform_read(&path, phase).then(|| (Origin::Platform, "/dev/null".into()));
            let read = policy.file_read().map(|list| {
                let mut found = allowing(Origin::FileRead, list, ask);
                found.extend(written.clone().unwrap_or_default());
                found.extend(platform.clone());
                found
            });
            check(&compiled, compiled.file(path.as_bytes(), Access::Read, phase), read)?;
            let written = written.map(|mut found| {
                found.extend(platform.clone());
                found
            });
            check(&compiled, compiled.file(path.as_bytes(), Access::Write, phase), written)?;
            let exec = policy.exec().map(|list| {
                allowing(Origin::ExecAllow, list, |rule| rule.allows(&path, phase))
            });
            check(&compiled, compiled.exec(path.as_bytes(), phase), exec)?;
        }
    }

    #[test]
    fn any_text_is_read_or_refused_with_a_place(
        texts in prop::collection::vec("[ -~é\u{0}\n]{0,40}", 19),
    ) {
        let names = guard_core::policy::settings::SETTINGS.iter().map(|s| s.variable.to_owned());
        let variables: Vec<_> = names.zip(texts).collect();
        if let Err(errors) = Policy::from_vars(lookup(&variables)) {
            for error in errors.errors() {
                prop_assert!(!error.to_string().contains('\n'));
                let guard_core::error::Place::Variable { offset } = error.place() else {
                    return Err(TestCaseError::fail("no file was given"));
                };
                let known = variables.iter().find(|(name, _)| name == error.setting());
                prop_assert!(*offset <= known.unwrap().1.len(), "{error}");
            }
        }
    }
}
