//! What objdump takes for instructions.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

/// A line of a disassembly.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) address: u64,
    /// The instruction, without its bytes.
    pub(crate) text: String,
}

impl Line {
    /// Whether it is bytes that are no instruction: invalid, or prefixes without one.
    pub(crate) fn is_no_instruction(&self) -> bool {
        let mut words = self.text.split_whitespace();
        let first = words.next().unwrap_or_default();
        self.text.contains("(bad)")
            || first == ".byte"
            || words.next().is_none()
                && (first.starts_with("rex")
                    || matches!(
                        first,
                        "cs" | "data16"
                            | "ds"
                            | "es"
                            | "fs"
                            | "gs"
                            | "lock"
                            | "repnz"
                            | "repz"
                            | "ss"
                    ))
    }

    pub(crate) fn is_system_call(&self) -> bool {
        let first = self.text.split_whitespace().next();
        matches!(first, Some("syscall" | "sysenter")) || self.text.starts_with("int    $0x80")
    }
}

/// Calls `each` with every line of `file`'s disassembly, and the address of the line behind it where
/// there is nothing in between.
pub(crate) fn each(file: &Path, mut each: impl FnMut(&Line, Option<u64>)) {
    let mut child = Command::new("objdump")
        .args(["-d", "-w", "--no-show-raw-insn"])
        .arg(file)
        .stdout(Stdio::piped())
        .spawn()
        .expect("objdump runs (apt-get install binutils)");
    let mut last: Option<Line> = None;
    let mut lines = BufReader::with_capacity(1 << 20, child.stdout.take().unwrap());
    let mut raw = Vec::new();
    loop {
        raw.clear();
        if lines.read_until(b'\n', &mut raw).unwrap() == 0 {
            break;
        }
        let text = String::from_utf8_lossy(&raw);
        if let Some(line) = read(&text) {
            let address = line.address;
            if let Some(last) = last.replace(line) {
                each(&last, Some(address));
            }
        } else if text.contains("...") || text.starts_with("Disassembly") {
            // A run of zeros left out; another section.
            if let Some(last) = last.take() {
                each(&last, None);
            }
        }
    }
    if let Some(last) = last {
        each(&last, None);
    }
    assert!(child.wait().unwrap().success());
}

fn read(line: &str) -> Option<Line> {
    let (address, text) = line.split_once(":\t")?;
    Some(Line {
        address: u64::from_str_radix(address.trim(), 16).ok()?,
        text: text.trim_end().to_owned(),
    })
}
