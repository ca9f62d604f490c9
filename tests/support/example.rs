//! The example functions of other languages, copied, built and ready to run.
//!
//! Outside of a test's namespaces everything is fetched and built; inside it is only looked for. Must
//! not know: what a test asks of them.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::emulator::Emulator;
use crate::function::{self, Profile};
use crate::isolation::Isolation;
use crate::{Result, clients, extension, fetch, layer};

/// What a function needs in its environment.
pub type Variables = Vec<(&'static str, String)>;

/// An example, ready to run.
#[derive(Debug)]
pub struct Example {
    /// That of its folder in the repository.
    pub name: &'static str,
    /// The copy that runs.
    pub folder: PathBuf,
    /// What it needs in its environment.
    pub variables: Variables,
}

/// Outside of the namespaces, which have no network, nothing is built twice: inside only the folder
/// is looked for.
#[must_use]
pub fn is_inside() -> bool {
    std::env::var_os("TESTS_INSIDE").is_some()
}

impl Example {
    /// Copies the example and runs `prepare` in the copy.
    ///
    /// # Errors
    ///
    /// In one line what is missing on this machine, or what does not build.
    pub fn new(name: &'static str, prepare: fn(&Path) -> Result<Variables>) -> Result<Self> {
        fetch::EMULATOR.path()?;
        let folder = if is_inside() {
            crate::target().join("rig/examples").join(name)
        } else {
            function::build("lambda-guard-extension", Profile::Debug)?;
            layer::copy_example(name)?
        };
        let mut variables = prepare(&folder)?;
        let path = format!(
            "{}:/usr/local/bin:/usr/bin:/bin",
            clients::python_folder()?.display()
        );
        variables.push(("PATH", path));
        Ok(Self {
            name,
            folder,
            variables,
        })
    }

    /// Starts the emulator with the example as its function, and `variables` beside its own.
    ///
    /// # Panics
    ///
    /// When the emulator does not come up.
    #[must_use]
    pub fn start(&self, isolation: Isolation, variables: &[(&str, &str)]) -> Emulator {
        let mut all: Vec<(&str, &str)> = self
            .variables
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        all.extend_from_slice(variables);
        Emulator::start(isolation, &self.folder.join("run"), &all).expect("the emulator starts")
    }

    /// The text of a file in its folder.
    ///
    /// # Panics
    ///
    /// When there is none.
    #[must_use]
    pub fn read(&self, path: &str) -> String {
        let path = self.folder.join(path);
        std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// Names of the benign events.
    ///
    /// # Panics
    ///
    /// When the example says of none what it answers.
    #[must_use]
    pub fn benign(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.folder.join("expected")).expect("expected/");
        let mut names: Vec<String> = entries
            .flatten()
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .collect();
        names.sort_unstable();
        names
    }
}

/// AWS's Python client.
///
/// # Errors
///
/// In one line what is missing on this machine, or what does not build.
pub fn python(_: &Path) -> Result<Variables> {
    let client = extension::python_client()?;
    Ok(vec![("PYTHONPATH", client.display().to_string())])
}

/// AWS's Node.js client in the copy's `node_modules`.
///
/// # Errors
///
/// In one line what is missing on this machine, or what does not build.
pub fn node(folder: &Path) -> Result<Variables> {
    let modules = clients::node_modules()?;
    let link = folder.join("node_modules");
    if !link.exists() {
        std::os::unix::fs::symlink(&modules, &link)
            .map_err(|error| format!("{}: {error}", link.display()))?;
    }
    Ok(vec![("WEBHOOK_SECRET", "example-signing-key".to_owned())])
}

/// The program, built.
///
/// # Errors
///
/// In one line what is missing on this machine, or what does not build.
pub fn go(folder: &Path) -> Result<Variables> {
    clients::needs("go", "golang-go")?;
    if !folder.join("links").exists() {
        let cache = crate::target().join("rig/go-cache");
        layer::run(
            Command::new("sh")
                .arg(folder.join("build"))
                .env("GOCACHE", cache)
                .env("GOFLAGS", "-mod=mod")
                .env("GOPROXY", "off"),
        )?;
    }
    Ok(vec![("LINK_KEY", "example-link-key".to_owned())])
}

/// The classes, built.
///
/// # Errors
///
/// In one line what is missing on this machine, or what does not build.
pub fn java(folder: &Path) -> Result<Variables> {
    clients::needs("javac", "openjdk-17-jdk-headless")?;
    if !folder.join("classes").exists() {
        layer::run(Command::new("sh").arg(folder.join("build")))?;
    }
    Ok(Vec::new())
}
