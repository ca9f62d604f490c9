//! Where audit records go: standard output, one line each, within a bound on time.
//!
//! Written on the invocation's own path, since a thread of ours would be frozen with the sandbox
//! before it had written anything. What keeps that from blocking: a line is written only when the
//! kernel says that there is room, and a reader that has stopped reading costs one wait of
//! [`PATIENCE`], then nothing. Knows nothing of what a record holds.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use guard_core::audit::AuditRecord;

/// How long one line may wait for its reader. The platform reads at once; 20 ms is time for a
/// throttled one to get its turn (a slice at 128 MB is 20 ms long) and below what a caller sees.
const PATIENCE: Duration = Duration::from_millis(20);

/// The writer, one for all clones of a layer.
pub(crate) struct Records {
    to: To,
    dropped: AtomicU64,
}

enum To {
    Stdout(Mutex<Line>),
    Given(Box<dyn Fn(&[u8]) + Send + Sync>),
}

/// State of the line that is being written.
#[derive(Default)]
struct Line {
    /// The last line found no reader: the next one does not wait.
    stalled: bool,
    /// The last line was cut short: the next one starts on a line of its own.
    torn: bool,
}

impl Records {
    pub(crate) fn to_stdout() -> Self {
        Self {
            to: To::Stdout(Mutex::default()),
            dropped: AtomicU64::new(0),
        }
    }

    pub(crate) fn to(given: Box<dyn Fn(&[u8]) + Send + Sync>) -> Self {
        Self {
            to: To::Given(given),
            dropped: AtomicU64::new(0),
        }
    }

    /// Writes `line`, which ends in its line break, or counts it as dropped. The first line that
    /// gets through again is followed by one that says how many did not.
    pub(crate) fn write(&self, line: &[u8]) {
        let mut state = match &self.to {
            To::Given(given) => return given(line),
            To::Stdout(state) => state.lock().unwrap_or_else(PoisonError::into_inner),
        };
        let stdout = std::io::stdout();
        if !state.write(&stdout, line) {
            self.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let dropped = self.dropped.swap(0, Ordering::Relaxed);
        if dropped > 0 && !state.write(&stdout, dropped_line(dropped).as_bytes()) {
            self.dropped.fetch_add(dropped, Ordering::Relaxed);
        }
    }
}

fn dropped_line(count: u64) -> String {
    format!(
        "{{\"guard\":{},\"type\":\"dropped\",\"count\":{count}}}\n",
        AuditRecord::SCHEMA
    )
}

impl fmt::Debug for Records {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Records")
            .field("dropped", &self.dropped)
            .finish_non_exhaustive()
    }
}

#[cfg(unix)]
impl Line {
    fn write(&mut self, to: &impl std::os::fd::AsFd, line: &[u8]) -> bool {
        let patience = if self.stalled {
            Duration::ZERO
        } else {
            PATIENCE
        };
        let mut torn = self.torn;
        // Past the handle's own buffer and lock: the handler's half-written line would hold us up
        // as long as its reader does. A write of up to PIPE_BUF bytes is whole by itself.
        let done = (!torn || put(to, b"\n", patience, &mut false)) && {
            torn = false;
            put(to, line, patience, &mut torn)
        };
        self.torn = torn;
        self.stalled = !done;
        done
    }
}

/// Writes all of `bytes`, or reports how that ended: `begun` when some of it is out.
#[cfg(unix)]
fn put(to: &impl std::os::fd::AsFd, bytes: &[u8], patience: Duration, begun: &mut bool) -> bool {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    use rustix::io::Errno;
    use std::time::Instant;

    /// What a pipe that reports room takes without blocking: PIPE_BUF, pipe(7).
    const ATOMIC: usize = 4096;

    let start = Instant::now();
    let mut left = bytes;
    while !left.is_empty() {
        let rest = patience.saturating_sub(start.elapsed());
        let timeout = Timespec {
            tv_sec: 0,
            tv_nsec: rest.subsec_nanos().into(),
        };
        match poll(&mut [PollFd::new(to, PollFlags::OUT)], Some(&timeout)) {
            Ok(0) => return false,
            Err(Errno::INTR) => continue,
            Err(_) => return false,
            Ok(_) => {}
        }
        let chunk = left.get(..ATOMIC).unwrap_or(left);
        match rustix::io::write(to, chunk) {
            Ok(n) => {
                left = left.get(n..).unwrap_or_default();
                *begun = !left.is_empty();
            }
            Err(Errno::INTR | Errno::AGAIN) if start.elapsed() < patience => {}
            Err(_) => return false,
        }
    }
    true
}

#[cfg(not(unix))]
impl Line {
    /// For development elsewhere; Lambda is Linux.
    fn write(&mut self, to: &std::io::Stdout, line: &[u8]) -> bool {
        use std::io::Write as _;
        to.lock().write_all(line).is_ok()
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::io::Read as _;
    use std::time::Instant;

    use super::*;

    #[test]
    fn a_line_arrives_whole() {
        let (mut reader, writer) = std::io::pipe().unwrap();
        let line = vec![b'x'; 10_000];
        assert!(Line::default().write(&writer, &line));
        drop(writer);
        let mut read = Vec::new();
        reader.read_to_end(&mut read).unwrap();
        assert_eq!(read, line);
    }

    #[test]
    fn a_reader_that_stopped_costs_one_wait_and_lines_are_whole_afterwards() {
        let (mut reader, writer) = std::io::pipe().unwrap();
        let mut line = Line::default();
        let text = [[b'x'; 3000].as_slice(), b"\n"].concat();
        let mut written = 0;
        while line.write(&writer, &text) {
            written += 1;
            assert!(written < 1000, "the pipe never fills");
        }
        let start = Instant::now();
        for _ in 0..1000 {
            assert!(!line.write(&writer, &text));
        }
        assert!(
            start.elapsed() < 50 * PATIENCE,
            "a stalled reader is waited for each time"
        );

        let mut read = vec![0; written * text.len()];
        reader.read_exact(&mut read).unwrap();
        assert!(line.write(&writer, b"after\n"));
        drop(writer);
        let mut rest = Vec::new();
        reader.read_to_end(&mut rest).unwrap();
        let rest = String::from_utf8(rest).unwrap();
        let last = rest.trim_start_matches(['x', '\n']);
        assert_eq!(last, "after\n");
    }

    #[test]
    fn a_torn_line_ends_before_the_next_one_begins() {
        let (mut reader, writer) = std::io::pipe().unwrap();
        let mut line = Line::default();
        let long = vec![b'y'; 1 << 20];
        assert!(!line.write(&writer, &long));
        assert!(line.torn);
        let mut some = vec![0; 16 << 10];
        reader.read_exact(&mut some).unwrap();
        assert!(line.write(&writer, b"next\n"));
        drop(writer);
        let mut rest = Vec::new();
        reader.read_to_end(&mut rest).unwrap();
        assert!(rest.ends_with(b"y\nnext\n"));
    }

    #[test]
    fn a_closed_reader_is_a_drop() {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        assert!(!Line::default().write(&writer, b"line\n"));
    }
}
