//! What objdump takes for instructions.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

/// An instruction, by address and length.
pub(crate) struct Line {
    pub(crate) address: u64,
    pub(crate) text: String,
}

pub(crate) fn is_installed() -> bool {
    Command::new("objdump").arg("--version").output().is_ok()
}

/// Calls `each` with every line of `file`'s disassembly and the address of the line behind it.
pub(crate) fn each(file: &Path, mut each: impl FnMut(&Line, Option<u64>)) {
    let mut child = Command::new("objdump")
        .args(["-d", "-w", "--no-show-raw-insn"])
        .arg(file)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut last: Option<Line> = None;
    let mut lines = BufReader::with_capacity(1 << 20, child.stdout.take().unwrap());
    let mut raw = Vec::new();
    loop {
        raw.clear();
        if lines.read_until(b'\n', &mut raw).unwrap() == 0 {
            break;
        }
        let line = String::from_utf8_lossy(&raw);
        let Some((address, text)) = line.split_once(":\t") else {
            // Between functions and sections, bytes may have been left out.
            if line.contains("...") || line.starts_with("Disassembly") {
                if let Some(last) = last.take() {
                    each(&last, None);
                }
            }
            continue;
        };
        let Ok(address) = u64::from_str_radix(address.trim(), 16) else {
            continue;
        };
        if let Some(last) = last.replace(Line {
            address,
            text: text.trim_end().to_owned(),
        }) {
            each(&last, Some(address));
        }
    }
    if let Some(last) = last {
        each(&last, None);
    }
    assert!(child.wait().unwrap().success());
}
