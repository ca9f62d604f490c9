//! Runs a function under Amazon's Runtime Interface Emulator.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::Result;
use crate::fetch::EMULATOR;
use crate::http::{Connection, Response};
use crate::isolation::Isolation;
use crate::process::Process;

/// Where events are posted.
pub const INVOKE: &str = "/2015-03-31/functions/function/invocations";

/// A running emulator with a function in it.
#[derive(Debug)]
pub struct Emulator {
    process: Process,
    connection: Connection,
    address: SocketAddr,
}

impl Emulator {
    /// Starts the emulator; it starts the function when the first event comes.
    ///
    /// # Errors
    ///
    /// What is missing, or what the emulator said when it did not come up.
    pub fn start(
        isolation: Isolation,
        function: &Path,
        variables: &[(&str, &str)],
    ) -> Result<Self> {
        Self::start_by(
            Command::new(EMULATOR.path()?),
            isolation,
            function,
            variables,
        )
    }

    /// The same, with a command to which only the emulator's arguments are added: for an emulator that
    /// another program starts.
    ///
    /// # Errors
    ///
    /// As of [`start`](Self::start).
    pub fn start_by(
        mut command: Command,
        isolation: Isolation,
        function: &Path,
        variables: &[(&str, &str)],
    ) -> Result<Self> {
        let (invoke, runtime) = isolation.ports()?;
        command
            .arg("--runtime-interface-emulator-address")
            .arg(format!("127.0.0.1:{invoke}"))
            .arg("--runtime-api-address")
            .arg(format!("127.0.0.1:{runtime}"))
            .arg(function)
            // What a variable of the developer's would change is not tested.
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("AWS_LAMBDA_FUNCTION_NAME", "order-service")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128")
            .envs(variables.iter().copied());
        let process = Process::start("emulator", command)?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, invoke));
        match Connection::wait(address, Duration::from_secs(10)) {
            Ok(connection) => Ok(Self {
                process,
                connection,
                address,
            }),
            Err(error) => Err(format!("emulator: {error}: {}", process.last_words())),
        }
    }

    /// Sends `event` and waits for the function's answer.
    ///
    /// # Errors
    ///
    /// When the emulator breaks off, with what it printed.
    pub fn invoke(&mut self, event: &[u8]) -> Result<Response> {
        self.connection
            .post(INVOKE, event)
            .map_err(|error| format!("emulator: {error}: {}", self.process.last_words()))
    }

    /// Another connection, for an event beside others.
    ///
    /// # Errors
    ///
    /// When the emulator has ended.
    pub fn connect(&self) -> Result<Connection> {
        Connection::wait(self.address, Duration::from_secs(10))
            .map_err(|error| format!("emulator: {error}: {}", self.process.last_words()))
    }

    /// What the emulator and the function have printed so far.
    #[must_use]
    pub fn output(&self) -> String {
        self.process.output()
    }
}
