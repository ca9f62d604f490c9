//! Which bucket each trigger is in, found by trying on benign events: once for those who look kinds
//! of bytes up, once for those who look nibbles up.

/// For look-ups of kinds, in the order of the triggers. Both are made anew by
/// `GUARD_REGROUP=1 cargo test --release -p lambda-guard-core grouping`.
pub(super) const BY_KIND: &[u8] = &[
    18, 4, 13, 24, 5, 13, 26, 16, 26, 7, 28, 14, 14, 17, 22, 12, 29, 22, 22, 3, 2, 8, 0, 6, 25, 19,
    17, 29, 29, 27, 28, 17, 20, 14, 3, 26, 26, 24, 14, 6, 3, 5, 11, 23, 7, 1, 28, 26, 26, 22, 26,
    14, 22, 28, 22, 28, 3, 11, 22, 24, 26, 7, 28, 7, 26, 26, 7, 22, 5, 5, 7, 7, 7, 22, 28, 26, 7,
    5, 0, 7, 7, 4, 13, 5, 17, 30, 30, 19, 1, 15, 1, 28, 28, 28, 28, 15, 0, 27, 2, 14, 16, 8, 28,
    24, 30, 19, 24, 30, 8, 16, 22, 19, 7, 7, 7, 7, 7, 21, 21, 21, 21, 21, 21, 21, 21, 21, 7, 7, 7,
    7, 7, 7, 7, 7, 7, 5, 26, 22, 7, 1, 6, 13, 30, 5, 26, 26, 26, 26, 2, 16, 20, 2, 23, 10, 30, 9,
    7, 9, 7, 9, 9, 20, 11, 9, 9, 22, 9, 9, 10, 10, 30, 20, 18, 25, 6, 29, 17, 15, 25, 0, 29, 25,
    28, 1, 15, 15, 25, 6, 18, 17, 29, 8, 29, 18, 10, 31, 31, 31, 31, 31, 31, 31, 10, 31, 31, 28,
    31, 18, 31, 18, 31, 27, 13, 12, 24, 14, 3, 16, 14, 20, 15, 5, 6, 15, 27, 11, 19, 3, 8, 22, 2,
    17, 12, 22, 22, 22, 22, 26, 3, 26, 21, 21, 26, 17, 3, 21, 23, 7, 26, 2, 26, 26, 26, 26, 16, 27,
    16, 30, 29, 27, 0, 0, 8, 27, 18, 18, 16, 29, 12, 13, 0, 20, 15, 6, 16, 26, 16, 16, 9, 13, 15,
    26, 26, 26, 26, 26, 26, 26, 31, 7, 7, 7, 22, 22, 22, 23, 12, 12, 8, 24, 24, 24, 6, 6, 10, 4,
    17, 9, 20, 10, 4,
];

/// For look-ups of nibbles.
#[cfg(any(test, target_arch = "x86_64", target_arch = "aarch64"))]
pub(super) const BY_NIBBLES: &[u8] = &[
    18, 2, 2, 2, 11, 5, 8, 26, 8, 17, 21, 6, 27, 16, 23, 0, 29, 8, 9, 19, 13, 22, 16, 3, 15, 12,
    13, 1, 1, 24, 8, 7, 11, 16, 10, 23, 9, 7, 15, 28, 8, 19, 23, 23, 17, 3, 15, 8, 8, 8, 8, 4, 14,
    21, 21, 31, 23, 2, 21, 4, 15, 17, 17, 17, 9, 15, 17, 31, 2, 19, 8, 8, 8, 31, 25, 9, 17, 29, 8,
    8, 8, 11, 27, 2, 13, 29, 12, 24, 1, 1, 1, 15, 15, 15, 15, 4, 7, 7, 29, 16, 10, 6, 15, 4, 6, 7,
    2, 5, 12, 5, 6, 6, 8, 8, 17, 8, 17, 8, 8, 17, 8, 8, 8, 17, 8, 17, 8, 8, 17, 8, 17, 8, 8, 17,
    17, 22, 15, 15, 17, 10, 15, 28, 21, 5, 8, 8, 8, 8, 29, 1, 12, 6, 19, 20, 16, 0, 17, 0, 8, 0, 0,
    12, 12, 3, 3, 8, 2, 27, 27, 11, 11, 12, 18, 14, 22, 1, 16, 27, 24, 30, 1, 20, 31, 20, 22, 27,
    24, 16, 18, 1, 1, 27, 20, 18, 20, 21, 31, 23, 21, 21, 21, 2, 22, 26, 8, 21, 2, 18, 26, 2, 13,
    23, 13, 0, 4, 0, 8, 27, 22, 7, 15, 22, 7, 20, 7, 7, 7, 14, 7, 9, 18, 16, 24, 8, 14, 8, 8, 8, 8,
    8, 19, 9, 8, 9, 6, 8, 26, 8, 9, 28, 8, 8, 8, 8, 8, 6, 27, 5, 6, 7, 30, 5, 30, 6, 18, 18, 10,
    22, 7, 5, 0, 10, 3, 14, 26, 8, 26, 10, 24, 5, 3, 17, 17, 9, 9, 9, 9, 9, 17, 17, 17, 17, 31, 25,
    8, 19, 19, 29, 19, 4, 4, 4, 3, 30, 3, 3, 24, 24, 29, 3, 3,
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
            println!("{TRIGGERS} triggers, {look:?}: {marked:.1} marks in vain in a KiB");
            assert!(
                marked < look.wanted(),
                "{look:?}: {marked:.1} in a KiB, see BY_KIND"
            );
        }
    }
}
