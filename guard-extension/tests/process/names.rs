//! Names, in a network of the test's own: allowed ones work in every client, over raw TCP too;
//! denied ones do not exist, at once.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use crate::rig::{compiled, directory, guard, installed, skip, text};

/// What resolvers wait for before they ask again is five seconds.
const AT_ONCE: f64 = 4.0;

type Became = BTreeMap<String, (i32, String, f64)>;

/// Commands of every client for `host`, by client.
fn clients(host: &str) -> BTreeMap<String, Vec<String>> {
    let mut found = BTreeMap::new();
    let mut add = |client: &str, command: &[&str]| {
        let command = command.iter().map(|word| (*word).to_owned()).collect();
        found.insert(format!("{client} {host}"), command);
    };
    let dynamic = compiled("names", "cc", &[]);
    let r#static = compiled("names", "musl-gcc", &["-static"]);
    for (client, program) in [("glibc", dynamic), ("musl", r#static)] {
        if let Some(program) = program {
            add(client, &[&program, host, "8000"]);
        }
    }
    if let Some(python) = installed("python3") {
        let script = format!(
            "import asyncio\nasync def main():\n r, w = await asyncio.open_connection('{host}', 8000)\n \
             w.write(b'x'); print(await r.read())\nasyncio.run(main())"
        );
        add("asyncio", &[&python, "-c", &script]);
    }
    if let Some(node) = installed("node") {
        let fetch = format!(
            "require('http').get('http://{host}:8000/', r => r.pipe(process.stdout))\
             .on('error', e => {{ console.log(e.code); process.exit(1); }})"
        );
        add("node", &[&node, "-e", &fetch]);
        // c-ares looks the name up, and the connection is made to the address.
        let cares = format!(
            "require('dns').resolve4('{host}', (e, a) => {{ if (e) {{ console.log(e.code); process.exit(1); }}\
             require('net').connect(8000, a[0], () => {{ console.log('reached'); process.exit(0); }})\
             .on('error', e => {{ console.log(e.code); process.exit(1); }}); }})"
        );
        add("c-ares", &[&node, "-e", &cares]);
    }
    if let Some(bash) = installed("bash") {
        let script = format!("exec 3<>/dev/tcp/{host}/8000 && echo reached");
        add("bash", &[&bash, "-c", &script]);
    }
    if let Some(go) = go() {
        add("go", &[&go, &format!("{host}:8000")]);
    }
    found
}

/// A static program with a resolver of its own.
fn go() -> Option<String> {
    static PROGRAM: OnceLock<Option<String>> = OnceLock::new();
    PROGRAM.get_or_init(build_go).clone()
}

fn build_go() -> Option<String> {
    const SOURCE: &str = "package main\nimport (\"fmt\"; \"net\"; \"os\")\nfunc main() {\n\
        _, err := net.Dial(\"tcp\", os.Args[1])\n\
        if err != nil { fmt.Println(err); os.Exit(1) }\n fmt.Println(\"reached\")\n}\n";
    let go = installed("go")?;
    let dir = directory("names-go");
    fs::write(dir.join("dial.go"), SOURCE).unwrap();
    let built = Command::new(go)
        .args(["build", "-o", "dial", "dial.go"])
        .current_dir(&dir)
        .env("CGO_ENABLED", "0")
        .env("GO111MODULE", "off")
        .env("HOME", &dir)
        .status()
        .unwrap();
    assert!(built.success());
    Some(text(dir.join("dial")))
}

/// Runs commands in a network of their own; nothing where that cannot be made.
fn run(mode: &str, allow: &str, commands: &BTreeMap<String, Vec<String>>) -> Option<Became> {
    let can = Command::new("unshare").args(["-mn", "true"]).output();
    if !can.is_ok_and(|can| can.status.success()) {
        skip("namespaces for a network and mounts take root");
        return None;
    }
    let python = installed("python3")?;
    let dir = directory(&format!("names-{mode}-{}", allow.len()));
    fs::write(dir.join("resolv.conf"), "nameserver 127.0.0.53\n").unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/process/programs/names.py");
    let mut child = Command::new("unshare")
        .args(["-mn", &python])
        .arg(script)
        .arg(dir)
        .arg(guard())
        .args([mode, allow])
        .env("PATH", "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let input = serde_json::to_vec(commands).unwrap();
    child.stdin.take().unwrap().write_all(&input).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    Some(serde_json::from_slice(&output.stdout).unwrap())
}

/// The records of a run, which stand behind what clients wrote without a line's end.
fn records(output: &str) -> impl Iterator<Item = serde_json::Value> {
    output
        .lines()
        .filter_map(|line| line.get(line.find("{\"guard\"")?..))
        .filter_map(|line| serde_json::from_str(line).ok())
}

#[test]
fn allowed_names_work_in_every_client_and_denied_ones_do_not_exist() {
    let mut commands = clients("api.example");
    commands.extend(clients("other.example"));
    // In no name that is allowed; and an address that nobody looked up.
    commands.extend(clients("home.example").into_iter().take(1));
    let glibc = commands["glibc api.example"][0].clone();
    for address in ["192.0.2.10", "192.0.2.11"] {
        let command = vec![glibc.clone(), address.to_owned(), "8000".to_owned()];
        commands.insert(format!("address {address}"), command);
    }
    let Some(became) = run("enforce", "api.example:8000,home.example", &commands) else {
        return;
    };
    for (run, (code, output, seconds)) in &became {
        let is_allowed = run.ends_with(" api.example");
        assert_eq!(*code == 0, is_allowed, "{run}: {output}");
        assert!(is_allowed || *seconds < AT_ONCE, "{run}: {seconds} s");
        assert_eq!(
            output.contains("reached"),
            is_allowed || output.contains("not reached")
        );
        let denials: Vec<_> = records(output)
            .filter(|record| record["type"] == "denial")
            .collect();
        if is_allowed {
            // Nor is asking the kernel for a source address, as resolvers do, a denial.
            let of_names = denials.iter().filter(|denial| {
                denial["target"]
                    .as_str()
                    .is_some_and(|target| target.contains("example"))
            });
            assert_eq!(of_names.count(), 0, "{run}: {output}");
        } else {
            let entry = match run.rsplit(' ').next().unwrap() {
                "home.example" => "127.0.0.1",
                name @ "other.example" => name,
                address => &format!("{address}:8000"),
            };
            let names_it = |denial: &serde_json::Value| denial["allow"]["entry"] == *entry;
            assert!(denials.iter().any(names_it), "{run}: {output}");
        }
    }
}

#[test]
fn in_monitor_mode_all_names_work() {
    let Some(became) = run("monitor", "", &clients("other.example")) else {
        return;
    };
    for (run, (code, output, _)) in became {
        assert!(code == 0 && output.contains("reached"), "{run}: {output}");
        let would = |target: &str| {
            records(&output)
                .any(|record| record["verdict"] == "report" && record["allow"]["entry"] == *target)
        };
        assert!(
            would("other.example") && would("other.example:8000"),
            "{run}: {output}"
        );
        assert!(!would("udp:other.example:8000"), "{run}: {output}");
    }
}

/// Answers, over TCP, that an allowed name has another host's address, and connects there.
const OWN_RESOLVER: &str = r"
import socket, struct, sys, threading
place = (sys.argv[1], 53)
query = b'\x12\x34\x01\0\0\1\0\0\0\0\0\0\3api\7example\0\0\1\0\1'
server = socket.create_server(place)
print('bound', flush=True)
def framed(message): return struct.pack('>H', len(message)) + message
def serve():
    client, _ = server.accept()
    asked = client.recv(512)[2:]
    record = b'\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4' + socket.inet_aton('192.0.2.11')
    client.sendall(framed(asked[:2] + b'\x81\x80\0\1\0\1\0\0\0\0' + asked[12:29] + record))
threading.Thread(target=serve, daemon=True).start()
client = socket.create_connection(place, 4)
client.sendall(framed(query))
client.recv(512)
host = socket.create_connection(('192.0.2.11', 8000), 4)
host.sendall(b'x')
print(host.recv(512))
";

#[test]
fn a_program_gives_no_answers_in_a_resolvers_place() {
    let Some(python) = installed("python3") else {
        return;
    };
    let commands: BTreeMap<String, Vec<String>> = ["127.0.0.53", "127.0.0.54"]
        .map(|place| {
            let command = [&python, "-c", OWN_RESOLVER, place].map(str::to_owned);
            (place.to_owned(), command.to_vec())
        })
        .into();
    for mode in ["monitor", "enforce"] {
        let Some(became) = run(mode, "api.example:8000", &commands) else {
            return;
        };
        for (place, (code, output, _)) in became {
            let is_resolvers = place == "127.0.0.53";
            let is_refused = is_resolvers && mode == "enforce";
            assert_eq!(output.contains("bound"), !is_refused, "{place}: {output}");
            let works = mode == "monitor";
            assert_eq!(code == 0 && output.contains("reached"), works, "{output}");
            let is_told = records(&output)
                .any(|record| record["rule"] == "process.denied" && record["target"] == "bind");
            assert_eq!(is_told, is_resolvers, "{place}: {output}");
        }
    }
}
