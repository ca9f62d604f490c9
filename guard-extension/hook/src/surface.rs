//! The kernel's wide and privileged interfaces: closed, whatever the policy lists.
//!
//! Knows which of them take arguments that make the difference, and which error programs expect.

use guard_core::policy::Decision;

use crate::calls::{Name, Row};
use crate::process::Process;
use crate::record::{Subject, goes_on};
use crate::shared::Kind;
use crate::{Answer, Call};

const EPERM: u16 = 1;
const ENOSYS: u16 = 38;

/// `CLONE_NEW*` of clone(2): mount, cgroup, uts, ipc, user, pid and network namespaces.
const NAMESPACES: usize = 0x7e02_0000;
/// `CLONE_NEWTIME`, which clone(2) does not take.
const NEW_TIME: usize = 0x80;

/// `CLONE_FILES`.
const SHARED_DESCRIPTORS: usize = 0x400;

/// Decides about the calls whose treatment is `Kernel`.
pub(crate) fn decide(process: &Process<'_>, row: &Row, call: &Call) -> Answer {
    let [first, ..] = call.args;
    let errno = match row.call {
        Name::Clone if first & NAMESPACES == 0 => {
            if first & SHARED_DESCRIPTORS != 0 {
                process.local.share_descriptors();
            }
            return Answer::Proceed;
        }
        Name::Unshare if first & (NAMESPACES | NEW_TIME) == 0 => return Answer::Proceed,
        // Its flags lie in memory that may change, and the child returns on another stack, so that
        // it cannot be made with a copy. Every libc has a way without it: not worth a record.
        Name::Clone3 if process.enforces() => return Answer::Return(-38),
        Name::Clone3 => return Answer::Proceed,
        Name::IoUringSetup
        | Name::IoUringEnter
        | Name::IoUringRegister
        | Name::Bpf
        | Name::Userfaultfd
        | Name::PerfEventOpen
        | Name::AddKey
        | Name::RequestKey
        | Name::Keyctl
        | Name::Uselib
        | Name::ModifyLdt => ENOSYS,
        _ => EPERM,
    };
    closed(process, call, row.name.as_bytes(), errno)
}

/// A number that the table does not know: newer than this build, or of another interface, such as
/// x32's. Nobody knows what it does.
pub(crate) fn unknown(process: &Process<'_>, call: &Call) -> Answer {
    closed(process, call, b"", ENOSYS)
}

fn closed(process: &Process<'_>, call: &Call, name: &[u8], errno: u16) -> Answer {
    let subject = Subject::new(Kind::Kernel, name);
    match goes_on(process, call.number, &subject, Decision::Denied, errno) {
        true => Answer::Proceed,
        false => Answer::Return(-isize::from(errno.cast_signed())),
    }
}
