use super::*;
use crate::rule::exercise::{exercise, first, work_ends};

fn found(input: &[u8]) -> Option<Match> {
    first(&RULES, &Text::value(input))
}

#[test]
fn markup_that_runs_is_told_from_its_siblings() {
    let cases: [(&str, Option<&str>); 42] = [
        ("<img src=x onerror=alert(1)>", Some("xss.handler")),
        ("<img src=x title='only one'>", None),
        ("<x/onanything=f()>", Some("xss.handler")),
        ("<x online=\"yes\" once=\"1\"/>", None),
        ("a\" onfocus=\"f()", Some("xss.handler")),
        ("status=\"ok\" online=true", None),
        ("<a onclick={() => alert(1)}>", None),
        ("<a onclick={alert(1)}>", Some("xss.handler")),
        ("<a href='javascript:go()'>", Some("xss.script_url")),
        ("<a href='javascript:void(0)'>", None),
        ("java\nscript:alert(1)", Some("xss.script_url")),
        ("JavaScript: document.write() fails", None),
        ("<iframe src='data:text/html,x'>", Some("xss.frame")),
        ("<a href='data:text/html,x'>", Some("xss.data_url")),
        ("<img src='data:image/svg+xml,x'>", None),
        ("<script>f(1)</script>", Some("xss.script_element")),
        ("a <script> of mine", None),
        ("Option<Script>::None", None),
        ("<x:script>f(1)</x:script>", Some("xss.script_element")),
        ("<\0script>f(1)</script>", Some("xss.script_element")),
        ("<iframe src=//e.example>", Some("xss.frame")),
        ("what does <iframe> do", None),
        ("<base href=//e.example>", Some("xss.base")),
        ("<base target=_blank>", None),
        (
            "<style>@import '//e.example'</style>",
            Some("xss.style_element"),
        ),
        ("<Style><Setter Value='{Binding X}'/></Style>", None),
        (
            "<a style='x:expression(f())'>",
            Some("xss.style_expression"),
        ),
        ("regular expression (x)", None),
        ("';alert(1)//", Some("xss.script_breakout")),
        ("it's; alert the others", None),
        ("'-confirm`1`-'", Some("xss.script_breakout")),
        ("the `fetch` and `eval` functions", None),
        ("$('#a').click(function() { confirm('b'); })", None),
        ("alert(document.domain)", Some("xss.script_call")),
        ("Alert (2)", None),
        ("- eval()", None),
        ("f=alert;f(1)", Some("xss.script_call")),
        ("${alert(1)}", Some("xss.script_breakout")),
        ("<p ng-x='alert(1)'>", Some("xss.script_in_attribute")),
        ("<p>alert(1)", None),
        ("+ADw-img src=x", Some("xss.utf7")),
        ("<!--#exec cmd='x'-->", Some("xss.server_side_include")),
    ];
    for (input, rule) in cases {
        assert_eq!(
            found(input.as_bytes()).map(|m| m.rule.as_str()),
            rule,
            "{input}"
        );
    }
}

/// Nonsense of the family's own characters.
#[test]
fn any_bytes_are_read_without_panic() {
    exercise(
        &RULES,
        &[
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
        ],
    );
}

/// Costs the most and matches nothing.
const ATTACK: &str = "<a x='\" onload=alert ";

/// Once the event's share of work is used up nothing is read any more.
#[test]
fn work_is_bounded_by_effort() {
    work_ends(&RULES, ATTACK);
}
