//! The layer around a service that only stands for the runtime's own.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use guard_core::policy::Policy;
use guard_middleware::GuardLayer;
use lambda_runtime::{Context, LambdaInvocation};
use tower::{Layer, Service, ServiceExt};
use tower_test::mock::{self, Mock};
use tower_test::assert_request_eq;

use crate::event::{CLEAN, HOSTILE, fixture, queue, with};
use crate::runtime_api::{Answer, RuntimeApi};

pub(crate) type Lines = Arc<Mutex<Vec<serde_json::Value>>>;

/// A layer for a policy of these variables, the Runtime API that it answers to, and its records.
pub(crate) fn guard(variables: &[(&str, &str)]) -> (GuardLayer, RuntimeApi, Lines) {
    let api = RuntimeApi::start();
    let lines = Lines::default();
    let kept = Arc::clone(&lines);
    let guard = GuardLayer::new(policy(variables))
        .with_runtime_api(format!("http://{}", api.address()).parse().unwrap())
        .with_records_to(move |line| {
            assert_eq!(line.iter().position(|b| *b == b'\n'), Some(line.len() - 1));
            kept.lock().unwrap().push(serde_json::from_slice(line).unwrap());
        });
    (guard, api, lines)
}

pub(crate) fn policy(variables: &[(&str, &str)]) -> Policy {
    let variables: HashMap<_, _> = variables.iter().copied().collect();
    Policy::from_vars(|name| variables.get(name).map(|value| (*value).to_owned())).unwrap()
}

pub(crate) fn invocation(request_id: &str, event: &[u8]) -> LambdaInvocation {
    let response = lambda_http::http::Response::builder()
        .header("lambda-runtime-invocation-id", format!("invocation-of-{request_id}"))
        .header("content-length", event.len());
    let (parts, ()) = response.body(()).unwrap().into_parts();
    let mut context = Context::default();
    request_id.clone_into(&mut context.request_id);
    context.xray_trace_id = Some("Root=1-5759e988-bd862e3fe1be46a994272793".to_owned());
    LambdaInvocation { parts, body: event.to_vec().into(), context }
}
