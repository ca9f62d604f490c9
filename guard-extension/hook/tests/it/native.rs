//! Where everything is allowed, every odd call ends as it does without Guard.

use guard_hook::sys::number::{FCNTL, OPENAT};

use crate::support::{CWD, Guarded, Place, alone, c, close, native, p};

/// What a descriptor is: number, flags of the file and of the descriptor.
pub(crate) fn flags_of(descriptor: isize) -> (isize, isize, isize) {
    let of = |command| native(FCNTL, [descriptor as usize, command, 0, 0, 0, 0]);
    // F_GETFL, F_GETFD. A file that was opened through its descriptor has forgotten O_NOFOLLOW,
    // which says nothing about the open file.
    let flags = of(3);
    let flags = if flags < 0 {
        flags
    } else {
        flags & !(O_NOFOLLOW as isize)
    };
    (descriptor, flags, of(1))
}

fn tree(place: &Place) {
    std::fs::create_dir_all(place.path("d/e")).unwrap();
    std::fs::write(place.path("f"), "file").unwrap();
    std::fs::write(place.path("d/g"), "file").unwrap();
    for (target, name) in [
        ("f", "link"),
        ("d", "dlink"),
        ("nowhere", "dangling"),
        ("loop2", "loop1"),
        ("loop1", "loop2"),
        ("nowhere/x", "dangling-deep"),
        ("d/", "slashed"),
        ("/proc/self/fd", "fds"),
        ("/proc/self/cwd/none", "cwd"),
    ] {
        std::os::unix::fs::symlink(target, place.path(name)).unwrap();
    }
}

fn guarded() -> Guarded {
    Guarded::new(&[
        ("GUARD_FILE_READ", "/"),
        ("GUARD_FILE_WRITE", "/"),
        ("GUARD_EXEC_ALLOW", "/"),
    ])
}

const PATHS: &[&str] = &[
    "",
    "/",
    ".",
    "..",
    "f",
    "f/",
    "f/x",
    "d",
    "d/",
    "d/.",
    "d/..",
    "d/e/../g",
    "d/../f",
    "none",
    "none/",
    "none/x",
    "link",
    "link/",
    "dlink",
    "dlink/",
    "dlink/g",
    "dlink/../f",
    "dangling",
    "dangling/",
    "dangling-deep",
    "loop1",
    "loop1/x",
    "slashed",
    "slashed/g",
    "/dev/null",
    "/dev/fd",
    "/dev/stdin",
    "/dev/tty",
    "/proc/self/exe",
    "/proc/self/cwd",
    "/proc/self/fd/0",
    "/proc/self/fd/999",
    "/proc/self/root",
    "/proc/self/root/etc/passwd",
    "/proc/self/stat",
    "/proc/thread-self/comm",
    "/proc/1",
    "/proc/none",
    "/etc/passwd",
    "/etc/none",
    "/bin/sh",
    "/usr/bin/awk",
    "fds",
    "fds/0",
    "cwd",
    "//etc///passwd",
    "/../etc/passwd",
    "/etc/passwd/",
];

const FLAGS: &[usize] = &[
    0,
    1,
    2,
    3,
    O_CREAT,
    O_CREAT | 1,
    O_CREAT | 2,
    O_CREAT | O_EXCL | 1,
    O_CREAT | O_EXCL | O_NOFOLLOW,
    O_CREAT | O_NOFOLLOW,
    O_CREAT | O_DIRECTORY,
    O_DIRECTORY,
    O_DIRECTORY | 1,
    O_NOFOLLOW,
    O_NOFOLLOW | O_DIRECTORY,
    O_PATH,
    O_PATH | O_NOFOLLOW,
    O_PATH | O_NOFOLLOW | O_DIRECTORY,
    O_PATH | O_DIRECTORY,
    O_PATH | O_CREAT,
    O_TMPFILE | 2,
    O_TMPFILE,
    O_TMPFILE | O_EXCL | 1,
    O_CLOEXEC,
    O_CLOEXEC | O_NONBLOCK,
    O_APPEND | 1,
    O_TRUNC | 1,
    O_NOATIME,
    1 << 30,
    (1 << 30) | O_CREAT,
];

const O_CREAT: usize = 0o100;
const O_EXCL: usize = 0o200;
const O_TRUNC: usize = 0o1000;
const O_APPEND: usize = 0o2000;
const O_NONBLOCK: usize = 0o4000;
const O_NOATIME: usize = 0o1_000_000;
const O_CLOEXEC: usize = 0o2_000_000;
const O_PATH: usize = 0o10_000_000;
const O_DIRECTORY: usize = if cfg!(target_arch = "x86_64") {
    0o200_000
} else {
    0o40_000
};
const O_NOFOLLOW: usize = if cfg!(target_arch = "x86_64") {
    0o400_000
} else {
    0o100_000
};
const O_TMPFILE: usize = 0o20_000_000 | O_DIRECTORY;

/// Each call in a fresh directory, natively and guarded: the same result, the same flags, the same
/// files afterwards.
#[test]
fn opens_end_as_they_do_unguarded() {
    let _alone = alone();
    let mut differ = Vec::new();
    let mut guarded = guarded();
    let mut number = 0;
    for path in PATHS {
        for flags in FLAGS {
            // The terminal is not this test's to take.
            if *path == "/dev/tty" && flags & O_NONBLOCK == 0 {
                continue;
            }
            let mut outcomes = Vec::new();
            for is_guarded in [false, true] {
                let place = Place::new();
                tree(&place);
                let root = c(&place.0);
                let directory = native(OPENAT, [CWD, p(&root), O_PATH, 0, 0, 0]) as usize;
                let text = c(path);
                let args = [directory, p(&text), *flags | O_NONBLOCK, 0o640, 0, 0];
                let result = match is_guarded {
                    true => guarded.call(OPENAT, args),
                    false => native(OPENAT, args),
                };
                let what = flags_of(result);
                let link = std::fs::read_link(format!("/proc/self/fd/{result}")).ok();
                let link = link.map(|link| shown(&link.to_string_lossy(), &place));
                close(result);
                close(directory as isize);
                outcomes.push((what, link, listing(&place)));
                number += 1;
            }
            if outcomes[0] != outcomes[1] {
                differ.push(format!(
                    "{path:?} {flags:o}: {:?} {:?}",
                    outcomes[0], outcomes[1]
                ));
            }
        }
    }
    assert!(number > 1000);
    assert!(
        differ.is_empty(),
        "{}:\n{}",
        differ.len(),
        differ.join("\n")
    );
    // Whatever was recorded, nothing was refused.
    guarded.records();
}

fn shown(link: &str, place: &Place) -> String {
    let text = link.replace(place.0.to_str().unwrap(), "PLACE");
    // Nameless files have a number of their own.
    match text.split_once("/#") {
        Some((before, _)) => before.to_owned(),
        None => text,
    }
}

fn listing(place: &Place) -> Vec<String> {
    let mut names = Vec::new();
    for directory in ["", "d", "d/e"] {
        for entry in std::fs::read_dir(place.path(directory)).unwrap() {
            names.push(shown(entry.unwrap().path().to_str().unwrap(), place));
        }
    }
    names.sort();
    names
}

#[test]
fn bad_pointers_are_bad() {
    let _alone = alone();
    let mut guarded = guarded();
    let long = c("x/".repeat(2100));
    let name = c("n".repeat(256));
    for path in [0, 8, usize::MAX, usize::MAX - 4096, p(&long), p(&name)] {
        for directory in [CWD, usize::MAX, 9999] {
            let args = [directory, path, 0, 0, 0, 0];
            assert_eq!(
                guarded.call(OPENAT, args),
                native(OPENAT, args),
                "{path:x} {directory}"
            );
        }
    }
}
