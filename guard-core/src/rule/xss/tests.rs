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

/// Nonsense of the family's own characters: no panic, and spans that lie inside the text.
#[test]
fn any_bytes_are_read_without_panic() {
    const PIECES: &[&str] = &[
        "<",
        ">",
        "/",
        "\"",
        "'",
        "`",
        "=",
        " ",
        "\n",
        "\0",
        "+",
        "\\",
        "(",
        ")",
        "{",
        "[",
        "]",
        ";",
        ":",
        "on",
        "onload",
        "onerror=",
        "script",
        "<script",
        "</script",
        "<svg",
        "<iframe",
        "src=",
        "srcdoc=",
        "style=",
        "javascript:",
        "java",
        "script:",
        "data:",
        "text/html,",
        "image/svg+xml;base64,",
        "alert(",
        "prompt`",
        "eval(",
        ".cookie",
        "document.",
        "window.",
        "self[",
        "expression(",
        "behavior:url(",
        "-moz-binding",
        "<?import",
        "datasrc=",
        "+ADw-",
        "<!--#exec",
        ";!--",
        "![]+",
        "\u{bc}script\u{be}",
        "\u{a0}",
        "x",
        "word ",
        "1",
        "&",
        "%",
        "<set attributeName=on",
        "<meta http-equiv=",
    ];
    let rounds = if cfg!(debug_assertions) {
        4_000
    } else {
        200_000
    };
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % below as u64).expect("below a usize")
    };
    for _ in 0..rounds {
        let mut text = Vec::new();
        for _ in 0..next(24) {
            text.extend_from_slice(PIECES[next(PIECES.len())].as_bytes());
        }
        if next(4) == 0 {
            text.truncate(next(text.len() + 1));
        }
        // Every offset, triggered or not: the prefilter is not what keeps `confirm` total.
        let input = Text::value(&text);
        let mut effort = Effort::new(1 << 20);
        for at in 0..text.len() {
            let _ = context(&text, at);
            if let Some(found) = confirm(&input, at, &mut effort) {
                assert!(found.span.start <= found.span.end && found.span.end <= text.len());
            }
        }
    }
}

/// Costs the most and matches nothing.
const ATTACK: &str = "<a x='\" onload=alert ";

/// Once the event's share of work is used up nothing is read any more.
#[test]
fn work_is_bounded_by_effort() {
    let piece = ATTACK.as_bytes();
    let text: Vec<u8> = piece.iter().copied().cycle().take(1 << 16).collect();
    let mut effort = Effort::new(4 << 16);
    let input = Text::value(&text);
    for at in 0..text.len() {
        let _ = confirm(&input, at, &mut effort);
    }
    assert!(effort.is_spent());
    assert_eq!(confirm(&Text::value(piece), 0, &mut effort), None);
}
