//! The extension, found and asked for what it shares.
//!
//! An abstract Unix socket (unix(7)) whose name the variable `GUARD_RENDEZVOUS` holds. Who connects
//! gets one message: a line of text, and two descriptors, of the sealed region and of the ring. Who
//! connects once more has mapped what the extension did not know, which is why it looks.

use crate::sys::{self, Descriptor, Errno, number};

/// What the message begins with; another release's extension has another number. Then come the path
/// of the preload library and that of the loader, each ended by a line feed.
const GREETING: &[u8] = b"guard process 1\n";

/// Longest message.
pub(crate) const LONGEST: usize = 1024;

/// What the extension hands over.
#[derive(Debug)]
pub(crate) struct Gift<'t> {
    pub(crate) sealed: Descriptor,
    pub(crate) ring: Descriptor,
    pub(crate) preload: &'t [u8],
    pub(crate) loader: &'t [u8],
}

/// Why there is nothing from the extension.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The socket cannot be reached.
    Unreachable,
    /// Another process answers: an ordinary user's, or one that shares another region.
    Stranger,
    /// What it says is not understood.
    Garbled,
}

impl Refusal {
    pub(crate) const fn text(self) -> &'static [u8] {
        match self {
            Self::Unreachable => b"the extension cannot be reached",
            Self::Stranger => b"another process answers in the extension's place",
            Self::Garbled => b"what answers is another release or no guard",
        }
    }
}

/// Asks the extension behind the socket named `name`.
pub(crate) fn ask<'t>(name: &[u8], text: &'t mut [u8; LONGEST]) -> Result<Gift<'t>, Refusal> {
    let socket = connect(name, 0).map_err(|_| Refusal::Unreachable)?;
    if !is_own(&socket) {
        return Err(Refusal::Stranger);
    }
    let (length, descriptors) = receive(&socket, text).ok_or(Refusal::Unreachable)?;
    let [Some(sealed), Some(ring)] = descriptors else {
        return Err(Refusal::Garbled);
    };
    let lines = text
        .get(..length)
        .and_then(|text| text.strip_prefix(GREETING))
        .ok_or(Refusal::Garbled)?;
    let mut lines = lines.split(|byte| *byte == b'\n');
    match (lines.next(), lines.next(), lines.next()) {
        (Some(preload), Some(loader), Some([])) => Ok(Gift {
            sealed,
            ring,
            preload,
            loader,
        }),
        _ => Err(Refusal::Garbled),
    }
}

/// Has the extension look at what this program has mapped, without waiting for it.
pub(crate) fn call(name: &[u8]) {
    const SOCK_NONBLOCK: usize = 0o4000;
    // It need not answer, and nothing is believed of who does.
    let _ = connect(name, SOCK_NONBLOCK);
}

fn connect(name: &[u8], flags: usize) -> Result<Descriptor, Errno> {
    const AF_UNIX: usize = 1;
    const SOCK_STREAM_CLOEXEC: usize = 1 | 0o2_000_000;
    const EINVAL: Errno = Errno(22);
    let args = [AF_UNIX, SOCK_STREAM_CLOEXEC | flags, 0, 0, 0, 0];
    // SAFETY: a new descriptor; the arguments are numbers.
    let socket = Descriptor::owned(unsafe { sys::call(number::SOCKET, args) }?);
    // sockaddr_un: the family, then a NUL byte and the name.
    let mut address = [0_u8; 110];
    address[0] = 1;
    address
        .get_mut(3..)
        .and_then(|to| to.get_mut(..name.len()))
        .ok_or(EINVAL)?
        .copy_from_slice(name);
    let args = [
        socket.raw(),
        address.as_ptr().addr(),
        3 + name.len(),
        0,
        0,
        0,
    ];
    // SAFETY: the kernel reads the address, which outlives the call.
    unsafe { sys::call(number::CONNECT, args) }?;
    Ok(socket)
}

/// Whether the other end has our user id or is root, who may have left this program to us: he can do
/// all that an answer could.
fn is_own(socket: &Descriptor) -> bool {
    const SOL_SOCKET: usize = 1;
    const SO_PEERCRED: usize = 17;
    let mut credentials = [0_u32; 3];
    let mut length = 12_u32;
    let value = credentials.as_mut_ptr().addr();
    let args = [
        socket.raw(),
        SOL_SOCKET,
        SO_PEERCRED,
        value,
        (&raw mut length).addr(),
        0,
    ];
    // SAFETY: the kernel writes at most 12 bytes to the array, and the length.
    let asked = unsafe { sys::call(number::GETSOCKOPT, args) };
    // SAFETY: takes no arguments and changes nothing.
    let own = unsafe { sys::call(number::GETEUID, [0; 6]) };
    asked.is_ok() && (credentials[1] == 0 || own == Ok(credentials[1] as usize))
}

/// Receives one message and the first two descriptors that come with it.
fn receive(
    socket: &Descriptor,
    text: &mut [u8; LONGEST],
) -> Option<(usize, [Option<Descriptor>; 2])> {
    const CLOEXEC: usize = 0x4000_0000;
    const EINTR: Errno = Errno(4);
    const SCM_RIGHTS: u64 = 1 | 1 << 32;
    // cmsghdr (length, level and type), two descriptors.
    let mut control = [0_u64; 8];
    let vector = [text.as_mut_ptr().addr(), text.len()];
    let mut message = [
        0,
        0,
        vector.as_ptr().addr(),
        1,
        control.as_mut_ptr().addr(),
        size_of_val(&control),
        0,
    ];
    let length = loop {
        let args = [socket.raw(), message.as_mut_ptr().addr(), CLOEXEC, 0, 0, 0];
        // SAFETY: a msghdr whose parts outlive the call.
        match unsafe { sys::call(number::RECVMSG, args) } {
            Err(EINTR) => {}
            result => break result.ok()?,
        }
    };
    let count = (control[0] as usize).checked_sub(16)? / 4;
    if control[1] != SCM_RIGHTS {
        return None;
    }
    let descriptor = |index: usize, word: u64| {
        (index < count).then(|| Descriptor::owned((word & 0xffff_ffff) as usize))
    };
    Some((
        length,
        [descriptor(0, control[2]), descriptor(1, control[2] >> 32)],
    ))
}
