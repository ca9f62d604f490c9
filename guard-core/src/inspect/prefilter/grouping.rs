//! Which bucket each trigger is in, found by trying on benign events.

/// In the order of the triggers. Made anew by
/// `GUARD_REGROUP=1 cargo test --release -p lambda-guard-core grouping`.
pub(super) const GROUPING: &[u8] = &[
    10, 9, 9, 9, 7, 5, 5, 5, 5, 2, 8, 6, 9, 9, 14, 9, 9, 5, 5, 14, 4, 2, 7, 0, 3, 1, 12, 13, 15, 3,
    1, 12, 13, 15, 3, 1, 12, 13, 0, 3, 1, 12, 13, 9, 15, 15, 15, 8, 8, 8, 10, 15, 2, 8, 7, 14, 4,
    3, 3, 4, 4, 4, 4, 4, 3, 3, 3, 3, 11, 11, 11, 6, 6, 6, 6,
];

#[cfg(test)]
mod tests {
    use std::fmt::Write;
    use std::fs;
    use std::path::Path;

    use super::*;
    use crate::inspect::prefilter::tables::{BUCKET_SIZE, BUCKETS, COVERS, Cover, TRIGGERS};
    use crate::inspect::trigger::WIDTH;

    /// Offsets in a KiB of benign events that may be looked at in vain.
    const WANTED: f64 = 16.0;

    /// For each position and byte: the triggers of one bucket are somewhere among these.
    type Bucket = [Cover; WIDTH];

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

    fn joined(triggers: &[usize]) -> Bucket {
        let mut bucket = [Cover { low: 0, high: 0 }; WIDTH];
        for trigger in triggers {
            for (place, cover) in bucket.iter_mut().zip(&COVERS[*trigger]) {
                place.low |= cover.low;
                place.high |= cover.high;
            }
        }
        bucket
    }

    /// Marked offsets, and a little for each window that would be: the sample is not everything.
    fn cost(triggers: &[usize], sample: &[u8]) -> f64 {
        let bucket = joined(triggers);
        let holds = |cover: &Cover, byte: u8| {
            cover.low & 1 << (byte & 15) != 0 && cover.high & 1 << (byte >> 4) != 0
        };
        let table: [Vec<bool>; WIDTH] =
            bucket.map(|cover| (0..=255).map(|byte| holds(&cover, byte)).collect());
        let marked = sample
            .windows(WIDTH)
            .filter(|window| {
                window
                    .iter()
                    .zip(&table)
                    .all(|(byte, table)| table[usize::from(*byte)])
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
        for round in 0..6 {
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
        let (head, rest) = text.split_once("= &[\n").unwrap();
        let (_, tail) = rest.split_once("];\n").unwrap();
        let mut list = String::new();
        for line in grouping.chunks(24) {
            let line: Vec<_> = line.iter().map(usize::to_string).collect();
            writeln!(list, "    {},", line.join(", ")).unwrap();
        }
        fs::write(path, format!("{head}= &[\n{list}];\n{tail}")).unwrap();
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
