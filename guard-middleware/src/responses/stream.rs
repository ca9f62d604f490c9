//! A streaming response on its way out.

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use bytes::Bytes;
use futures_core::Stream;
use guard_core::policy::Mode;
use guard_core::secret::Scanner;
use lambda_runtime_api_client::BoxError;

use super::withheld_message;
use crate::shared::{Invocation, Shared};

/// A streaming response that is looked at chunk by chunk.
///
/// Chunks are handed on as they came. Only bytes that may be the start of a secret wait for the
/// next chunk, so what is cut is cut before its first byte; they are fewer than the longest secret
/// has.
pub struct Scanned<S> {
    stream: S,
    scan: Option<Scan>,
}

struct Scan {
    shared: Arc<Shared>,
    invocation: Invocation,
    scanner: Scanner<'static>,
    /// Chunks not handed on yet, oldest first.
    held: VecDeque<Bytes>,
    /// Bytes in `held`.
    length: usize,
    /// The end, once it was seen: what is held then goes out.
    ended: Option<Result<(), BoxError>>,
}

impl<S> Scanned<S> {
    pub(super) const fn passing(stream: S) -> Self {
        Self { stream, scan: None }
    }

    pub(super) fn scanning(stream: S, shared: Arc<Shared>, invocation: Invocation) -> Self {
        let scanner = shared.secrets.scanner();
        let scan = Scan {
            shared,
            invocation,
            scanner,
            held: VecDeque::new(),
            length: 0,
            ended: None,
        };
        Self {
            stream,
            scan: Some(scan),
        }
    }
}

impl<S: fmt::Debug> fmt::Debug for Scanned<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scanned")
            .field("stream", &self.stream)
            .finish_non_exhaustive()
    }
}

impl<S, D, E> Stream for Scanned<S>
where
    S: Stream<Item = Result<D, E>> + Unpin,
    D: Into<Bytes>,
    E: Into<BoxError>,
{
    type Item = Result<Bytes, BoxError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        let Some(scan) = &mut this.scan else {
            let item = ready!(Pin::new(&mut this.stream).poll_next(cx));
            return Poll::Ready(item.map(|item| item.map(Into::into).map_err(Into::into)));
        };
        loop {
            if let Some(chunk) = scan.settled() {
                return Poll::Ready(Some(Ok(chunk)));
            }
            match scan.ended.take() {
                Some(Err(error)) => {
                    scan.ended = Some(Ok(()));
                    return Poll::Ready(Some(Err(error)));
                }
                Some(Ok(())) => {
                    scan.ended = Some(Ok(()));
                    return Poll::Ready(None);
                }
                None => {}
            }
            match ready!(Pin::new(&mut this.stream).poll_next(cx)) {
                Some(Ok(chunk)) => scan.feed(chunk.into()),
                Some(Err(error)) => scan.ended = Some(Err(error.into())),
                None => scan.ended = Some(Ok(())),
            }
        }
    }
}

impl Scan {
    fn feed(&mut self, chunk: Bytes) {
        if chunk.is_empty() {
            return;
        }
        let start = Instant::now();
        let leak = self.scanner.feed(&chunk);
        self.length += chunk.len();
        self.held.push_back(chunk);
        let Some(leak) = leak else { return };
        if self.shared.report_leak(&self.invocation, &leak, start) {
            self.held.clear();
            self.length = 0;
            let message = withheld_message(&self.invocation.request_id);
            self.ended = Some(Err(message.into()));
        }
    }

    /// The oldest bytes that no secret can begin in any more.
    fn settled(&mut self) -> Option<Bytes> {
        // What is only recorded need not wait.
        let waits = self.ended.is_none() && self.shared.mode() == Mode::Enforce;
        let unsettled = if waits { self.scanner.held_back() } else { 0 };
        let ready = self.length.saturating_sub(unsettled);
        let mut chunk = self.held.pop_front()?;
        if ready == 0 {
            self.held.push_front(chunk);
            return None;
        }
        if ready < chunk.len() {
            self.held.push_front(chunk.split_off(ready));
        }
        self.length -= chunk.len();
        Some(chunk)
    }
}
