//! What a figure was measured on and when, as dated records say it.

use std::fs;
use std::process::Command;

use crate::Result;

/// Processor, cores, kernel, compiler and load.
#[must_use]
pub fn description() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let field = |name: &str| {
        let line = info.lines().find(|line| line.starts_with(name));
        line.and_then(|line| line.split(':').nth(1))
            .unwrap_or("?")
            .trim()
            .to_owned()
    };
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    format!(
        "{} {}, family {} model {}, {} cores, kernel {}, {}, load {}",
        std::env::consts::ARCH,
        field("model name"),
        field("cpu family"),
        field("model\t"),
        std::thread::available_parallelism().map_or(0, usize::from),
        said("uname", &["-r"]),
        said("rustc", &["--version"]),
        load.split(' ').next().unwrap_or("?"),
    )
}

/// The date, `YYYY-MM-DD`.
#[must_use]
pub fn today() -> String {
    said("date", &["+%Y-%m-%d"])
}

/// Writes figures as the record of today: `benches/record/ARCHITECTURE/DATE-NAME.csv`, headed by what
/// they were measured on and what they are. Those of the inspector have no name: `DATE.csv`.
///
/// # Errors
///
/// The folder or file that cannot be written, and why.
pub fn record(name: &str, what: &str, rows: &str) -> Result<()> {
    let date = today();
    let folder = crate::root()
        .join("benches/record")
        .join(std::env::consts::ARCH);
    let path = folder.join(match name {
        "" => format!("{date}.csv"),
        name => format!("{date}-{name}.csv"),
    });
    fs::create_dir_all(&folder)
        .and_then(|()| {
            let text = format!("# {}\n# {date}, {what}\n{rows}", description());
            fs::write(&path, text)
        })
        .map_err(|error| format!("{}: {error}", path.display()))
}

fn said(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    output.map_or_else(
        |_| String::new(),
        |output| String::from_utf8_lossy(&output.stdout).trim().to_owned(),
    )
}
