//! Images that are damaged: never accepted when a table is out of order, never a panic.

use std::net::IpAddr;

use guard_core::Policy;
use guard_core::policy::{Access, CompiledPolicy, ImageError, Operation, Phase, Protocol};
use proptest::prelude::*;

use super::lookup;

fn image() -> Vec<u8> {
    let variables = [
        (
            "GUARD_EGRESS_ALLOW",
            "a.b.c:443,*.c:1-9,aws:s3,10.0.0.0/8,10.1.0.0/16,::/0,unix:/a,unix:@b",
        ),
        ("GUARD_FILE_READ", "/a/b:/a/c@init:runtime"),
        ("GUARD_FILE_WRITE", ""),
        ("GUARD_EXEC_ALLOW", "/a/b/c"),
        ("GUARD_DNS", "10.0.0.2"),
        ("AWS_REGION", "eu-west-1"),
    ];
    let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
    Policy::from_vars(lookup(&variables)).unwrap().compile()
}

/// Asks every kind of question; what the answers are does not matter.
fn ask(policy: &CompiledPolicy<'_>, seed: &[u8]) {
    let ips: [IpAddr; 3] = [
        "10.1.2.3".parse().unwrap(),
        "::1".parse().unwrap(),
        [0; 4].into(),
    ];
    let port = u16::from(seed.first().copied().unwrap_or_default());
    let mut names: Vec<&[u8]> = vec![
        seed,
        b"a.b.c",
        b"x.y.c",
        b"m.s3.eu-west-1.amazonaws.com",
        b"",
    ];
    names.extend([
        &b"/a/b/c"[..],
        b"/a/c",
        b"/",
        b"/usr/lib/x",
        b"\0b",
        b"/dev/null",
        b".",
        b"/..",
    ]);
    for name in names {
        for phase in [Phase::Init, Phase::Invoke] {
            let _ = policy.exec(name, phase);
            let _ = policy.file(name, Access::Read, phase);
            let _ = policy.file(name, Access::Write, phase);
        }
        let _ = policy.egress_name(name);
        let _ = policy.decide(&Operation::Unix { path: name });
        let _ = policy.egress_host(name, port, Protocol::Udp);
        if let guard_core::policy::Decision::Allowed(entry) =
            policy.egress_host(name, port, Protocol::Tcp)
        {
            let _ = policy.entry(entry);
        }
    }
    for ip in ips {
        let _ = policy.egress_addr(ip, port, Protocol::Tcp);
    }
}

#[test]
fn what_is_no_image_is_refused() {
    let image = image();
    let error = |bytes: &[u8]| CompiledPolicy::from_bytes(bytes).map(|_| ()).unwrap_err();
    assert!(CompiledPolicy::from_bytes(&image).is_ok());
    assert_eq!(error(&[]), ImageError::Length);
    assert_eq!(error(&image[..image.len() - 1]), ImageError::Length);
    assert_eq!(error(&vec![0; image.len()]), ImageError::Magic);
    let mut other = image.clone();
    other[4] ^= 1;
    assert_eq!(error(&other), ImageError::Version);
    let mut longer = image.clone();
    longer.push(0);
    assert_eq!(error(&longer), ImageError::Length);
    let mut outside = image.clone();
    // The offset of the first section.
    outside[19] = 0xff;
    assert_eq!(error(&outside), ImageError::Table);
}

#[test]
fn the_image_can_lie_anywhere() {
    let image = image();
    for shift in 0..8 {
        let mut moved = vec![0; shift];
        moved.extend(&image);
        assert!(CompiledPolicy::from_bytes(&moved[shift..]).is_ok());
    }
}

#[test]
fn an_empty_image_denies_what_it_restricts() {
    // A header alone, every flag set: no table, no rule.
    let mut bare = vec![0; 80];
    bare[..4].copy_from_slice(b"GRDP");
    bare[4] = 1;
    bare[6] = 15;
    bare[8] = 80;
    let policy = CompiledPolicy::from_bytes(&bare).unwrap();
    assert!(policy.exec(b"/bin/sh", Phase::Init).is_denied());
    assert!(policy.egress_name(b"example.com").is_denied());
}

proptest! {
    #[test]
    fn mutations_never_panic(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        seed in prop::collection::vec(any::<u8>(), 0..80),
        keep in any::<prop::sample::Index>(),
        cut in any::<bool>(),
    ) {
        let mut image = image();
        for (at, byte) in changes {
            let at = at.index(image.len());
            image[at] = byte;
        }
        if cut {
            image.truncate(keep.index(image.len()));
        }
        if let Ok(policy) = CompiledPolicy::from_bytes(&image) {
            ask(&policy, &seed);
        }
    }

    #[test]
    fn arbitrary_tables_never_panic(body in prop::collection::vec(0_u8..24, 80..400)) {
        let mut image = body;
        image[..8].copy_from_slice(&[b'G', b'R', b'D', b'P', 1, 0, 15, 0]);
        let length = u32::try_from(image.len()).unwrap();
        image[8..12].copy_from_slice(&length.to_le_bytes());
        image[12] = 0;
        // Offsets and counts small enough to fall inside.
        for section in 0..8 {
            for byte in [1, 2, 3, 5, 6, 7] {
                image[16 + 8 * section + byte] = 0;
            }
            image[16 + 8 * section] |= 80;
            image[20 + 8 * section] &= 7;
        }
        if let Ok(policy) = CompiledPolicy::from_bytes(&image) {
            ask(&policy, b"a");
        }
    }
}
