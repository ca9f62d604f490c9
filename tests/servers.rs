//! Real PostgreSQL and Redis servers, allowed and denied by name at the process tier, with the
//! clients that functions use; and AWS's services, as moto imitates them, by an `aws:` entry.
//!
//! Both names lead to the same servers: only the policy tells them apart.

use std::fs::Permissions;
use std::net::Ipv4Addr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use guard_tests::client::{self, Client, Folder, Outcome};
use guard_tests::emulator::Emulator;
use guard_tests::example::is_inside;
use guard_tests::http::Connection;
use guard_tests::isolation::{Isolation, isolated};
use guard_tests::process::Process;
use guard_tests::servers::{self, HOSTS, PORTS, Servers};
use guard_tests::{Result, clients, extension, fetch, layer, skip, target};
use serde_json::Value;

#[test]
fn postgresql_and_redis_by_name() {
    // Outside, where there is a network.
    let modules = clients::databases();
    let modules = modules.map(text);
    isolated(|isolation| {
        if isolation == Isolation::Ports || !rustix::process::geteuid().is_root() {
            return skip("servers", "namespaces and root are needed");
        }
        let _servers = match Servers::start() {
            Ok(servers) => servers,
            Err(reason) => return skip("servers", &reason),
        };
        let mut failures = Vec::new();
        for (operation, port) in ["postgresql", "redis"].into_iter().zip(PORTS) {
            let clients = client::read(operation).expect("the clients can be read");
            for client in &clients {
                let what = format!("{operation}: {}", client.name);
                if let Some(missing) = client.missing() {
                    skip(&what, &format!("there is no {missing}"));
                    continue;
                }
                let modules = match (&modules, client.run.iter().any(|w| w.contains("{modules}"))) {
                    (Err(reason), true) => {
                        skip(&what, reason);
                        continue;
                    }
                    (modules, _) => modules.as_deref().unwrap_or_default(),
                };
                let told = match one(operation, client, port, modules) {
                    Ok(complaints) => complaints,
                    Err(error) => vec![error],
                };
                eprintln!("{what}: {} complaints", told.len());
                failures.extend(told.into_iter().map(|told| format!("{what}: {told}")));
            }
        }
        assert!(failures.is_empty(), "{}", failures.join("\n"));
    });
}

/// The names of two services, and moto behind both.
const SERVICES: [(&str, Ipv4Addr); 2] = [
    ("sqs.us-east-1.amazonaws.com", Ipv4Addr::new(192, 0, 2, 20)),
    ("sns.us-east-1.amazonaws.com", Ipv4Addr::new(192, 0, 2, 20)),
];

/// Stores something at the service that the event names, and answers with what that says.
const FUNCTION: &str = r#"
import boto3, botocore.config, botocore.exceptions

def handler(event, context):
    name = event["service"]
    client = boto3.client(
        name,
        endpoint_url=f"http://{name}.us-east-1.amazonaws.com:443",
        config=botocore.config.Config(retries={"max_attempts": 0}, connect_timeout=5),
    )
    try:
        if name == "sqs":
            url = client.create_queue(QueueName="orders")["QueueUrl"]
            return url.rsplit("/", 1)[1]
        return client.create_topic(Name="orders")["TopicArn"]
    except botocore.exceptions.EndpointConnectionError as error:
        return {"error": type(error).__name__}
"#;

#[test]
fn boto3_reaches_the_services_that_an_entry_allows() {
    let packages = clients::moto().and_then(|packages| Ok((packages, extension::python_client()?)));
    if !is_inside() {
        let _ = fetch::EMULATOR.path();
        extension::build().expect("the extension builds");
    }
    isolated(|isolation| {
        if isolation == Isolation::Ports || !rustix::process::geteuid().is_root() {
            return skip("boto3", "namespaces and root are needed");
        }
        let emulator = fetch::EMULATOR.path();
        let (packages, client) = match emulator.and(packages) {
            Ok((packages, client)) => (text(packages), text(client)),
            Err(reason) => return skip("boto3", &reason),
        };
        servers::network(&SERVICES).expect("names and addresses");
        let mut command = Command::new("python3");
        let address = SERVICES[0].1.to_string();
        command
            .args(["-m", "moto.server", "-H", &address, "-p", "443"])
            .env("PYTHONPATH", &packages);
        let moto = Process::start("moto", command).expect("moto starts");
        Connection::wait((SERVICES[0].1, 443).into(), Duration::from_secs(30))
            .unwrap_or_else(|error| panic!("{error}: {}", moto.last_words()));

        std::fs::write("/opt/app.py", FUNCTION).expect("a function");
        let run = Path::new("/opt/run");
        let python = clients::python_folder().expect("Python").join("python3");
        let script = format!(
            "#!/bin/sh\nexec $AWS_LAMBDA_EXEC_WRAPPER {} -m awslambdaric app.handler\n",
            python.display()
        );
        std::fs::write(run, script).expect("a bootstrap");
        std::fs::set_permissions(run, Permissions::from_mode(0o755)).expect("its mode");
        layer::attach().expect("the layer's files");
        let path = format!("/opt:{client}:{packages}");
        for mode in ["enforce", "monitor"] {
            let variables = [
                ("PYTHONPATH", path.as_str()),
                ("AWS_REGION", "us-east-1"),
                ("AWS_DEFAULT_REGION", "us-east-1"),
                ("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE"),
                ("AWS_SECRET_ACCESS_KEY", "example"),
                ("AWS_LAMBDA_EXEC_WRAPPER", "/opt/guard/wrap"),
                ("GUARD_EGRESS_ALLOW", "aws:sqs"),
                ("GUARD_REQUIRE", "process"),
                ("GUARD_MODE", mode),
            ];
            let mut function = Emulator::start(isolation, run, &variables).expect("it starts");
            let mut ask = |service: &str| {
                let event = format!("{{\"service\":\"{service}\"}}");
                let answer = function.invoke(event.as_bytes()).expect("an answer");
                String::from_utf8_lossy(&answer.body).into_owned()
            };
            let (allowed, denied) = (ask("sqs"), ask("sns"));
            let output = function.output();
            assert_eq!(allowed, "\"orders\"", "{mode}: {output}");
            let verdict = if mode == "enforce" {
                assert!(denied.contains("EndpointConnectionError"), "{denied}");
                "block"
            } else {
                assert!(denied.contains(":orders"), "{denied}: {output}");
                "report"
            };
            let entry = denials(&output)
                .into_iter()
                .find(|(told, entry)| told == verdict && entry == SERVICES[1].0);
            assert!(entry.is_some(), "{mode}: {output}");
        }
    });
}

/// What is wrong with one client's runs.
fn one(operation: &str, client: &Client, port: u16, modules: &str) -> Result<Vec<String>> {
    let folder = Folder::new(operation, &client.name)?;
    client.prepare(&folder)?;
    let [(allowed, _), (denied, address)] = HOSTS;
    let allow = PORTS.map(|port| format!("{allowed}:{port}")).join(",");
    let run = |host: &str, mode: Option<&str>| -> Result<Outcome> {
        let values = [("host", host.to_owned()), ("modules", modules.to_owned())];
        let Some(mode) = mode else {
            return client.run(&folder, &[], &values, &[]);
        };
        let settings = [
            ("GUARD_EGRESS_ALLOW", allow.clone()),
            ("GUARD_MODE", mode.to_owned()),
            ("GUARD_REQUIRE", "process".to_owned()),
            ("GUARD_TIER", "process".to_owned()),
        ];
        let guard = [text(guard()), "exec".to_owned(), "--".to_owned()];
        client.run(&folder, &guard, &values, &settings)
    };
    run(denied, None)?.is_honest()?;
    let mut complaints = Vec::new();
    let mut check = |what: &str, outcome: &Outcome, right: bool| {
        if !right {
            complaints.push(format!("{what}: {}", outcome.last_words()));
        }
    };
    for mode in ["enforce", "monitor"] {
        let outcome = run(allowed, Some(mode))?;
        let right = outcome.worked() && outcome.ended;
        check(&format!("allowed, {mode}: does not work"), &outcome, right);
        let quiet = entries(&outcome).is_empty();
        check(&format!("allowed, {mode}: recorded"), &outcome, quiet);
    }
    // By its name it does not exist; by its address it is there, and refuses.
    let address = address.to_string();
    let hosts = [
        (denied, denied.to_owned()),
        (&address, format!("{address}:{port}")),
    ];
    for (host, entry) in hosts {
        let outcome = run(host, Some("enforce"))?;
        let told = |verdict: &str, outcome: &Outcome| {
            let wanted = (verdict.to_owned(), entry.clone());
            entries(outcome).contains(&wanted)
        };
        check(&format!("{host}: works"), &outcome, !outcome.worked());
        check(&format!("{host}: does not end"), &outcome, outcome.ended);
        let right = told("block", &outcome);
        check(&format!("{host}: no record of {entry}"), &outcome, right);
        let right = is_refusal(&outcome.output);
        check(&format!("{host}: another error"), &outcome, right);
        let watched = run(host, Some("monitor"))?;
        let right = watched.worked() && watched.ended;
        check(&format!("{host}: watched, does not work"), &watched, right);
        let right = told("report", &watched) && !told("block", &watched);
        check(&format!("{host}: watched, no record"), &watched, right);
    }
    Ok(complaints)
}

/// What programs say of a port where nobody listens, and of a name that nobody has.
fn is_refusal(output: &str) -> bool {
    let mut lines = output
        .lines()
        .filter(|line| !line.contains("{\"guard\":1,"));
    lines.any(|line| {
        [
            "refused",
            "ECONNREFUSED",
            "ENOTFOUND",
            "not known",
            "no such host",
            "bad address",
        ]
        .iter()
        .any(|words| line.contains(words))
    })
}

/// The denials that Guard recorded: verdict, and the entry that would allow it.
fn entries(outcome: &Outcome) -> Vec<(String, String)> {
    denials(&outcome.output)
}

fn denials(output: &str) -> Vec<(String, String)> {
    let records = output
        .lines()
        .filter_map(|line| line.get(line.find("{\"guard\":1,")?..))
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|record| record["type"] == "denial" && record["rule"] == "egress.denied");
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    records
        .map(|record| (word(&record["verdict"]), word(&record["allow"]["entry"])))
        .collect()
}

fn text(path: PathBuf) -> String {
    path.to_string_lossy().into_owned()
}

/// The command under test, beside this test's own program.
fn guard() -> PathBuf {
    let profile = if cfg!(debug_assertions) {
        "debug"
    } else {
        "release"
    };
    target().join(profile).join("guard")
}
