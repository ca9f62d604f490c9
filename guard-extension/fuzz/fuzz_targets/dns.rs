//! Any bytes as a DNS message: refused, or what is written of it reads the same, in no more octets
//! than were allowed.
#![no_main]

use guard_extension::wire::dns::{Answer, Code, Query, Reply, question};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(query) = Query::parse(data) {
        let sent = question(query.id, &query.name, query.kind);
        let again = Query::parse(&sent).expect("a question of ours is a query");
        assert_eq!((again.name, again.kind), (query.name, query.kind));
        assert!(sent.len() <= data.len());
        if let Some(host) = query.name.host() {
            assert_eq!(host.split('.').count(), query.name.labels().count());
        }
    }
    // An answer to whatever question it repeats.
    let mut asking = data.to_vec();
    let Some(head) = asking.get_mut(..12) else { return };
    head[2..].copy_from_slice(&[1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    let Ok(query) = Query::parse(&asking) else { return };
    let Ok(answer) = Answer::parse(data, query.id, &query.name, query.kind) else { return };
    for limit in [512, 1232, 65_535] {
        let mut reply = Reply::new(&query, Code(answer.code.0), limit);
        answer.answers().for_each(|record| reply.answer(&record));
        answer.authorities().for_each(|record| reply.authority(&record));
        let out = reply.finish();
        assert!(out.len() <= limit);
        let again = Answer::parse(&out, query.id, &query.name, query.kind).expect("a reply is an answer");
        assert!(again.is_truncated || again.answers().count() <= answer.answers().count());
    }
});
