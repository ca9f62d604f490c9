//! Siblings and hostile bytes.

use super::RULES;
use crate::inspect::{Place, Text};
use crate::rule::exercise::{exercise, first};

fn found_in(text: &Text<'_>) -> Option<&'static str> {
    first(&RULES, text).map(|found| found.rule.as_str())
}

fn found(input: &[u8]) -> Option<&'static str> {
    found_in(&Text::value(input))
}

#[test]
fn injected_text_is_told_from_its_benign_sibling() {
    let cases: &[(&str, Option<&str>, &str)] = &[
        (
            "{\"k\": {\"$ne\": 1}}",
            Some("nosql.operator"),
            "{\"k\": {\"$oid\": 1}}",
        ),
        ("k[$ne]=1", Some("nosql.operator"), "k[ne]=1"),
        (
            "', $or: [ {}, {'k':'k",
            Some("nosql.operator"),
            "query Q($or: [F!])",
        ),
        (
            "k'; return true; var b='",
            Some("nosql.script"),
            "k; return true love",
        ),
        (
            "k' || this.p.match(/a/)//",
            Some("nosql.script"),
            "a = k || this.p",
        ),
        ("k';while(1){}", Some("nosql.script"), "while(1) {}"),
        (
            "k\r\n$8\r\nflushall\r\n",
            Some("nosql.redis"),
            "k\r\n$8 each",
        ),
        (
            "k' ALLOW FILTERING;--",
            Some("nosql.clause"),
            "allow filtering",
        ),
    ];
    for (attack, rule, benign) in cases {
        assert_eq!(found(attack.as_bytes()), *rule, "{attack}");
        assert_eq!(found(benign.as_bytes()), None, "{benign}");
    }
}

#[test]
fn an_operator_is_an_attack_as_a_key_only() {
    let key = Text {
        bytes: b"$ne",
        starts: true,
        ends: true,
        place: Place::Key(b"\": 1}"),
    };
    assert_eq!(found_in(&key), Some("nosql.operator"));
    assert_eq!(found(b"$ne"), None);
}

#[test]
fn hostile_bytes_neither_panic_nor_leave_the_text() {
    let pieces: [&[u8]; 30] = [
        b"'",
        b"\"",
        b"$ne",
        b"$where",
        b"[",
        b"]",
        b"{",
        b"}",
        b":",
        b",",
        b"=",
        b" ",
        b";",
        b"return ",
        b"sleep(",
        b"this.a",
        b"&&",
        b"||",
        b"new Date(",
        b"do{",
        b"while(1)",
        b"db.a.",
        b"drop(",
        b"\r\n",
        b"$8",
        b"flushall",
        b"allow filtering",
        b"\xff",
        b"%",
        b"\\",
    ];
    exercise(&RULES, &pieces);
}
