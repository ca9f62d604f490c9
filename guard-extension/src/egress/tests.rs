//! The forwarder between a client and an authoritative server, all three on loopback.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::sync::Mutex;
use std::sync::mpsc;
use std::thread;
use std::time::Instant;

use guard_core::policy::CompiledPolicy;

use super::*;
use crate::wire::dns::{Answer, Code, Name, Query, RecordType, question};

/// Records of the zone that is served: name, type, data in hexadecimal or as a name.
const ZONE: &[(&str, RecordType, &str)] = &[
    ("api.example", RecordType::A, "c000020a"),
    (
        "api.example",
        RecordType::AAAA,
        "20010db8000000000000000000000010",
    ),
    ("api.example", RecordType::HTTPS, "000100"),
    ("www.example", RecordType::CNAME, "edge.cdn.test"),
    ("edge.cdn.test", RecordType::A, "c000020b"),
    // Beside the question: no server of a resolver would say so, an attacker's would.
    ("www.example", RecordType(0xffff), "other.test"),
    ("other.test", RecordType::A, "c0000242"),
    ("loop.example", RecordType::CNAME, "loop.example"),
    ("home.example", RecordType::A, "7f000001"),
    ("mixed.example", RecordType::A, "0a000001"),
    ("mixed.example", RecordType::A, "c000020c"),
    ("listed.example", RecordType::A, "0a090001"),
    ("db.eu-west-1.rds.amazonaws.com", RecordType::A, "0a000007"),
    (
        "meta.eu-west-1.rds.amazonaws.com",
        RecordType::A,
        "a9fea9fe",
    ),
    (
        "six.example",
        RecordType::AAAA,
        "0064ff9b0000000000000000a9fea9fe",
    ),
    ("mail.example", RecordType::TXT, "0568656c6c6f"),
];

/// What a query was answered with and learned from.
#[derive(Debug, Default)]
struct Told {
    learned: Vec<(String, String)>,
    records: Vec<String>,
}

struct Outside(Mutex<Told>);

impl Outlet for Outside {
    fn learn(&self, address: IpAddr, name: &str, holds: Option<Duration>) {
        assert!(holds.is_none_or(|holds| holds >= TTL_FLOOR + GRACE));
        let mut told = self.0.lock().unwrap();
        told.learned.push((address.to_string(), name.to_owned()));
    }

    fn record(&self, lookup: &Lookup<'_>) {
        let entry = lookup.entry().unwrap_or_default();
        let line = format!("{:?} {} {entry}", lookup.outcome, lookup.name);
        self.0.lock().unwrap().records.push(line);
    }
}

/// Everything that a test talks to.
struct Net {
    forwarder: SocketAddr,
    outside: Arc<Outside>,
    /// Queries that the server got.
    asked: mpsc::Receiver<Vec<u8>>,
}

impl Net {
    fn new(variables: &[(&str, &str)]) -> Self {
        let (server, asked) = serve();
        let find = |name: &str| variables.iter().find(|(known, _)| *known == name);
        let policy =
            guard_core::Policy::from_vars(|name| find(name).map(|(_, v)| (*v).to_owned())).unwrap();
        let image: &'static [u8] = policy.compile().leak();
        let rules = Rules::new(&policy, CompiledPolicy::from_bytes(image).unwrap());
        let outside = Arc::new(Outside(Mutex::default()));
        let resolvers = match policy.dns() {
            Some([]) => Resolvers::of(&policy, "nameserver 192.0.2.53\n"),
            _ => Resolvers::new("nameserver 192.0.2.53\n", Some(&[server])),
        };
        let hosts = Hosts::new("127.0.0.1 localhost\n");
        let shared = Arc::clone(&outside);
        let (tell, told) = mpsc::channel();
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                let forwarder = Forwarder::bind(&resolvers).await.unwrap();
                let redirects = forwarder.redirects().unwrap();
                forwarder.serve(rules, &hosts, shared);
                tell.send(redirects).unwrap();
                std::future::pending::<()>().await;
            });
        });
        let redirects = told.recv().unwrap();
        assert_eq!(redirects[0].0, "192.0.2.53:53".parse().unwrap());
        Self {
            forwarder: SocketAddr::from((Ipv4Addr::LOCALHOST, redirects[0].1)),
            outside,
            asked,
        }
    }

    fn enforcing(allow: &str) -> Self {
        Self::new(&[("GUARD_MODE", "enforce"), ("GUARD_EGRESS_ALLOW", allow)])
    }

    fn udp(&self, message: &[u8]) -> Vec<u8> {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket
            .set_read_timeout(Some(Duration::from_secs(10)))
            .unwrap();
        socket.send_to(message, self.forwarder).unwrap();
        let mut buffer = vec![0; 65_535];
        let (length, _) = socket.recv_from(&mut buffer).unwrap();
        buffer.truncate(length);
        buffer
    }

    /// Code and data of the answer to a question, over UDP.
    fn ask(&self, name: &str, kind: RecordType) -> String {
        told(&self.udp(&asking(name, kind)), name, kind)
    }

    fn told(&self) -> Told {
        std::mem::take(&mut *self.outside.0.lock().unwrap())
    }

    fn asked(&self) -> Vec<String> {
        let queries = self.asked.try_iter();
        queries
            .map(|query| Query::parse(&query).unwrap().name.to_string())
            .collect()
    }
}

mod clients;

const ID: u16 = 0x1234;

fn asking(name: &str, kind: RecordType) -> Vec<u8> {
    question(ID, &Name::from_host(name.as_bytes()).unwrap(), kind)
}

fn told(message: &[u8], name: &str, kind: RecordType) -> String {
    let name = Name::from_host(name.as_bytes()).unwrap();
    let answer = Answer::parse(message, ID, &name, kind).unwrap();
    let mut out = format!("{}", answer.code.0);
    if answer.is_truncated {
        out.push_str(" cut");
    }
    for record in answer.answers() {
        let what = record.address().map(|ip| ip.to_string());
        let what = what.or_else(|| record.alias().map(|name| name.to_string()));
        out.push(' ');
        out.push_str(&what.unwrap_or_else(|| format!("type{}", record.kind.0)));
    }
    out
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}

/// What the server says, from its zone and by what some names make it do.
fn reply(message: &[u8], is_tcp: bool) -> Vec<Vec<u8>> {
    let query = Query::parse(message).unwrap();
    let host = query.name.host().unwrap();
    let mut records = Vec::new();
    let mut owner = host.clone();
    if host == "many.example" {
        for last in 0..60 {
            records.push((host.clone(), RecordType::A, vec![192, 0, 2, last]));
        }
    }
    for _ in 0..3 {
        let mut next = None;
        for (name, kind, data) in ZONE.iter().filter(|(name, ..)| *name == owner) {
            let is_alias = *kind == RecordType::CNAME;
            if is_alias {
                next = Some((*data).to_owned());
                let target = Name::from_host(data.as_bytes()).unwrap();
                records.push(((*name).to_owned(), *kind, target.wire().to_vec()));
            } else if kind.0 == 0xffff {
                let (_, _, stray) = ZONE.iter().find(|(name, ..)| name == data).unwrap();
                records.push(((*data).to_owned(), RecordType::A, unhex(stray)));
            } else if *kind == query.kind {
                records.push(((*name).to_owned(), *kind, unhex(data)));
            }
        }
        match next {
            Some(next) => owner = next,
            None => break,
        }
    }
    let is_known = !records.is_empty() || ZONE.iter().any(|(name, ..)| *name == host);
    let flags: u16 = if is_known { 0x8180 } else { 0x8183 };
    let mut out = message[..2].to_vec();
    let cut = !is_tcp && records.len() > 20;
    let flags = if cut { flags | 0x0200 } else { flags };
    let count = if cut {
        0
    } else {
        u16::try_from(records.len()).unwrap()
    };
    for field in [flags, 1, count, 0, 0] {
        out.extend(field.to_be_bytes());
    }
    out.extend(&message[12..]);
    for (name, kind, data) in records.iter().take(usize::from(count)) {
        out.extend(Name::from_host(name.as_bytes()).unwrap().wire());
        out.extend(kind.0.to_be_bytes());
        out.extend([0, 1, 0, 0, 0, 5]);
        out.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
        out.extend(data);
    }
    match host.as_str() {
        "silent.example" => vec![],
        "broken.example" => {
            out[3] = 0x85;
            vec![out]
        }
        // Wrong number, wrong question, no answer at all, then the answer.
        "spoofed.example" => {
            let mut number = out.clone();
            number[0] ^= 1;
            let mut asked = out.clone();
            asked[14] ^= 1;
            let wrong = [number, asked, message.to_vec(), vec![0; 3]];
            wrong.into_iter().chain([out]).collect()
        }
        _ => vec![out],
    }
}

/// An authoritative server; its address, and what it is asked.
fn serve() -> (SocketAddr, mpsc::Receiver<Vec<u8>>) {
    let (sender, receiver) = mpsc::channel();
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = udp.local_addr().unwrap();
    let tcp = TcpListener::bind(address).unwrap();
    let over_tcp = sender.clone();
    thread::spawn(move || {
        let mut buffer = vec![0; 65_535];
        while let Ok((length, from)) = udp.recv_from(&mut buffer) {
            let _ = sender.send(buffer[..length].to_vec());
            for reply in reply(&buffer[..length], false) {
                udp.send_to(&reply, from).unwrap();
            }
        }
    });
    thread::spawn(move || {
        while let Ok((mut client, _)) = tcp.accept() {
            let message = read_one(&mut client);
            let _ = over_tcp.send(message.clone());
            for reply in reply(&message, true) {
                write_one(&mut client, &reply);
            }
        }
    });
    (address, receiver)
}

fn read_one(stream: &mut TcpStream) -> Vec<u8> {
    let mut length = [0; 2];
    stream.read_exact(&mut length).unwrap();
    let mut message = vec![0; usize::from(u16::from_be_bytes(length))];
    stream.read_exact(&mut message).unwrap();
    message
}

fn write_one(stream: &mut TcpStream, message: &[u8]) {
    let length = u16::try_from(message.len()).unwrap().to_be_bytes();
    stream.write_all(&[&length, message].concat()).unwrap();
}

#[test]
fn only_allowed_names_are_asked_for() {
    let net = Net::enforcing("api.example,www.example,*.sub.example");
    assert_eq!(
        net.told().learned,
        [("127.0.0.1".to_owned(), "localhost".to_owned())]
    );
    let cases = [
        ("api.example", RecordType::A, "0 192.0.2.10"),
        ("API.Example", RecordType::AAAA, "0 2001:db8::10"),
        ("www.example", RecordType::A, "0 edge.cdn.test 192.0.2.11"),
        // Denied, although it is there.
        ("mail.example", RecordType::A, "3"),
        ("mail.example", RecordType::TXT, "3"),
        ("10.2.0.192.in-addr.arpa", RecordType::PTR, "3"),
        ("example", RecordType::A, "3"),
        ("sub.example", RecordType::A, "3"),
        ("api.example.search.test", RecordType::A, "3"),
        // Allowed, and not there.
        ("a.sub.example", RecordType::A, "3"),
        // There, and has none of that.
        ("api.example", RecordType::MX, "0"),
        // Hints of addresses that nobody learned.
        ("api.example", RecordType::HTTPS, "0"),
        ("api.example", RecordType::SVCB, "0"),
        ("api.example", RecordType(255), "0"),
    ];
    for (name, kind, wanted) in cases {
        assert_eq!(net.ask(name, kind), wanted, "{name} {kind:?}");
    }
    assert_eq!(
        net.asked(),
        [
            "api.example",
            "api.example",
            "www.example",
            "a.sub.example",
            "api.example"
        ]
    );
    let told = net.told();
    let learned: Vec<_> = told
        .learned
        .iter()
        .map(|(ip, n)| format!("{ip} {n}"))
        .collect();
    assert_eq!(
        learned,
        [
            "192.0.2.10 api.example",
            "2001:db8::10 api.example",
            "192.0.2.11 www.example"
        ]
    );
    // Once each.
    assert_eq!(
        told.records,
        [
            "Denied mail.example mail.example",
            "Denied 10.2.0.192.in-addr.arpa 10.2.0.192.in-addr.arpa",
            "Denied example example",
            "Denied sub.example sub.example",
            "Denied api.example.search.test api.example.search.test"
        ]
    );
}

#[test]
fn a_query_carries_nothing_beside_its_question() {
    let net = Net::enforcing("api.example");
    let mut message = asking("aPi.eXample", RecordType::A);
    message[2..4].copy_from_slice(&0x0130_u16.to_be_bytes());
    message[13] = b'A';
    message[11] = 1;
    message.extend(b"\0\0\x29\x10\0\0\0\x80\0\0\x0a\0\x0a\0\x06secretmore");
    let reply = net.udp(&message);
    assert_eq!(told(&reply, "api.example", RecordType::A), "0 192.0.2.10");
    // The question as it was asked, for those that compare.
    assert_eq!(reply[12..26], message[12..26]);
    let asked = net.asked.recv().unwrap();
    assert_eq!(asked[2..], asking("api.example", RecordType::A)[2..]);
    assert_ne!(asked[..2], message[..2]);
    // What is no query is not passed on, and answered if it can be.
    for (mut message, code) in [
        (asking("api.example", RecordType::A), 4),
        (asking("api.example", RecordType::A), 1),
    ] {
        if code == 4 {
            message[2] = 0x28;
        } else {
            message[5] = 2;
        }
        assert_eq!(net.udp(&message)[3] & 0xf, code);
    }
    assert!(net.asked().is_empty());
}

#[test]
fn names_do_not_lead_home() {
    let allow = "home.example,mixed.example,listed.example,six.example,loop.example,\
                 *.rds.amazonaws.com,meta.eu-west-1.rds.amazonaws.com,10.9.0.0/16:5432";
    let net = Net::enforcing(allow);
    let cases = [
        ("home.example", RecordType::A, "3"),
        ("mixed.example", RecordType::A, "0 192.0.2.12"),
        ("listed.example", RecordType::A, "0 10.9.0.1"),
        // In AWS's zones private addresses are what is meant, those of the machine are not.
        (
            "db.eu-west-1.rds.amazonaws.com",
            RecordType::A,
            "0 10.0.0.7",
        ),
        ("meta.eu-west-1.rds.amazonaws.com", RecordType::A, "3"),
        ("six.example", RecordType::AAAA, "3"),
        (
            "loop.example",
            RecordType::A,
            "0 loop.example loop.example loop.example",
        ),
    ];
    for (name, kind, wanted) in cases {
        assert_eq!(net.ask(name, kind), wanted, "{name}");
    }
    let told = net.told();
    assert_eq!(
        told.records,
        [
            "Denied home.example 127.0.0.1",
            "Denied mixed.example 10.0.0.1",
            "Denied meta.eu-west-1.rds.amazonaws.com 169.254.169.254",
            "Denied six.example 64:ff9b::a9fe:a9fe"
        ]
    );
    let learned: Vec<_> = told.learned.iter().map(|(ip, _)| ip.as_str()).collect();
    assert_eq!(learned, ["127.0.0.1", "192.0.2.12", "10.9.0.1", "10.0.0.7"]);
}

#[test]
fn large_answers_come_over_tcp() {
    let net = Net::enforcing("many.example,api.example");
    let cut = net.ask("many.example", RecordType::A);
    assert!(
        cut.starts_with("0 cut 192.0.2.0 ") && cut.len() < 480,
        "{cut}"
    );
    // A client with room gets it at once.
    let mut message = asking("many.example", RecordType::A);
    message[11] = 1;
    message.extend(b"\0\0\x29\x10\0\0\0\0\0\0\0");
    let whole = told(&net.udp(&message), "many.example", RecordType::A);
    assert_eq!(whole.split(' ').count(), 61);
    let mut stream = TcpStream::connect(net.forwarder).unwrap();
    // Two in one segment, and again after the answers.
    let first = asking("many.example", RecordType::A);
    let second = asking("api.example", RecordType::A);
    let framed = |message: &[u8]| {
        let length = u16::try_from(message.len()).unwrap().to_be_bytes();
        [&length, message].concat()
    };
    stream
        .write_all(&[framed(&first), framed(&second)].concat())
        .unwrap();
    assert_eq!(
        told(&read_one(&mut stream), "many.example", RecordType::A),
        whole
    );
    assert_eq!(
        told(&read_one(&mut stream), "api.example", RecordType::A),
        "0 192.0.2.10"
    );
    write_one(&mut stream, &second);
    assert_eq!(
        told(&read_one(&mut stream), "api.example", RecordType::A),
        "0 192.0.2.10"
    );
    // What is no query ends the connection.
    write_one(&mut stream, b"GET / HTTP/1.1\r\n\r\n");
    let refused = read_one(&mut stream);
    assert_ne!(refused[3] & 0xf, 0);
}

#[test]
fn answers_are_taken_from_the_resolver_only() {
    let net = Net::enforcing("spoofed.example,broken.example,silent.example");
    assert_eq!(net.ask("spoofed.example", RecordType::A), "3");
    // REFUSED is not passed on: musl would ask again for five seconds.
    assert_eq!(net.ask("broken.example", RecordType::A), "2");
    let start = Instant::now();
    assert_eq!(net.ask("silent.example", RecordType::A), "2");
    assert!(start.elapsed() < Duration::from_secs(5));
    assert_eq!(
        net.asked(),
        [
            "spoofed.example",
            "broken.example",
            "silent.example",
            "silent.example"
        ]
    );
}

#[test]
fn a_wildcard_is_no_tunnel() {
    let net = Net::enforcing("*.sub.example,one.sub.example");
    let long = format!("{}.{}.sub.example", "a".repeat(50), "b".repeat(50));
    let deep = "a.b.c.d.e.f.g.sub.example";
    let bucket = format!("{}.sub.example", "c".repeat(63));
    for (name, is_asked) in [(long.as_str(), false), (deep, false), (&bucket, true)] {
        assert_eq!(net.ask(name, RecordType::A), "3");
        assert_eq!(net.asked().len(), usize::from(is_asked), "{name}");
    }
    let names = (0..200).map(|index| format!("n{index}.sub.example"));
    for name in names {
        let _ = net.ask(&name, RecordType::A);
    }
    let asked = net.asked().len();
    assert!((60..80).contains(&asked), "{asked}");
    // Those that were asked for, and those that the policy names, can be asked for again.
    for name in ["n0.sub.example", "one.sub.example"] {
        let _ = net.ask(name, RecordType::AAAA);
        assert_eq!(net.asked(), [name]);
    }
    let told = net.told();
    assert!(told.records.contains(&format!("Denied {long} {long}")));
}

#[test]
fn in_monitor_mode_messages_pass_as_they_are() {
    let monitoring = Net::new(&[
        ("GUARD_MODE", "monitor"),
        ("GUARD_EGRESS_ALLOW", "api.example"),
    ]);
    let learning = Net::new(&[("GUARD_MODE", "enforce")]);
    for (net, outcome) in [(&monitoring, "Would"), (&learning, "Used")] {
        assert_eq!(net.ask("www.example", RecordType::A).split(' ').count(), 4);
        assert_eq!(net.ask("api.example", RecordType::HTTPS), "0 type65");
        assert_eq!(net.ask("home.example", RecordType::A), "0 127.0.0.1");
        let mut odd = asking("api.example", RecordType::A);
        odd.extend(b"more");
        let reply = net.udp(&odd);
        assert_eq!(reply[..2], ID.to_be_bytes());
        let told = net.told();
        let has = |record: &str| told.records.iter().any(|told| told == record);
        assert!(
            has(&format!("{outcome} www.example www.example")),
            "{told:?}"
        );
        assert_eq!(has("Used api.example api.example"), outcome == "Used");
        assert_eq!(has("Would home.example 127.0.0.1"), outcome == "Would");
        let learned = ("192.0.2.11".to_owned(), "www.example".to_owned());
        assert!(told.learned.contains(&learned));
        // The stray record is handed on and not learned.
        assert!(!told.learned.iter().any(|(ip, _)| ip == "192.0.2.66"));
        // Queries pass whole.
        assert!(net.asked.try_iter().any(|query| query.ends_with(b"more")));
    }
}

#[test]
fn without_a_resolver_there_are_no_names() {
    let variables = [
        ("GUARD_MODE", "enforce"),
        ("GUARD_EGRESS_ALLOW", "api.example"),
        ("GUARD_DNS", ""),
    ];
    let net = Net::new(&variables);
    assert_eq!(net.ask("api.example", RecordType::A), "3");
    assert_eq!(net.told().records, ["Denied api.example "]);
    assert!(net.asked().is_empty());
}

#[test]
fn more_queries_than_are_answered_at_a_time_wait() {
    let net = Net::enforcing("api.example");
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket
        .set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    // A few at a time, as the buffer of the client's socket holds few answers.
    let mut answered = 0;
    for _ in 0..10 {
        for _ in 0..IN_FLIGHT {
            socket
                .send_to(&asking("api.example", RecordType::A), net.forwarder)
                .unwrap();
        }
        for _ in 0..IN_FLIGHT {
            let mut buffer = [0; 512];
            let length = socket.recv(&mut buffer).unwrap();
            let said = told(&buffer[..length], "api.example", RecordType::A);
            assert_eq!(said, "0 192.0.2.10");
            answered += 1;
        }
    }
    assert_eq!(answered, 10 * IN_FLIGHT);
    assert_eq!(Code::OK.0, 0);
}
