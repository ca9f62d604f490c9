//! Which bucket each trigger is in, found by trying on benign events.

/// In the order of the triggers. Made anew by
/// `GUARD_REGROUP=1 cargo test --release -p lambda-guard-core grouping`.
pub(super) const GROUPING: &[u8] = &[
    17, 28, 28, 28, 14, 16, 25, 7, 0, 3, 18, 22, 22, 20, 20, 10, 13, 8, 25, 27, 12, 9, 26, 14, 4,
    29, 26, 26, 27, 27, 12, 23, 31, 4, 19, 19, 7, 24, 16, 8, 15, 12, 8, 25, 16, 20, 0, 0, 0, 0, 16,
    3, 18, 27, 18, 13, 30, 27, 16, 19, 5, 6, 14, 2, 1, 2, 2, 31, 31, 31, 27, 20, 15, 3, 29, 7, 0,
    0, 2, 16, 28, 15, 26, 2, 21, 22, 24, 7, 29, 29, 13, 12, 4, 14, 9, 9, 11, 7, 4, 18, 29, 14, 21,
    28, 15, 2, 15, 20, 21, 0, 1, 1, 1, 6, 25, 13, 10, 19, 25, 3, 15, 30, 30, 23, 28, 19, 24, 21,
    13, 24, 7, 30, 26, 10, 13, 29, 10, 25, 10, 7, 4, 21, 7, 23, 17, 15, 2, 12, 23, 15, 12, 9, 10,
    4, 18, 4, 24, 23, 4, 26, 17, 20, 12, 4, 28, 17, 4, 11, 11, 11, 23, 11, 18, 11, 22, 11, 28, 11,
    13, 28, 13, 15, 14, 8, 9, 31, 23, 27, 14, 14, 26, 2, 14, 21, 15, 12, 25, 24, 12, 11, 20, 20,
    18, 20, 31, 19, 31, 8, 0, 19, 15, 4, 24, 22, 19, 14, 0, 0, 0, 0, 1, 24, 23, 9, 2, 13, 9, 9, 23,
    9, 17, 7, 28, 10, 28, 7, 12, 24, 26, 7, 8, 1, 7, 10, 28, 24, 5, 5, 19, 19, 6, 6, 19, 8, 6, 0,
    0, 29, 3, 16,
];

#[cfg(test)]
mod tests {
    use std::fmt::Write;
    use std::fs;
    use std::path::Path;

    use super::*;
    use crate::inspect::prefilter::tables::{BUCKET_SIZE, BUCKETS, TRIGGERS, class};
    use crate::inspect::trigger::WIDTH;

    /// Offsets in a KiB of benign events that may be looked at in vain.
    const WANTED: f64 = 24.0;

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

    /// Marked offsets, and a little for each window that would be: the sample is not everything.
    fn cost(triggers: &[usize], sample: &[u8]) -> f64 {
        let table: [[bool; 256]; WIDTH] = std::array::from_fn(|position| {
            std::array::from_fn(|byte| {
                let byte = u8::try_from(byte).unwrap();
                triggers.iter().any(|t| class(*t, position).contains(byte))
            })
        });
        let [first, second, third, fourth] = &table;
        let marked = sample
            .windows(WIDTH)
            .filter(|window| {
                let [a, b, c, d] = window else { return false };
                first[usize::from(*a)]
                    && second[usize::from(*b)]
                    && third[usize::from(*c)]
                    && fourth[usize::from(*d)]
            })
            .count();
        let windows: f64 = table
            .iter()
            .map(|table| table.iter().filter(|holds| **holds).count() as f64 / 256.0)
            .product();
        marked as f64 + 100.0 * windows
    }

    /// Moves triggers between buckets as long as that helps.
    fn regroup(sample: &[u8]) -> Vec<usize> {
        let mut order: Vec<usize> = (0..TRIGGERS).collect();
        order.sort_by(|a, b| cost(&[*b], sample).total_cmp(&cost(&[*a], sample)));
        let mut buckets = vec![Vec::new(); BUCKETS];
        let mut costs = vec![0.0; BUCKETS];
        for round in 0..3 {
            for trigger in &order {
                if round > 0 {
                    let bucket = buckets
                        .iter()
                        .position(|b: &Vec<_>| b.contains(trigger))
                        .unwrap();
                    buckets[bucket].retain(|other| other != trigger);
                    costs[bucket] = cost(&buckets[bucket], sample);
                }
                let with = |bucket: usize| {
                    let mut all: Vec<usize> = buckets[bucket].clone();
                    all.push(*trigger);
                    (cost(&all, sample), bucket)
                };
                let (new, best) = (0..BUCKETS)
                    .filter(|bucket| buckets[*bucket].len() < BUCKET_SIZE)
                    .map(with)
                    .min_by(|a, b| (a.0 - costs[a.1]).total_cmp(&(b.0 - costs[b.1])))
                    .unwrap();
                buckets[best].push(*trigger);
                costs[best] = new;
            }
        }
        let bucket = |t: usize| {
            buckets
                .iter()
                .position(|bucket| bucket.contains(&t))
                .unwrap()
        };
        (0..TRIGGERS).map(bucket).collect()
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
            grouping = regroup(&sample);
            write(&grouping);
        }
        assert_eq!(
            grouping.len(),
            TRIGGERS,
            "triggers have changed: see GROUPING's comment"
        );
        let marked: f64 = (0..BUCKETS)
            .map(|bucket| {
                let of = |t: &usize| grouping[*t] == bucket;
                let triggers: Vec<_> = (0..TRIGGERS).filter(of).collect();
                cost(&triggers, &sample)
            })
            .sum();
        let marked = 1024.0 * marked / sample.len() as f64;
        println!("{TRIGGERS} triggers mark {marked:.1} offsets in a KiB");
        assert!(
            marked < WANTED,
            "{marked:.1} offsets in a KiB: see GROUPING's comment"
        );
    }
}
