//! Any bytes as an ELF file: what it names lies in the file, and all of it ends.

#![no_main]

use guard_patcher::elf::{Elf, build_id};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|file: &[u8]| {
    let _ = build_id(file);
    let Ok(elf) = Elf::parse(file) else { return };
    let inside =
        |part: &[u8]| file.as_ptr_range().start <= part.as_ptr() && part.len() <= file.len();
    assert!(elf.segments().count() <= file.len() / 56);
    for code in elf.code() {
        assert!(inside(code.bytes));
        assert_eq!(
            code.bytes,
            &file[code.offset as usize..][..code.bytes.len()]
        );
    }
    assert!(elf.interpreter().is_none_or(inside));
    assert!(elf.build_id().is_none_or(inside));
    assert!(elf.dynamic().count() <= file.len() / 16);
});
