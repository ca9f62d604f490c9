//! The extension's life: registered, serving, ended with its environment.
//!
//! Registers for SHUTDOWN only, so that Lambda waits for it at no invocation, and Managed Instances
//! accept it. Talks to the Extensions API with the proxy's own HTTP, not with `lambda-extension`
//! (1.1.1), which does not let an extension report an error of INIT with a message of its own, does
//! not come back after SHUTDOWN (so that every environment ends by SIGKILL two seconds later), and
//! brings a general client, a server and a second thread into a program whose start and size are
//! promised.
//!
//! Does not subscribe to the Telemetry API. What it has that is not known here is an invocation's
//! billed duration (`platform.report`), and nothing here needs it: what Guard costs is the time that
//! it takes itself, which the counters hold for inspection (`metrics.rs`) and the
//! benchmarks for the whole, times a price; what an event may cost at worst follows from memory and
//! timeout. For that figure there would be a subscription at INIT, with a schema version that differs
//! on Managed Instances; one more listener that the function's programs could reach and write to; and
//! a delivery to parse for each invocation, which comes when it is over, in a later one's time.
//!
//! What was listened on, was listened on before the registration: Lambda starts the function after
//! it. Must not know: what is done with events.

use std::io::{self, ErrorKind};
use std::net::TcpStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use guard_core::decide::Guard;
use guard_core::policy::{Mode, Policy, Tmp as TmpPolicy};
use guard_core::secret::Secrets;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::endpoint::{self, Endpoint};
use crate::http::connection::Connection;
use crate::http::head::{self, write_field};
use crate::process::{self, ProcessTier};
use crate::proxy::{Proxy, Shared};
use crate::rendezvous::{Found, Rendezvous};
use crate::settings::{self, Settings, SettingsError};
use crate::tmp::Tmp;
use crate::{exit, findings, status, unwrapped};

/// The name that Lambda knows the extension by: that of its file.
const NAME: &str = "guard";

/// How long the Extensions API may refuse connections: Amazon's emulator starts extensions before
/// its port accepts. INIT as a whole has ten seconds.
const REFUSED: Duration = Duration::from_secs(5);

/// Longest body of the Extensions API that is read.
const LONGEST: usize = 1 << 20;

/// Runs the extension until Lambda ends it; the exit code.
pub fn run() -> u8 {
    let endpoint = match runtime_api() {
        Ok(endpoint) => endpoint,
        Err(message) => {
            eprintln!("guard: {message}");
            return exit::USAGE;
        }
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    match runtime {
        Ok(runtime) => runtime.block_on(live(endpoint)),
        Err(error) => {
            eprintln!("guard: no event loop: {error}");
            exit::FAULT
        }
    }
}

/// Where the Runtime API is, or why that is not known.
pub(crate) fn runtime_api() -> Result<Endpoint, String> {
    settings::variable(endpoint::VARIABLE)
        .ok_or_else(|| format!("{} is not set, Lambda sets it", endpoint::VARIABLE))?
        .parse()
        .map_err(|error: endpoint::EndpointError| error.to_string())
}

/// Why INIT fails.
struct Failure {
    error_type: &'static str,
    message: String,
    code: u8,
}

async fn live(endpoint: Endpoint) -> u8 {
    let settings = Settings::from_env();
    let is_on = settings
        .as_ref()
        .is_ok_and(|settings| settings.policy.mode() != Mode::Off);
    let doors = match is_on {
        true => Some(Doors::open().await),
        false => None,
    };
    // The platform starts the function once all extensions are registered. What it does until its
    // wrapper asks here, it does while the rest is set up: the wrapper waits for the answer.
    let registered_with = endpoint.clone();
    let registering = tokio::task::spawn_blocking(move || Api::register(registered_with));
    let prepared = prepare(endpoint, settings, doors).await;
    let registered = registering.await.unwrap_or_else(|error| Err(error.into()));
    let mut api = match registered {
        Ok(api) => api,
        Err(error) => {
            eprintln!("guard: the Extensions API did not register the extension: {error}");
            return exit::FAULT;
        }
    };
    let shared = match prepared {
        Ok(shared) => shared,
        Err(failure) => {
            eprintln!("guard: {}", failure.message);
            if let Err(error) = api.fail_init(&failure) {
                eprintln!("guard: the Extensions API did not take that: {error}");
            }
            return failure.code;
        }
    };
    // It waits in a thread of its own: this one serves.
    let waiting = tokio::task::spawn_blocking(move || api.wait_for_shutdown());
    let ended = waiting.await.unwrap_or_else(|error| Err(error.into()));
    if let Some(shared) = shared {
        shared.end();
    }
    match ended {
        Ok(()) => 0,
        Err(error) => {
            eprintln!("guard: the Extensions API broke off: {error}");
            exit::FAULT
        }
    }
}

/// What is listened on before the registration. Both, or in words why not.
struct Doors {
    runtime_api: String,
    listener: Result<(TcpListener, u16), String>,
    rendezvous: Result<Rendezvous, String>,
}

impl Doors {
    async fn open() -> Self {
        let runtime_api = settings::variable(endpoint::VARIABLE).unwrap_or_default();
        let listener = Proxy::listen()
            .await
            .map_err(|error| format!("127.0.0.1: no port for the Runtime API proxy: {error}"));
        let rendezvous = Rendezvous::bind(&runtime_api).map_err(|error| match error.kind() {
            ErrorKind::AddrInUse => {
                "another process has taken the name under which the exec wrapper finds this \
                 extension: attach the layer once"
                    .to_owned()
            }
            _ => format!("the exec wrapper cannot find this extension: {error}"),
        });
        Self {
            runtime_api,
            listener,
            rendezvous,
        }
    }
}

/// Sets up what waits behind the doors, and says what is on; nothing without any, in `off`.
async fn prepare(
    endpoint: Endpoint,
    settings: Result<Settings, SettingsError>,
    doors: Option<Doors>,
) -> Result<Option<Arc<Shared>>, Failure> {
    let Settings {
        policy,
        mut problems,
    } = settings.map_err(|errors| Failure {
        error_type: "Guard.PolicyUnreadable",
        message: errors.to_string(),
        code: exit::USAGE,
    })?;
    let Some(doors) = doors else {
        return Ok(None);
    };
    let port = doors.listener.as_ref().ok().map(|(_, port)| *port);
    let process = process::choose(&policy, &doors.runtime_api, port).await;
    if let Some(message) = status::missing_tier(&policy, process.as_ref().err()) {
        return Err(Failure {
            error_type: "Guard.TierMissing",
            message,
            code: exit::TIER,
        });
    }
    let mode = policy.mode();
    let tmp = matches!(policy.tmp(), TmpPolicy::Wipe).then(|| Tmp::new(PathBuf::from("/tmp")));
    let (shared, why) = share(policy, endpoint, tmp, process);
    match serve(&shared, doors) {
        Ok(()) => {}
        // Without a proxy the wrapper starts the function as it would be without Guard, and says so.
        Err(error) if mode == Mode::Monitor => problems.push(error),
        Err(message) => {
            return Err(Failure {
                error_type: "Guard.ProxyFailed",
                message,
                code: exit::FAULT,
            });
        }
    }
    announce(&shared, why.as_deref(), &problems);
    Ok(Some(shared))
}

/// What a proxy needs, of this environment; and why there is no process tier.
pub(crate) fn share(
    policy: Policy,
    endpoint: Endpoint,
    tmp: Option<Tmp>,
    process: Result<ProcessTier, String>,
) -> (Arc<Shared>, Option<String>) {
    let variables = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_encoded_bytes())));
    let secrets = Secrets::from_variables(variables);
    let (process, why) = match process {
        Ok(process) => (Some(process), None),
        Err(why) => (None, Some(why)),
    };
    let shared = Shared::new(Guard::new(policy), endpoint, secrets, tmp, process);
    (Arc::new(shared), why)
}

/// Writes what is on, what is not, and what is wrong with the function's setup.
pub(crate) fn announce(shared: &Shared, why_not_higher: Option<&str>, problems: &[String]) {
    let (policy, records) = (shared.guard.policy(), &shared.records);
    let members = status::members(shared, why_not_higher, problems);
    records.write_members("status", &members);
    for found in findings::at_init(policy, &shared.secrets, settings::variable) {
        found.write(records);
    }
}

fn serve(shared: &Arc<Shared>, doors: Doors) -> Result<(), String> {
    let (listener, port) = doors.listener?;
    let rendezvous = doors.rendezvous?;
    let proxy = Proxy::new(listener, Arc::clone(shared));
    let was_found = rendezvous.was_found();
    let runtime_api = doors.runtime_api;
    tokio::spawn(proxy.serve());
    tokio::spawn(rendezvous.serve(Found {
        port,
        parts: shared.process.as_ref().map(ProcessTier::parts).cloned(),
    }));
    let writing = Arc::clone(shared);
    tokio::spawn(async move { writing.records.keep_writing().await });
    let draining = Arc::clone(shared);
    tokio::spawn(async move { draining.drain_during_init().await });
    let watching = Arc::clone(shared);
    tokio::spawn(async move {
        if unwrapped::is_unwrapped(&runtime_api, &was_found).await {
            let wrapper = settings::variable(findings::WRAPPER);
            findings::not_wrapped(wrapper.as_deref()).write(&watching.records);
        }
    });
    Ok(())
}

/// The Extensions API, registered with.
struct Api {
    endpoint: Endpoint,
    connection: Connection,
    identifier: String,
}

/// An answer of the Extensions API.
struct Answer {
    status: u16,
    identifier: Option<String>,
    body: Vec<u8>,
}

impl Api {
    fn register(endpoint: Endpoint) -> io::Result<Self> {
        let connection = connect(&endpoint)?;
        let mut api = Self {
            endpoint,
            connection,
            identifier: String::new(),
        };
        let body = json!({ "events": ["SHUTDOWN"] });
        let answer = api.call(
            "POST",
            "register",
            &[("Lambda-Extension-Name", NAME)],
            &body,
        )?;
        match answer.identifier {
            Some(identifier) if answer.status == 200 => {
                api.identifier = identifier;
                Ok(api)
            }
            _ => Err(io::Error::other(format!(
                "status {}: {}",
                answer.status,
                String::from_utf8_lossy(&answer.body).trim()
            ))),
        }
    }

    fn fail_init(&mut self, failure: &Failure) -> io::Result<()> {
        let identifier = self.identifier.clone();
        let fields = [
            ("Lambda-Extension-Identifier", identifier.as_str()),
            ("Lambda-Extension-Function-Error-Type", failure.error_type),
        ];
        let body = json!({
            "errorMessage": failure.message,
            "errorType": failure.error_type,
            "stackTrace": [],
        });
        self.call("POST", "init/error", &fields, &body)?;
        Ok(())
    }

    /// Waits for the only event that was registered for.
    fn wait_for_shutdown(&mut self) -> io::Result<()> {
        let identifier = self.identifier.clone();
        let fields = [("Lambda-Extension-Identifier", identifier.as_str())];
        loop {
            let answer = self.call("GET", "event/next", &fields, &Value::Null)?;
            if answer.status != 200 {
                return Err(io::Error::other(format!("status {}", answer.status)));
            }
            let event: Value = serde_json::from_slice(&answer.body)?;
            if event.get("eventType").and_then(Value::as_str) == Some("SHUTDOWN") {
                return Ok(());
            }
        }
    }

    /// Sends a request, without a body where that is null.
    fn call(
        &mut self,
        method: &str,
        path: &str,
        fields: &[(&str, &str)],
        body: &Value,
    ) -> io::Result<Answer> {
        let mut request = Vec::new();
        let base = self.endpoint.base();
        let line = format!("{method} {base}/2020-01-01/extension/{path} HTTP/1.1\r\n");
        request.extend_from_slice(line.as_bytes());
        write_field(&mut request, "Host", self.endpoint.authority().as_bytes());
        for (name, value) in fields {
            write_field(&mut request, name, value.as_bytes());
        }
        let body = match body {
            Value::Null => String::new(),
            body => body.to_string(),
        };
        if !body.is_empty() {
            write_field(&mut request, "Content-Type", b"application/json");
            write_field(
                &mut request,
                "Content-Length",
                body.len().to_string().as_bytes(),
            );
        }
        request.extend_from_slice(b"\r\n");
        if !self.connection.is_idle() {
            self.connection = connect(&self.endpoint)?;
        }
        let connection = &mut self.connection;
        connection.send(&[&request, body.as_bytes()])?;
        let response = loop {
            if let Some(response) = head::response(connection.unused(), false)? {
                break response;
            }
            if connection.fill()? == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        };
        let (length, _) = connection.collect(response.len, response.body, LONGEST)?;
        let bytes = connection.unused();
        let head = bytes.get(..response.len).unwrap_or_default();
        let end = response.len + length;
        let answer = Answer {
            status: response.status,
            identifier: head::response_field(head, "lambda-extension-identifier"),
            body: bytes.get(response.len..end).unwrap_or_default().to_vec(),
        };
        connection.consume(end);
        Ok(answer)
    }
}

fn connect(endpoint: &Endpoint) -> io::Result<Connection> {
    let start = Instant::now();
    loop {
        match TcpStream::connect(endpoint.address()) {
            Ok(stream) => return Ok(Connection::new(stream)),
            Err(error)
                if error.kind() == ErrorKind::ConnectionRefused && start.elapsed() < REFUSED =>
            {
                // Nothing tells when another process begins to listen.
                std::thread::sleep(Duration::from_millis(1));
            }
            Err(error) => return Err(error),
        }
    }
}
