//! Links without anything of a libc.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    for argument in [
        "-nostdlib",
        "-nostartfiles",
        "-Wl,-soname,libguard.so",
        "-Wl,-z,initfirst",
        "-Wl,-z,now",
        "-Wl,-z,relro",
        "-Wl,--hash-style=both",
        "-Wl,--build-id=none",
        // A symbol that is not there is found when it is linked, not in somebody's function.
        "-Wl,--no-undefined",
        "-Wl,--gc-sections",
    ] {
        println!("cargo::rustc-link-arg-cdylib={argument}");
    }
}
