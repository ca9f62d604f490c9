use super::*;

fn found(input: &[u8]) -> Option<Match> {
    let text = Text::value(input);
    let mut effort = Effort::new(1 << 20);
    (0..input.len()).find_map(|at| {
        let candidate = TRIGGERS.iter().any(|t| t.occurs(input, at)) && context(input, at);
        candidate.then(|| confirm(&text, at, &mut effort)).flatten()
    })
}

#[test]
fn markup_that_runs_is_told_from_its_siblings() {
    let cases: [(&str, Option<&str>); 4] = [
        ("<img src=x onerror=alert(1)>", Some("xss.handler")),
        ("<img src=x title='only one'>", None),
        ("<a href='javascript:go()'>", Some("xss.script_url")),
        ("<a href='javascript:void(0)'>", None),
    ];
    for (input, rule) in cases {
        assert_eq!(
            found(input.as_bytes()).map(|m| m.rule.as_str()),
            rule,
            "{input}"
        );
    }
}
