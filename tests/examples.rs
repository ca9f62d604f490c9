//! The examples in other languages, copied as a user would copy them, with and without the layer
//! under Amazon's emulator.
//!
//! Each holds `events/NAME.json` with what it answers in `expected/NAME.json`, and `events/hostile.json`.

use std::path::Path;

use guard_tests::emulator::Emulator;
use guard_tests::example::{Example, Variables, go, is_inside, java, node, python};
use guard_tests::isolation::{Isolation, isolated};
use guard_tests::{Result, extension, layer, skip};

const WRAPPER: (&str, &str) = ("AWS_LAMBDA_EXEC_WRAPPER", "/opt/guard/wrap");
const ENFORCE: (&str, &str) = ("GUARD_MODE", "enforce");

/// The answer to an event of the example.
fn send(emulator: &mut Emulator, example: &Example, event: &str) -> String {
    let bytes = example.read(&format!("events/{event}"));
    let response = emulator.invoke(bytes.as_bytes()).expect("an answer");
    String::from_utf8_lossy(&response.body).into_owned()
}

/// What holds for every example: without Guard and with it the same answers to benign events, the
/// hostile one blocked in `enforce` and reported in `monitor`.
fn run(isolation: Isolation, example: &Example, rule: &str) {
    let name = example.name;
    let readme = example.read("README.md");
    let mut plain = example.start(isolation, &[]);
    let benign = example.benign();
    assert!(!benign.is_empty(), "{name}: expected/ is empty");
    let before: Vec<String> = benign
        .iter()
        .map(|event| send(&mut plain, example, event))
        .collect();
    let unguarded = send(&mut plain, example, "hostile.json");
    assert!(!unguarded.contains("blocked by rule"), "{name}");
    assert!(!plain.output().contains("\"guard\":1"), "{name}");

    layer::attach().expect("the layer's files");
    let mut guarded = example.start(isolation, &[WRAPPER, ENFORCE]);
    let mut monitored = example.start(isolation, &[WRAPPER]);
    for (event, before) in benign.iter().zip(&before) {
        assert_eq!(
            send(&mut guarded, example, event),
            *before,
            "{name} {event}"
        );
        assert_eq!(
            send(&mut monitored, example, event),
            *before,
            "{name} {event}"
        );
        let expected = example.read(&format!("expected/{event}"));
        assert_eq!(*before, expected.trim_end(), "{name} {event}");
        assert!(
            readme.contains(expected.trim_end()),
            "{name}: README.md: {event}"
        );
    }
    let blocked = send(&mut guarded, example, "hostile.json");
    assert!(
        blocked.contains(&format!("blocked by rule {rule}")),
        "{name}: {blocked}"
    );
    // As the README shows it, but for the request's id.
    let id = blocked
        .split("(request ")
        .nth(1)
        .and_then(|rest| rest.split(')').next());
    let shown = blocked.replace(id.expect("a request id"), "7f3c");
    assert!(
        readme.contains(shown.trim_end()),
        "{name}: README.md: {shown}"
    );
    assert_eq!(
        send(&mut monitored, example, "hostile.json"),
        unguarded,
        "{name}"
    );
    // And on it goes.
    for (event, before) in benign.iter().zip(&before) {
        assert_eq!(
            send(&mut guarded, example, event),
            *before,
            "{name} {event}"
        );
    }

    let output = guarded.output();
    assert!(output.contains("\"verdict\":\"block\""), "{name}: {output}");
    assert!(!output.contains("wrapper"), "{name}: {output}");
    let output = monitored.output();
    assert!(
        output.contains("\"verdict\":\"report\"")
            && output.contains(&format!("\"rule\":\"{rule}\"")),
        "{name}: {output}"
    );
}

/// Runs `body` with the example, or says why not.
fn with(
    name: &'static str,
    prepare: fn(&Path) -> Result<Variables>,
    isolation: Isolation,
    body: impl FnOnce(&Example),
) {
    if isolation == Isolation::Ports {
        return skip(name, "/opt is needed, and namespaces for it");
    }
    match Example::new(name, prepare) {
        Ok(example) => body(&example),
        Err(reason) => skip(name, &reason),
    }
}

/// Fetches and builds outside the namespaces; a reason not to is given inside.
fn beforehand(name: &'static str, prepare: fn(&Path) -> Result<Variables>) {
    if !is_inside() {
        let _ = Example::new(name, prepare);
    }
}

/// The image's files where the Dockerfile puts them, and its entrypoint, command and variables as it
/// says: what a container runtime would start, without one.
fn container(folder: &Path) -> Result<Variables> {
    let client = extension::python_client()?;
    let file = std::fs::read_to_string(folder.join("Dockerfile"))
        .map_err(|error| format!("Dockerfile: {error}"))?;
    let words = |instruction: &str| -> Result<Vec<String>> {
        let line = file.lines().find_map(|line| line.strip_prefix(instruction));
        let line = line.ok_or_else(|| format!("Dockerfile: no {instruction}"))?;
        serde_json::from_str(line).map_err(|error| format!("Dockerfile: {instruction}: {error}"))
    };
    let mut command = words("ENTRYPOINT ")?;
    command.extend(words("CMD ")?);
    // The run without Guard is the same image without these lines.
    let (wrap, plain) = command
        .split_first()
        .ok_or("Dockerfile: empty ENTRYPOINT")?;
    if wrap != WRAPPER.1 {
        return Err(format!("Dockerfile: ENTRYPOINT begins with {wrap}"));
    }
    let text = format!(
        "#!/bin/sh\ncd {} && exec $AWS_LAMBDA_EXEC_WRAPPER {}\n",
        folder.display(),
        plain.join(" ")
    );
    let path = folder.join("run");
    std::fs::write(&path, text)
        .and_then(|()| {
            let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
            std::fs::set_permissions(&path, mode)
        })
        .map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(vec![("PYTHONPATH", client.display().to_string())])
}

#[test]
fn the_python_example() {
    beforehand("python", python);
    isolated(|isolation| {
        with("python", python, isolation, |example| {
            run(isolation, example, "sql.tautology");
        });
    });
}

#[test]
fn the_node_example() {
    beforehand("node", node);
    isolated(|isolation| {
        with("node", node, isolation, |example| {
            run(isolation, example, "prototype.member");
        });
    });
}

#[test]
fn the_go_example() {
    beforehand("go", go);
    isolated(|isolation| {
        with("go", go, isolation, |example| {
            run(isolation, example, "path.traversal");
        });
    });
}

#[test]
fn the_java_example() {
    beforehand("java", java);
    isolated(|isolation| {
        with("java", java, isolation, |example| {
            run(isolation, example, "jndi.lookup");
            // The clean order of the hostile batch is invoiced, the other one named.
            let partial = ("GUARD_ON_BLOCK", "partial");
            let mut emulator = example.start(isolation, &[WRAPPER, ENFORCE, partial]);
            assert_eq!(
                send(&mut emulator, example, "hostile.json"),
                "{\"batchItemFailures\":[{\"itemIdentifier\":\"059f36b4-87a3-44ab-83d2-661970000002\"}]}"
            );
            let output = emulator.output();
            assert!(
                output.contains("invoice: {\"customer\":\"Miriam O'Hara\""),
                "{output}"
            );
            assert!(!output.contains("invoice: {\"customer\":\"$"), "{output}");
        });
    });
}

#[test]
fn the_container_example() {
    beforehand("container", container);
    isolated(|isolation| {
        with("container", container, isolation, |example| {
            run(isolation, example, "log.header");
        });
    });
}
