//! What the middleware adds to an invocation beside inspection: the same service with and without
//! the layer, called as the runtime calls it, in one process and without a Runtime API.
//!
//! Events are benign: nothing is answered in the function's place. Responses are not part of it.

use std::future::{Ready, ready};
use std::hint::black_box;
use std::io;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use guard_core::policy::Policy;
use guard_core::{Families, Inspector};
use guard_middleware::GuardLayer;
use lambda_runtime::LambdaInvocation;
use lambda_runtime::tower::{Layer, Service};
use lambda_runtime_api_client::BoxError;

use crate::events::Event;

/// Medians over the rounds, in nanoseconds for an invocation.
#[derive(Debug, Clone, Copy)]
pub struct Cost {
    /// The service by itself.
    pub plain: f64,
    /// With the layer around it.
    pub guarded: f64,
    /// The inspector on the same bytes.
    pub inspection: f64,
    /// What the layer adds that is not inspection: the median of the rounds' own differences.
    pub beyond: f64,
}

/// In place of the runtime's own service and the handler: it takes the invocation and is done.
#[derive(Debug, Clone, Copy)]
struct Nothing;

impl Service<LambdaInvocation> for Nothing {
    type Response = ();
    type Error = BoxError;
    type Future = Ready<Result<(), BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, invocation: LambdaInvocation) -> Self::Future {
        drop(black_box(invocation));
        ready(Ok(()))
    }
}

/// Calls both services with all `events`, `rounds` times in turn, in the policy of an environment
/// without settings but `mode`.
///
/// # Errors
///
/// When a service fails or does not answer at once, or the policy cannot be read.
pub fn measure(events: &[Event], rounds: usize, mode: &str) -> io::Result<Cost> {
    let policy = Policy::from_vars(|name| (name == "GUARD_MODE").then(|| mode.to_owned()))
        .map_err(io::Error::other)?;
    // Records of benign events there are none; the status record is not for the table.
    let layer = GuardLayer::new(policy).with_records_to(|_| {});
    let (mut plain, mut guarded) = (Nothing, layer.layer(Nothing));
    let inspector = Inspector::new(Families::ALL);
    let mut samples = [const { Vec::new() }; 4];
    for round in 0..=rounds {
        let one = per_invocation(&mut plain, events)?;
        let two = per_invocation(&mut guarded, events)?;
        // Copies as fresh as those that the services get: memory is a part of the figure.
        let bodies: Vec<LambdaInvocation> = events.iter().map(invocation).collect();
        let start = Instant::now();
        for invocation in &bodies {
            black_box(inspector.inspect(black_box(&invocation.body)).count());
        }
        let three = nanoseconds(start, events.len());
        // The first round is for caches, and for what is done once in a process.
        if round > 0 {
            for (samples, figure) in samples.iter_mut().zip([one, two, three, two - one - three]) {
                samples.push(figure);
            }
        }
    }
    let [plain, guarded, inspection, beyond] = samples.map(|mut samples| {
        samples.sort_by(f64::total_cmp);
        samples.get(samples.len() / 2).copied().unwrap_or(f64::NAN)
    });
    Ok(Cost {
        plain,
        guarded,
        inspection,
        beyond,
    })
}

/// The invocations are made before the clock runs: the runtime makes them with and without Guard.
fn per_invocation<S>(service: &mut S, events: &[Event]) -> io::Result<f64>
where
    S: Service<LambdaInvocation, Response = (), Error = BoxError>,
{
    let invocations: Vec<LambdaInvocation> = events.iter().map(invocation).collect();
    let mut context = Context::from_waker(Waker::noop());
    let start = Instant::now();
    for invocation in invocations {
        let ready = service.poll_ready(&mut context);
        if !matches!(ready, Poll::Ready(Ok(()))) {
            return Err(io::Error::other("the service is not ready"));
        }
        let answer = pin!(service.call(invocation)).poll(&mut context);
        if !matches!(answer, Poll::Ready(Ok(()))) {
            return Err(io::Error::other("the service did not answer at once"));
        }
    }
    Ok(nanoseconds(start, events.len()))
}

#[expect(
    clippy::cast_precision_loss,
    reason = "nanoseconds and counts far below 2^52"
)]
fn nanoseconds(start: Instant, events: usize) -> f64 {
    start.elapsed().as_nanos() as f64 / events as f64
}

fn invocation(event: &Event) -> LambdaInvocation {
    let (parts, ()) = http::Response::new(()).into_parts();
    let mut context = lambda_runtime::Context::default();
    context.request_id = "8476a536-e9f4-11e8-9739-2dfe598c3fcd".to_owned();
    LambdaInvocation {
        parts,
        body: event.bytes.clone().into(),
        context,
    }
}
