//! Rules of the `deserialization` family: serialized objects that run code when they are read.
//!
//! Formats are told by their grammar (stream headers, PHP's lengths, YAML tags, type members of
//! JSON), and where a format also carries plain data, by the classes it names.

use crate::inspect::{Effort, Match, Place, Text, Trigger};
use crate::rule::{Family, RuleId, Rules};

mod class;
mod grammar;
mod pickle;

use grammar::{from_base64, php, xml, yaml};

pub(super) const RULES: Rules = Rules {
    family: Family::Deserialization,
    triggers: TRIGGERS,
    glance: 8,
    context,
    hopeless: None,
    confirm,
};

const JAVA: RuleId = RuleId::new("deserialization.java_stream");
const PHP: RuleId = RuleId::new("deserialization.php_object");
const PICKLE: RuleId = RuleId::new("deserialization.pickle");
const YAML: RuleId = RuleId::new("deserialization.yaml_tag");
const NET: RuleId = RuleId::new("deserialization.net_stream");
const TYPE: RuleId = RuleId::new("deserialization.type_member");
const NODE: RuleId = RuleId::new("deserialization.node_function");
const RUBY: RuleId = RuleId::new("deserialization.ruby_marshal");
const XML: RuleId = RuleId::new("deserialization.xml_object");

const TRIGGERS: &[Trigger] = &[
    // Java: 0xACED0005 in base64, in hexadecimal, raw, as Latin-1 in UTF-8, and as U+FFFD.
    Trigger::new("ro0a"),
    Trigger::new("ced0"),
    Trigger::new("\\xac\\xed\\0\\x05"),
    Trigger::new("[\\xc3\\xbf][\\xad\\xbd]\\0\\x05"),
    // PHP: O:4:"Name":1:{
    Trigger::new("[oc]:[+\\d][\\d:]"),
    // The same in base64.
    Trigger::new("tzo[w-z0-5]"),
    Trigger::new("yto[w-z0-5]"),
    // Pickle: protocols 2 to 5 in base64 and raw, protocol 0 as text and in base64.
    Trigger::new("ga[jnrvmiqusw][j9ov]"),
    Trigger::new("\\x80[\\x02\\x03\\x04\\x05][\\x95c}(\\]]"),
    Trigger::new("[ci]os[\\n\\\\]"),
    Trigger::new("six[\\n\\\\]"),
    Trigger::new("[ci]sub"),
    Trigger::new("ltin"),
    Trigger::new("y[123][9bnj][zvf1]"),
    // YAML: !!python/, !!javax., !!com., !!org., !!js/; !ruby/, !php/
    Trigger::new("!![pjco][yaors]"),
    Trigger::new("![rp][uh][bp]"),
    // .NET: AAEAAAD///// is a BinaryFormatter header.
    Trigger::new("d///"),
    // A view state that holds a BinaryFormatter stream (0xFF 0x01 0x32).
    Trigger::new("/wey"),
    // "$type", "@type", "@class", "py/object", "py/reduce"
    Trigger::new("[\\x24@]typ"),
    Trigger::new("@cla"),
    // "__type", as .NET's JavaScriptSerializer has it; not GraphQL's "__typename".
    Trigger::new("__ty"),
    Trigger::new("py/[or]"),
    // Jackson's ["com.sun.X", {..}]: com., org., net., sun., qos.; java., javax.
    Trigger::new("[cnosq][oreu][mgtns]\\."),
    Trigger::new("ava[.x]"),
    Trigger::new("\\x24\\x24nd"),
    // "json_class"; "^o" of Ruby's Oj; the type arguments of a .NET generic.
    Trigger::new("n_cl"),
    Trigger::new("\\^o\\W"),
    Trigger::new("\\[\\[sy"),
    // Ruby: 0x0408 and an object, a user-marshalled object or an array.
    Trigger::new("bah[vub]"),
    Trigger::new("\\x04\\x08[oueci\\[]"),
    Trigger::new("<[so][ob][rj]"),
    Trigger::new("<dyn"),
    Trigger::new("<jav"),
    // XStream names elements after classes: <jdk., <com., <sun., <org.
    Trigger::new("<[jcso][dour][kmng]"),
    // tag:yaml.org,2002:python/, tag:yaml.org,2002:js/
    Trigger::new("2:[pj][ys]"),
];

fn context(bytes: &[u8], at: usize) -> bool {
    let rest = bytes.get(at..).unwrap_or_default();
    let before = at.checked_sub(1).and_then(|i| bytes.get(i));
    let goes_on = |name: &[u8]| goes_on(rest, name);
    match rest {
        [b'r', b'O', b'0', b'A', ..] => true,
        [b'c' | b'C', b'e' | b'E', ..] => {
            goes_on(b"ced0005") && matches!(before, Some(b'a' | b'A'))
        }
        [b'O' | b'C', b':', ..] => {
            let n = rest
                .iter()
                .skip(2)
                .take(8)
                .take_while(|b| b.is_ascii_digit() || **b == b'+')
                .count();
            !before.is_some_and(u8::is_ascii_alphanumeric)
                && matches!(rest.get(n + 2), Some(b':' | b'%' | b'&' | b'\\'))
        }
        [b'g', b'A', ..] | [b'B', b'A', b'h', ..] => !is_base64(before),
        [b'Y', b'1'..=b'3', ..]
        | [b'T', b'z', b'o', ..]
        | [b'Y', b'T', b'o', ..]
        | [b'/', b'w', b'E', b'y', ..] => !is_base64(before),
        [b'c' | b'i', b's', b'u', ..] => goes_on(b"csubprocess") || goes_on(b"isubprocess"),
        [b'c' | b'i', b'o', b's', ..] | [b's' | b'S', b'i' | b'I', b'x' | b'X', ..] => {
            // A module's line, then a function's.
            let tail = rest.get(3..).unwrap_or_default();
            let skip = if tail.first() == Some(&b'\n') { 1 } else { 2 };
            tail.get(skip)
                .is_none_or(|b| b.is_ascii_lowercase() || matches!(b, b'%' | b'_'))
        }
        [b'l', b't', b'i', b'n', ..] => {
            matches!(rest.get(4), None | Some(b's' | b'_' | b'%' | b'\n' | b'\\'))
        }
        [b'!', b'!', ..] => [
            b"!!python/".as_slice(),
            b"!!java",
            b"!!com.",
            b"!!org.",
            b"!!ch.",
            b"!!js/",
        ]
        .iter()
        .any(|n| goes_on(n)),
        [b'!', ..] => goes_on(b"!ruby/") || goes_on(b"!php/"),
        [b'2', ..] => goes_on(b"2:python/") || goes_on(b"2:js/"),
        [b'D', b'/', ..] => matches!(before, Some(b'A' | b'%' | b'\\')),
        [b'$' | b'@', b't' | b'T', ..] => goes_on(b"@type") || goes_on(b"$type"),
        [b'@', ..] => goes_on(b"@class"),
        [b'_', ..] => goes_on(b"__type") && !rest.get(6).is_some_and(u8::is_ascii_alphabetic),
        [b'n' | b'N', b'_', ..] => {
            let head = bytes.get(at.saturating_sub(3)..at).unwrap_or_default();
            head.eq_ignore_ascii_case(b"jso") && goes_on(b"n_class")
        }
        [b'^', ..] => matches!(rest.get(2), None | Some(b'"' | b'\\' | b'%' | b'&')),
        [b'[', b'[', ..] => goes_on(b"[[System."),
        [b'p' | b'P', ..] => goes_on(b"py/object") || goes_on(b"py/reduce"),
        [_, _, _, b'.', ..] | [b'a' | b'A', b'v' | b'V', ..] => {
            class::element(bytes, at).is_some_and(|start| class::is_java_gadget(&bytes[start..]))
        }
        [b'<', ..] => [
            b"<sorted-set".as_slice(),
            b"<object",
            b"<dynamic-proxy",
            b"<java",
            b"<jdk.",
            b"<com.",
            b"<sun.",
            b"<org.",
        ]
        .iter()
        .any(|n| goes_on(n)),
        [0x80 | 4 | 0xac | 0xc3 | 0xbf | b'$', ..] => true,
        _ => false,
    }
}

/// Whether `rest` begins with `name`, or does until an encoding sets in.
fn goes_on(rest: &[u8], name: &[u8]) -> bool {
    for (a, b) in rest.iter().zip(name) {
        match a {
            b'\\' | b'%' | b'&' => return true,
            a if a.eq_ignore_ascii_case(b) => {}
            _ => return false,
        }
    }
    true
}

fn is_base64(byte: Option<&u8>) -> bool {
    byte.is_some_and(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/'))
}

fn confirm(text: &Text<'_>, at: usize, effort: &mut Effort) -> Option<Match> {
    if !effort.spend(64) {
        return None;
    }
    let rest = text.bytes.get(at..)?;
    let rest = rest.get(..rest.len().min(512)).unwrap_or_default();
    let found = |rule, length: usize| {
        Some(Match {
            rule,
            span: at..at + length.min(rest.len()),
        })
    };
    match rest {
        // The header and a first element's tag, 0x70 to 0x7e.
        [b'r', b'O', b'0', ..] => rest.starts_with(b"rO0ABX").then(|| found(JAVA, 6))?,
        [b'c' | b'C', b'e' | b'E', ..] => {
            let head = text.bytes.get(at.checked_sub(1)?..at + 7)?;
            let tag = matches!(rest.get(7), None | Some(b'7'));
            let before = at.checked_sub(2).and_then(|i| text.bytes.get(i));
            let begins = before.is_none_or(|b| !b.is_ascii_hexdigit());
            (head.eq_ignore_ascii_case(b"aced0005") && tag && begins).then(|| Match {
                rule: JAVA,
                span: at - 1..at + 7,
            })
        }
        [0xac | 0xc3 | 0xbf, _, 0, 5, ..] => found(JAVA, 4),
        [b'O' | b'C', b':', ..] => php(text.bytes, at).and_then(|length| found(PHP, length)),
        [b'g', b'A', ..] | [b'Y', b'1'..=b'3', ..] => {
            if !effort.spend(rest.len())
                || is_base64(at.checked_sub(1).and_then(|i| text.bytes.get(i)))
            {
                return None;
            }
            let mut program = [0; 384];
            let length = from_base64(rest, &mut program);
            pickle::is_dangerous(program.get(..length)?).then(|| found(PICKLE, rest.len()))?
        }
        [b'T', b'z', b'o', ..] | [b'Y', b'T', b'o', ..] => {
            let mut object = [0; 384];
            let length = from_base64(rest, &mut object);
            let object = object.get(..length)?;
            let at = object.windows(2).position(|w| w == b"O:")?;
            (php(object, at).is_some() && effort.spend(rest.len()))
                .then(|| found(PHP, rest.len()))?
        }
        [b'/', b'w', b'E', b'y', data @ ..] => {
            let run = data
                .iter()
                .take_while(|b| is_base64(Some(b)) || **b == b'=')
                .count();
            (run >= 32).then(|| found(NET, 4 + run))?
        }
        [0x80, ..] => (effort.spend(rest.len()) && pickle::is_dangerous(rest))
            .then(|| found(PICKLE, rest.len()))?,
        [b'c' | b'i', b'o' | b's', ..] | [b's' | b'S', b'i' | b'I', ..] | [b'l', b't', ..] => {
            pickle_text(text.bytes, at)
        }
        [b'n' | b'N', b'_', ..] => ruby_class(text, at.checked_sub(3)?, b"json_class"),
        [b'^', ..] => ruby_class(text, at, b"^o"),
        [b'[', b'[', name @ ..] => class::is_net_gadget(name).then(|| found(TYPE, 9))?,
        [b'!' | b'2', ..] => yaml(rest).and_then(|length| found(YAML, length)),
        [b'D', b'/', ..] => {
            let start = at.checked_sub(6)?;
            let header = b"AAEAAAD/////";
            (text.bytes.get(start..)?.starts_with(header)).then(|| Match {
                rule: NET,
                span: start..start + header.len(),
            })
        }
        [b'$' | b'@', b't' | b'T' | b'c' | b'C', ..]
        | [b'_', b'_', ..]
        | [b'p' | b'P', b'y' | b'Y', ..] => type_member(text, at),
        [_, _, _, b'.', ..] | [b'a' | b'A', b'v' | b'V', ..] => class_array(text, at),
        [b'$', b'$', ..] => rest.starts_with(b"$$ND_FUNC$$_").then(|| found(NODE, 12))?,
        // Symbols of a class: `o:`, `U:`, or an array of one of them.
        [b'B', b'A', b'h', kind, next, ..] => {
            let object = matches!((kind, next), (b'v' | b'V', b'O' | b'o'));
            let array = *kind == b'b' && rest.get(6) == Some(&b'M');
            let before = at.checked_sub(1).and_then(|i| text.bytes.get(i));
            ((object || array) && !is_base64(before)).then(|| found(RUBY, 6))?
        }
        [4, 8, kind, next, ..] => {
            let object = matches!((kind, next), (b'o' | b'U' | b'e' | b'c', b':' | 6..=40));
            let array = *kind == b'[' && matches!(rest.get(4), Some(b'c' | b'o' | b'U'));
            (object || array).then(|| found(RUBY, 4))?
        }
        [b'<', ..] => {
            // `List<java.io.File>` is a type in a program.
            let before = at.checked_sub(1).and_then(|i| text.bytes.get(i));
            if before.is_some_and(u8::is_ascii_alphanumeric) {
                return None;
            }
            xml(rest).and_then(|length| found(XML, length))
        }
        _ => None,
    }
}

/// `cos\nsystem\n`, `ios\nsystem\n`: GLOBAL and INST of protocol 0, found by their module. Breaks
/// may be spelled out, where a program's text was quoted once more.
fn pickle_text(bytes: &[u8], at: usize) -> Option<Match> {
    let is_name = |b: &&u8| b.is_ascii_alphanumeric() || **b == b'_';
    let head = bytes.get(..at)?;
    let back = head.iter().rev().take(16).take_while(is_name).count();
    // The letter of a spelled out break is none of the name's.
    let cut = usize::from(back > 0 && head.len() > back && head.get(at - back - 1) == Some(&b'\\'));
    let start = at - back + cut;
    let (module, end) = name_line(bytes, start)?;
    let module = module
        .strip_prefix(b"c")
        .or_else(|| module.strip_prefix(b"i"))?;
    let (name, _) = name_line(bytes, end)?;
    pickle::is_risky(module, name).then_some(Match {
        rule: PICKLE,
        span: start..end + name.len(),
    })
}

/// A name of Python, dots included, that ends its line; also where the next line begins.
fn name_line(bytes: &[u8], from: usize) -> Option<(&[u8], usize)> {
    let rest = bytes.get(from..)?;
    let length = rest
        .iter()
        .take(24)
        .take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.'))
        .count();
    let (name, rest) = rest.split_at(length);
    let escapes = rest.iter().take(4).take_while(|b| **b == b'\\').count();
    let ends = match rest.get(escapes) {
        Some(b'\n') => escapes == 0,
        Some(b'n') => escapes > 0,
        _ => false,
    };
    ends.then_some((name, from + length + escapes + 1))
}

/// `"json_class": "Gem::Installer"`, `"^o": "Gem::Installer"`: the class that Ruby's JSON additions
/// and Oj build. Those that hold data (`Range`, `Set`) are in no module.
fn ruby_class(text: &Text<'_>, start: usize, key: &[u8]) -> Option<Match> {
    let end = start + key.len();
    let written = text.bytes.get(start..end)?;
    let after = match text.place {
        Place::Key(after) if end == text.bytes.len() => after,
        _ => text.bytes.get(end..)?,
    };
    let class = class::value_after(after)?;
    let length = class
        .iter()
        .take(64)
        .take_while(|b| b.is_ascii_alphanumeric() || **b == b':')
        .count();
    let nested = memchr::memmem::find(class.get(..length)?, b"::").is_some();
    (written.eq_ignore_ascii_case(key) && nested).then_some(Match {
        rule: TYPE,
        span: start..end,
    })
}

/// `["com.sun.X", {..}]`: an array of two, of which the first names the class to build and the second
/// is what it is built from, as Jackson's default typing has it; not a list of classes.
fn class_array(text: &Text<'_>, at: usize) -> Option<Match> {
    let start = class::element(text.bytes, at)?;
    let name = text.bytes.get(start..)?;
    let end = class::name_end(name);
    let after = match text.place {
        Place::First(after) if start == 0 && end == name.len() => after,
        _ if start > 0 => class::behind_quote(name.get(end..)?)?,
        _ => return None,
    };
    (class::is_java_gadget(name) && class::is_built_from(after)).then(|| Match {
        rule: TYPE,
        span: start..start + end,
    })
}

/// A member that names the type to build: `"@type": "com.sun..."`, `"$type": "System..."`.
fn type_member(text: &Text<'_>, at: usize) -> Option<Match> {
    let bytes = text.bytes;
    let rest = bytes.get(at..)?;
    let name = rest
        .iter()
        .skip(1)
        .take_while(|b| b.is_ascii_alphabetic() || matches!(b, b'/' | b'_'))
        .count()
        + 1;
    let key = rest.get(..name)?;
    let after = match text.place {
        Place::Key(after) if name == rest.len() => after,
        _ => rest.get(name..)?,
    };
    let is = |wanted: &[u8]| key.eq_ignore_ascii_case(wanted);
    if is(b"py/reduce") {
        return Some(Match {
            rule: TYPE,
            span: at..at + name,
        });
    }
    let value = class::value_after(after)?;
    // No writer of JSON escapes letters; readers all undo it.
    let hidden = matches!(value, [b'\\', b'u' | b'x', ..]);
    let hostile = if is(b"$type") || is(b"__type") {
        class::is_net_gadget(value)
    } else if is(b"py/object") {
        let dot = value.iter().rposition(|b| *b == b'.')?;
        let (module, name) = value.split_at(dot);
        pickle::is_risky(module, name.get(1..)?)
    } else if is(b"@type") || is(b"@class") {
        class::is_java_gadget(value)
    } else {
        return None;
    };
    (hostile || hidden).then(|| Match {
        rule: TYPE,
        span: at..at + name,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::exercise::{exercise, rule_of};

    #[test]
    fn attacks_differ_from_their_siblings() {
        for (input, rule) in [
            ("rO0ABXNy", "deserialization.java_stream"),
            ("rO0tes", ""),
            ("O:1:\"A\":0:{}", "deserialization.php_object"),
            ("a:1:{i:0;i:1;}", ""),
            ("cos\nsystem\n(S'id'\ntR.", "deserialization.pickle"),
            ("discos\nsystem\n", ""),
            (
                "!!python/object/apply:os.system []",
                "deserialization.yaml_tag",
            ),
            ("!!python/tuple [1]", ""),
            ("{\"@type\":\"com.sun.X\"}", "deserialization.type_member"),
            ("{\"@type\":\"Person\"}", ""),
        ] {
            let found = rule_of(&RULES, input.as_bytes());
            assert_eq!(found.unwrap_or_default(), rule, "{input}");
        }
    }

    #[test]
    fn any_bytes_are_survived() {
        let pieces: &[&[u8]] = &[
            b"rO0ABX",
            b"aced0005",
            b"\xac\xed\0\x05",
            b"O:4:\"Name\":1:{",
            b"O:",
            b"4",
            b":",
            b"\"",
            b"\\",
            b"{",
            b"gASV",
            b"gANj",
            b"cos\nsystem\n",
            b"cposix\n",
            b"system\n",
            b"builtins\n",
            b"c",
            b"!!python/object/apply:os",
            b"!!javax.script.X",
            b"AAEAAAD/////",
            b"$type",
            b"@type",
            b"\":\"",
            b"com.sun.X",
            b"[\"com.sun.X\",",
            b"_$$ND_FUNC$$_",
            b"BAhvOg",
            b"\x04\x08o:",
            b"<java",
            b" class=\"java.beans.XMLDecoder\"",
            b">",
            b"py/object",
            b"\x80\x03",
            b"\x8c\x05posix",
            b"\x93",
            b"Y3Bvc2l4CnN5c3RlbQ",
        ];
        exercise(&RULES, pieces);
    }
}
