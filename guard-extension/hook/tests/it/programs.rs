//! Programs: what is started, with what in front of its arguments and in its environment.

use std::ffi::CString;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::atomic::Ordering;

use guard_hook::shared::{Kind, Outcome, TmpUse};
use guard_hook::sys::number::{self, EXECVE, OPENAT, READLINKAT};

use crate::support::{CWD, Guarded, Place, alone, c, close, content, native, p};

/// The loader stands for itself: it prints what it is given.
const LOADER: &[u8] = b"/bin/echo";
const PRELOAD: &[u8] = b"/nonexistent/libguard.so";

fn guarded(settings: &[(&str, &str)]) -> Guarded {
    let mut guarded = Guarded::with(settings, TmpUse::Keep, 0, b"");
    guarded.process.children = guard_hook::Children::new(PRELOAD, LOADER, b"name");
    guarded
}

/// The same where there is no loader: dynamic programs are started with the library.
fn preloading(settings: &[(&str, &str)]) -> Guarded {
    let mut guarded = guarded(settings);
    guarded.process.children = guard_hook::Children::new(PRELOAD, b"", b"name");
    guarded
}

/// Starts a program from a forked child of this process, as a guarded program would.
fn start(guarded: &Guarded, path: &Path, argv: &[&str], envp: &[&str]) -> io::Result<Output> {
    let mut inner = guarded.fork();
    let path = c(path);
    let argv: Vec<CString> = argv
        .iter()
        .map(|text| CString::new(*text).unwrap())
        .collect();
    let envp: Vec<CString> = envp
        .iter()
        .map(|text| CString::new(*text).unwrap())
        .collect();
    let mut command = Command::new("/nonexistent");
    // SAFETY: the closure makes system calls only.
    unsafe {
        command.pre_exec(move || {
            let pointers = |texts: &[CString]| {
                let mut all: Vec<usize> = texts.iter().map(p).collect();
                all.push(0);
                all
            };
            let (argv, envp) = (pointers(&argv), pointers(&envp));
            let at = |array: &[usize]| array.as_ptr().expose_provenance();
            let result = inner.call(EXECVE, [p(&path), at(&argv), at(&envp), 0, 0, 0]);
            Err(io::Error::from_raw_os_error(-result as i32))
        });
    }
    command.output()
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn script(place: &Place, name: &str, body: &str) -> std::path::PathBuf {
    let path = place.path(name);
    std::fs::write(&path, body).unwrap();
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
    path
}

/// An ELF file without a dynamic loader: a header and one segment.
fn statically_linked(place: &Place, name: &str) -> std::path::PathBuf {
    let mut bytes = vec![0; 64 + 56];
    bytes[..7].copy_from_slice(b"\x7fELF\x02\x01\x01");
    bytes[16] = 2;
    bytes[18] = if cfg!(target_arch = "x86_64") {
        62
    } else {
        183
    };
    bytes[32] = 64;
    bytes[54] = 56;
    bytes[56] = 1;
    bytes[64] = 1;
    let path = place.path(name);
    std::fs::write(&path, bytes).unwrap();
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
    path
}

#[test]
fn children_are_guarded_whatever_their_environment_says() {
    let _alone = alone();
    for mode in ["enforce", "monitor"] {
        for rules in [vec![], vec![("GUARD_EXEC_ALLOW", "/usr:/bin:/lib:/lib64")]] {
            let mut settings = rules;
            settings.push(("GUARD_MODE", mode));
            let guarded = preloading(&settings);
            let envp = [
                "A=1",
                "GUARD_RENDEZVOUS=other",
                "LD_PRELOAD=/x.so:/nonexistent/libguard.so /y.so",
            ];
            let output = start(&guarded, Path::new("/usr/bin/env"), &["env"], &envp).unwrap();
            let expected = "LD_PRELOAD=/nonexistent/libguard.so:/x.so:/y.so\n\
                            GUARD_RENDEZVOUS=name,child\nA=1\n";
            assert_eq!(text(&output), expected);
            let output = start(&guarded, Path::new("/usr/bin/env"), &["env"], &[]).unwrap();
            let expected = "LD_PRELOAD=/nonexistent/libguard.so\nGUARD_RENDEZVOUS=name,child\n";
            assert_eq!(text(&output), expected);
        }
    }
}

#[test]
fn programs_go_through_the_loader() {
    let _alone = alone();
    let place = Place::new();
    let program = statically_linked(&place, "static");
    let guarded = guarded(&[]);
    let output = start(&guarded, &program, &["zero", "one", "two"], &[]).unwrap();
    assert_eq!(
        text(&output),
        format!("{} zero one two\n", program.display())
    );
    // So does a dynamic one under rules: code of its own would run before what is preloaded.
    let strict = self::guarded(&[("GUARD_EXEC_ALLOW", "/")]);
    let output = start(&strict, Path::new("/usr/bin/env"), &["zero", "one"], &[]).unwrap();
    assert_eq!(text(&output), "/usr/bin/env zero one\n");
    // A script of a static interpreter goes the same way.
    let script = script(&place, "script", &format!("#! {} -x\n", program.display()));
    let output = start(&guarded, &script, &["zero", "one"], &[]).unwrap();
    let (program, script) = (program.display(), script.display());
    assert_eq!(
        text(&output),
        format!("{program} {program} -x {script} one\n")
    );
}

#[test]
fn errors_are_the_kernels() {
    let _alone = alone();
    let place = Place::new();
    std::fs::write(place.path("plain"), "x").unwrap();
    script(&place, "no-interpreter", "#!/nonexistent/interpreter\n");
    script(&place, "carriage", "#!/bin/sh\r\n");
    script(&place, "nothing", "");
    script(&place, "text", "echo hello\n");
    script(&place, "self", &format!("#!{}\n", place.text("self")));
    std::fs::write(place.path("script-plain"), "#!/bin/sh\n").unwrap();
    symlink("loop", place.path("loop")).unwrap();
    std::fs::create_dir(place.path("directory")).unwrap();
    let mut elf = std::fs::read("/bin/true").unwrap();
    elf.truncate(80);
    std::fs::write(place.path("cut"), &elf).unwrap();
    std::fs::set_permissions(place.path("cut"), PermissionsExt::from_mode(0o755)).unwrap();
    for settings in [vec![], vec![("GUARD_EXEC_ALLOW", "/")]] {
        let guarded = guarded(&settings);
        for name in [
            "plain",
            "none",
            "none/x",
            "plain/x",
            "no-interpreter",
            "carriage",
            "nothing",
            "text",
            "self",
            "script-plain",
            "loop",
            "directory",
            "cut",
            "",
        ] {
            let path = match name {
                "" => std::path::PathBuf::new(),
                name => place.path(name),
            };
            let native = if name.is_empty() {
                Some(2)
            } else {
                // `Command` runs nothing but the path itself.
                let error = Command::new(&path).arg0("x").output().err();
                error.map(|error| error.raw_os_error().unwrap())
            };
            let found = start(&guarded, &path, &["x"], &["A=1"]).err();
            let found = found.map(|error| error.raw_os_error().unwrap());
            assert_eq!(found, native, "{name}");
        }
    }
}

#[test]
fn the_policy_says_which() {
    let _alone = alone();
    let place = Place::new();
    std::fs::create_dir(place.path("allowed")).unwrap();
    let copy = |name: &str| {
        std::fs::copy("/bin/echo", place.path(name)).unwrap();
    };
    copy("allowed/echo");
    copy("echo");
    symlink(place.path("echo"), place.path("allowed/link")).unwrap();
    symlink(place.path("allowed/echo"), place.path("link")).unwrap();
    script(&place, "allowed/shell", "#!/bin/sh\necho shell\n");
    script(
        &place,
        "allowed/odd",
        &format!("#!{} odd\n", place.text("echo")),
    );
    let rules = format!(
        "{}:/usr/bin/dash:/usr/lib:/usr/lib64",
        place.text("allowed")
    );
    for mode in ["enforce", "monitor"] {
        let guarded = preloading(&[("GUARD_EXEC_ALLOW", &rules), ("GUARD_MODE", mode)]);
        for (name, expected) in [
            ("allowed/echo", Some("hi\n")),
            ("link", Some("hi\n")),
            ("allowed/../allowed/echo", Some("hi\n")),
            ("allowed/shell", Some("shell\n")),
            ("echo", None),
            ("allowed/link", None),
            ("allowed/../echo", None),
            ("allowed/odd", None),
        ] {
            guarded.records();
            let found = start(&guarded, &place.path(name), &["echo", "hi"], &[]);
            let records = guarded.records();
            match expected {
                Some(expected) => {
                    assert_eq!(text(&found.unwrap()), expected, "{name}");
                    assert_eq!(records, [], "{name}");
                }
                None => {
                    let outcome = match mode {
                        "enforce" => Outcome::Denied,
                        _ => Outcome::Would,
                    };
                    assert_eq!(found.is_err(), mode == "enforce", "{name}");
                    assert_eq!(records.len(), 1, "{name} {records:?}");
                    assert_eq!(records[0].kind, Kind::Exec);
                    assert_eq!(records[0].outcome, outcome);
                    assert_eq!(records[0].text, place.text("echo"));
                }
            }
        }
    }
}

#[test]
fn a_script_says_its_own_name() {
    let _alone = alone();
    let place = Place::new();
    let path = script(&place, "script", "#!/bin/sh -e\necho \"$0 $1\"\n");
    let link = place.path("link");
    symlink(&path, &link).unwrap();
    for settings in [vec![], vec![("GUARD_EXEC_ALLOW", "/")]] {
        let guarded = preloading(&settings);
        for path in [&path, &link] {
            let output = start(&guarded, path, &["x", "one"], &[]).unwrap();
            assert_eq!(text(&output), format!("{} one\n", path.display()));
        }
    }
}

#[test]
fn what_cannot_be_guarded_is_refused_when_there_are_rules() {
    let _alone = alone();
    let place = Place::new();
    let foreign = statically_linked(&place, "foreign");
    let mut bytes = std::fs::read(&foreign).unwrap();
    bytes[4] = 1;
    std::fs::write(&foreign, bytes).unwrap();
    // More parts than are looked at, and programs in the place of a dynamic loader.
    let many = statically_linked(&place, "many");
    let mut bytes = std::fs::read(&many).unwrap();
    bytes[56] = 65;
    bytes.resize(64 + 65 * 56, 0);
    std::fs::write(&many, bytes).unwrap();
    let plain = statically_linked(&place, "ld-other.so");
    let interpreted = |name: &str, loader: &str| {
        let path = statically_linked(&place, name);
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[64] = 3;
        bytes[64 + 8] = 64 + 56;
        bytes[64 + 32] = u8::try_from(loader.len() + 1).unwrap();
        bytes.extend(loader.bytes().chain([0]));
        std::fs::write(&path, bytes).unwrap();
        path
    };
    let named = interpreted("named", plain.to_str().unwrap());
    let program = interpreted("program", "/bin/cat");
    for foreign in [foreign, many, named, program] {
        refused_with_rules(&foreign);
    }
}

fn refused_with_rules(foreign: &Path) {
    for (settings, is_refused) in [
        (vec![], false),
        (vec![("GUARD_EGRESS_ALLOW", "a.example:443")], true),
        (
            vec![("GUARD_EGRESS_ALLOW", ""), ("GUARD_MODE", "monitor")],
            false,
        ),
    ] {
        let guarded = guarded(&settings);
        // What the kernel makes of it does not matter.
        let error = start(&guarded, foreign, &["x"], &[]).err();
        let records = guarded.records();
        let records: Vec<_> = records
            .iter()
            .filter(|r| r.kind == Kind::Unguarded)
            .collect();
        assert_eq!(records.len(), 1);
        assert_eq!(records[0].text, foreign.to_str().unwrap());
        let refused = error.as_ref().and_then(io::Error::raw_os_error) == Some(13);
        assert_eq!(refused, is_refused, "{error:?}");
    }
}

#[test]
fn the_program_is_itself_under_the_loader() {
    let _alone = alone();
    let place = Place::new();
    std::fs::write(place.path("program"), "the program").unwrap();
    let program: &'static str = place.text("program").leak();
    for mode in ["enforce", "monitor"] {
        let mut guarded =
            Guarded::with(&[("GUARD_MODE", mode)], TmpUse::Keep, 0, program.as_bytes());
        let own = format!("/proc/{}/exe", std::process::id());
        for path in [
            "/proc/self/exe",
            "/proc/thread-self/exe",
            &own,
            "/proc/./self//exe",
        ] {
            let path = c(path);
            let mut name = [0_u8; 4096];
            let to = name.as_mut_ptr().expose_provenance();
            let length = guarded.call(READLINKAT, [CWD, p(&path), to, 4096, 0, 0]);
            assert_eq!(&name[..length as usize], program.as_bytes(), "{path:?}");
            assert_eq!(guarded.call(READLINKAT, [CWD, p(&path), to, 5, 0, 0]), 5);
            assert_eq!(guarded.call(READLINKAT, [CWD, p(&path), to, 0, 0, 0]), -22);
            assert_eq!(
                guarded.call(READLINKAT, [CWD, p(&path), 0, 4096, 0, 0]),
                -14
            );
            let opened = guarded.call(OPENAT, [CWD, p(&path), 0, 0, 0, 0]);
            assert_eq!(content(opened), b"the program");
        }
        let path = c("/proc/self/cwd");
        let mut name = [0_u8; 4096];
        let to = name.as_mut_ptr().expose_provenance();
        assert!(guarded.call(READLINKAT, [CWD, p(&path), to, 4096, 0, 0]) > 0);
        close(guarded.call(OPENAT, [CWD, p(&path), 0, 0, 0, 0]));
    }
}

#[test]
fn libraries_are_programs() {
    const MMAP: usize = if cfg!(target_arch = "x86_64") { 9 } else { 222 };
    const MUNMAP: usize = if cfg!(target_arch = "x86_64") {
        11
    } else {
        215
    };
    const MEMFD_CREATE: usize = if cfg!(target_arch = "x86_64") {
        319
    } else {
        279
    };
    let _alone = alone();
    let place = Place::new();
    for name in ["allowed", "other"] {
        std::fs::write(place.path(name), [0; 4096]).unwrap();
    }
    let rules = place.text("allowed");
    let mut guarded = guarded(&[("GUARD_EXEC_ALLOW", &rules)]);
    for (name, protection, is_allowed) in [
        ("allowed", 5, true),
        ("other", 1, true),
        ("other", 5, false),
    ] {
        let file = std::fs::File::open(place.path(name)).unwrap();
        let fd = file.as_raw_fd() as usize;
        let result = guarded.call(MMAP, [0, 4096, protection, 2, fd, 0]);
        assert_eq!(result > 0, is_allowed, "{name} {protection}: {result}");
        if result > 0 {
            native(MUNMAP, [result as usize, 4096, 0, 0, 0, 0]);
        }
    }
    // Memory under the name of a file is a compiler's when it is shared, and a library otherwise.
    let name = c("library");
    let memory = native(MEMFD_CREATE, [p(&name), 0, 0, 0, 0, 0]);
    assert!(memory >= 0);
    for (flags, is_allowed) in [(1, true), (2, false)] {
        let result = guarded.call(MMAP, [0, 4096, 5, flags, memory as usize, 0]);
        assert_eq!(result > 0, is_allowed, "{flags}: {result}");
        if result > 0 {
            native(MUNMAP, [result as usize, 4096, 0, 0, 0, 0]);
        }
    }
    close(memory);
    let records = guarded.records();
    assert_eq!(records.len(), 2, "{records:?}");
    // Memory without a file is a compiler's.
    let result = guarded.call(MMAP, [0, 4096, 7, 0x22, usize::MAX, 0]);
    assert!(result > 0);
    native(MUNMAP, [result as usize, 4096, 0, 0, 0, 0]);
    assert!(guarded.records().is_empty());
    assert_eq!(
        (records[0].kind, &records[0].text),
        (Kind::Exec, &place.text("other"))
    );
}

#[test]
fn what_a_program_is_made_to_link_needs_an_entry() {
    const MMAP: usize = if cfg!(target_arch = "x86_64") { 9 } else { 222 };
    let _alone = alone();
    // What only root could have put there needs none, but root's.
    if native(number::GETEUID, [0; 6]) != 0 {
        assert!(std::env::var_os("CI").is_none(), "root is needed");
        eprintln!("what_a_program_is_made_to_link_needs_an_entry: not run: root is needed");
        return;
    }
    let file = std::fs::File::open("/bin/sh").unwrap();
    for (is_linking, is_steered, expected) in [
        (true, false, true),
        (true, true, false),
        (false, false, false),
    ] {
        let mut guarded = guarded(&[("GUARD_EXEC_ALLOW", "/nowhere")]);
        guarded.writer.begin_invoke();
        let local = guarded.process.local;
        local.linking().store(is_linking, Ordering::Relaxed);
        local.steered().store(is_steered, Ordering::Relaxed);
        let descriptor = file.as_raw_fd() as usize;
        // PROT_READ | PROT_EXEC, MAP_PRIVATE
        let result = guarded.call(MMAP, [0, 4096, 5, 2, descriptor, 0]);
        assert_eq!(result > 0, expected, "{is_linking} {is_steered}: {result}");
    }
}
