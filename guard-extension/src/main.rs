//! The `guard` binary: what it is depends on the name it was started by.

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::ExitCode;

use guard_extension::{cli, lifecycle, wrap};

fn main() -> ExitCode {
    let mut arguments = std::env::args_os();
    let name = arguments.next().unwrap_or_default();
    let arguments: Vec<OsString> = arguments.collect();
    let name = Path::new(&name);
    if name.file_name() == Some(OsStr::new("wrap")) {
        ExitCode::from(wrap::run(&arguments))
    } else if name.parent() == Some(Path::new("/opt/extensions")) {
        // The layer's wrapper is a file that names this one as its interpreter (execve(2)): the
        // kernel hands over `wrap`, the file's own path, and what it was started with.
        match arguments.split_first() {
            Some((first, rest)) if first == "wrap" => {
                ExitCode::from(wrap::run(rest.get(1..).unwrap_or_default()))
            }
            _ => ExitCode::from(lifecycle::run()),
        }
    } else {
        // A panic has printed its message by then; what is left is to say whose fault it was.
        std::panic::catch_unwind(|| cli::run(lexopt::Parser::from_args(arguments)))
            .unwrap_or(cli::Exit::Bug)
            .into()
    }
}
