//! The tables and the dated record.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use guard_tests::{Result, host};

/// What one run of a function came to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Served {
    /// Requests a second.
    pub(crate) rate: f64,
    /// Most KiB resident at any time.
    pub(crate) peak: f64,
    /// KiB that are this process's alone, in the end: copies of file pages among them.
    pub(crate) own: f64,
    /// KiB of files and shared memory, in the end, which every process that maps them counts.
    pub(crate) shared: f64,
}

/// What was measured so far.
#[derive(Debug)]
pub(crate) struct Report {
    rows: String,
    /// Nanoseconds of each call, native and guarded, of all rounds.
    calls: BTreeMap<String, [Vec<f64>; 2]>,
    /// In the order of the program that measures.
    order: Vec<String>,
    is_recorded: bool,
}

impl Report {
    pub(crate) fn new(is_recorded: bool) -> Self {
        println!("{}", host::description());
        Self {
            rows: String::new(),
            calls: BTreeMap::new(),
            order: Vec::new(),
            is_recorded,
        }
    }

    /// Lines of a name and nanoseconds, from one run as it is and one under guard.
    pub(crate) fn calls(&mut self, linked: &str, native: &[String], guarded: &[String]) {
        for (at, lines) in [native, guarded].into_iter().enumerate() {
            for line in lines {
                let Some((name, value)) = line.rsplit_once(' ') else {
                    continue;
                };
                let name = format!("{name} ({linked})");
                if !self.calls.contains_key(&name) {
                    self.order.push(name.clone());
                }
                let samples = self.calls.entry(name).or_default();
                samples[at].extend(value.parse::<f64>());
            }
        }
    }

    /// Prints them: of each the best, which is what a busy machine disturbs least.
    pub(crate) fn end_calls(&mut self) {
        println!(
            "\n{:<32}{:>12}{:>12}{:>12}",
            "a call, ns", "native", "guarded", "more"
        );
        for name in std::mem::take(&mut self.order) {
            let Some(samples) = self.calls.remove(&name) else {
                continue;
            };
            let [native, guarded] =
                samples.map(|values| values.into_iter().fold(f64::NAN, f64::min));
            let more = guarded - native;
            println!("{name:<32}{native:>12.0}{guarded:>12.0}{more:>12.0}");
            let _ = writeln!(
                self.rows,
                "call ns {name},{native:.0},{guarded:.0},{more:.0},,"
            );
        }
        println!(
            "\n{:<20}{:>10}{:>10}{:>10}{:>8}{:>12}{:>12}{:>12}{:>12}",
            "a start, us",
            "native",
            "guarded",
            "more",
            "%",
            "best more",
            "KiB native",
            "guarded",
            "more"
        );
    }

    /// Lines of microseconds and KiB, native and guarded.
    pub(crate) fn starts(&mut self, name: &str, lines: &[String]) {
        let mut columns = [const { Vec::new() }; 4];
        for line in lines {
            for (column, value) in columns.iter_mut().zip(line.split(' ')) {
                column.extend(value.parse::<f64>());
            }
        }
        // Of each pair, which ran one after the other: what else the machine does hits both.
        let [native, guarded, ..] = &columns;
        let mut pairs: Vec<f64> = native.iter().zip(guarded).map(|(n, g)| g - n).collect();
        for column in columns.iter_mut().chain([&mut pairs]) {
            column.sort_by(f64::total_cmp);
        }
        let more = pairs.get(pairs.len() / 2).copied().unwrap_or(f64::NAN);
        let middle = |at: usize| {
            let column: &Vec<f64> = &columns[at];
            column.get(column.len() / 2).copied().unwrap_or(f64::NAN)
        };
        let best = |at: usize| columns[at].first().copied().unwrap_or(f64::NAN);
        let (native, guarded) = (middle(0), middle(1));
        let least = best(1) - best(0);
        let (kib, kib_guarded) = (middle(2), middle(3));
        println!(
            "{name:<20}{native:>10.0}{guarded:>10.0}{more:>10.0}{:>8.1}{least:>12.0}{kib:>12.0}\
             {kib_guarded:>12.0}{:>12.0}",
            100.0 * more / native,
            kib_guarded - kib
        );
        let _ = writeln!(
            self.rows,
            "start us {name},{native:.0},{guarded:.0},{more:.0},{:.0},{:.0}",
            best(0),
            best(1)
        );
        let _ = writeln!(
            self.rows,
            "peak KiB {name},{kib:.0},{kib_guarded:.0},{:.0},,",
            kib_guarded - kib
        );
    }

    /// Requests a second and KiB, of each run.
    pub(crate) fn function(&mut self, name: &str, native: &[Served], guarded: &[Served]) {
        let best = |runs: &[Served]| runs.iter().map(|run| run.rate).fold(f64::NAN, f64::max);
        let middle = |of: fn(&Served) -> f64, runs: &[Served]| {
            let mut values: Vec<f64> = runs.iter().map(of).collect();
            values.sort_by(f64::total_cmp);
            values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
        };
        let both = |of| (middle(of, native), middle(of, guarded));
        let (rate, rate_guarded) = both(|run| run.rate);
        println!(
            "\n{:<20}{:>10}{:>10}{:>8}{:>12}{:>12}\n\
             {name:<20}{rate:>10.0}{rate_guarded:>10.0}{:>8.1}{:>12.0}{:>12.0}",
            "requests a second",
            "native",
            "guarded",
            "%",
            "best native",
            "guarded",
            100.0 * (rate_guarded - rate) / rate,
            best(native),
            best(guarded),
        );
        let _ = writeln!(
            self.rows,
            "requests per s {name},{rate:.0},{rate_guarded:.0},{:.0},{:.0},{:.0}",
            rate_guarded - rate,
            best(native),
            best(guarded)
        );
        println!(
            "\n{:<20}{:>10}{:>10}{:>10}",
            "KiB", "native", "guarded", "more"
        );
        let kinds = [
            ("peak KiB", both(|run| run.peak)),
            ("own KiB", both(|run| run.own)),
            ("shared KiB", both(|run| run.shared)),
        ];
        for (kind, (kib, kib_guarded)) in kinds {
            let more = kib_guarded - kib;
            println!("{kind:<20}{kib:>10.0}{kib_guarded:>10.0}{more:>10.0}");
            let _ = writeln!(
                self.rows,
                "{kind} {name},{kib:.0},{kib_guarded:.0},{more:.0},,"
            );
        }
    }

    /// Writes the record.
    pub(crate) fn finish(self) -> Result<()> {
        if !self.is_recorded {
            return Ok(());
        }
        let rows = format!(
            "name,native,guarded,more,native_best,guarded_best\n{}",
            self.rows
        );
        let what = "calls: the best of all rounds, starts and memory: medians, more: that of the \
                    pairs; native and guarded in turn";
        host::record("process", what, &rows)
    }
}
