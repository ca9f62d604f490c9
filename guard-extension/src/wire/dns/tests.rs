use std::fmt::Write as _;
use std::path::Path;

use proptest::prelude::*;

use super::*;

/// Name reading as RFC 1035 describes it, with nothing in mind but the answer: labels are collected
/// until the root, pointers followed as long as they lead back.
fn naive(message: &[u8], start: usize) -> Option<(Vec<Vec<u8>>, usize)> {
    let mut labels = Vec::new();
    let mut at = start;
    let mut floor = start;
    let mut end = None;
    loop {
        let octet = *message.get(at)? as usize;
        if octet == 0 {
            let octets: usize = labels.iter().map(|label: &Vec<u8>| label.len() + 1).sum();
            return (octets < 255).then_some((labels, end.unwrap_or(at + 1)));
        } else if octet < 64 {
            labels.push(message.get(at + 1..at + 1 + octet)?.to_vec());
            at += 1 + octet;
        } else if octet >= 192 {
            let to = (octet - 192) * 256 + *message.get(at + 1)? as usize;
            end = end.or(Some(at + 2));
            if to >= floor {
                return None;
            }
            at = to;
            floor = to;
        } else {
            return None;
        }
        if labels.len() > 300 {
            return None;
        }
    }
}

/// Octets that look like parts of messages.
fn octets() -> impl Strategy<Value = Vec<u8>> {
    let part = prop_oneof![
        4 => proptest::collection::vec(any::<u8>(), 1..6),
        4 => proptest::collection::vec(b'a'..=b'c', 1..70).prop_map(|label| {
            let mut out = vec![u8::try_from(label.len()).unwrap()];
            out.extend(label);
            out
        }),
        2 => (0_u16..300).prop_map(|to| (to | 0xc000).to_be_bytes().to_vec()),
        2 => Just(vec![0]),
    ];
    proptest::collection::vec(part, 0..24).prop_map(|parts| parts.concat())
}

fn query(name: &str, kind: RecordType) -> Query {
    Query {
        id: 7,
        name: Name::from_host(name.as_bytes()).unwrap(),
        kind,
        recursion_desired: true,
        edns: None,
    }
}

/// What a message says, for people.
fn told(message: &[u8]) -> String {
    let mut out = String::new();
    match Query::parse(message) {
        Ok(query) => {
            writeln!(
                out,
                "query {} {} edns={:?}",
                query.name, query.kind.0, query.edns
            )
            .unwrap();
            return out;
        }
        Err(Malformed::Unrelated) => {}
        Err(error) => {
            writeln!(out, "no query: {error:?}").unwrap();
            return out;
        }
    }
    let Some((name, at)) = Name::plain(message, HEADER) else {
        out.push_str("no answer: Format\n");
        return out;
    };
    let kind = RecordType(short(message, at).unwrap_or_default());
    match Answer::parse(message, short(message, 0).unwrap(), &name, kind) {
        Ok(answer) => {
            let cut = if answer.is_truncated {
                " truncated"
            } else {
                ""
            };
            writeln!(out, "answer {name} {} code={}{cut}", kind.0, answer.code.0).unwrap();
            let sections = [("an", answer.answers()), ("ns", answer.authorities())];
            for (section, records) in sections {
                for record in records {
                    let mut data = Vec::new();
                    let is_known = record.write_data(&mut data).is_some();
                    let text: String = data.iter().map(|b| format!("{b:02x}")).collect();
                    let text = if is_known { text.as_str() } else { "dropped" };
                    let (owner, kind, ttl) = (record.owner, record.kind.0, record.ttl);
                    writeln!(out, "  {section} {owner} {kind} {ttl} {text}").unwrap();
                }
            }
        }
        Err(error) => writeln!(out, "no answer: {error:?}").unwrap(),
    }
    out
}

/// Each message of the wire fixtures beside what it says. `GUARD_BLESS=1` writes the latter anew.
#[test]
fn messages_say_what_stands_beside_them() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data/wire/dns");
    let mut seen = 0;
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "bin") {
            continue;
        }
        let found = told(&std::fs::read(&path).unwrap());
        let beside = path.with_extension("txt");
        if std::env::var_os("GUARD_BLESS").is_some() {
            std::fs::write(&beside, &found).unwrap();
        }
        let wanted = std::fs::read_to_string(&beside).unwrap();
        assert_eq!(found, wanted, "{}", path.display());
        seen += 1;
    }
    assert!(seen >= 20, "{seen} messages");
}

#[test]
fn hosts_are_names_of_host_characters_only() {
    let name = |wire: &[u8]| Name::plain(wire, 0).map(|(name, _)| name);
    assert_eq!(
        name(b"\x03API\x07example\x03com\0")
            .unwrap()
            .host()
            .unwrap(),
        "api.example.com"
    );
    // One label with a dot in it is not two labels.
    let dotted = name(b"\x0bexample.com\0").unwrap();
    assert_eq!(dotted.host(), None);
    assert_eq!(dotted.to_string(), "example\\.com");
    assert_eq!(Name::ROOT.host(), None);
    assert_eq!(name(b"\x01\xff\0").unwrap().to_string(), "\\255");
    assert!(Name::from_host(b"a..b").is_none() && Name::from_host(b"").is_none());
    assert!(Name::from_host(&[b'a'; 64]).is_none());
    assert_eq!(
        Name::from_host(b"Example.COM.").unwrap(),
        Name::from_host(b"example.com").unwrap()
    );
    let longest = [[b'a'; 63]; 3].join(&b'.');
    let fits = [longest.clone(), vec![b'b'; 61]].join(&b'.');
    let over = [longest, vec![b'b'; 62]].join(&b'.');
    assert!(Name::from_host(&fits).is_some() && Name::from_host(&over).is_none());
}

#[test]
fn a_question_sent_on_carries_nothing_but_itself() {
    let mut message = question(
        0x1234,
        &query("a.example", RecordType::A).name,
        RecordType::A,
    );
    // What a client may have put around it.
    message[2..4].copy_from_slice(&0x0130_u16.to_be_bytes());
    message[13] = b'A';
    message[11] = 2;
    message.extend_from_slice(b"\0\0\x29\x10\0\0\0\x80\0\0\x04\xff\xff\0\0secret");
    let read = Query::parse(&message).unwrap();
    assert_eq!(read.edns, Some(4096));
    assert_eq!(
        question(1, &read.name, read.kind),
        b"\0\x01\x01\0\0\x01\0\0\0\0\0\0\x01a\x07example\0\0\x01\0\x01"
    );
}

#[test]
fn a_reply_that_does_not_fit_says_so_and_holds_no_record() {
    let query = query("many.example", RecordType::A);
    let mut message = Vec::new();
    message.extend_from_slice(b"\0\x07\x81\x80\0\x01\0\x40\0\0\0\0");
    message.extend_from_slice(query.name.wire());
    message.extend_from_slice(b"\0\x01\0\x01");
    for last in 0..0x40 {
        message.extend_from_slice(b"\xc0\x0c\0\x01\0\x01\0\0\0\x3c\0\x04\x0a\0\0");
        message.push(last);
    }
    let answer = Answer::parse(&message, 7, &query.name, query.kind).unwrap();
    let reply = |limit| {
        let mut reply = Reply::new(&query, Code::OK, limit);
        answer.answers().for_each(|record| reply.answer(&record));
        reply.finish()
    };
    // As compressed as it came.
    assert_eq!(reply(LONGEST), message);
    let cut = reply(PLAIN_UDP);
    let read = Answer::parse(&cut, 7, &query.name, query.kind).unwrap();
    assert!(read.is_truncated && read.answers().next().is_none());
    assert!(cut.len() < PLAIN_UDP);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..Default::default() })]

    #[test]
    fn names_read_as_the_naive_reading_does(message in octets(), start in 0_usize..40) {
        let found = Name::parse(&message, start);
        let wanted = naive(&message, start);
        let found = found.map(|(name, end)| {
            (name.labels().map(<[u8]>::to_vec).collect::<Vec<_>>(), end)
        });
        prop_assert_eq!(found, wanted);
    }

    #[test]
    fn what_is_written_reads_the_same(mut message in octets(), edns in any::<bool>()) {
        let mut query = query("a.b.example", RecordType::CNAME);
        query.edns = edns.then_some(4096);
        let mut whole = b"\0\x07\x81\x80\0\x01\0\x05\0\x02\0\0".to_vec();
        whole.extend_from_slice(query.name.wire());
        whole.extend_from_slice(b"\0\x05\0\x01");
        whole.append(&mut message);
        let answer = Answer::parse(&whole, 7, &query.name, query.kind).unwrap();
        let mut reply = Reply::new(&query, answer.code, LONGEST);
        answer.answers().for_each(|record| reply.answer(&record));
        let out = reply.finish();
        let again = Answer::parse(&out, 7, &query.name, query.kind).unwrap();
        let data = |record: Record<'_>| {
            let mut data = Vec::new();
            record.write_data(&mut data)?;
            Some((record.owner, record.kind, record.ttl, data))
        };
        let kept: Vec<_> = answer.answers().filter_map(data).collect();
        let written: Vec<_> = again.answers().filter_map(data).collect();
        prop_assert_eq!(written, kept);
    }

    #[test]
    fn queries_of_any_octets_are_read_or_refused(message in proptest::collection::vec(any::<u8>(), 0..64)) {
        if let Ok(query) = Query::parse(&message) {
            let sent = question(query.id, &query.name, query.kind);
            let again = Query::parse(&sent).unwrap();
            prop_assert_eq!(again.name, query.name);
            prop_assert_eq!(again.kind, query.kind);
        }
    }
}
