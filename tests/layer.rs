//! The layer's zip files, as `make layer` left them: what is in them, and a function with one of them
//! attached, in Amazon's emulator and in a jail like standard Lambda's.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use guard_tests::demo;
use guard_tests::emulator::Emulator;
use guard_tests::function::{self, Profile};
use guard_tests::isolation::{Isolation, isolated};
use guard_tests::{clients, extension, fetch, layer, skip};

/// What the README promises.
const LARGEST: u64 = 3 << 20;

/// As Lambda names this machine's architecture.
fn native() -> &'static str {
    match std::env::consts::ARCH {
        "aarch64" => "arm64",
        other => other,
    }
}

/// Unpacks the layer to a folder of the test's own.
fn unpacked(test: &str, architecture: &str) -> Result<(PathBuf, u64), String> {
    let zip = layer::zip(architecture)?;
    let folder = guard_tests::target().join(format!("rig/layer-{test}-{architecture}"));
    let _ = fs::remove_dir_all(&folder);
    layer::unpack(&zip, &folder)?;
    let size = fs::metadata(&zip).map_err(|error| error.to_string())?.len();
    Ok((folder, size))
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path)
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
        .permissions()
        .mode()
        & 0o7777
}

#[test]
fn what_is_in_it() {
    for (architecture, machine) in [("x86_64", 62), ("arm64", 183)] {
        let (folder, size) = match unpacked("content", architecture) {
            Ok(unpacked) => unpacked,
            Err(reason) => {
                // Not every machine can build for the other one; `make layer` fails where it should.
                if architecture == native() {
                    skip("layer", &reason);
                } else {
                    eprintln!("layer {architecture}: not looked at: {reason}");
                }
                continue;
            }
        };
        assert!(size <= LARGEST, "{architecture}: {size} bytes");
        let program = folder.join("extensions/guard");
        assert_eq!(mode(&program), 0o755);
        assert_eq!(mode(&folder.join("guard/wrap")), 0o755);
        let bytes = fs::read(&program).expect("the program");
        // elf(5): e_machine.
        assert_eq!(bytes.get(18..20), Some(&[machine, 0][..]), "{architecture}");
        // Another checkout gives the same program.
        let root = guard_tests::root().display().to_string();
        let named = bytes
            .windows(root.len())
            .any(|window| window == root.as_bytes());
        assert!(!named, "{architecture}: names {root}");
        let emulated = architecture != native();
        if emulated && clients::needs("qemu-aarch64-static", "qemu-user-static").is_err() {
            skip(
                &format!("layer {architecture}"),
                "it runs on another machine",
            );
            continue;
        }
        let mut command = if emulated {
            let mut command = Command::new("qemu-aarch64-static");
            command.arg(&program);
            command
        } else {
            Command::new(&program)
        };
        let output = command
            .arg("--version")
            .env_clear()
            .output()
            .expect("it starts");
        let text = String::from_utf8_lossy(&output.stdout);
        assert_eq!(
            text,
            concat!("guard ", env!("CARGO_PKG_VERSION"), "\n"),
            "{architecture}"
        );
    }
}

#[test]
fn the_same_program_gives_the_same_bytes() {
    let (folder, zip) = match unpacked("same", native()) {
        Ok((folder, _)) => (folder, layer::zip(native()).expect("the zip")),
        Err(reason) => return skip("layer", &reason),
    };
    // The packer takes the process tier's parts from beside the program.
    for part in ["guard-loader", "libguard.so"] {
        let from = folder.join("guard").join(part);
        if from.exists() {
            fs::copy(from, folder.join("extensions").join(part)).expect("a copy");
        }
    }
    let again = guard_tests::target().join("rig/again.zip");
    layer::pack(&folder.join("extensions/guard"), &again).expect("packed");
    let (again, zip) = (fs::read(again), fs::read(zip));
    assert!(
        again.expect("the zip") == zip.expect("the zip"),
        "other bytes"
    );
}

#[test]
fn a_dynamic_program_is_refused() {
    let zip = guard_tests::target().join("rig/dynamic.zip");
    let sh = Path::new("/bin/sh");
    let error = layer::pack(sh, &zip).expect_err("sh is linked dynamically");
    assert!(error.contains("is linked dynamically"), "{error}");
}

/// The other architecture's program, emulated, in front of a function of this one: what it does with
/// events and answers, not how fast.
#[test]
fn the_arm64_program_serves_a_function() {
    const QEMU: &str = "qemu-aarch64-static";
    if std::env::var_os("TESTS_INSIDE").is_none() {
        let _ = fetch::EMULATOR.path();
        function::build("order-service", Profile::Debug).expect("the order service builds");
    }
    isolated(|isolation| {
        let test = "arm64";
        if native() == test {
            return;
        }
        if isolation == Isolation::Ports {
            return skip(test, "/opt is needed, and namespaces for it");
        }
        let needed = clients::needs(QEMU, "qemu-user-static")
            .and_then(|()| fetch::EMULATOR.path())
            .and_then(|_| unpacked("serves", test));
        let (folder, _) = match needed {
            Ok(unpacked) => unpacked,
            // As above.
            Err(reason) => return eprintln!("layer {test}: not run: {reason}"),
        };
        let service = function::program("order-service", Profile::Debug);
        let script = format!(
            "#!/bin/sh\nexec {QEMU} {} exec -- {}\n",
            folder.join("extensions/guard").display(),
            service.display()
        );
        let bootstrap = Path::new("/opt/bootstrap");
        fs::write(bootstrap, script).expect("a bootstrap");
        fs::set_permissions(bootstrap, fs::Permissions::from_mode(0o755)).expect("its mode");
        let enforce = [("GUARD_MODE", "enforce")];
        let mut plain = Emulator::start(isolation, &service, &[]).expect("it starts");
        let mut guarded = Emulator::start(isolation, bootstrap, &enforce).expect("it starts");
        let surprises = demo::surprises(&mut guarded, &mut plain).expect("answers");
        assert_eq!(surprises, [""; 0]);
    });
}

#[test]
fn a_function_with_the_packed_layer() {
    let prepared = || -> Result<(PathBuf, PathBuf), String> {
        fetch::EMULATOR.path()?;
        Ok((layer::zip(native())?, extension::python_client()?))
    };
    if std::env::var_os("TESTS_INSIDE").is_none() {
        let _ = prepared();
    }
    isolated(|isolation| {
        if isolation == Isolation::Ports {
            return skip("layer", "/opt is needed, and namespaces for it");
        }
        let zip = match prepared() {
            Ok((zip, _)) => zip,
            Err(reason) => return skip("layer", &reason),
        };
        let bootstrap = extension::python_bootstrap().expect("a bootstrap");
        layer::unpack(&zip, Path::new("/opt")).expect("the layer");
        let variables = [
            ("AWS_LAMBDA_EXEC_WRAPPER", "/opt/guard/wrap"),
            ("GUARD_MODE", "enforce"),
        ];
        let mut emulator =
            Emulator::start(isolation, &bootstrap, &variables).expect("the emulator starts");
        let mut invoke = |event: &str| {
            let answer = emulator.invoke(event.as_bytes()).expect("an answer");
            String::from_utf8_lossy(&answer.body).into_owned()
        };
        assert_eq!(invoke("{\"a\": 1}"), "{\"a\": 1}");
        let blocked = invoke("{\"q\": \"1 UNION SELECT password FROM users--\"}");
        assert!(blocked.contains("blocked by rule sql."), "{blocked}");
    });
}
