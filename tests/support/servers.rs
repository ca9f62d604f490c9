//! Real servers from Debian, PostgreSQL and Redis, on addresses of loopback, and a resolver that
//! gives these names.
//!
//! For namespaces of a test's own: the ports and addresses are known ones, and /etc/resolv.conf is
//! covered. The servers run as a user without rights, in folders of theirs below `/opt`.

use std::fs;
use std::net::{Ipv4Addr, TcpStream, UdpSocket};
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use rustix::mount::mount_bind;

use crate::Result;
use crate::layer::run;
use crate::process::Process;

/// Names and where they lead; addresses kept for documentation (RFC 5737), which no network has.
pub const HOSTS: [(&str, Ipv4Addr); 2] = [
    ("allowed.example", Ipv4Addr::new(192, 0, 2, 10)),
    ("denied.example", Ipv4Addr::new(192, 0, 2, 11)),
];

/// What PostgreSQL and Redis listen at.
pub const PORTS: [u16; 2] = [5432, 6379];

/// What both ask for.
const PASSWORD: &str = "rosebud";

/// Debian's user without rights: PostgreSQL does not start as root.
const NOBODY: u32 = 65534;

/// How long a server may take to listen.
const PATIENCE: Duration = Duration::from_secs(30);

/// Both servers, running at every address of [`HOSTS`].
#[derive(Debug)]
pub struct Servers {
    _postgresql: Process,
    _redis: Process,
}

impl Servers {
    /// Starts them, and the resolver.
    ///
    /// # Errors
    ///
    /// In one line what is missing on this machine, or what a server said.
    pub fn start() -> Result<Self> {
        let initdb = postgresql("initdb")?;
        crate::clients::needs("redis-server", "redis-server")?;
        network(&HOSTS)?;
        let home = folder("postgresql")?;
        let (data, password) = (home.join("data"), home.join("password"));
        fs::write(&password, PASSWORD).map_err(|e| format!("{}: {e}", password.display()))?;
        let mut init = unprivileged(&initdb, &home);
        init.args(["--no-sync", "--username=app", "--auth=scram-sha-256"])
            .args(["--encoding=UTF8", "--locale=C"])
            .arg(format!("--pwfile={}", password.display()))
            .arg("--pgdata")
            .arg(&data);
        run(&mut init)?;
        let hba = data.join("pg_hba.conf");
        fs::write(&hba, "host all all 192.0.2.0/24 scram-sha-256\n")
            .map_err(|e| format!("{}: {e}", hba.display()))?;
        let mut command = unprivileged(&postgresql("postgres")?, &home);
        command
            .arg("-D")
            .arg(&data)
            .arg("-h")
            .arg(addresses(","))
            .arg("-k")
            .arg(&home)
            .args(["-p", &PORTS[0].to_string(), "-c", "fsync=off"]);
        let mut postgresql = Process::start("postgresql", command)?;

        let home = folder("redis")?;
        let mut command = unprivileged(Path::new("redis-server"), &home);
        command
            .args(["--port", &PORTS[1].to_string(), "--bind"])
            .args(HOSTS.map(|(_, address)| address.to_string()))
            .args(["--save", "", "--requirepass", PASSWORD, "--dir"])
            .arg(&home);
        let mut redis = Process::start("redis", command)?;
        listens(&mut postgresql, PORTS[0])?;
        listens(&mut redis, PORTS[1])?;
        Ok(Self {
            _postgresql: postgresql,
            _redis: redis,
        })
    }
}

/// One of PostgreSQL's programs, the newest: Debian keeps them out of the way, by version.
fn postgresql(name: &str) -> Result<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    let programs = versions.filter_map(|version| {
        let folder = version.ok()?;
        let number: u32 = folder.file_name().to_str()?.parse().ok()?;
        let program = folder.path().join("bin").join(name);
        program.exists().then_some((number, program))
    });
    let newest = programs.max().map(|(_, program)| program);
    newest.ok_or_else(|| format!("{name} is missing: apt-get install postgresql"))
}

/// A folder that the servers' user owns.
fn folder(name: &str) -> Result<PathBuf> {
    let folder = Path::new("/opt").join(name);
    fs::create_dir(&folder)
        .and_then(|()| chown(&folder, Some(NOBODY), Some(NOBODY)))
        .map_err(|error| format!("{}: {error}", folder.display()))?;
    Ok(folder)
}

fn unprivileged(program: &Path, home: &Path) -> Command {
    let mut command = Command::new(program);
    command
        .current_dir(home)
        .env("HOME", home)
        .uid(NOBODY)
        .gid(NOBODY);
    command
}

fn addresses(between: &str) -> String {
    HOSTS.map(|(_, address)| address.to_string()).join(between)
}

/// Waits until a server listens.
fn listens(server: &mut Process, port: u16) -> Result<()> {
    let start = Instant::now();
    while !HOSTS
        .iter()
        .all(|(_, address)| TcpStream::connect((*address, port)).is_ok())
    {
        if server.has_ended() || start.elapsed() > PATIENCE {
            return Err(format!(
                "port {port}: nobody listens: {}",
                server.last_words()
            ));
        }
        thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

/// Adds the addresses of `hosts` to loopback, and answers for their names as the resolver that
/// /etc/resolv.conf names. Once in a test's namespaces.
///
/// # Errors
///
/// When something cannot be put in place.
pub fn network(hosts: &'static [(&'static str, Ipv4Addr)]) -> Result<()> {
    for (_, address) in hosts {
        let address = format!("{address}/32");
        run(Command::new("ip").args(["address", "replace", &address, "dev", "lo"]))?;
    }
    let resolver = Ipv4Addr::new(127, 0, 0, 53);
    let file = Path::new("/opt/resolv.conf");
    fs::write(file, format!("nameserver {resolver}\n"))
        .and_then(|()| mount_bind(file, "/etc/resolv.conf").map_err(Into::into))
        .map_err(|error| format!("/etc/resolv.conf: {error}"))?;
    let socket = UdpSocket::bind((resolver, 53)).map_err(|e| format!("{resolver}:53: {e}"))?;
    thread::spawn(move || {
        let mut query = [0; 512];
        while let Ok((length, client)) = socket.recv_from(&mut query) {
            let answer = query.get(..length).and_then(|query| answer(hosts, query));
            let _ = socket.send_to(&answer.unwrap_or_default(), client);
        }
    });
    Ok(())
}

/// The answer to a query (RFC 1035 section 4.1); `None` for what is none.
fn answer(hosts: &[(&str, Ipv4Addr)], query: &[u8]) -> Option<Vec<u8>> {
    let (mut at, mut labels) = (12, Vec::new());
    loop {
        let length = usize::from(*query.get(at)?);
        if length == 0 {
            break;
        }
        let label = query.get(at + 1..=at + length)?;
        labels.push(String::from_utf8_lossy(label).to_ascii_lowercase());
        at += 1 + length;
    }
    let name = labels.join(".");
    let kind = query.get(at + 1..at + 3)?;
    let host = hosts.iter().find(|(host, _)| *host == name);
    let address = host.filter(|_| kind == [0, 1]);
    // A response, recursion available; no error, or no such name.
    let code = if host.is_some() { 0x80 } else { 0x83 };
    let mut answer = query.get(..2)?.to_vec();
    answer.extend([0x81, code, 0, 1, 0, u8::from(address.is_some()), 0, 0, 0, 0]);
    answer.extend(query.get(12..at + 5)?);
    if let Some((_, address)) = address {
        // The name above, an address of the Internet, kept for 5 seconds.
        answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 5, 0, 4]);
        answer.extend(address.octets());
    }
    Some(answer)
}
