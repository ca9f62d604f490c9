//! Every case of `tests/data/cases`, as a plain value and in every shape an event can give it.

use guard_core::{Families, Finding, Inspector};
use guard_tests::case::{self, Case};
use guard_tests::skip;

/// How many failures are told in full.
const TOLD: usize = 60;

fn cases() -> Option<Vec<Case>> {
    let folder = guard_tests::root().join("tests/data/cases");
    if !folder.is_dir() {
        skip("cases", "there is no tests/data/cases");
        return None;
    }
    let cases = case::read(&folder).expect("the cases can be read");
    assert!(!cases.is_empty(), "no case in {}", folder.display());
    Some(cases)
}

/// What the case expects.
fn expected(case: &Case) -> Vec<&str> {
    let mut expected: Vec<_> = case.expect.iter().map(String::as_str).collect();
    expected.sort_unstable();
    expected
}

/// Every family: what one of them takes for benign another must not report.
const fn inspector() -> Inspector {
    Inspector::new(Families::ALL)
}

fn rules(findings: &[Finding]) -> Vec<&str> {
    let mut rules: Vec<_> = findings
        .iter()
        .map(|finding| finding.rule.as_str())
        .collect();
    rules.sort_unstable();
    rules.dedup();
    rules
}

fn conclude(checked: usize, failures: &[String]) {
    eprintln!("{checked} checked, {} not as expected", failures.len());
    let told = failures.get(..TOLD).unwrap_or(failures).join("\n");
    assert!(
        failures.is_empty(),
        "{} of {checked}:\n{told}",
        failures.len()
    );
}

#[test]
fn values() {
    let Some(cases) = cases() else { return };
    let mut failures = Vec::new();
    for case in &cases {
        let findings: Vec<_> = inspector().inspect_value(case.input.as_bytes()).collect();
        let expected = expected(case);
        let found = rules(&findings);
        if let Some(gap) = &case.gap {
            eprintln!("gap: {}: {gap}", case.name);
            if found == expected {
                failures.push(format!("{}: no gap any more", case.name));
            }
            continue;
        }
        if found != expected {
            let Case { name, input, .. } = case;
            failures.push(format!(
                "{name}: {found:?} instead of {expected:?} in {input:?}"
            ));
            continue;
        }
        let first = case.expect.first();
        let at = findings
            .iter()
            .find(|finding| Some(finding.rule.as_str()) == first.map(|r| &**r));
        if let (Some(finding), Some([start, end])) = (at, case.span)
            && finding.span != (start..end)
        {
            let (name, span) = (&case.name, &finding.span);
            failures.push(format!("{name}: span {span:?} instead of {start}..{end}"));
        }
    }
    conclude(cases.len(), &failures);
}

#[test]
fn events() {
    let Some(cases) = cases() else { return };
    let (mut checked, mut failures) = (0, Vec::new());
    for case in &cases {
        for (variant, event) in case::variants(&case.input) {
            if case.gap.is_some() || case.skip.contains_key(variant) {
                continue;
            }
            checked += 1;
            let findings: Vec<_> = inspector().inspect(&event).collect();
            let found = rules(&findings);
            // A shape may make another family see something in an attack; never in a benign text.
            let expected = expected(case);
            let missing = expected.iter().any(|rule| !found.contains(rule));
            let wrong = expected.is_empty() && !found.is_empty();
            let outside = findings
                .iter()
                .any(|finding| event.get(finding.span.clone()).is_none());
            if missing || wrong || outside {
                let Case {
                    name,
                    input,
                    expect,
                    ..
                } = case;
                let spans = if outside {
                    " with a span outside the event"
                } else {
                    ""
                };
                failures.push(format!(
                    "{name}, {variant}: {found:?}{spans} instead of {expect:?} in {input:?}"
                ));
            }
        }
    }
    conclude(checked, &failures);
}
