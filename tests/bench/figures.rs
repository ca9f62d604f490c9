//! Samples, and what is said of them.

use std::time::Duration;

/// Durations of one thing, in microseconds.
#[derive(Debug, Clone)]
pub(crate) struct Samples(Vec<f64>);

impl Samples {
    pub(crate) const fn empty() -> Self {
        Self(Vec::new())
    }

    pub(crate) fn push(&mut self, duration: Duration) {
        self.0.push(duration.as_secs_f64() * 1e6);
    }

    /// The sample below which the share `q` of all lies; nothing measured is nothing.
    pub(crate) fn quantile(&self, q: f64) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "an index of some thousand samples"
        )]
        let at = (q * (sorted.len() as f64 - 1.0)).round().max(0.0) as usize;
        sorted.get(at).copied().unwrap_or(f64::NAN)
    }

    pub(crate) fn p50(&self) -> f64 {
        self.quantile(0.5)
    }

    pub(crate) fn p99(&self) -> f64 {
        self.quantile(0.99)
    }

    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }
}

/// An event as an HTTP API sends it, of about `bytes` bytes, which asks the bench's function for an
/// answer of `answer` bytes. Text and numbers, nothing that any rule has a word for.
pub(crate) fn event(bytes: usize, answer: usize) -> Vec<u8> {
    const WORDS: [&str; 12] = [
        "order", "blue", "seven", "garden", "window", "letter", "paper", "morning", "river",
        "bread", "quiet", "stone",
    ];
    let mut text = format!(
        "{{\"answer\":{answer:07},\"version\":\"2.0\",\"routeKey\":\"POST /orders\",\
         \"rawPath\":\"/orders\",\"headers\":{{\"content-type\":\"application/json\",\
         \"user-agent\":\"bench/1\"}},\"requestContext\":{{\"http\":{{\"method\":\"POST\",\
         \"path\":\"/orders\",\"sourceIp\":\"203.0.113.7\"}}}},\"items\":["
    );
    let mut seed = 7_u64;
    loop {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let word = WORDS[usize::try_from(seed >> 40).unwrap_or(0) % WORDS.len()];
        let item = format!("{{\"name\":\"{word}\",\"count\":{}}},", seed >> 54);
        if text.len() + item.len() + 2 >= bytes {
            break;
        }
        text.push_str(&item);
    }
    text.truncate(text.trim_end_matches(',').len());
    text.push_str("]}");
    text.into_bytes()
}
