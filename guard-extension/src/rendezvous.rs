//! How what starts a runtime finds the running extension.
//!
//! An abstract Unix socket (unix(7)) named after the Runtime API's address, which both see: it needs
//! no file that an earlier invocation could have planted or a read-only /tmp refuse, it goes with
//! the extension, and its name cannot be taken while the extension lives. Lambda starts extensions
//! before the function, so whoever takes the name first is not the function's code; should another
//! layer have taken it, binding it fails and the extension says so. Both sides check that the other
//! has their user id.

use std::io::{self, ErrorKind, Read as _};
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::net::sockopt::socket_peercred;
use rustix::process::geteuid;
use tokio::io::AsyncWriteExt as _;

use crate::process::Parts;

/// How long the extension may take to answer. It registers while it still sets itself up, so that
/// the platform starts the runtime meanwhile: a millisecond or two, the trial of the process tier two
/// seconds at most.
const PATIENCE: Duration = Duration::from_secs(5);

/// What an answer begins with; another release's extension has another number.
const GREETING: &str = "guard 2 ";

/// Longest answer that is read.
const LONGEST: u64 = 1 << 14;

/// Where the extension is found.
#[derive(Debug)]
pub(crate) struct Rendezvous {
    listener: tokio::net::UnixListener,
    was_found: Arc<AtomicBool>,
}

impl Rendezvous {
    /// Takes the name that belongs to the Runtime API at `runtime_api`. Who asks from now on waits
    /// for the answer.
    pub(crate) fn bind(runtime_api: &str) -> io::Result<Self> {
        let listener = UnixListener::bind_addr(&name(runtime_api)?)?;
        listener.set_nonblocking(true)?;
        Ok(Self {
            listener: tokio::net::UnixListener::from_std(listener)?,
            was_found: Arc::default(),
        })
    }

    /// Whether anyone has asked.
    pub(crate) fn was_found(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.was_found)
    }

    /// Answers for ever.
    pub(crate) async fn serve(self, found: Found) {
        let answer = found.to_text();
        loop {
            let Ok((mut stream, _)) = self.listener.accept().await else {
                tokio::time::sleep(Duration::from_millis(10)).await;
                continue;
            };
            let uid = geteuid().as_raw();
            if stream.peer_cred().is_ok_and(|peer| peer.uid() == uid) {
                // A few bytes into an empty buffer: it does not wait. Who does not read them is gone.
                let _ = stream.write_all(answer.as_bytes()).await;
                self.was_found.store(true, Ordering::Relaxed);
            }
        }
    }
}

/// What the extension says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    /// The proxy's port.
    pub(crate) port: u16,
    /// What programs are started under guard with; nothing where there is no process tier.
    pub(crate) parts: Option<Parts>,
}

impl Found {
    fn to_text(&self) -> String {
        let mut text = format!("{GREETING}{}\n", self.port);
        if let Some(Parts {
            rendezvous,
            preload,
            loader,
        }) = &self.parts
        {
            let (preload, loader) = (preload.display(), loader.display());
            text += &format!("{rendezvous}\n{preload}\n{loader}\n");
        }
        text
    }

    fn from_text(text: &str) -> Option<Self> {
        let lines = text.strip_prefix(GREETING)?.strip_suffix('\n')?;
        let mut lines = lines.split('\n');
        let port = lines.next()?.parse().ok()?;
        let parts = match (lines.next(), lines.next(), lines.next(), lines.next()) {
            (None, ..) => None,
            (Some(rendezvous), Some(preload), Some(loader), None) => Some(Parts {
                rendezvous: rendezvous.to_owned(),
                preload: preload.into(),
                loader: loader.into(),
            }),
            _ => return None,
        };
        Some(Self { port, parts })
    }
}

/// The proxy's port and the rest, from the extension beside the Runtime API at `runtime_api`.
///
/// # Errors
/// When there is none, or who answers is not ours.
pub(crate) fn ask(runtime_api: &str) -> io::Result<Found> {
    let stream = UnixStream::connect_addr(&name(runtime_api)?)?;
    if socket_peercred(&stream)?.uid != geteuid() {
        return Err(ErrorKind::PermissionDenied.into());
    }
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut text = String::new();
    // Longer than any answer, so that more would be seen.
    stream.take(LONGEST).read_to_string(&mut text)?;
    if text.is_empty() {
        return Err(ErrorKind::UnexpectedEof.into());
    }
    Found::from_text(&text).ok_or_else(|| ErrorKind::InvalidData.into())
}

fn name(runtime_api: &str) -> io::Result<SocketAddr> {
    /// Names have at most 107 bytes; addresses are some 14.
    const LONGEST: usize = 80;
    let address = runtime_api.as_bytes();
    let address = address.get(..LONGEST).unwrap_or(address);
    SocketAddr::from_abstract_name([b"lambda-guard/", address].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(test: impl Future<Output = ()>) {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        runtime.enable_all().build().unwrap().block_on(test);
    }

    #[test]
    fn who_asks_gets_the_port_and_the_name_is_taken_once() {
        let address = format!("test-{}:1", std::process::id());
        assert_eq!(
            ask(&address).unwrap_err().kind(),
            ErrorKind::ConnectionRefused
        );
        run(async {
            let rendezvous = Rendezvous::bind(&address).unwrap();
            let was_found = rendezvous.was_found();
            assert!(!was_found.load(Ordering::Relaxed));
            let taken = Rendezvous::bind(&address).unwrap_err();
            assert_eq!(taken.kind(), ErrorKind::AddrInUse);
            // Asked before there is an answer.
            let early = address.clone();
            let early = tokio::task::spawn_blocking(move || ask(&early));
            // It may come to ask in this time; if it does not, the test is a weaker one.
            tokio::time::sleep(Duration::from_millis(20)).await;
            let found = Found {
                port: 4711,
                parts: None,
            };
            let serving = tokio::spawn(rendezvous.serve(found));
            assert_eq!(early.await.unwrap().unwrap().port, 4711);
            assert!(was_found.load(Ordering::Relaxed));
            for _ in 0..2 {
                let address = address.clone();
                let asked = tokio::task::spawn_blocking(move || ask(&address)).await;
                assert_eq!(asked.unwrap().unwrap().port, 4711);
            }
            assert!(was_found.load(Ordering::Relaxed));
            serving.abort();
        });
    }

    #[test]
    fn an_extension_that_ends_before_it_answers_is_none() {
        let address = format!("test-ending-{}:1", std::process::id());
        run(async {
            let rendezvous = Rendezvous::bind(&address).unwrap();
            let asked = address.clone();
            let asked = tokio::task::spawn_blocking(move || ask(&asked));
            // To ask who is still there: later there would be nobody.
            tokio::time::sleep(Duration::from_millis(20)).await;
            drop(rendezvous);
            // Closed, or reset as what was never accepted is.
            let kind = asked.await.unwrap().unwrap_err().kind();
            let gone = [ErrorKind::UnexpectedEof, ErrorKind::ConnectionReset];
            assert!(gone.contains(&kind), "{kind}");
        });
    }

    #[test]
    fn an_extension_that_says_nothing_is_waited_for_a_while() {
        let address = format!("test-silent-{}:1", std::process::id());
        // Its socket is there, and nobody serves it: it is stopped, or has lost its thread.
        let _silent = UnixListener::bind_addr(&name(&address).unwrap()).unwrap();
        let start = std::time::Instant::now();
        let kind = ask(&address).unwrap_err().kind();
        let waited = [ErrorKind::WouldBlock, ErrorKind::TimedOut];
        assert!(waited.contains(&kind), "{kind}");
        // An environment may take ten seconds to start, and is to say why it does not.
        assert!(start.elapsed() < Duration::from_secs(8));
    }
}
