//! Names: a DNS forwarder between guarded programs and the resolvers.
//!
//! One port on loopback per resolver of the system, over UDP and TCP. The check in front of a
//! program's system calls leads queries here that it aims at a resolver ([`Forwarder::redirects`]);
//! what it learns from the answers goes into the table that decides about connections, before the
//! program gets the answer. Under a policy in enforce mode only allowed names are asked for, with
//! nothing but the question, and of the answers only what was understood is handed on. Otherwise
//! messages pass as they are, and what would be refused is recorded.
//!
//! Opens nothing but sockets on loopback until a program asks. Must not know: system calls, how
//! records are written, where the table lies ([`Outlet`]).

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::Semaphore;
use tokio::time::timeout;

mod exchange;
mod resolvers;
mod rules;
#[cfg(test)]
mod tests;
mod upstream;

pub use resolvers::{Hosts, Resolver, Resolvers};
pub use rules::{Reason, Rules};

use crate::wire::dns::LONGEST;

/// Most queries that are being answered at a time. A function's threads look up names by the tens;
/// what comes on top waits in the sockets' buffers.
const IN_FLIGHT: usize = 128;

/// Most TCP connections of programs at a time. Queries over TCP are the rare large answers.
const CONNECTIONS: usize = 32;

/// How long a connection may rest between queries (RFC 7766 section 6.2.3 speaks of seconds).
const IDLE: Duration = Duration::from_secs(10);

/// How long nothing is received after that failed: there is no descriptor left, say.
const REST: Duration = Duration::from_millis(10);

/// How often a port is looked for that is free for UDP and TCP.
const TRIES: usize = 16;

/// For how long a learned address holds beyond its time to live. Programs keep addresses longer
/// than they may: pools, caches of language runtimes, connections that are opened again.
pub const GRACE: Duration = Duration::from_secs(3600);

/// The shortest time to live that is taken at its word.
pub const TTL_FLOOR: Duration = Duration::from_secs(60);

/// The longest.
pub const TTL_CEILING: Duration = Duration::from_secs(86_400);

/// What became of a lookup.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// It was refused.
    Denied,
    /// It went through, and the policy does not restrict names.
    Used,
    /// It went through and would be refused in enforce mode.
    Would,
}

/// A lookup that is to be recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Lookup<'a> {
    /// The name asked for, odd octets escaped.
    pub name: &'a str,
    /// What became of it.
    pub outcome: Outcome,
    /// Why it was, or would be, refused.
    pub reason: Option<Reason>,
}

impl Lookup<'_> {
    /// The entry of `GUARD_EGRESS_ALLOW` that would allow it. Nothing when none would, or when the
    /// policy allows it already.
    #[must_use]
    pub fn entry(&self) -> Option<String> {
        match self.reason {
            None | Some(Reason::NotAllowed | Reason::Tunnel) => {
                // One that no entry can name stays as it is in the record.
                let is_host = self
                    .name
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
                is_host.then(|| self.name.to_owned())
            }
            Some(Reason::Rebinding(ip)) => Some(ip.to_string()),
            Some(Reason::NoResolver) => None,
        }
    }
}

/// Where the forwarder's knowledge goes.
pub trait Outlet: Send + Sync + 'static {
    /// An address belongs to a name (lower case, no final dot) for this long; `None` for ever.
    fn learn(&self, address: IpAddr, name: &str, holds: Option<Duration>);

    /// A lookup is to be recorded.
    fn record(&self, lookup: &Lookup<'_>);
}

/// A forwarder that listens and does not answer yet.
#[derive(Debug)]
pub struct Forwarder {
    ports: Vec<Port>,
}

/// One resolver's stand-in.
#[derive(Debug)]
struct Port {
    resolver: Resolver,
    udp: UdpSocket,
    tcp: TcpListener,
}

impl Forwarder {
    /// Listens, on a port for each resolver.
    ///
    /// # Errors
    /// When there is no port, or no loopback.
    pub async fn bind(resolvers: &Resolvers) -> io::Result<Self> {
        let mut ports = Vec::new();
        for resolver in resolvers.iter() {
            let (udp, tcp) = bind().await?;
            ports.push(Port { resolver, udp, tcp });
        }
        Ok(Self { ports })
    }

    /// Each resolver's address as programs know it, and the port on 127.0.0.1 that stands for it.
    ///
    /// # Errors
    /// When a socket has no address, which no bound one does.
    pub fn redirects(&self) -> io::Result<Vec<(SocketAddr, u16)>> {
        let ports = self.ports.iter();
        ports
            .map(|port| Ok((port.resolver.asked, port.udp.local_addr()?.port())))
            .collect()
    }

    /// Answers, as tasks of the current runtime, for as long as that runs. What /etc/hosts says is
    /// learned at once.
    pub fn serve(self, rules: Rules, hosts: &Hosts, outlet: Arc<dyn Outlet>) {
        for (address, name) in hosts.iter() {
            outlet.learn(address, name, None);
        }
        let shared = Arc::new(Shared {
            rules,
            outlet,
            in_flight: Arc::new(Semaphore::new(IN_FLIGHT)),
            connections: Arc::new(Semaphore::new(CONNECTIONS)),
        });
        for port in self.ports {
            let upstream = port.resolver.upstream;
            tokio::spawn(serve_udp(Arc::new(port.udp), upstream, Arc::clone(&shared)));
            tokio::spawn(serve_tcp(port.tcp, upstream, Arc::clone(&shared)));
        }
    }
}

/// What all ports have in common.
struct Shared {
    rules: Rules,
    outlet: Arc<dyn Outlet>,
    in_flight: Arc<Semaphore>,
    connections: Arc<Semaphore>,
}

/// One free port for both transports, as resolvers have it.
async fn bind() -> io::Result<(UdpSocket, TcpListener)> {
    let mut last = io::Error::from(io::ErrorKind::AddrInUse);
    for _ in 0..TRIES {
        let udp = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        match TcpListener::bind(udp.local_addr()?).await {
            Ok(tcp) => return Ok((udp, tcp)),
            Err(error) => last = error,
        }
    }
    Err(last)
}

async fn serve_udp(socket: Arc<UdpSocket>, upstream: Option<SocketAddr>, shared: Arc<Shared>) {
    // Queries have a few hundred octets; a longer one is cut and found malformed.
    let mut buffer = [0; 4096];
    loop {
        // Taken before the query: what there is no room for stays with the kernel.
        let Ok(permit) = Arc::clone(&shared.in_flight).acquire_owned().await else {
            return;
        };
        let Ok((length, client)) = socket.recv_from(&mut buffer).await else {
            // An answer that a client did not wait for comes back as an error of the socket.
            tokio::task::yield_now().await;
            continue;
        };
        let message = buffer.get(..length).unwrap_or_default().to_vec();
        let (socket, shared) = (Arc::clone(&socket), Arc::clone(&shared));
        tokio::spawn(async move {
            if let Some(reply) = exchange::answer(&shared, upstream, &message, false).await {
                // Who does not wait for it any more does not miss it.
                let _ = socket.send_to(&reply, client).await;
            }
            drop(permit);
        });
    }
}

async fn serve_tcp(listener: TcpListener, upstream: Option<SocketAddr>, shared: Arc<Shared>) {
    loop {
        let Ok(permit) = Arc::clone(&shared.connections).acquire_owned().await else {
            return;
        };
        match listener.accept().await {
            Ok((client, _)) => {
                let shared = Arc::clone(&shared);
                tokio::spawn(async move {
                    // It ends when the client goes, rests, or sends what is no query.
                    let _ = serve_connection(client, upstream, &shared).await;
                    drop(permit);
                });
            }
            Err(_) => tokio::time::sleep(REST).await,
        }
    }
}

/// Queries of a connection, one after the other.
async fn serve_connection(
    mut client: TcpStream,
    upstream: Option<SocketAddr>,
    shared: &Shared,
) -> io::Result<()> {
    client.set_nodelay(true)?;
    loop {
        let query = timeout(IDLE, upstream::read_framed(&mut client)).await??;
        let Ok(_permit) = shared.in_flight.acquire().await else {
            return Ok(());
        };
        let Some(reply) = exchange::answer(shared, upstream, &query, true).await else {
            return Ok(());
        };
        timeout(IDLE, upstream::write_framed(&mut client, &reply)).await??;
        debug_assert!(reply.len() <= LONGEST);
    }
}
