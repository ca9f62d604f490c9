//! Names of files and directories that a caller has no business naming.
//!
//! A name is written as its segments joined by `/`; in the text any run of separators stands for
//! it, `.` segments between them included, and letters compare without case. A name that ends in
//! `/` stands for everything below it.

/// How sure a name alone makes us.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Weight {
    /// Only after a step upwards: alone it is also what settings and manifests name.
    Step,
    /// Only where the whole value is the path, or after a step upwards.
    Weak,
    /// Wherever a value may begin, quotes and tags included.
    Strong,
}

use Weight::{Step, Strong, Weak};

use super::table::{Entry, Table};

static ROOTED_TABLE: Table<{ ROOTED.len() }> = Table::new(ROOTED);
static ANYWHERE_TABLE: Table<{ ANYWHERE.len() }> = Table::new(ANYWHERE);
static HIDDEN_TABLE: Table<{ HIDDEN.len() }> = Table::new(HIDDEN);
static MOUNTED_TABLE: Table<{ MOUNTED.len() }> = Table::new(MOUNTED);

/// What may stand at the root of a file system (or, after steps upwards, anywhere).
const ROOTED: &[Entry] = &[
    (b"etc/passwd", Strong),
    (b"etc/shadow", Strong),
    (b"etc/master.passwd", Strong),
    (b"etc/sudoers", Strong),
    (b"etc/security/passwd", Strong),
    (b"etc/security/opasswd", Strong),
    (b"etc/ssh/", Strong),
    (b"etc/", Weak),
    (b"proc/self/", Strong),
    (b"proc/version", Weak),
    (b"proc/cmdline", Weak),
    (b"proc/cpuinfo", Weak),
    (b"proc/meminfo", Weak),
    (b"proc/mounts", Weak),
    (b"proc/modules", Weak),
    (b"proc/filesystems", Weak),
    (b"proc/partitions", Weak),
    (b"proc/swaps", Weak),
    (b"proc/stat", Weak),
    (b"proc/sched_debug", Weak),
    (b"proc/net/", Weak),
    (b"proc/sys/", Weak),
    (b"proc/kcore", Weak),
    (b"proc/interrupts", Weak),
    (b"proc/ioports", Weak),
    (b"proc/", Step),
    (b"var/task/", Weak),
    (b"var/runtime/", Weak),
    (b"var/rapid/", Weak),
    (
        b"var/run/secrets/kubernetes.io/serviceaccount/token",
        Strong,
    ),
    (b"var/run/secrets/", Step),
    (b"var/run/utmp", Weak),
    (b"var/log/apache", Weak),
    (b"var/log/httpd", Weak),
    (b"var/log/nginx", Weak),
    (b"var/log/lighttpd", Weak),
    (b"var/log/auth", Weak),
    (b"var/log/mail", Weak),
    (b"var/log/vsftpd", Weak),
    (b"var/log/proftpd", Weak),
    (b"var/log/mysql", Weak),
    (b"var/log/wtmp", Weak),
    (b"var/log/btmp", Weak),
    (b"var/log/lastlog", Weak),
    (b"var/log/access", Weak),
    (b"var/log/error", Weak),
    (b"var/log/exim", Weak),
    (b"var/log/sshd", Weak),
    (b"var/log/dpkg", Weak),
    (b"var/log/yum", Weak),
    (b"var/log/maillog", Weak),
    (b"var/log/cron", Weak),
    (b"var/log/daemon", Weak),
    (b"var/log/faillog", Weak),
    (b"var/log/kern", Weak),
    (b"var/log/secure", Weak),
    (b"var/log/boot", Weak),
    (b"var/log/httpsd/", Weak),
    (b"var/lib/mysql/", Step),
    (b"var/lib/mlocate/", Weak),
    (b"var/lib/php", Weak),
    (b"var/spool/cron/", Weak),
    (b"var/spool/", Step),
    (b"var/mail/", Weak),
    (b"var/backups/", Step),
    (b"var/www/", Step),
    (b"var/webmin/", Weak),
    (b"var/adm/", Weak),
    (b"var/db/", Step),
    (b"var/", Step),
    (b"usr/", Step),
    (b"opt/", Step),
    (b"mnt/", Step),
    (b"srv/", Step),
    (b"sys/", Step),
    (b"root/.", Step),
    (b"boot/grub", Step),
    (b"run/secrets/", Step),
    (b"tmp/sess_", Step),
    (b"lib/systemd/", Step),
    (b"dev/random", Step),
    (b"dev/urandom", Step),
    (b"dev/zero", Step),
    (b"dev/fd/", Step),
    (b"dev/stdin", Step),
    (b"windows/win.ini", Strong),
    (b"windows/system.ini", Strong),
    (b"windows/system32/config/", Weak),
    (b"windows/system32/drivers/etc/", Strong),
    (b"windows/system32/inetsrv/", Weak),
    (b"windows/system32/logfiles/", Weak),
    (b"windows/system32/license.rtf", Weak),
    (b"windows/system32/eula.txt", Weak),
    (b"windows/debug/netsetup.log", Weak),
    (b"windows/windowsupdate.log", Weak),
    (b"windows/iis", Weak),
    (b"windows/system32/", Step),
    (b"windows/repair/", Weak),
    (b"windows/panther/", Weak),
    (b"windows/debug/", Step),
    (b"windows/php.ini", Weak),
    (b"windows/my.ini", Weak),
    (b"windows/", Step),
    (b"winnt/", Weak),
    (b"win.ini", Weak),
    (b"boot.ini", Strong),
    (b"autoexec.bat", Weak),
    (b"config.sys", Weak),
    (b"inetpub/logs/", Weak),
    (b"inetpub/", Step),
    (b"xampp/", Weak),
    (b"wamp", Weak),
    (b"users/administrator/ntuser.dat", Weak),
    (b"users/administrator/", Step),
    (b"pagefile.sys", Weak),
    (b"ntldr", Weak),
    (b"unattend.", Weak),
    (b"sysprep/", Weak),
    (b"users/default/ntuser.dat", Weak),
    (b"documents and settings/", Step),
    (b"program files/", Step),
    (b"program files (x86)/", Step),
    (b"php/php.ini", Weak),
    (b"apache/", Step),
    (b"apache2/", Step),
    (b"mysql/my.ini", Weak),
    (b"mysql/data/", Step),
];

/// What gives a file away whatever directory it is in.
const ANYWHERE: &[Entry] = &[
    (b"web-inf/", Strong),
    (b"web-infweb.xml", Weak),
    (b"meta-inf/", Weak),
    (b"web.config", Weak),
    (b"wp-config.", Weak),
    (b"id_rsa", Weak),
    (b"id_dsa", Weak),
    (b"id_ecdsa", Weak),
    (b"id_ed25519", Weak),
    (b"win.ini", Weak),
    (b"boot.ini", Weak),
    (b"php.ini", Weak),
    (b"my.ini", Weak),
    (b"my.cnf", Weak),
    (b"httpd.conf", Weak),
    (b"apache.conf", Weak),
    (b"apache2.conf", Weak),
    (b"nginx.conf", Weak),
    (b"lighttpd.conf", Weak),
    (b"proftpd.conf", Weak),
    (b"vsftpd.conf", Weak),
    (b"pure-ftpd.conf", Weak),
    (b"httpd-vhosts.conf", Weak),
    (b"httpd.include.conf", Weak),
    (b"access_log", Weak),
    (b"access.log", Weak),
    (b"error_log", Weak),
    (b"error.log", Weak),
];

/// Names that begin with a dot; listed without it.
const HIDDEN: &[Entry] = &[
    (b"ssh/", Strong),
    (b"aws/", Strong),
    (b"env", Weak),
    (b"git/", Weak),
    (b"git-credentials", Weak),
    (b"gitconfig", Weak),
    (b"svn/", Weak),
    (b"hg/", Weak),
    (b"bzr/", Weak),
    (b"kube/config", Strong),
    (b"docker/config.json", Strong),
    (b"dockercfg", Weak),
    (b"config/gcloud/", Strong),
    (b"azure/", Weak),
    (b"boto", Weak),
    (b"s3cfg", Weak),
    (b"netrc", Weak),
    (b"npmrc", Weak),
    (b"pypirc", Weak),
    (b"pgpass", Weak),
    (b"my.cnf", Weak),
    (b"htpasswd", Weak),
    (b"htaccess", Weak),
    (b"bash_history", Strong),
    (b"bashrc", Weak),
    (b"bash_profile", Weak),
    (b"bash_logout", Weak),
    (b"zsh_history", Strong),
    (b"sh_history", Weak),
    (b"mysql_history", Strong),
    (b"psql_history", Strong),
    (b"rhosts", Weak),
    (b"gnupg/", Weak),
    (b"vault-token", Weak),
];

/// Below `etc/`: what containers and manifests mount, no secret by name.
const MOUNTED: &[Entry] = &[
    (b"config", Step),
    (b"configs", Step),
    (b"secret", Step),
    (b"secrets", Step),
    (b"ssl", Step),
    (b"tls", Step),
    (b"pki", Step),
    (b"certs", Step),
    (b"localtime", Step),
    (b"timezone", Step),
    (b"kubernetes", Step),
    (b"prometheus", Step),
    (b"alertmanager", Step),
    (b"grafana", Step),
    (b"systemd", Step),
    (b"docker", Step),
    (b"envoy", Step),
    (b"istio", Step),
    (b"cni", Step),
    (b"podinfo", Step),
    (b"ca-certificates", Step),
];

/// The name that `bytes[at..]` begins with, were it at a root: where it ends and how sure it makes
/// us.
pub(super) fn rooted(bytes: &[u8], at: usize) -> Option<(usize, Weight)> {
    if let Some(end) = process(bytes, at) {
        return Some((end, Strong));
    }
    let (end, weight) = ROOTED_TABLE.find(bytes, at)?;
    let below = bytes.get(at).is_some_and(|b| b.eq_ignore_ascii_case(&b'e'));
    let bare = bytes.get(end).is_none_or(|b| !b.is_ascii_alphanumeric());
    if below && weight == Weak && (bare || MOUNTED_TABLE.find(bytes, end).is_some()) {
        return Some((end, Step));
    }
    Some((end, weight))
}

/// The name that `bytes[at..]` begins with, in whatever directory.
pub(super) fn anywhere(bytes: &[u8], at: usize) -> Option<(usize, Weight)> {
    if bytes.get(at) == Some(&b'.') {
        return HIDDEN_TABLE.find(bytes, at + 1);
    }
    ANYWHERE_TABLE.find(bytes, at)
}

/// `proc/PID/` of any process.
fn process(bytes: &[u8], at: usize) -> Option<usize> {
    let i = prefix(b"proc/", bytes, at)?;
    let digits = bytes
        .iter()
        .skip(i)
        .take(8)
        .take_while(|b| b.is_ascii_digit())
        .count();
    let end = i + digits;
    (digits > 0 && bytes.get(end).copied().is_some_and(is_separator)).then_some(end + 1)
}

/// Where `name` ends if `bytes[at..]` begins with it.
fn prefix(name: &[u8], bytes: &[u8], at: usize) -> Option<usize> {
    name.iter()
        .try_fold(at, |at, &wanted| step(wanted, bytes, at))
}

/// Where one byte of a name ends if it stands at `bytes[at..]`.
#[inline]
pub(super) fn step(wanted: u8, bytes: &[u8], at: usize) -> Option<usize> {
    if wanted == b'/' {
        return separators(bytes, at);
    }
    let byte = bytes.get(at)?;
    byte.eq_ignore_ascii_case(&wanted).then_some(at + 1)
}

/// The end of a run of separators (`/./`, `\\`, `//` are one) that begins at `i`, if one does.
pub(super) fn separators(bytes: &[u8], mut i: usize) -> Option<usize> {
    if !bytes.get(i).copied().is_some_and(is_separator) {
        return None;
    }
    // Longer runs serve no purpose and would be walked once for each name.
    let limit = i + 64;
    while i < limit {
        match (bytes.get(i), bytes.get(i + 1)) {
            (Some(b'/' | b'\\'), _) => i += 1,
            (Some(b'.'), Some(b'/' | b'\\')) => i += 2,
            _ => break,
        }
    }
    Some(i)
}

pub(super) const fn is_separator(byte: u8) -> bool {
    matches!(byte, b'/' | b'\\')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_end_at_boundaries() {
        assert_eq!(rooted(b"etc/passwd", 0), Some((10, Strong)));
        assert_eq!(rooted(b"ETC\\\\.\\passwd\0", 0), Some((13, Strong)));
        assert_eq!(rooted(b"etc/passwords.txt", 0), Some((4, Weak)));
        assert_eq!(rooted(b"etcetera", 0), None);
        assert_eq!(rooted(b"etc/ssl/certs", 0), Some((4, Step)));
        assert_eq!(rooted(b"etc/issue", 0), Some((4, Weak)));
        assert_eq!(rooted(b"proc/1/fd", 0), Some((7, Strong)));
        assert_eq!(anywhere(b".environment", 0), None);
        assert_eq!(anywhere(b".env.bak", 0), Some((4, Weak)));
        assert_eq!(anywhere(b"WEB-INF/web.xml", 0), Some((8, Strong)));
    }
}
