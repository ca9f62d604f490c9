//! A program with every site patched, as a file: what a plan is worth shows when it runs.
//!
//! Trampolines go to a segment of their own behind everything else, whose program header takes the
//! place of a note's.

use guard_patcher::elf::{Elf, Machine, PT_LOAD, PT_NOTE};
use guard_patcher::{How, Kind, Place, Site, Text, Unplaceable, aarch64, x86_64};

use crate::corpus::each_site;

/// What became of a program's sites.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) caves: usize,
    pub(crate) displaced: usize,
    pub(crate) replaced: usize,
    pub(crate) open: Vec<(u64, Unplaceable)>,
}

/// `getppid` answers this instead of asking the kernel: proof that the entry is in the way.
pub(crate) const PARENT: u32 = 4242;

/// The entry: scratches what the contract lets it scratch, and goes back either way.
#[rustfmt::skip]
const ENTRY: &[u8] = &[
    0x48, 0x8d, 0x64, 0x24, 0x80,                   // lea rsp, [rsp - 128]
    0x9c,                                           // pushfq
    0x41, 0xbb, 0xef, 0xbe, 0xad, 0xde,             // mov r11d, 0xdeadbeef
    0x83, 0xf8, 0x6e,                               // cmp eax, getppid
    0x74, 0x0b,                                     // je answered
    0x9d,                                           // popfq
    0x48, 0x8d, 0xa4, 0x24, 0x80, 0, 0, 0,          // lea rsp, [rsp + 128]
    0xff, 0xe1,                                     // jmp rcx
    // answered:
    0x9d,                                           // popfq
    0x48, 0x8d, 0xa4, 0x24, 0x80, 0, 0, 0,          // lea rsp, [rsp + 128]
    0xb8, 0x92, 0x10, 0, 0,                         // mov eax, PARENT
    0x48, 0x8d, 0x49, 0x02,                         // lea rcx, [rcx + RESUME_RETURN]
    0xff, 0xe1,                                     // jmp rcx
];

/// The same for aarch64.
const ENTRY_AARCH64: [u32; 6] = [
    0xd102_b511, // sub x17, x8, #getppid
    0xb400_0051, // cbz x17, answered
    0xd61f_0200, // br x16
    // answered:
    0xd282_1240, // mov x0, #PARENT
    0x9100_3210, // add x16, x16, #RESUME_RETURN
    0xd61f_0200, // br x16
];

const PAGE: u64 = 4096;

/// `original` with every site patched, those with a constant number to pass through [`ENTRY`].
pub(crate) fn rewrite(original: &[u8]) -> (Vec<u8>, Outcome) {
    let elf = Elf::parse(original).unwrap();
    let mut file = original.to_vec();
    let mut outcome = Outcome::default();

    let top = elf
        .segments()
        .filter(|segment| segment.kind == PT_LOAD)
        .map(|segment| segment.address + segment.memory_size)
        .max()
        .unwrap();
    let base = top.next_multiple_of(PAGE) + PAGE;
    let entry = base + x86_64::HEADER as u64;
    // Where a number is looked up, both ways are taken; getppid is among the checked ones.
    let mut island = x86_64::header(entry, |number| !number.is_multiple_of(3)).to_vec();
    let is_arm = elf.machine() == Machine::Aarch64;
    if is_arm {
        island.extend(ENTRY_AARCH64.map(u32::to_le_bytes).as_flattened());
    } else {
        island.extend(ENTRY);
    }
    island.resize(island.len().next_multiple_of(16), 0xcc);

    for code in elf.code() {
        let text = Text::new(code.bytes, code.address);
        let mut planner = x86_64::Planner::new();
        let mut apply = |site: &Site| {
            assert_eq!(site.kind, Kind::Call);
            let place = Place {
                trampoline: base + island.len() as u64,
                header: base,
            };
            let patch = if is_arm {
                aarch64::plan(text, site, place)
            } else {
                planner.plan(text, site, place)
            };
            let patch = match patch {
                Ok(patch) => patch,
                Err(reason) => {
                    let address = text.address_of(site.offset);
                    outcome.open.push((address, reason));
                    return;
                }
            };
            match patch.how() {
                How::Cave => outcome.caves += 1,
                How::Replaced => outcome.replaced += 1,
                _ => outcome.displaced += 1,
            }
            for write in patch.writes() {
                let at = code.offset as usize + write.offset() as usize;
                file[at..][..write.bytes().len()].copy_from_slice(write.bytes());
            }
            if is_arm {
                island.extend(patch.trampoline());
            } else {
                island.extend(direct(patch.trampoline(), place, entry));
            }
        };
        each_site(text, elf.machine(), &mut apply);
    }

    file.resize(file.len().next_multiple_of(PAGE as usize), 0);
    let offset = file.len() as u64;
    file.extend(&island);
    add_segment(&mut file, &elf, offset, base, island.len() as u64);
    (file, outcome)
}

/// The trampoline with a relative jump to the entry: an object that is relocated cannot hold an
/// absolute address in its file.
fn direct(trampoline: &[u8], place: Place, entry: u64) -> Vec<u8> {
    let mut bytes = trampoline.to_vec();
    let literal = place.header + x86_64::TABLE as u64;
    let at = (0..bytes.len() - 6)
        .find(|at| {
            let end = place.trampoline + *at as u64 + 6;
            let displacement = i32::from_le_bytes(bytes[at + 2..at + 6].try_into().unwrap());
            bytes[*at..at + 2] == [0xff, 0x25]
                && end.wrapping_add_signed(displacement.into()) == literal
        })
        .expect("every trampoline jumps to the entry");
    let displacement = entry.wrapping_sub(place.trampoline + at as u64 + 5) as u32;
    bytes[at] = 0xe9;
    bytes[at + 1..at + 5].copy_from_slice(&displacement.to_le_bytes());
    bytes
}

/// Takes a note out of the program headers and puts the new segment behind the last one loaded,
/// for loaded segments have to ascend.
fn add_segment(file: &mut [u8], elf: &Elf<'_>, offset: u64, address: u64, size: u64) {
    let segments: Vec<_> = elf.segments().collect();
    let note = segments.iter().position(|s| s.kind == PT_NOTE).unwrap();
    let last = segments.iter().rposition(|s| s.kind == PT_LOAD).unwrap();
    let table = elf.segments_offset() as usize;
    let mut entries: Vec<Vec<u8>> = file[table..][..segments.len() * 56]
        .chunks(56)
        .map(<[u8]>::to_vec)
        .collect();
    let mut new = Vec::new();
    // PT_LOAD, readable and executable
    new.extend(PT_LOAD.to_le_bytes());
    new.extend(5u32.to_le_bytes());
    for field in [offset, address, address, size, size, PAGE] {
        new.extend(field.to_le_bytes());
    }
    entries.insert(last + 1, new);
    entries.remove(if note > last { note + 1 } else { note });
    file[table..][..segments.len() * 56].copy_from_slice(&entries.concat());
}
