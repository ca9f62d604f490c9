//! The rows.

use super::{Row, Treatment};

macro_rules! number {
    (-) => {
        None
    };
    ($number:literal) => {
        Some($number)
    };
}

macro_rules! calls {
    ($($call:ident, $name:literal, $x86_64:tt, $aarch64:tt, $treatment:ident, $reason:literal;)*) => {
        /// A system call that has a row.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[non_exhaustive]
        #[allow(missing_docs, reason = "named as in syscalls(2)")]
        pub enum Name {
            $($call,)*
        }

        /// Every system call that is checked, and some that are not for a reason.
        pub static CALLS: &[Row] = ROWS;

        // A constant beside the static: constants may not read statics.
        pub(super) const ROWS: &[Row] = &[$(
            Row {
                call: Name::$call,
                name: $name,
                x86_64: number!($x86_64),
                aarch64: number!($aarch64),
                treatment: Treatment::$treatment,
                reason: $reason,
            },
        )*];
    };
}

// name, as in syscalls(2), x86_64, aarch64, treatment, reason
calls! {
    Open, "open", 2, -, File,
        "opens a file by path";
    Openat, "openat", 257, 56, File,
        "opens a file by path";
    Openat2, "openat2", 437, 437, File,
        "opens a file by path";
    Creat, "creat", 85, -, File,
        "opens a file by path";
    Truncate, "truncate", 76, 45, File,
        "changes a file by path";
    Rename, "rename", 82, -, File,
        "moves a file, and with it what its directory allowed";
    Renameat, "renameat", 264, 38, File,
        "moves a file, and with it what its directory allowed";
    Renameat2, "renameat2", 316, 276, File,
        "moves a file, and with it what its directory allowed";
    Link, "link", 86, -, File,
        "gives a file a second path, which may allow more";
    Linkat, "linkat", 265, 37, File,
        "gives a file a second path, which may allow more";
    Symlink, "symlink", 88, -, File,
        "creates";
    Symlinkat, "symlinkat", 266, 36, File,
        "creates";
    Mkdir, "mkdir", 83, -, File,
        "creates";
    Mkdirat, "mkdirat", 258, 34, File,
        "creates";
    Mknod, "mknod", 133, -, File,
        "creates";
    Mknodat, "mknodat", 259, 33, File,
        "creates";
    Unlink, "unlink", 87, -, File,
        "removes";
    Unlinkat, "unlinkat", 263, 35, File,
        "removes";
    Rmdir, "rmdir", 84, -, File,
        "removes";
    Chmod, "chmod", 90, -, File,
        "changes a mode, through a descriptor also when that only reads";
    Fchmodat, "fchmodat", 268, 53, File,
        "changes a mode, through a descriptor also when that only reads";
    Fchmodat2, "fchmodat2", 452, 452, File,
        "changes a mode, through a descriptor also when that only reads";
    Fchmod, "fchmod", 91, 52, File,
        "changes a mode, through a descriptor also when that only reads";
    Chown, "chown", 92, -, File,
        "changes an owner, through a descriptor also when that only reads";
    Lchown, "lchown", 94, -, File,
        "changes an owner, through a descriptor also when that only reads";
    Fchownat, "fchownat", 260, 54, File,
        "changes an owner, through a descriptor also when that only reads";
    Fchown, "fchown", 93, 55, File,
        "changes an owner, through a descriptor also when that only reads";
    Utime, "utime", 132, -, File,
        "changes times";
    Utimes, "utimes", 235, -, File,
        "changes times";
    Futimesat, "futimesat", 261, -, File,
        "changes times";
    Utimensat, "utimensat", 280, 88, File,
        "changes times";
    Setxattr, "setxattr", 188, 5, File,
        "changes extended attributes";
    Lsetxattr, "lsetxattr", 189, 6, File,
        "changes extended attributes";
    Fsetxattr, "fsetxattr", 190, 7, File,
        "changes extended attributes";
    Removexattr, "removexattr", 197, 14, File,
        "changes extended attributes";
    Lremovexattr, "lremovexattr", 198, 15, File,
        "changes extended attributes";
    Fremovexattr, "fremovexattr", 199, 16, File,
        "changes extended attributes";
    Setxattrat, "setxattrat", 463, 463, File,
        "changes extended attributes";
    Removexattrat, "removexattrat", 466, 466, File,
        "changes extended attributes";
    FileSetattr, "file_setattr", 469, 469, File,
        "changes flags of a file";
    InotifyAddWatch, "inotify_add_watch", 254, 27, File,
        "tells what others do with a file";
    Execve, "execve", 59, 221, Program,
        "starts a program, which has to be guarded as well";
    Execveat, "execveat", 322, 281, Program,
        "starts a program, which has to be guarded as well";
    Readlink, "readlink", 89, -, Program,
        "/proc/self/exe has to name the program that runs under the loader";
    Readlinkat, "readlinkat", 267, 78, Program,
        "/proc/self/exe has to name the program that runs under the loader";
    Mmap, "mmap", 9, 222, Memory,
        "maps a file as code, which is how libraries are loaded";
    Madvise, "madvise", 28, 233, Memory,
        "drops changed pages of code, so that the file's come back";
    Mremap, "mremap", 25, 216, Memory,
        "lengthens code by more of its file";
    Socket, "socket", 41, 198, Network,
        "families and types that policies do not know";
    Connect, "connect", 42, 203, Network,
        "the address is the destination, or the name that others reach";
    Bind, "bind", 49, 200, Network,
        "the address is the destination, or the name that others reach";
    Sendto, "sendto", 44, 206, Network,
        "may carry a destination, or open a connection";
    Sendmsg, "sendmsg", 46, 211, Network,
        "may carry a destination, or open a connection";
    Sendmmsg, "sendmmsg", 307, 269, Network,
        "may carry a destination, or open a connection";
    Recvfrom, "recvfrom", 45, 207, Network,
        "answers of a redirected resolver carry its address";
    Recvmsg, "recvmsg", 47, 212, Network,
        "answers of a redirected resolver carry its address";
    Recvmmsg, "recvmmsg", 299, 243, Network,
        "answers of a redirected resolver carry its address";
    Getpeername, "getpeername", 52, 205, Network,
        "answers of a redirected resolver carry its address";
    Setsockopt, "setsockopt", 54, 208, Network,
        "source routes lead elsewhere than the address says";
    Kill, "kill", 62, 129, Process,
        "may stop the extension";
    Tkill, "tkill", 200, 130, Process,
        "may stop the extension";
    Tgkill, "tgkill", 234, 131, Process,
        "may stop the extension";
    RtSigqueueinfo, "rt_sigqueueinfo", 129, 138, Process,
        "may stop the extension";
    RtTgsigqueueinfo, "rt_tgsigqueueinfo", 297, 240, Process,
        "may stop the extension";
    PidfdSendSignal, "pidfd_send_signal", 424, 424, Process,
        "may stop the extension";
    PidfdOpen, "pidfd_open", 434, 434, Process,
        "a handle on the extension";
    PidfdGetfd, "pidfd_getfd", 438, 438, Process,
        "takes descriptors of another process";
    Ptrace, "ptrace", 101, 117, Process,
        "reads or changes another process";
    ProcessVmReadv, "process_vm_readv", 310, 270, Process,
        "reads or changes another process";
    ProcessVmWritev, "process_vm_writev", 311, 271, Process,
        "reads or changes another process";
    Kcmp, "kcmp", 312, 272, Process,
        "reads or changes another process";
    ProcessMadvise, "process_madvise", 440, 440, Process,
        "changes the memory of another process";
    ProcessMrelease, "process_mrelease", 448, 448, Process,
        "changes the memory of another process";
    MovePages, "move_pages", 279, 239, Process,
        "changes the memory of another process";
    MigratePages, "migrate_pages", 256, 238, Process,
        "changes the memory of another process";
    Prctl, "prctl", 157, 167, Process,
        "some options undo the guard";
    Setpriority, "setpriority", 141, 140, Process,
        "may starve another process";
    Prlimit64, "prlimit64", 302, 261, Process,
        "may starve another process";
    SchedSetscheduler, "sched_setscheduler", 144, 119, Process,
        "may starve another process";
    SchedSetparam, "sched_setparam", 142, 118, Process,
        "may starve another process";
    SchedSetattr, "sched_setattr", 314, 274, Process,
        "may starve another process";
    SchedSetaffinity, "sched_setaffinity", 203, 122, Process,
        "may starve another process";
    IoprioSet, "ioprio_set", 251, 30, Process,
        "may starve another process";
    Fcntl, "fcntl", 72, 25, Process,
        "can have the kernel signal another process, or type for it";
    Ioctl, "ioctl", 16, 29, Process,
        "can have the kernel signal another process, or type for it";
    Seccomp, "seccomp", 317, 277, Process,
        "a filter would answer the guard's own calls in the place of the kernel";
    Personality, "personality", 135, 92, Process,
        "can have memory that is read be code";
    IoUringSetup, "io_uring_setup", 425, 425, Kernel,
        "calls made by the kernel pass no check";
    IoUringEnter, "io_uring_enter", 426, 426, Kernel,
        "calls made by the kernel pass no check";
    IoUringRegister, "io_uring_register", 427, 427, Kernel,
        "calls made by the kernel pass no check";
    Bpf, "bpf", 321, 280, Kernel,
        "wide and rarely needed";
    Userfaultfd, "userfaultfd", 323, 282, Kernel,
        "wide and rarely needed";
    PerfEventOpen, "perf_event_open", 298, 241, Kernel,
        "wide and rarely needed";
    AddKey, "add_key", 248, 217, Kernel,
        "keyrings are not per function";
    RequestKey, "request_key", 249, 218, Kernel,
        "keyrings are not per function";
    Keyctl, "keyctl", 250, 219, Kernel,
        "keyrings are not per function";
    Clone, "clone", 56, 220, Kernel,
        "NEW* flags make namespaces";
    Clone3, "clone3", 435, 435, Kernel,
        "its flags lie in memory; every libc falls back to clone";
    Unshare, "unshare", 272, 97, Kernel,
        "namespaces change what a path means";
    Setns, "setns", 308, 268, Kernel,
        "namespaces change what a path means";
    Chroot, "chroot", 161, 51, Kernel,
        "changes what a path means";
    PivotRoot, "pivot_root", 155, 41, Kernel,
        "changes what a path means";
    Mount, "mount", 165, 40, Kernel,
        "changes what a path means";
    Umount2, "umount2", 166, 39, Kernel,
        "changes what a path means";
    MoveMount, "move_mount", 429, 429, Kernel,
        "changes what a path means";
    OpenTree, "open_tree", 428, 428, Kernel,
        "changes what a path means";
    OpenTreeAttr, "open_tree_attr", 467, 467, Kernel,
        "changes what a path means";
    Fsopen, "fsopen", 430, 430, Kernel,
        "changes what a path means";
    Fsconfig, "fsconfig", 431, 431, Kernel,
        "changes what a path means";
    Fsmount, "fsmount", 432, 432, Kernel,
        "changes what a path means";
    Fspick, "fspick", 433, 433, Kernel,
        "changes what a path means";
    MountSetattr, "mount_setattr", 442, 442, Kernel,
        "changes what a path means";
    OpenByHandleAt, "open_by_handle_at", 304, 265, Kernel,
        "opens a file without a path";
    FanotifyInit, "fanotify_init", 300, 262, Kernel,
        "hands out descriptors of files that others open";
    Uselib, "uselib", 134, -, Kernel,
        "maps a library without saying so";
    KexecLoad, "kexec_load", 246, 104, Kernel,
        "needs the privileges of an administrator";
    KexecFileLoad, "kexec_file_load", 320, 294, Kernel,
        "needs the privileges of an administrator";
    InitModule, "init_module", 175, 105, Kernel,
        "needs the privileges of an administrator";
    FinitModule, "finit_module", 313, 273, Kernel,
        "needs the privileges of an administrator";
    DeleteModule, "delete_module", 176, 106, Kernel,
        "needs the privileges of an administrator";
    Reboot, "reboot", 169, 142, Kernel,
        "needs the privileges of an administrator";
    Swapon, "swapon", 167, 224, Kernel,
        "needs the privileges of an administrator";
    Swapoff, "swapoff", 168, 225, Kernel,
        "needs the privileges of an administrator";
    Acct, "acct", 163, 89, Kernel,
        "needs the privileges of an administrator";
    ModifyLdt, "modify_ldt", 154, -, Kernel,
        "wide and rarely needed";
    Iopl, "iopl", 172, -, Kernel,
        "wide and rarely needed";
    Ioperm, "ioperm", 173, -, Kernel,
        "wide and rarely needed";
    Close, "close", 3, 57, Unchecked,
        "a descriptor held was allowed when it was opened";
    CloseRange, "close_range", 436, 436, Unchecked,
        "a descriptor held was allowed when it was opened";
    Dup, "dup", 32, 23, Unchecked,
        "a descriptor held was allowed when it was opened";
    Dup2, "dup2", 33, -, Unchecked,
        "a descriptor held was allowed when it was opened";
    Dup3, "dup3", 292, 24, Unchecked,
        "a descriptor held was allowed when it was opened";
    Fork, "fork", 57, -, Unchecked,
        "the child keeps the patched text";
    Vfork, "vfork", 58, -, Unchecked,
        "the child keeps the patched text";
    RtSigreturn, "rt_sigreturn", 15, 139, Unchecked,
        "has to run on the stack it finds";
    Chdir, "chdir", 80, 49, Unchecked,
        "what is opened from there is decided by its real path";
    Fchdir, "fchdir", 81, 50, Unchecked,
        "what is opened from there is decided by its real path";
    Stat, "stat", 4, -, Unchecked,
        "policies restrict content, not that a file exists";
    Lstat, "lstat", 6, -, Unchecked,
        "policies restrict content, not that a file exists";
    Newfstatat, "newfstatat", 262, 79, Unchecked,
        "policies restrict content, not that a file exists";
    Statx, "statx", 332, 291, Unchecked,
        "policies restrict content, not that a file exists";
    Access, "access", 21, -, Unchecked,
        "policies restrict content, not that a file exists";
    Faccessat, "faccessat", 269, 48, Unchecked,
        "policies restrict content, not that a file exists";
    Faccessat2, "faccessat2", 439, 439, Unchecked,
        "policies restrict content, not that a file exists";
    Statfs, "statfs", 137, 43, Unchecked,
        "policies restrict content, not that a file exists";
    Getxattr, "getxattr", 191, 8, Unchecked,
        "policies restrict content, not attributes";
    Lgetxattr, "lgetxattr", 192, 9, Unchecked,
        "policies restrict content, not attributes";
    Listxattr, "listxattr", 194, 11, Unchecked,
        "policies restrict content, not attributes";
    Llistxattr, "llistxattr", 195, 12, Unchecked,
        "policies restrict content, not attributes";
    NameToHandleAt, "name_to_handle_at", 303, 264, Unchecked,
        "a handle opens nothing while open_by_handle_at is refused";
    Ftruncate, "ftruncate", 77, 46, Unchecked,
        "the descriptor was opened for writing";
    Fallocate, "fallocate", 285, 47, Unchecked,
        "the descriptor was opened for writing";
    Write, "write", 1, 64, Unchecked,
        "the descriptor was opened for writing";
    MemfdCreate, "memfd_create", 319, 279, Unchecked,
        "decided when it is started or mapped as code";
    Mprotect, "mprotect", 10, 226, Unchecked,
        "code from a file's copy in memory cannot be told from a compiler at work";
    PkeyMprotect, "pkey_mprotect", 329, 288, Unchecked,
        "code from a file's copy in memory cannot be told from a compiler at work";
    Shmat, "shmat", 30, 196, Unchecked,
        "code from a file's copy in memory cannot be told from a compiler at work";
    Read, "read", 0, 63, Unchecked,
        "the descriptor was opened for reading";
}
