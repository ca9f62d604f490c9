//! Whether the function's runtime was started without the exec wrapper, so that its events go past
//! the proxy.
//!
//! The wrapper asks the extension for its port before anything else happens to the runtime. One that
//! did not is told from the environment it was given: Lambda hands `_HANDLER` to runtimes and to no
//! extension, and the Runtime API's own address stands there instead of the proxy's. Must not know:
//! what is said about it.

use std::fs::{self, File};
use std::io::Read as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::endpoint;

/// Between two looks. A runtime is seen twice before it counts: a bootstrap script may be about to
/// start the wrapper.
const BETWEEN: Duration = Duration::from_millis(100);

/// How many looks: where no runtime is seen, as its environment cannot be read, three seconds
/// without the wrapper say it.
const LOOKS: usize = 30;

/// Longest environment that is read; Lambda's variables have 4 KB, the platform's about as many.
const LONGEST: u64 = 256 << 10;

/// Done as soon as it is known whether a runtime was started without the wrapper; `was_found` says
/// that the wrapper has asked.
pub(crate) async fn is_unwrapped(runtime_api: &str, was_found: &AtomicBool) -> bool {
    let mut seen: Option<u32> = None;
    for _ in 0..LOOKS {
        tokio::time::sleep(BETWEEN).await;
        if was_found.load(Ordering::Relaxed) {
            return false;
        }
        let now = runtime(runtime_api);
        if now.is_some() && now == seen {
            return true;
        }
        seen = now;
    }
    true
}

/// A process that is a runtime and talks to the Runtime API itself.
fn runtime(runtime_api: &str) -> Option<u32> {
    let processes = fs::read_dir("/proc").ok()?.flatten();
    let ids = processes.filter_map(|process| process.file_name().to_str()?.parse().ok());
    let mut others = ids.filter(|id| *id != std::process::id());
    others.find(|id| {
        let mut environment = Vec::new();
        // Another user's, or one that has just ended, is none of ours.
        let read = File::open(format!("/proc/{id}/environ"))
            .and_then(|file| file.take(LONGEST).read_to_end(&mut environment));
        read.is_ok() && is_runtime(&environment, runtime_api)
    })
}

/// Whether `environment`, as proc(5) shows it, is that of a runtime that was given `runtime_api`.
fn is_runtime(environment: &[u8], runtime_api: &str) -> bool {
    let value = |name: &str| {
        let mut variables = environment.split(|byte| *byte == 0);
        variables.find_map(|variable| {
            let rest = variable.strip_prefix(name.as_bytes())?;
            rest.strip_prefix(b"=")
        })
    };
    value("_HANDLER").is_some() && value(endpoint::VARIABLE) == Some(runtime_api.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_runtime_is_told_from_its_environment() {
        let cases: [(&[u8], bool); 5] = [
            (
                b"A=b\0_HANDLER=app.handler\0AWS_LAMBDA_RUNTIME_API=h:1\0",
                true,
            ),
            (b"_HANDLER=\0AWS_LAMBDA_RUNTIME_API=h:1", true),
            // Behind the proxy.
            (b"_HANDLER=x\0AWS_LAMBDA_RUNTIME_API=127.0.0.1:4\0", false),
            // An extension.
            (b"A=b\0AWS_LAMBDA_RUNTIME_API=h:1\0", false),
            (b"", false),
        ];
        for (environment, wanted) in cases {
            assert_eq!(is_runtime(environment, "h:1"), wanted);
        }
    }
}
