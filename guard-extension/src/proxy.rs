//! The Runtime API, with the guard in between.
//!
//! Listens on loopback. Each connection of a runtime gets a thread, and one of its own to the Runtime
//! API, so that several runtimes poll at once as they would without us, and what ends one ends the
//! other. Heads and bodies pass as they came; what is different:
//!
//! - an event is read whole, decided about where it lies, and then handed on; one that is blocked is
//!   answered in the function's place, and the runtime gets the next;
//! - a response or error on its way out is looked at for the function's own secrets.
//!
//! No time limit of ours stands over an exchange, as a poll may wait for hours: an invocation's
//! deadline is the platform's, which ends everything here with the function.

mod answer;
mod exchange;
mod invocations;
mod next;
mod outcome;
mod shared;

use std::io;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::thread::Builder;
use std::time::Duration;

use tokio::net::TcpListener;

pub(crate) use shared::Shared;

/// A proxy that listens and does not serve yet.
#[derive(Debug)]
pub(crate) struct Proxy {
    listener: TcpListener,
    shared: Arc<Shared>,
}

/// Room for a thread's frames: heads are parsed on the stack, nothing recurses.
const STACK: usize = 512 << 10;

/// How long no connection is accepted after that failed: there is no descriptor left, and those in
/// use take a moment to become free.
const REST: Duration = Duration::from_millis(10);

impl Proxy {
    /// A listener on a free port, and the port.
    ///
    /// # Errors
    /// When there is no port, or no loopback.
    pub(crate) async fn listen() -> io::Result<(TcpListener, u16)> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = listener.local_addr()?.port();
        Ok((listener, port))
    }

    /// Behind a listener.
    pub(crate) const fn new(listener: TcpListener, shared: Arc<Shared>) -> Self {
        Self { listener, shared }
    }

    /// Serves for ever.
    pub(crate) async fn serve(self) {
        loop {
            match self.listener.accept().await {
                Ok((client, _)) => self.start(client),
                Err(_) => tokio::time::sleep(REST).await,
            }
        }
    }

    /// Serves a connection in a thread of its own. Where there can be none, the runtime finds it
    /// closed, and the operator why.
    fn start(&self, client: tokio::net::TcpStream) {
        let shared = Arc::clone(&self.shared);
        let started = client.into_std().and_then(|client| {
            client.set_nonblocking(false)?;
            Builder::new()
                .name("proxy".to_owned())
                .stack_size(STACK)
                .spawn(move || exchange::serve(client, shared))
        });
        if let Err(error) = started {
            let message = format!("a runtime's connection could not be served: {error}");
            self.shared.records.notice(None, &message);
        }
    }
}
