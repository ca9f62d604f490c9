//! Files: what the policy refuses is refused, its sibling is not, and the record says which.

mod around;

use std::os::unix::fs::symlink;

use guard_hook::Answer;
use guard_hook::calls::CALLS;
use guard_hook::shared::{Kind, Outcome};
use guard_hook::sys::number::{OPENAT, OPENAT2};

use crate::support::{CWD, EACCES, Guarded, O_CREAT, Place, alone, c, close, content, p};

fn number(name: &str) -> usize {
    let row = CALLS.iter().find(|row| row.name == name);
    usize::from(row.unwrap_or_else(|| panic!("{name}")).number().unwrap())
}

/// `open/` may be read and written, `closed/` may not, `seen/` may be read.
fn tree() -> Place {
    let place = Place::new();
    for directory in ["open", "closed", "seen", "open/sub"] {
        std::fs::create_dir_all(place.path(directory)).unwrap();
        std::fs::write(place.path(&format!("{directory}/file")), directory).unwrap();
    }
    symlink(place.path("closed/file"), place.path("open/to-closed")).unwrap();
    symlink("file", place.path("open/to-file")).unwrap();
    symlink(place.path("closed"), place.path("open/dir-closed")).unwrap();
    symlink(place.path("open"), place.path("closed/dir-open")).unwrap();
    symlink(place.path("closed/new"), place.path("open/dangling")).unwrap();
    symlink("new-inside", place.path("open/dangling-inside")).unwrap();
    place
}

fn guarded(place: &Place, mode: &str) -> Guarded {
    let read = format!("{}:{}:/proc", place.text("open"), place.text("seen"));
    let write = place.text("open");
    Guarded::new(&[
        ("GUARD_MODE", mode),
        ("GUARD_FILE_READ", &read),
        ("GUARD_FILE_WRITE", &write),
    ])
}

/// Opens and returns what is in it, or the error.
fn read(guarded: &mut Guarded, path: &str, flags: usize) -> Result<String, isize> {
    let path = c(path);
    let result = guarded.call(OPENAT, [CWD, p(&path), flags, 0o600, 0, 0]);
    if result < 0 {
        return Err(result);
    }
    Ok(String::from_utf8(content(result)).unwrap())
}

#[test]
fn opens_follow_the_policy() {
    let _alone = alone();
    let place = tree();
    let mut guarded = guarded(&place, "enforce");
    for (path, flags, expected) in [
        ("open/file", 0, Ok("open")),
        ("open/./sub//file", 0, Ok("open/sub")),
        ("open/sub/../file", 0, Ok("open")),
        ("open/to-file", 0, Ok("open")),
        ("closed/dir-open/file", 0, Ok("open")),
        ("seen/file", 0, Ok("seen")),
        ("closed/file", 0, Err(EACCES)),
        ("open/../closed/file", 0, Err(EACCES)),
        ("open/to-closed", 0, Err(EACCES)),
        ("open/dir-closed/file", 0, Err(EACCES)),
        ("open/dir-closed/../closed/file", 0, Err(EACCES)),
        ("closed/none", 0, Err(-2)),
        ("open/none", 0, Err(-2)),
        ("open/file/", 0, Err(-20)),
        ("open/to-file", 0o400_000, Err(-40)),
        ("seen/file", 1, Err(EACCES)),
        ("seen/file", 0o1000, Err(EACCES)),
        ("seen/new", O_CREAT, Err(EACCES)),
        ("closed/new", O_CREAT | 1, Err(EACCES)),
        ("open/dangling", O_CREAT | 1, Err(EACCES)),
        ("closed/dir-open/created", O_CREAT, Ok("")),
        ("open/dangling-inside", O_CREAT | 2, Ok("")),
        ("open/new-inside", O_CREAT | 0o200, Err(-17)),
        ("open/to-closed", O_CREAT | 0o200, Err(-17)),
        ("closed", 0o200_000, Err(EACCES)),
        ("open", O_CREAT, Err(-21)),
        ("closed/absent/", O_CREAT, Err(-21)),
    ] {
        let found = read(&mut guarded, &place.text(path), flags);
        let expected = expected.map(str::to_owned);
        assert_eq!(found, expected, "{path} {flags:o}");
    }
    assert!(!place.path("closed/new").exists());
    assert!(place.path("open/new-inside").exists());
    let records = guarded.records();
    assert!(
        records
            .iter()
            .all(|r| r.outcome == Outcome::Denied && r.errno == 13)
    );
    let closed = place.text("closed/file");
    assert_eq!(records.iter().filter(|r| r.text == closed).count(), 5);
    let new = place.text("closed/new");
    assert!(
        records
            .iter()
            .any(|r| r.kind == Kind::Write && r.text == new)
    );
}

#[test]
fn monitor_says_what_enforce_would_have_done() {
    let _alone = alone();
    let place = tree();
    let mut guarded = guarded(&place, "monitor");
    for path in ["closed/file", "open/to-closed", "open/dir-closed/file"] {
        assert_eq!(read(&mut guarded, &place.text(path), 0).unwrap(), "closed");
    }
    assert_eq!(
        read(&mut guarded, &place.text("open/file"), 0).unwrap(),
        "open"
    );
    let path = c(place.path("seen/made"));
    assert_eq!(
        guarded.call(number("mkdirat"), [CWD, p(&path), 0o700, 0, 0, 0]),
        0
    );
    let records = guarded.records();
    assert_eq!(records.len(), 4, "{records:?}");
    assert!(
        records
            .iter()
            .all(|r| r.outcome == Outcome::Would && r.errno == 0)
    );
    assert!(
        records
            .iter()
            .take(3)
            .all(|r| r.text == place.text("closed/file"))
    );
    assert_eq!(records[3].text, place.text("seen/made"));
}

#[test]
fn nothing_restricted_is_recorded_once() {
    let _alone = alone();
    let place = tree();
    let mut guarded = Guarded::new(&[("GUARD_MODE", "enforce")]);
    for _ in 0..3 {
        assert!(read(&mut guarded, &place.text("open/file"), 0).is_ok());
        assert!(read(&mut guarded, &place.text("open/to-closed"), 0).is_ok());
    }
    let records = guarded.records();
    assert!(
        records
            .iter()
            .all(|r| r.outcome == Outcome::Used && r.kind == Kind::Read)
    );
    // Temporary files count as one, and the tree may stand among them.
    if guard_hook::temporary(place.text("open").as_bytes()).is_some() {
        assert_eq!(records.len(), 1, "{records:?}");
        return;
    }
    assert_eq!(records.len(), 2, "{records:?}");
    assert_eq!(records[1].text, place.text("closed/file"));
}

#[test]
fn descriptors_are_the_lowest_free_ones() {
    let _alone = alone();
    let place = tree();
    let mut guarded = guarded(&place, "enforce");
    for path in [
        "open/file",
        "open/to-file",
        "closed/dir-open/file",
        "open/sub/../file",
    ] {
        let path = c(place.path(path));
        for flags in [0, 0o2_000_000, 0o10_000_000, O_CREAT] {
            let expected = crate::support::native(OPENAT, [CWD, p(&path), flags, 0, 0, 0]);
            let wanted = crate::native::flags_of(expected);
            close(expected);
            let found = guarded.call(OPENAT, [CWD, p(&path), flags, 0, 0, 0]);
            assert!(found >= 0);
            assert_eq!(crate::native::flags_of(found), wanted, "{path:?} {flags:o}");
            close(found);
        }
    }
}

#[test]
fn changes_follow_the_policy() {
    let _alone = alone();
    let place = tree();
    let mut guarded = guarded(&place, "enforce");
    let path = |name: &str| c(place.path(name));
    let mut made = |name: &str, args: [usize; 6]| guarded.call(number(name), args);
    let call1 = |path: &std::ffi::CString, rest: [usize; 4]| {
        [CWD, p(path), rest[0], rest[1], rest[2], rest[3]]
    };
    // name, path, rest, allowed?
    for (name, at, rest, expected) in [
        ("mkdirat", "open/made", [0o700, 0, 0, 0], 0),
        ("mkdirat", "closed/made", [0o700, 0, 0, 0], EACCES),
        ("mkdirat", "open/dir-closed/made", [0o700, 0, 0, 0], EACCES),
        ("mkdirat", "closed/dir-open/made2", [0o700, 0, 0, 0], 0),
        ("mkdirat", "closed/file", [0o700, 0, 0, 0], -17),
        ("unlinkat", "open/made", [0x200, 0, 0, 0], 0),
        ("unlinkat", "open/made2/", [0x200, 0, 0, 0], 0),
        ("unlinkat", "closed/file", [0, 0, 0, 0], EACCES),
        ("unlinkat", "open/../closed/file", [0, 0, 0, 0], EACCES),
        ("unlinkat", "closed/none", [0, 0, 0, 0], -2),
        ("mknodat", "open/pipe", [0o010_600, 0, 0, 0], 0),
        ("mknodat", "seen/pipe", [0o010_600, 0, 0, 0], EACCES),
        ("fchmodat", "open/file", [0o640, 0, 0, 0], 0),
        ("fchmodat", "open/to-closed", [0o640, 0, 0, 0], EACCES),
        ("fchmodat", "seen/file", [0o640, 0, 0, 0], EACCES),
        (
            "fchownat",
            "open/to-file",
            [usize::MAX, usize::MAX, 0x100, 0],
            0,
        ),
        (
            "fchownat",
            "open/to-closed",
            [usize::MAX, usize::MAX, 0x100, 0],
            0,
        ),
        (
            "fchownat",
            "open/to-closed",
            [usize::MAX, usize::MAX, 0, 0],
            EACCES,
        ),
        ("utimensat", "open/file", [0, 0, 0, 0], 0),
        ("utimensat", "closed/file", [0, 0, 0, 0], EACCES),
    ] {
        let path = path(at);
        assert_eq!(made(name, call1(&path, rest)), expected, "{name} {at}");
    }
    let target = c("anything");
    for (at, expected) in [
        ("open/link", 0),
        ("closed/link", EACCES),
        ("open/file", -17),
    ] {
        let path = path(at);
        assert_eq!(
            made("symlinkat", [p(&target), CWD, p(&path), 0, 0, 0]),
            expected,
            "{at}"
        );
    }
    for (from, to, expected) in [
        ("open/file", "open/moved", 0),
        ("open/moved", "open/file", 0),
        ("open/file", "seen/moved", EACCES),
        ("closed/file", "open/moved", EACCES),
        ("seen/file", "open/moved", EACCES),
        ("open/none", "open/moved", -2),
    ] {
        let (from_path, to_path) = (path(from), path(to));
        let args = [CWD, p(&from_path), CWD, p(&to_path), 0, 0];
        assert_eq!(made("renameat2", args), expected, "rename {from} {to}");
    }
    for (from, to, expected) in [
        ("open/file", "open/linked", 0),
        ("open/file", "open/linked", -17),
        ("open/to-closed", "open/linked2", 0),
        ("closed/file", "open/linked3", EACCES),
        ("seen/file", "open/linked3", EACCES),
        ("open/file", "closed/linked3", EACCES),
    ] {
        let (from_path, to_path) = (path(from), path(to));
        let args = [CWD, p(&from_path), CWD, p(&to_path), 0, 0];
        assert_eq!(made("linkat", args), expected, "link {from} {to}");
    }
    for (at, expected) in [
        ("open/file", 0),
        ("closed/file", EACCES),
        ("seen/file", EACCES),
    ] {
        let path = path(at);
        assert_eq!(
            made("truncate", [p(&path), 0, 0, 0, 0, 0]),
            expected,
            "truncate {at}"
        );
        let open = crate::support::native(OPENAT, [CWD, p(&path), 0, 0, 0, 0]);
        let result = made("fchmod", [open as usize, 0o600, 0, 0, 0, 0]);
        assert_eq!(result, expected, "fchmod {at}");
        close(open);
    }
    let watch = crate::support::native(number_of_inotify_init(), [0; 6]);
    for (at, is_allowed) in [
        ("open/file", true),
        ("seen/file", true),
        ("closed/file", false),
    ] {
        let path = path(at);
        let result = made("inotify_add_watch", [watch as usize, p(&path), 2, 0, 0, 0]);
        assert_eq!(result >= 0, is_allowed, "inotify {at}: {result}");
    }
    close(watch);
    assert_eq!(std::fs::read(place.path("closed/file")).unwrap(), b"closed");
    assert_eq!(std::fs::read(place.path("seen/file")).unwrap(), b"seen");
}

fn number_of_inotify_init() -> usize {
    if cfg!(target_arch = "x86_64") {
        294
    } else {
        26
    }
}

#[test]
fn names_of_processes() {
    let _alone = alone();
    let child = std::process::Command::new("sleep").arg("60").spawn();
    let mut child = child.unwrap();
    let id = child.id();
    let extension = std::process::Command::new("sleep").arg("60").spawn();
    let mut extension = extension.unwrap();
    let place = tree();
    let rules = format!("{}:/proc:/dev", place.text("open"));
    let settings = [
        ("GUARD_FILE_READ", rules.as_str()),
        ("GUARD_FILE_WRITE", "/dev:/proc"),
    ];
    let tmp = guard_hook::shared::TmpUse::Keep;
    let mut guarded = Guarded::with(&settings, tmp, extension.id(), b"");
    let own = std::process::id();
    let held = std::fs::File::open(place.path("closed/file")).unwrap();
    let fd = std::os::fd::AsRawFd::as_raw_fd(&held);
    symlink(format!("/proc/{id}/mem"), place.path("open/mem")).unwrap();
    symlink("/proc/self/fd", place.path("open/fds")).unwrap();
    for (path, flags, is_allowed) in [
        ("/proc/self/status".to_owned(), 0, true),
        ("/proc/self/mem".to_owned(), 0, true),
        ("/proc/self/mem".to_owned(), 2, false),
        (format!("/proc/{own}/task/{own}/mem"), 1, false),
        ("/proc/thread-self/mem".to_owned(), 2, false),
        ("/proc/self/environ".to_owned(), 0, false),
        (format!("/proc/{id}/environ"), 0, false),
        (format!("/proc/{id}/mem"), 0, false),
        (place.text("open/mem"), 0, false),
        (format!("/proc/self/../{id}/mem"), 0, false),
        (format!("/proc/self/root/proc/{id}/mem"), 0, false),
        (format!("/proc/{id}/status"), 0, true),
        (format!("/proc/{}/status", extension.id()), 0, true),
        (format!("/proc/{}/maps", extension.id()), 0, false),
        (format!("/proc/{}/fd", extension.id()), 0, false),
        (format!("/proc/self/fd/{fd}"), 0, false),
        (place.text(&format!("open/fds/{fd}")), 0, false),
        ("/dev/null".to_owned(), 2, true),
        ("/proc/self/cwd/Cargo.toml".to_owned(), 0, false),
    ] {
        let result = read_raw(&mut guarded, &path, flags);
        assert_eq!(result >= 0, is_allowed, "{path} {flags}: {result}");
        assert!(is_allowed || result == EACCES, "{path}: {result}");
        close(result);
    }
    // A pipe has no path: its own ends are the program's, others' are not.
    let (pipe, _other) = std::io::pipe().unwrap();
    let fd = std::os::fd::AsRawFd::as_raw_fd(&pipe);
    let result = read_raw(&mut guarded, &format!("/dev/fd/{fd}"), 0o4000);
    assert!(result >= 0, "{result}");
    close(result);
    let records = guarded.records();
    assert!(
        records
            .iter()
            .any(|r| r.kind == Kind::Tamper && r.text == format!("/proc/{id}/mem"))
    );
    child.kill().unwrap();
    extension.kill().unwrap();
    let _ = child.wait();
    let _ = extension.wait();
}

fn read_raw(guarded: &mut Guarded, path: &str, flags: usize) -> isize {
    let path = c(path);
    guarded.call(OPENAT, [CWD, p(&path), flags, 0, 0, 0])
}

#[test]
fn openat2_is_an_open() {
    let _alone = alone();
    let place = tree();
    let mut guarded = guarded(&place, "enforce");
    let directory = c(place.path("open"));
    let directory = crate::support::native(OPENAT, [CWD, p(&directory), 0, 0, 0, 0]) as usize;
    // RESOLVE_BENEATH, RESOLVE_IN_ROOT, RESOLVE_NO_SYMLINKS
    for (path, flags, mode, resolve, expected) in [
        ("file", 0, 0, 0, 0),
        ("file", 0, 0, 8, 0),
        ("/file", 0, 0, 0x10, 0),
        ("to-file", 0, 0, 4, -40),
        ("../closed/file", 0, 0, 0, EACCES),
        ("../closed/file", 0, 0, 8, -18),
        ("to-closed", 0, 0, 0, EACCES),
        ("made", O_CREAT as u64, 0o600, 8, 0),
        ("file", 0, 0o600, 0, -22),
        ("file", 1 << 40, 0, 0, -22),
    ] {
        let how = [flags, mode, resolve];
        let path = c(path);
        let args = [
            directory,
            p(&path),
            how.as_ptr().expose_provenance(),
            24,
            0,
            0,
        ];
        let result = guarded.call(OPENAT2, args);
        assert_eq!(result.min(0), expected, "{path:?} {resolve}");
        close(result);
    }
    let path = c("file");
    for (size, expected) in [(8, -22), (32, -7)] {
        let how = [0_u64; 4];
        let args = [
            directory,
            p(&path),
            how.as_ptr().expose_provenance(),
            size,
            0,
            0,
        ];
        assert_eq!(guarded.call(OPENAT2, args), expected);
    }
    assert_eq!(
        guarded.call(OPENAT2, [directory, p(&path), 8, 24, 0, 0]),
        -14
    );
    close(directory as isize);
}

#[test]
fn tmp_may_be_closed() {
    let _alone = alone();
    use guard_hook::shared::TmpUse;
    for (tmp, reads, writes) in [
        (TmpUse::Keep, true, true),
        (TmpUse::ReadOnly, true, false),
        (TmpUse::None, false, false),
    ] {
        let mut guarded = Guarded::with(&[], tmp, 0, b"");
        let name = format!("/tmp/guard-hook-{}", std::process::id());
        std::fs::write(&name, "x").unwrap();
        for (flags, is_allowed) in [(0, reads), (1, writes), (O_CREAT | 2, writes)] {
            let result = read_raw(&mut guarded, &name, flags);
            assert_eq!(result >= 0, is_allowed, "{tmp:?} {flags}: {result}");
            close(result);
        }
        let is_recorded = guarded
            .records()
            .iter()
            .any(|r| r.kind == Kind::Tmp && r.text == name);
        assert_eq!(is_recorded, !writes);
        std::fs::remove_file(&name).unwrap();
    }
}

#[test]
fn init_rules_end() {
    let _alone = alone();
    let place = tree();
    let rules = format!("{}@init", place.text("open"));
    let mut guarded = Guarded::new(&[("GUARD_FILE_READ", &rules)]);
    assert!(read(&mut guarded, &place.text("open/file"), 0).is_ok());
    guarded.writer.begin_invoke();
    assert_eq!(read(&mut guarded, &place.text("open/file"), 0), Err(EACCES));
}
