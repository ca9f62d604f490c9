//! Which bucket each trigger is in, found by trying on benign events.

/// In the order of the triggers. Made anew by
/// `GUARD_REGROUP=1 cargo test --release -p lambda-guard-core grouping`.
pub(super) const GROUPING: &[u8] = &[
    30, 27, 26, 23, 13, 7, 3, 6, 1, 9, 31, 26, 26, 10, 28, 6, 29, 2, 24, 19, 10, 11, 21, 7,
    7, 3, 5, 29, 19, 4, 10, 13, 22, 17, 8, 8, 13, 21, 8, 2, 28, 2, 2, 9, 29, 4, 1, 1,
    1, 1, 10, 5, 31, 5, 31, 10, 18, 21, 18, 8, 20, 8, 8, 0, 5, 5, 5, 3, 3, 4, 5, 5,
    29, 9, 23, 0, 0, 0, 22, 14, 7, 25, 10, 7, 28, 26, 17, 27, 31, 31, 31, 31, 7, 22, 17, 12,
    28, 25, 21, 31, 3, 15, 16, 24, 22, 7, 14, 28, 21, 0, 0, 0, 0, 0, 0, 29, 13, 8, 5, 9,
    28, 17, 18, 6, 23, 1, 29, 24, 15, 23, 23, 21, 6, 13, 15, 29, 6, 3, 24, 10, 21, 16, 16, 25,
    30, 15, 13, 23, 10, 12, 14, 14, 7, 19, 31, 15, 13, 21, 19, 15, 30, 10, 23, 29, 15, 30, 16, 31,
    26, 31, 16, 26, 31, 26, 30, 31, 30, 4, 27, 4, 4, 27, 28, 8, 25, 26, 25, 13, 22, 21, 21, 22,
    14, 16, 14, 17, 31, 12, 6, 6, 5, 5, 5, 5, 3, 1, 3, 2, 2, 1, 25, 15, 2, 11, 8, 23,
    1, 1, 1, 1, 4, 19, 6, 14, 12, 23, 14, 14, 19, 22, 30, 25, 29, 10, 11, 17, 7, 19, 21, 6,
    1, 4, 19, 6, 25, 19, 9, 9, 8, 8, 8, 8, 8, 4, 0, 0, 0, 5, 5, 5, 12, 12, 18, 27,
    28, 6, 29,
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
