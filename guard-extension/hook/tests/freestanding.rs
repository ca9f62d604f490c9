//! The library needs nothing of the program that it is linked into: no symbol but those that the
//! compiler itself calls for memory, and no panic is left in optimised code.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::path::{Path, PathBuf};
use std::process::Command;

/// What every optimised object may refer to (core, "`core` requires these symbols"); whoever links
/// the library without libc has them.
const MEMORY: &[&str] = &["bcmp", "memcmp", "memcpy", "memmove", "memset"];

fn rustc(out: &Path, source: &Path, arguments: &[&str]) {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let status = Command::new(rustc)
        .args([
            "--edition",
            "2024",
            "-C",
            "opt-level=3",
            "-C",
            "panic=abort",
        ])
        .args([
            "-C",
            "codegen-units=1",
            "-C",
            "embed-bitcode=yes",
            "--cap-lints",
            "allow",
        ])
        .arg("--out-dir")
        .arg(out)
        .arg("-L")
        .arg(out)
        .args(arguments)
        .arg(source)
        .status()
        .unwrap();
    assert!(status.success(), "{}", source.display());
}

fn build() -> PathBuf {
    let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join("freestanding");
    std::fs::create_dir_all(&out).unwrap();
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let core = here.join("../../guard-core/src/lib.rs");
    rustc(
        &out,
        &core,
        &["--crate-type", "lib", "--crate-name", "guard_core"],
    );
    let hook = [
        "--crate-type",
        "lib",
        "--crate-name",
        "guard_hook",
        "--extern",
        "guard_core",
    ];
    rustc(&out, &here.join("src/lib.rs"), &hook);
    let whole = [
        "--crate-type",
        "cdylib",
        "--crate-name",
        "guard_test",
        "--extern",
        "guard_hook",
        "-C",
        "lto=fat",
        "-C",
        "link-args=-nostdlib -nostartfiles",
    ];
    rustc(&out, &here.join("tests/freestanding/lib.rs"), &whole);
    out.join("libguard_test.so")
}

fn symbols(library: &Path, arguments: &[&str]) -> Vec<String> {
    let output = Command::new("nm")
        .args(arguments)
        .arg(library)
        .output()
        .unwrap();
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines()
        .filter_map(|line| line.split_whitespace().last())
        .map(|name| name.split('@').next().unwrap_or(name).to_owned())
        .collect()
}

#[test]
fn nothing_is_undefined_and_nothing_panics() {
    let library = build();
    let undefined = symbols(&library, &["-D", "--undefined-only"]);
    let unknown: Vec<_> = undefined
        .iter()
        .filter(|name| !MEMORY.contains(&name.as_str()))
        .collect();
    assert!(unknown.is_empty(), "undefined: {unknown:?}");
    let all = symbols(&library, &["--defined-only"]);
    assert!(all.iter().any(|name| name == "guard_test_decide"));
    let panics: Vec<_> = all
        .iter()
        .filter(|name| name.contains("panic") || name.contains("unwrap_failed"))
        .collect();
    assert!(panics.is_empty(), "panics: {panics:?}");
    let thread_local = Command::new("readelf")
        .arg("-lW")
        .arg(&library)
        .output()
        .unwrap();
    let headers = String::from_utf8(thread_local.stdout).unwrap();
    assert!(
        headers.contains("LOAD") && !headers.contains("TLS"),
        "{headers}"
    );
}
