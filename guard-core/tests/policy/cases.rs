//! Runs `decisions.toml` and `errors.toml`.

use std::net::IpAddr;
use std::path::Path;

use guard_core::Policy;
use guard_core::policy::{
    Access, CompiledPolicy, Decision, Operation, Phase, Protocol, Suggestion,
};
use toml::de::{DeTable, DeValue};

use super::lookup;

type Variables = Vec<(String, String)>;

fn tables(file: &str, run: impl Fn(&DeTable<'_>)) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/policy")
        .join(file);
    let text = std::fs::read_to_string(path).unwrap();
    let document = DeTable::parse(&text).unwrap();
    let cases = document.get_ref()["case"].get_ref().as_array().unwrap();
    assert!(!cases.is_empty());
    cases
        .iter()
        .for_each(|case| run(case.get_ref().as_table().unwrap()));
}

fn text(case: &DeTable<'_>, key: &str) -> Option<String> {
    case.get(key)
        .map(|value| value.get_ref().as_str().unwrap().to_owned())
}

fn texts(case: &DeTable<'_>, key: &str) -> Vec<String> {
    let Some(list) = case.get(key) else {
        return Vec::new();
    };
    let list = list.get_ref().as_array().unwrap();
    list.iter()
        .map(|item| item.get_ref().as_str().unwrap().to_owned())
        .collect()
}

fn variables(case: &DeTable<'_>, key: &str) -> Option<Variables> {
    let table = case.get(key)?.get_ref().as_table().unwrap();
    let pair = |name: &str, value: &DeValue<'_>| (name.to_owned(), value.as_str().unwrap().into());
    Some(
        table
            .iter()
            .map(|(name, value)| pair(name.get_ref(), value.get_ref()))
            .collect(),
    )
}

fn read(variables: &Variables, file: Option<&str>) -> Result<Policy, String> {
    let names = variables.iter().map(|(name, _)| name.as_str());
    let file = file.map(|text| ("/etc/guard.toml", text));
    Policy::from_vars_and_file(lookup(variables), names, file).map_err(|errors| errors.to_string())
}

/// `tcp HOST PORT`, `udp IP PORT`, `unix PATH`, `read|write|exec PATH init|invoke`.
fn operation(text: &str) -> Operation<'_> {
    let words: Vec<_> = text.split(' ').collect();
    let phase = |word: &str| {
        if word == "init" {
            Phase::Init
        } else {
            Phase::Invoke
        }
    };
    match *words.as_slice() {
        [protocol @ ("tcp" | "udp"), host, port] => {
            let protocol = if protocol == "tcp" {
                Protocol::Tcp
            } else {
                Protocol::Udp
            };
            let port = port.parse().unwrap();
            match host.parse::<IpAddr>() {
                Ok(ip) => Operation::Address { ip, port, protocol },
                Err(_) => Operation::Host {
                    name: host.as_bytes(),
                    port,
                    protocol,
                },
            }
        }
        ["unix", path] => Operation::Unix {
            path: path.as_bytes(),
        },
        ["exec", path, when] => Operation::Exec {
            path: path.as_bytes(),
            phase: phase(when),
        },
        ["read", path, when] => Operation::File {
            path: path.as_bytes(),
            access: Access::Read,
            phase: phase(when),
        },
        ["write", path, when] => Operation::File {
            path: path.as_bytes(),
            access: Access::Write,
            phase: phase(when),
        },
        _ => panic!("{text:?} is no operation"),
    }
}

#[test]
fn decisions() {
    tables("decisions.toml", |case| {
        let name = text(case, "name").unwrap();
        let mut given = variables(case, "variables").unwrap();
        let policy = read(&given, None).unwrap_or_else(|errors| panic!("{name}: {errors}"));
        let image = policy.compile();
        let compiled = CompiledPolicy::from_bytes(&image).unwrap();
        for allowed in texts(case, "allowed") {
            let decision = compiled.decide(&operation(&allowed));
            let Decision::Allowed(entry) = decision else {
                panic!("{name}: {allowed}: {decision:?}")
            };
            compiled.entry(entry).unwrap();
        }
        for denied in texts(case, "denied") {
            let operation = operation(&denied);
            assert_eq!(
                compiled.decide(&operation),
                Decision::Denied,
                "{name}: {denied}"
            );
            // What it suggests is what allows it.
            if let Some(Suggestion { origin, entry, .. }) =
                policy.entry_that_would_allow(&operation)
            {
                let before = given.clone();
                match given.iter_mut().find(|(name, _)| name == origin.name()) {
                    Some((_, value)) if value.is_empty() => *value = entry.clone(),
                    Some((name, value)) => {
                        let separator = if name == "GUARD_EGRESS_ALLOW" {
                            ','
                        } else {
                            ':'
                        };
                        value.push(separator);
                        value.push_str(&entry);
                    }
                    None => given.push((origin.name().to_owned(), entry.clone())),
                }
                let image = read(&given, None).unwrap().compile();
                let decision = CompiledPolicy::from_bytes(&image)
                    .unwrap()
                    .decide(&operation);
                assert!(
                    matches!(decision, Decision::Allowed(_)),
                    "{name}: {denied}: {entry}"
                );
                given = before;
            } else {
                let has_none = texts(case, "without_suggestion").contains(&denied);
                assert!(has_none, "{name}: {denied}: no suggestion");
            }
        }
        for open in texts(case, "not_restricted") {
            let decision = compiled.decide(&operation(&open));
            assert_eq!(decision, Decision::NotRestricted, "{name}: {open}");
        }
        for suggestion in texts(case, "suggested") {
            let (denied, wanted) = suggestion.split_once(" -> ").unwrap();
            let found = policy
                .entry_that_would_allow(&operation(denied))
                .unwrap()
                .to_string();
            assert_eq!(found, wanted, "{name}");
        }
        let warnings = texts(case, "warnings");
        if !warnings.is_empty() {
            assert_eq!(policy.warnings(), warnings, "{name}");
        }
    });
}

#[test]
fn errors() {
    tables("errors.toml", |case| {
        let name = text(case, "name").unwrap();
        let given = variables(case, "variables").unwrap_or_default();
        let found = read(&given, text(case, "file").as_deref())
            .map(|_| ())
            .unwrap_err();
        assert_eq!(
            found.lines().collect::<Vec<_>>(),
            texts(case, "errors"),
            "{name}"
        );
        let (fine, file) = (variables(case, "fine"), text(case, "fine_file"));
        assert!(
            fine.is_some() || file.is_some(),
            "{name}: no benign sibling"
        );
        let read = read(&fine.unwrap_or_default(), file.as_deref());
        assert!(read.is_ok(), "{name}: {}", read.unwrap_err());
    });
}

/// Time is not measured: what costs more than linear time in the sizes here does not end.
#[test]
fn large_settings_and_files_are_read_or_refused_soon() {
    let words = |word: &str, separator: &str| vec![word; 100_000].join(separator);
    let array = format!("egress_allow = [{}]", words("'*'", ","));
    let string = format!("file_read = '{}'", words("é", ":"));
    let keys: String = (0..60_000).map(|index| format!("k{index} = 1\n")).collect();
    let nested = format!("mode = {}", "[".repeat(100_000));
    for file in [array, string, keys, nested] {
        let errors = read(&Vec::new(), Some(&file)).unwrap_err();
        let count = errors.lines().count();
        assert!(count < 20_000, "{count}: {:.300}", errors);
    }
    let list = words("a b", ",");
    let variables = vec![("GUARD_EGRESS_ALLOW".to_owned(), list)];
    assert!(
        read(&variables, None)
            .unwrap_err()
            .contains("more than 8192 entries")
    );
    let hosts: Vec<_> = (0..8000)
        .map(|index| format!("h{index}.example.com"))
        .collect();
    assert!(
        read(
            &vec![("GUARD_EGRESS_ALLOW".to_owned(), hosts.join(","))],
            None
        )
        .is_ok()
    );
}

#[test]
fn errors_say_which_mode_decides_and_what_could_be_read() {
    use guard_core::policy::Mode;

    let mode = |variables: &[(&str, &str)], file: Option<&str>| {
        let pairs = variables
            .iter()
            .map(|(name, value)| ((*name).into(), (*value).into()));
        let variables: Variables = pairs.collect();
        let file = file.map(|text| ("/policy.toml", text));
        Policy::from_vars_and_file(lookup(&variables), [""; 0], file).unwrap_err()
    };
    // A mode that cannot be read was still asked for; one that was not asked for is monitor.
    assert_eq!(
        mode(&[("GUARD_MODE", "enfroce")], None).mode(),
        Mode::Enforce
    );
    assert_eq!(mode(&[("GUARD_TMP", "x")], None).mode(), Mode::Monitor);
    assert_eq!(
        mode(&[("GUARD_TMP", "x"), ("GUARD_MODE", "off")], None).mode(),
        Mode::Off
    );
    // A file that cannot be read may have set it, unless the variable wins over it.
    assert_eq!(mode(&[], Some("mode = ")).mode(), Mode::Enforce);
    assert_eq!(mode(&[("GUARD_POLICY", "/x")], None).mode(), Mode::Enforce);
    assert_eq!(
        mode(&[("GUARD_MODE", "monitor")], Some("mode = ")).mode(),
        Mode::Monitor
    );
    assert_eq!(
        mode(&[("GUARD_TMP", "x")], Some("mode = 'enforce'")).mode(),
        Mode::Enforce
    );
    let partly = mode(
        &[("GUARD_EGRESS_ALLOW", "a.b,c d"), ("GUARD_TMP", "x")],
        None,
    );
    assert_eq!(partly.readable().egress().unwrap().len(), 1);
    assert_eq!(partly.readable().tmp(), guard_core::policy::Tmp::Keep);
}

#[test]
fn policies_can_be_shared_between_threads() {
    fn shared<T: Send + Sync + Unpin + std::panic::UnwindSafe + std::panic::RefUnwindSafe>() {}
    shared::<Policy>();
    shared::<CompiledPolicy<'_>>();
    shared::<guard_core::PolicyErrors>();
}
