//! Sites, numbers, branches and plans on code small enough to read.

use std::vec::Vec;

use super::{FOREIGN, Planner, decode, survey, survey_for};
use crate::{How, Kind, Patch, Place, Reach, Site, Text, Unplaceable, Write};

const ADDRESS: u64 = 0x40_0000;
const PLACE: Place = Place {
    trampoline: 0x50_0400,
    header: 0x50_0000,
};

/// Code that a vote has something to go by: 96 bytes of plain instructions.
fn before() -> Vec<u8> {
    // mov rdi, rsi; add rsi, 8; lea rdx, [rsp + 16]
    [
        0x48, 0x89, 0xf7, 0x48, 0x83, 0xc6, 0x08, 0x48, 0x8d, 0x54, 0x24, 0x10,
    ]
    .repeat(8)
}

fn sites(code: &[u8]) -> Vec<Site> {
    let mut room = [Site::NONE; 8];
    let batch = survey(Text::new(code, ADDRESS), 0, None, Reach::All, &mut room);
    assert_eq!(batch.next, None);
    batch.sites.to_vec()
}

/// Code behind the plain instructions, and its only site.
fn only(tail: &[u8]) -> (Vec<u8>, Site) {
    let mut code = before();
    code.extend(tail);
    let found = sites(&code);
    assert_eq!(found.len(), 1, "{found:?}");
    (code, found[0])
}

fn plan(code: &[u8], site: &Site) -> Result<Patch, Unplaceable> {
    Planner::new().plan(Text::new(code, ADDRESS), site, PLACE)
}

/// Instructions of a trampoline up to the padding.
fn instructions(bytes: &[u8]) -> Vec<&[u8]> {
    let mut found = Vec::new();
    let mut rest = bytes;
    while let Some(instruction) = decode(rest).filter(|_| rest[0] != 0xcc) {
        let (now, later) = rest.split_at(instruction.len() as usize);
        found.push(now);
        rest = later;
    }
    found
}

#[test]
fn a_call_is_found_only_where_an_instruction_starts() {
    let (code, site) = only(&[0x0f, 0x05, 0xc3]);
    assert_eq!(
        (site.offset, site.kind, site.number),
        (96, Kind::Call, None)
    );
    assert_eq!(code[96..98], [0x0f, 0x05]);
    // mov eax, 0x050f; mov rax, [rip + 0x340f]; mov eax, 0x80cd
    for inside in [
        &[0xb8, 0x0f, 0x05, 0, 0, 0xc3][..],
        &[0x48, 0x8b, 0x05, 0x0f, 0x34, 0, 0, 0xc3],
        &[0xb8, 0xcd, 0x80, 0, 0, 0xc3],
    ] {
        let mut code = before();
        code.extend(inside);
        assert_eq!(sites(&code), [], "{inside:02x?}");
    }
}

#[test]
fn starts_that_go_nowhere_do_not_show_the_way() {
    // A run of ud2, which half of all starts never fall into step with: theirs is or ecx, [rdi] up
    // to add [rax], al. Then mov rax, 15; syscall.
    let mut code = [0x0f, 0x0b].repeat(48);
    code.extend([0x48, 0xc7, 0xc0, 15, 0, 0, 0, 0x0f, 0x05, 0x0f, 0x0b]);
    let found = sites(&code);
    assert_eq!((found.len(), found[0].offset), (1, 103));
    assert_eq!(found[0].number, Some(15));
    assert_eq!(found[0].boundaries >> (32 - 7), 1);
    let patch = plan(&code, &found[0]).unwrap();
    assert_eq!(patch.writes().last().unwrap().offset(), 96);
}

#[test]
fn the_foreign_interface_is_told_apart() {
    // jmp to what follows; int 0x80; ret. No room for a jump: a trap.
    let (code, site) = only(&[0xeb, 0x00, 0xcd, 0x80, 0xc3]);
    assert_eq!(site.kind, Kind::Int80);
    let patch = plan(&code, &site).unwrap();
    let writes: Vec<_> = patch.writes().map(Write::bytes).collect();
    assert_eq!(patch.how(), How::Replaced);
    assert_eq!(writes, [[0x0f, 0x0b]]);
    assert_eq!(only(&[0x0f, 0x34, 0xc3]).1.kind, Kind::Sysenter);
    // mov eax, 5; int 0x80: a call that is none.
    let (code, site) = only(&[0xb8, 5, 0, 0, 0, 0xcd, 0x80, 0xc3]);
    let patch = plan(&code, &site).unwrap();
    let moved = instructions(patch.trampoline());
    assert_eq!(
        moved[..2],
        [[0xb8, 5, 0, 0, 0], [0xb8, 0x80, 0, 0xff, 0x7f]]
    );
    assert_eq!(FOREIGN, 0x7fff_0080);
}

#[test]
fn prefixes_hide_no_call() {
    // rex.w, rep, data16, fs cs, and as many as there is room for; syscall, sysenter and int 0x80.
    let hidden: [&[u8]; 6] = [
        &[0x48, 0x0f, 0x05, 0xc3],
        &[0xf3, 0x0f, 0x05, 0xc3],
        &[0x66, 0x0f, 0x34, 0xc3],
        &[0x64, 0x2e, 0x0f, 0x05, 0xc3],
        &[0x4f, 0xcd, 0x80, 0xc3],
        &[
            0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x48, 0x0f,
            0x05, 0xc3,
        ],
    ];
    for tail in hidden {
        let (code, site) = only(tail);
        assert_eq!(site.kind, Kind::Prefixed, "{tail:x?}");
        let patch = plan(&code, &site).unwrap();
        let writes: Vec<_> = patch.writes().map(Write::bytes).collect();
        assert_eq!(
            (patch.how(), writes),
            (How::Replaced, Vec::from([&[0x0f, 0x0b][..]]))
        );
        assert_eq!(site.offset as usize + 3, code.len());
    }
    // mov rax, [rsi + 0x050f]: the bytes of a displacement; mov eax, 0x050f48.
    assert!(
        sites(
            &[
                before(),
                Vec::from([0x48, 0x8b, 0x86, 0x0f, 0x05, 0, 0, 0xc3])
            ]
            .concat()
        )
        .is_empty()
    );
    assert!(sites(&[before(), Vec::from([0xb8, 0x48, 0x0f, 0x05, 0, 0xc3])].concat()).is_empty());
}

#[test]
fn numbers_are_constant_or_not() {
    let number = |tail: &[u8]| only(tail).1.number;
    // mov eax, 42; syscall
    assert_eq!(number(&[0xb8, 42, 0, 0, 0, 0x0f, 0x05, 0xc3]), Some(42));
    // mov rax, 42 (sign-extended form); mov edi, esi; syscall
    let sign_extended = [0x48, 0xc7, 0xc0, 42, 0, 0, 0, 0x89, 0xf7, 0x0f, 0x05, 0xc3];
    assert_eq!(number(&sign_extended), Some(42));
    // xor eax, eax; syscall. push 60; pop rax; syscall
    assert_eq!(number(&[0x31, 0xc0, 0x0f, 0x05, 0xc3]), Some(0));
    assert_eq!(number(&[0x6a, 60, 0x58, 0x0f, 0x05, 0xc3]), Some(60));
    // mov r8d, 42; mov eax, esi; syscall
    assert_eq!(
        number(&[0x41, 0xb8, 42, 0, 0, 0, 0x89, 0xf0, 0x0f, 0x05, 0xc3]),
        None
    );
    // mov eax, 42; call +0; syscall. mov eax, 42; cmp; jne behind; syscall
    let call = [0xb8, 42, 0, 0, 0, 0xe8, 0, 0, 0, 0, 0x0f, 0x05, 0xc3];
    assert_eq!(number(&call), None);
    assert_eq!(
        number(&[0xb8, 42, 0, 0, 0, 0x75, 2, 0x0f, 0x05, 0xc3]),
        None
    );
    // mov eax, 42; mov ah, 1; syscall
    assert_eq!(
        number(&[0xb8, 42, 0, 0, 0, 0xb4, 1, 0x0f, 0x05, 0xc3]),
        None
    );
}

#[test]
fn a_number_is_not_constant_where_a_branch_brings_another() {
    // mov eax, 42; syscall; jne to the syscall, short and long
    let short = [0xb8, 42, 0, 0, 0, 0x0f, 0x05, 0x75, 0xfc, 0xc3];
    assert_eq!(only(&short).1.number, None);
    let long = [
        0xb8, 42, 0, 0, 0, 0x0f, 0x05, 0x0f, 0x85, 0xf8, 0xff, 0xff, 0xff, 0xc3,
    ];
    assert_eq!(only(&long).1.number, None);
    // The same to the mov.
    let short = [0xb8, 42, 0, 0, 0, 0x0f, 0x05, 0x75, 0xf7, 0xc3];
    assert_eq!(only(&short).1.number, Some(42));
}

#[test]
fn a_call_that_is_left_alone_is_not_voted_on() {
    let mut code = before();
    code.extend([
        0xb8, 39, 0, 0, 0, 0x0f, 0x05, 0x90, 0xb8, 42, 0, 0, 0, 0x0f, 0x05, 0xc3,
    ]);
    let mut room = [Site::NONE; 8];
    let text = Text::new(&code, ADDRESS);
    let found = survey_for(text, 0, None, Reach::All, |number| number == 42, &mut room).sites;
    let numbers: Vec<_> = found.iter().map(|site| site.number).collect();
    assert_eq!(numbers, [Some(39), Some(42)]);
    assert_eq!((found[0].boundaries, found[1].boundaries == 0), (0, false));
}

#[test]
fn known_offsets_are_verified_not_believed() {
    let mut code = before();
    code.extend([0xb8, 0x0f, 0x05, 0, 0, 0x0f, 0x05, 0xc3]);
    let mut room = [Site::NONE; 8];
    let known = [3, 97, 101, 5000];
    let text = Text::new(&code, ADDRESS);
    let found = survey(text, 0, Some(&known), Reach::Near, &mut room).sites;
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].offset, 101);
}

#[test]
fn batches_go_on_where_room_ended() {
    let mut code = before();
    for _ in 0..5 {
        code.extend([0x89, 0xf0, 0x0f, 0x05]);
    }
    code.push(0xc3);
    let mut room = [Site::NONE; 2];
    let (mut offsets, mut from) = (Vec::new(), Some(0));
    while let Some(start) = from {
        let batch = survey(
            Text::new(&code, ADDRESS),
            start,
            None,
            Reach::All,
            &mut room,
        );
        offsets.extend(batch.sites.iter().map(|site| site.offset));
        from = batch.next;
    }
    assert_eq!(offsets, [98, 102, 106, 110, 114]);
}

#[test]
fn padding_takes_the_long_jump() {
    // syscall; ret; five bytes of nop
    let (code, site) = only(&[0x0f, 0x05, 0xc3, 0x0f, 0x1f, 0x44, 0, 0]);
    let patch = plan(&code, &site).unwrap();
    assert_eq!(patch.how(), How::Cave);
    let writes: Vec<_> = patch.writes().map(|w| (w.offset(), w.bytes())).collect();
    // jmp 0x500400 at 0x400063; jmp +1 at 0x400060
    let cave = [0xe9, 0x98, 0x03, 0x10, 0x00];
    assert_eq!(writes, [(99, &cave[..]), (96, &[0xeb, 0x01])]);
    // Five bytes of int3 do as well; four do not, nor do five that are come by.
    let (code, site) = only(&[0x0f, 0x05, 0xc3, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc]);
    assert_eq!(plan(&code, &site).unwrap().how(), How::Cave);
    for tail in [
        &[0x0f, 0x05, 0xc3, 0xcc, 0xcc, 0xcc, 0xcc][..],
        &[0x0f, 0x05, 0x50, 0x0f, 0x1f, 0x44, 0, 0, 0xc3],
    ] {
        let (code, site) = only(tail);
        assert_eq!(plan(&code, &site).unwrap().how(), How::Displaced);
    }
    // Nor do five that a branch leads to.
    let tail = [0x0f, 0x05, 0xc3, 0x0f, 0x1f, 0x44, 0, 0, 0x74, 0xf9, 0xc3];
    let (code, site) = only(&tail);
    assert_eq!(plan(&code, &site).unwrap().how(), How::Displaced);
}

#[test]
fn padding_is_taken_once() {
    let mut code = before();
    code.extend([
        0x0f, 0x05, 0x48, 0x89, 0xf7, 0x0f, 0x05, 0xc3, 0x0f, 0x1f, 0x44, 0, 0,
    ]);
    let found = sites(&code);
    let mut planner = Planner::new();
    let text = Text::new(&code, ADDRESS);
    let first = planner.plan(text, &found[0], PLACE).unwrap();
    let second = planner.plan(text, &found[1], PLACE).unwrap();
    assert_eq!((first.how(), second.how()), (How::Cave, How::Displaced));
}

#[test]
fn neighbours_are_moved_and_mean_the_same() {
    // mov eax, 42 (5 bytes) is enough by itself.
    let (code, site) = only(&[0xb8, 42, 0, 0, 0, 0x0f, 0x05, 0x50, 0xc3]);
    let patch = plan(&code, &site).unwrap();
    let writes: Vec<_> = patch
        .writes()
        .map(|w| (w.offset(), w.bytes().to_vec()))
        .collect();
    assert_eq!(
        writes,
        [(96, std::vec![0xe9, 0x9b, 0x03, 0x10, 0, 0xcc, 0xcc])]
    );
    let code = instructions(patch.trampoline());
    assert_eq!(code[0], [0xb8, 42, 0, 0, 0]);
    // lea rcx, [resume]; jmp [header + 512]; syscall; jmp 0x400067
    assert_eq!(code[1], [0x48, 0x8d, 0x0d, 0x06, 0, 0, 0]);
    assert_eq!(code[2], [0xff, 0x25, 0xee, 0xfd, 0xff, 0xff]);
    assert_eq!(code[3], [0x0f, 0x05]);
    assert_eq!(usize::from(patch.resume()), 5 + 7 + 6);
    assert_eq!(code[4], [0xe9, 0x4e, 0xfc, 0xef, 0xff]);
}

#[test]
fn what_is_moved_is_aimed_anew() {
    // A branch lands on the syscall, so that what comes before stays: jne -2 - 9; the rest moves:
    // syscall; mov rax, [rip + 0x100]
    let tail = [0x0f, 0x05, 0x48, 0x8b, 0x05, 0, 1, 0, 0, 0x75, 0xf5, 0xc3];
    let (code, site) = only(&tail);
    assert_eq!(site.number, None);
    let patch = plan(&code, &site).unwrap();
    let moved = instructions(patch.trampoline());
    let at = moved
        .iter()
        .position(|code| code.starts_with(&[0x48, 0x8b, 0x05]))
        .unwrap();
    let end: usize = moved[..=at].iter().map(|code| code.len()).sum();
    let displacement = i32::from_le_bytes(moved[at][3..].try_into().unwrap());
    let target = PLACE.trampoline + end as u64;
    assert_eq!(
        target.wrapping_add_signed(displacement.into()),
        ADDRESS + 96 + 9 + 0x100
    );

    // syscall; cmp rax, rdx; jne +4: the branch gets its long form.
    let tail = [0x0f, 0x05, 0x48, 0x39, 0xd0, 0x75, 0xf9, 0xc3];
    let (code, site) = only(&tail);
    let patch = plan(&code, &site).unwrap();
    assert_eq!(patch.writes().next().unwrap().offset(), 96);

    // syscall; jne back to the plain code; ret
    let (code, mut site) = only(&[0x0f, 0x05, 0x75, 0xf1, 0x50, 0xc3]);
    site.landings = 1 << 32;
    let patch = plan(&code, &site).unwrap();
    let moved = instructions(patch.trampoline());
    let at = moved
        .iter()
        .position(|code| code.starts_with(&[0x0f, 0x85]))
        .unwrap();
    let end: usize = moved[..=at].iter().map(|code| code.len()).sum();
    let displacement = i32::from_le_bytes(moved[at][2..].try_into().unwrap());
    let target = PLACE.trampoline + end as u64;
    assert_eq!(
        target.wrapping_add_signed(displacement.into()),
        ADDRESS + 100 - 15
    );
}

#[test]
fn what_cannot_be_moved_stays() {
    // A branch to the syscall, and a call right behind it.
    let (code, site) = only(&[0x0f, 0x05, 0xe8, 1, 0, 0, 0, 0x75, 0xf7, 0xc3]);
    assert_ne!(site.landings | 1, 1);
    assert_eq!(plan(&code, &site), Err(Unplaceable::OutOfReach));
    // A branch to the syscall and one right behind it.
    let (code, site) = only(&[0x0f, 0x05, 0x50, 0x51, 0x52, 0x75, 0xf9, 0x75, 0xf9, 0xc3]);
    assert_eq!(plan(&code, &site), Err(Unplaceable::NoRoom));
    // No call at all.
    let elsewhere = Site::known(3, None, 0, 0);
    assert_eq!(plan(&code, &elsewhere), Err(Unplaceable::Doubtful));
    // Four GiB away.
    let (code, site) = only(&[0xb8, 42, 0, 0, 0, 0x0f, 0x05, 0xc3]);
    let place = Place {
        trampoline: ADDRESS + (1 << 32),
        header: ADDRESS + (1 << 32) + 0x1000,
    };
    let plan = Planner::new().plan(Text::new(&code, ADDRESS), &site, place);
    assert_eq!(plan, Err(Unplaceable::OutOfReach));
}

#[test]
fn the_table_is_looked_up_without_a_stack() {
    let (code, site) = only(&[0x0f, 0x05, 0x48, 0x89, 0xc3, 0xc3]);
    let mut site = site;
    site.landings = 1 << 32;
    let patch = plan(&code, &site).unwrap();
    let code = instructions(patch.trampoline());
    let expected: &[&[u8]] = &[
        &[0x48, 0x89, 0xc1],                         // mov rcx, rax
        &[0x9f],                                     // lahf
        &[0x0f, 0x90, 0xc0],                         // seto al
        &[0x48, 0x81, 0xf9, 0, 2, 0, 0],             // cmp rcx, 512
        &[0x73, 14],                                 // jae checked
        &[0x4c, 0x8d, 0x1d, 0xe9, 0xfb, 0xff, 0xff], // lea r11, [0x500000]
        &[0x41, 0x80, 0x3c, 0x0b, 0],                // cmp byte [r11 + rcx], 0
        &[0x74, 19],                                 // je unchecked
        &[0x04, 0x7f],                               // checked: add al, 0x7f
        &[0x9e],                                     // sahf
        &[0x48, 0x89, 0xc8],                         // mov rax, rcx
        &[0x48, 0x8d, 0x0d, 0x0c, 0, 0, 0],          // lea rcx, [resume]
        &[0xff, 0x25, 0xcf, 0xfd, 0xff, 0xff],       // jmp [0x500200]
        &[0x04, 0x7f],                               // unchecked: add al, 0x7f
        &[0x9e],                                     // sahf
        &[0x48, 0x89, 0xc8],                         // mov rax, rcx
        &[0x0f, 0x05],                               // resume: syscall
        &[0x48, 0x89, 0xc3],                         // mov rbx, rax
        &[0xe9, 0xbc, 0xfc, 0xef, 0xff],             // jmp 0x400065
    ];
    assert_eq!(code[..expected.len() - 2], expected[..expected.len() - 2]);
    assert_eq!(code[expected.len() - 2], expected[expected.len() - 2]);
    assert_eq!(code.len(), expected.len());
}

/// Any bytes at all: nothing panics, and what is planned stays inside of the text.
#[test]
fn random_bytes_are_harmless() {
    let mut state = 0x2545_f491_4f6c_dd1du64;
    for round in 0..300 {
        let mut code = Vec::new();
        for _ in 0..400 {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            let is_call = round & 1 == 0 && state & 7 == 0;
            let [a, b, ..] = state.to_le_bytes();
            code.extend(if is_call { [0x0f, 0x05] } else { [a, b] });
        }
        let text = Text::new(&code, ADDRESS);
        let mut planner = Planner::new();
        let mut room = [Site::NONE; 16];
        let mut from = Some(0);
        while let Some(start) = from {
            let batch = survey(text, start, None, Reach::All, &mut room);
            for site in &*batch.sites {
                let Ok(patch) = planner.plan(text, site, PLACE) else {
                    continue;
                };
                for write in patch.writes() {
                    assert!(write.offset() as usize + write.bytes().len() <= code.len());
                }
            }
            assert!(batch.next.is_none_or(|next| next > start));
            from = batch.next;
        }
    }
}
