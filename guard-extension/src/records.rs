//! Where records go: standard output, one line each, which Lambda collects as the extension's log.
//!
//! Never waits. A line that the reader has no room for is queued; what the queue has no room for is
//! dropped and counted, and the count is a line of its own once lines get through again. Lines are
//! whole and in order. Nothing here reads a log, so that records cannot feed on themselves. Must not
//! know: what a record says.

use std::collections::VecDeque;
use std::io::Stdout;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use guard_core::audit::{AuditRecord, Timestamp};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{SendFlags, send};
use tokio::sync::Notify;

use crate::time::now_ms;

/// Most bytes that wait: some hundred records, a small part of the memory that a guard may take.
const QUEUE: usize = 128 << 10;

/// What a pipe that reports room takes without blocking: `PIPE_BUF`, pipe(7).
const ATOMIC: usize = 4096;

/// How often a reader that had no room is asked again.
const AGAIN: Duration = Duration::from_millis(20);

/// Writes lines to standard output.
#[derive(Debug)]
pub(crate) struct Records {
    stdout: Stdout,
    queue: Mutex<Queue>,
    waiting: Notify,
}

#[derive(Debug, Default)]
struct Queue {
    bytes: VecDeque<u8>,
    dropped: u64,
    /// Nobody will read any more.
    is_closed: bool,
}

impl Records {
    pub(crate) fn new() -> Self {
        Self {
            stdout: std::io::stdout(),
            queue: Mutex::default(),
            waiting: Notify::new(),
        }
    }

    /// Writes an audit record.
    pub(crate) fn write_audit(&self, record: &AuditRecord<'_>) {
        let mut line = vec![0; AuditRecord::MAX_BYTES];
        if let Some(line) = record
            .write_json(&mut line)
            .and_then(|length| line.get(..length))
        {
            self.write(line);
        }
    }

    /// Writes a line that is no audit record, with the members that all lines begin with.
    pub(crate) fn write_members(&self, kind: &str, members: &serde_json::Value) {
        let members = members.to_string();
        let members = members.strip_prefix('{').unwrap_or("}");
        let (schema, time) = (AuditRecord::SCHEMA, Timestamp(now_ms()));
        self.write(
            format!("{{\"guard\":{schema},\"type\":\"{kind}\",\"time\":\"{time}\",{members}\n")
                .as_bytes(),
        );
    }

    /// Says one thing that an operator has to know and that is no decision.
    pub(crate) fn notice(&self, request_id: Option<&str>, message: &str) {
        self.write_members(
            "notice",
            &serde_json::json!({ "request_id": request_id, "message": message }),
        );
    }

    /// Writes `line`, which ends in its line break, now or as soon as there is room.
    pub(crate) fn write(&self, line: &[u8]) {
        let mut queue = self.queue();
        if queue.is_closed || queue.bytes.len() + line.len() > QUEUE {
            queue.dropped = queue.dropped.saturating_add(1);
        } else {
            queue.bytes.extend(line);
        }
        if !queue.pump(&self.stdout) {
            self.waiting.notify_one();
        }
    }

    /// Writes what waits, as room comes; for a task of its own.
    pub(crate) async fn keep_writing(&self) {
        loop {
            self.waiting.notified().await;
            while !self.queue().pump(&self.stdout) {
                tokio::time::sleep(AGAIN).await;
            }
        }
    }

    /// Writes what waits, for at most `patience`.
    pub(crate) fn flush(&self, patience: Duration) {
        let start = Instant::now();
        let mut queue = self.queue();
        while !queue.pump(&self.stdout) && start.elapsed() < patience {
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    /// Writes as much as there is room for; whether that is everything.
    fn pump(&mut self, to: &impl std::os::fd::AsFd) -> bool {
        if self.bytes.is_empty() && self.dropped > 0 && !self.is_closed {
            let (schema, count) = (AuditRecord::SCHEMA, std::mem::take(&mut self.dropped));
            let line = format!("{{\"guard\":{schema},\"type\":\"dropped\",\"count\":{count}}}\n");
            self.bytes.extend(line.as_bytes());
        }
        while !self.bytes.is_empty() {
            let (front, _) = self.bytes.as_slices();
            match put(to, front.get(..ATOMIC).unwrap_or(front)) {
                Ok(count) => drop(self.bytes.drain(..count)),
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return false,
                Err(_) => {
                    self.is_closed = true;
                    self.bytes.clear();
                }
            }
        }
        true
    }
}

/// Writes some of `bytes` without waiting.
fn put(to: &impl std::os::fd::AsFd, bytes: &[u8]) -> rustix::io::Result<usize> {
    match send(to, bytes, SendFlags::DONTWAIT | SendFlags::NOSIGNAL) {
        Err(Errno::NOTSOCK) => {}
        result => return result,
    }
    // Not by setting the descriptor non-blocking: it may be shared with the function, whose writes
    // would then fail where they used to wait.
    let now = Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    match poll(&mut [PollFd::new(to, PollFlags::OUT)], Some(&now))? {
        0 => Err(Errno::AGAIN),
        _ => rustix::io::write(to, bytes),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    fn queue(text: &[u8]) -> Queue {
        let mut queue = Queue::default();
        queue.bytes.extend(text);
        queue
    }

    #[test]
    fn a_reader_without_room_is_not_waited_for_and_gets_everything_later() {
        let (mut reader, writer) = std::io::pipe().unwrap();
        let text = vec![b'x'; 1 << 20];
        let mut queue = queue(&text);
        let start = Instant::now();
        assert!(!queue.pump(&writer));
        assert!(start.elapsed() < Duration::from_secs(1));
        let reading = std::thread::spawn(move || {
            let mut read = Vec::new();
            reader.read_to_end(&mut read).unwrap();
            read
        });
        while !queue.pump(&writer) {
            std::thread::sleep(Duration::from_millis(1));
        }
        drop(writer);
        assert_eq!(reading.join().unwrap(), text);
    }

    #[test]
    fn what_was_dropped_is_counted_when_lines_get_through() {
        let (mut reader, writer) = std::io::pipe().unwrap();
        let mut queue = queue(b"line\n");
        queue.dropped = 3;
        assert!(queue.pump(&writer) && queue.pump(&writer));
        drop(writer);
        let mut read = String::new();
        reader.read_to_string(&mut read).unwrap();
        assert_eq!(
            read,
            "line\n{\"guard\":1,\"type\":\"dropped\",\"count\":3}\n"
        );
    }

    #[test]
    fn a_closed_reader_ends_the_writing() {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut queue = queue(b"line\n");
        assert!(queue.pump(&writer) && queue.is_closed);
    }

    #[test]
    fn a_socket_is_not_waited_for() {
        let (reader, writer) = std::os::unix::net::UnixStream::pair().unwrap();
        let mut queue = queue(&vec![b'x'; 8 << 20]);
        assert!(!queue.pump(&writer));
        drop(reader);
    }
}
