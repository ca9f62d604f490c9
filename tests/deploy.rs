//! The files of `deploy/`, each read by the public tool that knows its format. None needs an
//! account or a network once the tools are there; none shows that a deployment works.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use guard_tests::{Result, clients, skip};

/// A copy of `deploy/NAME` with what the file says lies beside it: the layer's zip and the function.
fn copy(name: &str) -> PathBuf {
    let folder = guard_tests::target().join("rig/deploy").join(name);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(folder.join("app")).expect("a folder");
    let from = guard_tests::root().join("deploy").join(name);
    for entry in std::fs::read_dir(from).expect("the files").flatten() {
        std::fs::copy(entry.path(), folder.join(entry.file_name())).expect("a copy");
    }
    let app = guard_tests::root().join("examples/python/app.py");
    std::fs::copy(&app, folder.join("app/app.py")).expect("the function");
    std::fs::copy(&app, folder.join("app.py")).expect("the function");
    // What is in it is not looked at: the layer's own tests do that.
    std::fs::write(folder.join("guard-x86_64.zip"), "the layer").expect("the layer's place");
    folder
}

/// The exit code and what was printed.
fn output(command: &mut Command) -> (Option<i32>, String) {
    let output = command.stdin(Stdio::null()).output().expect("a program");
    let text = [output.stdout, output.stderr].concat();
    (
        output.status.code(),
        String::from_utf8_lossy(&text).into_owned(),
    )
}

/// Runs a linter of Python's registry in `folder`.
fn lint(linters: &Path, folder: &Path, program: &str, arguments: &[&str]) -> (Option<i32>, String) {
    output(
        Command::new("python3")
            .arg(linters.join("bin").join(program))
            .args(arguments)
            .current_dir(folder)
            .env("PYTHONPATH", linters),
    )
}

fn linters(test: &str) -> Option<PathBuf> {
    ready(test, clients::linters())
}

fn ready<T>(test: &str, found: Result<T>) -> Option<T> {
    found.map_err(|reason| skip(test, &reason)).ok()
}

#[test]
fn the_sam_template() {
    let Some(linters) = linters("sam") else {
        return;
    };
    let folder = copy("sam");
    let (code, text) = lint(&linters, &folder, "cfn-lint", &["template.yaml"]);
    assert_eq!(code, Some(0), "{text}");
    // It would say so.
    let template = std::fs::read_to_string(folder.join("template.yaml")).expect("the template");
    let wrong = template.replace("MemorySize: 256", "MemorySize: lots");
    std::fs::write(folder.join("template.yaml"), wrong).expect("another template");
    let (code, text) = lint(&linters, &folder, "cfn-lint", &["template.yaml"]);
    assert!(code != Some(0) && text.contains("lots"), "{text}");
}

#[test]
fn the_cdk_program() {
    let Some(linters) = linters("cdk") else {
        return;
    };
    let Some(modules) = ready("cdk", clients::cdk()) else {
        return;
    };
    let folder = copy("cdk");
    std::os::unix::fs::symlink(modules, folder.join("node_modules")).expect("a link");
    let (code, text) = output(
        Command::new("node")
            .arg("guard.mjs")
            .current_dir(&folder)
            .env("CDK_OUTDIR", folder.join("cdk.out")),
    );
    assert_eq!(code, Some(0), "{text}");
    let path = "cdk.out/Orders.template.json";
    let template = std::fs::read_to_string(folder.join(path)).expect("a template");
    assert!(template.contains("/opt/guard/wrap"), "{template}");
    // W3005: a dependency that CDK writes twice.
    let (code, text) = lint(
        &linters,
        &folder,
        "cfn-lint",
        &["--ignore-checks", "W3005", "--", path],
    );
    assert_eq!(code, Some(0), "{text}");
}

#[test]
fn the_serverless_service() {
    let Some(modules) = ready("serverless", clients::serverless()) else {
        return;
    };
    let folder = copy("serverless");
    let print = || {
        output(
            Command::new("node")
                .arg(modules.join(".bin/osls"))
                .arg("print")
                .current_dir(&folder)
                .env("SLS_TELEMETRY_DISABLED", "1"),
        )
    };
    let (code, text) = print();
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("Ref: GuardLambdaLayer"), "{text}");
    let service = folder.join("serverless.yml");
    let right = std::fs::read_to_string(&service).expect("the service");
    std::fs::write(&service, right.replace("memorySize", "memorySizes")).expect("another");
    let (code, text) = print();
    assert!(code != Some(0) && text.contains("memorySizes"), "{text}");
}

#[test]
fn the_terraform_module() {
    /// The AWS provider's schema is in no registry at hand: names and values are compared here.
    const CHECK: &str = "
import hcl2, json, sys
text = json.dumps(hcl2.load(open(sys.argv[1])))
for part in ['aws_lambda_layer_version', '/opt/guard/wrap', 'GUARD_MODE', 'guard-x86_64.zip',
             '${aws_lambda_layer_version.guard.arn}']:
    if part not in text:
        sys.exit(part + ' is missing')
";
    let Some(linters) = linters("terraform") else {
        return;
    };
    let folder = copy("terraform");
    let (code, text) = output(
        Command::new("python3")
            .args(["-c", CHECK, "main.tf"])
            .current_dir(&folder)
            .env("PYTHONPATH", linters),
    );
    assert_eq!(code, Some(0), "{text}");
    if clients::needs("terraform", "terraform").is_ok() {
        let (code, text) = output(
            Command::new("terraform")
                .args(["fmt", "-check", "-diff", "main.tf"])
                .current_dir(&folder),
        );
        assert_eq!(code, Some(0), "{text}");
    }
}

#[test]
fn the_dockerfiles() {
    let Some(linters) = linters("dockerfiles") else {
        return;
    };
    for file in [
        "deploy/container/Dockerfile",
        "examples/container/Dockerfile",
    ] {
        let (code, text) =
            output(Command::new(linters.join("bin/hadolint")).arg(guard_tests::root().join(file)));
        assert_eq!(code, Some(0), "{text}");
    }
}
