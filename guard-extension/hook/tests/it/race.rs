//! Other threads change paths and links while a call is decided about.

use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::time::{Duration, Instant};

use guard_hook::sys::number::OPENAT;

use crate::support::{CWD, Guarded, Place, alone, c, content, p};

const TIME: Duration = Duration::from_millis(1500);

fn place() -> (Place, Guarded) {
    let place = Place::new();
    std::fs::create_dir_all(place.path("open")).unwrap();
    std::fs::create_dir_all(place.path("closed")).unwrap();
    std::fs::write(place.path("open/a"), "allowed").unwrap();
    std::fs::write(place.path("closed/a"), "forbidden").unwrap();
    let rule = place.text("open");
    let settings = [
        ("GUARD_FILE_READ", rule.as_str()),
        ("GUARD_FILE_WRITE", &rule),
    ];
    let guarded = Guarded::new(&settings);
    (place, guarded)
}

/// Opens until the time is over, while `disturb` runs; returns (allowed, refused).
fn open_under(
    guarded: &mut Guarded,
    path: usize,
    flags: usize,
    disturb: impl Fn() + Sync,
) -> (u32, u32) {
    let stop = AtomicBool::new(false);
    let mut counts = (0, 0);
    let mut escaped = false;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                disturb();
            }
        });
        let end = Instant::now() + TIME;
        while Instant::now() < end && !escaped {
            let result = guarded.call(OPENAT, [CWD, path, flags, 0o600, 0, 0]);
            if result >= 0 {
                // Checked behind the scope, which waits for the other thread.
                escaped = content(result) == b"forbidden";
                counts.0 += 1;
            } else {
                counts.1 += 1;
            }
        }
        stop.store(true, Ordering::Relaxed);
    });
    assert!(!escaped, "read what is forbidden");
    counts
}

#[test]
fn a_link_that_turns() {
    let _alone = alone();
    let (place, mut guarded) = place();
    let link = place.path("open/link");
    let next = place.path("open/next");
    let targets = [place.path("open/a"), place.path("closed/a")];
    std::os::unix::fs::symlink(&targets[0], &link).unwrap();
    let path = c(&link);
    let counts = open_under(&mut guarded, p(&path), 0, || {
        for target in &targets {
            std::os::unix::fs::symlink(target, &next).unwrap();
            std::fs::rename(&next, &link).unwrap();
        }
    });
    assert!(counts.0 > 0 && counts.1 > 0, "{counts:?}");
}

#[test]
fn a_directory_that_is_a_link_now_and_then() {
    let _alone = alone();
    let (place, mut guarded) = place();
    let real = place.path("open/real");
    std::fs::create_dir(&real).unwrap();
    std::fs::write(real.join("a"), "allowed").unwrap();
    let name = place.path("open/dir");
    let away = place.path("open/away");
    let link = place.path("open/link");
    std::os::unix::fs::symlink(place.path("closed"), &link).unwrap();
    std::fs::rename(&real, &name).unwrap();
    let path = c(name.join("a"));
    let counts = open_under(&mut guarded, p(&path), 0, || {
        std::fs::rename(&name, &away).unwrap();
        std::fs::rename(&link, &name).unwrap();
        std::fs::rename(&name, &link).unwrap();
        std::fs::rename(&away, &name).unwrap();
    });
    assert!(counts.0 > 0, "{counts:?}");
}

#[test]
fn a_path_that_is_rewritten() {
    let _alone = alone();
    let (place, mut guarded) = place();
    let texts = [c(place.path("open/a")), c(place.path("closed/a"))];
    let length = texts[1].as_bytes_with_nul().len();
    let buffer: Vec<AtomicU8> = (0..length).map(|_| AtomicU8::new(0)).collect();
    let write = |text: &std::ffi::CString| {
        for (to, from) in buffer.iter().zip(text.as_bytes_with_nul()) {
            to.store(*from, Ordering::Relaxed);
        }
    };
    write(&texts[0]);
    let at = buffer.as_ptr().expose_provenance();
    let counts = open_under(&mut guarded, at, 0, || texts.iter().for_each(write));
    assert!(counts.0 > 0 && counts.1 > 0, "{counts:?}");
}

#[test]
fn a_name_that_becomes_a_link_while_it_is_created() {
    let _alone = alone();
    let (place, mut guarded) = place();
    let name = place.path("open/new");
    let outside = place.path("closed/new");
    let path = c(&name);
    let counts = open_under(&mut guarded, p(&path), 0o100 | 1, || {
        let _ = std::fs::remove_file(&name);
        let _ = std::os::unix::fs::symlink(&outside, &name);
        let _ = std::fs::remove_file(&name);
    });
    assert!(counts.0 > 0, "{counts:?}");
    assert!(!outside.exists());
}
