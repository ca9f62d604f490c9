//! Gives guarded programs, when they start, the memory that they are to see.
//!
//! An abstract Unix socket (unix(7)); who connects and has our user id, or comes from a program under
//! guard where we are root, gets one message: a line that names the protocol, the paths of the two
//! parts, and two descriptors (SCM_RIGHTS). Nothing is read from anybody.

use std::collections::VecDeque;
use std::io;
use std::mem::MaybeUninit;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::sync::Arc;
use std::time::Duration;

use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use rustix::process::geteuid;
use tokio::time::Instant;

use super::Parts;
use super::ancestors;
use super::regions::Regions;
use super::texts::Texts;

/// What a message begins with; another release's has another number.
const GREETING: &str = "guard process 1\n";

/// How long nothing is accepted after that failed: there is no descriptor left, say.
const REST: Duration = Duration::from_millis(10);

/// When a process is looked at after it came: what it loads by itself comes later than what it was
/// linked with.
const LOOKS: [Duration; 4] = [
    Duration::ZERO,
    Duration::from_millis(60),
    Duration::from_millis(400),
    Duration::from_secs(2),
];

/// Processes that came last: who comes again has mapped what it did not find known, and may be gone
/// soon.
const RECENT: usize = 64;

/// Looks that are planned at a time.
const MOST_LOOKS: usize = 64;

/// Who hands over.
#[derive(Debug)]
pub(super) struct HandOver {
    listener: tokio::net::UnixListener,
    message: String,
    regions: Arc<Regions>,
    texts: Option<Texts>,
    /// When which process is to be looked at, the next one first.
    looks: Vec<(Instant, i32)>,
    /// The last ones, the latest first.
    recent: VecDeque<i32>,
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
            texts: Texts::new(regions, &parts.preload),
            looks: Vec::new(),
            recent: VecDeque::with_capacity(RECENT),
        })
    }

    /// Answers for ever.
    pub(super) async fn serve(mut self) {
        let uid = geteuid().as_raw();
        loop {
            let accepted = tokio::select! {
                accepted = self.listener.accept() => accepted,
                () = until(self.looks.first()) => {
                    self.look();
                    continue;
                }
            };
            let Ok((stream, _)) = accepted else {
                tokio::time::sleep(REST).await;
                continue;
            };
            let Ok(peer) = stream.peer_cred() else {
                continue;
            };
            // Programs of root's become other users', and start programs then.
            let is_left = || uid == 0 && self.comes_from_guarded(peer.pid());
            if peer.uid() != uid && !is_left() {
                continue;
            }
            // Into an empty buffer: it does not wait. Who does not read it is gone.
            let _ = self.give(&stream);
            drop(stream);
            if let Some(process) = peer.pid() {
                self.plan_looks(process);
            }
        }
    }

    fn comes_from_guarded(&self, process: Option<i32>) -> bool {
        process.is_some_and(|process| ancestors::is_guarded(process, self.regions.sealed_file()))
    }

    /// Plans to look at what a process runs: at once, and when it has loaded more; of one that comes
    /// again, at once.
    fn plan_looks(&mut self, process: i32) {
        let Some(texts) = &mut self.texts else {
            return;
        };
        let comes_again = self.recent.contains(&process);
        if !comes_again {
            self.recent.truncate(RECENT - 1);
            self.recent.push_front(process);
        }
        if !texts.is_due(comes_again) {
            return;
        }
        let now = Instant::now();
        let count = if comes_again { 1 } else { LOOKS.len() };
        for later in LOOKS.into_iter().take(count) {
            if self.looks.len() < MOST_LOOKS {
                self.looks.push((now + later, process));
            }
        }
        self.looks.sort_unstable();
    }

    /// Looks at the process whose turn it is.
    fn look(&mut self) {
        if self.looks.is_empty() {
            return;
        }
        let (_, process) = self.looks.remove(0);
        if let Some(texts) = &mut self.texts {
            texts.look(process);
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

/// Until the next look is due; for ever when there is none.
async fn until(look: Option<&(Instant, i32)>) {
    match look {
        Some((due, _)) => tokio::time::sleep_until(*due).await,
        None => std::future::pending().await,
    }
}
