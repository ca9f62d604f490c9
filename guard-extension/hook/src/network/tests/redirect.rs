//! Resolvers: queries reach the forwarder, answers come from the resolver.

use std::borrow::ToOwned as _;

use super::*;

const RECVFROM: usize = if cfg!(target_arch = "x86_64") {
    45
} else {
    207
};
const RECVMSG: usize = if cfg!(target_arch = "x86_64") {
    47
} else {
    212
};
const RECVMMSG: usize = if cfg!(target_arch = "x86_64") {
    299
} else {
    243
};
const GETPEERNAME: usize = if cfg!(target_arch = "x86_64") {
    52
} else {
    205
};

/// A forwarder that answers every datagram with itself, from its own address.
fn world(variables: &[(&str, &str)]) -> (&'static World, u16) {
    let forwarder = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = forwarder.local_addr().unwrap().port();
    std::thread::spawn(move || {
        let mut buffer = [0; 64];
        while let Ok((length, from)) = forwarder.recv_from(&mut buffer) {
            forwarder.send_to(&buffer[..length], from).unwrap();
        }
    });
    let redirect = |address: &str| Redirect {
        address: address.parse().unwrap(),
        port: 53,
        forwarder: port,
        is_resolver: true,
    };
    // The second would answer under the first's address; ports tell them apart in the field.
    let six = Redirect {
        forwarder: port,
        ..redirect("2001:db8::53")
    };
    (World::new(variables, &[redirect("192.0.2.53"), six]), port)
}

#[test]
fn what_is_sent_to_a_resolver_goes_to_the_forwarder_and_comes_back_from_the_resolver() {
    let enforcing: &[_] = &[("GUARD_MODE", "enforce"), ("GUARD_EGRESS_ALLOW", "")];
    let monitoring: &[_] = &[("GUARD_MODE", "monitor"), ("GUARD_EGRESS_ALLOW", "")];
    let learning: &[_] = &[("GUARD_MODE", "enforce")];
    for variables in [enforcing, monitoring, learning] {
        let (world, _) = world(variables);
        let four = v4("192.0.2.53", 53);
        let mapped = v6("::ffff:192.0.2.53", 53);
        for (family, address) in [(2, four), (10, mapped)] {
            for sending in ["sendto", "sendmsg", "sendmmsg", "connect"] {
                for receiving in ["recvfrom", "recvmsg", "recvmmsg"] {
                    round(world, family, &address, sending, receiving);
                }
            }
        }
        assert!(world.records().is_empty());
    }
}

fn round(world: &World, family: usize, address: &[u8], sending: &str, receiving: &str) {
    let client = socket(family, 2);
    let fd = number(&client);
    let data = *b"query";
    let iov = [[at(&data), 5]];
    let message = [header(address, &iov, b"")];
    let sent = match sending {
        "sendto" => world.call(SENDTO, &[fd, at(&data), 5, 0, at(address), address.len()]),
        "sendmsg" => world.call(SENDMSG, &[fd, at(&message), 0]),
        "sendmmsg" => 5 * world.call(SENDMMSG, &[fd, at(&message), 1, 0]),
        _ => {
            assert_eq!(world.call(CONNECT, &[fd, at(address), address.len()]), 0);
            let mut peer = vec![0_u8; 28];
            let mut length = [28_u32];
            let args = [
                fd,
                peer.as_mut_ptr().expose_provenance(),
                length.as_mut_ptr().expose_provenance(),
            ];
            assert_eq!(world.call(GETPEERNAME, &args), 0);
            assert_eq!(&peer[..address.len()], address);
            world.call(SENDTO, &[fd, at(&data), 5, 0, 0, 0])
        }
    };
    assert_eq!(sent, 5, "{sending}");
    let mut from = vec![0_u8; 28];
    let mut answer = [0_u8; 16];
    let answer_at = answer.as_mut_ptr().expose_provenance();
    let from_at = from.as_mut_ptr().expose_provenance();
    let mut length = [28_u32];
    let iov = [[answer_at, 16]];
    let mut entries = [[from_at, 28, at(&iov), 1, 0, 0, 0, 0]];
    let entries_at = entries.as_mut_ptr().expose_provenance();
    let received = match receiving {
        "recvfrom" => {
            let length_at = length.as_mut_ptr().expose_provenance();
            world.call(RECVFROM, &[fd, answer_at, 16, 0, from_at, length_at])
        }
        "recvmsg" => world.call(RECVMSG, &[fd, entries_at, 0]),
        _ => 5 * world.call(RECVMMSG, &[fd, entries_at, 1, 0, 0]),
    };
    assert_eq!(
        (received, &answer[..5]),
        (5, &b"query"[..]),
        "{sending} {receiving}"
    );
    assert_eq!(&from[..address.len()], address, "{sending} {receiving}");
}

#[test]
fn room_that_an_address_does_not_fit_in_is_not_written_beyond() {
    let (world, _) = world(&[("GUARD_MODE", "enforce"), ("GUARD_EGRESS_ALLOW", "")]);
    let client = socket(2, 2);
    let fd = number(&client);
    let address = v4("192.0.2.53", 53);
    let data = *b"query";
    assert_eq!(
        world.call(SENDTO, &[fd, at(&data), 5, 0, at(&address), 16]),
        5
    );
    let mut from = vec![7_u8; 16];
    let mut answer = [0_u8; 16];
    let mut length = [6_u32];
    let args = [
        fd,
        answer.as_mut_ptr().expose_provenance(),
        16,
        0,
        from.as_mut_ptr().expose_provenance(),
        length.as_mut_ptr().expose_provenance(),
    ];
    assert_eq!(world.call(RECVFROM, &args), 5);
    assert_eq!((length[0], &from[6..]), (16, &[7; 10][..]));
}

#[test]
fn streams_too_and_other_ports_of_a_resolver_are_addresses() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let redirect = Redirect {
        address: "192.0.2.53".parse().unwrap(),
        port: 53,
        forwarder: port(&listener),
        is_resolver: true,
    };
    let variables = [("GUARD_MODE", "enforce"), ("GUARD_EGRESS_ALLOW", "")];
    let world = World::new(&variables, &[redirect]);
    let client = socket(2, 1);
    let address = v4("192.0.2.53", 53);
    assert_eq!(world.call(CONNECT, &[number(&client), at(&address), 16]), 0);
    let peer = std::net::TcpStream::from(client);
    assert_eq!(peer.peer_addr().unwrap(), listener.local_addr().unwrap());
    for (ip, port) in [("192.0.2.53", 54), ("192.0.2.54", 53), ("127.0.0.1", 53)] {
        let client = socket(2, 1);
        let address = v4(ip, port);
        assert_eq!(
            world.call(CONNECT, &[number(&client), at(&address), 16]),
            REFUSED
        );
    }
    let (mut accepted, _) = listener.accept().unwrap();
    drop(peer);
    assert_eq!(accepted.read(&mut [0; 1]).unwrap(), 0);
}

#[test]
fn the_proxy_is_an_address_that_programs_know() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let redirect = Redirect {
        address: "192.0.2.1".parse().unwrap(),
        port: 80,
        forwarder: port(&listener),
        is_resolver: false,
    };
    let connected = |variables: &[(&str, &str)], ip, port| {
        let world = World::new(variables, &[redirect]);
        let client = socket(2, 1);
        let address = v4(ip, port);
        world.call(CONNECT, &[number(&client), at(&address), 16])
    };
    let monitor = [("GUARD_MODE", "monitor")];
    assert_eq!(connected(&monitor, "192.0.2.1", 80), 0);
    assert_eq!(connected(&monitor, "127.0.0.1", port(&listener)), 0);
    assert_eq!(connected(&[("GUARD_MODE", "enforce")], "192.0.2.1", 80), 0);
    // Where connections are restricted it takes an entry, which leads nowhere else.
    let enforce = |allow| [("GUARD_MODE", "enforce"), ("GUARD_EGRESS_ALLOW", allow)];
    let none = enforce("");
    assert_eq!(connected(&none, "192.0.2.1", 80), REFUSED);
    assert_eq!(connected(&none, "127.0.0.1", port(&listener)), REFUSED);
    assert_eq!(connected(&enforce("192.0.2.0/24"), "192.0.2.1", 80), 0);
}

#[test]
fn nobody_under_guard_takes_a_resolvers_place() {
    const BIND: usize = if cfg!(target_arch = "x86_64") {
        49
    } else {
        200
    };
    let here = TcpListener::bind("127.0.0.3:0").unwrap();
    let port = here.local_addr().unwrap().port();
    drop(here);
    let resolver = |address: &str, is_resolver| Redirect {
        address: address.parse().unwrap(),
        port,
        forwarder: 9,
        is_resolver,
    };
    let local = [resolver("127.0.0.3", true)];
    let elsewhere = [resolver("192.0.2.53", true)];
    let proxy = [resolver("127.0.0.3", false)];
    let enforcing: &[_] = &[("GUARD_MODE", "enforce"), ("GUARD_EGRESS_ALLOW", "")];
    let monitoring: &[_] = &[("GUARD_MODE", "monitor"), ("GUARD_EGRESS_ALLOW", "")];
    let open: &[_] = &[("GUARD_MODE", "enforce")];
    let mut unspecified = v4("0.0.0.0", port);
    unspecified[0] = 0;
    // Its own address, as IPv4-mapped, and all of the machine's; its neighbours', other ports, any.
    let places: &[(usize, Vec<u8>, bool)] = &[
        (2, v4("127.0.0.3", port), true),
        (10, v6("::ffff:127.0.0.3", port), true),
        (2, v4("0.0.0.0", port), true),
        (2, unspecified, true),
        (10, v6("::", port), true),
        (2, v4("127.0.0.4", port), false),
        (2, v4("127.0.0.3", 0), false),
        (2, v4("0.0.0.0", 0), false),
    ];
    for (variables, redirects, refuses) in [
        (enforcing, &local, true),
        (enforcing, &elsewhere, false),
        (enforcing, &proxy, false),
        (monitoring, &local, false),
        (open, &local, false),
    ] {
        let world = World::new(variables, redirects);
        for (family, address, is_place) in places {
            for kind in [1, 2] {
                let socket = socket(*family, kind);
                let args = [number(&socket), at(address), address.len()];
                let expected = if refuses && *is_place { -13 } else { 0 };
                assert_eq!(world.call(BIND, &args), expected, "{address:?} {kind}");
                let told = match *is_place && !std::ptr::eq(variables, open) {
                    true if refuses => vec!["denied Tamper bind 0 0".to_owned()],
                    true if std::ptr::eq(variables, monitoring) => {
                        vec!["would Tamper bind 0 0".to_owned()]
                    }
                    _ => Vec::new(),
                };
                assert_eq!(world.records(), told, "{address:?} {kind}");
            }
        }
    }
}
