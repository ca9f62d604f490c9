//! May this file be used? Asks the policy, and protects the guard itself.
//!
//! Knows real paths: absolute, symbolic links resolved, as the kernel names an open file.

use guard_core::policy::{Access, CompiledPolicy, Decision};

use super::path::{ProcPath, as_self, is_below, of_process};
use crate::process::Process;
use crate::record::{Subject, goes_on};
use crate::shared::{Kind, TmpUse};
use crate::sys;
use crate::tamper::is_extension;
use crate::text::{PathText, Text};

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Wants {
    pub(crate) read: bool,
    pub(crate) write: bool,
}

impl Wants {
    pub(crate) const WRITE: Self = Self {
        read: false,
        write: true,
    };
    pub(crate) const READ: Self = Self {
        read: true,
        write: false,
    };

    fn each(self) -> impl Iterator<Item = Access> {
        let read = self.read.then_some(Access::Read);
        read.into_iter().chain(self.write.then_some(Access::Write))
    }
}

/// Permission denied (errno(3)).
pub(crate) const EACCES: u16 = 13;

/// What stands against the use of a file.
enum Obstacle {
    /// Nothing; the decisions of the policy, for learning.
    None,
    /// The policy.
    Policy(Access),
    /// Something that the policy has no say in.
    Of(Kind),
}

/// Whether a call on this file goes on; records what has to be recorded. `names` is memory to work
/// in.
pub(crate) fn may_use(
    process: &Process<'_>,
    number: usize,
    path: &[u8],
    wants: Wants,
    names: &mut PathText,
) -> bool {
    let denied = |kind| {
        let subject = Subject::new(kind, path);
        goes_on(process, number, &subject, Decision::Denied, EACCES)
    };
    match obstacle(process, path, wants, names) {
        Obstacle::Policy(Access::Read) => denied(Kind::Read),
        Obstacle::Policy(Access::Write) => denied(Kind::Write),
        Obstacle::Of(kind) => denied(kind),
        Obstacle::None => {
            learn(process, number, path, wants);
            true
        }
    }
}

/// Whether nothing stands against it; records nothing.
pub(crate) fn is_free(
    process: &Process<'_>,
    path: &[u8],
    wants: Wants,
    names: &mut PathText,
) -> bool {
    matches!(obstacle(process, path, wants, names), Obstacle::None)
}

/// Records the use of a file that no rule is about.
pub(crate) fn learn(process: &Process<'_>, number: usize, path: &[u8], wants: Wants) {
    // Pipes, sockets and the like have no path.
    if !path.starts_with(b"/") {
        return;
    }
    let phase = process.sealed.phase();
    for access in wants.each() {
        let kind = match access {
            Access::Read => Kind::Read,
            Access::Write => Kind::Write,
        };
        // Only whether files are restricted is of interest.
        if process.policy.file(b"/", access, phase) == Decision::NotRestricted {
            let subject = Subject::new(kind, path);
            let _ = goes_on(process, number, &subject, Decision::NotRestricted, 0);
        }
    }
}

/// Whether any rule is missing that would be about such a use, so that [`learn`] records it.
pub(super) fn learns(process: &Process<'_>, wants: Wants) -> bool {
    let phase = process.sealed.phase();
    wants
        .each()
        .any(|access| process.policy.file(b"/", access, phase) == Decision::NotRestricted)
}

fn obstacle(process: &Process<'_>, path: &[u8], wants: Wants, names: &mut PathText) -> Obstacle {
    if path.starts_with(b"/memfd:") || !path.starts_with(b"/") {
        // Anonymous: whoever holds a descriptor may open it anew. Not the regions that the guard
        // maps.
        return match path.starts_with(b"/memfd:guard") {
            true => Obstacle::Of(Kind::Tamper),
            false => Obstacle::None,
        };
    }
    let of = of_process(path);
    let own = of.filter(|of| is_own(of.id));
    if let Some(of) = of
        && is_tampering(process, of, own.is_some(), wants)
    {
        return Obstacle::Of(Kind::Tamper);
    }
    if wants.write && is_part(process, path) {
        return Obstacle::Of(Kind::Tamper);
    }
    if wants.write && process.restricts() && is_kernels(path) {
        return Obstacle::Of(Kind::Tamper);
    }
    if is_below(path, b"/tmp") {
        match process.sealed.tmp() {
            TmpUse::None => return Obstacle::Of(Kind::Tmp),
            TmpUse::ReadOnly if wants.write => return Obstacle::Of(Kind::Tmp),
            _ => {}
        }
    }
    for access in wants.each() {
        if allows(process, path, access) {
            continue;
        }
        // Rules name the process's own directory as /proc/self, the kernel by its number.
        let is_allowed = own.is_some()
            && as_self(path, names).is_some()
            && allows(process, names.bytes(), access);
        // Threads name each other there.
        let is_name = own.is_some_and(|own| own.rest == b"comm");
        let is_linked = access == Access::Read
            && !wants.write
            && process.local.is_linking()
            && is_library(path, names);
        if !is_allowed && !is_name && !is_linked {
            return Obstacle::Policy(access);
        }
    }
    Obstacle::None
}

/// Whether a file is one of those that programs are guarded with.
fn is_part(process: &Process<'_>, path: &[u8]) -> bool {
    path == process.children.preload || path == process.children.loader
}

/// Whether a path may be given to something else, or a file another path, as far as the guard's own
/// files go: their folders stay where they are, and they have no second path, by which they could be
/// written. Records what has to be recorded.
pub(super) fn may_move(process: &Process<'_>, number: usize, path: &[u8]) -> bool {
    let parts = [process.children.preload, process.children.loader];
    if path.is_empty() || !parts.iter().any(|part| is_below(part, path)) {
        return true;
    }
    let subject = Subject::new(Kind::Tamper, path);
    goes_on(process, number, &subject, Decision::Denied, EACCES)
}

/// Whether a file is a setting of the kernel, which may start programs of root's choice when
/// something happens (core(5), proc_sys_kernel(5)). Nobody but root may write them anyway.
fn is_kernels(path: &[u8]) -> bool {
    [b"/proc/sys".as_slice(), b"/proc/sysrq-trigger", b"/sys"]
        .iter()
        .any(|of| is_below(path, of))
}

/// Whether a file is what dynamic loaders read to link a program: a library, or where to look for
/// them (ld.so(8), musl's path file).
fn is_library(path: &[u8], names: &mut PathText) -> bool {
    const O_NONBLOCK: u64 = 0o4000;
    if matches!(path, b"/etc/ld.so.cache" | b"/etc/ld.so.preload")
        || path.starts_with(b"/etc/ld-musl-")
    {
        return true;
    }
    let how = sys::OpenHow {
        flags: O_NONBLOCK | super::resolve::O_CLOEXEC,
        mode: 0,
        resolve: super::resolve::RESOLVE_NO_SYMLINKS,
    };
    let mut head = [0; 4];
    names.set(path).is_some()
        && sys::open_at(sys::AT_FDCWD, names, &how)
            .is_ok_and(|file| sys::read_at(&file, 0, &mut head) == Ok(4) && head == *b"\x7fELF")
}

/// Whether the policy allows it, the process's own variables by a rule for /proc/self only: a rule
/// for /proc, which programs need for much else, would hand out credentials with it.
fn allows(process: &Process<'_>, path: &[u8], access: Access) -> bool {
    let policy: &CompiledPolicy<'_> = &process.policy;
    match policy.file(path, access, process.sealed.phase()) {
        Decision::NotRestricted => true,
        Decision::Denied => false,
        Decision::Allowed(entry) => {
            let is_environment = path.starts_with(b"/proc/") && path.ends_with(b"/environ");
            !is_environment
                || policy
                    .entry(entry)
                    .is_some_and(|(_, text)| text.starts_with("/proc/self"))
        }
    }
}

/// Memory and variables of processes, and whatever leads into the extension.
fn is_tampering(process: &Process<'_>, of: ProcPath<'_>, is_own: bool, wants: Wants) -> bool {
    let leaf = of.rest;
    // Threads have folders there that are not listed. What is the program's own is not the
    // extension's, unless the two count processes differently.
    let is_extensions = match is_own {
        true => of.id == process.sealed.extension(),
        false => is_extension(process, of.id.cast_signed()),
    };
    if is_extensions {
        // What `ps` shows.
        return wants.write
            || !matches!(
                leaf,
                b"" | b"stat" | b"statm" | b"status" | b"comm" | b"cmdline"
            );
    }
    match leaf {
        // A program may read its own memory, which it can anyway.
        b"mem" => wants.write || !is_own,
        b"environ" | b"auxv" => !is_own,
        _ => false,
    }
}

/// Whether a number in /proc is this process or one of its threads.
pub(super) fn is_own(id: u32) -> bool {
    if id == sys::process_id() {
        return true;
    }
    let mut path = Text::<48>::new();
    let fits = path.push(b"/proc/self/task/").is_some()
        && path.push_number(usize::try_from(id).unwrap_or(0)).is_some();
    fits && sys::exists(sys::AT_FDCWD, &path).is_ok()
}
