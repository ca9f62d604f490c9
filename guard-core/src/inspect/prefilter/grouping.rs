//! Which bucket each trigger is in, found by trying on benign events: once for those who look kinds
//! of bytes up, once for those who look nibbles up.

/// For look-ups of kinds, in the order of the triggers. Both are made anew by
/// `GUARD_REGROUP=1 cargo test --release -p lambda-guard-core grouping`.
pub(super) const BY_KIND: &[u8] = &[
    6, 31, 18, 12, 24, 3, 4, 4, 1, 13, 23, 19, 26, 19, 23, 24, 5, 4, 1, 9, 19, 27, 7, 28, 9, 25,
    21, 27, 27, 19, 14, 7, 0, 16, 9, 4, 13, 10, 31, 4, 2, 14, 23, 9, 4, 19, 23, 1, 1, 1, 1, 31, 4,
    23, 4, 23, 23, 29, 4, 12, 4, 8, 8, 8, 4, 4, 8, 13, 20, 20, 8, 8, 8, 13, 23, 4, 13, 20, 16, 1,
    1, 31, 17, 20, 21, 27, 21, 26, 5, 28, 0, 3, 29, 29, 3, 30, 16, 2, 11, 25, 25, 26, 23, 12, 24,
    15, 12, 2, 20, 17, 7, 2, 13, 8, 8, 8, 8, 1, 1, 8, 1, 1, 1, 29, 1, 8, 13, 8, 8, 8, 8, 13, 4, 8,
    4, 0, 4, 4, 13, 25, 28, 20, 24, 3, 1, 1, 1, 1, 9, 15, 22, 27, 14, 0, 24, 10, 10, 10, 8, 10, 10,
    22, 7, 10, 10, 4, 10, 2, 11, 15, 15, 21, 6, 24, 0, 29, 7, 26, 17, 16, 17, 11, 23, 5, 26, 11,
    25, 28, 6, 19, 29, 11, 5, 6, 11, 29, 29, 29, 23, 23, 23, 29, 0, 18, 18, 23, 18, 6, 18, 6, 3,
    23, 18, 3, 12, 26, 2, 5, 5, 22, 5, 20, 28, 28, 18, 17, 15, 2, 26, 4, 11, 7, 28, 4, 4, 4, 4, 4,
    2, 4, 1, 1, 1, 23, 2, 11, 30, 1, 4, 27, 1, 1, 1, 1, 25, 19, 7, 16, 18, 7, 17, 17, 22, 2, 6, 6,
    25, 5, 24, 18, 16, 25, 19, 19, 13, 1, 25, 25, 10, 5, 19, 13, 4, 4, 4, 4, 4, 4, 8, 8, 8, 8, 13,
    4, 13, 14, 14, 30, 22, 12, 12, 12, 21, 21, 0, 31, 7, 10, 30, 0, 31,
];

/// For look-ups of nibbles.
#[cfg(any(test, target_arch = "x86_64", target_arch = "aarch64"))]
pub(super) const BY_NIBBLES: &[u8] = &[
    19, 9, 9, 9, 24, 7, 12, 9, 12, 11, 26, 7, 7, 7, 7, 14, 25, 29, 11, 4, 2, 20, 8, 25, 24, 24, 18,
    7, 5, 23, 29, 8, 8, 8, 13, 23, 11, 9, 28, 2, 29, 9, 28, 13, 26, 25, 11, 12, 12, 12, 12, 3, 7,
    26, 26, 10, 11, 0, 26, 3, 5, 6, 6, 6, 5, 5, 6, 6, 6, 7, 6, 12, 12, 6, 6, 5, 11, 9, 12, 12, 12,
    28, 18, 31, 2, 16, 18, 21, 16, 30, 16, 26, 26, 26, 26, 3, 24, 23, 2, 8, 13, 22, 26, 3, 5, 21,
    9, 7, 31, 31, 7, 21, 12, 12, 0, 29, 6, 12, 12, 0, 29, 12, 12, 0, 29, 6, 12, 12, 0, 29, 6, 12,
    12, 0, 26, 9, 5, 26, 11, 5, 5, 27, 0, 31, 12, 12, 12, 12, 22, 4, 24, 22, 20, 22, 8, 14, 6, 14,
    29, 14, 14, 18, 31, 25, 25, 12, 9, 14, 22, 15, 15, 18, 19, 14, 21, 15, 25, 22, 20, 30, 4, 17,
    10, 15, 22, 22, 25, 8, 19, 7, 15, 20, 15, 19, 17, 26, 10, 28, 26, 26, 26, 27, 19, 27, 29, 26,
    9, 27, 26, 9, 26, 27, 26, 26, 3, 14, 29, 21, 21, 8, 5, 9, 20, 21, 15, 24, 21, 31, 20, 10, 17,
    1, 30, 12, 7, 29, 12, 12, 12, 12, 26, 11, 12, 2, 8, 12, 1, 29, 5, 16, 12, 12, 12, 12, 1, 23,
    15, 31, 23, 20, 30, 31, 30, 23, 19, 20, 13, 31, 8, 31, 30, 13, 13, 1, 9, 12, 1, 13, 25, 31, 13,
    11, 11, 5, 5, 5, 5, 7, 0, 0, 0, 0, 6, 6, 6, 28, 28, 28, 10, 3, 3, 3, 4, 4, 4, 16, 5, 13, 4, 4,
    16,
];

#[cfg(test)]
#[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
mod tests {
    use std::collections::BTreeMap;
    use std::fmt::Write;
    use std::fs;
    use std::path::Path;

    use super::*;
    use crate::inspect::prefilter::tables::{BUCKETS, TRIGGERS, class, kind};
    use crate::inspect::trigger::WIDTH;

    /// A way of looking bytes up, and what its grouping may mark in a KiB of benign events.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    enum Look {
        Kinds,
        Nibbles,
    }

    impl Look {
        const fn name(self) -> &'static str {
            match self {
                Self::Kinds => "BY_KIND",
                Self::Nibbles => "BY_NIBBLES",
            }
        }

        const fn grouping(self) -> &'static [u8] {
            match self {
                Self::Kinds => BY_KIND,
                Self::Nibbles => BY_NIBBLES,
            }
        }

        const fn wanted(self) -> f64 {
            match self {
                Self::Kinds => 18.0,
                Self::Nibbles => 170.0,
            }
        }

        /// The bytes that are not told from those of a class.
        fn told(self, held: impl Fn(u8) -> bool) -> [bool; 256] {
            let held = (0..=255u8).filter(|byte| held(*byte));
            let (kinds, low, high) = held.fold((0u64, 0u16, 0u16), |(kinds, low, high), byte| {
                let (low, high) = (low | 1 << (byte & 15), high | 1 << (byte >> 4));
                (kinds | 1 << kind(byte), low, high)
            });
            std::array::from_fn(|byte| match self {
                Self::Kinds => kinds >> kind(u8::try_from(byte).unwrap()) & 1 != 0,
                Self::Nibbles => low >> (byte & 15) & high >> (byte >> 4) & 1 != 0,
            })
        }
    }

    /// How often a window occurs in a KiB.
    type Windows = Vec<([u8; WIDTH], f64)>;

    /// The test events as Lambda sends them, without white space between tokens, and text that
    /// people write.
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
                    Err(_) => sample.extend(text),
                }
            }
        }
        sample
    }

    fn windows(sample: &[u8]) -> Windows {
        let mut counts: BTreeMap<[u8; WIDTH], f64> = BTreeMap::new();
        for window in sample.windows(WIDTH).filter_map(<[u8]>::first_chunk) {
            *counts.entry(*window).or_default() += 1024.0 / sample.len() as f64;
        }
        counts.into_iter().collect()
    }

    /// What of `windows` is marked for a bucket, and a little for each window that would be: the
    /// sample is not everything.
    fn cost(look: Look, triggers: &[usize], windows: &Windows) -> f64 {
        let told: [[bool; 256]; WIDTH] = std::array::from_fn(|position| {
            look.told(|byte| triggers.iter().any(|t| class(*t, position).contains(byte)))
        });
        let [first, second, third, fourth] = &told;
        let marked = windows.iter().filter(|([a, b, c, d], _)| {
            first[usize::from(*a)]
                && second[usize::from(*b)]
                && third[usize::from(*c)]
                && fourth[usize::from(*d)]
        });
        let marked: f64 = marked.map(|(_, count)| count).sum();
        let share = told.map(|told| told.iter().filter(|held| **held).count() as f64 / 256.0);
        marked + share.iter().product::<f64>()
    }

    /// Moves each trigger into the bucket where it costs the least, as long as that helps. Triggers
    /// in no bucket yet count as in the one past the last.
    fn regrouped(
        look: Look,
        order: &[usize],
        mut of: Vec<usize>,
        windows: &Windows,
    ) -> (f64, Vec<usize>) {
        let members = |of: &[usize], bucket: usize| -> Vec<usize> {
            (0..TRIGGERS).filter(|t| of[*t] == bucket).collect()
        };
        let mut costs: Vec<f64> = (0..BUCKETS)
            .map(|bucket| cost(look, &members(&of, bucket), windows))
            .collect();
        for _ in 0..6 {
            let mut moved = false;
            for trigger in order {
                let old = of[*trigger];
                of[*trigger] = BUCKETS;
                if let Some(left) = costs.get_mut(old) {
                    *left = cost(look, &members(&of, old), windows);
                }
                let with = |bucket: usize| {
                    let mut all = members(&of, bucket);
                    all.push(*trigger);
                    (cost(look, &all, windows), bucket)
                };
                let (new, best) = (0..BUCKETS)
                    .map(with)
                    .min_by(|a, b| (a.0 - costs[a.1]).total_cmp(&(b.0 - costs[b.1])))
                    .unwrap();
                moved |= best != old;
                of[*trigger] = best;
                costs[best] = new;
            }
            if !moved {
                break;
            }
        }
        (costs.iter().sum(), of)
    }

    /// The best of many attempts. The first begins with the dearest triggers, each other one with the
    /// best grouping so far from which some triggers are taken out.
    fn regroup(look: Look, windows: &Windows) -> Vec<usize> {
        const ATTEMPTS: usize = 30;
        const TAKEN_OUT: usize = 24;
        let alone: Vec<f64> = (0..TRIGGERS).map(|t| cost(look, &[t], windows)).collect();
        let mut order: Vec<usize> = (0..TRIGGERS).collect();
        order.sort_by(|a, b| alone[*b].total_cmp(&alone[*a]));
        let mut best = regrouped(look, &order, vec![BUCKETS; TRIGGERS], windows);
        let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
        let mut random = |below: usize| {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            usize::try_from(seed >> 33).unwrap() % below
        };
        for _ in 0..ATTEMPTS {
            let mut of = best.1.clone();
            let bucket = random(BUCKETS);
            for (trigger, of) in of.iter_mut().enumerate() {
                if *of == bucket
                    || random(TRIGGERS) < TAKEN_OUT
                    || alone[trigger] > 0.5 && random(4) == 0
                {
                    *of = BUCKETS;
                }
            }
            for i in 0..TRIGGERS - 8 {
                order.swap(i, i + random(8));
            }
            let other = regrouped(look, &order, of, windows);
            if other.0 < best.0 {
                best = other;
            }
        }
        best.1
    }

    fn write(look: Look, grouping: &[usize]) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/inspect/prefilter/grouping.rs");
        let text = fs::read_to_string(&path).unwrap();
        let name = format!("{}: &[u8] = &[", look.name());
        let (head, rest) = text.split_once(&name).unwrap();
        let (_, tail) = rest.split_once("];").unwrap();
        let mut list = String::new();
        for line in grouping.chunks(24) {
            let line: Vec<_> = line.iter().map(usize::to_string).collect();
            writeln!(list, "    {},", line.join(", ")).unwrap();
        }
        fs::write(path, format!("{head}{name}\n{list}];{tail}")).unwrap();
    }

    #[test]
    fn the_groupings_fit_the_triggers() {
        let sample = sample();
        assert!(!sample.is_empty(), "no events in tests/data/events");
        let windows = windows(&sample);
        for look in [Look::Kinds, Look::Nibbles] {
            let mut grouping: Vec<_> = look.grouping().iter().map(|b| usize::from(*b)).collect();
            if std::env::var_os("GUARD_REGROUP").is_some() {
                grouping = regroup(look, &windows);
                write(look, &grouping);
            }
            assert_eq!(
                grouping.len(),
                TRIGGERS,
                "triggers have changed: see BY_KIND"
            );
            let marked = (0..BUCKETS).map(|bucket| {
                let of = |t: &usize| grouping[*t] == bucket;
                cost(
                    look,
                    &(0..TRIGGERS).filter(of).collect::<Vec<_>>(),
                    &windows,
                )
            });
            let marked: f64 = marked.sum();
            println!("{TRIGGERS} triggers, {look:?}: {marked:.1} marks in a KiB");
            assert!(
                marked < look.wanted(),
                "{look:?}: {marked:.1} in a KiB, see BY_KIND"
            );
        }
    }
}
