//! The search where the processor looks whole bytes up in vectors (AVX-512 VBMI).
#![allow(unsafe_code, reason = "calls into functions with target features")]

mod vbmi;

use self::vbmi::vbmi;
use super::Batch;

fn has_vbmi() -> bool {
    std::arch::is_x86_feature_detected!("avx512vbmi")
        && std::arch::is_x86_feature_detected!("avx512bw")
        && std::arch::is_x86_feature_detected!("bmi2")
        && std::arch::is_x86_feature_detected!("bmi1")
        && std::arch::is_x86_feature_detected!("popcnt")
}

/// `None` if the processor has not got the extension.
pub(super) fn search(bytes: &[u8], from: usize, batch: &mut Batch) -> Option<usize> {
    // SAFETY: the processor has AVX-512 BW and VBMI, BMI and POPCNT, all that the function needs.
    has_vbmi().then(|| unsafe { vbmi(bytes, from, batch) })
}
