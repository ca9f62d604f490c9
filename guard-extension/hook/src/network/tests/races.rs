//! Threads that rewrite what another one's call is about.

use std::fs;
use std::os::unix::net::UnixListener;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Instant;

use super::local::unix;
use super::*;

/// How long each race goes on.
const LONG: Duration = Duration::from_millis(700);

/// Bytes that two threads of the program use at the same time, as programs may.
struct Racy(core::cell::UnsafeCell<[u8; 128]>);

// SAFETY: accessed through volatile operations and by the kernel only; which bytes are seen is what
// the race is about.
unsafe impl Sync for Racy {}

impl Racy {
    fn new(bytes: &[u8]) -> &'static Self {
        let racy = Box::leak(Box::new(Self([0; 128].into())));
        racy.write(bytes);
        racy
    }

    fn at(&self) -> usize {
        self.0.get().expose_provenance()
    }

    fn write(&self, bytes: &[u8]) {
        for (index, byte) in bytes.iter().enumerate() {
            // SAFETY: within the array, as no address here is longer.
            unsafe { self.0.get().cast::<u8>().add(index).write_volatile(*byte) };
        }
    }
}

/// Runs `attempt` while another thread keeps changing `racy` between `one` and `other`; how often it
/// got through.
fn race(racy: &'static Racy, one: &[u8], other: &[u8], mut attempt: impl FnMut() -> bool) -> usize {
    let is_done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !is_done.load(Ordering::Relaxed) {
                racy.write(other);
                racy.write(one);
            }
        });
        let start = Instant::now();
        let mut count = 0;
        while start.elapsed() < LONG {
            count += usize::from(attempt());
        }
        is_done.store(true, Ordering::Relaxed);
        count
    })
}

fn drained(listener: &TcpListener) -> usize {
    listener.set_nonblocking(true).unwrap();
    (0..).take_while(|_| listener.accept().is_ok()).count()
}

#[test]
fn a_changed_address_leads_nowhere_else() {
    let allowed = TcpListener::bind("127.0.0.1:0").unwrap();
    let denied = TcpListener::bind("127.0.0.1:0").unwrap();
    let (a, d) = (
        v4("127.0.0.1", port(&allowed)),
        v4("127.0.0.1", port(&denied)),
    );
    // A mixture of both ports is neither's.
    let world = World::enforcing(&format!("127.0.0.1:{}", port(&allowed)));
    let racy = Racy::new(&a);
    let mut scratch = Box::new(Scratch::new());
    let mut accepted = 0;
    allowed.set_nonblocking(true).unwrap();
    let through = race(racy, &a, &d, || {
        let client = socket(2, 1);
        let result = world.call_in(&mut scratch, CONNECT, &[number(&client), racy.at(), 16]);
        accepted += usize::from(allowed.accept().is_ok());
        result == 0
    });
    assert!(through > 0 && accepted > 0);
    assert_eq!(drained(&denied), 0);
}

#[test]
fn changed_messages_lead_nowhere_else() {
    let allowed = UdpSocket::bind("127.0.0.1:0").unwrap();
    let denied = UdpSocket::bind("127.0.0.1:0").unwrap();
    let of = |socket: &UdpSocket| v4("127.0.0.1", socket.local_addr().unwrap().port());
    let (a, d) = (of(&allowed), of(&denied));
    let world = World::enforcing(&format!("udp:{}", allowed.local_addr().unwrap()));
    let data: &'static [u8] = b"data";
    let iov: &'static _ = Box::leak(Box::new([[at(data), 4]]));
    let mut scratch = Box::new(Scratch::new());
    let client = socket(2, 2);
    let fd = number(&client);
    // The address in place.
    let racy = Racy::new(&a);
    let sent = race(racy, &a, &d, || {
        world.call_in(&mut scratch, SENDTO, &[fd, at(data), 4, 0, racy.at(), 16]) == 4
    });
    assert!(sent > 0);
    // The pointer to it, in the header.
    let bytes = |name: &[u8]| -> Vec<u8> {
        let words = header(name, iov, b"");
        words.iter().flat_map(|word| word.to_ne_bytes()).collect()
    };
    let (one, other) = (bytes(&a), bytes(&d));
    for number in [SENDMSG, SENDMMSG] {
        let racy = Racy::new(&one);
        let sent = race(racy, &one, &other, || {
            let args = match number {
                SENDMSG => [fd, racy.at(), 0, 0],
                _ => [fd, racy.at(), 1, 0],
            };
            world.call_in(&mut scratch, number, &args) > 0
        });
        assert!(sent > 0);
    }
    denied.set_nonblocking(true).unwrap();
    assert!(denied.recv(&mut [0; 9]).is_err());
}

#[test]
fn a_changed_path_leads_nowhere_else() {
    let dir = std::env::temp_dir().join(format!("guard-hook-races-{}", std::process::id()));
    let _ = fs::remove_dir_all(&dir);
    fs::create_dir_all(&dir).unwrap();
    let dir = dir.canonicalize().unwrap();
    let allowed = UnixListener::bind(dir.join("allowed")).unwrap();
    let denied = UnixListener::bind(dir.join("denied")).unwrap();
    let world = World::enforcing(&format!("unix:{}/allowed", dir.display()));
    let link = dir.join("link");
    std::os::unix::fs::symlink(dir.join("allowed"), &link).unwrap();
    let address = unix(link.to_str().unwrap().as_bytes());
    let is_done = AtomicBool::new(false);
    allowed.set_nonblocking(true).unwrap();
    denied.set_nonblocking(true).unwrap();
    let (mut through, mut wrong) = (0, 0);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !is_done.load(Ordering::Relaxed) {
                for name in ["denied", "allowed"] {
                    let next = dir.join("next");
                    std::os::unix::fs::symlink(dir.join(name), &next).unwrap();
                    fs::rename(&next, &link).unwrap();
                }
            }
        });
        let mut scratch = Box::new(Scratch::new());
        let start = Instant::now();
        while start.elapsed() < LONG {
            let client = socket(1, 1);
            let args = [number(&client), at(&address), address.len()];
            through += usize::from(world.call_in(&mut scratch, CONNECT, &args) == 0);
            let _ = allowed.accept();
            wrong += usize::from(denied.accept().is_ok());
        }
        is_done.store(true, Ordering::Relaxed);
    });
    assert!(through > 0);
    assert_eq!(wrong, 0);
    fs::remove_dir_all(&dir).unwrap();
}
