//! Asking a resolver.
//!
//! Every query has a number of its own from the kernel's generator and, over UDP, a socket of its
//! own on a port that the kernel chose, connected, so that no one but the resolver answers on it
//! (RFC 5452 section 9). Must not know: which names are asked for and why.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use rustix::rand::{GetRandomFlags, getrandom};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::{Instant, timeout_at};

/// How long an answer is waited for after the first and after the second sending. Together less than
/// the five seconds that clients wait, so that they get an answer at least of ours.
const WAITS: [Duration; 2] = [Duration::from_millis(1500), Duration::from_millis(3000)];

/// How long an exchange over TCP may take.
const TCP_WAIT: Duration = Duration::from_millis(4500);

/// A random number for a query.
pub(super) fn number() -> io::Result<u16> {
    let mut octets = [0; 2];
    match getrandom(&mut octets, GetRandomFlags::empty())? {
        2 => Ok(u16::from_ne_bytes(octets)),
        _ => Err(ErrorKind::UnexpectedEof.into()),
    }
}

/// Sends a datagram and waits for one that `fits`.
pub(super) async fn ask_udp(
    resolver: SocketAddr,
    query: &[u8],
    fits: impl Fn(&[u8]) -> bool,
) -> io::Result<Vec<u8>> {
    let any = match resolver.ip() {
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    };
    let socket = UdpSocket::bind((any, 0)).await?;
    socket.connect(resolver).await?;
    // What is longer came from a resolver that did not heed 512 octets, or the client's own size.
    let mut buffer = vec![0; 4096];
    for wait in WAITS {
        let end = Instant::now() + wait;
        if socket.send(query).await.is_err() {
            tokio::time::sleep_until(end.min(Instant::now() + Duration::from_millis(50))).await;
            continue;
        }
        loop {
            match timeout_at(end, socket.recv(&mut buffer)).await {
                Err(_) => break,
                // Nobody listens there: a resolver that is being started again.
                Ok(Err(_)) => {
                    tokio::time::sleep_until(end.min(Instant::now() + Duration::from_millis(50)))
                        .await;
                    break;
                }
                Ok(Ok(length)) if buffer.get(..length).is_some_and(&fits) => {
                    buffer.truncate(length);
                    return Ok(buffer);
                }
                Ok(Ok(_)) => {}
            }
        }
    }
    Err(ErrorKind::TimedOut.into())
}

/// Asks over TCP.
pub(super) async fn ask_tcp(
    resolver: SocketAddr,
    query: &[u8],
    fits: impl Fn(&[u8]) -> bool,
) -> io::Result<Vec<u8>> {
    let end = Instant::now() + TCP_WAIT;
    let exchange = async {
        let mut stream = TcpStream::connect(resolver).await?;
        stream.set_nodelay(true)?;
        write_framed(&mut stream, query).await?;
        let answer = read_framed(&mut stream).await?;
        if fits(&answer) {
            Ok(answer)
        } else {
            Err(ErrorKind::InvalidData.into())
        }
    };
    timeout_at(end, exchange).await?
}

/// A message behind its length (RFC 1035 section 4.2.2).
pub(super) async fn read_framed(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let length = stream.read_u16().await?;
    let mut message = vec![0; usize::from(length)];
    stream.read_exact(&mut message).await?;
    Ok(message)
}

pub(super) async fn write_framed(stream: &mut TcpStream, message: &[u8]) -> io::Result<()> {
    let length = u16::try_from(message.len()).map_err(|_| ErrorKind::InvalidData)?;
    // In one segment: some resolvers answer the first that they get.
    stream
        .write_all(&[&length.to_be_bytes(), message].concat())
        .await
}
