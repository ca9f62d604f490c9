//! Which bucket each trigger is in, found by trying on benign events.

/// In the order of the triggers. Made anew by
/// `GUARD_REGROUP=1 cargo test --release -p lambda-guard-core grouping`.
pub(super) const GROUPING: &[u8] = &[
    30, 19, 19, 19, 10, 24, 14, 12, 2, 12, 17, 18, 8, 9, 25, 13, 31, 4, 22, 18, 7, 29, 26, 11,
    11, 9, 9, 25, 7, 1, 31, 13, 8, 22, 12, 12, 19, 9, 4, 1, 16, 5, 22, 4, 27, 25, 2, 2,
    2, 2, 18, 12, 12, 12, 12, 12, 4, 12, 19, 5, 0, 0, 0, 5, 5, 0, 17, 17, 0, 0, 2, 2,
    17, 4, 5, 12, 23, 18, 2, 2, 20, 26, 6, 20, 29, 21, 7, 8, 8, 8, 25, 25, 25, 25, 11, 10,
    27, 13, 8, 7, 29, 25, 19, 26, 30, 19, 24, 23, 24, 9, 24, 2, 1, 1, 0, 3, 1, 1, 3, 1,
    1, 0, 2, 1, 1, 0, 25, 12, 19, 5, 25, 12, 31, 25, 28, 4, 28, 14, 14, 14, 8, 27, 21, 13,
    7, 27, 31, 13, 0, 13, 13, 21, 21, 10, 7, 14, 15, 22, 22, 20, 20, 21, 30, 31, 9, 18, 21, 24,
    7, 18, 26, 22, 16, 20, 29, 22, 27, 8, 30, 8, 18, 21, 20, 30, 22, 17, 11, 16, 17, 17, 17, 23,
    31, 23, 17, 23, 23, 28, 19, 25, 28, 25, 25, 19, 13, 1, 26, 8, 13, 29, 6, 23, 29, 24, 26, 30,
    24, 30, 17, 30, 7, 27, 14, 16, 4, 14, 14, 14, 14, 3, 12, 14, 5, 22, 14, 6, 5, 10, 2, 2,
    2, 2, 14, 24, 21, 18, 24, 21, 18, 18, 21, 29, 30, 7, 6, 31, 19, 18, 27, 10, 13, 15, 2, 27,
    7, 27, 10, 10, 12, 12, 5, 5, 5, 5, 5, 1, 1, 1, 1, 0, 5, 0, 16, 16, 9, 7, 11, 11,
    11, 15, 6, 15, 10, 25, 22, 21, 15, 10,
];

#[cfg(test)]
#[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
mod tests {
    use std::collections::BTreeMap;
    use std::fmt::Write;
    use std::fs;
    use std::path::Path;

    use super::*;
    use crate::inspect::prefilter::tables::{BUCKET_SIZE, BUCKETS, TRIGGERS, class};
    use crate::inspect::trigger::WIDTH;

    /// What the look-ups mark in a KiB of benign events, see [`cost`].
    const WANTED: f64 = 120.0;

    /// How often a window occurs in a KiB.
    type Windows = Vec<([u8; WIDTH], f64)>;

    /// The test events, white space shortened as Lambda sends them, and text that people write.
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
                for byte in fs::read(file).unwrap() {
                    let space = matches!(byte, b' ' | b'\n');
                    if !(space && matches!(sample.last(), Some(b' ' | b'\n' | b',' | b':'))) {
                        sample.push(byte);
                    }
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

    /// What of `windows` look-ups of whole bytes mark for a bucket, a quarter of what those of
    /// nibbles do, and a little for each window that would be marked: the sample is not everything.
    fn cost(triggers: &[usize], windows: &Windows) -> f64 {
        const WHOLE: u8 = 1;
        const NIBBLES: u8 = 2;
        let table: [[u8; 256]; WIDTH] = std::array::from_fn(|position| {
            let bytes = 0..=255u8;
            let held: Vec<u8> = bytes
                .clone()
                .filter(|byte| triggers.iter().any(|t| class(*t, position).contains(*byte)))
                .collect();
            let (low, high) = held.iter().fold((0u16, 0u16), |(low, high), byte| {
                (low | 1 << (byte & 15), high | 1 << (byte >> 4))
            });
            let mut table = [0; 256];
            for byte in bytes {
                if low & 1 << (byte & 15) != 0 && high & 1 << (byte >> 4) != 0 {
                    table[usize::from(byte)] = NIBBLES;
                }
            }
            for byte in held {
                table[usize::from(byte)] |= WHOLE;
            }
            table
        });
        let [first, second, third, fourth] = &table;
        let marked: f64 = windows
            .iter()
            .map(|([a, b, c, d], count)| {
                let marked = first[usize::from(*a)]
                    & second[usize::from(*b)]
                    & third[usize::from(*c)]
                    & fourth[usize::from(*d)];
                let weight = f64::from(marked & WHOLE) + f64::from(marked & NIBBLES) / 8.0;
                count * weight
            })
            .sum();
        let share: f64 = table
            .iter()
            .map(|table| table.iter().filter(|held| **held != 0).count() as f64 / 256.0)
            .product();
        marked + share
    }

    /// Puts each trigger into the bucket where it costs the least, then moves triggers as long as
    /// that helps.
    fn regrouped(order: &[usize], windows: &Windows) -> (f64, Vec<usize>) {
        let mut of = vec![BUCKETS; TRIGGERS];
        let mut costs = vec![0.0; BUCKETS];
        let members = |of: &[usize], bucket: usize| -> Vec<usize> {
            (0..TRIGGERS).filter(|t| of[*t] == bucket).collect()
        };
        for round in 0..6 {
            let mut moved = false;
            for trigger in order {
                let old = of[*trigger];
                of[*trigger] = BUCKETS;
                if round > 0 {
                    costs[old] = cost(&members(&of, old), windows);
                }
                let with = |bucket: usize| {
                    let mut all = members(&of, bucket);
                    all.push(*trigger);
                    (all.len() <= BUCKET_SIZE).then(|| (cost(&all, windows), bucket))
                };
                let (new, best) = (0..BUCKETS)
                    .filter_map(with)
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

    /// The best of some attempts, which begin with the dearest triggers in slightly other orders.
    fn regroup(windows: &Windows) -> Vec<usize> {
        let alone: Vec<f64> = (0..TRIGGERS).map(|t| cost(&[t], windows)).collect();
        let mut order: Vec<usize> = (0..TRIGGERS).collect();
        order.sort_by(|a, b| alone[*b].total_cmp(&alone[*a]));
        let mut best = regrouped(&order, windows);
        let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
        for _ in 0..4 {
            for i in 0..TRIGGERS - 8 {
                seed ^= seed << 13;
                seed ^= seed >> 7;
                seed ^= seed << 17;
                order.swap(i, i + usize::try_from(seed >> 61).unwrap());
            }
            let other = regrouped(&order, windows);
            if other.0 < best.0 {
                best = other;
            }
        }
        best.1
    }

    fn write(grouping: &[usize]) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/inspect/prefilter/grouping.rs");
        let text = fs::read_to_string(&path).unwrap();
        let (head, rest) = text.split_once("= &[").unwrap();
        let (_, tail) = rest.split_once("];").unwrap();
        let mut list = String::new();
        for line in grouping.chunks(24) {
            let line: Vec<_> = line.iter().map(usize::to_string).collect();
            writeln!(list, "    {},", line.join(", ")).unwrap();
        }
        fs::write(path, format!("{head}= &[\n{list}];{tail}")).unwrap();
    }

    #[test]
    fn the_grouping_fits_the_triggers() {
        let sample = sample();
        assert!(!sample.is_empty(), "no events in tests/data/events");
        let mut grouping: Vec<usize> = GROUPING.iter().map(|b| usize::from(*b)).collect();
        if std::env::var_os("GUARD_REGROUP").is_some() {
            grouping = regroup(&windows(&sample));
            write(&grouping);
        }
        assert_eq!(
            grouping.len(),
            TRIGGERS,
            "triggers have changed: see GROUPING's comment"
        );
        let windows = windows(&sample);
        let marked: f64 = (0..BUCKETS)
            .map(|bucket| {
                let of = |t: &usize| grouping[*t] == bucket;
                let triggers: Vec<_> = (0..TRIGGERS).filter(of).collect();
                cost(&triggers, &windows)
            })
            .sum();
        println!("{TRIGGERS} triggers cost {marked:.1} in a KiB");
        assert!(
            marked < WANTED,
            "{marked:.1} in a KiB: see GROUPING's comment"
        );
    }
}
