//! What is asked of a policy and what it answers.
//!
//! Knows the vocabulary only. Builds with `core` alone, since the tier that decides inside another
//! program's system calls has nothing else.

use core::net::IpAddr;

/// Transport of an outbound connection or datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
#[allow(
    clippy::exhaustive_enums,
    reason = "the sockets Guard lets through have no third transport"
)]
pub enum Protocol {
    /// TCP, protocol number 6 (RFC 9293).
    Tcp = 6,
    /// UDP, protocol number 17 (RFC 768). QUIC is UDP.
    Udp = 17,
}

impl Protocol {
    /// The name as settings and records spell it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        }
    }
}

/// What a program wants to do with a file. An open for both asks twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(
    clippy::exhaustive_enums,
    reason = "every file operation reads, or changes something"
)]
pub enum Access {
    /// Read the content, list a directory.
    Read,
    /// Change anything: write, truncate, create, delete, rename, link, change mode or owner.
    Write,
}

impl Access {
    /// The name as records spell it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
        }
    }
}

/// Where the execution environment is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(
    clippy::exhaustive_enums,
    reason = "a function is set up, or it handles events"
)]
pub enum Phase {
    /// Until the runtime first asks for an event. Rules marked `@init` hold.
    Init,
    /// From then on.
    Invoke,
}

impl Phase {
    /// The name as records spell it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Init => "init",
            Self::Invoke => "invoke",
        }
    }
}

/// One thing a program wants to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Operation<'a> {
    /// Reach a host known by name.
    Host {
        /// The name, as a resolver gets it.
        name: &'a [u8],
        /// Port.
        port: u16,
        /// Transport.
        protocol: Protocol,
    },
    /// Reach an address.
    Address {
        /// The address.
        ip: IpAddr,
        /// Port.
        port: u16,
        /// Transport.
        protocol: Protocol,
    },
    /// Reach a socket of the local machine.
    Unix {
        /// Absolute path, or an abstract name with the NUL byte that begins it (unix(7)).
        path: &'a [u8],
    },
    /// Use a file.
    File {
        /// Absolute path, symbolic links resolved.
        path: &'a [u8],
        /// What for.
        access: Access,
        /// When.
        phase: Phase,
    },
    /// Start a program.
    Exec {
        /// Absolute path, symbolic links resolved.
        path: &'a [u8],
        /// When.
        phase: Phase,
    },
}

/// Names the entry of the policy that a decision rests on: see
/// [`CompiledPolicy::entry`](super::compiled::CompiledPolicy::entry).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EntryId(pub(crate) u16);

impl EntryId {
    /// Position of the entry in the policy's list of entries.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// What a policy says about an operation. What follows from it depends on the mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
#[allow(
    clippy::exhaustive_enums,
    reason = "a fourth answer would have to break every caller"
)]
pub enum Decision {
    /// An entry allows it.
    Allowed(EntryId),
    /// Operations of this kind are restricted and no entry allows this one.
    Denied,
    /// The policy does not restrict operations of this kind.
    NotRestricted,
}

impl Decision {
    /// Whether the operation is refused.
    #[must_use]
    pub const fn is_denied(self) -> bool {
        matches!(self, Self::Denied)
    }
}

/// Where an entry of the policy was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
#[non_exhaustive]
pub enum Origin {
    /// `GUARD_EGRESS_ALLOW`.
    EgressAllow = 0,
    /// `GUARD_DNS`, or the system's resolvers when it is unset.
    Dns = 1,
    /// `GUARD_FILE_READ`.
    FileRead = 2,
    /// `GUARD_FILE_WRITE`.
    FileWrite = 3,
    /// `GUARD_EXEC_ALLOW`.
    ExecAllow = 4,
    /// Not written anywhere: what the platform needs.
    Platform = 5,
}

impl Origin {
    const ALL: [Self; 6] = [
        Self::EgressAllow,
        Self::Dns,
        Self::FileRead,
        Self::FileWrite,
        Self::ExecAllow,
        Self::Platform,
    ];

    /// The variable's name, or `platform`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::EgressAllow => "GUARD_EGRESS_ALLOW",
            Self::Dns => "GUARD_DNS",
            Self::FileRead => "GUARD_FILE_READ",
            Self::FileWrite => "GUARD_FILE_WRITE",
            Self::ExecAllow => "GUARD_EXEC_ALLOW",
            Self::Platform => "platform",
        }
    }

    pub(crate) fn from_byte(byte: u8) -> Option<Self> {
        Self::ALL.get(usize::from(byte)).copied()
    }
}
