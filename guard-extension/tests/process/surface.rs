//! Other processes, and what of the kernel is closed.

use crate::rig::{guarded, plain, probe};

/// The process that runs `guard exec` is the parent of the program.
const PARENT: &str = "exec \"$0\" \"$1\" $PPID";

#[test]
fn the_guard_cannot_be_tampered_with() {
    let probe = probe();
    for way in [
        "kill",
        "kill-own-group",
        "kill-group",
        "kill-all",
        "tgkill",
        "pidfd",
        "ptrace",
        "process-vm-readv",
    ] {
        let command = ["/bin/sh", "-c", PARENT, &probe, way];
        let ran = guarded(&[("GUARD_MODE", "monitor")], &command);
        assert!(ran.worked(), "{way} in monitor: {ran:?}");
        let ran = guarded(&[("GUARD_MODE", "enforce")], &command);
        assert!(!ran.worked(), "{way}: {ran:?}");
        assert!(
            ran.of("denial")
                .any(|record| record["rule"] == "process.denied"),
            "{way}: {ran:?}"
        );
    }
}

#[test]
fn interfaces_that_pass_by_every_check() {
    let probe = probe();
    for way in [
        "io-uring",
        "unshare",
        "raw-socket",
        "packet-socket",
        "bpf",
        "userfaultfd",
    ] {
        let command = [probe.as_str(), way, "-"];
        if !plain(&[], &command).worked() {
            eprintln!("skipped: {way} does not work here without a guard");
            continue;
        }
        let variables = [("GUARD_MODE", "enforce"), ("GUARD_EGRESS_ALLOW", "")];
        let ran = guarded(&variables, &command);
        assert!(!ran.worked(), "{way}: {ran:?}");
    }
}
