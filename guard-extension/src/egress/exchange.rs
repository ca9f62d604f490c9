//! One query, from a program's message to its answer.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use super::upstream::{ask_tcp, ask_udp, number};
use super::{GRACE, Lookup, Outcome, Reason, Shared, TTL_CEILING, TTL_FLOOR};
use crate::wire::dns::{
    Answer, Code, HEADER, LONGEST, Malformed, Name, Query, Record, RecordType, Reply, question,
    refusal,
};

/// Most aliases that are followed from the question: resolvers themselves give up earlier.
const ALIASES: usize = 16;

/// Most records of an answer that are looked at. A datagram of 512 octets holds 31 addresses.
const RECORDS: usize = 256;

/// Answers a program's message; nothing when it is none that could be answered.
pub(super) async fn answer(
    shared: &Shared,
    upstream: Option<SocketAddr>,
    message: &[u8],
    is_tcp: bool,
) -> Option<Vec<u8>> {
    let now = Instant::now();
    let query = match Query::parse(message) {
        Ok(query) => query,
        Err(Malformed::Unrelated) => return None,
        Err(_) if !shared.rules.enforces() => {
            return relay(shared, upstream?, message, None, is_tcp).await;
        }
        Err(Malformed::NotImplemented) => return refusal(message, Code::NOT_IMPLEMENTED),
        Err(Malformed::Format) => return refusal(message, Code::FORMAT),
    };
    // Without one, no entry can allow it.
    let host = query.name.host();
    let reason = match &host {
        _ if upstream.is_none() && shared.rules.is_restricted() => Some(Reason::NoResolver),
        Some(host) => shared.rules.refuses(host, now),
        None if shared.rules.is_restricted() => Some(Reason::NotAllowed),
        None => None,
    };
    record(shared, &query.name, reason, now);
    let limit = if is_tcp { LONGEST } else { query.udp_limit() };
    if !shared.rules.enforces() {
        return match upstream {
            Some(upstream) => relay(shared, upstream, message, Some((&query, host)), is_tcp).await,
            None => Some(Reply::new(&query, Code::NO_NAME, limit).finish()),
        };
    }
    let (Some(host), Some(upstream), None) = (host, upstream, reason) else {
        return Some(Reply::new(&query, Code::NO_NAME, limit).finish());
    };
    if !query.kind.is_known() {
        // Among them SVCB and HTTPS, whose hints would be addresses that nobody learned; a client
        // takes the addresses of A and AAAA instead.
        return Some(Reply::new(&query, Code::OK, limit).finish());
    }
    match ask(upstream, &query.name, query.kind, is_tcp).await {
        Ok((id, answer)) => pass(shared, &query, &host, id, &answer, limit, now),
        Err(_) => Some(Reply::new(&query, Code::FAILED, limit).finish()),
    }
}

/// Asks for a name; the answer, and the number that it has.
async fn ask(
    upstream: SocketAddr,
    name: &Name,
    kind: RecordType,
    is_tcp: bool,
) -> io::Result<(u16, Vec<u8>)> {
    let id = number()?;
    let query = question(id, name, kind);
    let parse = |message: &[u8]| {
        Answer::parse(message, id, name, kind)
            .ok()
            .map(|a| a.is_truncated)
    };
    if !is_tcp {
        let answer = ask_udp(upstream, &query, |message| parse(message).is_some()).await?;
        if parse(&answer) == Some(false) {
            return Ok((id, answer));
        }
    }
    let answer = ask_tcp(upstream, &query, |message| parse(message).is_some()).await?;
    Ok((id, answer))
}

/// Hands an answer on, without what is not understood or may not be an answer.
fn pass(
    shared: &Shared,
    query: &Query,
    host: &str,
    id: u16,
    message: &[u8],
    limit: usize,
    now: Instant,
) -> Option<Vec<u8>> {
    let answer = Answer::parse(message, id, &query.name, query.kind).ok()?;
    let code = match answer.code {
        code @ (Code::OK | Code::NO_NAME) => code,
        // Not REFUSED: musl asks again until it gives up.
        _ => Code::FAILED,
    };
    let records: Vec<Record<'_>> = answer.answers().take(RECORDS).collect();
    let owners = chain(&query.name, &records);
    let mut reply = Reply::new(query, code, limit);
    let (mut passed, mut refused) = (0, 0);
    for record_of in &records {
        if !owners.contains(&record_of.owner) {
            continue;
        }
        if let Some(ip) = record_of.address() {
            if let Some(reason) = shared.rules.refuses_address(host, ip) {
                record(shared, &query.name, Some(reason), now);
                refused += 1;
                continue;
            }
            learn(shared, ip, host, record_of.ttl);
            passed += 1;
        }
        reply.answer(record_of);
    }
    if refused > 0 && passed == 0 {
        return Some(Reply::new(query, Code::NO_NAME, limit).finish());
    }
    if passed == 0 {
        // How long there is none.
        let soa = |record: &Record<'_>| record.kind == RecordType::SOA;
        for record in answer.authorities().take(RECORDS).filter(soa) {
            reply.authority(&record);
        }
    }
    Some(reply.finish())
}

/// The names that the question's is an alias of, itself first.
fn chain(name: &Name, records: &[Record<'_>]) -> Vec<Name> {
    let mut owners = vec![*name];
    while let Some(last) = owners.last().filter(|_| owners.len() <= ALIASES) {
        let next = records
            .iter()
            .filter(|record| record.owner == *last)
            .find_map(Record::alias);
        match next {
            Some(next) if !owners.contains(&next) => owners.push(next),
            _ => break,
        }
    }
    owners
}

/// Passes a message on as it is and the answer back, and learns from it what can be learned.
async fn relay(
    shared: &Shared,
    upstream: SocketAddr,
    message: &[u8],
    asked: Option<(&Query, Option<String>)>,
    is_tcp: bool,
) -> Option<Vec<u8>> {
    let id = number().ok()?.to_be_bytes();
    let own: [u8; 2] = *message.first_chunk()?;
    let mut query = message.to_vec();
    query.get_mut(..2)?.copy_from_slice(&id);
    // An answer to a query that could not be read cannot be compared with it.
    let fits = |answer: &[u8]| match asked.as_ref() {
        Some((query, _)) => {
            Answer::parse(answer, u16::from_be_bytes(id), &query.name, query.kind).is_ok()
                || (answer.len() >= HEADER && answer.starts_with(&id) && is_bare(answer))
        }
        None => answer.len() >= HEADER && answer.starts_with(&id),
    };
    let asking = if is_tcp {
        ask_tcp(upstream, &query, fits).await
    } else {
        ask_udp(upstream, &query, fits).await
    };
    let Ok(mut reply) = asking else {
        let (query, _) = asked?;
        return Some(Reply::new(query, Code::FAILED, LONGEST).finish());
    };
    if let Some((query, Some(host))) = &asked {
        observe(shared, query, host, u16::from_be_bytes(id), &reply);
    }
    reply.get_mut(..2)?.copy_from_slice(&own);
    Some(reply)
}

/// Whether an answer repeats no question, as some do that refuse.
fn is_bare(answer: &[u8]) -> bool {
    answer.get(2).is_some_and(|flags| flags >> 7 == 1) && answer.get(4..6) == Some(&[0, 0])
}

/// Learns from an answer that is passed on as it is.
fn observe(shared: &Shared, query: &Query, host: &str, id: u16, message: &[u8]) {
    let Ok(answer) = Answer::parse(message, id, &query.name, query.kind) else {
        return;
    };
    let records: Vec<Record<'_>> = answer.answers().take(RECORDS).collect();
    let owners = chain(&query.name, &records);
    for found in records.iter().filter(|found| owners.contains(&found.owner)) {
        let Some(ip) = found.address() else { continue };
        if let Some(reason) = shared.rules.refuses_address(host, ip) {
            record(shared, &query.name, Some(reason), Instant::now());
        }
        learn(shared, ip, host, found.ttl);
    }
}

fn learn(shared: &Shared, ip: IpAddr, host: &str, ttl: u32) {
    let ttl = Duration::from_secs(u64::from(ttl)).clamp(TTL_FLOOR, TTL_CEILING);
    shared.outlet.learn(ip, host, Some(ttl + GRACE));
}

/// Records a lookup, unless it is allowed or was recorded.
fn record(shared: &Shared, name: &Name, reason: Option<Reason>, now: Instant) {
    let rules = &shared.rules;
    let outcome = match reason {
        None if rules.is_restricted() => return,
        None => Outcome::Used,
        Some(_) if rules.enforces() => Outcome::Denied,
        Some(_) => Outcome::Would,
    };
    let text = name.host().unwrap_or_else(|| name.to_string());
    if rules.is_news(&text, reason, now) {
        shared.outlet.record(&Lookup {
            name: &text,
            outcome,
            reason,
        });
    }
}
