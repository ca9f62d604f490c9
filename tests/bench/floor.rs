//! The floor: a proxy that copies bytes between a function and the Runtime API and knows nothing of
//! them. What any proxy costs, however little it does.

use std::ffi::OsString;
use std::io;
use std::net::Ipv4Addr;
use std::process::Command;

use guard_tests::Result;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};

/// Runs the command behind the proxy until it ends.
pub(crate) fn run(command: &[OsString]) -> Result<()> {
    let api = std::env::var("AWS_LAMBDA_RUNTIME_API").map_err(|error| error.to_string())?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| error.to_string())?;
    runtime
        .block_on(serve(command, &api))
        .map_err(|error| format!("floor: {error}"))
}

#[expect(
    clippy::exit,
    reason = "the proxy ends as the function ends, whatever it waits for"
)]
async fn serve(command: &[OsString], api: &str) -> io::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let (program, arguments) = command
        .split_first()
        .ok_or_else(|| io::Error::other("no command"))?;
    let mut child = Command::new(program)
        .args(arguments)
        .env("AWS_LAMBDA_RUNTIME_API", listener.local_addr()?.to_string())
        .spawn()?;
    std::thread::spawn(move || {
        let _ = child.wait();
        std::process::exit(0);
    });
    loop {
        let (mut client, _) = listener.accept().await?;
        let api = api.to_owned();
        tokio::spawn(async move {
            let mut upstream = TcpStream::connect(api).await?;
            client.set_nodelay(true)?;
            upstream.set_nodelay(true)?;
            copy_bidirectional(&mut client, &mut upstream).await
        });
    }
}
