//! Numbers of the calls that are made here and in the gate (syscalls(2)), for the architecture that
//! this is built for.

macro_rules! numbers {
    ($($name:ident = $x86_64:literal, $aarch64:literal;)*) => {
        $(
            #[allow(missing_docs, reason = "named as in syscalls(2)")]
            pub const $name: usize = if cfg!(target_arch = "x86_64") { $x86_64 } else { $aarch64 };
        )*
    };
}

numbers! {
    CLOCK_GETTIME = 228, 113;
    CLONE = 56, 220;
    CLONE3 = 435, 435;
    CLOSE = 3, 57;
    CONNECT = 42, 203;
    DUP3 = 292, 24;
    EXECVE = 59, 221;
    EXECVEAT = 322, 281;
    EXIT = 60, 93;
    EXIT_GROUP = 231, 94;
    FACCESSAT = 269, 48;
    FACCESSAT2 = 439, 439;
    FCHMOD = 91, 52;
    FCHMODAT = 268, 53;
    FCHMODAT2 = 452, 452;
    FCHOWN = 93, 55;
    FCHOWNAT = 260, 54;
    FCNTL = 72, 25;
    FGETXATTR = 193, 10;
    FILE_SETATTR = 469, 469;
    FREMOVEXATTR = 199, 16;
    FSETXATTR = 190, 7;
    FSTAT = 5, 80;
    FSTATFS = 138, 44;
    FTRUNCATE = 77, 46;
    GETCPU = 309, 168;
    GETCWD = 79, 17;
    GETEGID = 108, 177;
    GETEUID = 107, 175;
    GETPGID = 121, 155;
    GETPID = 39, 172;
    GETPPID = 110, 173;
    GETSOCKOPT = 55, 209;
    GETTID = 186, 178;
    GETUID = 102, 174;
    INOTIFY_ADD_WATCH = 254, 27;
    IOCTL = 16, 29;
    KILL = 62, 129;
    LANDLOCK_ADD_RULE = 445, 445;
    LANDLOCK_CREATE_RULESET = 444, 444;
    LANDLOCK_RESTRICT_SELF = 446, 446;
    LINKAT = 265, 37;
    LREMOVEXATTR = 198, 15;
    LSEEK = 8, 62;
    LSETXATTR = 189, 6;
    MADVISE = 28, 233;
    MKDIRAT = 258, 34;
    MKNODAT = 259, 33;
    MMAP = 9, 222;
    MPROTECT = 10, 226;
    MREMAP = 25, 216;
    MUNMAP = 11, 215;
    NEWFSTATAT = 262, 79;
    OPENAT = 257, 56;
    OPENAT2 = 437, 437;
    PPOLL = 271, 73;
    PRCTL = 157, 167;
    PREAD64 = 17, 67;
    PWRITE64 = 18, 68;
    READ = 0, 63;
    READLINKAT = 267, 78;
    RECVFROM = 45, 207;
    RECVMSG = 47, 212;
    REMOVEXATTR = 197, 14;
    REMOVEXATTRAT = 466, 466;
    RENAMEAT2 = 316, 276;
    RT_SIGPROCMASK = 14, 135;
    SCHED_SETAFFINITY = 203, 122;
    SENDTO = 44, 206;
    SETSOCKOPT = 54, 208;
    SETXATTR = 188, 5;
    SETXATTRAT = 463, 463;
    SET_TID_ADDRESS = 218, 96;
    SIGALTSTACK = 131, 132;
    SOCKET = 41, 198;
    SYMLINKAT = 266, 36;
    TGKILL = 234, 131;
    TRUNCATE = 76, 45;
    UNLINKAT = 263, 35;
    UTIMENSAT = 280, 88;
    WAIT4 = 61, 260;
    WRITE = 1, 64;
}
