//! Any bytes as code: what is planned stays in the text and out of each other's way, a trampoline is
//! whole, and searches agree.

#![no_main]

use guard_patcher::{How, Place, Reach, Site, Text, aarch64, x86_64};
use libfuzzer_sys::fuzz_target;

const ADDRESS: u64 = 0x40_0000;
const HEADER: u64 = 0x80_0000;

fuzz_target!(|bytes: &[u8]| {
    let text = Text::new(bytes, ADDRESS);
    let reach = if bytes.len() % 2 == 0 {
        Reach::All
    } else {
        Reach::Near
    };
    let mut planner = x86_64::Planner::new();
    let mut written = vec![false; bytes.len()];
    let mut all = Vec::new();
    let mut room = [Site::NONE; 7];
    let mut from = Some(0);
    while let Some(start) = from {
        let batch = x86_64::survey(text, start, None, reach, &mut room);
        for site in &*batch.sites {
            all.push(*site);
            let place = Place {
                trampoline: HEADER + 4096 * all.len() as u64,
                header: HEADER,
            };
            let Ok(patch) = planner.plan(text, site, place) else {
                continue;
            };
            for write in patch.writes() {
                for at in write.offset() as usize..write.offset() as usize + write.bytes().len() {
                    assert!(!written[at], "{at} is written twice");
                    written[at] = true;
                }
            }
            let trampoline = patch.trampoline();
            assert!(trampoline.len() <= guard_patcher::TRAMPOLINE_MAX);
            assert_eq!(trampoline.len() % 16, 0);
            match patch.how() {
                // A trap in the site's place: nothing leads to a trampoline.
                How::Replaced => {
                    assert!(trampoline.is_empty());
                    assert_eq!(patch.writes().count(), 1);
                }
                how => {
                    let resume = &trampoline[usize::from(patch.resume())..][..2];
                    let is_ahead = how == How::Ahead;
                    assert_eq!(resume, if is_ahead { [0xeb, 0x05] } else { [0x0f, 0x05] });
                }
            }
        }
        assert!(batch.next.is_none_or(|next| next > start));
        from = batch.next;
    }

    // A list of all that was found leads to all that was found.
    let offsets: Vec<_> = all.iter().map(|site| site.offset).collect();
    let mut room = vec![Site::NONE; all.len() + 1];
    let found = x86_64::survey(text, 0, Some(&offsets), reach, &mut room).sites;
    let key = |site: &Site| (site.offset, site.kind, site.boundaries);
    assert!(found.iter().map(key).eq(all.iter().map(key)));

    let mut room = [Site::NONE; 64];
    for site in aarch64::survey(text, 0, None, reach, &mut room).sites {
        let place = Place {
            trampoline: HEADER + 4096,
            header: HEADER,
        };
        let patch = aarch64::plan(text, site, place).unwrap();
        let resume = usize::from(patch.resume());
        assert_eq!(patch.trampoline()[resume + 4..][..4], [1, 0, 0, 0xd4]);
    }
});
