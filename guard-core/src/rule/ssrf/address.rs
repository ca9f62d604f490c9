//! Hosts as resolvers read them: every spelling of an IPv4 address that `inet_aton` takes, IPv6
//! with an IPv4 address inside, and names that lead inwards.

/// Where a host leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Target {
    /// A cloud's metadata or credential service, or any link-local address.
    Metadata,
    /// Loopback or the unspecified address, spelled as everybody does.
    Loopback,
    /// A private address, spelled as everybody does.
    Private,
    /// An inner address in a spelling that only serves to pass a check.
    Disguised,
    /// A public name that resolves to the address it holds, or to loopback.
    Rebinding,
    Elsewhere,
}

/// Where `host` leads (no userinfo, no port; brackets for IPv6).
pub(super) fn classify(host: &[u8]) -> Target {
    if let [b'[', inner @ ..] = host {
        return inner
            .iter()
            .position(|b| *b == b']')
            .and_then(|end| inner.get(..end))
            .map_or(Target::Elsewhere, v6);
    }
    if enclosed(host) {
        return Target::Disguised;
    }
    // Full stops of other scripts, which IDNA takes for dots (UTS 46).
    let mut plain = [0; 64];
    if let Some(host) = undot(host, &mut plain) {
        return if classify_plain(host) == Target::Elsewhere {
            Target::Elsewhere
        } else {
            Target::Disguised
        };
    }
    classify_plain(host)
}

/// `host` with U+3002, U+FF0E and U+FF61 as dots, if it holds any.
fn undot<'p>(host: &[u8], plain: &'p mut [u8; 64]) -> Option<&'p [u8]> {
    if !host.iter().any(|b| matches!(b, 0xe3 | 0xef)) {
        return None;
    }
    let (mut i, mut length) = (0, 0);
    while let Some(byte) = host.get(i) {
        let (byte, width) = match host.get(i..i + 3) {
            Some([0xe3, 0x80, 0x82] | [0xef, 0xbc, 0x8e] | [0xef, 0xbd, 0xa1]) => (b'.', 3),
            _ => (*byte, 1),
        };
        *plain.get_mut(length)? = byte;
        length += 1;
        i += width;
    }
    plain.get(..length)
}

fn classify_plain(host: &[u8]) -> Target {
    let (host, absolute) = match host.strip_suffix(b".") {
        Some(host) => (host, true),
        None => (host, false),
    };
    if let Some(address) = V4::parse(host) {
        return address.target();
    }
    match name(host) {
        // Absolute names (RFC 1034, 3.1) of the own machine are written to pass for another name.
        Target::Loopback if absolute => Target::Disguised,
        target => target,
    }
}

/// An IPv4 address and how it was spelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct V4 {
    bits: u32,
    canonical: bool,
    /// One number, or one with a base prefix, and large enough to be meant as an address.
    numeric: bool,
}

impl V4 {
    /// One to four numbers joined by dots, each decimal, octal after `0`, hexadecimal after `0x`;
    /// the last fills what is left (inet_aton(3)). Numbers that are too large wrap, as they do in
    /// resolvers that take them at all.
    fn parse(host: &[u8]) -> Option<Self> {
        let mut parts = [0_u64; 4];
        let mut count = 0;
        let mut canonical = true;
        let mut hexadecimal = false;
        for part in host.split(|b| *b == b'.') {
            let slot = parts.get_mut(count)?;
            let (value, plain) = number(part)?;
            *slot = value;
            canonical &= plain && value <= 255;
            hexadecimal |= part.len() > 1 && matches!(part.get(1), Some(b'x' | b'X'));
            count += 1;
        }
        let [a, b, c, d] = parts;
        let low = |value: u64, bits: u32| u32::try_from(value & ((1 << bits) - 1)).unwrap_or(0);
        let bits = match count {
            1 => low(a, 32),
            2 => low(a, 8) << 24 | low(b, 24),
            3 => low(a, 8) << 24 | low(b, 8) << 16 | low(c, 16),
            _ => low(a, 8) << 24 | low(b, 8) << 16 | low(c, 8) << 8 | low(d, 8),
        };
        let numeric = (hexadecimal || count == 1) && a >= 1 << 24 || (hexadecimal && count == 4);
        Some(Self {
            bits,
            canonical: canonical && count == 4,
            numeric,
        })
    }

    fn target(self) -> Target {
        let inner = inner(self.bits);
        match (inner, self.canonical) {
            (Target::Elsewhere, false) if self.numeric => Target::Disguised,
            (Target::Elsewhere, _) => Target::Elsewhere,
            (_, false) => Target::Disguised,
            (inner, true) => inner,
        }
    }
}

fn inner(bits: u32) -> Target {
    let [a, b, c, d] = bits.to_be_bytes();
    match (a, b, c, d) {
        // AWS, ECS, GCP, Azure, Oracle; Alibaba; Oracle's older one; Azure's wire server.
        (169, 254, ..) | (100, 100, 100, 200) | (192, 0, 0, 192) | (168, 63, 129, 16) => {
            Target::Metadata
        }
        (127 | 0, ..) => Target::Loopback,
        (10, ..) | (172, 16..=31, ..) | (192, 168, ..) | (100, 64..=127, ..) => Target::Private,
        _ => Target::Elsewhere,
    }
}

/// The number and whether it is written in decimal without leading zeros.
fn number(part: &[u8]) -> Option<(u64, bool)> {
    let (radix, digits) = match part {
        [] => return None,
        [b'0', b'x' | b'X', rest @ ..] => (16, rest),
        [b'0', rest @ ..] if !rest.is_empty() => (8, rest),
        _ => (10, part),
    };
    if digits.len() > 20 {
        return None;
    }
    let mut value = 0_u64;
    for digit in digits {
        let digit = char::from(*digit).to_digit(radix)?;
        value = value
            .wrapping_mul(u64::from(radix))
            .wrapping_add(u64::from(digit));
    }
    Some((value, radix == 10))
}

/// An IPv6 address (RFC 4291, 2.2), the IPv4 one inside it included.
fn v6(text: &[u8]) -> Target {
    let text = text.split(|b| *b == b'%').next().unwrap_or_default();
    let Ok(text) = core::str::from_utf8(text) else {
        return Target::Elsewhere;
    };
    let Ok(address) = text.parse::<core::net::Ipv6Addr>() else {
        return Target::Elsewhere;
    };
    let [a, b, c, .., g, h] = address.segments();
    if address.is_loopback() || address.is_unspecified() {
        return Target::Disguised;
    }
    let embedded = u32::from(g) << 16 | u32::from(h);
    match (a, b, c) {
        (0xfd00, 0xec2, _) | (0xfd20, 0xce, _) => Target::Metadata,
        (0xfe80..=0xfebf, ..) | (0xfc00..=0xfdff, ..) => Target::Disguised,
        // Mapped, compatible, NAT64 (RFC 6052), 6to4 (RFC 3056).
        (0, 0, 0) => Target::Disguised,
        (0x64, 0xff9b, _) if inner(embedded) != Target::Elsewhere => Target::Disguised,
        (0x2002, ..) if inner(u32::from(b) << 16 | u32::from(c)) != Target::Elsewhere => {
            Target::Disguised
        }
        _ => Target::Elsewhere,
    }
}

/// Enclosed digits and letters (U+2460 and on), which IDNA maps to plain ones and people never
/// type into a host.
fn enclosed(host: &[u8]) -> bool {
    host.windows(3)
        .any(|w| matches!(w, [0xe2, 0x91..=0x93, 0x80..=0xbf]))
}

fn name(host: &[u8]) -> Target {
    const METADATA: [&[u8]; 12] = [
        b"kubernetes.default",
        b"kubernetes.default.svc",
        b"kubernetes.default.svc.cluster.local",
        b"metadata.google.internal",
        b"metadata",
        b"instance-data",
        b"instance-data.ec2.internal",
        b"metadata.packet.net",
        b"metadata.platformequinix.com",
        b"metadata.tencentyun.com",
        b"rancher-metadata",
        b"metadata.azure.internal",
    ];
    const LOOPBACK: [&[u8]; 5] = [
        b"localhost",
        b"localhost.localdomain",
        b"ip6-localhost",
        b"ip6-loopback",
        b"loopback",
    ];
    const REBINDING: [&[u8]; 3] = [b"localtest.me", b"lvh.me", b"vcap.me"];
    const EMBEDDING: [&[u8]; 4] = [b"nip.io", b"xip.io", b"sslip.io", b"nip.name"];
    let is = |names: &[&[u8]]| names.iter().any(|n| host.eq_ignore_ascii_case(n));
    let below = |names: &[&[u8]]| names.iter().find_map(|n| strip(host, n));
    if is(&METADATA) {
        return Target::Metadata;
    }
    if is(&LOOPBACK) || strip(host, b"localhost").is_some() {
        return Target::Loopback;
    }
    if is(&REBINDING) || below(&REBINDING).is_some() {
        return Target::Rebinding;
    }
    // Two addresses, of which the one or the other is answered.
    let either = |labels: &[u8]| labels.split(|b| *b == b'.').any(embeds_inner);
    if strip(host, b"rbndr.us").is_some_and(either) {
        return Target::Rebinding;
    }
    match below(&EMBEDDING) {
        Some(rest) if embeds_inner(rest) => Target::Rebinding,
        // Retired, and its short form is not readable as an address.
        _ if strip(host, b"xip.io").is_some() => Target::Rebinding,
        _ => Target::Elsewhere,
    }
}

/// `host` without `.suffix`, if it ends in that.
fn strip<'h>(host: &'h [u8], suffix: &[u8]) -> Option<&'h [u8]> {
    let split = host.len().checked_sub(suffix.len() + 1)?;
    let (rest, end) = host.split_at_checked(split)?;
    let same = end.first() == Some(&b'.')
        && end
            .get(1..)
            .is_some_and(|end| end.eq_ignore_ascii_case(suffix));
    same.then_some(rest)
}

/// Whether labels hold an inner address: `a.10.0.0.1`, `10-0-0-1`, `0a000001`.
fn embeds_inner(labels: &[u8]) -> bool {
    let last = labels.rsplit(|b| *b == b'.').next().unwrap_or_default();
    if last.len() == 8 && last.iter().all(u8::is_ascii_hexdigit) {
        let bits = last.iter().fold(0_u32, |bits, b| {
            bits << 4 | char::from(*b).to_digit(16).unwrap_or_default()
        });
        return inner(bits) != Target::Elsewhere;
    }
    let mut bits = 0_u32;
    let mut count = 0;
    for part in labels.rsplit(|b| matches!(b, b'.' | b'-')).take(4) {
        let Some((value @ 0..=255, _)) = number(part) else {
            break;
        };
        bits |= u32::try_from(value).unwrap_or_default() << (8 * count);
        count += 1;
    }
    count == 4 && inner(bits) != Target::Elsewhere
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_lead_where_resolvers_take_them() {
        for (host, target) in [
            ("169.254.169.254", Target::Metadata),
            ("127.0.0.1", Target::Loopback),
            ("127.1", Target::Disguised),
            ("0", Target::Disguised),
            ("0x7f.1", Target::Disguised),
            ("2130706433", Target::Disguised),
            ("017700000001", Target::Disguised),
            ("0251.0376.0251.0376", Target::Disguised),
            ("425.510.425.510", Target::Disguised),
            ("10.0.0.1", Target::Private),
            ("8.8.8.8", Target::Elsewhere),
            ("1.2.3", Target::Elsewhere),
            ("[::1]", Target::Disguised),
            ("[::ffff:10.0.0.1]", Target::Disguised),
            ("[fd00:ec2::254]", Target::Metadata),
            ("[2606:4700::1111]", Target::Elsewhere),
            ("LOCALHOST", Target::Loopback),
            ("a.10.0.0.1.nip.io", Target::Rebinding),
            ("7f000001.nip.io", Target::Rebinding),
            ("app-8-8-8-8.nip.io", Target::Elsewhere),
            ("7f000001.08080808.rbndr.us", Target::Rebinding),
            ("01010101.08080808.rbndr.us", Target::Elsewhere),
            ("\u{2460}\u{2461}\u{2466}.0.0.1", Target::Disguised),
            ("example.com", Target::Elsewhere),
            ("", Target::Elsewhere),
        ] {
            assert_eq!(classify(host.as_bytes()), target, "{host}");
        }
    }
}
