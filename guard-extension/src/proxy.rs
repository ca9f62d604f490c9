//! The Runtime API, with the guard in between.
//!
//! Listens on loopback. Each connection of a runtime gets one of its own to the Runtime API, so that
//! several runtimes poll at once as they would without us, and what ends one ends the other. Heads
//! and bodies pass as they came; what is different:
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
use std::time::Duration;

use tokio::net::TcpListener;

pub(crate) use shared::Shared;

/// A proxy that listens and does not serve yet.
#[derive(Debug)]
pub(crate) struct Proxy {
    listener: TcpListener,
    shared: Arc<Shared>,
}

/// How long no connection is accepted after that failed: there is no descriptor left, and those in
/// use take a moment to become free.
const REST: Duration = Duration::from_millis(10);

impl Proxy {
    /// Listens on a free port.
    ///
    /// # Errors
    /// When there is no port, or no loopback.
    pub(crate) async fn bind(shared: Arc<Shared>) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        Ok(Self { listener, shared })
    }

    /// The port.
    ///
    /// # Errors
    /// When the socket has none, which no bound one does.
    pub(crate) fn port(&self) -> io::Result<u16> {
        Ok(self.listener.local_addr()?.port())
    }

    /// Serves for ever.
    pub(crate) async fn serve(self) {
        loop {
            match self.listener.accept().await {
                Ok((client, _)) => {
                    tokio::spawn(exchange::serve(client, Arc::clone(&self.shared)));
                }
                Err(_) => tokio::time::sleep(REST).await,
            }
        }
    }
}
