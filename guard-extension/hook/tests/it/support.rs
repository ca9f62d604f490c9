//! A guarded process in place of this one.

use std::ffi::CString;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use guard_core::policy::Policy;
use guard_hook::shared::{Kind, Outcome, Record, Ring, Sealed, SealedWriter, Settings, TmpUse};
use guard_hook::{Answer, Call, Children, Local, Next, Process, Scratch, after, decide, sys};

/// A record, owned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) kind: Kind,
    pub(crate) outcome: Outcome,
    pub(crate) text: String,
    pub(crate) errno: u16,
}

/// Regions, policy and memory of one guarded program. Leaked: tests are short.
pub(crate) struct Guarded {
    pub(crate) process: Process<'static>,
    pub(crate) writer: SealedWriter<'static>,
    scratch: Box<Scratch>,
}

/// Memory that children of this process share, as the regions are.
fn words(bytes: usize) -> &'static [AtomicU64] {
    const MMAP: usize = if cfg!(target_arch = "x86_64") { 9 } else { 222 };
    // PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS
    let base = native(MMAP, [0, bytes, 3, 0x21, usize::MAX, 0]);
    assert!(base > 0);
    // SAFETY: mapped a moment ago, and never unmapped.
    unsafe { sys::region::words(base as *const u8, bytes) }
}

impl Guarded {
    pub(crate) fn new(settings: &[(&str, &str)]) -> Self {
        Self::with(settings, TmpUse::Keep, 0, b"")
    }

    pub(crate) fn with(
        settings: &[(&str, &str)],
        tmp: TmpUse,
        extension: u32,
        program: &'static [u8],
    ) -> Self {
        let policy = Policy::from_vars(|name| {
            let found = settings.iter().find(|(key, _)| *key == name);
            let enforce = (name == "GUARD_MODE").then_some("enforce");
            found
                .map(|(_, value)| *value)
                .or(enforce)
                .map(str::to_owned)
        })
        .unwrap();
        let image = policy.compile();
        let sealed = words(SealedWriter::size(image.len(), 64));
        let settings = Settings {
            tmp,
            extension,
            redirects: &[],
        };
        let writer = SealedWriter::create(sealed, &image, 64, &settings).unwrap();
        let ring = words(Ring::size(1024, 4));
        Ring::create(ring, 1024, 4).unwrap();
        let sealed = Sealed::new(sealed).unwrap();
        let process = Process {
            acts_for: None,
            policy: sealed.policy().unwrap(),
            sealed,
            ring: Ring::new(ring).unwrap(),
            local: Box::leak(Box::new(Local::new())),
            children: Children::new(b"/opt/guard/libguard.so", b"/opt/guard/wrap", b"guard-test"),
            program,
        };
        Self {
            process,
            writer,
            scratch: Box::new(Scratch::new()),
        }
    }

    /// Another thread's view of the same program.
    pub(crate) fn fork(&self) -> Self {
        Self {
            process: self.process,
            writer: SealedWriter::join(self.process.sealed),
            scratch: Box::new(Scratch::new()),
        }
    }

    /// Makes a call as a patched site does.
    pub(crate) fn call(&mut self, number: usize, args: [usize; 6]) -> isize {
        let call = Call { number, args };
        let make = |call: &Call| {
            // SAFETY: the calls that the tests make, or that were decided on, of their memory.
            unsafe { sys::syscall(call.number, call.args) }
        };
        match decide(&self.process, &call, &mut self.scratch) {
            Answer::Proceed => make(&call),
            Answer::Return(result) => result,
            Answer::Instead(first) => {
                let mut result = make(&first);
                loop {
                    match after(&self.process, &call, &mut self.scratch, result) {
                        Next::Done(result) => return result,
                        Next::Again(next) => result = make(&next),
                    }
                }
            }
        }
    }

    /// What is decided, without carrying it out.
    pub(crate) fn decide(&mut self, number: usize, args: [usize; 6]) -> Answer {
        decide(&self.process, &Call { number, args }, &mut self.scratch)
    }

    /// Ends a call that was decided about as if the kernel had refused it.
    #[allow(
        dead_code,
        reason = "examples/cost.rs shares this file and measures calls that the kernel refuses"
    )]
    pub(crate) fn refused(&mut self, call: &Call) {
        let _ = after(&self.process, call, &mut self.scratch, -1);
    }

    /// Records since the last time.
    pub(crate) fn records(&self) -> Vec<Seen> {
        let mut all = Vec::new();
        let lost = self.process.ring.reader().drain(|record: &Record<'_>| {
            all.push(Seen {
                kind: record.kind,
                outcome: record.outcome,
                text: String::from_utf8_lossy(record.text).into_owned(),
                errno: record.errno,
            });
        });
        assert_eq!(lost, 0);
        all
    }
}

/// A call, unguarded.
pub(crate) fn native(number: usize, args: [usize; 6]) -> isize {
    // SAFETY: the calls that the tests make.
    unsafe { sys::syscall(number, args) }
}

/// A directory of its own outside of /tmp, which has rules of its own; removed in the end.
pub(crate) struct Place(pub(crate) PathBuf);

impl Place {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("hook-{}-{number}", std::process::id());
        let path = Path::new(option_env!("CARGO_TARGET_TMPDIR").unwrap_or("/var/tmp")).join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path.canonicalize().unwrap())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub(crate) fn text(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A path for the kernel.
pub(crate) fn c(path: impl AsRef<Path>) -> CString {
    CString::new(path.as_ref().as_os_str().as_bytes()).unwrap()
}

pub(crate) fn p(path: &CString) -> usize {
    path.as_ptr().expose_provenance()
}

/// Reads all of a descriptor and closes it.
pub(crate) fn content(descriptor: isize) -> Vec<u8> {
    use std::io::Read;
    use std::os::fd::FromRawFd;
    // SAFETY: the descriptor was opened by the test.
    let mut file = unsafe { std::fs::File::from_raw_fd(descriptor as i32) };
    let mut bytes = Vec::new();
    let _ = file.read_to_end(&mut bytes);
    bytes
}

pub(crate) fn close(descriptor: isize) {
    if descriptor >= 0 {
        native(sys::number::CLOSE, [descriptor as usize, 0, 0, 0, 0, 0]);
    }
}

pub(crate) const CWD: usize = -100_isize as usize;
pub(crate) const EACCES: isize = -13;
pub(crate) const O_CREAT: usize = 0o100;

/// Tests share descriptors and the working directory, so that they run one after the other.
pub(crate) fn alone() -> std::sync::MutexGuard<'static, ()> {
    static ALONE: std::sync::Mutex<()> = std::sync::Mutex::new(());
    ALONE
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}
