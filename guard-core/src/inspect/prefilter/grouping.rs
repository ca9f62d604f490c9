//! Which bucket each trigger is in, found by trying on benign events.

/// In the order of the triggers. Made anew by
/// `GUARD_REGROUP=1 cargo test --release -p lambda-guard-core grouping`.
pub(super) const GROUPING: &[u8] = &[
    27, 31, 31, 31, 7, 21, 20, 2, 1, 11, 26, 2, 2, 13, 13, 29, 27, 0, 11, 2, 13, 15, 5, 15, 7, 8,
    12, 4, 4, 12, 0, 15, 16, 23, 28, 11, 11, 2, 13, 10, 15, 2, 8, 28, 11, 14, 26, 3, 3, 20, 1, 24,
    11, 11, 26, 11, 8, 30, 26, 9, 3, 6, 6, 6, 3, 3, 6, 6, 6, 13, 6, 20, 20, 6, 26, 3, 11, 25, 5, 3,
    3, 13, 25, 25, 22, 15, 18, 17, 23, 23, 23, 30, 13, 13, 13, 8, 17, 16, 16, 23, 28, 19, 13, 18,
    29, 16, 31, 4, 25, 24, 13, 24, 1, 1, 0, 0, 6, 1, 1, 0, 0, 1, 1, 0, 0, 6, 1, 1, 0, 0, 6, 1, 1,
    0, 11, 5, 3, 13, 11, 28, 15, 30, 26, 25, 20, 20, 20, 20, 23, 2, 18, 24, 17, 7, 5, 29, 6, 29, 3,
    29, 29, 18, 18, 14, 14, 1, 31, 24, 19, 10, 10, 18, 27, 29, 17, 21, 12, 24, 5, 5, 4, 19, 26, 19,
    9, 19, 7, 15, 27, 13, 21, 17, 23, 27, 19, 22, 8, 8, 22, 22, 22, 30, 17, 30, 0, 26, 30, 30, 22,
    31, 22, 8, 22, 22, 18, 2, 12, 17, 17, 16, 28, 27, 27, 19, 27, 16, 16, 29, 15, 21, 10, 29, 4,
    20, 21, 0, 20, 20, 20, 20, 29, 11, 20, 3, 15, 19, 9, 3, 3, 9, 20, 1, 1, 1, 7, 10, 7, 4, 18, 27,
    4, 4, 4, 24, 27, 15, 28, 25, 16, 25, 21, 28, 14, 2, 2, 20, 7, 28, 5, 25, 14, 11, 11, 4, 4, 23,
    25, 21, 26, 0, 0, 0, 8, 6, 6, 13, 13, 13, 26, 31, 31, 2, 15, 15, 14, 14, 24, 28, 2, 14, 14,
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
    const WANTED: f64 = 106.0;

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

    /// Moves each trigger into the bucket where it costs the least, as long as that helps. Triggers
    /// in no bucket yet count as in the one past the last.
    fn regrouped(order: &[usize], mut of: Vec<usize>, windows: &Windows) -> (f64, Vec<usize>) {
        let members = |of: &[usize], bucket: usize| -> Vec<usize> {
            (0..TRIGGERS).filter(|t| of[*t] == bucket).collect()
        };
        let mut costs: Vec<f64> = (0..BUCKETS)
            .map(|bucket| cost(&members(&of, bucket), windows))
            .collect();
        for _ in 0..6 {
            let mut moved = false;
            for trigger in order {
                let old = of[*trigger];
                of[*trigger] = BUCKETS;
                if let Some(left) = costs.get_mut(old) {
                    *left = cost(&members(&of, old), windows);
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

    /// The best of many attempts. The first begins with the dearest triggers, each other one with the
    /// best grouping so far from which some triggers are taken out.
    fn regroup(windows: &Windows) -> Vec<usize> {
        const ATTEMPTS: usize = 30;
        const TAKEN_OUT: usize = 24;
        let alone: Vec<f64> = (0..TRIGGERS).map(|t| cost(&[t], windows)).collect();
        let mut order: Vec<usize> = (0..TRIGGERS).collect();
        order.sort_by(|a, b| alone[*b].total_cmp(&alone[*a]));
        let mut best = regrouped(&order, vec![BUCKETS; TRIGGERS], windows);
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
            let other = regrouped(&order, of, windows);
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
