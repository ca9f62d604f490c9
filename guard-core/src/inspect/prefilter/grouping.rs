//! Which bucket each trigger is in, found by trying on benign events: once for those who look kinds
//! of bytes up, once for those who look nibbles up.

/// For look-ups of kinds, in the order of the triggers. Both are made anew by
/// `GUARD_REGROUP=1 cargo test --release -p lambda-guard-core grouping`.
pub(super) const BY_KIND: &[u8] = &[
    25, 1, 1, 6, 5, 5, 20, 22, 10, 10, 14, 30, 30, 30, 20, 9, 23, 21, 11, 26, 18, 3, 15, 15, 19,
    30, 20, 9, 15, 4, 24, 19, 8, 16, 30, 29, 28, 28, 16, 4, 21, 21, 20, 9, 14, 26, 20, 3, 21, 18,
    16, 11, 10, 10, 10, 10, 23, 20, 20, 11, 11, 20, 11, 14, 27, 20, 1, 28, 7, 11, 7, 28, 28, 15,
    28, 10, 28, 6, 6, 7, 7, 7, 11, 28, 11, 28, 7, 7, 7, 7, 5, 10, 10, 10, 23, 25, 5, 15, 22, 31, 0,
    12, 22, 12, 19, 2, 29, 12, 8, 20, 20, 20, 20, 26, 19, 16, 22, 26, 17, 18, 24, 1, 5, 18, 15, 19,
    1, 8, 31, 8, 20, 18, 18, 10, 10, 10, 10, 10, 10, 10, 10, 10, 31, 31, 31, 31, 10, 22, 22, 22,
    22, 7, 20, 20, 20, 31, 20, 20, 20, 15, 1, 28, 20, 20, 10, 10, 26, 26, 6, 23, 5, 28, 28, 28, 28,
    16, 17, 29, 18, 27, 0, 13, 9, 7, 9, 9, 9, 9, 29, 8, 13, 13, 20, 9, 22, 0, 16, 16, 29, 25, 18,
    17, 2, 5, 18, 8, 3, 2, 17, 0, 24, 10, 10, 26, 12, 0, 17, 15, 25, 30, 5, 18, 26, 25, 0, 14, 14,
    14, 14, 14, 14, 14, 0, 0, 14, 14, 24, 14, 25, 14, 25, 14, 15, 6, 3, 1, 6, 6, 30, 21, 3, 30, 8,
    12, 5, 15, 2, 8, 6, 19, 8, 3, 8, 11, 12, 27, 13, 21, 20, 20, 24, 28, 28, 28, 24, 11, 28, 15,
    14, 18, 21, 27, 10, 28, 4, 10, 10, 10, 10, 17, 4, 22, 13, 6, 8, 2, 8, 4, 4, 25, 25, 17, 3, 16,
    6, 16, 31, 12, 15, 22, 10, 17, 17, 13, 17, 12, 28, 28, 28, 28, 28, 28, 11, 14, 14, 10, 10, 6,
    20, 20, 27, 27, 9, 30, 1, 1, 1, 2, 2, 23, 23, 3, 22, 9, 23, 23,
];

/// For look-ups of nibbles.
#[cfg(any(test, target_arch = "x86_64", target_arch = "aarch64"))]
pub(super) const BY_NIBBLES: &[u8] = &[
    20, 6, 6, 6, 9, 24, 21, 6, 21, 21, 17, 31, 27, 27, 10, 15, 23, 19, 10, 3, 17, 31, 29, 11, 23,
    6, 22, 3, 27, 31, 18, 2, 2, 14, 27, 26, 25, 16, 6, 1, 27, 19, 10, 3, 13, 13, 21, 29, 10, 13,
    23, 21, 21, 21, 21, 21, 4, 12, 12, 1, 1, 17, 12, 1, 3, 17, 28, 10, 19, 19, 19, 8, 10, 0, 10,
    19, 17, 17, 3, 18, 19, 19, 19, 12, 19, 10, 21, 21, 21, 21, 9, 21, 21, 21, 14, 20, 9, 0, 26, 5,
    4, 30, 30, 30, 14, 7, 7, 4, 23, 17, 17, 17, 17, 6, 2, 2, 0, 17, 26, 3, 17, 9, 8, 10, 10, 2, 6,
    24, 14, 14, 10, 14, 17, 21, 18, 1, 18, 19, 21, 18, 1, 18, 21, 18, 1, 18, 19, 21, 18, 1, 18, 19,
    21, 18, 1, 6, 21, 18, 1, 21, 6, 10, 25, 17, 21, 21, 1, 1, 1, 17, 8, 16, 16, 16, 16, 4, 17, 22,
    14, 27, 23, 17, 15, 15, 15, 18, 10, 15, 22, 14, 8, 8, 10, 6, 26, 5, 14, 29, 22, 20, 24, 10, 29,
    10, 7, 14, 11, 7, 23, 5, 12, 21, 21, 29, 4, 5, 23, 27, 20, 27, 10, 5, 29, 20, 5, 25, 0, 12, 12,
    6, 12, 1, 5, 5, 30, 18, 12, 6, 20, 1, 6, 1, 1, 1, 1, 22, 8, 8, 31, 13, 23, 27, 11, 1, 9, 11,
    29, 11, 2, 2, 24, 2, 2, 10, 20, 28, 7, 13, 24, 13, 25, 13, 13, 13, 25, 10, 16, 13, 13, 31, 21,
    28, 18, 26, 9, 21, 21, 21, 21, 21, 31, 5, 22, 8, 11, 7, 11, 11, 11, 11, 11, 26, 29, 31, 8, 10,
    26, 8, 24, 25, 21, 28, 26, 23, 29, 8, 16, 16, 10, 10, 10, 10, 10, 1, 1, 1, 1, 0, 13, 18, 3, 4,
    3, 0, 6, 6, 6, 15, 15, 15, 15, 26, 5, 3, 15, 15,
];

#[cfg(test)]
#[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
mod tests {
    use std::collections::BTreeMap;
    use std::fmt::Write as _;
    use std::fs;
    use std::io::Write as _;
    use std::path::Path;

    use super::*;
    use crate::inspect::prefilter::tables::{BUCKETS, TRIGGERS, class, kind, naive};
    use crate::inspect::trigger::{PAST_END, WIDTH};
    use crate::random::Random;

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
                Self::Nibbles => 70.0,
            }
        }

        /// The bytes that are not told from those of a class.
        fn told(self, held: impl Fn(u8) -> bool) -> [bool; 256] {
            let held = (0..=255u8).filter(|byte| held(*byte));
            let (kinds, low, high) = held.fold((0u64, 0u16, 0u16), |(kinds, low, high), byte| {
                let (low, high) = (low | 1 << (byte & 15), high | 1 << (byte >> 3 & 15));
                (kinds | 1 << kind(byte), low, high)
            });
            std::array::from_fn(|byte| match self {
                Self::Kinds => kinds >> kind(u8::try_from(byte).unwrap()) & 1 != 0,
                Self::Nibbles => low >> (byte & 15) & high >> (byte >> 3 & 15) & 1 != 0,
            })
        }
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
        let mut random = Random::new();
        for _ in 0..ATTEMPTS {
            let mut of = best.1.clone();
            let bucket = random.below(BUCKETS);
            for (trigger, of) in of.iter_mut().enumerate() {
                if *of == bucket
                    || random.below(TRIGGERS) < TAKEN_OUT
                    || alone[trigger] > 0.5 && random.below(4) == 0
                {
                    *of = BUCKETS;
                }
            }
            for i in 0..TRIGGERS - 8 {
                order.swap(i, i + random.below(8));
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
            println!("{TRIGGERS} triggers, {look:?}: {marked:.1} marks in vain in a KiB");
            assert!(
                marked < look.wanted(),
                "{look:?}: {marked:.1} in a KiB, see BY_KIND"
            );
        }
    }
}
