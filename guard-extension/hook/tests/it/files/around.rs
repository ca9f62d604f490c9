//! Ways around the rules for files: by what is moved or linked elsewhere, by a thread of its own mind,
//! by devices, settings and flags.

use super::*;

/// Moves `from` to `to` below the place, or gives it a second name; returns the kernel's result.
fn moved(guarded: &mut Guarded, how: &str, place: &Place, from: &str, to: &str) -> isize {
    let (from, to) = (c(place.text(from)), c(place.text(to)));
    match how {
        "rename" => guarded.call(number("renameat2"), [CWD, p(&from), CWD, p(&to), 0, 0]),
        "exchange" => guarded.call(number("renameat2"), [CWD, p(&from), CWD, p(&to), 2, 0]),
        _ => guarded.call(number("linkat"), [CWD, p(&from), CWD, p(&to), 0, 0]),
    }
}

#[test]
fn nothing_becomes_readable_by_where_it_is_moved() {
    let _alone = alone();
    for (how, from, to, expected) in [
        // Above what may be read: what is in it would be.
        ("rename", "hidden", "open/deep", EACCES),
        ("rename", "hidden/open", "open/deep", EACCES),
        ("exchange", "hidden", "shelf", EACCES),
        // Called as what has no name any more.
        ("rename", "hidden/secret (deleted)", "shelf/seen/x", EACCES),
        ("link", "hidden/secret (deleted)", "shelf/seen/x", EACCES),
        // Nothing gained.
        ("rename", "hidden", "elsewhere", 0),
        ("rename", "shelf/seen", "shelf/seen-no-more", 0),
        ("link", "shelf/seen/file", "hidden/x", 0),
        ("rename", "shelf/seen/file", "shelf/seen/other", 0),
    ] {
        let place = Place::new();
        for directory in ["hidden/open", "shelf/seen", "open"] {
            std::fs::create_dir_all(place.path(directory)).unwrap();
        }
        for file in ["hidden/secret (deleted)", "shelf/seen/file"] {
            std::fs::write(place.path(file), file).unwrap();
        }
        let read = format!(
            "{}:{}",
            place.text("shelf/seen"),
            place.text("open/deep/open")
        );
        let mut guarded = Guarded::new(&[("GUARD_FILE_READ", &read)]);
        let found = moved(&mut guarded, how, &place, from, to);
        assert_eq!(found, expected, "{how} {from} {to}");
    }
}

#[test]
fn a_thread_with_descriptors_of_its_own_is_looked_at() {
    const CLONE_FILES: usize = 0x400;
    let _alone = alone();
    let place = tree();
    let open = std::fs::File::open(place.path("open")).unwrap();
    let guarded = guarded(&place, "enforce");
    let result = std::thread::scope(|scope| {
        let (ready, wait) = std::sync::mpsc::channel();
        let (go, told) = std::sync::mpsc::channel();
        let mut guarded = guarded.fork();
        let place = &place;
        let thread = scope.spawn(move || {
            // SAFETY: leaves the table that the other threads share; nothing of theirs is closed.
            let own = unsafe {
                guard_hook::sys::syscall(number("unshare"), [CLONE_FILES, 0, 0, 0, 0, 0])
            };
            ready.send(own).unwrap();
            told.recv().unwrap();
            moved(&mut guarded, "rename", place, "closed/file", "open/got")
        });
        assert_eq!(wait.recv().unwrap(), 0);
        // What the numbers that the thread uses next stand for here.
        let copies: Vec<_> = (0..16).map(|_| open.try_clone().unwrap()).collect();
        go.send(()).unwrap();
        let result = thread.join().unwrap();
        drop(copies);
        result
    });
    assert_eq!(result, EACCES);
    assert!(place.path("closed/file").exists());
}

#[test]
fn no_device_is_made_and_no_setting_of_the_kernel_changed() {
    let _alone = alone();
    let place = tree();
    for (settings, is_refused) in [(&[("GUARD_FILE_READ", "/usr")][..], true), (&[], false)] {
        let mut guarded = Guarded::new(settings);
        let path = c(place.path("open/device"));
        // Decided about only: what would be made, or written, is the machine's.
        let disk = guarded.decide(number("mknodat"), [CWD, p(&path), 0o060_600, 0x801, 0, 0]);
        assert_eq!(disk == Answer::Return(-1), is_refused, "{disk:?}");
        let fifo = guarded.decide(number("mknodat"), [CWD, p(&path), 0o010_600, 0, 0, 0]);
        assert!(matches!(fifo, Answer::Instead(_)), "{fifo:?}");
        let setting = c("/proc/sys/kernel/core_pattern");
        let opened = guarded.decide(OPENAT, [CWD, p(&setting), 1, 0, 0, 0]);
        assert_eq!(opened == Answer::Return(EACCES), is_refused, "{opened:?}");
    }
}

#[test]
fn what_is_said_of_a_file_that_is_open_to_be_read_stays() {
    // Flags, versions, verity, keys, attributes, volumes (linux/fs.h and the file systems' own).
    const REQUESTS: [usize; 8] = [
        0x4008_6602,
        0x4008_7602,
        0x4008_6604,
        0x4080_6685,
        0x800c_6613,
        0x6611,
        0x4004_7211,
        0x5000_940f,
    ];
    let _alone = alone();
    let place = tree();
    let mut guarded = guarded(&place, "enforce");
    for (file, is_refused) in [("seen/file", true), ("open/file", false)] {
        let opened = read_raw(&mut guarded, &place.text(file), 0);
        for request in REQUESTS {
            // Decided about only: what some of them do is not undone.
            let args = [opened.cast_unsigned(), request, 0, 0, 0, 0];
            let answer = guarded.decide(number("ioctl"), args);
            match is_refused {
                true => assert_eq!(answer, Answer::Return(EACCES), "{request:x}"),
                false => assert!(matches!(answer, Answer::Instead(_)), "{request:x}"),
            }
        }
        close(opened);
    }
}

#[test]
fn the_guards_own_files_stay_where_they_are() {
    let _alone = alone();
    for (how, from, to, expected) in [
        ("rename", "opt/guard/loader", "opt/guard/x", EACCES),
        ("rename", "opt/guard/other", "opt/guard/loader", EACCES),
        ("rename", "opt/guard", "opt/elsewhere", EACCES),
        ("rename", "opt", "elsewhere", EACCES),
        ("exchange", "else", "opt/guard", EACCES),
        // By another name it could be written to.
        ("link", "opt/guard/library", "x", EACCES),
        ("rename", "opt/guard/other", "x", 0),
        ("link", "opt/guard/other", "x", 0),
        ("rename", "else", "opt/guard/x", 0),
    ] {
        let place = Place::new();
        for directory in ["opt/guard", "else"] {
            std::fs::create_dir_all(place.path(directory)).unwrap();
        }
        for file in ["loader", "library", "other"] {
            std::fs::write(place.path(&format!("opt/guard/{file}")), file).unwrap();
        }
        let (library, loader) = (
            place.text("opt/guard/library"),
            place.text("opt/guard/loader"),
        );
        let mut guarded = Guarded::new(&[("GUARD_FILE_READ", "/")]);
        let leak = |text: String| -> &'static [u8] { text.leak().as_bytes() };
        guarded.process.children =
            guard_hook::Children::new(leak(library), leak(loader), b"guard-test");
        let found = moved(&mut guarded, how, &place, from, to);
        assert_eq!(found, expected, "{how} {from} {to}");
    }
}
