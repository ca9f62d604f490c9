//! One end of a connection: a socket, and the bytes that came and were not used yet.
//!
//! Must not know: what the bytes mean, beyond where a body ends.

use std::io::{self, ErrorKind, IoSlice};
use std::task::{Context, Waker};

use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;

use super::Malformed;
use super::chunked::{Chunked, Piece};
use super::head::Body;

/// Bytes read at once. A warm event and its head fit.
const READ: usize = 16 << 10;

/// Bytes read at once where there is more than that: what one side of a loopback connection hands
/// over in one piece.
const MOST_READ: usize = 64 << 10;

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
    pub(crate) async fn fill(&mut self) -> io::Result<usize> {
        self.make_room(self.room);
        let room = self.buffer.capacity() - self.buffer.len();
        let count = self.stream.read_buf(&mut self.buffer).await?;
        self.room = match count {
            count if count == room => MOST_READ,
            count if count < READ => READ,
            _ => self.room,
        };
        Ok(count)
    }

    /// As [`Self::fill`], but only what is there already: nothing if that is nothing.
    fn fill_now(&mut self) -> io::Result<Option<usize>> {
        self.make_room(READ);
        match self.stream.try_read_buf(&mut self.buffer) {
            Ok(count) => Ok(Some(count)),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Whether an idle connection can be used for another request. One whose other end has gone,
    /// or has something to say that nobody asked for, cannot.
    pub(crate) fn is_idle(&mut self) -> bool {
        if !self.unused().is_empty() {
            return false;
        }
        // Asks what is known already before it asks the system.
        let mut context = Context::from_waker(Waker::noop());
        self.stream.poll_read_ready(&mut context).is_pending()
            || matches!(self.fill_now(), Ok(None))
    }

    /// Done when the other end has gone, or has sent more than `most` bytes without having been
    /// asked.
    pub(crate) async fn gone(&mut self, most: usize) {
        loop {
            if self.unused().len() > most || self.stream.readable().await.is_err() {
                return;
            }
            match self.fill_now() {
                Ok(None) => {}
                Ok(Some(count)) if count > 0 => {}
                _ => return,
            }
        }
    }

    fn make_room(&mut self, count: usize) {
        if self.start > 0 && self.buffer.capacity() - self.buffer.len() < count {
            self.buffer.drain(..self.start);
            self.start = 0;
        }
        self.buffer.reserve(count);
    }

    /// Sends all of `parts`, in one call of the system where it takes that much. Ends early when
    /// the other end speaks before it has taken everything: what it says is then unused bytes here.
    pub(crate) async fn send(&mut self, parts: &[&[u8]]) -> io::Result<()> {
        let mut slices = [IoSlice::new(&[]); 4];
        let used = parts.len().min(slices.len());
        for (slice, part) in slices.iter_mut().zip(parts) {
            *slice = IoSlice::new(part);
        }
        let mut left = slices.get_mut(..used).unwrap_or_default();
        IoSlice::advance_slices(&mut left, 0);
        while !left.is_empty() {
            match self.stream.try_write_vectored(left) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(count) => IoSlice::advance_slices(&mut left, count),
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.wait_to_send().await?,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Waits for room. A server may refuse a body before it has read it, and then reads no more:
    /// whoever only writes would wait for ever.
    async fn wait_to_send(&mut self) -> io::Result<()> {
        loop {
            tokio::select! {
                biased;
                writable = self.stream.writable() => return writable,
                readable = self.stream.readable() => readable?,
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
    pub(crate) async fn collect(
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
                self.buffer
                    .reserve((head + length + READ).saturating_sub(self.buffer.len()));
                while self.buffer.len() < head + length {
                    if self.fill().await? == 0 {
                        return Err(ErrorKind::UnexpectedEof.into());
                    }
                }
                Ok((length, Vec::new()))
            }
            Body::UntilClose => {
                while self.fill().await? > 0 {
                    if self.unused().len() > head + most {
                        return Err(TOO_LONG.into());
                    }
                }
                Ok((self.unused().len().saturating_sub(head), Vec::new()))
            }
            Body::Chunked => self.join(head, most, TOO_LONG).await,
        }
    }

    async fn join(
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
            if self.fill().await? == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        }
    }
}

/// Sends `body`, byte for byte as it comes from `source`, to `destination`; `see` is shown its data.
pub(crate) async fn relay(
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
        if source.unused().is_empty() && source.fill().await.map_err(Stopped::Source)? == 0 {
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
            .await
            .map_err(Stopped::Destination)?;
        source.consume(count);
    }
    Ok(())
}
