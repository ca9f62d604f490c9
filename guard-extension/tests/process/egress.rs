//! Connections and datagrams.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixListener};

use crate::rig::{check, directory, guarded, plain, probe, tcp, text, udp};

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

/// The Runtime API of one connection: a hostile event, and when that was answered a good one.
fn runtime_api() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut lines = BufReader::new(stream.try_clone().unwrap());
            let mut answers = Vec::new();
            for (id, event) in [
                ("1", "{\"q\":\"1 UNION SELECT a FROM b--\"}"),
                ("2", "{\"good\":1}"),
            ] {
                let length = event.len();
                answers.push(format!(
                    "HTTP/1.1 200 OK\r\nLambda-Runtime-Aws-Request-Id: {id}\r\n\
                     Content-Length: {length}\r\n\r\n{event}"
                ));
            }
            answers.insert(
                1,
                "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n".to_owned(),
            );
            for answer in answers {
                let (mut line, mut body) = (String::new(), 0);
                while lines.read_line(&mut line).is_ok_and(|n| n > 2) {
                    if let Some(length) = line.strip_prefix("Content-Length: ") {
                        body = length.trim().parse().unwrap();
                    }
                    line.clear();
                }
                let _ = lines.read_exact(&mut vec![0; body]);
                // Who has read enough has gone.
                let _ = (&stream).write_all(answer.as_bytes());
            }
        }
    });
    address
}

#[test]
fn the_real_runtime_api_is_reached_through_the_proxy_only() {
    let ask = |address: &str| {
        let address = address.replace(':', "/");
        format!(
            "exec 3<>/dev/tcp/{address} && printf 'GET /2018-06-01/runtime/invocation/next \
             HTTP/1.1\\r\\nHost: h\\r\\n\\r\\n' >&3 && while read -r -t 5 -u 3 line; do \
             echo \"$line\"; [ \"$line\" = $'\\r' ] && break; done; read -r -t 5 -n 10 -u 3 line; \
             echo \"$line\""
        )
    };
    let address = runtime_api();
    let own = [("AWS_LAMBDA_RUNTIME_API", address.as_str())];
    let script = ask(&address);
    let command = ["/bin/bash", "-c", script.as_str()];
    let ran = plain(&own, &command);
    assert!(
        ran.stdout.contains("UNION") || ran.stdout.contains("{\"q\":\"1 UN"),
        "{ran:?}"
    );
    // Connections are not restricted: there is no rule that it would break.
    for other in ["127.0.0.1", "0.0.0.0", "localhost"] {
        let script = ask(&address.replace("127.0.0.1", other));
        let command = ["/bin/bash", "-c", script.as_str()];
        let ran = guarded(&[("GUARD_MODE", "enforce"), own[0]], &command);
        assert!(ran.stdout.contains("{\"good\":1"), "{other}: {ran:?}");
        assert!(
            ran.of("finding").any(|record| record["verdict"] == "block"),
            "{ran:?}"
        );
        // An entry for all of this machine means other things that listen there.
        let all = ("GUARD_EGRESS_ALLOW", "127.0.0.1,localhost");
        let ran = guarded(&[("GUARD_MODE", "enforce"), all, own[0]], &command);
        assert!(ran.stdout.contains("{\"good\":1"), "{other}: {ran:?}");
        assert!(
            ran.of("finding").any(|record| record["verdict"] == "block"),
            "{ran:?}"
        );
    }
    // Where they are, it is on no list.
    let ran = guarded(
        &[
            ("GUARD_MODE", "enforce"),
            ("GUARD_EGRESS_ALLOW", ""),
            own[0],
        ],
        &command,
    );
    assert!(!ran.stdout.contains('{'), "{ran:?}");
    assert!(ran.denial("egress.denied", &address).is_some(), "{ran:?}");
}
