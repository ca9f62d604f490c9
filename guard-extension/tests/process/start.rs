//! What happens at the start and the end: found or not, counted, learned.

use std::process::Command;

use crate::rig::{Ran, compiled, directory, guard, guarded, plain, probe, skip, text};

#[test]
fn the_status_names_the_tier_and_every_program_its_sites() {
    let ran = guarded(&[], &["/bin/sh", "-c", "/bin/true; /bin/true; :"]);
    assert!(ran.worked(), "{ran:?}");
    let status = ran.of("status").next().unwrap();
    assert_eq!(status["tier"], "process");
    let process = ran.of("process").last().unwrap();
    let programs = process["programs"].as_array().unwrap();
    let counts = programs
        .iter()
        .map(|program| program["count"].as_u64().unwrap());
    assert_eq!(counts.sum::<u64>(), 3, "{process}");
    for program in programs {
        let number = |name: &str| program[name].as_u64().unwrap();
        assert_eq!(
            number("found"),
            number("patched") + number("left") + number("open")
        );
        assert_eq!(number("open"), 0, "{program}");
        assert!(number("patched") > 10, "{program}");
    }
}

#[test]
fn a_lower_tier_can_be_asked_for_and_a_higher_one_is_missed() {
    let run = |name: &str, value: &str| {
        Command::new(guard())
            .args(["exec", "--", "/bin/true"])
            .env("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:1")
            .env(name, value)
            .output()
            .unwrap()
    };
    let ran = run("GUARD_TIER", "observer");
    let text = String::from_utf8_lossy(&ran.stdout).into_owned();
    assert!(
        text.contains("\"tier\":\"observer\"") && text.contains("GUARD_TIER"),
        "{text}"
    );
    let ran = run("GUARD_REQUIRE", "kernel");
    assert_eq!(ran.status.code(), Some(69));
}

#[test]
fn a_loader_that_cannot_be_started_is_a_missing_tier() {
    let home = directory("broken-home");
    for name in ["guard", "libguard.so", "guard-loader"] {
        std::fs::copy(guard().with_file_name(name), home.join(name)).unwrap();
    }
    std::fs::write(home.join("guard-loader"), "no program").unwrap();
    let run = |require: &str| {
        Command::new(home.join("guard"))
            .args(["exec", "--", "/bin/true"])
            .env("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:1")
            .env("GUARD_REQUIRE", require)
            .output()
    };
    // A test beside this one may just have forked, and hold the copy open for writing until it
    // becomes another program.
    let run = |require: &str| {
        for _ in 0..500 {
            match run(require) {
                Err(error) if error.kind() == std::io::ErrorKind::ExecutableFileBusy => {
                    std::thread::sleep(std::time::Duration::from_millis(10));
                }
                ran => return ran.unwrap(),
            }
        }
        panic!("busy for five seconds")
    };
    let ran = run("process");
    assert_eq!(ran.status.code(), Some(69), "{ran:?}");
    let ran = run("none");
    let text = String::from_utf8_lossy(&ran.stdout).into_owned();
    assert!(
        ran.status.success() && text.contains("\"tier\":\"observer\""),
        "{text}"
    );
}

#[test]
fn programs_do_not_start_without_the_extension_in_enforce_and_do_in_monitor() {
    let library = guard().with_file_name("libguard.so");
    let run = |mode: &str| {
        Command::new("/bin/echo")
            .arg("here")
            .env("LD_PRELOAD", &library)
            .env("GUARD_RENDEZVOUS", format!("guard-nowhere,{mode}"))
            .output()
            .unwrap()
    };
    let ran = run("enforce");
    assert_eq!(ran.status.code(), Some(69));
    assert!(String::from_utf8_lossy(&ran.stderr).contains("cannot be reached"));
    assert!(ran.stdout.is_empty());
    let ran = run("monitor");
    assert!(ran.status.success() && ran.stdout == b"here\n");
    assert!(String::from_utf8_lossy(&ran.stderr).contains("unguarded"));
}

#[test]
fn what_was_used_becomes_a_policy_under_which_it_works() {
    let probe = probe();
    let command = [probe.as_str(), "exec", "/bin/cat", "/etc/hostname"];
    let ran = guarded(&[], &command);
    let learned = ran
        .of("learned")
        .next()
        .unwrap_or_else(|| panic!("{ran:?}"));
    let policy = learned["policy"].as_object().unwrap();
    let mut variables: Vec<(&str, &str)> = policy
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str().unwrap()))
        .collect();
    variables.push(("GUARD_MODE", "enforce"));
    let ran = guarded(&variables, &command);
    assert!(ran.worked(), "{ran:?}");
    assert_eq!(ran.of("denial").count(), 0, "{ran:?}");
}

#[test]
fn many_programs_and_temporary_files_are_learned_without_a_loss() {
    let work = "for n in $(seq 40); do /bin/cat /etc/hostname; for i in $(seq 80); do \
                f=/tmp/learned.$$.$n.$i; : >$f; done; /bin/rm /tmp/learned.$$.$n.*; done; \
                read -r line </proc/self/stat";
    let command = ["/bin/sh", "-c", work];
    let ran = guarded(&[], &command);
    assert!(ran.worked(), "{ran:?}");
    assert_eq!(ran.of("process").last().unwrap()["dropped"], 0, "{ran:?}");
    let uses: Vec<&str> = ran
        .of("use")
        .filter_map(|record| record["target"].as_str())
        .collect();
    assert!(uses.len() <= 4, "each program once: {uses:?}");
    let learned = ran.of("learned").next().unwrap();
    assert!(learned.get("incomplete").is_none(), "{learned}");
    assert!(!learned.to_string().contains("learned."), "{learned}");
    let policy = learned["policy"].as_object().unwrap();
    let settings = policy
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str().unwrap()));
    let variables: Vec<(&str, &str)> = settings.chain([("GUARD_MODE", "enforce")]).collect();
    let ran = guarded(&variables, &command);
    assert!(ran.worked(), "{ran:?}");
    assert_eq!(ran.of("denial").count(), 0, "{ran:?}");
}

#[test]
fn the_dynamic_loader_started_by_itself_is_guarded() {
    let loader = "/lib64/ld-linux-x86-64.so.2";
    if !std::path::Path::new(loader).exists() {
        return skip("no glibc here");
    }
    let policy = [
        ("GUARD_MODE", "enforce"),
        ("GUARD_FILE_READ", "/usr:/lib:/lib64:/etc/ld.so.cache:/proc"),
    ];
    for before in [&[][..], &["/usr/bin/env", "-i"], &["/bin/busybox", "env"]] {
        if !before
            .first()
            .is_none_or(|program| std::path::Path::new(program).exists())
        {
            skip(before[0]);
            continue;
        }
        let run = |rest: &[&str]| {
            let words: Vec<&str> = before
                .iter()
                .chain(&[loader])
                .chain(rest)
                .copied()
                .collect();
            guarded(&policy, &words)
        };
        let ran = run(&["/bin/echo", "here"]);
        assert!(ran.worked() && ran.stdout == "here\n", "{ran:?}");
        assert!(!ran.stderr.contains("ld.so"), "{ran:?}");
        let ran = run(&[
            "/bin/cat",
            concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"),
        ]);
        assert!(!ran.worked() && ran.stdout.is_empty(), "{ran:?}");
        assert!(
            ran.denial("file.denied", "/Cargo.toml").is_some(),
            "{ran:?}"
        );
    }
}

#[test]
fn a_place_that_passes_by_the_check_is_named_and_can_be_refused() {
    for flags in [&[][..], &["-static"]] {
        let Some(program) = compiled("open", "cc", flags) else {
            return;
        };
        let run = |mode, require| {
            guarded(
                &[("GUARD_MODE", mode), ("GUARD_REQUIRE", require)],
                &[&program],
            )
        };
        for (mode, require) in [
            ("enforce", "none"),
            ("monitor", "none"),
            ("monitor", "process"),
        ] {
            let ran = run(mode, require);
            assert!(ran.worked() && ran.stdout == "here\n", "{ran:?}");
            assert_eq!(
                ran.of("process").next().unwrap()["programs"][0]["open"],
                1,
                "{ran:?}"
            );
        }
        // A few instructions written by hand are no way around rules.
        let restricted = [
            ("GUARD_MODE", "enforce"),
            ("GUARD_REQUIRE", "none"),
            ("GUARD_EGRESS_ALLOW", ""),
        ];
        for ran in [run("enforce", "process"), guarded(&restricted, &[&program])] {
            assert_eq!((ran.code, ran.stdout.as_str()), (Some(69), ""), "{ran:?}");
            assert!(ran.stderr.contains("guard scan"), "{ran:?}");
        }
    }
}

#[test]
fn text_that_was_searched_is_given_back_but_where_it_was_written() {
    const MORE: u32 = 4096;
    let program = compiled("large", "cc", &[]).unwrap();
    let in_memory = |ran: &Ran| ran.stdout.trim().parse::<u32>().unwrap();
    let native = in_memory(&plain(&[], &[&program]));
    for mode in ["monitor", "enforce"] {
        let ran = guarded(&[("GUARD_MODE", mode)], &[&program]);
        assert!(ran.worked(), "{ran:?}");
        let ours = in_memory(&ran);
        assert!(ours < native + MORE, "{mode}: {native} KiB became {ours}");
    }
    let flags = ["-DWRITTEN", "-Wl,-z,notext"];
    let written = compiled("large", "cc", &flags).unwrap();
    for mode in ["monitor", "enforce"] {
        let ran = guarded(&[("GUARD_MODE", mode)], &[&written]);
        assert!(ran.worked(), "{ran:?}");
    }
}

#[test]
fn code_that_the_program_writes_to_stays_writable() {
    let flags = ["-Wl,--no-warn-rwx-segments"];
    let program = compiled("writable", "cc", &flags).unwrap();
    assert!(plain(&[], &[&program]).worked());
    for mode in ["monitor", "enforce"] {
        let ran = guarded(&[("GUARD_MODE", mode)], &[&program]);
        assert!(ran.worked(), "{mode}: {ran:?}");
    }
}

/// Program headers behind everything else, as tools leave them that add to a program (patchelf, LIEF).
#[test]
fn programs_start_wherever_their_headers_are() {
    let restricted = [("GUARD_MODE", "enforce"), ("GUARD_EGRESS_ALLOW", "")];
    for flags in [&[][..], &["-static"], &["-static-pie"]] {
        let Some(program) = compiled("self", "cc", flags) else {
            return;
        };
        let home = directory(&format!("headers{}", flags.concat()));
        let moved = text(home.join("moved"));
        let bytes = with_headers_at_the_end(std::fs::read(&program).unwrap());
        std::fs::copy(&program, &moved).unwrap();
        std::fs::write(&moved, bytes).unwrap();
        // What stands where programs name a place of their headers would be far away.
        let script = text(home.join("script"));
        std::fs::copy(&program, &script).unwrap();
        let text = format!(
            "#!/bin/sh\n# {}\nexec {moved} \"$@\"\n",
            "\u{ff}".repeat(30)
        );
        std::fs::write(&script, text).unwrap();
        let expected = plain(&[], &[&program]);
        for command in [&moved, &script] {
            assert_eq!(plain(&[], &[command]).code, expected.code, "{command}");
            let ran = guarded(&restricted, &[command]);
            assert_eq!(ran.code, expected.code, "{command}: {ran:?}");
            let ran = guarded(&restricted, &["/bin/sh", "-c", command]);
            assert_eq!(ran.code, expected.code, "{command}: {ran:?}");
        }
    }
}

/// A program whose headers are moved into a part of their own, in the place of its last note.
fn with_headers_at_the_end(mut bytes: Vec<u8>) -> Vec<u8> {
    const SIZE: usize = 56;
    let word = |bytes: &[u8], at: usize| {
        usize::try_from(u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap())).unwrap()
    };
    let (first, count) = (word(&bytes, 32), usize::from(bytes[56]));
    let mut headers: Vec<Vec<u8>> = (0..count)
        .map(|index| bytes[first + index * SIZE..][..SIZE].to_vec())
        .collect();
    bytes.resize(bytes.len().next_multiple_of(4096), 0);
    let at = bytes.len();
    let ends = headers
        .iter()
        .filter(|header| header[0] == 1)
        .map(|header| word(header, 16) + word(header, 40));
    let address = ends.max().unwrap().next_multiple_of(4096) + 4096;
    let note = headers.iter().rposition(|header| header[0] == 4).unwrap();
    let _ = headers.remove(note);
    let length = count * SIZE;
    let mut own = vec![1, 0, 0, 0, 4, 0, 0, 0];
    for value in [at, address, address, length, length, 4096] {
        own.extend(u64::try_from(value).unwrap().to_le_bytes());
    }
    headers.push(own);
    for header in headers.iter_mut().filter(|header| header[0] == 6) {
        for (place, value) in [(8, at), (16, address), (24, address)] {
            header[place..place + 8].copy_from_slice(&u64::try_from(value).unwrap().to_le_bytes());
        }
    }
    bytes.extend(headers.concat());
    bytes[32..40].copy_from_slice(&u64::try_from(at).unwrap().to_le_bytes());
    bytes
}
