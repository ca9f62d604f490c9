use guard_patcher::{Place, Reach, Site, Text, elf::Elf, x86_64};
use std::time::Instant;
fn main() {
    for p in std::env::args().skip(1) {
        let f = std::fs::read(&p).unwrap();
        let e = Elf::parse(&f).unwrap();
        let mut best = (f64::MAX, f64::MAX, f64::MAX);
        let mut n = 0;
        let mut size = 0;
        for _ in 0..1 {
            let (mut a, mut b, mut c) = (0., 0., 0.);
            n = 0;
            size = 0;
            for code in e.code() {
                let t = Text::new(code.bytes, code.address);
                size += code.bytes.len();
                let mut room = [Site::NONE; 1024];
                let t0 = Instant::now();
                let s = x86_64::survey(t, 0, None, Reach::Near, &mut room)
                    .sites
                    .len();
                a += t0.elapsed().as_secs_f64();
                let t0 = Instant::now();
                let batch = x86_64::survey_for(t, 0, None, Reach::All, |n| n % 5 == 0, &mut room);
                b += t0.elapsed().as_secs_f64();
                n += s;
                let t0 = Instant::now();
                let mut pl = x86_64::Planner::new();
                let mut at = code.address + 0x1000_0000;
                for s in batch
                    .sites
                    .iter()
                    .filter(|s| s.number.is_none_or(|n| n % 5 == 0))
                {
                    if let Ok(x) = pl.plan(
                        t,
                        s,
                        Place {
                            trampoline: at,
                            header: code.address + 0x1000_0000,
                        },
                    ) {
                        at += x.trampoline().len() as u64;
                    }
                }
                c += t0.elapsed().as_secs_f64();
            }
            best = (best.0.min(a), best.1.min(b), best.2.min(c));
        }
        println!(
            "{p}: {size} bytes {n} sites: near {:.3} ms all {:.3} ms plan {:.3} ms",
            best.0 * 1e3,
            best.1 * 1e3,
            best.2 * 1e3
        );
    }
}
