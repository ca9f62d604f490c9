//! The event model against real events, and against what `serde_json` says of the same bytes.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod hostile;
mod kind;
mod limit;
mod record;
mod value;
mod walk;

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

fn fixtures() -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data/events");
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    let name = |path: &Path| path.file_stem().unwrap().to_str().unwrap().to_owned();
    let files: Vec<_> = files
        .iter()
        .map(|p| (name(p), fs::read(p).unwrap()))
        .collect();
    assert!(files.len() > 30);
    // As Lambda sends them, too.
    let dense = files
        .iter()
        .map(|(name, event)| (name.clone(), dense(event)));
    files.iter().cloned().chain(dense).collect()
}

fn fixture(name: &str) -> Vec<u8> {
    fixtures().into_iter().find(|(n, _)| n == name).unwrap().1
}

fn dense(event: &[u8]) -> Vec<u8> {
    serde_json::to_vec(&serde_json::from_slice::<Value>(event).unwrap()).unwrap()
}

fn corpus() -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpus/events");
    let Ok(sources) = fs::read_dir(&folder) else {
        println!("skipped: ../shared/corpus/events is not there");
        return Vec::new();
    };
    let mut files = Vec::new();
    for source in sources {
        for entry in fs::read_dir(source.unwrap().path()).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            files.push((name, fs::read(path).unwrap()));
        }
    }
    files.sort();
    files
}

/// Makes JSON, reproducibly.
struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }

    fn json(&mut self) -> String {
        let mut out = String::new();
        self.value(5, &mut out);
        out
    }

    fn space(&mut self, out: &mut String) {
        for _ in 0..self.below(3) {
            out.push([' ', '\n', '\t', '\r'][usize::try_from(self.below(4)).unwrap()]);
        }
    }

    fn string(&mut self, out: &mut String) {
        const PARTS: [&str; 14] = [
            "a",
            "Records",
            "\\\"",
            "\\\\",
            "/",
            "~",
            "\\u0041",
            "\\ud83d\\ude00",
            "{",
            "]",
            ",",
            ":",
            "é",
            "\\n",
        ];
        out.push('"');
        for _ in 0..self.below(12) {
            out.push_str(PARTS[usize::try_from(self.below(14)).unwrap()]);
        }
        out.push('"');
    }

    fn value(&mut self, depth: u64, out: &mut String) {
        self.space(out);
        match self.below(if depth == 0 { 4 } else { 8 }) {
            0 | 1 => self.string(out),
            2 => out.push_str("-1.5e+3"),
            3 => out.push_str(["null", "true", "false"][usize::try_from(self.below(3)).unwrap()]),
            4 | 5 => {
                out.push('[');
                for i in 0..self.below(5) {
                    if i > 0 {
                        out.push(',');
                    }
                    self.value(depth - 1, out);
                }
                self.space(out);
                out.push(']');
            }
            _ => {
                out.push('{');
                for i in 0..self.below(5) {
                    if i > 0 {
                        out.push(',');
                    }
                    self.space(out);
                    // A number first, so that no key comes twice.
                    let at = out.len();
                    self.string(out);
                    out.insert_str(at + 1, &i.to_string());
                    self.space(out);
                    out.push(':');
                    self.value(depth - 1, out);
                }
                self.space(out);
                out.push('}');
            }
        }
        self.space(out);
    }
}
