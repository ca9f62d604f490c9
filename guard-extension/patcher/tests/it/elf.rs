//! The ELF reader beside readelf.

use std::path::Path;
use std::process::Command;

use guard_patcher::elf::{Elf, Machine, NotElf, PT_LOAD};

use crate::programs;

fn readelf(option: &str, file: &Path) -> String {
    let output = Command::new("readelf")
        .args([option, "-W"])
        .arg(file)
        .env("LC_ALL", "C")
        .output()
        .expect("readelf runs (apt-get install binutils)");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn headers_are_those_of_readelf() {
    for path in programs::all() {
        let file = std::fs::read(&path).unwrap();
        let elf = Elf::parse(&file).unwrap();
        assert_eq!(elf.machine(), Machine::X86_64);

        let header = readelf("-h", &path);
        assert!(header.contains(&format!(
            "Entry point address:               {:#x}\n",
            elf.entry()
        )));
        assert_eq!(elf.is_fixed(), header.contains("EXEC (Executable file)"));

        let segments = readelf("-l", &path);
        let listed = segments
            .lines()
            .filter(|line| line.starts_with("  LOAD "))
            .map(|line| {
                let fields: Vec<_> = line.split_whitespace().collect();
                let number = |at: usize| u64::from_str_radix(&fields[at][2..], 16).unwrap();
                let is_code = line.contains(" E ");
                (number(1), number(2), number(4), number(5), is_code)
            });
        let ours = elf.segments().filter(|segment| segment.kind == PT_LOAD);
        let ours = ours.map(|s| (s.offset, s.address, s.file_size, s.memory_size, s.is_code()));
        assert_eq!(ours.collect::<Vec<_>>(), listed.collect::<Vec<_>>());

        let notes = readelf("-n", &path);
        let id = elf.build_id().map(|id| {
            let digits = id.iter().map(|byte| format!("{byte:02x}"));
            digits.collect::<String>()
        });
        let listed = notes.split_once("Build ID: ");
        let listed = listed.and_then(|(_, rest)| rest.lines().next());
        assert_eq!(id.as_deref(), listed, "{}", path.display());

        let needed = readelf("-d", &path).matches("(NEEDED)").count();
        assert_eq!(elf.dynamic().filter(|(tag, _)| *tag == 1).count(), needed);
        let interpreter = elf.interpreter().map(String::from_utf8_lossy);
        assert_eq!(
            interpreter.is_some(),
            segments.contains("Requesting program interpreter"),
        );
        assert!(interpreter.is_none_or(|path| segments.contains(&format!("interpreter: {path}]"))));
    }
}

#[test]
fn what_is_no_program_is_told() {
    let parse = |file: &[u8]| Elf::parse(file).map(|_| ()).unwrap_err();
    assert_eq!(parse(b""), NotElf::Magic);
    assert_eq!(parse(b"#!/bin/sh\n"), NotElf::Magic);
    assert_eq!(parse(b"\x7fELF\x01\x01"), NotElf::Class);
    let object = [b"\x7fELF\x02\x01\x01".as_slice(), &[0; 9], &[1, 0]].concat();
    assert_eq!(parse(&object), NotElf::Kind(1));
    let cut = [b"\x7fELF\x02\x01\x01".as_slice(), &[0; 9], &[2, 0]].concat();
    assert_eq!(parse(&cut), NotElf::Header);
    assert_eq!(
        NotElf::Kind(1).to_string(),
        "neither a program nor a library, but ELF type 1"
    );
}

/// Cut anywhere, a file yields less, and nothing panics.
#[test]
fn a_file_may_be_cut_anywhere() {
    for path in programs::all().into_iter().take(1) {
        let file = std::fs::read(&path).unwrap();
        for length in (0..4096).chain([file.len() - 1, file.len() / 2]) {
            if let Ok(elf) = Elf::parse(&file[..length]) {
                let _ = (elf.code().count(), elf.dynamic().count());
                let _ = (elf.build_id(), elf.interpreter());
            }
        }
    }
}
