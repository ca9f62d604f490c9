//! Any bytes as a compiled policy: refused, or every question is answered without a panic.
#![no_main]

use std::net::IpAddr;

use guard_core::policy::{Access, CompiledPolicy, Decision, Phase, Protocol};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    // The question stands before the image, behind its length.
    let Some((length, rest)) = data.split_first() else { return };
    let (question, body) = rest.split_at(usize::from(*length).min(rest.len()));
    let mut image = body.to_vec();
    if image.len() >= 16 {
        // What the fuzzer would take long to find out.
        image[..6].copy_from_slice(b"GRDP\x01\x00");
        let length = u32::try_from(image.len()).unwrap_or(u32::MAX);
        image[8..12].copy_from_slice(&length.to_le_bytes());
    }
    let Ok(policy) = CompiledPolicy::from_bytes(&image) else { return };
    let v6: [u8; 16] = std::array::from_fn(|at| question.get(at).copied().unwrap_or_default());
    let v4: [u8; 4] = std::array::from_fn(|at| question.get(at).copied().unwrap_or_default());
    let port = u16::from_le_bytes([v4[0], v4[1]]);
    let mut decisions = vec![
        policy.egress_host(question, port, Protocol::Tcp),
        policy.egress_name(question),
        policy.egress_addr(IpAddr::from(v4), port, Protocol::Tcp),
        policy.egress_addr(IpAddr::from(v6), port, Protocol::Udp),
        policy.unix(question),
    ];
    for phase in [Phase::Init, Phase::Invoke] {
        decisions.push(policy.file(question, Access::Read, phase));
        decisions.push(policy.file(question, Access::Write, phase));
        decisions.push(policy.exec(question, phase));
    }
    for decision in decisions {
        if let Decision::Allowed(entry) = decision {
            policy.entry(entry).expect("a decision names an entry that is there");
        }
    }
});
