//! Decisions with real sockets on loopback: each refusal beside what is let through.
#![allow(unsafe_code, reason = "the program's side: raw calls")]

use std::boxed::Box;
use std::io::Read as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, TcpListener, UdpSocket};
use std::os::fd::{FromRawFd as _, OwnedFd};
use std::sync::Mutex;
use std::time::Duration;
use std::vec::Vec;
use std::{format, string::String, vec};

use guard_core::policy::Policy;

use super::*;
use crate::shared::{Outcome, Redirect, Ring, RingReader, SealedWriter, Settings, TmpUse};
use crate::{Children, Local, after as continue_after, decide as decide_call, sys};

mod local;
mod races;
mod redirect;

const SOCKET: usize = if cfg!(target_arch = "x86_64") {
    41
} else {
    198
};
const CONNECT: usize = if cfg!(target_arch = "x86_64") {
    42
} else {
    203
};
const SENDTO: usize = if cfg!(target_arch = "x86_64") {
    44
} else {
    206
};
const SENDMSG: usize = if cfg!(target_arch = "x86_64") {
    46
} else {
    211
};
const SENDMMSG: usize = if cfg!(target_arch = "x86_64") {
    307
} else {
    269
};
const SETSOCKOPT: usize = if cfg!(target_arch = "x86_64") {
    54
} else {
    208
};

const NONBLOCK: usize = 0o4000;

/// A program under guard: its regions, and who reads its records.
struct World {
    process: Process<'static>,
    writer: SealedWriter<'static>,
    reader: Mutex<RingReader<'static>>,
}

impl World {
    fn new(variables: &[(&str, &str)], redirects: &[Redirect]) -> &'static Self {
        let policy = Policy::from_vars(|name| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).into())
        });
        let image = policy.unwrap().compile();
        let words = |bytes: usize| -> &'static [core::sync::atomic::AtomicU64] {
            let words: Vec<_> = (0..bytes / 8).map(|_| 0.into()).collect();
            Box::leak(words.into_boxed_slice())
        };
        let settings = Settings {
            tmp: TmpUse::Keep,
            extension: 1,
            redirects,
        };
        let sealed = words(SealedWriter::size(image.len(), 256));
        let writer = SealedWriter::create(sealed, &image, 256, &settings).unwrap();
        let ring = Ring::create(words(Ring::size(1024, 4)), 1024, 4).unwrap();
        let process = Process {
            acts_for: None,
            policy: writer.view().policy().unwrap(),
            sealed: writer.view(),
            ring,
            local: Box::leak(Box::new(Local::new())),
            children: Children::new(b"", b"", b""),
            program: b"",
        };
        Box::leak(Box::new(Self {
            process,
            writer,
            reader: Mutex::new(ring.reader()),
        }))
    }

    fn enforcing(allow: &str) -> &'static Self {
        Self::new(
            &[("GUARD_MODE", "enforce"), ("GUARD_EGRESS_ALLOW", allow)],
            &[],
        )
    }

    fn learn(&self, ip: &str, name: &str) {
        assert!(
            self.writer
                .learn(ip.parse().unwrap(), name.as_bytes(), u64::MAX, 0)
        );
    }

    /// Makes a call as a patched site does.
    fn call(&self, number: usize, args: &[usize]) -> isize {
        let mut scratch = Box::new(Scratch::new());
        self.call_in(&mut scratch, number, args)
    }

    fn call_in(&self, scratch: &mut Scratch, number: usize, args: &[usize]) -> isize {
        let mut all = [0; 6];
        all[..args.len()].copy_from_slice(args);
        let call = Call { number, args: all };
        let mut making = match decide_call(&self.process, &call, scratch) {
            Answer::Proceed => return raw(&call),
            Answer::Return(result) => return result,
            Answer::Instead(other) => other,
        };
        loop {
            let result = raw(&making);
            match continue_after(&self.process, &call, scratch, result) {
                Next::Done(result) => return result,
                Next::Again(other) => making = other,
            }
        }
    }

    /// Records since the last time: outcome, text, address and port.
    fn records(&self) -> Vec<String> {
        let mut records = Vec::new();
        let _ = self.reader.lock().unwrap().drain(|record| {
            let outcome = match record.outcome {
                Outcome::Denied => "denied",
                Outcome::Used => "used",
                Outcome::Would => "would",
            };
            let text = String::from_utf8_lossy(record.text).replace('\0', "@");
            let text = match record.address {
                Some(ip) if text.is_empty() => format!("{ip}"),
                _ => text,
            };
            let (kind, port, protocol) = (record.kind, record.port, record.protocol);
            records.push(format!("{outcome} {kind:?} {text} {port} {protocol}"));
        });
        records
    }
}

fn raw(call: &Call) -> isize {
    // SAFETY: the pointers lead to memory of the tests that is alive, or to none at all.
    unsafe { sys::syscall(call.number, call.args) }
}

fn socket(family: usize, kind: usize) -> OwnedFd {
    let call = Call {
        number: SOCKET,
        args: [family, kind, 0, 0, 0, 0],
    };
    let fd = i32::try_from(raw(&call)).unwrap();
    assert!(fd >= 0, "socket: {fd}");
    // SAFETY: it was opened just now.
    unsafe { OwnedFd::from_raw_fd(fd) }
}

fn number(fd: &impl std::os::fd::AsRawFd) -> usize {
    usize::try_from(fd.as_raw_fd()).unwrap()
}

fn v4(ip: &str, port: u16) -> Vec<u8> {
    let ip: Ipv4Addr = ip.parse().unwrap();
    let mut bytes = vec![2, 0];
    bytes.extend(port.to_be_bytes());
    bytes.extend(ip.octets());
    bytes.extend([0; 8]);
    bytes
}

fn v6(ip: &str, port: u16) -> Vec<u8> {
    let ip: Ipv6Addr = ip.parse().unwrap();
    let mut bytes = vec![10, 0];
    bytes.extend(port.to_be_bytes());
    bytes.extend([0; 4]);
    bytes.extend(ip.octets());
    bytes.extend([0; 4]);
    bytes
}

fn at<T>(bytes: &[T]) -> usize {
    bytes.as_ptr().expose_provenance()
}

const REFUSED: isize = -111;
const IN_PROGRESS: isize = -115;

fn port(listener: &TcpListener) -> u16 {
    listener.local_addr().unwrap().port()
}

/// A header with one piece of data, as `struct mmsghdr` begins with.
fn header(name: &[u8], data: &[[usize; 2]], control: &[u8]) -> [usize; 8] {
    let name_at = if name.is_empty() { 0 } else { at(name) };
    let control_at = if control.is_empty() { 0 } else { at(control) };
    [
        name_at,
        name.len(),
        at(data),
        data.len(),
        control_at,
        control.len(),
        0,
        0,
    ]
}

#[test]
fn tcp_goes_where_the_policy_says_in_every_spelling() {
    let allowed = TcpListener::bind("127.0.0.1:0").unwrap();
    let denied = TcpListener::bind("127.0.0.1:0").unwrap();
    let named = TcpListener::bind("127.0.0.2:0").unwrap();
    let (a, d, n) = (port(&allowed), port(&denied), port(&named));
    let world = World::enforcing(&format!(
        "127.0.0.1:{a},api.example:{n},127.0.0.1:9,[::1]:{a}"
    ));
    world.learn("127.0.0.2", "api.example");
    world.learn("127.0.0.3", "other.example");
    let denial = |text: &str, port: u16| format!("denied Address {text} {port} 6");
    let cases = [
        (2, v4("127.0.0.1", a), 0, String::new()),
        (2, v4("127.0.0.1", d), REFUSED, denial("127.0.0.1", d)),
        // The unspecified address is loopback.
        (2, v4("0.0.0.0", a), 0, String::new()),
        (2, v4("0.0.0.0", d), REFUSED, denial("127.0.0.1", d)),
        (10, v6("::ffff:127.0.0.1", a), 0, String::new()),
        (
            10,
            v6("::ffff:127.0.0.1", d),
            REFUSED,
            denial("127.0.0.1", d),
        ),
        (10, v6("::", d), REFUSED, denial("::1", d)),
        (10, v6("::1", d), REFUSED, denial("::1", d)),
        // Allowed, and refused by the kernel itself.
        (2, v4("127.0.0.1", 9), REFUSED, String::new()),
        // By name.
        (2, v4("127.0.0.2", n), 0, String::new()),
        (
            2,
            v4("127.0.0.2", d),
            REFUSED,
            format!("denied Host api.example {d} 6"),
        ),
        (
            2,
            v4("127.0.0.3", n),
            REFUSED,
            format!("denied Host other.example {n} 6"),
        ),
        (2, v4("127.0.0.4", n), REFUSED, denial("127.0.0.4", n)),
        // What the kernel finds wrong is not a matter of policy: EINVAL, EAFNOSUPPORT.
        (2, v4("127.0.0.1", d)[..12].to_vec(), -22, String::new()),
        (10, v4("127.0.0.1", a), -22, String::new()),
        (2, v6("::1", a), -97, String::new()),
    ];
    for (family, address, wanted, record) in cases {
        for flags in [0, NONBLOCK] {
            let client = socket(family, 1 | flags);
            let args = [number(&client), at(&address), address.len()];
            let found = world.call(CONNECT, &args);
            let wanted = match wanted {
                // What goes on may need a moment.
                0 if flags != 0 => found,
                REFUSED if flags != 0 && record.is_empty() => found,
                wanted => wanted,
            };
            assert_eq!(found, wanted, "{address:?}");
            assert!(wanted <= 0 && (flags != 0 || wanted != IN_PROGRESS));
            let records = world.records();
            assert_eq!(records.join(","), record, "{address:?}");
        }
    }
    // The kernel's int has 32 bits: what stands above is no length.
    let client = socket(2, 1);
    let address = v4("127.0.0.1", d);
    let args = [number(&client), at(&address), 1 << 32 | 16];
    assert_eq!(world.call(CONNECT, &args), REFUSED);
    // Addresses that are nowhere, and descriptors that are none.
    assert_eq!(world.call(CONNECT, &[number(&client), 8, 16]), -14);
    assert_eq!(world.call(CONNECT, &[9999, at(&address), 16]), -9);
    assert!(denied.set_nonblocking(true).is_ok() && denied.accept().is_err());
}

#[test]
fn datagrams_go_where_the_policy_says_by_every_call() {
    let allowed = UdpSocket::bind("127.0.0.1:0").unwrap();
    let denied = UdpSocket::bind("127.0.0.1:0").unwrap();
    let (a, d) = (
        allowed.local_addr().unwrap().port(),
        denied.local_addr().unwrap().port(),
    );
    let world = World::enforcing(&format!("udp:127.0.0.1:{a},127.0.0.1:{d}"));
    let mut unspecified = v4("127.0.0.1", d);
    unspecified[0] = 0;
    let data = *b"data";
    let iov = [[at(&data), 4]];
    let cases = [
        (2, v4("127.0.0.1", a), 4),
        (2, v4("127.0.0.1", d), -13),
        (2, unspecified, -13),
        (10, v6("::ffff:127.0.0.1", a), 4),
        (10, v6("::ffff:127.0.0.1", d), -13),
        // An IPv4 destination on an IPv6 socket.
        (10, v4("127.0.0.1", a), 4),
        (10, v4("127.0.0.1", d), -13),
    ];
    for (family, address, wanted) in cases {
        let client = socket(family, 2);
        let fd = number(&client);
        let args = [fd, at(&data), 4, 0, at(&address), address.len()];
        assert_eq!(world.call(SENDTO, &args), wanted, "{address:?}");
        let message = [header(&address, &iov, b"")];
        assert_eq!(world.call(SENDMSG, &[fd, at(&message), 0]), wanted);
        let one = if wanted > 0 { 1 } else { wanted };
        assert_eq!(world.call(SENDMMSG, &[fd, at(&message), 1, 0]), one);
        let denials = world.records().len();
        assert_eq!(denials, if wanted < 0 { 3 } else { 0 });
    }
    // What comes before a refused message is sent, and its length told.
    let client = socket(2, 2);
    let (good, bad) = (v4("127.0.0.1", a), v4("127.0.0.1", d));
    let many = [
        header(&good, &iov, b""),
        header(&good, &iov, b""),
        header(&bad, &iov, b""),
        header(&good, &iov, b""),
    ];
    assert_eq!(world.call(SENDMMSG, &[number(&client), at(&many), 4, 0]), 2);
    assert_eq!(many.map(|entry| entry[7]), [4, 4, 0, 0]);
    allowed.set_nonblocking(true).unwrap();
    denied.set_nonblocking(true).unwrap();
    let count = |socket: &UdpSocket| {
        (0..)
            .take_while(|_| socket.recv(&mut [0; 9]).is_ok())
            .count()
    };
    assert_eq!((count(&allowed), count(&denied)), (3 * 3 + 2, 0));
}

/// The kernel does not look at it.
#[test]
fn an_address_beside_data_on_a_stream_does_not_matter() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let world = World::enforcing(&format!("127.0.0.1:{}", port(&listener)));
    let client = socket(2, 1);
    let fd = number(&client);
    let address = v4("127.0.0.1", port(&listener));
    assert_eq!(world.call(CONNECT, &[fd, at(&address), 16]), 0);
    let elsewhere = v4("127.0.0.9", 9);
    let data = *b"data";
    let iov = [[at(&data), 4]];
    let message = [header(&elsewhere, &iov, b"")];
    let args = [fd, at(&data), 4, 0, at(&elsewhere), 16];
    assert_eq!(world.call(SENDTO, &args), 4);
    assert_eq!(world.call(SENDMSG, &[fd, at(&message), 0]), 4);
    assert_eq!(world.call(SENDMMSG, &[fd, at(&message), 1, 0]), 1);
    drop(client);
    let mut read = String::new();
    let (mut accepted, _) = listener.accept().unwrap();
    accepted.read_to_string(&mut read).unwrap();
    assert_eq!(read, "datadatadata");
    assert!(world.records().is_empty());
}

#[test]
fn fast_open_is_a_connection() {
    let denied = TcpListener::bind("127.0.0.1:0").unwrap();
    let allowed = TcpListener::bind("127.0.0.1:0").unwrap();
    let world = World::enforcing(&format!("127.0.0.1:{}", port(&allowed)));
    let data = *b"data";
    for (listener, wanted) in [(&denied, REFUSED), (&allowed, 4)] {
        let address = v4("127.0.0.1", port(listener));
        for is_message in [false, true] {
            let client = socket(2, 1);
            let iov = [[at(&data), 4]];
            let message = [header(&address, &iov, b"")];
            let found = if is_message {
                world.call(SENDMSG, &[number(&client), at(&message), MSG_FASTOPEN])
            } else {
                let args = [
                    number(&client),
                    at(&data),
                    4,
                    MSG_FASTOPEN,
                    at(&address),
                    16,
                ];
                world.call(SENDTO, &args)
            };
            // -95: the kernel has it switched off.
            assert!(found == wanted || (wanted == 4 && found == -95), "{found}");
        }
    }
    denied.set_nonblocking(true).unwrap();
    assert!(denied.accept().is_err());
}

/// glibc connects datagram sockets to learn which source address the kernel chooses.
#[test]
fn asking_for_a_source_address_works_and_sends_nothing() {
    let server = UdpSocket::bind("127.0.0.2:0").unwrap();
    let port = server.local_addr().unwrap().port();
    let world = World::enforcing(&format!("api.example:{port}"));
    world.learn("127.0.0.2", "api.example");
    let client = socket(2, 2);
    let fd = number(&client);
    let address = v4("127.0.0.2", port);
    assert_eq!(world.call(CONNECT, &[fd, at(&address), 16]), 0);
    let local = UdpSocket::from(client);
    assert_eq!(
        local.local_addr().unwrap().ip(),
        "127.0.0.1".parse::<IpAddr>().unwrap()
    );
    assert!(world.records().is_empty());
    // A call that is not looked at.
    assert_eq!(local.send(b"leak").unwrap_err().raw_os_error(), Some(32));
    let data = *b"leak";
    assert_eq!(world.call(SENDTO, &[fd, at(&data), 4, 0, 0, 0]), REFUSED);
    let iov = [[at(&data), 4]];
    let message = [header(b"", &iov, b"")];
    assert_eq!(world.call(SENDMSG, &[fd, at(&message), 0]), REFUSED);
    let wanted = format!("denied Host api.example {port} 17");
    assert_eq!(world.records(), [wanted.clone(), wanted]);
    // Nothing is known of that one: it is refused at once.
    let stranger = socket(2, 2);
    let address = v4("127.0.0.9", port);
    assert_eq!(
        world.call(CONNECT, &[number(&stranger), at(&address), 16]),
        REFUSED
    );
    server.set_nonblocking(true).unwrap();
    assert!(server.recv(&mut [0; 9]).is_err());
    server.set_nonblocking(false).unwrap();
    // Where nothing is refused, asking is no use of the name.
    let monitoring = World::new(
        &[("GUARD_MODE", "monitor"), ("GUARD_EGRESS_ALLOW", "")],
        &[],
    );
    let learning = World::new(&[("GUARD_MODE", "enforce")], &[]);
    for (world, wanted) in [(monitoring, "would"), (learning, "used")] {
        world.learn("127.0.0.2", "api.example");
        let client = socket(2, 2);
        let fd = number(&client);
        let address = v4("127.0.0.2", port);
        assert_eq!(world.call(CONNECT, &[fd, at(&address), 16]), 0);
        assert!(world.records().is_empty());
        for _ in 0..2 {
            assert_eq!(world.call(SENDTO, &[fd, at(&data), 4, 0, 0, 0]), 4);
            assert_eq!(server.recv(&mut [0; 9]).unwrap(), 4);
        }
        let record = format!("{wanted} Host api.example {port} 17");
        assert_eq!(world.records(), [record]);
    }
    // With a rule for datagrams it is a connection as any other.
    let world = World::enforcing(&format!("udp:api.example:{port}"));
    world.learn("127.0.0.2", "api.example");
    let client = socket(2, 2);
    let address = v4("127.0.0.2", port);
    assert_eq!(world.call(CONNECT, &[number(&client), at(&address), 16]), 0);
    assert_eq!(
        world.call(SENDTO, &[number(&client), at(&data), 4, 0, 0, 0]),
        4
    );
}

#[test]
fn kinds_of_sockets_that_policies_do_not_know_are_not_made() {
    let world = World::enforcing("127.0.0.1");
    // Family, type, protocol; the upper half of an argument does not count.
    let cases = [
        ([1, 1, 0], 0),
        ([1, 2, 0], 0),
        ([1, 5 | NONBLOCK, 0], 0),
        ([2, 1, 0], 0),
        ([2, 1 | NONBLOCK, 6], 0),
        ([10, 2, 17], 0),
        ([16, 3, 0], 0),
        ([2, 3, 1], -1),
        ([2, 2, 1], -93),
        ([2, 1, 132], -93),
        ([2, 1, 262], -93),
        ([2, 2, 136], -93),
        ([16, 3, 15], -93),
        ([17, 3, 0x300], -97),
        ([38, 5, 0], -97),
        ([40, 1, 0], -97),
        ([1 << 32 | 17, 3, 0x300], -97),
        ([1 << 32 | 2, 1 << 40 | 3, 1], -1),
    ];
    for (args, wanted) in cases {
        let found = world.call(SOCKET, &args);
        assert_eq!(found.min(0), wanted, "{args:?}");
        assert_eq!(world.records().len(), usize::from(wanted != 0));
        if let Ok(fd) = i32::try_from(found)
            && fd >= 0
        {
            // SAFETY: it was opened just now.
            drop(unsafe { OwnedFd::from_raw_fd(fd) });
        }
    }
}

#[test]
fn source_routes_are_refused() {
    let server = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = server.local_addr().unwrap().port();
    let world = World::enforcing(&format!("udp:127.0.0.1:{port}"));
    let client = socket(2, 2);
    let fd = number(&client);
    // Loose source route through 127.0.0.5 (RFC 791).
    let route = [131_u8, 7, 4, 127, 0, 0, 5, 0];
    let options = [
        ([0, 4], 8, -1),
        ([1 << 32, 1 << 32 | 4], 8, -1),
        ([0, 4], 0, 0),
        ([41, 57], 8, -1),
        ([41, 5], 8, -1),
        ([41, 6], 8, -1),
        // A flow's name with a routing header behind it.
        ([41, 32], 56, -1),
        ([6, 19], 4, -1),
        // Time to live.
        ([0, 2], 4, 0),
    ];
    let four = 64_u32.to_ne_bytes();
    for ([level, option], length, wanted) in options {
        let value = if length == 4 { at(&four) } else { at(&route) };
        let found = world.call(SETSOCKOPT, &[fd, level, option, value, length]);
        assert_eq!(found, wanted, "{level} {option}");
    }
    let address = v4("127.0.0.1", port);
    let data = *b"data";
    let iov = [[at(&data), 4]];
    let control = |level: u32, kind: u32, data: &[u8]| {
        let mut bytes = (16 + data.len()).to_ne_bytes().to_vec();
        bytes.extend(level.to_ne_bytes());
        bytes.extend(kind.to_ne_bytes());
        bytes.extend(data);
        bytes.resize(bytes.len().next_multiple_of(8), 0);
        bytes
    };
    // Time to live, then the route.
    let ttl = control(0, 2, &four);
    let routed = [ttl.clone(), control(0, 7, &route)].concat();
    let six = control(41, 57, &route);
    for (control, wanted) in [(&ttl, 4), (&routed, -1), (&six, -1)] {
        let message = [header(&address, &iov, control)];
        assert_eq!(world.call(SENDMSG, &[fd, at(&message), 0]), wanted);
        let one = if wanted > 0 { 1 } else { wanted };
        assert_eq!(world.call(SENDMMSG, &[fd, at(&message), 1, 0]), one);
    }
    let large = vec![0; 4096];
    let message = [header(&address, &iov, &large)];
    assert_eq!(world.call(SENDMSG, &[fd, at(&message), 0]), -105);
}

#[test]
fn without_a_rule_and_in_monitor_mode_everything_goes_on() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = port(&listener);
    let address = v4("127.0.0.1", port);
    let monitoring = World::new(
        &[("GUARD_MODE", "monitor"), ("GUARD_EGRESS_ALLOW", "")],
        &[],
    );
    let learning = World::new(&[("GUARD_MODE", "enforce")], &[]);
    let off = World::new(&[("GUARD_MODE", "off"), ("GUARD_EGRESS_ALLOW", "")], &[]);
    for (world, wanted) in [(monitoring, "would"), (learning, "used"), (off, "")] {
        world.learn("127.0.0.1", "api.example");
        for _ in 0..2 {
            let client = socket(2, 1);
            assert_eq!(world.call(CONNECT, &[number(&client), at(&address), 16]), 0);
        }
        let found = world.records();
        let record = format!("{wanted} Host api.example {port} 6");
        match wanted {
            "would" => assert_eq!(found, [record.clone(), record]),
            // Once.
            "used" => assert_eq!(found, [record]),
            _ => assert!(found.is_empty()),
        }
    }
}
