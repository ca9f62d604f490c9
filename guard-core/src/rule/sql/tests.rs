//! Edge cases of the tokenizer and the grammar, and hostile bytes.

use core::cell::Cell;

use super::RULES;
use super::token::{Kind, Tokens};
use super::words::{Word, classify};
use crate::rule::exercise::{exercise, rule_of};

/// The rules that `input` breaks, found as the inspector finds them.
fn found(input: &[u8]) -> Option<&'static str> {
    rule_of(&RULES, input)
}

fn kinds(input: &[u8]) -> Vec<Kind> {
    let work = Cell::new(0);
    let mut tokens = Tokens::new(input, 0, 32, &work);
    let mut kinds = Vec::new();
    loop {
        let token = tokens.next();
        if token.kind == Kind::End {
            return kinds;
        }
        kinds.push(token.kind);
    }
}

#[test]
fn tokens_are_cut_as_the_dialects_cut_them() {
    use Kind::{Comment, Compare, Number, Text, Variable};
    let closed = Text { open: false };
    let cases: &[(&[u8], &[Kind])] = &[
        (b"1or", &[Number, Kind::Word(Word::Connective)]),
        (b"0x1Fg", &[Number, Kind::Word(Word::Plain)]),
        (
            b"1e5 .5 1.e",
            &[Number, Number, Number, Kind::Word(Word::Plain)],
        ),
        (b"'it''s' 'it\\'s'", &[closed, closed]),
        (b"''=''", &[closed, Compare, closed]),
        (b"n'a' x'1f' _utf8'a'", &[closed, closed, closed]),
        (
            b"$$a$$ $1 @@v @v :v",
            &[closed, Variable, Variable, Variable, Variable],
        ),
        (
            b"/*!50000or*/ /* or */ 1",
            &[Kind::Word(Word::Connective), Number],
        ),
        (b"1 -- or\n 2", &[Number, Number]),
        (b"1 -- or", &[Number, Comment]),
        (b"1 /* or", &[Number, Comment]),
        (b"'a", &[Text { open: true }]),
        (
            b"<=> <> != >= :=",
            &[Compare, Compare, Compare, Compare, Compare],
        ),
        (
            b"[a b] `c`",
            &[Kind::Word(Word::Plain), Kind::Word(Word::Plain)],
        ),
    ];
    for (input, expected) in cases {
        assert_eq!(kinds(input), *expected, "{}", input.escape_ascii());
    }
}

#[test]
fn words_are_known_in_any_case() {
    assert_eq!(classify(b"SeLeCt"), Word::Select);
    assert_eq!(classify(b"DBMS_PIPE"), Word::Hostile);
    assert_eq!(classify(b"selects"), Word::Plain);
    assert_eq!(classify(b""), Word::Plain);
    assert_eq!(classify(&[b'a'; 300]), Word::Plain);
}

#[test]
fn injected_text_is_told_from_its_benign_sibling() {
    let cases: &[(&str, Option<&str>, &str)] = &[
        ("3 or 2=2", Some("sql.tautology"), "3 or 2 days"),
        ("x') or ('q'='q", Some("sql.tautology"), "(x) or (q)"),
        ("x' xor 5>4#", Some("sql.tautology"), "x xor 5"),
        (
            "x' or id like 'a%",
            Some("sql.condition"),
            "x or an id like yours",
        ),
        (
            "3 union all select 1,2",
            Some("sql.union"),
            "a union of all select clubs",
        ),
        (
            "3;waitfor delay '0:0:9'",
            Some("sql.stacked"),
            "3; wait for a delay",
        ),
        (
            "x';drop table crew--",
            Some("sql.stacked"),
            "x; drop tables at noon",
        ),
        ("3 and sleep(9)", Some("sql.function"), "Thread.sleep(9000)"),
        (
            "3,(select pin from crew)",
            Some("sql.subquery"),
            "3 (select all that apply)",
        ),
        ("3' order by 7#", Some("sql.order"), "ranked, order by 7 pm"),
        ("3 having 2=2", Some("sql.having"), "3 having 2 kids"),
        ("bo'-- -", Some("sql.comment"), "bo-- -"),
        ("bo'^'0", Some("sql.operator"), "bo^0"),
        ("3 /*!union*/ 1", Some("sql.comment"), "3 /*! v1 */ 1"),
        ("un/**/ion 1", Some("sql.comment"), "src/**/index"),
    ];
    for (attack, rule, benign) in cases {
        assert_eq!(found(attack.as_bytes()), *rule, "{attack}");
        assert_eq!(found(benign.as_bytes()), None, "{benign}");
    }
}

#[test]
fn hostile_bytes_neither_panic_nor_leave_the_text() {
    const PIECES: [&[u8]; 40] = [
        b"'",
        b"\"",
        b"`",
        b"(",
        b")",
        b" ",
        b"\n",
        b"--",
        b"#",
        b"/*",
        b"*/",
        b"/*!5",
        b"or ",
        b" and ",
        b"union ",
        b"select ",
        b"1",
        b"=",
        b"<",
        b"||",
        b"&&",
        b";",
        b",",
        b"@@v",
        b"$$",
        b"0x",
        b"\xc2\xa0",
        b"\xff",
        b"\0",
        b"sleep(",
        b"order by ",
        b"having ",
        b"drop table ",
        b"case when ",
        b"in (",
        b"between ",
        b".",
        b"[",
        b"+",
        b"not ",
    ];
    exercise(&RULES, &PIECES);
}
