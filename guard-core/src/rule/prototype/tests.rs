use super::*;
use crate::rule::exercise::{exercise, first, work_ends};

fn found(text: &Text<'_>) -> Option<&'static str> {
    first(&RULES, text).map(|found| found.rule.as_str())
}

#[test]
fn values_are_told_apart() {
    let cases: [(&str, Option<&str>); 45] = [
        ("__proto__[a]=b", Some("prototype.path")),
        ("__proto__.a=b", Some("prototype.path")),
        ("a[__proto__][b]=c", Some("prototype.path")),
        ("x=1&__proto__[a]=b", Some("prototype.path")),
        ("/page?__proto__[a]=b", Some("prototype.path")),
        ("https://e.example/#__proto__[a]=b", Some("prototype.path")),
        ("constructor[prototype][a]=b", Some("prototype.path")),
        ("constructor.prototype.a=b", Some("prototype.path")),
        ("a.constructor.prototype.b", Some("prototype.path")),
        ("a.__proto__.b", Some("prototype.path")),
        ("a['__proto__']['b']", Some("prototype.member")),
        ("__proto__", Some("prototype.path")),
        ("__pro__proto__to__[a]=b", Some("prototype.path")),
        ("{\"__proto__\":{\"a\":1}}", Some("prototype.member")),
        (
            "{\\\"__proto__\\\": {\\\"a\\\":1}}",
            Some("prototype.member"),
        ),
        ("{\"a\":1,\"__proto__\":[1]}", Some("prototype.member")),
        (
            "{\"constructor\":{\"prototype\":{\"a\":1}}}",
            Some("prototype.member"),
        ),
        ("[\"__proto__\",\"a\"]", Some("prototype.member")),
        ("Object.__proto__[\"a\"]=\"b\"", Some("prototype.path")),
        ("{\"a.__proto__.b\": 1}", Some("prototype.path")),
        ("name=\"__proto__[a]\"\r\n\r\n1", Some("prototype.path")),
        ("/__proto__/a", Some("prototype.path")),
        ("/a/constructor/prototype/b", Some("prototype.path")),
        ("<__proto__><a>1</a></__proto__>", Some("prototype.member")),
        (
            "{\"key\":\"__proto__\",\"value\":1}",
            Some("prototype.path"),
        ),
        (
            "{\"op\":\"add\",\"path\":\"/__proto__/a\"}",
            Some("prototype.path"),
        ),
        ("if (key === \"__proto__\") return", None),
        ("/wiki/__proto__ explained", None),
        ("{\"about __proto__\": 1}", None),
        ("{\"__proto__\":null}", None),
        ("what is __proto__ in JavaScript", None),
        ("what is obj.__proto__ for", None),
        ("use Object.create instead of __proto__.", None),
        ("the constructor.prototype chain", None),
        ("Foo.constructor.prototype.bar = function () {}", None),
        ("constructor", None),
        ("constructor[0]=a", None),
        ("constructor.prototypes=a", None),
        ("my__proto__[a]=b", None),
        ("__prototype__[a]=b", None),
        ("__proto__ and prototype", None),
        ("see `__proto__`", None),
        ("instructor.prototype=1", None),
        ("function F() {}\nF.prototype.constructor = F", None),
        ("[\"constructor\",\"prototype\"]", None),
    ];
    for (input, rule) in cases {
        assert_eq!(found(&Text::value(input.as_bytes())), rule, "{input}");
    }
}

#[test]
fn keys_are_told_apart_by_what_they_hold() {
    let cases: [(&str, &str, bool); 12] = [
        ("__proto__", ":{\"a\":1}", true),
        ("__proto__", " : [1]", true),
        ("__proto__", ":null", false),
        ("__proto__", ":\"x\"", false),
        ("__proto__", "=1", true),
        ("constructor", ": {\"prototype\" : {\"a\":1}}", true),
        ("constructor", ":{\"a\":1}", false),
        ("constructor", "=1", false),
        ("__proto__[a]", "=1", true),
        ("a.__proto__.b", ":1", true),
        ("constructor.prototype.b", ":1", true),
        ("my__proto__", ":{}", false),
    ];
    for (key, follows, matched) in cases {
        let place = Place::Key(follows.as_bytes());
        let text = Text {
            bytes: key.as_bytes(),
            starts: true,
            ends: true,
            place,
        };
        assert_eq!(found(&text).is_some(), matched, "{key}{follows}");
    }
}

/// Nonsense of the family's own characters.
#[test]
fn any_bytes_are_read_without_panic() {
    exercise(
        &RULES,
        &[
            "__proto__",
            "__pro",
            "constructor",
            "prototype",
            "[",
            "]",
            ".",
            "\"",
            "'",
            "`",
            "{",
            "}",
            ":",
            ",",
            "/",
            "?",
            "&",
            "#",
            "=",
            " ",
            "\\",
            "a",
            "1",
            "name=",
            "<",
            ">",
            "\u{e9}",
            "\0",
            "\n",
        ],
    );
}

/// Costs the most and matches nothing.
const ATTACK: &str = "__proto__ ";

/// Once the event's share of work is used up nothing is read any more.
#[test]
fn work_is_bounded_by_effort() {
    work_ends(&RULES, ATTACK);
}
