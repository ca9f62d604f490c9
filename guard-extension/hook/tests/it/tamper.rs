//! Other processes, and interfaces that are closed: a table of calls with their siblings.

use std::process::{Child, Command};

use guard_hook::Answer;
use guard_hook::calls::CALLS;
use guard_hook::shared::{Kind, Outcome, TmpUse};
use guard_hook::sys::number::DUP3;

use crate::support::{Guarded, alone, native};

fn number(name: &str) -> usize {
    let row = CALLS.iter().find(|row| row.name == name);
    usize::from(row.unwrap_or_else(|| panic!("{name}")).number().unwrap())
}

struct Process(Child);

impl Process {
    fn new() -> Self {
        use std::os::unix::process::CommandExt;
        Self(
            Command::new("sleep")
                .arg("60")
                .process_group(0)
                .spawn()
                .unwrap(),
        )
    }

    fn id(&self) -> usize {
        self.0.id() as usize
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn the_extension_is_out_of_reach() {
    let _alone = alone();
    let extension = Process::new();
    let other = Process::new();
    let own = std::process::id() as usize;
    let (it, other) = (extension.id(), other.id());
    let minus = |id: usize| -(id as isize) as usize;
    let owner = [1_u32, it as u32];
    let other_owner = [1_u32, other as u32];
    let at = |structure: &[u32; 2]| structure.as_ptr().expose_provenance();
    let id_of = |id: usize| Box::leak(Box::new(id as u32)) as *mut u32;
    let group = |id: usize| id_of(id).expose_provenance();
    for mode in ["enforce", "monitor"] {
        let mut guarded = Guarded::with(&[("GUARD_MODE", mode)], TmpUse::Keep, it as u32, b"");
        for (name, args, errno) in [
            ("kill", vec![it, 15], 1),
            ("kill", vec![it, 0], 0),
            ("kill", vec![minus(it), 15], 1),
            ("kill", vec![usize::MAX, 15], 1),
            ("kill", vec![other, 15], 0),
            ("kill", vec![0, 15], 0),
            ("kill", vec![minus(other), 15], 0),
            ("tkill", vec![it, 9], 1),
            ("tkill", vec![own, 9], 0),
            ("tgkill", vec![it, it, 9], 1),
            ("tgkill", vec![own, own, 9], 0),
            ("rt_sigqueueinfo", vec![it, 9, 0], 1),
            ("rt_tgsigqueueinfo", vec![it, it, 9, 0], 1),
            ("rt_tgsigqueueinfo", vec![own, own, 9, 0], 0),
            ("pidfd_open", vec![it, 0], 1),
            ("pidfd_open", vec![other, 0], 0),
            ("pidfd_getfd", vec![3, 0, 0], 1),
            ("ptrace", vec![16, it], 1),
            ("process_vm_readv", vec![it], 1),
            ("process_vm_readv", vec![own], 0),
            ("process_vm_writev", vec![other], 1),
            ("kcmp", vec![own, it], 1),
            ("kcmp", vec![own, own], 0),
            ("prctl", vec![4, 0], 1),
            ("prctl", vec![4, 1], 0),
            ("prctl", vec![15, 0], 0),
            ("prctl", vec![0x5961_6d61, it], 1),
            ("prctl", vec![59, 1], 22),
            ("setpriority", vec![0, it, 19], 1),
            ("setpriority", vec![1, it, 19], 1),
            ("setpriority", vec![0, 0, 19], 0),
            ("setpriority", vec![2, 0, 19], 1),
            ("prlimit64", vec![it, 0, 0, 0], 1),
            ("prlimit64", vec![0, 0, 0, 0], 0),
            ("sched_setaffinity", vec![it, 0, 0], 1),
            ("sched_setaffinity", vec![0, 0, 0], 0),
            ("ioprio_set", vec![1, it, 0], 1),
            ("fcntl", vec![0, 8, it], 1),
            ("fcntl", vec![0, 8, minus(it)], 1),
            ("fcntl", vec![0, 8, own], 0),
            ("fcntl", vec![0, 3, 0], 0),
            ("fcntl", vec![0, 15, at(&owner)], 1),
            ("fcntl", vec![0, 15, at(&other_owner)], 0),
            ("fcntl", vec![0, 15, 8], 0),
            ("ioctl", vec![0, 0x5412, 0], 1),
            ("ioctl", vec![0, 0x5401, 0], 0),
            ("ioctl", vec![0, 0x8901, group(it)], 1),
            ("ioctl", vec![0, 0x8902, group(other)], 0),
            ("seccomp", vec![1, 8, 0], 22),
            ("seccomp", vec![1, 0, 0], 22),
            ("seccomp", vec![1 << 32 | 1, 0, 0], 22),
            ("seccomp", vec![2, 0, 0], 0),
            ("prctl", vec![22, 2, 0], 22),
            ("prctl", vec![21], 0),
            ("prctl", vec![1 << 32 | 4, 0], 1),
            ("personality", vec![0x040_0000], 22),
            ("personality", vec![0xffff_ffff], 0),
            ("personality", vec![0x004_0000], 0),
        ] {
            let mut all = [0; 6];
            all[..args.len()].copy_from_slice(&args);
            let answer = guarded.decide(number(name), all);
            let records = guarded.records();
            let is_enforced = mode == "enforce";
            match errno {
                0 => {
                    assert!(
                        !matches!(answer, Answer::Return(_)),
                        "{name} {args:?}: {answer:?}"
                    );
                    assert_eq!(records, [], "{name} {args:?}");
                }
                errno => {
                    let expected = match is_enforced {
                        true => Answer::Return(-errno),
                        false => Answer::Proceed,
                    };
                    assert_eq!(answer, expected, "{name} {args:?}");
                    let outcome = match is_enforced {
                        true => Outcome::Denied,
                        false => Outcome::Would,
                    };
                    assert_eq!(records.len(), 1);
                    assert_eq!(
                        (records[0].kind, records[0].outcome),
                        (Kind::Tamper, outcome)
                    );
                    assert_eq!(records[0].text, name);
                }
            }
        }
    }
}

#[test]
fn a_handle_made_otherwise_is_no_way_around() {
    let _alone = alone();
    let extension = Process::new();
    let other = Process::new();
    let id = extension.id() as u32;
    let mut guarded = Guarded::with(&[], TmpUse::Keep, id, b"");
    for (process, is_refused) in [(&extension, true), (&other, false)] {
        // As inherited: opened before there was a guard.
        let pidfd = native(number("pidfd_open"), [process.id(), 0, 0, 0, 0, 0]);
        assert!(pidfd >= 0);
        let directory = std::fs::File::open(format!("/proc/{}", process.id())).unwrap();
        let directory = std::os::fd::AsRawFd::as_raw_fd(&directory) as usize;
        for handle in [pidfd as usize, directory] {
            let answer = guarded.decide(number("pidfd_send_signal"), [handle, 9, 0, 0, 0, 0]);
            assert_eq!(
                answer == Answer::Return(-1),
                is_refused,
                "{handle}: {answer:?}"
            );
        }
        crate::support::close(pidfd);
    }
}

#[test]
fn the_kernels_wide_interfaces_are_closed() {
    let _alone = alone();
    for mode in ["enforce", "monitor"] {
        let mut guarded = Guarded::new(&[("GUARD_MODE", mode)]);
        for (name, args, errno) in [
            ("io_uring_setup", [8, 0], 38),
            ("io_uring_enter", [0, 0], 38),
            ("bpf", [0, 0], 38),
            ("userfaultfd", [0, 0], 38),
            ("perf_event_open", [0, 0], 38),
            ("keyctl", [0, 0], 38),
            ("unshare", [0x1000_0000, 0], 1),
            ("unshare", [0x80, 0], 1),
            ("unshare", [0x400, 0], 0),
            ("clone", [0x1000_0011, 0], 1),
            ("clone", [0x11, 0], 0),
            ("setns", [3, 0], 1),
            ("mount", [0, 0], 1),
            ("chroot", [0, 0], 1),
            ("open_by_handle_at", [0, 0], 1),
        ] {
            let answer = guarded.decide(number(name), [args[0], args[1], 0, 0, 0, 0]);
            let records = guarded.records();
            if errno == 0 {
                assert_eq!((answer, records.len()), (Answer::Proceed, 0), "{name}");
                continue;
            }
            let expected = match mode {
                "enforce" => Answer::Return(-errno),
                _ => Answer::Proceed,
            };
            assert_eq!(answer, expected, "{name}");
            assert_eq!(
                (records[0].kind, records[0].text.as_str()),
                (Kind::Kernel, name)
            );
        }
        let is_enforced = mode == "enforce";
        let clone3 = guarded.decide(number("clone3"), [0; 6]);
        assert_eq!(clone3 == Answer::Return(-38), is_enforced);
        assert_eq!(guarded.records(), []);
        // Of x32, and of a kernel to come.
        for number in [0x4000_0000 + 59, 600] {
            assert!(guard_hook::is_checked(number));
            let answer = guarded.decide(number, [0; 6]);
            assert_eq!(answer == Answer::Return(-38), is_enforced);
        }
    }
}

/// A handle on another process, and one on the extension, at one number in turns.
#[test]
fn a_handle_that_is_swapped_leads_to_nobody_else() {
    use std::os::fd::AsRawFd as _;
    use std::sync::atomic::{AtomicBool, Ordering};

    let _alone = alone();
    let mut extension = Process::new();
    let mut guarded = Guarded::with(
        &[("GUARD_MODE", "enforce")],
        TmpUse::Keep,
        extension.id() as u32,
        b"",
    );
    let own = std::fs::File::open("/proc/self").unwrap();
    let other = std::fs::File::open(format!("/proc/{}", extension.id())).unwrap();
    let shared = own.try_clone().unwrap();
    let at = shared.as_raw_fd();
    let stop = AtomicBool::new(false);
    let (mut sent, mut refused) = (0, 0);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let args = |from: &std::fs::File| [from.as_raw_fd() as usize, at as usize, 0, 0, 0, 0];
            while !stop.load(Ordering::Relaxed) {
                native(DUP3, args(&other));
                native(DUP3, args(&own));
            }
        });
        let end = std::time::Instant::now() + std::time::Duration::from_millis(1500);
        while std::time::Instant::now() < end {
            // SIGPIPE: tests ignore it, and other programs end.
            let args = [at as usize, 13, 0, 0, 0, 0];
            match guarded.call(number("pidfd_send_signal"), args) {
                0 => sent += 1,
                -1 => refused += 1,
                other => panic!("{other}"),
            }
            guarded.records();
        }
        stop.store(true, Ordering::Relaxed);
    });
    assert!(sent > 0 && refused > 0, "{sent} {refused}");
    assert!(extension.0.try_wait().unwrap().is_none());
}
