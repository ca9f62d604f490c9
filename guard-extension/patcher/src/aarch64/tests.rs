//! Sites, numbers and trampolines, instruction by instruction.

use std::vec::Vec;

use super::{HEADER, RESUME_RETURN, plan, survey};
use crate::{Kind, Place, Reach, Site, Text, Unplaceable};

fn bytes(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

fn words(bytes: &[u8]) -> Vec<u32> {
    let (words, rest) = bytes.as_chunks::<4>();
    assert!(rest.is_empty());
    words.iter().map(|word| u32::from_le_bytes(*word)).collect()
}

fn sites(code: &[u8], address: u64) -> Vec<Site> {
    let mut room = [Site::NONE; 8];
    let batch = survey(Text::new(code, address), 0, None, Reach::All, &mut room);
    assert_eq!(batch.next, None);
    batch.sites.to_vec()
}

const NOP: u32 = 0xd503_201f;
/// movz x8, #57: close
const CLOSE: u32 = 0xd280_0728;
const SVC: u32 = 0xd400_0001;

#[test]
fn sites_are_aligned_words() {
    let found = sites(&bytes(&[NOP, SVC, NOP, SVC | 0x1234 << 5]), 0x40_0000);
    let offsets: Vec<_> = found.iter().map(|site| site.offset).collect();
    assert_eq!(offsets, [4, 12]);
    assert!(found.iter().all(|site| site.kind == Kind::Call));
    // The same bytes where no instruction can start; hvc, smc and brk.
    assert_eq!(sites(&bytes(&[NOP, SVC]), 0x40_0002), []);
    assert_eq!(
        sites(&bytes(&[0xd400_0002, 0xd400_0003, 0xd420_0000]), 0),
        []
    );
}

#[test]
fn numbers_are_constant_or_not() {
    let number = |words: &[u32]| {
        let found = sites(&bytes(words), 0x40_0000);
        found.last().unwrap().number
    };
    assert_eq!(number(&[CLOSE, SVC]), Some(57));
    // mov x0, x1 and ldr x1, [sp, #8] leave x8 alone.
    assert_eq!(number(&[CLOSE, 0xaa01_03e0, 0xf940_07e1, SVC]), Some(57));
    // mov x8, x1; ldp x8, x9, [sp]; ldr x1, [x8], #8; blr x8; nothing at all
    for other in [0xaa01_03e8, 0xa940_27e8, 0xf840_8501, 0xd63f_0100] {
        assert_eq!(number(&[CLOSE, other, SVC]), None, "{other:#x}");
    }
    assert_eq!(number(&[SVC]), None);
    // A branch to the svc brings its own number; one to the mov does not.
    let (to_svc, to_mov) = (0x1400_0000 | 0x3ff_ffff, 0x1400_0000 | 0x3ff_fffe);
    let of = |branch| sites(&bytes(&[CLOSE, SVC, branch]), 0x40_0000)[0].number;
    assert_eq!((of(to_svc), of(to_mov)), (None, Some(57)));
    // cbz x0 and tbz x0, #0, two words back to the svc
    assert_eq!(of(0xb400_0000 | 0x7_ffff << 5), None);
    assert_eq!(of(0x3600_0000 | 0x3fff << 5), None);
}

/// As GNU as encodes them.
#[test]
fn trampolines_are_as_assembled() {
    let (text, site) = (0x40_0000, 4);
    let code = bytes(&[NOP, SVC]);
    let header = 0x50_1230;
    let place = Place {
        trampoline: header + HEADER as u64,
        header,
    };
    assert_eq!(place.trampoline, 0x50_1440);
    let found = sites(&code, text);
    let patch = plan(Text::new(&code, text), &found[0], place).unwrap();
    assert_eq!(found[0].offset, site);
    assert_eq!(
        words(patch.trampoline()),
        [
            0xa9be_47f0, // stp x16, x17, [sp, #-32]!
            0xd349_fd11, // lsr x17, x8, #9
            0xb500_0151, // cbnz x17, 0x501470
            0x9000_0010, // adrp x16, 0x501000
            0x9108_c210, // add x16, x16, #0x230
            0x3868_6a11, // ldrb w17, [x16, x8]
            0x3500_00d1, // cbnz w17, 0x501470
            0xa8c2_47f0, // ldp x16, x17, [sp], #32
            0xd400_0001, // svc #0
            0x17fb_fae9, // b 0x400008
            0xa8c2_47f0, // ldp x16, x17, [sp], #32
            0x17fb_fae7, // b 0x400008
            0x9000_0011, // adrp x17, 0x501000
            0xf942_1a31, // ldr x17, [x17, #0x430]
            0x10ff_ff30, // adr x16, 0x50145c
            0xd61f_0220, // br x17
        ]
    );
    assert_eq!(patch.resume(), 7 * 4);
    assert_eq!(RESUME_RETURN, 12);
    let writes: Vec<_> = patch.writes().collect();
    assert_eq!(writes.len(), 1);
    // b 0x501440 at 0x400004
    assert_eq!(words(writes[0].bytes()), [0x1404_050f]);

    let mut constant = found[0];
    constant.number = Some(57);
    let patch = plan(Text::new(&code, text), &constant, place).unwrap();
    assert_eq!(patch.resume(), 5 * 4);
    assert_eq!(words(patch.trampoline())[..2], [0xa9be_47f0, 0x9000_0011]);
}

#[test]
fn reach_has_an_end() {
    let code = bytes(&[SVC]);
    let found = sites(&code, 0x1000_0000);
    let at = |trampoline| {
        let place = Place {
            trampoline,
            header: trampoline & !15,
        };
        plan(Text::new(&code, 0x1000_0000), &found[0], place).err()
    };
    assert_eq!(at(0x1000_0000 + (1 << 27) - 64), None);
    assert_eq!(at(0x1000_0000 + (1 << 27)), Some(Unplaceable::OutOfReach));
    assert_eq!(at(0x1000_1002), Some(Unplaceable::OutOfReach));
}
