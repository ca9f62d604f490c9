//! Gives guarded programs, when they start, the memory that they are to see.
//!
//! An abstract Unix socket (unix(7)); who connects and has our user id gets one message: a line
//! that names the protocol, the paths of the two parts, and two descriptors (SCM_RIGHTS). Nothing is
//! read from anybody.

use std::io;
use std::mem::MaybeUninit;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::sync::Arc;
use std::time::Duration;

use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use rustix::process::geteuid;

use super::Parts;
use super::regions::Regions;
use super::texts::Texts;

/// What a message begins with; another release's has another number.
const GREETING: &str = "guard process 1\n";

/// How long nothing is accepted after that failed: there is no descriptor left, say.
const REST: Duration = Duration::from_millis(10);

/// Who hands over.
#[derive(Debug)]
pub(super) struct HandOver {
    listener: tokio::net::UnixListener,
    message: String,
    regions: Arc<Regions>,
    texts: Option<Texts>,
}

impl HandOver {
    /// Listens.
    pub(super) fn bind(name: &str, parts: &Parts, regions: &Arc<Regions>) -> io::Result<Self> {
        let listener = UnixListener::bind_addr(&SocketAddr::from_abstract_name(name)?)?;
        listener.set_nonblocking(true)?;
        let (preload, loader) = (parts.preload.display(), parts.loader.display());
        Ok(Self {
            listener: tokio::net::UnixListener::from_std(listener)?,
            message: format!("{GREETING}{preload}\n{loader}\n"),
            regions: Arc::clone(regions),
            texts: Texts::new(regions),
        })
    }

    /// Answers for ever.
    pub(super) async fn serve(mut self) {
        let uid = geteuid().as_raw();
        loop {
            let Ok((stream, _)) = self.listener.accept().await else {
                tokio::time::sleep(REST).await;
                continue;
            };
            let Some(peer) = stream.peer_cred().ok().filter(|peer| peer.uid() == uid) else {
                continue;
            };
            // Into an empty buffer: it does not wait. Who does not read it is gone.
            let _ = self.give(&stream);
            drop(stream);
            if let Some((texts, process)) = self.texts.as_mut().zip(peer.pid()) {
                texts.look(process);
            }
        }
    }

    fn give(&self, stream: &tokio::net::UnixStream) -> io::Result<()> {
        let descriptors = self.regions.descriptors();
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        control.push(SendAncillaryMessage::ScmRights(&descriptors));
        let text = [io::IoSlice::new(self.message.as_bytes())];
        sendmsg(stream, &text, &mut control, SendFlags::NOSIGNAL)?;
        Ok(())
    }
}
