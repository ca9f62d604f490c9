//! Calls that change what is at a path: what each of them does, read from its arguments.
//!
//! Knows which argument is what, and which call does the same by descriptors of directories and
//! objects; not where a path leads.

use super::argument;
use super::judge::Wants;
use crate::Call;
use crate::calls::Name;
use crate::sys::{self, AT_FDCWD, number};

pub(super) const AT_SYMLINK_NOFOLLOW: usize = 0x100;
const AT_REMOVEDIR: usize = 0x200;
pub(super) const AT_EMPTY_PATH: usize = 0x1000;
pub(super) const IN_DONT_FOLLOW: usize = 0x0200_0000;

/// What kind of operation it is, with the arguments where they are needed.
#[derive(Debug, Clone, Copy)]
pub(super) enum Shape {
    /// Creates an entry. `with` is the call that does it in a directory, its descriptor at
    /// `at`, the name behind it.
    Entry {
        directory: usize,
        path: usize,
        with: Call,
        at: usize,
        creates: bool,
    },
    /// Changes an object. `with` is the call that does it, the path at `at`.
    Object {
        directory: usize,
        path: usize,
        with: Call,
        at: usize,
        follow: bool,
        wants: Wants,
    },
    /// Changes an open file.
    Descriptor {
        descriptor: usize,
        with: Call,
        at: usize,
    },
    /// Two entries: a rename or a link.
    Two {
        from: (usize, usize),
        to: (usize, usize),
        flags: usize,
        link: bool,
    },
}

/// Whether an ioctl(2) changes a file, or what is in a folder, that need not be open for writing.
pub(crate) const fn changes_by_control(request: usize) -> bool {
    // linux/fs.h, linux/fsverity.h, linux/fscrypt.h
    const FS_IOC_SETFLAGS: usize = 0x4008_6602;
    const FS_IOC_FSSETXATTR: usize = 0x401c_5820;
    const FS_IOC_SETVERSION: usize = 0x4008_7602;
    const FS_IOC_ENABLE_VERITY: usize = 0x4080_6685;
    const FS_IOC_SET_ENCRYPTION_POLICY: usize = 0x800c_6613;
    // linux/ext4.h: another number for the version, and the content of the file that boots.
    const EXT4_IOC_SETVERSION: usize = 0x4008_6604;
    const EXT4_IOC_SWAP_BOOT: usize = 0x6611;
    // linux/msdos_fs.h
    const FAT_IOCTL_SET_ATTRIBUTES: usize = 0x4004_7211;
    // linux/btrfs.h: volumes, by their names in a folder.
    const BTRFS_IOC_SNAP_CREATE: usize = 0x5000_9401;
    const BTRFS_IOC_SUBVOL_CREATE: usize = 0x5000_940e;
    const BTRFS_IOC_SNAP_DESTROY: usize = 0x5000_940f;
    const BTRFS_IOC_SNAP_CREATE_V2: usize = 0x5000_9417;
    const BTRFS_IOC_SUBVOL_CREATE_V2: usize = 0x5000_9418;
    const BTRFS_IOC_SUBVOL_SETFLAGS: usize = 0x4008_941a;
    const BTRFS_IOC_SNAP_DESTROY_V2: usize = 0x5000_943f;
    matches!(
        request & 0xffff_ffff,
        FS_IOC_SETFLAGS
            | FS_IOC_FSSETXATTR
            | FS_IOC_SETVERSION
            | FS_IOC_ENABLE_VERITY
            | FS_IOC_SET_ENCRYPTION_POLICY
            | EXT4_IOC_SETVERSION
            | EXT4_IOC_SWAP_BOOT
            | FAT_IOCTL_SET_ATTRIBUTES
            | BTRFS_IOC_SNAP_CREATE
            | BTRFS_IOC_SUBVOL_CREATE
            | BTRFS_IOC_SNAP_DESTROY
            | BTRFS_IOC_SNAP_CREATE_V2
            | BTRFS_IOC_SUBVOL_CREATE_V2
            | BTRFS_IOC_SUBVOL_SETFLAGS
            | BTRFS_IOC_SNAP_DESTROY_V2
    )
}

/// Whether a call makes a file of a device: a way to disks and memory past every path, for root.
/// Device 0 of the first kind is none (mknod(2), overlayfs).
pub(super) fn makes_device(name: Name, call: &Call) -> bool {
    const S_IFMT: usize = 0o170_000;
    const S_IFCHR: usize = 0o020_000;
    const S_IFBLK: usize = 0o060_000;
    let (mode, device) = match name {
        Name::Mknod => (argument(call, 1), argument(call, 2)),
        Name::Mknodat => (argument(call, 2), argument(call, 3)),
        _ => return false,
    };
    match mode & S_IFMT {
        S_IFBLK => true,
        S_IFCHR => device & 0xffff_ffff != 0,
        _ => false,
    }
}

/// Reads a call's arguments into its shape.
pub(super) fn shape(name: Name, call: &Call) -> Option<Shape> {
    let arg = |index| argument(call, index);
    let entry = |directory, path, number, rest: [usize; 3], creates| Shape::Entry {
        directory,
        path,
        with: Call {
            number,
            args: [0, 0, rest[0], rest[1], rest[2], 0],
        },
        at: 0,
        creates,
    };
    let object = |directory, path, with, at, follow| Shape::Object {
        directory,
        path,
        with,
        at,
        follow,
        wants: Wants::WRITE,
    };
    let descriptor = |descriptor| Shape::Descriptor {
        descriptor,
        with: *call,
        at: 0,
    };
    let with = |number, args| Call { number, args };
    // A call that takes a descriptor with an empty path acts on that descriptor's file.
    let is_empty = |flags: usize, path| {
        let mut first = [0];
        flags & AT_EMPTY_PATH != 0
            && (path == 0 || sys::memory::copy_in(path, &mut first).is_ok() && first == [0])
    };
    Some(match name {
        Name::Mkdir => entry(AT_FDCWD, arg(0), number::MKDIRAT, [arg(1), 0, 0], true),
        Name::Mkdirat => entry(arg(0), arg(1), number::MKDIRAT, [arg(2), 0, 0], true),
        Name::Mknod => entry(AT_FDCWD, arg(0), number::MKNODAT, [arg(1), arg(2), 0], true),
        Name::Mknodat => entry(arg(0), arg(1), number::MKNODAT, [arg(2), arg(3), 0], true),
        Name::Unlink => entry(AT_FDCWD, arg(0), number::UNLINKAT, [0, 0, 0], false),
        Name::Rmdir => entry(
            AT_FDCWD,
            arg(0),
            number::UNLINKAT,
            [AT_REMOVEDIR, 0, 0],
            false,
        ),
        Name::Unlinkat => entry(arg(0), arg(1), number::UNLINKAT, [arg(2), 0, 0], false),
        Name::Symlink | Name::Symlinkat => {
            let (directory, path) = match name {
                Name::Symlink => (AT_FDCWD, arg(1)),
                _ => (arg(1), arg(2)),
            };
            Shape::Entry {
                directory,
                path,
                with: with(number::SYMLINKAT, [arg(0), 0, 0, 0, 0, 0]),
                at: 1,
                creates: true,
            }
        }
        Name::Rename => two_shape((AT_FDCWD, arg(0)), (AT_FDCWD, arg(1)), 0, false),
        Name::Renameat => two_shape((arg(0), arg(1)), (arg(2), arg(3)), 0, false),
        Name::Renameat2 => two_shape((arg(0), arg(1)), (arg(2), arg(3)), arg(4), false),
        Name::Link => two_shape((AT_FDCWD, arg(0)), (AT_FDCWD, arg(1)), 0, true),
        Name::Linkat => two_shape((arg(0), arg(1)), (arg(2), arg(3)), arg(4), true),
        Name::Truncate => object(AT_FDCWD, arg(0), *call, 0, true),
        Name::Chmod => object(
            AT_FDCWD,
            arg(0),
            with(number::FCHMODAT, [AT_FDCWD, 0, arg(1), 0, 0, 0]),
            1,
            true,
        ),
        Name::Fchmodat => object(
            arg(0),
            arg(1),
            with(number::FCHMODAT, [AT_FDCWD, 0, arg(2), 0, 0, 0]),
            1,
            true,
        ),
        Name::Fchmodat2 | Name::Utimensat if is_empty(arg(3), arg(1)) => {
            let mut with = *call;
            with.args[3] |= AT_EMPTY_PATH;
            Shape::Descriptor {
                descriptor: arg(0),
                with,
                at: 0,
            }
        }
        // Of the descriptor itself (utimensat(2)).
        Name::Utimensat if arg(1) == 0 => descriptor(arg(0)),
        Name::Fchmodat2 | Name::Utimensat => {
            let mut with = *call;
            with.args[0] = AT_FDCWD;
            object(arg(0), arg(1), with, 1, arg(3) & AT_SYMLINK_NOFOLLOW == 0)
        }
        Name::Chown | Name::Lchown => {
            let follow = name == Name::Chown;
            let flags = if follow { 0 } else { AT_SYMLINK_NOFOLLOW };
            let with = with(number::FCHOWNAT, [AT_FDCWD, 0, arg(1), arg(2), flags, 0]);
            object(AT_FDCWD, arg(0), with, 1, follow)
        }
        Name::Fchownat if is_empty(arg(4), arg(1)) => descriptor(arg(0)),
        Name::Fchownat => {
            let mut with = *call;
            with.args[0] = AT_FDCWD;
            object(arg(0), arg(1), with, 1, arg(4) & AT_SYMLINK_NOFOLLOW == 0)
        }
        Name::Utime | Name::Utimes => object(AT_FDCWD, arg(0), *call, 0, true),
        Name::Futimesat if arg(1) == 0 => descriptor(arg(0)),
        Name::Futimesat => {
            let mut with = *call;
            with.args[0] = AT_FDCWD;
            object(arg(0), arg(1), with, 1, true)
        }
        Name::Setxattr | Name::Removexattr => object(AT_FDCWD, arg(0), *call, 0, true),
        Name::Lsetxattr | Name::Lremovexattr => object(AT_FDCWD, arg(0), *call, 0, false),
        Name::Setxattrat | Name::Removexattrat if is_empty(arg(2), arg(1)) => descriptor(arg(0)),
        Name::Setxattrat | Name::Removexattrat => {
            let mut with = *call;
            with.args[0] = AT_FDCWD;
            object(arg(0), arg(1), with, 1, arg(2) & AT_SYMLINK_NOFOLLOW == 0)
        }
        Name::FileSetattr if is_empty(arg(4), arg(1)) => descriptor(arg(0)),
        Name::FileSetattr => {
            let mut with = *call;
            with.args[0] = AT_FDCWD;
            object(arg(0), arg(1), with, 1, arg(4) & AT_SYMLINK_NOFOLLOW == 0)
        }
        Name::Fchmod | Name::Fchown | Name::Fsetxattr | Name::Fremovexattr => descriptor(arg(0)),
        Name::Ioctl => descriptor(arg(0)),
        Name::InotifyAddWatch => Shape::Object {
            directory: AT_FDCWD,
            path: arg(1),
            with: *call,
            at: 1,
            follow: arg(2) & IN_DONT_FOLLOW == 0,
            wants: Wants::READ,
        },
        _ => return None,
    })
}

const fn two_shape(from: (usize, usize), to: (usize, usize), flags: usize, link: bool) -> Shape {
    Shape::Two {
        from,
        to,
        flags,
        link,
    }
}
