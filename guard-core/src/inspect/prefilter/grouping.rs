//! Which bucket each trigger is in, found by trying on benign events: once for those who look kinds
//! of bytes up, once for those who look nibbles up.

/// For look-ups of kinds, in the order of the triggers. Both are made anew by
/// `GUARD_REGROUP=1 cargo test --release -p lambda-guard-core grouping`.
pub(super) const BY_KIND: &[u8] = &[
    6, 10, 3, 12, 31, 3, 4, 13, 1, 13, 23, 3, 3, 19, 23, 24, 7, 4, 4, 9, 19, 27, 16, 28, 17, 25, 7,
    27, 27, 19, 21, 22, 5, 3, 11, 9, 13, 13, 12, 28, 4, 4, 21, 29, 30, 4, 22, 4, 26, 19, 23, 1, 1,
    1, 1, 25, 4, 23, 4, 23, 23, 30, 4, 12, 4, 8, 8, 8, 4, 4, 7, 4, 8, 4, 20, 20, 8, 8, 8, 4, 23, 0,
    13, 13, 13, 20, 16, 1, 1, 16, 6, 20, 7, 27, 16, 26, 3, 28, 16, 0, 0, 19, 0, 25, 15, 15, 14, 25,
    25, 5, 23, 12, 18, 23, 23, 15, 12, 17, 20, 0, 23, 9, 13, 13, 8, 13, 8, 1, 1, 8, 1, 1, 1, 29, 1,
    8, 13, 13, 8, 13, 8, 13, 13, 8, 13, 16, 4, 4, 4, 13, 13, 11, 28, 20, 5, 3, 1, 1, 1, 1, 3, 24,
    22, 27, 21, 31, 24, 24, 8, 24, 13, 24, 24, 22, 11, 10, 10, 13, 2, 14, 14, 17, 2, 22, 6, 22, 31,
    29, 19, 10, 15, 16, 2, 14, 23, 1, 16, 5, 26, 9, 25, 11, 6, 19, 29, 14, 5, 6, 14, 29, 29, 29,
    29, 29, 29, 29, 17, 14, 18, 18, 23, 18, 15, 0, 12, 0, 23, 18, 0, 12, 26, 9, 5, 5, 5, 28, 20,
    28, 28, 18, 15, 15, 9, 26, 4, 14, 24, 2, 4, 4, 4, 4, 4, 9, 4, 1, 1, 1, 29, 29, 9, 14, 30, 1, 4,
    27, 1, 1, 1, 1, 25, 19, 24, 16, 18, 2, 17, 11, 17, 17, 6, 6, 25, 5, 26, 18, 16, 11, 19, 31, 13,
    1, 25, 25, 24, 10, 19, 13, 4, 4, 4, 4, 4, 4, 0, 8, 8, 8, 4, 4, 4, 21, 21, 30, 26, 12, 12, 12,
    7, 7, 31, 31, 7, 24, 2, 31, 31,
];

/// For look-ups of nibbles.
#[cfg(any(test, target_arch = "x86_64", target_arch = "aarch64"))]
pub(super) const BY_NIBBLES: &[u8] = &[
    24, 28, 28, 6, 28, 4, 1, 0, 1, 0, 13, 17, 10, 17, 3, 27, 30, 31, 0, 12, 12, 25, 10, 25, 14, 28,
    15, 19, 19, 22, 31, 15, 15, 21, 18, 16, 0, 0, 6, 3, 19, 31, 17, 31, 31, 0, 17, 3, 31, 30, 13,
    1, 1, 1, 1, 6, 0, 13, 12, 13, 16, 13, 12, 20, 3, 8, 8, 8, 3, 3, 8, 3, 8, 8, 29, 0, 8, 5, 5, 8,
    13, 3, 0, 0, 0, 4, 1, 1, 1, 21, 24, 4, 12, 10, 2, 22, 18, 14, 14, 12, 12, 12, 12, 6, 25, 16, 7,
    18, 3, 26, 12, 6, 3, 15, 15, 24, 28, 25, 2, 9, 3, 25, 1, 5, 0, 31, 8, 1, 5, 0, 31, 1, 5, 0, 31,
    8, 1, 5, 0, 31, 8, 1, 5, 0, 0, 28, 3, 12, 0, 1, 0, 3, 3, 23, 13, 4, 5, 5, 5, 5, 26, 30, 15, 26,
    9, 26, 10, 27, 27, 27, 31, 27, 27, 15, 4, 11, 11, 5, 28, 9, 26, 21, 21, 15, 24, 27, 10, 9, 11,
    26, 25, 18, 7, 2, 29, 1, 1, 2, 26, 26, 22, 10, 24, 17, 9, 7, 2, 24, 2, 13, 29, 17, 13, 13, 13,
    23, 7, 31, 23, 31, 13, 13, 23, 13, 6, 13, 23, 13, 13, 6, 27, 31, 10, 10, 15, 3, 4, 2, 9, 2, 25,
    24, 27, 24, 29, 21, 3, 22, 5, 17, 31, 1, 5, 5, 5, 12, 0, 5, 31, 31, 10, 1, 27, 31, 3, 14, 1, 1,
    1, 1, 1, 19, 2, 15, 19, 25, 18, 18, 7, 16, 24, 25, 3, 4, 7, 20, 9, 30, 11, 16, 11, 1, 9, 9, 22,
    4, 11, 0, 0, 3, 3, 3, 3, 3, 0, 0, 0, 0, 1, 8, 31, 17, 17, 30, 29, 6, 6, 20, 18, 18, 14, 14, 16,
    16, 30, 14, 14,
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
        // What is recorded may be better than what one attempt comes to.
        let recorded: Vec<_> = look.grouping().iter().map(|b| usize::from(*b)).collect();
        if recorded.len() == TRIGGERS {
            let other = regrouped(look, &order, recorded, windows);
            if other.0 < best.0 {
                best = other;
            }
        }
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
