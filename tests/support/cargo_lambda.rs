//! Runs a function under cargo-lambda's own emulator, whose Runtime API address is a URL with a
//! path: `http://127.0.0.1:PORT/.rt/NAME`.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::Result;
use crate::fetch::CARGO_LAMBDA;
use crate::http::{Connection, Response};
use crate::isolation::Isolation;
use crate::process::Process;

const NAME: &str = "order-service";

/// `cargo lambda watch` with a function that was started by hand.
#[derive(Debug)]
pub struct CargoLambda {
    program: PathBuf,
    port: u16,
    // The function goes first: it would retry against a closed port.
    function: Process,
    _watch: Process,
    connection: Connection,
}

impl CargoLambda {
    /// Starts both.
    ///
    /// # Errors
    ///
    /// What is missing, or what cargo-lambda said when it did not come up.
    pub fn start(
        isolation: Isolation,
        function: &Path,
        variables: &[(&str, &str)],
    ) -> Result<Self> {
        let (port, _) = isolation.ports()?;
        let program = CARGO_LAMBDA.path()?;
        let mut command = Command::new(&program);
        command
            .current_dir(crate::root().join("examples/order-service"))
            .args(["lambda", "watch", "--only-lambda-apis", "--quiet"])
            .args([
                "--invoke-address",
                "127.0.0.1",
                "--invoke-port",
                &port.to_string(),
            ]);
        let watch = Process::start("cargo-lambda", command)?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let connection = Connection::wait(address, Duration::from_secs(10))
            .map_err(|error| format!("cargo-lambda: {error}: {}", watch.last_words()))?;
        let mut command = Command::new(function);
        command
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env(
                "AWS_LAMBDA_RUNTIME_API",
                format!("http://127.0.0.1:{port}/.rt/{NAME}"),
            )
            .env("AWS_LAMBDA_FUNCTION_NAME", NAME)
            .env("AWS_LAMBDA_FUNCTION_VERSION", "1")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128")
            .env("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda")
            .env("AWS_LAMBDA_LOG_STREAM_NAME", "$LATEST")
            .envs(variables.iter().copied());
        let function = Process::start("function", command)?;
        Ok(Self {
            program,
            port,
            function,
            _watch: watch,
            connection,
        })
    }

    /// Sends `event` over HTTP.
    ///
    /// # Errors
    ///
    /// When cargo-lambda breaks off.
    pub fn post(&mut self, event: &[u8]) -> Result<Response> {
        let path = format!("/2015-03-31/functions/{NAME}/invocations");
        self.connection
            .post(&path, event)
            .map_err(|error| format!("cargo-lambda: {error}: {}", self.function.last_words()))
    }

    /// Sends `event` with `cargo lambda invoke`; what it prints is the answer, standard error
    /// after standard output.
    ///
    /// # Errors
    ///
    /// When it cannot be started.
    pub fn invoke(&self, event: &[u8]) -> Result<String> {
        let event = std::str::from_utf8(event).map_err(|error| format!("the event: {error}"))?;
        // As an argument: a file would need a name that other namespaces' tests do not choose, and
        // process ids are alike there.
        let output = Command::new(&self.program)
            .args(["lambda", "invoke", NAME, "--invoke-address", "127.0.0.1"])
            .args(["--invoke-port", &self.port.to_string()])
            .args(["--data-ascii", event])
            .stdin(Stdio::null())
            .output()
            .map_err(|error| format!("cargo lambda invoke: {error}"))?;
        let text = [output.stdout, output.stderr].concat();
        Ok(String::from_utf8_lossy(&text).into_owned())
    }
}
