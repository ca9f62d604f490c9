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
    // Lambda starts it there without arguments; with some it is the command line there too.
    let is_extension = name.parent() == Some(Path::new("/opt/extensions"));
    if name.file_name() == Some(OsStr::new("wrap")) {
        ExitCode::from(wrap::run(&arguments))
    } else if is_extension && arguments.is_empty() {
        ExitCode::from(lifecycle::run())
    } else if is_extension && arguments.first().is_some_and(|first| first == "wrap") {
        // The layer's wrapper is a file that names this one as its interpreter (execve(2)): the
        // kernel hands over `wrap`, the file's own path, and what it was started with.
        ExitCode::from(wrap::run(arguments.get(2..).unwrap_or_default()))
    } else {
        // A panic has printed its message by then; what is left is to say whose fault it was.
        std::panic::catch_unwind(|| cli::run(lexopt::Parser::from_args(arguments)))
            .unwrap_or(cli::Exit::Bug)
            .into()
    }
}
