//! The table and the dated record.

use std::fmt::Write as _;
use std::fs;
use std::time::Duration;

use guard_tests::{Result, host};

use crate::figures::Samples;
use crate::guard;

/// Lambda's x86 price of a GB-second in dollars, and the memory that buys one whole processor.
const GB_SECOND: f64 = 0.000_016_666_7;
const WHOLE_PROCESSOR_MB: f64 = 1769.0;

/// What was measured so far.
#[derive(Debug)]
pub(crate) struct Report {
    lines: String,
    rows: String,
    /// What the guard adds to an invocation of 1 KiB under the emulator, in microseconds.
    warm: f64,
    is_recorded: bool,
}

impl Report {
    pub(crate) fn new(is_recorded: bool) -> Self {
        let mut report = Self {
            lines: String::new(),
            rows: String::new(),
            warm: f64::NAN,
            is_recorded,
        };
        report.say(&host::description());
        report.say(&format!(
            "{:<9} {:>8} {:>8} {:>6} {:>10} {:>10} {:>10} {:>10} {:>10} {:>10} {:>7} {:>10} {:>10}",
            "api",
            "event",
            "answer",
            "n",
            "none p50",
            "floor +50",
            "guard +50",
            "none p99",
            "floor +99",
            "guard +99",
            "ratio",
            "floor cpu",
            "guard cpu"
        ));
        report
    }

    /// Invocations without a proxy, with the floor, with the guard.
    pub(crate) fn compare(
        &mut self,
        api: &str,
        event: usize,
        answer: usize,
        samples: &[Samples; 3],
        micros: [f64; 2],
    ) {
        let [none, floor, guard] = samples;
        let [floor_cpu, guard_cpu] = micros;
        let added = |samples: &Samples, at: fn(&Samples) -> f64| at(samples) - at(none);
        let (floor_50, guard_50) = (added(floor, Samples::p50), added(guard, Samples::p50));
        let (floor_99, guard_99) = (added(floor, Samples::p99), added(guard, Samples::p99));
        let ratio = guard_50 / floor_50;
        if api == "emulator" && self.warm.is_nan() {
            self.warm = guard_50;
        }
        self.say(&format!(
            "{api:<9} {event:>8} {answer:>8} {:>6} {:>10.1} {floor_50:>10.1} {guard_50:>10.1} \
             {:>10.1} {floor_99:>10.1} {guard_99:>10.1} {ratio:>7.2} {floor_cpu:>10.1} \
             {guard_cpu:>10.1}",
            none.count(),
            none.p50(),
            none.p99(),
        ));
        let (none_50, none_99) = (none.p50(), none.p99());
        self.row(&format!(
            "warm {api},{event},{answer},{none_50:.1},{floor_50:.1},{guard_50:.1},{none_99:.1},\
             {floor_99:.1},{guard_99:.1},{ratio:.3},{floor_cpu:.1},{guard_cpu:.1}"
        ));
    }

    /// Cold starts without the layer and with it: `name` in the record, `what` in words.
    pub(crate) fn cold(&mut self, name: &str, what: &str, without: &Samples, with: &Samples) {
        let (p50, p99) = (with.p50() - without.p50(), with.p99() - without.p99());
        self.say(&format!(
            "cold start: {:.1} ms without the layer, +{:.1} ms p50, {:+.1} ms p99 with {what}, n {}",
            without.p50() / 1e3,
            p50 / 1e3,
            p99 / 1e3,
            with.count()
        ));
        self.row(&format!(
            "{name},,,{:.0},,{p50:.0},{:.0},,{p99:.0},",
            without.p50(),
            without.p99()
        ));
    }

    /// Memory of a process, where there is one.
    pub(crate) fn process(&mut self, name: &str, id: Option<u32>) {
        let Some(id) = id else { return };
        let status = fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
        let kib = |name: &str| {
            let line = status.lines().find(|line| line.starts_with(name));
            line.and_then(|line| line.split_whitespace().nth(1))
                .unwrap_or("?")
                .to_owned()
        };
        let (now, peak) = (kib("VmRSS"), kib("VmHWM"));
        let own = kib("RssAnon");
        self.say(&format!(
            "{name}: {now} KiB resident ({own} KiB its own), {peak} KiB at most"
        ));
        self.row(&format!("resident KiB {name},,,,,{now},,,{peak},"));
    }

    /// What a process does while nothing happens.
    pub(crate) fn idle(&mut self, name: &str, id: Option<u32>, pause: Duration) {
        let Some(id) = id else { return };
        // What the last invocation left to do is not idling.
        std::thread::sleep(Duration::from_millis(500));
        let before = busy(id);
        std::thread::sleep(pause);
        let after = busy(id);
        let seconds = pause.as_secs_f64();
        let micros = (after.0 - before.0) / 1e3 / seconds;
        let wakes = (after.1 - before.1) / seconds;
        self.say(&format!(
            "{name}: {micros:.1} us of processor time and {wakes:.1} wake-ups per idle second"
        ));
        self.row(&format!("idle us per s {name},,,,,{micros:.1},,,,"));
    }

    /// Prints the rest and writes the record.
    pub(crate) fn finish(mut self) -> Result<()> {
        let program = guard();
        let size = fs::metadata(&program).map_or(0, |file| file.len());
        self.say(&format!("binary: {size} bytes"));
        self.row(&format!("binary bytes,,,,,{size},,,,"));
        if !self.warm.is_nan() {
            for (megabytes, name) in [(128.0, "128 MB"), (1024.0, "1 GB")] {
                let dollars = |us: f64| us * (megabytes / 1024.0) * GB_SECOND;
                let wall = dollars(self.warm);
                let slowed = dollars(self.warm * (WHOLE_PROCESSOR_MB / megabytes).max(1.0));
                self.say(&format!(
                    "cost at {name}: ${wall:.4} per million warm invocations as measured, \
                     ${slowed:.4} if all of it slows down with the processor's share"
                ));
                self.row(&format!(
                    "dollars per million {name},,,,,{wall:.5},,,{slowed:.5},"
                ));
            }
        }
        if !self.is_recorded {
            return Ok(());
        }
        let rows = format!(
            "name,event,answer,none_p50,floor_p50,guard_p50,none_p99,floor_p99,guard_p99,ratio_p50,\
             floor_cpu,guard_cpu\n{}",
            self.rows
        );
        let what = "microseconds unless named otherwise; floor and guard: added to none";
        host::record("extension", what, &rows)
    }

    fn say(&mut self, line: &str) {
        println!("{line}");
        let _ = writeln!(self.lines, "{line}");
    }

    fn row(&mut self, row: &str) {
        let _ = writeln!(self.rows, "{row}");
    }
}

/// Microseconds of processor time that each process took for each of `count` things since
/// `before`; without a process none.
pub(crate) fn since(before: [f64; 2], ids: [Option<u32>; 2], count: usize) -> [f64; 2] {
    let after = now(ids);
    #[expect(clippy::cast_precision_loss, reason = "some thousand")]
    let each = |at: usize| (after[at] - before[at]) / 1e3 / count as f64;
    [each(0), each(1)]
}

/// Nanoseconds of processor time that each process has taken.
pub(crate) fn now(ids: [Option<u32>; 2]) -> [f64; 2] {
    ids.map(|id| id.map_or(f64::NAN, |id| busy(id).0))
}

/// Nanoseconds of processor time, and how often it began to run, of a process with all its threads.
fn busy(id: u32) -> (f64, f64) {
    let threads = fs::read_dir(format!("/proc/{id}/task"))
        .into_iter()
        .flatten();
    threads.flatten().fold((0.0, 0.0), |sum, thread| {
        let text = fs::read_to_string(thread.path().join("schedstat")).unwrap_or_default();
        let mut numbers = text.split_whitespace().map(|n| n.parse().unwrap_or(0.0));
        let time: f64 = numbers.next().unwrap_or(0.0);
        (sum.0 + time, sum.1 + numbers.nth(1).unwrap_or(0.0))
    })
}
