//! The resolvers of real programs, each in a mount namespace with an /etc/resolv.conf of its own.
//!
//! There the forwarder stands at port 53 itself: leading queries to it is the business of the check
//! in front of system calls, which has tests of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::*;

/// How much longer a refusal may take than an answer: less than the five seconds that resolvers wait
/// before they ask again.
const SOON: Duration = Duration::from_secs(4);

const GO: &str = "package main\nimport (\"fmt\"; \"net\"; \"os\")\nfunc main() {\n\
    found, err := net.LookupHost(os.Args[1])\n\
    if err != nil { fmt.Println(err); os.Exit(1) }\n\
    for _, one := range found { fmt.Println(one) }\n}\n";

const JAVA: &str = "public class Look {\n public static void main(String[] name) throws Exception {\n\
    for (var one : java.net.InetAddress.getAllByName(name[0]))\n\
    System.out.println(one.getHostAddress());\n }\n}\n";

const C: &str = "#include <netdb.h>\n#include <stdio.h>\nint main(int count, char **name) {\n\
    struct addrinfo *found;\n if (getaddrinfo(name[1], \"443\", 0, &found)) return 1;\n\
    for (; found; found = found->ai_next) { char text[64];\n\
    getnameinfo(found->ai_addr, found->ai_addrlen, text, 64, 0, 0, NI_NUMERICHOST);\n\
    puts(text); }\n return 0; }\n";

const PYTHON: &str = "import socket, sys\n\
    for one in socket.getaddrinfo(sys.argv[1], 443, proto=6): print(one[4][0])";

/// c-ares' own interface, not the C library's.
const NODE: &str = "const dns = require('dns'), name = process.argv[1];\n\
    let failed = 0;\n\
    for (const look of [dns.resolve4, dns.resolve6])\n\
    look(name, (error, found) => { if (error) { if (++failed == 2) process.exit(1); }\n\
    else found.forEach(one => console.log(one)); });";

/// A client's command, made ready in `dir`; nothing when its tools are not there.
fn prepare(client: &str, dir: &Path) -> Option<Vec<String>> {
    let path = |name: &str| dir.join(name).to_str().unwrap().to_owned();
    let build = |program: &str, arguments: &[&str], variables: &[(&str, &str)]| {
        let done = Command::new(program)
            .args(arguments)
            .envs(variables.iter().copied())
            .env("HOME", dir)
            .current_dir(dir)
            .output()
            .ok()?;
        let errors = String::from_utf8_lossy(&done.stderr).into_owned();
        assert!(done.status.success(), "{program}: {errors}");
        Some(())
    };
    let there = |program: &str| Command::new(program).arg("--version").output().ok();
    let command: &[&str] = match client {
        "glibc" => {
            there("python3")?;
            &["python3", "-c", PYTHON]
        }
        "c-ares" => {
            there("node")?;
            &["node", "-e", NODE]
        }
        "musl" => {
            fs::write(path("look.c"), C).unwrap();
            build("musl-gcc", &["-static", "-o", "musl", "look.c"], &[])?;
            &[&path("musl")]
        }
        "go" => {
            fs::write(path("look.go"), GO).unwrap();
            let variables = [("CGO_ENABLED", "0"), ("GO111MODULE", "off")];
            build("go", &["build", "-o", "go", "look.go"], &variables)?;
            &[&path("go")]
        }
        _ => {
            fs::write(path("Look.java"), JAVA).unwrap();
            build("javac", &["Look.java"], &[])?;
            &["java", "-cp", dir.to_str()?, "Look"]
        }
    };
    Some(command.iter().map(|part| (*part).to_owned()).collect())
}

/// An address of loopback that no other test run uses.
fn own_address() -> Ipv4Addr {
    let [_, _, high, low] = std::process::id().to_be_bytes();
    Ipv4Addr::new(127, 77, high, low)
}

/// A skipped test says why; where everything has to run, it fails.
fn skip(why: &str) {
    assert!(
        std::env::var("CI").as_deref() != Ok("true"),
        "not skipped under CI: {why}"
    );
    eprintln!("skipped: {why}");
}

#[test]
fn resolvers_of_real_programs_get_what_they_expect() {
    let dir = std::env::temp_dir().join(format!("guard-clients-{}", std::process::id()));
    fs::create_dir_all(&dir).unwrap();
    let Some(forwarder) = forward() else {
        return skip("port 53 of a loopback address takes root");
    };
    fs::write(dir.join("resolv.conf"), format!("nameserver {forwarder}\n")).unwrap();
    for client in ["glibc", "c-ares", "musl", "go", "java"] {
        let Some(command) = prepare(client, &dir) else {
            skip(&format!("{client}: its tools are not installed"));
            continue;
        };
        for (name, wanted) in [
            ("api.example", Some(vec!["192.0.2.10", "2001:db8::10"])),
            ("www.example", Some(vec!["192.0.2.11"])),
            ("many.example", Some(vec!["60"])),
            ("mail.example", None),
            ("home.example", None),
        ] {
            let start = Instant::now();
            let Some(found) = look(&dir, &command, name) else {
                return skip("a mount namespace takes root");
            };
            assert!(
                start.elapsed() < SOON,
                "{client} {name}: {:?}",
                start.elapsed()
            );
            let mut found: Option<Vec<_>> = found.map(|text| {
                // Java spells every group.
                let lines = text.lines().filter_map(|line| line.parse::<IpAddr>().ok());
                lines.map(|ip| ip.to_string()).collect()
            });
            if let Some(found) = &mut found {
                found.sort();
                found.dedup();
                // musl before 1.2.4 does without TCP, and with what fits.
                if found.len() == 60 || (client == "musl" && found.len() > 20) {
                    *found = vec!["60".to_owned()];
                }
            }
            let wanted: Option<Vec<_>> =
                wanted.map(|w| w.iter().map(ToString::to_string).collect());
            assert_eq!(found, wanted, "{client} {name}");
        }
    }
    fs::remove_dir_all(dir).unwrap();
}

/// A forwarder at port 53 of [`own_address`].
fn forward() -> Option<Ipv4Addr> {
    let (server, _asked) = serve();
    let variables = |name: &str| match name {
        "GUARD_MODE" => Some("enforce".to_owned()),
        "GUARD_EGRESS_ALLOW" => {
            Some("api.example,www.example,many.example,home.example".to_owned())
        }
        _ => None,
    };
    let policy = guard_core::Policy::from_vars(variables).unwrap();
    let image: &'static [u8] = policy.compile().leak();
    let rules = Rules::new(&policy, CompiledPolicy::from_bytes(image).unwrap());
    let address = SocketAddr::from((own_address(), 53));
    let udp = UdpSocket::bind(address).ok()?;
    let tcp = TcpListener::bind(address).ok()?;
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            udp.set_nonblocking(true).unwrap();
            tcp.set_nonblocking(true).unwrap();
            let port = Port {
                resolver: Resolver {
                    asked: address,
                    upstream: Some(server),
                },
                udp: tokio::net::UdpSocket::from_std(udp).unwrap(),
                tcp: tokio::net::TcpListener::from_std(tcp).unwrap(),
            };
            let forwarder = Forwarder { ports: vec![port] };
            let outside = Arc::new(Outside(Mutex::default()));
            forwarder.serve(rules, &Hosts::default(), outside);
            std::future::pending::<()>().await;
        });
    });
    Some(own_address())
}

/// Runs a client; what it prints, or nothing when it fails. Nothing at all without the right to
/// mount.
#[allow(clippy::option_option, reason = "who asks tells the two apart")]
fn look(dir: &Path, command: &[String], name: &str) -> Option<Option<String>> {
    const MOUNT: &str = "mount --bind \"$0\" /etc/resolv.conf || exit 99; exec timeout 30 \"$@\"";
    let conf: PathBuf = dir.join("resolv.conf");
    let done = Command::new("unshare")
        .args(["-m", "/bin/sh", "-c", MOUNT])
        .arg(conf)
        .args(command)
        .arg(name)
        .output()
        .ok()?;
    match done.status.code() {
        Some(0) => Some(Some(String::from_utf8_lossy(&done.stdout).into_owned())),
        Some(99) => None,
        _ => {
            eprintln!("{}", String::from_utf8_lossy(&done.stderr));
            Some(None)
        }
    }
}
