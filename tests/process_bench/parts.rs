//! What is measured, built and put where another user may run it.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use guard_tests::function::{self, Profile};
use guard_tests::{Result, layer, root};

/// Who runs programs when root measures: nobody, as most systems number it.
const NOBODY: u32 = 65534;

/// A folder with the guard, its parts, and programs; gone in the end.
#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) place: PathBuf,
    user: Option<u32>,
}

impl Parts {
    /// Builds the guard as it is released.
    pub(crate) fn build() -> Result<Self> {
        let guard = function::build("lambda-guard-extension", Profile::Release)?;
        let release = guard.parent().ok_or("the guard is nowhere")?;
        layer::run(
            Command::new("sh")
                .arg(root().join("guard-extension/process/build.sh"))
                .arg(release),
        )?;
        let place =
            std::env::temp_dir().join(format!("guard-process-bench-{}", std::process::id()));
        let is_root = rustix::process::geteuid().is_root();
        let parts = Self {
            place,
            user: is_root.then_some(NOBODY),
        };
        fs::create_dir_all(&parts.place).map_err(|error| parts.failed(&error))?;
        for part in ["guard", "libguard.so", "guard-loader"] {
            let to = parts.place.join(part);
            fs::copy(release.join(part), &to).map_err(|error| parts.failed(&error))?;
            let mode = fs::Permissions::from_mode(0o755);
            fs::set_permissions(&to, mode).map_err(|error| parts.failed(&error))?;
        }
        for script in ["mixed.py", "function.js"] {
            fs::copy(source(script), parts.place.join(script))
                .map_err(|error| parts.failed(&error))?;
        }
        fs::write(parts.place.join("file"), "x").map_err(|error| parts.failed(&error))?;
        std::os::unix::fs::symlink("file", parts.place.join("file.link"))
            .map_err(|error| parts.failed(&error))?;
        Ok(parts)
    }

    /// A program, as the other user.
    pub(crate) fn as_user(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin");
        command.current_dir(&self.place);
        if let Some(user) = self.user {
            command.uid(user).gid(user);
        }
        command
    }

    /// `guard exec --` with a policy that restricts everything and allows what is measured.
    pub(crate) fn exec(&self, port: &str) -> Command {
        let mut command = self.as_user(&self.place.join("guard"));
        let own = self.place.display();
        let rig = guard_tests::target().join("rig");
        command
            .env("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:1")
            .env("GUARD_MODE", "enforce")
            .env("GUARD_REQUIRE", "process")
            .env(
                "GUARD_EGRESS_ALLOW",
                format!("127.0.0.1:{port},udp:127.0.0.1:{port},unix:/tmp/"),
            )
            .env(
                "GUARD_FILE_READ",
                format!("runtime:/etc:/proc:/sys:{own}:{}", rig.display()),
            )
            .env("GUARD_FILE_WRITE", "/dev/null:/tmp")
            .env("GUARD_EXEC_ALLOW", format!("runtime:/bin:{own}"))
            .args(["exec", "--"]);
        command
    }

    /// A program in C.
    pub(crate) fn compile(&self, from: &str, name: &str, flags: &[&str]) -> Result<PathBuf> {
        let program = self.place.join(name);
        let mut command = Command::new("cc");
        command.args(["-O1", "-w", "-pthread", "-o"]).arg(&program);
        layer::run(command.arg(source(from)).args(flags))?;
        Ok(program)
    }

    /// A static program in Go.
    pub(crate) fn build_go(&self) -> Result<String> {
        let program = self.place.join("go");
        let mut command = Command::new("go");
        command
            .args(["build", "-o"])
            .arg(&program)
            .arg(source("start.go"));
        command.env("CGO_ENABLED", "0").env("GO111MODULE", "off");
        layer::run(&mut command)?;
        Ok(program.display().to_string())
    }

    fn failed(&self, error: &std::io::Error) -> String {
        format!("{}: {error}", self.place.display())
    }
}

impl Drop for Parts {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.place);
    }
}

/// A source file: beside this one, or of the extension's tests.
fn source(name: &str) -> PathBuf {
    let here = root().join("tests/process_bench").join(name);
    if here.exists() {
        here
    } else {
        root()
            .join("guard-extension/tests/process/programs")
            .join(name)
    }
}
