//! The decisions, linked without libc, allocator and panics.
//!
//! They run inside system calls of other programs, where none of these may be used: linking fails
//! when the compiler has left a call to any of them, bounds checks included.

use std::path::Path;
use std::process::Command;

/// What stands behind the decisions for a program that has only `core`.
const PROGRAM: &str = r#"
#![no_std]
use guard_core::policy::{Access, CompiledPolicy, Decision, Operation, Phase, Protocol};

fn number(decision: Decision) -> usize {
    match decision {
        Decision::Denied => 0,
        Decision::NotRestricted => 1,
        Decision::Allowed(entry) => 2 + entry.index(),
    }
}

#[unsafe(no_mangle)]
pub fn load<'a>(image: &'a [u8], policy: &mut Option<CompiledPolicy<'a>>) {
    *policy = CompiledPolicy::from_bytes(image).ok();
}

#[unsafe(no_mangle)]
pub fn host(policy: &CompiledPolicy<'_>, name: &[u8], port: u16, protocol: Protocol) -> usize {
    number(policy.egress_host(name, port, protocol)) + number(policy.egress_name(name))
}

#[unsafe(no_mangle)]
pub fn address(policy: &CompiledPolicy<'_>, ip: &[u8; 16], port: u16) -> usize {
    let ip = core::net::Ipv6Addr::from(*ip).into();
    number(policy.egress_addr(ip, port, Protocol::Udp))
}

#[unsafe(no_mangle)]
pub fn local(policy: &CompiledPolicy<'_>, path: &[u8]) -> usize {
    number(policy.unix(path))
}

#[unsafe(no_mangle)]
pub fn file(policy: &CompiledPolicy<'_>, path: &[u8], access: Access, phase: Phase) -> usize {
    number(policy.file(path, access, phase)) + number(policy.exec(path, phase))
}

#[unsafe(no_mangle)]
pub fn any(policy: &CompiledPolicy<'_>, operation: &Operation<'_>) -> usize {
    number(policy.decide(operation))
}

unsafe extern "C" {
    /// Nobody defines it, so that a panic that is left cannot be linked.
    fn a_panic_is_left() -> !;
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    unsafe { a_panic_is_left() }
}
"#;

#[test]
fn decisions_link_with_core_alone() {
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        eprintln!("skipped: linked for x86_64 Linux only, where the linker's options are known");
        return;
    }
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("bare");
    std::fs::create_dir_all(&directory).unwrap();
    let program = directory.join("program.rs");
    std::fs::write(&program, PROGRAM).unwrap();
    let library = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lib.rs");
    rustc(
        &directory,
        &library,
        &["--crate-name=guard_core", "--crate-type=rlib"],
    );
    let library = format!(
        "--extern=guard_core={}",
        directory.join("libguard_core.rlib").display()
    );
    let options = [
        library.as_str(),
        "--crate-name=program",
        "--crate-type=cdylib",
        "-Clto=fat",
        "-Clink-arg=-nostdlib",
        "-Clink-arg=-nostartfiles",
        "-Clink-arg=-Wl,--no-undefined",
        // Copies of structures are calls to memcpy for some compilers; whoever links brings it.
        "-Clink-arg=-Wl,--defsym=memcpy=0",
    ];
    rustc(&directory, &program, &options);
}

fn rustc(directory: &Path, source: &Path, options: &[&str]) {
    let compiler = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let mut command = Command::new(compiler);
    command.args([
        "--edition=2024",
        "-Copt-level=3",
        "-Cpanic=abort",
        "-Ccodegen-units=1",
    ]);
    command
        .arg("--cap-lints=allow")
        .arg("--out-dir")
        .arg(directory);
    let output = command.args(options).arg(source).output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}
