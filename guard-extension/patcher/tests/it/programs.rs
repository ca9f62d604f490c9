//! Which programs are compared.

use std::env;
use std::path::{Path, PathBuf};

/// Compared in every run; each with the Debian package that has it.
const REQUIRED: &[(&str, &str)] = &[
    ("/bin/bash", "bash"),
    ("/bin/busybox", "busybox-static"),
    ("/lib/x86_64-linux-gnu/libc.so.6", "libc6"),
    ("/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2", "libc6"),
    ("/lib/x86_64-linux-musl/libc.so", "musl"),
];

/// Compared where they are.
const OPTIONAL: &[&str] = &[
    "/usr/lib/go-1.19/pkg/tool/linux_amd64/asm",
    "/usr/lib/x86_64-linux-gnu/libcrypto.so.3",
    "/usr/lib/x86_64-linux-gnu/libpython3.11.so.1.0",
    "/usr/lib/x86_64-linux-gnu/libruby-3.1.so.3.1",
    "/usr/lib/x86_64-linux-gnu/libstdc++.so.6",
];

pub(crate) fn is_required(path: &Path) -> bool {
    REQUIRED
        .iter()
        .any(|(required, _)| path == Path::new(required))
}

/// The required ones, the optional ones that are here, and those that GUARD_PATCHER_PROGRAMS names,
/// separated by colons.
///
/// # Panics
///
/// When a required one is missing and CI=true.
pub(crate) fn all() -> Vec<PathBuf> {
    let required = REQUIRED.iter().filter_map(|(path, _)| required(path));
    let more = env::var("GUARD_PATCHER_PROGRAMS").unwrap_or_default();
    let optional = OPTIONAL.iter().copied().chain(more.split(':'));
    let optional = optional.map(PathBuf::from).filter(|path| path.exists());
    required.chain(optional).collect()
}

/// A required program, unless it is missing where that may be.
pub(crate) fn required(path: &str) -> Option<PathBuf> {
    if Path::new(path).exists() {
        return Some(PathBuf::from(path));
    }
    let package = REQUIRED.iter().find(|(required, _)| *required == path);
    let package = package.map_or("?", |(_, package)| package);
    skip(&format!("{path} (apt-get install {package})"));
    None
}

/// Prints what a test needs and is not here.
///
/// # Panics
///
/// When CI=true.
pub(crate) fn skip(missing: &str) {
    println!("skipped: not here: {missing}");
    assert_ne!(
        env::var("CI").as_deref(),
        Ok("true"),
        "nothing is skipped in CI"
    );
}
