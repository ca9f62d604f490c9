//! Which bucket each trigger is in, and at which positions a group of buckets is looked up at all,
//! found by trying on benign events: once for those who look kinds of bytes up, once for those who
//! look nibbles up.

#[cfg(any(test, target_arch = "x86_64", target_arch = "aarch64"))]
use super::tables::GROUPS;
#[cfg(any(test, target_arch = "x86_64", target_arch = "aarch64"))]
use crate::inspect::trigger::WIDTH;

/// For each group of buckets the positions at which it is looked up: at others, what is looked up
/// elsewhere tells nearly as much.
#[cfg(any(test, target_arch = "x86_64", target_arch = "aarch64"))]
pub(super) type Looks = [[bool; WIDTH]; GROUPS];

/// For look-ups of kinds, in the order of the triggers. Both are made anew by
/// `GUARD_REGROUP=1 cargo test --release -p lambda-guard-core grouping`, which takes some eight minutes.
pub(super) const BY_KIND: &[u8] = &[
    16, 8, 7, 29, 12, 23, 20, 18, 28, 4, 1, 13, 22, 2, 1, 10, 2, 18, 18, 2, 13, 26, 9, 22, 26, 17,
    23, 6, 6, 13, 23, 30, 31, 19, 9, 25, 28, 28, 8, 5, 21, 25, 9, 11, 3, 19, 20, 2, 20, 30, 17, 4,
    4, 4, 2, 4, 22, 20, 20, 20, 14, 14, 1, 1, 29, 28, 29, 20, 4, 4, 4, 5, 7, 21, 20, 21, 28, 12,
    12, 4, 4, 4, 21, 28, 21, 28, 28, 28, 4, 28, 12, 4, 28, 21, 8, 16, 12, 24, 19, 15, 27, 9, 22, 8,
    30, 22, 3, 26, 17, 12, 23, 30, 0, 22, 9, 30, 0, 13, 0, 26, 1, 29, 11, 10, 1, 30, 29, 11, 12,
    11, 0, 11, 11, 4, 4, 4, 4, 4, 20, 4, 20, 1, 20, 1, 1, 20, 4, 28, 4, 20, 20, 4, 28, 18, 8, 4,
    20, 18, 21, 11, 12, 20, 20, 17, 4, 4, 31, 0, 7, 6, 12, 28, 28, 21, 20, 5, 19, 25, 26, 14, 22,
    2, 10, 10, 10, 18, 10, 10, 25, 17, 24, 24, 1, 10, 11, 31, 15, 15, 25, 16, 27, 31, 13, 0, 19,
    11, 30, 9, 6, 27, 1, 28, 4, 2, 26, 5, 27, 9, 0, 2, 5, 0, 5, 15, 27, 1, 1, 1, 1, 10, 10, 1, 15,
    27, 1, 4, 1, 1, 1, 1, 16, 1, 6, 1, 27, 11, 7, 7, 3, 18, 15, 5, 15, 5, 12, 22, 13, 11, 7, 30,
    11, 30, 17, 1, 26, 23, 10, 20, 21, 21, 18, 20, 28, 20, 1, 20, 28, 28, 28, 25, 28, 14, 4, 28, 2,
    4, 28, 4, 4, 28, 17, 24, 10, 7, 31, 9, 9, 31, 11, 16, 16, 26, 2, 10, 7, 22, 6, 17, 6, 28, 17,
    0, 0, 24, 24, 13, 28, 21, 17, 18, 0, 18, 28, 1, 4, 28, 28, 28, 18, 28, 14, 14, 14, 5, 29, 29,
    8, 24, 24, 8, 24, 3, 9, 19, 8, 30,
];

/// For look-ups of nibbles.
#[cfg(any(test, target_arch = "x86_64", target_arch = "aarch64"))]
pub(super) const BY_NIBBLES: &[u8] = &[
    7, 14, 14, 14, 28, 13, 22, 9, 22, 22, 21, 5, 5, 5, 20, 29, 25, 19, 18, 13, 11, 6, 26, 25, 3,
    14, 27, 13, 11, 31, 19, 1, 4, 2, 6, 31, 22, 22, 11, 9, 30, 19, 20, 30, 1, 6, 21, 30, 18, 18,
    25, 21, 22, 22, 22, 22, 6, 23, 23, 21, 21, 21, 16, 13, 9, 21, 10, 20, 19, 19, 19, 4, 20, 19,
    20, 19, 16, 16, 8, 19, 23, 22, 22, 16, 21, 12, 22, 22, 22, 20, 15, 22, 22, 22, 2, 7, 8, 23, 29,
    27, 3, 5, 5, 5, 7, 5, 5, 0, 26, 9, 13, 13, 13, 16, 1, 1, 26, 6, 28, 24, 13, 11, 12, 13, 20, 1,
    14, 13, 15, 4, 20, 4, 13, 22, 22, 22, 19, 19, 22, 22, 22, 19, 22, 22, 22, 19, 19, 22, 22, 22,
    19, 19, 22, 31, 22, 22, 22, 22, 23, 22, 5, 20, 20, 22, 22, 22, 31, 9, 9, 21, 12, 22, 22, 22,
    22, 29, 24, 27, 26, 30, 24, 5, 29, 29, 29, 19, 29, 29, 27, 12, 25, 25, 22, 14, 4, 24, 2, 2, 27,
    7, 4, 9, 30, 9, 3, 4, 2, 5, 11, 24, 16, 22, 22, 24, 0, 3, 25, 11, 28, 5, 9, 4, 24, 7, 24, 21,
    16, 23, 21, 21, 21, 15, 0, 0, 15, 19, 21, 14, 15, 12, 7, 13, 9, 13, 13, 27, 12, 12, 6, 19, 4,
    30, 1, 9, 2, 2, 30, 26, 1, 26, 4, 1, 4, 18, 7, 3, 6, 22, 23, 19, 18, 23, 22, 22, 18, 18, 22,
    18, 18, 26, 20, 10, 19, 20, 10, 22, 22, 22, 22, 20, 26, 4, 11, 12, 26, 2, 2, 11, 28, 7, 7, 4,
    30, 1, 12, 29, 3, 0, 23, 22, 22, 3, 28, 3, 30, 0, 22, 22, 18, 20, 20, 18, 13, 22, 22, 22, 22,
    16, 17, 19, 8, 28, 28, 31, 14, 14, 16, 8, 29, 29, 8, 3, 3, 3, 29, 8,
];

/// Where these look. Those who look kinds up do so at all positions: it costs them little.
#[cfg(any(test, target_arch = "x86_64", target_arch = "aarch64"))]
pub(super) const NIBBLE_LOOKS: Looks = [
    [true, true, true, true],
    [true, true, true, false],
    [true, true, false, false],
    [true, true, true, true],
];

#[cfg(test)]
#[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
mod tests {
    use std::collections::BTreeMap;
    use std::fmt::Write as _;
    use std::fs;
    use std::io::Write as _;
    use std::mem::replace;
    use std::path::Path;

    use super::*;
    use crate::inspect::prefilter::tables::{BUCKETS, TRIGGERS, class, kind, naive};
    use crate::inspect::trigger::PAST_END;
    use crate::random::Random;

    /// A way of looking bytes up, and what its grouping may mark in a KiB of benign events.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    enum Look {
        Kinds,
        Nibbles,
    }

    impl Look {
        fn recorded(self) -> Grouping {
            let (of, looks) = match self {
                Self::Kinds => (BY_KIND, [[true; WIDTH]; GROUPS]),
                Self::Nibbles => (BY_NIBBLES, NIBBLE_LOOKS),
            };
            let of = of.iter().map(|bucket| usize::from(*bucket)).collect();
            Grouping { of, looks }
        }

        const fn wanted(self) -> f64 {
            match self {
                Self::Kinds => 9.0,
                Self::Nibbles => 45.0,
            }
        }

        /// What looking a group up at a position costs in a KiB, in marks, where it may be left out:
        /// two look-ups of two instructions for each 32 bytes, where a mark costs 19 (2026-11-24).
        const fn price(self) -> Option<f64> {
            match self {
                Self::Kinds => None,
                Self::Nibbles => Some(128.0 / 19.0),
            }
        }

        /// What is looked up for a byte.
        fn features(self, byte: u8) -> (u8, u8) {
            match self {
                Self::Kinds => (kind(byte), 0),
                Self::Nibbles => (byte & 15, byte >> 3 & 15),
            }
        }

        /// The same for all bytes of a trigger's classes.
        fn told(self, trigger: usize) -> Told {
            std::array::from_fn(|position| {
                let class = class(trigger, position);
                let held = (0..=255u8).filter(|byte| class.contains(*byte));
                held.fold((0, 0), |(first, second), byte| {
                    let (a, b) = self.features(byte);
                    (first | 1 << a, second | 1 << b)
                })
            })
        }
    }

    /// Sets of what is looked up at each position.
    type Told = [(u64, u16); WIDTH];

    #[derive(Clone)]
    struct Grouping {
        of: Vec<usize>,
        looks: Looks,
    }

    /// How often a window occurs in a KiB.
    type Windows = Vec<([u8; WIDTH], f64)>;

    /// The test events as Lambda sends them, without white space between tokens, and text that
    /// people write, also as a form brings it and as its fields are searched.
    fn sample() -> Vec<u8> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data");
        let mut sample = Vec::new();
        for folder in [folder.join("events"), folder.join("benign")] {
            let mut files: Vec<_> = fs::read_dir(folder)
                .into_iter()
                .flatten()
                .map(|entry| entry.unwrap().path())
                .collect();
            files.sort();
            for file in files {
                let text = fs::read(file).unwrap();
                match serde_json::from_slice::<serde_json::Value>(&text) {
                    Ok(event) => sample.extend(event.to_string().bytes()),
                    Err(_) => {
                        sample.extend(form(&text));
                        for field in text.split(|byte| *byte == b' ') {
                            sample.extend([PAST_END; WIDTH - 1]);
                            sample.extend(field);
                        }
                        sample.extend(text);
                    }
                }
            }
        }
        sample
    }

    fn form(text: &[u8]) -> Vec<u8> {
        let mut form = Vec::new();
        for byte in text {
            match byte {
                b' ' => form.push(b'+'),
                b'-' | b'.' | b'_' => form.push(*byte),
                byte if byte.is_ascii_alphanumeric() => form.push(*byte),
                byte => write!(form, "%{byte:02X}").unwrap(),
            }
        }
        form
    }

    /// The windows in which no trigger occurs: those that are marked in vain.
    fn windows(sample: &[u8]) -> Windows {
        let mut counts: BTreeMap<[u8; WIDTH], f64> = BTreeMap::new();
        for window in sample.windows(WIDTH).filter_map(<[u8]>::first_chunk) {
            *counts.entry(*window).or_default() += 1024.0 / sample.len() as f64;
        }
        let in_vain = |(window, _): &([u8; WIDTH], f64)| naive(window, 0) == 0;
        counts.into_iter().filter(in_vain).collect()
    }

    /// A grouping being tried.
    struct Trial<'w> {
        look: Look,
        windows: &'w Windows,
        told: Vec<Told>,
        grouping: Grouping,
        buckets: Vec<Bucket>,
        /// How many buckets mark each window.
        times: Vec<u8>,
        /// What is marked in a KiB.
        marked: f64,
    }

    #[derive(Clone, Default)]
    struct Bucket {
        marks: Vec<usize>,
        /// Of all windows, how many it would mark.
        share: f64,
    }

    impl<'w> Trial<'w> {
        fn new(look: Look, windows: &'w Windows, grouping: Grouping) -> Self {
            let mut trial = Self {
                look,
                windows,
                told: (0..TRIGGERS).map(|trigger| look.told(trigger)).collect(),
                grouping,
                buckets: vec![Bucket::default(); BUCKETS],
                times: vec![0; windows.len()],
                marked: 0.0,
            };
            for bucket in 0..BUCKETS {
                trial.replace(bucket);
            }
            trial
        }

        /// What is marked, a little for what would be, since the sample is not everything, and what
        /// looking costs.
        fn cost(&self) -> f64 {
            let share: f64 = self.buckets.iter().map(|bucket| bucket.share).sum();
            let looks = self.grouping.looks.iter().flatten().filter(|looks| **looks);
            self.marked
                + 10.0 * share
                + looks.count() as f64 * self.look.price().unwrap_or_default()
        }

        /// Marks anew for a bucket whose triggers or looks have changed; what was there.
        fn replace(&mut self, bucket: usize) -> Bucket {
            let new = self.bucket(bucket);
            self.put(bucket, new)
        }

        fn put(&mut self, bucket: usize, new: Bucket) -> Bucket {
            for window in &new.marks {
                self.times[*window] += 1;
                if self.times[*window] == 1 {
                    self.marked += self.windows[*window].1;
                }
            }
            let old = replace(&mut self.buckets[bucket], new);
            for window in &old.marks {
                self.times[*window] -= 1;
                if self.times[*window] == 0 {
                    self.marked -= self.windows[*window].1;
                }
            }
            old
        }

        fn bucket(&self, bucket: usize) -> Bucket {
            let mut all: Told = [(0, 0); WIDTH];
            for (_, told) in self
                .grouping
                .of
                .iter()
                .zip(&self.told)
                .filter(|(of, _)| **of == bucket)
            {
                for (all, told) in all.iter_mut().zip(told) {
                    *all = (all.0 | told.0, all.1 | told.1);
                }
            }
            if all[0] == (0, 0) {
                return Bucket::default();
            }
            let looks = &self.grouping.looks[bucket / 8];
            let held: [[bool; 256]; WIDTH] = std::array::from_fn(|position| {
                std::array::from_fn(|byte| {
                    let (a, b) = self.look.features(u8::try_from(byte).unwrap());
                    let (first, second) = all[position];
                    !looks[position] || first >> a & u64::from(second >> b) & 1 != 0
                })
            });
            let held = |position: usize, byte: u8| held[position][usize::from(byte)];
            let mut marks = Vec::new();
            let mut first = 0;
            // Windows are sorted: those that begin alike are passed over together.
            for same in self.windows.chunk_by(|(a, _), (b, _)| a[..2] == b[..2]) {
                let begin = same[0].0;
                if held(0, begin[0]) && held(1, begin[1]) {
                    let inner = same.iter().enumerate();
                    let marked = inner.filter(|(_, (w, _))| held(2, w[2]) && held(3, w[3]));
                    marks.extend(marked.map(|(i, _)| first + i));
                }
                first += same.len();
            }
            let share = (0..WIDTH).map(|position| {
                let bytes = (0..=255u8).filter(|byte| held(position, *byte));
                bytes.count() as f64 / 256.0
            });
            Bucket {
                marks,
                share: share.product(),
            }
        }

        /// Changes something; what has to be marked anew.
        fn change(&mut self, random: &mut Random) -> Vec<usize> {
            let Grouping { of, looks } = &mut self.grouping;
            let (t, u) = (random.below(TRIGGERS), random.below(TRIGGERS));
            let (a, b) = (of[t], of[u]);
            match random.below(1000) {
                0..3 if self.look.price().is_some() => {
                    let (group, position) = (random.below(GROUPS), random.below(WIDTH));
                    looks[group][position] ^= true;
                    (group * 8..group * 8 + 8).collect()
                }
                0..10 => {
                    for of in of {
                        *of = if *of == a {
                            b
                        } else if *of == b {
                            a
                        } else {
                            *of
                        };
                    }
                    vec![a, b]
                }
                10..150 => {
                    of.swap(t, u);
                    vec![a, b]
                }
                150..450 => {
                    of[t] = b;
                    vec![a, b]
                }
                _ => {
                    let b = random.below(BUCKETS);
                    of[t] = b;
                    vec![a, b]
                }
            }
        }
    }

    /// Begins with what is recorded, or with the dearest triggers first, each where it costs the
    /// least.
    fn begin(look: Look, windows: &Windows) -> Grouping {
        let recorded = look.recorded();
        if recorded.of.len() == TRIGGERS {
            return recorded;
        }
        let none = Grouping {
            of: vec![BUCKETS; TRIGGERS],
            looks: [[true; WIDTH]; GROUPS],
        };
        let mut trial = Trial::new(look, windows, none);
        let alone = |t: usize| -> f64 {
            let classes = (0..WIDTH).map(|position| class(t, position));
            let held =
                classes.map(|class| (0..=255u8).filter(|b| class.contains(*b)).count() as f64);
            held.product()
        };
        let mut order: Vec<usize> = (0..TRIGGERS).collect();
        order.sort_by(|a, b| alone(*b).total_cmp(&alone(*a)));
        for trigger in order {
            let mut costs = (0..BUCKETS).map(|bucket| {
                trial.grouping.of[trigger] = bucket;
                let old = trial.replace(bucket);
                let cost = trial.cost();
                trial.put(bucket, old);
                (cost, bucket)
            });
            let first = costs.next().unwrap();
            let (_, best) = costs.fold(first, |a, b| if b.0 < a.0 { b } else { a });
            trial.grouping.of[trigger] = best;
            trial.replace(best);
        }
        trial.grouping
    }

    /// The best of many small changes, of which those for the worse are kept ever more rarely
    /// (Kirkpatrick and others, Optimization by Simulated Annealing, 1983).
    fn regroup(look: Look, windows: &Windows) -> Grouping {
        const CHANGES: usize = 2_500_000;
        const WARM: f64 = 0.3;
        const COLD: f64 = 0.03;
        let mut random = Random::new();
        let mut trial = Trial::new(look, windows, begin(look, windows));
        let mut cost = trial.cost();
        let mut best = (cost, trial.grouping.clone());
        for step in 0..CHANGES {
            let heat = WARM * (COLD / WARM).powf(step as f64 / CHANGES as f64);
            let before = trial.grouping.clone();
            let mut changed = trial.change(&mut random);
            changed.sort_unstable();
            changed.dedup();
            let marked = trial.marked;
            let old: Vec<_> = changed
                .iter()
                .map(|bucket| (*bucket, trial.replace(*bucket)))
                .collect();
            let new = trial.cost();
            let chance = random.below(1 << 20) as f64 / f64::from(1 << 20);
            if new <= cost || chance < ((cost - new) / heat).exp() {
                cost = new;
                if cost < best.0 {
                    best = (cost, trial.grouping.clone());
                }
            } else {
                for (bucket, old) in old {
                    trial.put(bucket, old);
                }
                trial.grouping = before;
                trial.marked = marked;
            }
        }
        best.1
    }

    fn write(look: Look, grouping: &Grouping) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/inspect/prefilter/grouping.rs");
        let text = fs::read_to_string(&path).unwrap();
        let name = match look {
            Look::Kinds => "BY_KIND: &[u8] = &[",
            Look::Nibbles => "BY_NIBBLES: &[u8] = &[",
        };
        let (head, rest) = text.split_once(name).unwrap();
        let (_, tail) = rest.split_once("];").unwrap();
        let mut list = String::new();
        for line in grouping.of.chunks(24) {
            let line: Vec<_> = line.iter().map(usize::to_string).collect();
            writeln!(list, "    {},", line.join(", ")).unwrap();
        }
        let text = format!("{head}{name}\n{list}];{tail}");
        if look.price().is_none() {
            return fs::write(path, text).unwrap();
        }
        let (head, rest) = text.split_once("NIBBLE_LOOKS: Looks = [").unwrap();
        let (_, tail) = rest.split_once("];\n").unwrap();
        let mut list = String::new();
        for looks in grouping.looks {
            writeln!(list, "    {looks:?},").unwrap();
        }
        let text = format!("{head}NIBBLE_LOOKS: Looks = [\n{list}];\n{tail}");
        fs::write(path, text).unwrap();
    }

    #[test]
    fn the_groupings_fit_the_triggers() {
        let sample = sample();
        assert!(!sample.is_empty(), "no events in tests/data/events");
        let windows = windows(&sample);
        for look in [Look::Kinds, Look::Nibbles] {
            let mut grouping = look.recorded();
            if std::env::var_os("GUARD_REGROUP").is_some() {
                grouping = regroup(look, &windows);
                write(look, &grouping);
            }
            assert_eq!(
                grouping.of.len(),
                TRIGGERS,
                "triggers have changed: see BY_KIND"
            );
            let trial = Trial::new(look, &windows, grouping);
            let (marked, cost) = (trial.marked, trial.cost());
            println!(
                "{TRIGGERS} triggers, {look:?}: {marked:.1} marks in vain in a KiB, {cost:.1} with looks"
            );
            assert!(
                marked < look.wanted(),
                "{look:?}: {marked:.1} in a KiB, see BY_KIND"
            );
        }
    }
}
