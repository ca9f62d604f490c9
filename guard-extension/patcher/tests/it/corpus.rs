//! Every length and every site as objdump has them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use guard_patcher::elf::Elf;
use guard_patcher::{Kind, Place, Reach, Site, Text, x86_64};

use crate::objdump;

/// Programs compared in every run. More: GUARD_PATCHER_CORPUS, paths separated by colons.
const PROGRAMS: &[&str] = &[
    "/lib/x86_64-linux-gnu/libc.so.6",
    "/lib64/ld-linux-x86-64.so.2",
    "/bin/bash",
    "/bin/busybox",
    "/lib/x86_64-linux-musl/libc.so",
];

fn programs() -> Vec<PathBuf> {
    let more = std::env::var("GUARD_PATCHER_CORPUS").unwrap_or_default();
    let all = PROGRAMS.iter().copied().chain(more.split(':'));
    all.filter(|path| !path.is_empty())
        .map(PathBuf::from)
        .filter(|path| {
            let is_there = path.exists();
            if !is_there {
                println!("skipped: {} is not here", path.display());
            }
            is_there
        })
        .collect()
}

#[test]
fn lengths_are_those_of_a_disassembler() {
    if !objdump::is_installed() {
        println!("skipped: objdump is not installed (apt-get install binutils)");
        return;
    }
    for path in programs() {
        let file = std::fs::read(&path).unwrap();
        let elf = Elf::parse(&file).unwrap();
        let codes: Vec<_> = elf.code().collect();
        let (mut count, mut wrong) = (0u64, 0u64);
        objdump::each(&path, |line, next| {
            let Some(next) = next else { return };
            let Some(code) = codes
                .iter()
                .find(|code| line.address.wrapping_sub(code.address) < code.bytes.len() as u64)
            else {
                return;
            };
            if line.text.contains("(bad)") || line.text.starts_with(".byte") {
                return;
            }
            let at = (line.address - code.address) as usize;
            let length = x86_64::decode(&code.bytes[at..]).map(|found| u64::from(found.len()));
            count += 1;
            if length != Some(next - line.address) {
                wrong += 1;
                if wrong < 40 {
                    println!(
                        "{:#x} {:02x?} {} objdump {} here {length:?}",
                        line.address,
                        &code.bytes[at..(at + 15).min(code.bytes.len())],
                        line.text,
                        next - line.address
                    );
                }
            }
        });
        println!("{}: {count} instructions, {wrong} differ", path.display());
    }
}

#[test]
fn sites_are_those_of_a_disassembler() {
    if !objdump::is_installed() {
        println!("skipped: objdump is not installed (apt-get install binutils)");
        return;
    }
    for path in programs() {
        compare(&path);
    }
}

fn compare(path: &Path) {
    let file = std::fs::read(path).unwrap();
    let elf = Elf::parse(&file).unwrap();
    let mut theirs = BTreeSet::new();
    objdump::each(path, |line, _| {
        let word = line.text.split_whitespace().next().unwrap_or_default();
        if matches!(word, "syscall" | "sysenter") || line.text.starts_with("int    $0x80") {
            theirs.insert(line.address);
        }
    });
    let mut ours = BTreeSet::new();
    let (mut hits, mut constant, mut caves, mut displaced, mut open, mut doubtful) =
        (0, 0, 0, 0, 0, 0);
    for code in elf.code() {
        let text = Text::new(code.bytes, code.address);
        hits += code
            .bytes
            .windows(2)
            .filter(|w| matches!(w, [0x0f, 5] | [0x0f, 0x34] | [0xcd, 0x80]))
            .count();
        let mut planner = x86_64::Planner::new();
        let mut room = [Site::NONE; 256];
        let mut from = Some(0);
        while let Some(start) = from {
            let batch = x86_64::survey(text, start, None, Reach::All, &mut room);
            for site in batch.sites {
                if site.kind == Kind::Doubtful {
                    doubtful += 1;
                    println!("doubtful {:#x}", text.address_of(site.offset));
                    continue;
                }
                ours.insert(text.address_of(site.offset));
                if site.number.is_some() {
                    constant += 1;
                }
                let place = Place {
                    trampoline: text.address() + 0x1000_0000,
                    header: text.address() + 0x1100_0000,
                };
                match planner.plan(text, site, place) {
                    Ok(p) if p.how() == guard_patcher::How::Cave => caves += 1,
                    Ok(_) => displaced += 1,
                    Err(e) => {
                        open += 1;
                        println!(
                            "open {:#x} {:?} {e}",
                            text.address_of(site.offset),
                            site.number
                        )
                    }
                }
            }
            from = batch.next;
        }
    }
    println!(
        "{}: hits {hits} sites {} (objdump {}) constant {constant} cave {caves} displaced {displaced} open {open} doubtful {doubtful}",
        path.display(),
        ours.len(),
        theirs.len()
    );
    for a in theirs.difference(&ours) {
        println!("  only objdump {a:#x}");
    }
    for a in ours.difference(&theirs) {
        println!("  only here {a:#x}");
    }
}
