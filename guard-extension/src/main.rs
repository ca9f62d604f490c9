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
    ExitCode::from(if name.file_name() == Some(OsStr::new("wrap")) {
        wrap::run(&arguments)
    } else if name.parent() == Some(Path::new("/opt/extensions")) {
        lifecycle::run()
    } else {
        cli::run(&arguments)
    })
}
