//! The search where the processor looks whole bytes up in vectors (AVX-512 VBMI).
#![allow(unsafe_code, reason = "calls into functions with target features")]

mod vbmi;

use self::vbmi::vbmi;
use super::Batch;

fn has_vbmi() -> bool {
    std::arch::is_x86_feature_detected!("avx512vbmi")
        && std::arch::is_x86_feature_detected!("avx512bw")
}

/// `None` if the processor has not got the extension.
pub(super) fn search(bytes: &[u8], from: usize, batch: &mut Batch) -> Option<usize> {
    // SAFETY: the processor has AVX-512 BW and VBMI, the features the function needs.
    has_vbmi().then(|| unsafe { vbmi(bytes, from, batch) })
}
