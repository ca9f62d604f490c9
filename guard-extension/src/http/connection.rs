//! One end of a connection: a socket, and the bytes that came and were not used yet.
//!
//! Calls block, in a thread for each of a runtime's connections, of which there are few. An event
//! loop would ask the system once more for each message, and what it is made of lies cold in the
//! processor's caches by the time an event comes: measured here in November 2026, it took most of
//! what a whole proxy may.
//!
//! Must not know: what the bytes mean, beyond where a body ends.

use std::io::{self, ErrorKind, IoSlice};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use rustix::buffer::spare_capacity;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendAncillaryBuffer, SendFlags, recv, send, sendmsg};

use super::Malformed;
use super::chunked::{Chunked, Piece};
use super::head::Body;

/// Bytes read at once. A warm event and its head fit.
const READ: usize = 16 << 10;

/// Bytes read at once where there is more than that: what one side of a loopback connection hands
/// over in one piece.
const MOST_READ: usize = 64 << 10;

/// How long a server's answer is waited for before the client is looked after as well: a poll that
/// nobody waits for any more would be given an event.
const SOON: Duration = Duration::from_millis(20);

/// A buffer longer than this is made [`APART`] at once. A shorter one is had from what others left,
/// which costs less than new pages: 0.15 ms at 256 KB here.
const LARGE: usize = 512 << 10;

/// glibc maps what is longer than 32 MiB apart, whatever it learned from earlier buffers, and gives
/// it back whole when it is freed (mallopt(3), `M_MMAP_THRESHOLD`); one event of 6 MB would stay
/// resident for good otherwise. Only what is written takes memory.
const APART: usize = 33 << 20;

/// A buffer that grew beyond this for one long body is given back.
const KEPT: usize = 64 << 10;

/// A connection and its unused bytes.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
    start: usize,
    /// How much is read at once: more while there is more.
    room: usize,
    /// Reading waits no longer than [`SOON`].
    is_patient: bool,
}

/// What stopped a body on its way.
#[derive(Debug)]
pub(crate) enum Stopped {
    /// Its source: it ended early, broke, or sent what is no body.
    Source(io::Error),
    /// Its destination takes no more. What it said about that is in its buffer, if anything.
    Destination(io::Error),
}

impl From<Stopped> for io::Error {
    fn from(stopped: Stopped) -> Self {
        match stopped {
            Stopped::Source(error) | Stopped::Destination(error) => error,
        }
    }
}

impl Connection {
    pub(crate) fn new(stream: TcpStream) -> Self {
        // Without it a runtime that writes head and body apart waits 44 ms for an acknowledgement.
        // A socket that refuses is slower, not wrong.
        let _ = stream.set_nodelay(true);
        Self {
            stream,
            buffer: Vec::new(),
            start: 0,
            room: READ,
            is_patient: false,
        }
    }

    /// A connection to a server: what it says is waited for beside another connection, but not at
    /// first.
    pub(crate) fn to_server(stream: TcpStream) -> Self {
        let is_patient = stream.set_read_timeout(Some(SOON)).is_ok();
        Self {
            is_patient,
            ..Self::new(stream)
        }
    }

    /// What came and was not used yet.
    pub(crate) fn unused(&self) -> &[u8] {
        self.buffer.get(self.start..).unwrap_or_default()
    }

    /// Takes `count` unused bytes as used.
    pub(crate) fn consume(&mut self, count: usize) {
        self.start = (self.start + count).min(self.buffer.len());
        if self.start == self.buffer.len() {
            self.start = 0;
            self.buffer.clear();
            if self.buffer.capacity() > KEPT {
                self.buffer = Vec::new();
            }
        }
    }

    /// Waits for more bytes and answers how many came; none at the connection's end.
    pub(crate) fn fill(&mut self) -> io::Result<usize> {
        loop {
            match self.receive(RecvFlags::empty()) {
                Ok(count) => return Ok(count),
                Err(Errno::AGAIN) => wait(&mut [PollFd::new(&self.stream, PollFlags::IN)], None)?,
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// As [`Self::fill`], but only what is there already: nothing if that is nothing.
    fn fill_now(&mut self) -> io::Result<Option<usize>> {
        match self.receive(RecvFlags::DONTWAIT) {
            Ok(count) => Ok(Some(count)),
            Err(Errno::AGAIN) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// As [`Self::fill`], while `other` is there: its end, or more than `most` bytes that it sends
    /// without having been asked, are [`ErrorKind::ConnectionAborted`]. Not after `until`: then the
    /// wait is [`ErrorKind::TimedOut`].
    pub(crate) fn fill_beside(
        &mut self,
        other: &mut Self,
        most: usize,
        until: Option<Instant>,
    ) -> io::Result<usize> {
        // What comes soon, as most does, is had for one call of the system.
        if self.is_patient {
            match self.receive(RecvFlags::empty()) {
                Ok(count) => return Ok(count),
                Err(Errno::AGAIN) => {}
                Err(error) => return Err(error.into()),
            }
        }
        loop {
            let mut both = [
                PollFd::new(&self.stream, PollFlags::IN),
                PollFd::new(&other.stream, PollFlags::IN),
            ];
            wait(&mut both, until)?;
            let [own, others] = both.map(|end| !end.revents().is_empty());
            if own && let Some(count) = self.fill_now()? {
                return Ok(count);
            }
            if others {
                match other.fill_now() {
                    Ok(None) => {}
                    Ok(Some(count)) if count > 0 && other.unused().len() <= most => {}
                    _ => return Err(ErrorKind::ConnectionAborted.into()),
                }
            }
        }
    }

    fn receive(&mut self, flags: RecvFlags) -> rustix::io::Result<usize> {
        self.make_room(self.room);
        let room = self.buffer.capacity() - self.buffer.len();
        let count = loop {
            match recv(&self.stream, spare_capacity(&mut self.buffer), flags) {
                Ok((count, _)) => break count,
                Err(Errno::INTR) => {}
                Err(error) => return Err(error),
            }
        };
        self.room = match count {
            count if count == room => MOST_READ,
            count if count < READ => READ,
            _ => self.room,
        };
        Ok(count)
    }

    /// Whether an idle connection can be used for another request. One whose other end has gone,
    /// or has something to say that nobody asked for, cannot.
    pub(crate) fn is_idle(&mut self) -> bool {
        self.unused().is_empty() && matches!(self.fill_now(), Ok(None))
    }

    fn make_room(&mut self, count: usize) {
        if self.start > 0 && self.buffer.capacity() - self.buffer.len() < count {
            self.buffer.drain(..self.start);
            self.start = 0;
        }
        self.reserve(count);
    }

    fn reserve(&mut self, count: usize) {
        let length = self.buffer.len();
        if length + count > self.buffer.capacity().max(LARGE) {
            self.buffer
                .reserve_exact(count.max(APART - APART.min(length)));
        } else {
            self.buffer.reserve(count);
        }
    }

    /// Sends all of `parts`, in one call of the system where it takes that much. Ends early when
    /// the other end speaks before it has taken everything: what it says is then unused bytes here.
    /// A server may refuse a body before it has read it, and then reads no more: whoever only writes
    /// would wait for ever.
    pub(crate) fn send(&mut self, parts: &[&[u8]]) -> io::Result<()> {
        const FLAGS: SendFlags = SendFlags::DONTWAIT.union(SendFlags::NOSIGNAL);
        let mut slices = [IoSlice::new(&[]); 4];
        let used = parts.len().min(slices.len());
        for (slice, part) in slices.iter_mut().zip(parts) {
            *slice = IoSlice::new(part);
        }
        let mut left = slices.get_mut(..used).unwrap_or_default();
        IoSlice::advance_slices(&mut left, 0);
        while !left.is_empty() {
            let sent = match &*left {
                [one] => send(&self.stream, one, FLAGS),
                more => sendmsg(
                    &self.stream,
                    more,
                    &mut SendAncillaryBuffer::default(),
                    FLAGS,
                ),
            };
            match sent {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(count) => IoSlice::advance_slices(&mut left, count),
                Err(Errno::AGAIN) => self.wait_to_send()?,
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    fn wait_to_send(&mut self) -> io::Result<()> {
        loop {
            let either = PollFlags::OUT | PollFlags::IN;
            let mut end = [PollFd::new(&self.stream, either)];
            wait(&mut end, None)?;
            let [end] = end;
            let came = end.revents();
            if came.contains(PollFlags::OUT) {
                return Ok(());
            }
            if let Some(count) = self.fill_now()? {
                return Err(match count {
                    0 => ErrorKind::BrokenPipe.into(),
                    _ => ErrorKind::ConnectionAborted.into(),
                });
            }
        }
    }

    /// Reads all of `body`, which stands behind a head of `head` unused bytes; answers how long it
    /// is. It then stands right behind the head, chunks joined. Trailers of a chunked body come
    /// back whole, with the empty line that ends them.
    pub(crate) fn collect(
        &mut self,
        head: usize,
        body: Body,
        most: usize,
    ) -> io::Result<(usize, Vec<u8>)> {
        const TOO_LONG: Malformed = Malformed("a body is too long to be held");
        match body {
            Body::Length(length) => {
                let length = usize::try_from(length)
                    .ok()
                    .filter(|length| *length <= most)
                    .ok_or(TOO_LONG)?;
                self.buffer.drain(..self.start);
                self.start = 0;
                // Room for a read more: the last one is not to move what came before it.
                let room = (head + length + MOST_READ).saturating_sub(self.buffer.len());
                self.reserve(room);
                while self.buffer.len() < head + length {
                    if self.fill()? == 0 {
                        return Err(ErrorKind::UnexpectedEof.into());
                    }
                }
                Ok((length, Vec::new()))
            }
            Body::UntilClose => {
                while self.fill()? > 0 {
                    if self.unused().len() > head + most {
                        return Err(TOO_LONG.into());
                    }
                }
                Ok((self.unused().len().saturating_sub(head), Vec::new()))
            }
            Body::Chunked => self.join(head, most, TOO_LONG),
        }
    }

    fn join(
        &mut self,
        head: usize,
        most: usize,
        too_long: Malformed,
    ) -> io::Result<(usize, Vec<u8>)> {
        self.buffer.drain(..self.start);
        self.start = 0;
        let mut chunked = Chunked::new();
        let mut trailers = Vec::new();
        // Data is moved down to `end`; raw bytes are read on from `at`.
        let (mut end, mut at) = (head, head);
        loop {
            while let Some(piece) = chunked.next(self.buffer.get(at..).unwrap_or_default())? {
                match piece {
                    Piece::Framing(count) => at += count,
                    Piece::Trailer(count) => {
                        trailers
                            .extend_from_slice(self.buffer.get(at..at + count).unwrap_or_default());
                        at += count;
                    }
                    Piece::Data(count) => {
                        self.buffer.copy_within(at..at + count, end);
                        at += count;
                        end += count;
                    }
                }
            }
            if end - head > most {
                return Err(too_long.into());
            }
            if at == self.buffer.len() {
                self.buffer.truncate(end);
                at = end;
            }
            if chunked.is_done() {
                // What follows the body moves up to it.
                self.buffer.drain(end..at);
                return Ok((end - head, trailers));
            }
            if self.fill()? == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        }
    }
}

/// Waits until something happens at one of `ends`, or `until`: [`ErrorKind::TimedOut`].
fn wait(ends: &mut [PollFd<'_>], until: Option<Instant>) -> io::Result<()> {
    loop {
        let left = until.map(|until| until.saturating_duration_since(Instant::now()));
        let left = left.map(|left| Timespec {
            tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: left.subsec_nanos().into(),
        });
        match poll(ends, left.as_ref()) {
            Ok(0) => return Err(ErrorKind::TimedOut.into()),
            Ok(_) => return Ok(()),
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Sends `body`, byte for byte as it comes from `source`, to `destination`; `see` is shown its data.
pub(crate) fn relay(
    source: &mut Connection,
    destination: &mut Connection,
    body: Body,
    mut see: impl FnMut(&[u8]),
) -> Result<(), Stopped> {
    let mut chunked = Chunked::new();
    let mut left = match body {
        Body::Length(length) => length,
        Body::Chunked | Body::UntilClose => u64::MAX,
    };
    while left > 0 && !chunked.is_done() {
        if source.unused().is_empty() && source.fill().map_err(Stopped::Source)? == 0 {
            return match body {
                Body::UntilClose => Ok(()),
                _ => Err(Stopped::Source(ErrorKind::UnexpectedEof.into())),
            };
        }
        let bytes = source.unused();
        let count = match body {
            Body::Chunked => {
                let mut count = 0;
                while let Some(piece) = chunked
                    .next(bytes.get(count..).unwrap_or_default())
                    .map_err(|error| Stopped::Source(error.into()))?
                {
                    match piece {
                        Piece::Data(n) => {
                            see(bytes.get(count..count + n).unwrap_or_default());
                            count += n;
                        }
                        Piece::Framing(n) | Piece::Trailer(n) => count += n,
                    }
                }
                count
            }
            Body::Length(_) | Body::UntilClose => {
                let count = bytes.len().min(usize::try_from(left).unwrap_or(usize::MAX));
                see(bytes.get(..count).unwrap_or_default());
                left -= count as u64;
                count
            }
        };
        destination
            .send(&[bytes.get(..count).unwrap_or_default()])
            .map_err(Stopped::Destination)?;
        source.consume(count);
    }
    Ok(())
}
