//! Inside a jail modelled on public reports about standard Lambda (prctl(2) refused, no Landlock,
//! foreign architectures killed): the probe's answers, and functions in several languages with the
//! layer, in the process tier.
//!
//! The jail's source lies beside the repository. It imitates reports, not AWS.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use guard_tests::demo::{self, Outcome};
use guard_tests::emulator::Emulator;
use guard_tests::example::{self, Example, Variables, is_inside};
use guard_tests::function::{self, Profile};
use guard_tests::isolation::{Isolation, isolated};
use guard_tests::jail::{hand_over, prepared};
use guard_tests::{Result, clients, extension, fetch, layer, skip};
use rustix::mount::mount_bind;
use serde_json::Value;

fn build() {
    if !is_inside() {
        let _ = fetch::EMULATOR.path();
        extension::build().expect("the extension builds");
        function::build("order-service", Profile::Debug).expect("the order service builds");
    }
}

#[test]
fn a_probe_says_what_the_jail_allows() {
    build();
    isolated(|isolation| {
        let Some(jail) = prepared("probe in the jail", isolation) else {
            return;
        };
        layer::attach().expect("the layer's files");
        // By the path at which a function finds it.
        let output = Command::new(jail)
            .args(["/opt/extensions/guard", "probe", "--json"])
            .env("J_SECCOMP", "1")
            .output()
            .expect("it runs");
        let report: Value = serde_json::from_slice(&output.stdout).expect("a report");
        let works = |name: &str| {
            let probes = report["probes"].as_array().into_iter().flatten();
            probes
                .filter(|probe| probe["name"] == name)
                .any(|probe| probe["works"] == true)
        };
        for name in [
            "Landlock",
            "no_new_privs",
            "seccomp filter",
            "seccomp notification",
        ] {
            assert!(!works(name), "{name}: {report}");
        }
        for name in ["memfd_create", "own text through /proc/self/mem"] {
            assert!(works(name), "{name}: {report}");
        }
        let allowed = |tier: usize| report["tiers"][tier]["allowed"] == true;
        assert!(!allowed(0) && allowed(2), "{report}");
    });
}

#[test]
fn a_function_with_the_layer_runs_in_the_jail() {
    build();
    isolated(|isolation| {
        let Some(jail) = prepared("a function in the jail", isolation) else {
            return;
        };
        let emulator = match fetch::EMULATOR.path() {
            Ok(emulator) => hand_over(&emulator, "aws-lambda-rie"),
            Err(reason) => return skip("a function in the jail", &reason),
        };
        let service = function::program("order-service", Profile::Debug);
        let service = hand_over(&service, "order-service");
        // As the bootstrap of a provided.* function does it.
        let bootstrap = Path::new("/opt/bootstrap");
        let script = format!("#!/bin/sh\nexec $WRAP {}\n", service.display());
        std::fs::write(bootstrap, script).expect("a bootstrap");
        std::fs::set_permissions(bootstrap, std::fs::Permissions::from_mode(0o755)).expect("mode");
        make_tmp();
        let start = |variables: &[(&str, &str)]| {
            let mut command = Command::new(&jail);
            command.arg(&emulator);
            let mut all = vec![("TMPDIR", "/opt/tmp")];
            all.extend_from_slice(variables);
            let variables = &all[..];
            Emulator::start_by(command, isolation, bootstrap, variables).expect("it starts")
        };
        let events = demo::events().expect("the demo's events");
        let (hostile, benign): (Vec<_>, Vec<_>) =
            events.iter().partition(|event| event.attack.is_some());
        let mut plain = start(&[]);
        let before = benign.iter().map(|event| {
            let (outcome, answer) = event.send(&mut plain).expect("an answer");
            assert!(
                matches!(outcome, Outcome::Done(_)),
                "{}: {outcome:?} {}",
                event.name,
                plain.output()
            );
            answer
        });
        let before: Vec<_> = before.collect();

        layer::attach().expect("the layer's files");
        let mut guarded = start(&[("WRAP", "/opt/guard/wrap"), ("GUARD_MODE", "enforce")]);
        for (event, before) in benign.iter().zip(&before) {
            let (_, answer) = event.send(&mut guarded).expect("an answer");
            assert_eq!(answer, *before, "{}: {}", event.trigger, event.name);
        }
        for event in hostile {
            let (outcome, _) = event.send(&mut guarded).expect("an answer");
            assert!(
                matches!(outcome, Outcome::Blocked(_)),
                "{}: {}: {outcome:?}",
                event.trigger,
                event.name
            );
        }
        let output = guarded.output();
        assert!(output.contains("\"verdict\":\"block\""));
        assert_eq!(status(&output)["tier"], "process", "{output}");
    });
}

/// A function of another language in the jail.
struct InJail {
    isolation: Isolation,
    jail: PathBuf,
    emulator: PathBuf,
    example: Example,
}

/// In the machine's `/tmp` another user's files may have the names.
fn make_tmp() {
    let tmp = Path::new("/opt/tmp");
    std::fs::create_dir(tmp).expect("a folder");
    std::fs::set_permissions(tmp, std::fs::Permissions::from_mode(0o1777)).expect("mode");
}

/// Shows the folder `from` to the other user as `/opt/NAME`.
fn show(from: &Path, name: &str) -> Result<()> {
    let to = Path::new("/opt").join(name);
    std::fs::create_dir(&to)
        .and_then(|()| mount_bind(from, &to).map_err(Into::into))
        .map_err(|error| format!("{}: {error}", to.display()))
}

/// Python itself, which not every machine has where another user can read it, and AWS's client.
fn show_python() -> Result<Variables> {
    let python = clients::python_folder()?;
    show(python.parent().unwrap_or(&python), "python")?;
    show(&extension::python_client()?, "client")?;
    Ok(vec![
        ("PATH", "/opt/python/bin:/usr/bin:/bin".to_owned()),
        ("PYTHONHOME", "/opt/python".to_owned()),
        ("PYTHONPATH", "/opt/client".to_owned()),
        ("PYTHONDONTWRITEBYTECODE", "1".to_owned()),
    ])
}

/// AWS's client where the copy finds it.
fn show_node() -> Result<Variables> {
    show(&clients::node_modules()?, "modules")?;
    let link = Path::new("/opt/task/node_modules");
    std::fs::remove_file(link)
        .and_then(|()| std::os::unix::fs::symlink("/opt/modules", link))
        .map_err(|error| format!("{}: {error}", link.display()))?;
    Ok(Variables::new())
}

/// A program that needs nothing beside itself, or what every machine has in `/usr`.
fn show_nothing() -> Result<Variables> {
    Ok(Variables::new())
}

impl InJail {
    /// Puts the example in place as `/opt/task`, and with `show` what it runs on.
    fn new(
        isolation: Isolation,
        jail: PathBuf,
        mut example: Example,
        show: fn() -> Result<Variables>,
    ) -> Result<Self> {
        let emulator = hand_over(&fetch::EMULATOR.path()?, "aws-lambda-rie");
        layer::run(
            Command::new("cp")
                .arg("-a")
                .arg(&example.folder)
                .arg("/opt/task"),
        )?;
        layer::run(Command::new("chmod").args(["-R", "a+rX", "/opt/task"]))?;
        let variables = show()?;
        example
            .variables
            .retain(|(name, _)| !variables.iter().any(|(other, _)| name == other));
        example.variables.extend(variables);
        make_tmp();
        Ok(Self {
            isolation,
            jail,
            emulator,
            example,
        })
    }

    fn start(&self, variables: &[(&str, &str)]) -> Emulator {
        let mut command = Command::new(&self.jail);
        command.arg(&self.emulator);
        // The jail's own setting: seccomp(2) is refused, too.
        let mut all = vec![("J_SECCOMP", "1"), ("TMPDIR", "/opt/tmp")];
        let own = self.example.variables.iter();
        all.extend(own.map(|(name, value)| (*name, value.as_str())));
        all.extend_from_slice(variables);
        let bootstrap = Path::new("/opt/task/run");
        Emulator::start_by(command, self.isolation, bootstrap, &all).expect("it starts")
    }
}

/// What the guard said of itself at INIT.
fn status(output: &str) -> Value {
    let lines = output
        .lines()
        .filter_map(|line| line.find('{').and_then(|at| line.get(at..)));
    lines
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .find(|record| record["type"] == "status")
        .unwrap_or_else(|| panic!("no status record: {output}"))
}

/// The same answer to `event` as without Guard, the hostile event blocked by `rule`, and the answer
/// withheld where a variable of the function holds `secret`, a part of it; in the process tier.
fn in_the_jail(function: &InJail, event: &str, rule: &str, secret: &str) {
    let name = function.example.name;
    let benign = function.example.read(&format!("events/{event}"));
    let hostile = function.example.read("events/hostile.json");
    let before = function
        .start(&[])
        .invoke(benign.as_bytes())
        .expect("an answer");
    let text = String::from_utf8_lossy(&before.body);
    let expected = function.example.read(&format!("expected/{event}"));
    assert_eq!(text, expected.trim_end(), "{name}");
    assert!(text.contains(secret), "{name}: {text}");

    layer::attach().expect("the layer's files");
    let wrapper = ("AWS_LAMBDA_EXEC_WRAPPER", "/opt/guard/wrap");
    // Without the tier this is an error of INIT.
    let required = ("GUARD_REQUIRE", "process");
    let enforce = [wrapper, ("GUARD_MODE", "enforce"), required];
    let mut guarded = function.start(&enforce);
    let answer = guarded.invoke(benign.as_bytes()).expect("an answer");
    assert_eq!(answer, before, "{name}: {}", guarded.output());
    let blocked = guarded.invoke(hostile.as_bytes()).expect("an answer");
    let blocked = String::from_utf8_lossy(&blocked.body).into_owned();
    assert!(
        blocked.contains(&format!("blocked by rule {rule}")),
        "{name}: {blocked}"
    );
    assert_eq!(
        guarded.invoke(benign.as_bytes()).expect("an answer"),
        before,
        "{name}"
    );
    let output = guarded.output();
    assert!(output.contains("\"verdict\":\"block\""), "{name}: {output}");
    let status = status(&output);
    assert_eq!(status["tier"], "process", "{name}: {status}");
    drop(guarded);

    let mut variables = enforce.to_vec();
    variables.push(("DB_PASSWORD", secret));
    let mut keeping = function.start(&variables);
    let withheld = keeping.invoke(benign.as_bytes()).expect("an answer");
    let withheld = String::from_utf8_lossy(&withheld.body).into_owned();
    assert!(
        withheld.contains("Guard.Withheld") && !withheld.contains(secret),
        "{name}: {withheld}"
    );
    assert!(
        keeping.output().contains("\"rule\":\"secret.leak\""),
        "{name}"
    );
}

/// The example, in place; `None`, said why, where it cannot run.
fn example_in_the_jail(
    isolation: Isolation,
    name: &'static str,
    prepare: fn(&Path) -> Result<Variables>,
    show: fn() -> Result<Variables>,
) -> Option<InJail> {
    let jail = prepared(&format!("{name} in the jail"), isolation)?;
    let function =
        Example::new(name, prepare).and_then(|example| InJail::new(isolation, jail, example, show));
    match function {
        Ok(function) => Some(function),
        Err(reason) => {
            skip(name, &reason);
            None
        }
    }
}

/// Fetches and builds outside the namespaces; a reason not to is given inside.
fn beforehand(name: &'static str, prepare: fn(&Path) -> Result<Variables>) {
    if !is_inside() {
        build();
        let _ = Example::new(name, prepare);
    }
}

#[test]
fn the_python_example_runs_in_the_jail() {
    beforehand("python", example::python);
    isolated(|isolation| {
        if let Some(function) =
            example_in_the_jail(isolation, "python", example::python, show_python)
        {
            in_the_jail(
                &function,
                "place.json",
                "sql.tautology",
                "espresso cups & saucers",
            );
        }
    });
}

#[test]
fn the_node_example_runs_in_the_jail() {
    beforehand("node", example::node);
    isolated(|isolation| {
        if let Some(function) = example_in_the_jail(isolation, "node", example::node, show_node) {
            in_the_jail(
                &function,
                "failed.json",
                "prototype.member",
                "abgelaufen (10/25)",
            );
        }
    });
}

#[test]
fn the_go_example_runs_in_the_jail() {
    beforehand("go", example::go);
    isolated(|isolation| {
        if let Some(function) = example_in_the_jail(isolation, "go", example::go, show_nothing) {
            in_the_jail(
                &function,
                "link.json",
                "path.traversal",
                "c67bfb816a23a2af8d8a48c0ed55ead1",
            );
        }
    });
}

#[test]
fn the_java_example_runs_in_the_jail() {
    beforehand("java", example::java);
    isolated(|isolation| {
        if let Some(function) = example_in_the_jail(isolation, "java", example::java, show_nothing)
        {
            in_the_jail(
                &function,
                "orders.json",
                "jndi.lookup",
                "059f36b4-87a3-44ab-83d2-661970000002",
            );
        }
    });
}
