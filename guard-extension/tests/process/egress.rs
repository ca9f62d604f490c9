//! Connections and datagrams.

use std::net::TcpListener;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixListener};

use crate::rig::{check, directory, guarded, probe, tcp, text, udp};

const CLOSED: &[(&str, &str)] = &[("GUARD_EGRESS_ALLOW", "")];

#[test]
fn a_tcp_connection() {
    let port = tcp();
    check(
        CLOSED,
        "egress.denied",
        &format!("127.0.0.1:{port}"),
        &[&probe(), "tcp", "127.0.0.1", &port],
    );
}

#[test]
fn a_tcp_connection_over_ipv6() {
    let Ok(listener) = TcpListener::bind("[::1]:0") else {
        return crate::rig::skip("there is no IPv6 here");
    };
    let port = listener.local_addr().unwrap().port().to_string();
    check(
        CLOSED,
        "egress.denied",
        &format!("[::1]:{port}"),
        &[&probe(), "tcp", "::1", &port],
    );
}

#[test]
fn an_ipv4_address_in_ipv6_form() {
    let port = tcp();
    let probe = probe();
    let command = [probe.as_str(), "tcp", "::ffff:127.0.0.1", &port];
    check(
        CLOSED,
        "egress.denied",
        &format!("127.0.0.1:{port}"),
        &command,
    );
}

#[test]
fn the_unspecified_address_is_loopback() {
    let port = tcp();
    let allowed = format!("127.0.0.1:{port}");
    let probe = probe();
    let command = [probe.as_str(), "tcp", "0.0.0.0", &port];
    let ran = guarded(
        &[("GUARD_MODE", "enforce"), ("GUARD_EGRESS_ALLOW", &allowed)],
        &command,
    );
    assert!(ran.worked(), "{ran:?}");
    let ran = guarded(
        &[("GUARD_MODE", "enforce"), ("GUARD_EGRESS_ALLOW", "")],
        &command,
    );
    assert!(!ran.worked(), "{ran:?}");
}

#[test]
fn datagrams() {
    // No name is known for this address: connecting to one that has a name may be a question.
    let host = "127.0.0.2";
    let (_socket, port) = udp();
    for way in ["udp", "sendto", "sendmsg", "sendmmsg"] {
        let target = format!("{host}:{port}");
        check(
            CLOSED,
            "egress.denied",
            &target,
            &[&probe(), way, host, &port],
        );
    }
}

#[test]
fn a_refused_connection_looks_like_nobody_listens() {
    let port = tcp();
    let ran = guarded(
        &[("GUARD_MODE", "enforce"), ("GUARD_EGRESS_ALLOW", "")],
        &[&probe(), "tcp", "127.0.0.1", &port],
    );
    assert_eq!(ran.stderr, "errno 111\n", "{ran:?}");
}

#[test]
fn a_connection_by_the_way_of_sending() {
    let port = tcp();
    let probe = probe();
    let ran = guarded(
        &[("GUARD_MODE", "enforce"), ("GUARD_EGRESS_ALLOW", "")],
        &[&probe, "fastopen", "127.0.0.1", &port],
    );
    assert!(!ran.worked(), "{ran:?}");
}

#[test]
fn local_sockets() {
    let path = text(directory("local-sockets").join("socket"));
    let _listener = UnixListener::bind(&path).unwrap();
    check(CLOSED, "egress.denied", &path, &[&probe(), "unix", &path]);
    let name = format!("guard-test-{}", std::process::id());
    let address = SocketAddr::from_abstract_name(&name).unwrap();
    let _listener = UnixListener::bind_addr(&address).unwrap();
    check(
        CLOSED,
        "egress.denied",
        &format!("@{name}"),
        &[&probe(), "abstract", &name],
    );
}
