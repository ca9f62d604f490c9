//! Which bucket each trigger is in, found by trying on benign events.

/// In the order of the triggers. Made anew by
/// `GUARD_REGROUP=1 cargo test --release -p lambda-guard-core grouping`.
pub(super) const GROUPING: &[u8] = &[
    29, 4, 4, 4, 10, 4, 14, 5, 0, 5, 31, 4, 4, 27, 27, 10, 11, 5, 30, 25, 26, 10, 22, 11, 20, 27,
    30, 17, 26, 5, 19, 11, 7, 17, 5, 5, 16, 11, 5, 5, 28, 14, 12, 5, 13, 5, 0, 14, 14, 0, 26, 27,
    31, 0, 8, 8, 8, 31, 16, 14, 3, 14, 14, 3, 23, 23, 8, 0, 3, 3, 23, 23, 14, 5, 24, 15, 14, 14,
    21, 6, 16, 25, 13, 25, 22, 15, 15, 15, 31, 31, 31, 31, 3, 19, 26, 19, 18, 18, 13, 31, 27, 22,
    19, 4, 30, 24, 21, 27, 22, 0, 2, 2, 3, 0, 0, 5, 16, 14, 30, 5, 18, 1, 24, 8, 28, 12, 13, 20,
    17, 28, 6, 6, 15, 10, 17, 28, 13, 2, 9, 20, 6, 21, 21, 25, 29, 20, 4, 11, 11, 21, 22, 15, 18,
    20, 31, 17, 13, 11, 18, 7, 10, 27, 11, 22, 17, 29, 20, 1, 25, 1, 19, 16, 31, 4, 16, 1, 4, 1,
    24, 24, 1, 28, 18, 23, 6, 7, 11, 11, 9, 6, 22, 7, 22, 19, 21, 19, 31, 29, 18, 25, 12, 27, 23,
    30, 12, 12, 12, 30, 5, 12, 12, 10, 13, 9, 14, 7, 0, 0, 0, 0, 11, 7, 18, 15, 7, 6, 21, 21, 17,
    26, 29, 18, 9, 18, 28, 11, 20, 13, 27, 16, 0, 11, 11, 18, 9, 13, 8, 8, 1, 1, 1, 1, 14, 31, 0,
    0, 0, 3, 23, 23,
];

#[cfg(test)]
mod tests {
    use std::fmt::Write;
    use std::fs;
    use std::path::Path;

    use super::*;
    use crate::inspect::prefilter::tables::{BUCKET_SIZE, BUCKETS, COVERS, Cover, TRIGGERS, class};
    use crate::inspect::trigger::WIDTH;

    /// Offsets in a KiB of benign events that may be looked at in vain.
    const WANTED: f64 = 80.0;

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

    /// Offsets that the look-ups of whole bytes mark, and a little for those of nibbles, and for each
    /// window that would be marked: the sample is not everything.
    fn cost(triggers: &[usize], sample: &[u8]) -> f64 {
        let exact =
            |position: usize, byte: u8| triggers.iter().any(|t| class(*t, position).contains(byte));
        let cover: [Cover; WIDTH] = std::array::from_fn(|position| {
            triggers.iter().fold(Cover { low: 0, high: 0 }, |all, t| {
                let cover = COVERS[*t][position];
                Cover {
                    low: all.low | cover.low,
                    high: all.high | cover.high,
                }
            })
        });
        let blurred = |position: usize, byte: u8| {
            cover[position].low & 1 << (byte & 15) != 0
                && cover[position].high & 1 << (byte >> 4) != 0
        };
        let table: [[u8; 256]; WIDTH] = std::array::from_fn(|position| {
            std::array::from_fn(|byte| {
                let byte = u8::try_from(byte).unwrap();
                u8::from(exact(position, byte)) | u8::from(blurred(position, byte)) << 1
            })
        });
        let [first, second, third, fourth] = &table;
        let (mut whole, mut nibbles) = (0, 0);
        for window in sample.windows(WIDTH) {
            let [a, b, c, d] = window else { continue };
            let marked = first[usize::from(*a)]
                & second[usize::from(*b)]
                & third[usize::from(*c)]
                & fourth[usize::from(*d)];
            whole += u32::from(marked & 1);
            nibbles += u32::from(marked >> 1);
        }
        let windows: f64 = table
            .iter()
            .map(|table| table.iter().filter(|holds| **holds != 0).count() as f64 / 256.0)
            .product();
        f64::from(whole) + 0.1 * f64::from(nibbles) + 100.0 * windows
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
