//! CPython's own test suites under the process tier: every test ends as it does without Guard.
//!
//! Twice: with nothing restricted, and with allowlists that hold what the suites use, where every
//! path and address is decided on. Debian's `libpython3.11-testsuite` has the suites, of the
//! version of Debian's Python.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use guard_tests::{Result, extension, skip};

const PYTHON: &str = "/usr/bin/python3";

/// What of the standard library meets the tier most, and is done within a minute.
const SUITES: [&str; 8] = [
    "test_fork1",
    "test_mmap",
    "test_os",
    "test_posix",
    "test_shutil",
    "test_subprocess",
    "test_tempfile",
    "test_threading",
];

/// The others, for some minutes, which need a network that answers or fails at once.
const LONG: [&str; 6] = [
    "test_asyncio",
    "test_multiprocessing_fork",
    "test_multiprocessing_forkserver",
    "test_multiprocessing_spawn",
    "test_signal",
    "test_socket",
];

const UNRESTRICTED: [(&str, &str); 1] = [("GUARD_MODE", "monitor")];

const ALLOWED: [(&str, &str); 5] = [
    ("GUARD_MODE", "enforce"),
    (
        "GUARD_EGRESS_ALLOW",
        "127.0.0.0/8,udp:127.0.0.0/8,[::1],udp:[::1],unix:/tmp/,unix:@something,localhost",
    ),
    ("GUARD_FILE_READ", "/"),
    (
        "GUARD_FILE_WRITE",
        "/tmp:/var/tmp:/dev:/proc/self:/usr/lib/python3:/usr/lib/python3.11",
    ),
    ("GUARD_EXEC_ALLOW", "/usr:/bin:/tmp"),
];

/// What is left out in all three runs: sockets that never end on a machine whose hypervisor has them
/// and leads them nowhere; a kind that allowlists refuse on purpose, as they do all but TCP and UDP;
/// and a name of a local socket that no entry can hold, since it is no text.
const LEFT_OUT: [&str; 3] = ["*VSOCK*", "*UDPLITE*", "*.testLinuxAbstractNamespace"];

/// How long a suite may take by itself.
const PATIENCE: Duration = Duration::from_secs(1500);

/// How many times as long as natively, on the same machine at the same time, suites may take under
/// guard; and what they may take besides.
const FACTOR: u32 = 3;
const REST: Duration = Duration::from_secs(60);

/// Prints each test of a JUnit file with what became of it.
const OUTCOMES: &str = "
import sys, xml.etree.ElementTree
for case in xml.etree.ElementTree.parse(sys.argv[1]).iter('testcase'):
    what = [child.tag for child in case if child.tag in ('failure', 'error', 'skipped')]
    print(case.get('name'), what[0] if what else 'ok')
";

/// Each test's outcome.
type Outcomes = BTreeMap<String, String>;

/// How long the suites took natively, once that is known.
type Natively = OnceLock<Duration>;

/// Waits for what leads a group of processes, and ends the group when it takes too long. Returns
/// how long it took.
fn wait(mut child: Child, natively: Option<&Natively>) -> Result<Duration> {
    let begin = Instant::now();
    loop {
        let ended = child.try_wait().map_err(|error| error.to_string())?;
        let took = begin.elapsed();
        if ended.is_some() {
            return Ok(took);
        }
        let native = natively.and_then(Natively::get);
        let most = native.map_or(PATIENCE * FACTOR, |native| *native * FACTOR + REST);
        if took > most {
            let group = rustix::process::Pid::from_child(&child);
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
            let _ = child.wait();
            return Err(match native {
                Some(native) => format!("did not end in {most:?}, natively in {native:?}"),
                None => format!("did not end in {most:?}"),
            });
        }
        // The suites take minutes: how soon an end is seen does not matter.
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Runs the suites in a folder of their own.
fn outcomes(
    name: &str,
    suites: &[&str],
    variables: Option<&[(&str, &str)]>,
    natively: &Natively,
) -> Result<Outcomes> {
    // Sockets of the local machine have short paths.
    let folder = Path::new("/tmp").join(format!("guard-cpython-{}-{name}", std::process::id()));
    let failed = |what: &dyn std::fmt::Display| format!("{}: {what}", folder.display());
    fs::create_dir_all(&folder).map_err(|error| failed(&error))?;
    let report = folder.join("report.xml");
    let log = fs::File::create(folder.join("log")).map_err(|error| failed(&error))?;
    let errors = log.try_clone().map_err(|error| failed(&error))?;
    let mut command = match variables {
        None => Command::new(PYTHON),
        Some(_) => {
            let mut command = Command::new(extension::program());
            command.args(["exec", "--", PYTHON]);
            command
        }
    };
    command
        .args(["-m", "test", "--timeout", &PATIENCE.as_secs().to_string()])
        .args(LEFT_OUT.iter().flat_map(|tests| ["--ignore", *tests]))
        .arg("--junit-xml")
        .arg(&report)
        .args(suites)
        .current_dir(&folder)
        .env_clear()
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .env("HOME", &folder)
        .env("TMPDIR", &folder)
        .envs(variables.unwrap_or_default().iter().copied())
        .stdin(Stdio::null())
        .stdout(log)
        .stderr(errors)
        .process_group(0);
    let child = command.spawn().map_err(|error| failed(&error))?;
    let log = || fs::read_to_string(folder.join("log")).unwrap_or_default();
    let took = match variables {
        None => wait(child, None),
        Some(_) => wait(child, Some(natively)),
    }
    .map_err(|error| failed(&format!("{error}: {}", log())))?;
    if variables.is_none() {
        let _ = natively.set(took);
    }
    println!("{name}: {} s", took.as_secs());
    let listed = Command::new(PYTHON)
        .args(["-c", OUTCOMES])
        .arg(&report)
        .output()
        .map_err(|error| failed(&error))?;
    if !listed.status.success() {
        return Err(failed(&format!("no report: {}", log())));
    }
    let outcomes = String::from_utf8_lossy(&listed.stdout)
        .lines()
        .filter_map(|line| line.split_once(' '))
        .map(|(name, outcome)| (name.to_owned(), outcome.to_owned()))
        .collect();
    fs::remove_dir_all(&folder).map_err(|error| failed(&error))?;
    Ok(outcomes)
}

/// Tests that ended otherwise than natively, and how.
fn differences(native: &Outcomes, guarded: &Outcomes) -> Outcomes {
    native
        .iter()
        .filter(|(name, outcome)| guarded.get(*name) != Some(outcome))
        .map(|(name, outcome)| {
            let other = guarded.get(name).map_or("no outcome", String::as_str);
            let how = format!("{outcome} natively, {other} under guard");
            (name.clone(), how)
        })
        .collect()
}

/// Runs the suites natively and in both ways under guard, side by side; the differences.
fn compared(suites: &[&str]) -> Result<[Outcomes; 2]> {
    let natively = Natively::new();
    let (native, open, lists) = std::thread::scope(|scope| {
        let natively = &natively;
        let native = scope.spawn(|| outcomes("native", suites, None, natively));
        let open = scope.spawn(|| outcomes("open", suites, Some(&UNRESTRICTED), natively));
        let lists = outcomes("lists", suites, Some(&ALLOWED), natively);
        let died = |_| Err("a thread ended".to_owned());
        let native = native.join().unwrap_or_else(died);
        (native, open.join().unwrap_or_else(died), lists)
    });
    let (native, open, lists) = (native?, open?, lists?);
    println!(
        "{} tests of {}, without {}",
        native.len(),
        suites.join(" "),
        LEFT_OUT.join(" ")
    );
    Ok([differences(&native, &open), differences(&native, &lists)])
}

fn compare(suites: &[&str]) {
    extension::build().expect("the extension builds");
    let has_suites = Command::new(PYTHON)
        .args(["-c", "import test.test_os, test.test_subprocess"])
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if !has_suites {
        return skip(
            "CPython's suites",
            "apt-get install libpython3.11-testsuite",
        );
    }
    let mut different = compared(suites).expect("suites run");
    if different.iter().all(BTreeMap::is_empty) {
        return;
    }
    println!("unrestricted and with lists, once more: {different:#?}");
    // Some tests depend on the time that things take: what Guard breaks is broken again.
    let is_concerned = |suite: &&str| {
        let suite = format!("test.{suite}.");
        let mut names = different.iter().flat_map(BTreeMap::keys);
        names.any(|name| name.starts_with(&suite))
    };
    let again: Vec<&str> = suites.iter().copied().filter(is_concerned).collect();
    assert!(!again.is_empty(), "{different:#?}");
    let once_more = compared(&again).expect("suites run");
    for (different, again) in different.iter_mut().zip(once_more) {
        different.retain(|name, _| again.contains_key(name));
    }
    assert!(
        different.iter().all(BTreeMap::is_empty),
        "unrestricted and with lists: {different:#?}"
    );
}

#[test]
fn the_standard_library_does_as_natively() {
    compare(&SUITES);
}

#[test]
#[ignore = "takes some minutes: make cpython"]
fn the_standard_library_does_as_natively_for_long() {
    compare(&LONG);
}
