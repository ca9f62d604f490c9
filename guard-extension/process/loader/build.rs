//! Links without anything of a libc, to be loaded anywhere and relocated by itself: the place of a
//! program that is not relocatable has to be free.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    for argument in [
        "-nostdlib",
        "-nostartfiles",
        "-static-pie",
        "-Wl,--no-dynamic-linker",
        "-Wl,-z,text",
        "-Wl,--build-id=none",
        "-Wl,--no-undefined",
        "-Wl,--gc-sections",
    ] {
        println!("cargo::rustc-link-arg-bins={argument}");
    }
}
