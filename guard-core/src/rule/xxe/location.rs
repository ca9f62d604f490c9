//! Where a URI of an XML document points, as far as that says whether fetching it is an attack.

/// Where a URI points.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Location<'t> {
    /// A file beside the document.
    Relative,
    /// A file of the machine: `file:`, an absolute path, `..`, a share.
    Local,
    /// A scheme that reaches a server or an interpreter: `ftp`, `jar`, `php`, `expect`, `data`...
    Other,
    /// `http` or `https`.
    Web { host: &'t [u8], path: &'t [u8] },
}

/// Hosts whose DTDs ordinary documents name; parsers that keep a catalogue fetch none of them, and
/// nobody but the publisher can put a document there (which rules out hosting sites as a whole).
const PUBLISHERS: &[&[u8]] = &[
    b"w3.org",
    b"apple.com",
    b"oasis-open.org",
    b"hibernate.org",
    b"hibernate.sourceforge.net",
    b"docbook.sourceforge.net",
    b"checkstyle.sourceforge.net",
    b"mybatis.org",
    b"ibatis.apache.org",
    b"apache.org",
    b"sun.com",
    b"springframework.org",
    b"puppycrawl.com",
    b"checkstyle.org",
    b"jboss.org",
    b"eclipse.org",
    b"omg.org",
    b"ncbi.nlm.nih.gov",
    b"openmobilealliance.org",
    b"wapforum.org",
    b"xmlsoap.org",
    b"docbook.org",
    b"tei-c.org",
    b"musicxml.org",
    b"gwtproject.org",
    b"www.freedesktop.org",
    b"magento.com",
    b"cxml.org",
];

impl<'t> Location<'t> {
    pub(super) fn parse(uri: &'t [u8]) -> Self {
        let uri = uri.trim_ascii();
        let scheme = uri
            .iter()
            .take(24)
            .position(|b| !(b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.')))
            .filter(|n| *n > 1 && uri.get(*n) == Some(&b':'));
        let Some(end) = scheme else {
            let local = uri.starts_with(b"/")
                || uri.starts_with(b"\\")
                || uri.starts_with(b"..")
                || uri.get(1) == Some(&b':');
            return if local { Self::Local } else { Self::Relative };
        };
        let scheme = uri.get(..end).unwrap_or_default();
        let rest = uri.get(end + 1..).unwrap_or_default();
        if scheme.eq_ignore_ascii_case(b"file") || scheme.eq_ignore_ascii_case(b"netdoc") {
            return Self::Local;
        }
        if scheme.eq_ignore_ascii_case(b"urn") {
            return Self::Relative;
        }
        let web = scheme.eq_ignore_ascii_case(b"http") || scheme.eq_ignore_ascii_case(b"https");
        match rest.strip_prefix(b"//") {
            Some(rest) if web => {
                let end = rest
                    .iter()
                    .position(|b| matches!(b, b'/' | b'?' | b'#' | b'\\'));
                let (host, path) = rest.split_at(end.unwrap_or(rest.len()));
                Self::Web { host, path }
            }
            _ => Self::Other,
        }
    }

    /// Whether this is on a host of one of the well-known publishers.
    pub(super) fn is_published(&self) -> bool {
        let Self::Web { host, .. } = self else {
            return false;
        };
        let below = |name: &&[u8]| {
            host.len().checked_sub(name.len()).is_some_and(|n| {
                host.get(n..).is_some_and(|h| h.eq_ignore_ascii_case(name))
                    && (n == 0 || host.get(n - 1) == Some(&b'.'))
            })
        };
        PUBLISHERS.iter().any(below)
    }

    /// Whether this is a DTD of one of the well-known publishers.
    pub(super) fn is_public_dtd(&self) -> bool {
        let Self::Web { path, .. } = self else {
            return false;
        };
        [&b".dtd"[..], b".ent", b".mod"]
            .iter()
            .any(|end| path.ends_with(end))
            && self.is_published()
    }

    /// Whether this is a DTD on a host of the owner that the formal public identifier names
    /// (`-//Owner//DTD ...`, ISO 8879).
    pub(super) fn is_published_by(&self, identifier: &[u8]) -> bool {
        let Self::Web { host, .. } = self else {
            return false;
        };
        let name = owner(host).split(|b| *b == b'.').next().unwrap_or_default();
        let owned = name.len() > 2
            && identifier.starts_with(b"-//")
            && identifier
                .windows(name.len())
                .any(|w| w.eq_ignore_ascii_case(name));
        owned && !self.is_odd(b".dtd")
    }

    /// Whether nobody would keep a schema there whose documents end in `suffix`: another scheme, an
    /// address instead of a name, a port, a name without a dot, or another kind of document.
    pub(super) fn is_odd(&self, suffix: &[u8]) -> bool {
        match self {
            Self::Relative => false,
            Self::Local | Self::Other => true,
            Self::Web { host, path } => {
                let last = host.rsplit(|b| *b == b'.').next().unwrap_or_default();
                !host.contains(&b'.')
                    || host.iter().any(|b| matches!(b, b':' | b'@' | b'[' | b'%'))
                    || last.iter().all(u8::is_ascii_digit)
                    || !path.ends_with(suffix)
            }
        }
    }

    /// Whether both are on hosts of one owner, taken as the last two labels.
    pub(super) fn shares_host(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Web { host: a, .. }, Self::Web { host: b, .. }) => {
                owner(a).eq_ignore_ascii_case(owner(b))
            }
            _ => false,
        }
    }
}

/// The last two labels of a host.
fn owner(host: &[u8]) -> &[u8] {
    let mut dots = host.iter().enumerate().rev().filter(|(_, b)| **b == b'.');
    let cut = dots.nth(1).map_or(0, |(at, _)| at + 1);
    host.get(cut..).unwrap_or(host)
}

/// Whether a relative URI is plainly a file's name with its extension.
pub(super) fn is_file_name(uri: &[u8]) -> bool {
    let plain = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b'/');
    let extension = uri.rsplit(|b| *b == b'.').next().unwrap_or_default();
    uri.iter().all(plain) && (1..=4).contains(&extension.len()) && extension.len() + 1 < uri.len()
}

/// Whether `uri` is a DTD in a folder above the document's (`../dtds/fonts.dtd`): what is there is
/// read as declarations, and no file of that name holds a secret.
pub(super) fn is_dtd_above(uri: &[u8]) -> bool {
    let plain = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'/' | b'-' | b'_');
    uri.starts_with(b"../") && uri.iter().all(plain) && uri.ends_with(b".dtd")
}
