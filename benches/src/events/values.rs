//! The values that events are filled with: names, words, header fields, identifiers, orders. Knows no
//! event.

use std::fmt::Write;

use serde_json::{Value, json};

/// Pseudo-random values (xorshift64*); the same seed gives the same events on every machine.
#[derive(Debug)]
pub struct Values(u64);

const FIRST: [&str; 12] = [
    "Ada",
    "Linus",
    "Grace",
    "Björn",
    "Chiara",
    "Siobhán",
    "Wei",
    "Fatima",
    "Oluwaseun",
    "María",
    "Jean-Luc",
    "Anne",
];
const LAST: [&str; 12] = [
    "O'Brien",
    "Lovelace",
    "Nguyen",
    "Müller",
    "D'Angelo",
    "Hopper",
    "García",
    "Smith",
    "Okafor",
    "van der Berg",
    "Kowalski",
    "Tanaka",
];
pub(super) const WORDS: [&str; 40] = [
    "order", "please", "deliver", "the", "blue", "one", "and", "pick", "a", "gift", "wrap", "or",
    "leave", "it", "at", "door", "thanks!", "size", "medium", "don't", "ring", "bell", "corner",
    "street", "opposite", "church", "new", "address", "table", "lamp", "drop", "off", "between",
    "5-6", "pm,", "(back)", "entrance", "50%", "Tom's", "ask;",
];
const AGENTS: [&str; 4] = [
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1",
    "curl/8.11.0",
    "aws-sdk-go-v2/1.32.5 os/linux lang/go#1.23.3 md/GOOS#linux md/GOARCH#arm64",
];
/// What clients and what stands between send beside what is in every event.
const HEADERS: [(&str, &[&str]); 18] = [
    (
        "accept",
        &[
            "*/*",
            "application/json",
            "text/html,application/xhtml+xml,*/*;q=0.8",
        ],
    ),
    (
        "accept-encoding",
        &["gzip, deflate, br, zstd", "gzip", "identity"],
    ),
    (
        "accept-language",
        &["en-GB,en;q=0.9,de;q=0.8", "fr", "es-ES,es;q=0.9"],
    ),
    ("cache-control", &["no-cache", "max-age=0"]),
    ("content-length", &["112", "348", "1024", "27"]),
    ("dnt", &["1"]),
    (
        "if-none-match",
        &[
            "W/\"5e8-18b2f4c7d31\"",
            "\"33a64df551425fcc55e4d42a148795d9f25f89d4\"",
        ],
    ),
    (
        "origin",
        &["https://shop.example.com", "https://app.example.org"],
    ),
    ("priority", &["u=1, i"]),
    (
        "referer",
        &[
            "https://shop.example.com/cart",
            "https://www.example.org/search?q=lamp&page=2",
        ],
    ),
    (
        "sec-ch-ua",
        &["\"Chromium\";v=\"142\", \"Not_A Brand\";v=\"99\""],
    ),
    ("sec-ch-ua-mobile", &["?0", "?1"]),
    ("sec-fetch-mode", &["cors", "navigate"]),
    ("sec-fetch-site", &["same-origin", "cross-site", "none"]),
    ("user-agent", &AGENTS),
    (
        "x-api-key",
        &[
            "d41d8cd98f00b204e9800998ecf8427e",
            "Zm9vYmFyYmF6cXV4cXV1eGNvcmdl",
        ],
    ),
    ("x-forwarded-port", &["443"]),
    ("x-requested-with", &["XMLHttpRequest"]),
];
pub(super) const PATHS: [&str; 5] = ["orders", "customers", "v1/items", "search", "carts"];

impl Values {
    /// Values from a seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// Eight bytes in which nothing is likelier than anything else.
    pub(super) fn bytes(&mut self) -> [u8; 8] {
        self.next().to_le_bytes()
    }

    pub(super) fn below(&mut self, n: u64) -> u64 {
        (self.next() >> 11) % n
    }

    pub(super) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        let index = self.below(from.len() as u64);
        from[usize::try_from(index).unwrap_or_default()]
    }

    pub(super) fn hex(&mut self, len: usize) -> String {
        let mut text = String::new();
        while text.len() < len {
            let _ = write!(text, "{:016x}", self.next());
        }
        text.truncate(len);
        text
    }

    /// Bytes like those of a signature or of what the platform encrypts.
    pub(super) fn digest(&mut self, len: usize) -> Vec<u8> {
        let words = std::iter::repeat_with(|| self.next().to_le_bytes());
        words.flatten().take(len).collect()
    }

    pub(super) fn uuid(&mut self) -> String {
        let h = self.hex(32);
        format!(
            "{}-{}-{}-{}-{}",
            &h[..8],
            &h[8..12],
            &h[12..16],
            &h[16..20],
            &h[20..]
        )
    }

    pub(super) fn time(&mut self) -> String {
        let [month, day, hour, minute] = [12, 28, 24, 60].map(|n| self.below(n));
        format!(
            "2026-{:02}-{:02}T{hour:02}:{minute:02}:{:02}.{:03}Z",
            month + 1,
            day + 1,
            hour,
            day
        )
    }

    pub(super) fn ip(&mut self) -> String {
        let [a, b, c, d] = [223, 256, 256, 256].map(|n| self.below(n));
        format!("{}.{b}.{c}.{d}", a + 1)
    }

    pub(super) fn name(&mut self) -> String {
        format!("{} {}", self.pick(&FIRST), self.pick(&LAST))
    }

    /// Prose of `n` words.
    pub fn text(&mut self, n: u64) -> String {
        let words: Vec<_> = (0..n).map(|_| self.pick(&WORDS)).collect();
        words.join(" ")
    }

    /// One time of `n`.
    pub(super) fn once_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    fn item(&mut self) -> Value {
        let mut item = json!({"sku": format!("SKU-{}", self.below(99_999)),
            "quantity": self.below(9) + 1, "price": self.below(9_999) as f64 / 100.0});
        if self.once_in(3) {
            item["options"] = json!([self.pick(&WORDS), self.pick(&WORDS)]);
        }
        item
    }

    /// An order as a client would send it; what is optional is there or not.
    pub fn order(&mut self) -> Value {
        let (words, items) = (4 + self.below(8), 1 + self.below(3));
        let items: Vec<_> = (0..items).map(|_| self.item()).collect();
        let mut order = json!({"customer": {"name": self.name()}, "items": items});
        if !self.once_in(3) {
            order["customer"]["email"] = json!(format!("{}@example.com", self.hex(8)));
        }
        if self.once_in(3) {
            order["customer"]["address"] = json!({"street": format!("{} {}", self.name(),
                self.below(200)), "postcode": self.below(99_999), "business": self.once_in(2)});
        }
        if !self.once_in(3) {
            order["note"] = json!(self.text(words));
        }
        if self.once_in(2) {
            order["ref"] = json!(self.uuid());
        }
        if self.once_in(4) {
            order["coupon"] = Value::Null;
        }
        order
    }

    /// Header fields as this or that client sends them, so many of those that all may send.
    pub(super) fn headers(&mut self, n: u64) -> Vec<(&'static str, String)> {
        let mut headers = Vec::new();
        let mut left = n;
        for (i, (name, values)) in HEADERS.iter().enumerate() {
            let others = (HEADERS.len() - i) as u64;
            if self.below(others) < left {
                headers.push((*name, self.pick(values).to_owned()));
                left -= 1;
            }
        }
        headers
    }

    /// An urlencoded form of about `len` bytes.
    pub fn form(&mut self, len: usize) -> String {
        let mut form = String::new();
        while form.len() < len {
            let name = self.name().replace(' ', "+").replace('\'', "%27");
            let note = self.text(6);
            let note = escaped(&note);
            let _ = write!(form, "name={name}&note={note}&id={}&", self.below(99_999));
        }
        form
    }
}

/// What a form makes of a text.
pub(super) fn escaped(text: &str) -> String {
    let text = text.replace('%', "%25").replace(' ', "+");
    let text = text.replace('\'', "%27").replace('(', "%28");
    text.replace(')', "%29").replace(';', "%3B")
}
