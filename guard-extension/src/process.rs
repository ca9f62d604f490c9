//! The process tier: what programs of the function may reach, read, change and start is decided
//! inside of them.
//!
//! This is the extension's side: the memory that guarded programs see ([`regions`]), how they get it
//! ([`hand_over`]), names ([`crate::egress`]), and what they report ([`reports`], [`learning`]). The
//! other side is in `guard-extension/process`. Must not know: how a program is patched.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use guard_core::policy::{Mode, Phase, Policy, Require, Tier, Tmp};
use guard_hook::shared::{Redirect, Settings, TmpUse};
use serde_json::{Value, json};

use crate::egress::{self, Forwarder, Hosts, Resolvers, Rules};
use crate::endpoint::{self, Endpoint};
use crate::records::Records;
use crate::{settings, wrap};

mod ancestors;
mod hand_over;
mod learning;
mod regions;
mod repeats;
mod reports;
mod texts;

use hand_over::HandOver;
use learning::Learner;
use regions::Regions;
use repeats::Repeats;
pub(crate) use reports::Context;

/// The tier's name.
pub(crate) const TIER: &str = "process";

/// The variable by which programs find the extension.
pub(crate) const RENDEZVOUS: &str = "GUARD_RENDEZVOUS";

/// File names of the two parts that run inside programs.
const PRELOAD: &str = "libguard.so";
const LOADER: &str = "guard-loader";

/// Why the tier is there and not used on this architecture unless it is asked for.
pub(crate) const UNPROVEN: Option<&str> = if cfg!(target_arch = "aarch64") {
    Some(
        "the process tier on arm64 has not been run on a real processor yet; GUARD_TIER=process \
         turns it on",
    )
} else {
    None
};

/// How long the trial may take, which takes a millisecond.
const PROBE: Duration = Duration::from_secs(2);

/// Where the layer has them.
const LAYER: &str = "/opt/guard";

/// What a runtime needs to be started under guard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Parts {
    /// Value of [`RENDEZVOUS`].
    pub(crate) rendezvous: String,
    /// The library for dynamic programs.
    pub(crate) preload: PathBuf,
    /// The program that starts all others.
    pub(crate) loader: PathBuf,
}

/// The tier at work.
#[derive(Debug)]
pub(crate) struct ProcessTier {
    parts: Parts,
    regions: Arc<Regions>,
    policy: Policy,
    learner: Arc<Mutex<Learner>>,
    repeats: Mutex<Repeats>,
}

/// The tier, where the policy wants it and the environment allows it; else why not. `proxy` is the
/// port on which programs find the Runtime API.
///
/// # Errors
/// In words.
pub(crate) async fn choose(
    policy: &Policy,
    runtime_api: &str,
    proxy: Option<u16>,
) -> Result<ProcessTier, String> {
    if policy.mode() == Mode::Off {
        return Err("GUARD_MODE is off".to_owned());
    }
    if policy.tier() == Some(Tier::Observer) {
        return Err("GUARD_TIER is \"observer\"".to_owned());
    }
    if UNPROVEN.is_some() && !is_asked_for(policy) {
        return Err(UNPROVEN.unwrap_or_default().to_owned());
    }
    let programs = proxy.map(|port| settings::for_programs(policy, &wrap::address(port)));
    let policy = programs.as_ref().unwrap_or(policy);
    let past = proxy.and_then(around_the_proxy);
    ProcessTier::open(policy, &format!("lambda-guard/process/{runtime_api}"), past).await
}

/// The way past the proxy, which leads to it instead: a program finds out where the real Runtime API
/// is (it is the same address in every environment), and would get events there that nobody
/// inspected. Where connections are restricted it is refused, unless an entry allows it with others.
fn around_the_proxy(proxy: u16) -> Option<Redirect> {
    let real: Endpoint = settings::variable(endpoint::VARIABLE)?.parse().ok()?;
    let (host, port) = real.address();
    let address = match host {
        "localhost" => IpAddr::V4(Ipv4Addr::LOCALHOST),
        host => host.parse::<IpAddr>().ok()?.to_canonical(),
    };
    Some(Redirect {
        address,
        port,
        forwarder: proxy,
        is_resolver: false,
    })
}

/// Whether the policy names the tier.
fn is_asked_for(policy: &Policy) -> bool {
    policy.tier() == Some(Tier::Process) || policy.require() == Require::Process
}

impl ProcessTier {
    /// Makes the regions and listens. `name` is that of the abstract socket; `past` leads elsewhere
    /// beside what leads to resolvers.
    ///
    /// # Errors
    /// Why the tier cannot be had here, in words.
    async fn open(policy: &Policy, name: &str, past: Option<Redirect>) -> Result<Self, String> {
        let (preload, loader) = find_parts()?;
        let forwarder = match needs_names(policy) {
            true => Some(
                forward(policy)
                    .await
                    .map_err(|error| format!("names: {error}"))?,
            ),
            false => None,
        };
        let redirects = match &forwarder {
            Some(forwarder) => forwarder.redirects().map_err(|error| error.to_string())?,
            None => Vec::new(),
        };
        let redirects = redirects.into_iter().map(|(asked, forwarder)| Redirect {
            address: asked.ip().to_canonical(),
            port: asked.port(),
            forwarder,
            is_resolver: true,
        });
        let redirects: Vec<Redirect> = past.into_iter().chain(redirects).collect();
        let image = policy.compile();
        let settings = Settings {
            tmp: match policy.tmp() {
                Tmp::Keep | Tmp::Wipe => TmpUse::Keep,
                Tmp::ReadOnly => TmpUse::ReadOnly,
                Tmp::None => TmpUse::None,
            },
            extension: std::process::id(),
            redirects: &redirects,
        };
        let regions = Regions::create(&image, &settings)
            .map_err(|error| format!("shared memory: {error}"))?;
        let regions = Arc::new(regions);
        let learner = Arc::new(Mutex::new(Learner::new(policy)));
        let mode = if policy.mode() == Mode::Enforce {
            "enforce"
        } else {
            "monitor"
        };
        // A program that passes by the check somewhere is less than what is required.
        let needs_all = policy.mode() == Mode::Enforce && policy.require() != Require::None;
        let complete = if needs_all { ",complete" } else { "" };
        let parts = Parts {
            rendezvous: format!("{name},{mode}{complete}"),
            preload,
            loader,
        };
        let hand_over = HandOver::bind(name, &parts, &regions)
            .map_err(|error| format!("the socket {name:?}: {error}"))?;
        tokio::spawn(hand_over.serve());
        probe(&parts).await?;
        if let Some(forwarder) = forwarder {
            let compiled = regions
                .policy()
                .map_err(|error| format!("the compiled policy: {error}"))?;
            let rules = Rules::new(policy, compiled);
            let hosts = Hosts::new(&fs::read_to_string("/etc/hosts").unwrap_or_default());
            let outlet = Outlet {
                regions: Arc::clone(&regions),
                learner: Arc::clone(&learner),
            };
            forwarder.serve(rules, &hosts, Arc::new(outlet));
        }
        Ok(Self {
            parts,
            regions,
            policy: policy.clone(),
            learner,
            repeats: Mutex::default(),
        })
    }

    /// What a runtime needs.
    pub(crate) fn parts(&self) -> &Parts {
        &self.parts
    }

    /// The runtime asks for an event: rules marked `@init` end.
    pub(crate) fn begin_invoke(&self) {
        self.regions.sealed().begin_invoke();
    }

    /// Whether the function starts up: no runtime has asked for an event yet.
    pub(crate) fn is_init(&self) -> bool {
        self.regions.sealed().view().phase() == Phase::Init
    }

    /// Writes what programs reported since; whether they did.
    pub(crate) fn drain(&self, records: &Records, context: &Context<'_>) -> bool {
        let mut learner = self.learner();
        for lookup in learner.take_lookups() {
            reports::lookup(&self.policy, &lookup, records, context);
        }
        let mut any = false;
        let mut repeats = self.repeats.lock().unwrap_or_else(PoisonError::into_inner);
        let left_out = repeats.begin(context.request_id);
        let lost = self.regions.drain(|record| {
            any = true;
            if repeats.is_repeated(record) {
                return;
            }
            reports::record(&self.policy, record, &mut learner, records, context);
        });
        drop(learner);
        drop(repeats);
        write_left_out(left_out, records);
        self.regions.collect(|status| {
            let program = String::from_utf8_lossy(status.program);
            let message = format!(
                "{program}: {} of {} places that make system calls could not be led through the \
                 check, guard scan names them",
                status.open, status.found
            );
            records.notice(context.request_id, &message);
        });
        if lost > 0 {
            records.write_members(TIER, &json!({ "records_lost": lost }));
        }
        any
    }

    /// What became of the programs that were started, and of the policy that would allow what they
    /// did; for the end.
    pub(crate) fn summary(&self, records: &Records) {
        let mut repeats = self.repeats.lock().unwrap_or_else(PoisonError::into_inner);
        write_left_out(repeats.end(), records);
        drop(repeats);
        let (programs, total) = self.regions.summary();
        records.write_members(
            TIER,
            &json!({ "processes": total, "programs": programs, "dropped": self.regions.dropped() }),
        );
        let learner = self.learner();
        if let Some(policy) = learner.policy(&self.policy) {
            let mut members = json!({ "policy": policy });
            if (learner.is_full() || self.regions.dropped() > 0)
                && let Some(members) = members.as_object_mut()
            {
                members.insert("incomplete".to_owned(), true.into());
            }
            records.write_members("learned", &members);
        }
    }

    /// Members for the status record.
    pub(crate) fn members(&self) -> Value {
        json!({
            "preload": self.parts.preload.display().to_string(),
            "loader": self.parts.loader.display().to_string(),
        })
    }

    fn learner(&self) -> MutexGuard<'_, Learner> {
        self.learner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn write_left_out(count: u64, records: &Records) {
    if count > 0 {
        records.write_members(TIER, &json!({ "denials_repeated": count }));
    }
}

/// Starts a program that does what every guarded program does first: a child, as a platform may kill
/// for what it does not allow.
async fn probe(parts: &Parts) -> Result<(), String> {
    let child = tokio::process::Command::new(&parts.loader)
        .arg("--probe")
        .env_clear()
        .env(RENDEZVOUS, &parts.rendezvous)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .status();
    match tokio::time::timeout(PROBE, child).await {
        Ok(Ok(status)) if status.success() => Ok(()),
        Ok(Ok(status)) => Err(format!(
            "a program cannot be guarded here: the trial ended with {status}"
        )),
        Ok(Err(error)) => Err(format!("{}: {error}", parts.loader.display())),
        Err(_) => Err("a program cannot be guarded here: the trial did not end".to_owned()),
    }
}

/// Whether lookups are to be seen: connections are restricted, or to be learned.
fn needs_names(policy: &Policy) -> bool {
    policy.mode() != Mode::Off
}

async fn forward(policy: &Policy) -> io::Result<Forwarder> {
    let text = fs::read_to_string("/etc/resolv.conf").unwrap_or_default();
    Forwarder::bind(&Resolvers::of(policy, &text)).await
}

/// The library and the loader: in the layer, or beside this program.
fn find_parts() -> Result<(PathBuf, PathBuf), String> {
    let beside = std::env::current_exe().ok();
    let beside = beside.as_deref().and_then(Path::parent);
    let places = [Some(Path::new(LAYER)), beside];
    for place in places.into_iter().flatten() {
        // Without links: programs compare it with the paths of their mappings.
        let Ok(place) = fs::canonicalize(place) else {
            continue;
        };
        let (preload, loader) = (place.join(PRELOAD), place.join(LOADER));
        let is_program = |path: &Path| {
            fs::metadata(path)
                .is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 1 != 0)
        };
        // Neither a space nor a colon: they separate the entries of LD_PRELOAD.
        let is_plain = |path: &Path| {
            !path
                .as_os_str()
                .as_bytes()
                .iter()
                .any(|byte| b" :\n".contains(byte))
        };
        if preload.is_file() && is_program(&loader) && is_plain(&preload) && is_plain(&loader) {
            return Ok((preload, loader));
        }
    }
    Err(format!(
        "{PRELOAD} and {LOADER} are neither in {LAYER} nor beside the program"
    ))
}

/// A program's command line under guard: the loader, the program's file, and its own words.
pub(crate) fn command(parts: &Parts, words: &[OsString]) -> Vec<OsString> {
    let Some(program) = words.first() else {
        return Vec::new();
    };
    let mut guarded = vec![parts.loader.clone().into_os_string(), find_program(program)];
    guarded.extend(words.iter().cloned());
    guarded
}

/// The file of a program, which is looked for in `PATH` when it is a mere name, as execvp(3) does.
fn find_program(name: &OsString) -> OsString {
    if name.as_bytes().contains(&b'/') {
        return name.clone();
    }
    let path = std::env::var_os("PATH").unwrap_or_else(|| "/usr/bin:/bin".into());
    std::env::split_paths(&path)
        .map(|directory| directory.join(name))
        .find(|file| {
            fs::metadata(file).is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0)
        })
        .map_or_else(|| name.clone(), PathBuf::into_os_string)
}

/// Where the forwarder's knowledge goes.
#[derive(Debug)]
struct Outlet {
    regions: Arc<Regions>,
    learner: Arc<Mutex<Learner>>,
}

impl egress::Outlet for Outlet {
    fn learn(&self, address: IpAddr, name: &str, holds: Option<Duration>) {
        self.regions.learn(address, name, holds);
    }

    fn record(&self, lookup: &egress::Lookup<'_>) {
        let mut learner = self.learner.lock().unwrap_or_else(PoisonError::into_inner);
        learner.looked_up(lookup);
    }
}
