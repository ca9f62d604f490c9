//! Every length, every site and every number as objdump has them.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::Path;

use guard_patcher::elf::{Code, Elf, Machine};
use guard_patcher::x86_64::Recipe;
use guard_patcher::{How, Kind, Place, Reach, Site, Text, aarch64, x86_64};

use crate::objdump::{self, Line};
use crate::programs;

#[test]
fn lengths_are_those_of_a_disassembler() {
    for path in programs::all() {
        let file = std::fs::read(&path).unwrap();
        let elf = Elf::parse(&file).unwrap();
        let codes: Vec<_> = elf.code().collect();
        let (mut compared, mut different) = (0u64, Vec::new());
        // Objdump goes over data from front to end; what it makes of it is a matter of taste.
        let mut data_until = 0;
        objdump::each(&path, |line, next| {
            let Some(next) = next else { return };
            if line.is_no_instruction() {
                data_until = line.address + 64;
            }
            let Some(bytes) = from(&codes, line.address).filter(|_| line.address >= data_until)
            else {
                return;
            };
            compared += 1;
            let length = x86_64::decode(bytes).map(|found| u64::from(found.len()));
            // Objdump shows fwait as part of the instruction behind it.
            if length != Some(next - line.address) && bytes[0] != 0x9b {
                different.push(format!(
                    "{:#x} {} is {:?} bytes long, not {} ({:02x?})",
                    line.address,
                    line.text,
                    length,
                    next - line.address,
                    &bytes[..bytes.len().min(15)],
                ));
            }
        });
        println!("{}: {compared} instructions compared", path.display());
        assert_eq!(different, [""; 0], "{}", path.display());
        assert!(compared > 50);
    }
}

fn from<'f>(codes: &[Code<'f>], address: u64) -> Option<&'f [u8]> {
    codes.iter().find_map(|code| {
        let at = usize::try_from(address.checked_sub(code.address)?).ok()?;
        code.bytes.get(at..).filter(|bytes| !bytes.is_empty())
    })
}

/// What objdump knows of a site: its number, where the instruction before sets it.
struct Theirs {
    sites: BTreeMap<u64, Option<u32>>,
    /// Where instructions start.
    starts: HashSet<u64>,
    /// Lines that are no instructions: data is around.
    data: BTreeSet<u64>,
}

impl Theirs {
    fn of(path: &Path) -> Self {
        let (mut sites, mut data) = (BTreeMap::new(), BTreeSet::new());
        let mut starts = HashSet::new();
        let mut number = None;
        objdump::each(path, |line, _| {
            starts.insert(line.address);
            if line.is_no_instruction() {
                data.insert(line.address);
            }
            if line.is_system_call() {
                sites.insert(line.address, number);
            }
            number = moved_to_eax(line);
        });
        Self {
            sites,
            starts,
            data,
        }
    }

    fn is_data(&self, address: u64) -> bool {
        let around = address.saturating_sub(128)..address + 128;
        self.data.range(around).next().is_some()
    }
}

fn moved_to_eax(line: &Line) -> Option<u32> {
    let value = line
        .text
        .strip_prefix("mov    $0x")?
        .strip_suffix(",%eax")?;
    u32::from_str_radix(value, 16).ok()
}

#[test]
fn sites_are_those_of_a_disassembler() {
    println!(
        "program | text KiB | byte hits | sites | constant | padding | displaced | ahead | open"
    );
    for path in programs::all() {
        compare(&path);
    }
}

fn compare(path: &Path) {
    let file = std::fs::read(path).unwrap();
    let elf = Elf::parse(&file).unwrap();
    let theirs = Theirs::of(path);
    let (mut size, mut hits, mut found, mut constant) = (0, 0, 0, 0);
    let (mut caves, mut displaced, mut ahead, mut open) = (0, 0, 0, Vec::new());
    for code in elf.code() {
        let text = Text::new(code.bytes, code.address);
        size += code.bytes.len();
        hits += code
            .bytes
            .windows(2)
            .filter(|pair| matches!(pair, [0x0f, 0x05 | 0x34] | [0xcd, 0x80]))
            .count();
        let place = Place {
            trampoline: text.address() + 0x1000_0000,
            header: text.address() + 0x1100_0000,
        };
        let mut planner = x86_64::Planner::new();
        each_site(text, Machine::X86_64, |site| {
            let address = text.address_of(site.offset);
            found += 1;
            constant += usize::from(site.number.is_some());
            let number = theirs.sites.get(&address);
            let number = number.unwrap_or_else(|| panic!("{address:#x} is no site"));
            // Further back there may be a number that objdump's last line does not show; a branch
            // may bring another.
            if number.is_some() && site.landings == 0 {
                assert_eq!(site.number, *number, "{address:#x}");
            }
            let patch = match planner.plan(text, site, place) {
                Ok(patch) => patch,
                Err(reason) => {
                    open.push(format!("{address:#x}: {reason}"));
                    return;
                }
            };
            // What is kept of a plan leads to the same plan.
            let kept = Recipe::of(site, &patch).and_then(Recipe::to_word).unwrap();
            let again = Recipe::from_word(kept).unwrap().follow(text, place);
            assert_eq!(again, Ok(patch), "{address:#x}");
            match patch.how() {
                How::Ahead => ahead += 1,
                How::Cave => caves += 1,
                _ => displaced += 1,
            }
            for write in patch.writes() {
                let start = text.address_of(write.offset());
                assert!(
                    theirs.starts.contains(&start),
                    "{start:#x} is inside of an instruction"
                );
            }
        });
    }
    println!(
        "{} | {} | {hits} | {found} | {constant} | {caves} | {displaced} | {ahead} | {} {open:?}",
        path.display(),
        size / 1024,
        open.len()
    );
    let missed: Vec<_> = theirs
        .sites
        .keys()
        .filter(|address| !theirs.is_data(**address))
        .collect();
    assert_eq!(found, missed.len(), "{missed:x?}");
    assert!(
        open.is_empty() || !programs::is_required(path),
        "{open:?} in {}",
        path.display()
    );
}

/// Calls `each` with every site of `text`.
pub(crate) fn each_site(text: Text<'_>, machine: Machine, mut each: impl FnMut(&Site)) {
    let survey = match machine {
        Machine::Aarch64 => aarch64::survey,
        _ => x86_64::survey,
    };
    let mut room = [Site::NONE; 256];
    let mut from = Some(0);
    while let Some(start) = from {
        let batch = survey(text, start, None, Reach::All, &mut room);
        for site in &*batch.sites {
            assert_ne!(
                site.kind,
                Kind::Doubtful,
                "{:#x}",
                text.address_of(site.offset)
            );
            each(site);
        }
        from = batch.next;
    }
}

/// A search that spares votes, and one that is handed a list, find what a whole one finds.
#[test]
fn every_search_finds_the_same() {
    for path in programs::all() {
        let file = std::fs::read(&path).unwrap();
        for code in Elf::parse(&file).unwrap().code() {
            let text = Text::new(code.bytes, code.address);
            let mut whole = Vec::new();
            each_site(text, Machine::X86_64, |site| whole.push(*site));
            let key = |site: &Site| (site.offset, site.number, site.landings);
            let mut room = vec![Site::NONE; whole.len() + 1];
            let reach = Reach::All;

            let is_checked = |number: u32| number.is_multiple_of(3);
            let spared = x86_64::survey_for(text, 0, None, reach, is_checked, &mut room).sites;
            let all: Vec<_> = whole.iter().map(key).collect();
            assert_eq!(spared.iter().map(key).collect::<Vec<_>>(), all);

            let offsets: Vec<_> = whole.iter().map(|site| site.offset).collect();
            let listed = x86_64::survey(text, 0, Some(&offsets), reach, &mut room).sites;
            assert_eq!(listed, whole);
            let known: Vec<_> = whole
                .iter()
                .map(|s| Site::known(s.offset, s.number, s.landings, s.boundaries))
                .collect();
            assert_eq!(known, whole);
        }
    }
}
