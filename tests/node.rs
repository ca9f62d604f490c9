//! AWS's Node.js client with the layer, in a function that streams its response.

use std::path::{Path, PathBuf};

use guard_tests::emulator::Emulator;
use guard_tests::isolation::{Isolation, isolated};
use guard_tests::{Result, clients, extension, fetch, layer, skip};
use serde_json::{Value, json};

const SECRET: &str = "correct-horse-battery";
const WRAPPER: (&str, &str) = ("AWS_LAMBDA_EXEC_WRAPPER", "/opt/guard/wrap");

fn prepared() -> Result<PathBuf> {
    fetch::EMULATOR.path()?;
    clients::node_modules()
}

/// A bootstrap that starts the function as AWS's own does.
fn bootstrap(modules: &Path) -> PathBuf {
    let function = guard_tests::root().join("tests/extension");
    let text = format!(
        "#!/bin/sh\ncd {} && exec $AWS_LAMBDA_EXEC_WRAPPER node \
         {}/aws-lambda-ric/bin/index.mjs stream.handler\n",
        function.display(),
        modules.display()
    );
    let path = PathBuf::from("/opt/bootstrap-stream");
    std::fs::write(&path, text).expect("a bootstrap");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&path, mode).expect("its mode");
    path
}

fn invoke(emulator: &mut Emulator, event: &Value) -> String {
    let response = emulator
        .invoke(event.to_string().as_bytes())
        .expect("an answer");
    String::from_utf8_lossy(&response.body).into_owned()
}

#[test]
fn a_streamed_response_arrives_as_it_was_sent() {
    if std::env::var_os("TESTS_INSIDE").is_none() {
        extension::build().expect("the extension builds");
        // A reason not to have it is given below.
        let _ = prepared();
    }
    isolated(|isolation| {
        if isolation == Isolation::Ports {
            return skip("node", "/opt is needed, and namespaces for it");
        }
        let modules = match prepared() {
            Ok(modules) => modules,
            Err(reason) => return skip("node", &reason),
        };
        let bootstrap = bootstrap(&modules);
        let start = |variables: &[(&str, &str)]| {
            let mut all = vec![("DB_PASSWORD", SECRET)];
            all.extend_from_slice(variables);
            Emulator::start(isolation, &bootstrap, &all).expect("the emulator starts")
        };
        let events = [
            json!({ "chunks": 1 }),
            json!({ "chunks": 0 }),
            json!({ "chunks": 300 }),
            // The most that the emulator takes, of streams as well.
            json!({ "chunks": 520 }),
            // 20 MB, which Lambda would take: here an error, and the function goes on.
            json!({ "chunks": 1700 }),
        ];
        let mut plain = start(&[]);
        let before: Vec<String> = events
            .iter()
            .map(|event| invoke(&mut plain, event))
            .collect();
        assert!(before.iter().any(|text| text.len() > 6_200_000));
        assert!(
            before
                .iter()
                .any(|text| text.contains("ResponseSizeTooLarge"))
        );
        let leaking = json!({ "chunks": 2, "leak": true });
        assert!(invoke(&mut plain, &leaking).contains(SECRET));

        layer::attach().expect("the layer's files");
        let mut guarded = start(&[WRAPPER, ("GUARD_MODE", "enforce")]);
        for (event, before) in events.iter().zip(&before) {
            assert!(invoke(&mut guarded, event) == *before, "{event}");
        }
        let attack = json!({ "q": "1 UNION SELECT password FROM users--" });
        let blocked = invoke(&mut guarded, &attack);
        assert!(blocked.contains("blocked by rule sql."), "{blocked}");
        // The name is in two chunks, and the second one does not leave.
        let got = guarded.invoke(leaking.to_string().as_bytes());
        let got = got.map_or_else(
            |error| error,
            |response| String::from_utf8_lossy(&response.body).into_owned(),
        );
        assert!(!got.contains(SECRET), "{:.200}", got);
        assert!(guarded.output().contains("\"rule\":\"secret.leak\""));
        assert!(!guarded.output().contains("HANDLED {\"q\""));
        // And on it goes.
        assert!(
            events
                .first()
                .is_some_and(|event| { before.first() == Some(&invoke(&mut guarded, event)) })
        );
    });
}
