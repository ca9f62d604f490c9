use std::fs;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram, UnixListener};
use std::path::PathBuf;

use std::string::ToString as _;

use super::*;

fn directory(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("guard-hook-{name}-{}", std::process::id()));
    let _ = fs::remove_dir_all(&path);
    fs::create_dir_all(&path).unwrap();
    path.canonicalize().unwrap()
}

pub(super) fn unix(path: &[u8]) -> Vec<u8> {
    [&[1, 0], path].concat()
}

#[test]
fn local_sockets_by_path_and_by_name() {
    let dir = directory("local");
    let path = |name: &str| dir.join(name).to_str().unwrap().to_string();
    let _allowed = UnixListener::bind(path("allowed")).unwrap();
    let _denied = UnixListener::bind(path("denied")).unwrap();
    std::os::unix::fs::symlink(path("allowed"), path("to-allowed")).unwrap();
    std::os::unix::fs::symlink(path("denied"), path("to-denied")).unwrap();
    let name = format!("guard-hook-{}", std::process::id());
    let abstract_socket = |name: &str| {
        UnixListener::bind_addr(&SocketAddr::from_abstract_name(name).unwrap()).unwrap()
    };
    let _a = abstract_socket(&name);
    let _b = abstract_socket(&format!("{name}-b"));
    let world = World::enforcing(&format!("unix:{},unix:@{name}", path("allowed")));
    let with_nul = |path: String| {
        path.into_bytes()
            .into_iter()
            .chain([0])
            .collect::<Vec<u8>>()
    };
    let cases = [
        (with_nul(path("allowed")), 0),
        // Without the final NUL byte.
        (path("allowed").into_bytes(), 0),
        (with_nul(path("../")), -20),
        (with_nul(path("denied")), REFUSED),
        // What counts is where a path leads.
        (with_nul(path("to-allowed")), 0),
        (with_nul(path("to-denied")), REFUSED),
        (with_nul(path("./x/../allowed")), -2),
        (with_nul(path("nothing")), -2),
        (format!("\0{name}").into_bytes(), 0),
        (format!("\0{name}-b").into_bytes(), REFUSED),
        (format!("\0{name}\0").into_bytes(), REFUSED),
    ];
    for (target, wanted) in cases {
        let client = socket(1, 1);
        let address = unix(&target);
        let found = world.call(CONNECT, &[number(&client), at(&address), address.len()]);
        let text = String::from_utf8_lossy(&target).into_owned();
        if wanted == -20 {
            // A directory: refused by policy, whatever else is wrong with it.
            assert!(found < 0, "{text}");
        } else {
            assert_eq!(found, wanted, "{text}");
        }
    }
    let records = world.records();
    assert_eq!(records.len(), 5, "{records:?}");
    assert!(
        records
            .iter()
            .any(|record| record.contains(&path("denied")))
    );
    fs::remove_dir_all(dir).unwrap();
}

#[test]
fn local_datagrams() {
    let dir = directory("datagrams");
    let path = |name: &str| dir.join(name).to_str().unwrap().to_string();
    let allowed = UnixDatagram::bind(path("allowed")).unwrap();
    let denied = UnixDatagram::bind(path("denied")).unwrap();
    let world = World::enforcing(&format!("unix:{}", path("allowed")));
    let data = *b"data";
    let iov = [[at(&data), 4]];
    for (name, wanted) in [("allowed", 4), ("denied", -13)] {
        let client = socket(1, 2);
        let address = unix(path(name).as_bytes());
        let args = [
            number(&client),
            at(&data),
            4,
            0,
            at(&address),
            address.len(),
        ];
        assert_eq!(world.call(SENDTO, &args), wanted);
        let message = [header(&address, &iov, b""), header(&address, &iov, b"")];
        assert_eq!(
            world.call(SENDMSG, &[number(&client), at(&message), 0]),
            wanted
        );
        // One at a time: each holds a descriptor.
        let one = if wanted > 0 { 1 } else { wanted };
        assert_eq!(
            world.call(SENDMMSG, &[number(&client), at(&message), 2, 0]),
            one
        );
    }
    allowed.set_nonblocking(true).unwrap();
    denied.set_nonblocking(true).unwrap();
    let count = |socket: &UnixDatagram| {
        (0..)
            .take_while(|_| socket.recv(&mut [0; 9]).is_ok())
            .count()
    };
    assert_eq!((count(&allowed), count(&denied)), (3, 0));
    fs::remove_dir_all(dir).unwrap();
}
