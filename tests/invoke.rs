//! `invoke PROGRAM EVENT`: sends one event to a function under Amazon's emulator, prints its answer.
//! `invoke --emulator` prints where the emulator is.

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use guard_tests::Result;
use guard_tests::emulator::Emulator;
use guard_tests::fetch;
use guard_tests::isolation::Isolation;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let done = match &args[..] {
        [option] if option == "--emulator" => fetch::EMULATOR
            .path()
            .map(|path| println!("{}", path.display())),
        [program, event] => run(program, event),
        _ => Err("wants a program and a file with an event".into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("invoke: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(program: &str, event: &str) -> Result<()> {
    let bytes = std::fs::read(event).map_err(|error| format!("{event}: {error}"))?;
    let path = Path::new(program)
        .canonicalize()
        .map_err(|error| format!("{program}: {error}"))?;
    let mut emulator = Emulator::start(Isolation::Ports, &path, &[])?;
    let response = emulator.invoke(&bytes)?;
    std::io::stdout()
        .write_all(&response.body)
        .map_err(|error| error.to_string())?;
    println!();
    // The emulator answers for a function that failed, with 200 too.
    let failed = String::from_utf8_lossy(&response.body).contains("\"errorType\"");
    if failed {
        Err(emulator.output())
    } else {
        Ok(())
    }
}
