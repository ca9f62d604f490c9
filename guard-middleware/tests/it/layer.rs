//! The layer around a service that only stands for the runtime's own.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use guard_core::policy::Policy;
use guard_middleware::GuardLayer;
use lambda_runtime::{Context, LambdaInvocation};
use tower::{Layer, Service, ServiceExt};
use tower_test::mock;

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
            kept.lock()
                .unwrap()
                .push(serde_json::from_slice(line).unwrap());
        });
    (guard, api, lines)
}

pub(crate) fn policy(variables: &[(&str, &str)]) -> Policy {
    let variables: HashMap<_, _> = variables.iter().copied().collect();
    Policy::from_vars(|name| variables.get(name).map(|value| (*value).to_owned())).unwrap()
}

pub(crate) fn invocation(request_id: &str, event: &[u8]) -> LambdaInvocation {
    let response = lambda_http::http::Response::builder()
        .header(
            "lambda-runtime-invocation-id",
            format!("invocation-of-{request_id}"),
        )
        .header("content-length", event.len());
    let (parts, ()) = response.body(()).unwrap().into_parts();
    let mut context = Context::default();
    request_id.clone_into(&mut context.request_id);
    context.xray_trace_id = Some("Root=1-5759e988-bd862e3fe1be46a994272793".to_owned());
    LambdaInvocation {
        parts,
        body: event.to_vec().into(),
        context,
    }
}

/// Calls the layer around a service that answers each invocation it gets, and tells what it got.
async fn pass_through(guard: &GuardLayer, invocation: LambdaInvocation) -> Option<Vec<u8>> {
    let (mut service, mut handle) = mock::pair::<LambdaInvocation, ()>();
    let mut guarded = guard.layer(&mut service);
    let reached = tokio::spawn(async move {
        let (request, reply) = handle.next_request().await?;
        reply.send_response(());
        Some(request.body.to_vec())
    });
    guarded
        .ready()
        .await
        .unwrap()
        .call(invocation)
        .await
        .unwrap();
    drop(guarded);
    drop(service);
    reached.await.unwrap()
}

fn only(answers: &[Answer]) -> &Answer {
    let [answer] = answers else {
        panic!("one answer awaited, got {answers:?}")
    };
    answer
}

const ENFORCE: (&str, &str) = ("GUARD_MODE", "enforce");

#[tokio::test]
async fn a_clean_event_arrives_as_the_same_bytes() {
    let (guard, api, lines) = guard(&[ENFORCE]);
    let clean = invocation("r1", fixture("function-url").to_string().as_bytes());
    let (address, length) = (clean.body.as_ptr() as usize, clean.body.len());
    let seen = Arc::new(Mutex::new(None));
    let kept = Arc::clone(&seen);
    let service = tower::service_fn(move |invocation: LambdaInvocation| {
        *kept.lock().unwrap() = Some((invocation.body.as_ptr() as usize, invocation.body.len()));
        async { Ok(()) }
    });
    guard.layer(service).oneshot(clean).await.unwrap();
    assert_eq!(
        *seen.lock().unwrap(),
        Some((address, length)),
        "not the very same bytes"
    );
    assert!(api.answers().is_empty());
    let lines = lines.lock().unwrap();
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert_eq!(lines[0]["type"], "status");
}

#[tokio::test]
async fn every_benign_fixture_passes() {
    let (guard, api, _) = guard(&[ENFORCE]);
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data/events");
    for file in std::fs::read_dir(folder).unwrap() {
        let event = std::fs::read(file.unwrap().path()).unwrap();
        assert_eq!(
            pass_through(&guard, invocation("r1", &event)).await,
            Some(event)
        );
    }
    assert!(api.answers().is_empty());
}

#[tokio::test]
async fn an_http_caller_gets_403_in_the_form_of_its_trigger() {
    let cases = [
        ("apigw-v1", "/path"),
        ("apigw-v2", "/rawPath"),
        ("function-url", "/rawPath"),
        ("alb", "/path"),
        ("websocket", "/body"),
    ];
    for (name, pointer) in cases {
        let (guard, api, lines) = guard(&[ENFORCE]);
        let hostile = with(name, pointer, HOSTILE);
        assert_eq!(
            pass_through(&guard, invocation("r1", &hostile)).await,
            None,
            "{name}"
        );
        let answers = api.answers();
        let answer = only(&answers);
        assert_eq!(answer.path, "/2018-06-01/runtime/invocation/r1/response");
        assert_eq!(
            answer.headers["lambda-runtime-invocation-id"],
            "invocation-of-r1"
        );
        let body = answer.json();
        assert_eq!(body["statusCode"], 403, "{name}");
        let text = body["body"].as_str().unwrap();
        assert!(
            text.contains("path.") && text.contains("r1"),
            "{name}: {text}"
        );
        assert!(!body.to_string().contains("etc/passwd"), "{name}: {body}");
        let lines = lines.lock().unwrap();
        let record = lines.last().unwrap();
        assert_eq!(record["verdict"], "block", "{name}");
        assert_eq!(record["tier"], "middleware");
        assert!(
            !record.to_string().contains("etc/passwd"),
            "{name}: {record}"
        );

        let clean = with(name, pointer, CLEAN);
        assert_eq!(
            pass_through(&guard, invocation("r2", &clean)).await,
            Some(clean),
            "{name}"
        );
        assert_eq!(api.answers().len(), 1, "{name}");
    }
}

#[tokio::test]
async fn a_blocked_batch_fails_by_default() {
    let (guard, api, _) = guard(&[ENFORCE]);
    assert_eq!(
        pass_through(&guard, invocation("r1", &queue(&[CLEAN, HOSTILE]))).await,
        None
    );
    let answers = api.answers();
    let answer = only(&answers);
    assert_eq!(answer.path, "/2018-06-01/runtime/invocation/r1/error");
    assert_eq!(
        answer.headers["lambda-runtime-invocation-id"],
        "invocation-of-r1"
    );
    assert_eq!(
        answer.headers["lambda-runtime-function-error-type"],
        "Guard.Blocked"
    );
    let body = answer.json();
    assert_eq!(body["errorType"], "Guard.Blocked");
    assert_eq!(
        body["errorMessage"],
        "blocked by rule path.traversal (request r1)"
    );

    let clean = queue(&[CLEAN, CLEAN]);
    assert_eq!(
        pass_through(&guard, invocation("r2", &clean)).await,
        Some(clean)
    );
}

#[tokio::test]
async fn drop_delivers_the_clean_records_in_their_own_bytes() {
    let (guard, api, lines) = guard(&[ENFORCE, ("GUARD_ON_BLOCK", "drop")]);
    let batch = queue(&[CLEAN, HOSTILE, "later", HOSTILE]);
    let seen = pass_through(&guard, invocation("r1", &batch))
        .await
        .unwrap();
    let seen: serde_json::Value = serde_json::from_slice(&seen).unwrap();
    let bodies: Vec<_> = seen["Records"]
        .as_array()
        .unwrap()
        .iter()
        .map(|r| &r["body"])
        .collect();
    assert_eq!(bodies, [CLEAN, "later"]);
    assert!(api.answers().is_empty());
    let lines = lines.lock().unwrap();
    let sources: Vec<_> = lines.iter().skip(1).map(|line| &line["source"]).collect();
    assert_eq!(sources, ["/Records/1/body", "/Records/3/body"]);
}

#[tokio::test]
async fn the_length_header_follows_a_trimmed_event() {
    let (guard, _, _) = guard(&[ENFORCE, ("GUARD_ON_BLOCK", "drop")]);
    let service = tower::service_fn(|invocation: LambdaInvocation| async move {
        let length = invocation.parts.headers["content-length"]
            .to_str()?
            .parse::<usize>()?;
        assert_eq!(length, invocation.body.len());
        Ok(())
    });
    let batch = queue(&[CLEAN, HOSTILE]);
    guard
        .layer(service)
        .oneshot(invocation("r1", &batch))
        .await
        .unwrap();
}

#[tokio::test]
async fn monitor_records_and_passes() {
    let (guard, api, lines) = guard(&[]);
    let hostile = with("function-url", "/rawPath", HOSTILE);
    assert_eq!(
        pass_through(&guard, invocation("r1", &hostile)).await,
        Some(hostile)
    );
    assert!(api.answers().is_empty());
    let lines = lines.lock().unwrap();
    let record = lines.last().unwrap();
    assert_eq!(record["verdict"], "report");
    assert_eq!(record["rule"], "path.traversal");
    assert_eq!(record["source"], "/rawPath");
    assert_eq!(record["mode"], "monitor");
}

#[tokio::test]
async fn off_does_nothing_at_all() {
    let (guard, api, lines) = guard(&[("GUARD_MODE", "off"), ("GUARD_LIMIT_BYTES", "1")]);
    let hostile = with("function-url", "/rawPath", HOSTILE);
    assert_eq!(
        pass_through(&guard, invocation("r1", &hostile)).await,
        Some(hostile)
    );
    assert!(api.answers().is_empty());
    assert!(lines.lock().unwrap().is_empty());
    assert!(guard.inspect(HOSTILE.as_bytes()).is_empty());
}

#[tokio::test]
async fn what_the_policy_leaves_out_passes_there_and_nowhere_else() {
    let (guard, api, _) = guard(&[ENFORCE, ("GUARD_INSPECT_SKIP", "/rawPath=path")]);
    let left_out = with("function-url", "/rawPath", HOSTILE);
    assert_eq!(
        pass_through(&guard, invocation("r1", &left_out)).await,
        Some(left_out)
    );
    let elsewhere = with("function-url", "/rawQueryString", HOSTILE);
    assert_eq!(
        pass_through(&guard, invocation("r2", &elsewhere)).await,
        None
    );
    assert_eq!(only(&api.answers()).request_id(), "r2");
}

#[tokio::test]
async fn events_beyond_a_limit_are_refused_before_anything_else() {
    let limits = [("GUARD_LIMIT_BYTES", "4K"), ("GUARD_LIMIT_DEPTH", "8")];
    let (guard, api, lines) = guard(&[ENFORCE, limits[0], limits[1]]);
    let long = with("function-url", "/body", &"a".repeat(5000));
    assert_eq!(pass_through(&guard, invocation("r1", &long)).await, None);
    let deep = format!("{}{}", "[".repeat(100), "]".repeat(100));
    assert_eq!(
        pass_through(&guard, invocation("r2", deep.as_bytes())).await,
        None
    );
    let within = with("function-url", "/body", "YQ==");
    assert_eq!(
        pass_through(&guard, invocation("r3", &within)).await,
        Some(within)
    );
    let answers = api.answers();
    assert_eq!(answers.len(), 2);
    assert_eq!(answers[0].outcome(), "response");
    assert_eq!(
        answers[1].json()["errorMessage"],
        "blocked by rule limit.depth (request r2)"
    );
    let lines = lines.lock().unwrap();
    let rules: Vec<_> = lines.iter().skip(1).map(|line| &line["rule"]).collect();
    assert_eq!(rules, ["limit.bytes", "limit.depth"]);
}

#[tokio::test]
async fn bytes_that_are_no_json_pass_unchanged() {
    let (guard, api, _) = guard(&[ENFORCE]);
    let deep = "[".repeat(10_000);
    let cases: [&[u8]; 8] = [
        b"",
        b"{",
        b"\"",
        b"\xff\xfe",
        b"{\"a\":\"\\ud800\"}",
        b"\0\0\0",
        b"{\"a\":1,\"a\":2}",
        deep.as_bytes(),
    ];
    for case in cases {
        let seen = pass_through(&guard, invocation("r1", case)).await;
        assert_eq!(seen.as_deref(), Some(case));
    }
    assert!(api.answers().is_empty());
}

#[tokio::test]
async fn a_six_mebibyte_event_is_decided_about() {
    let (guard, api, _) = guard(&[ENFORCE]);
    let filler = "lorem ipsum dolor sit amet, "
        .repeat(6 << 20)
        .get(..6 << 20)
        .unwrap()
        .to_owned();
    let clean = queue(&[&filler]);
    assert_eq!(
        pass_through(&guard, invocation("r1", &clean)).await,
        Some(clean)
    );
    let hostile = queue(&[&format!("{filler} {HOSTILE}")]);
    assert_eq!(pass_through(&guard, invocation("r2", &hostile)).await, None);
    assert_eq!(only(&api.answers()).request_id(), "r2");
}

#[tokio::test]
async fn a_refused_answer_does_not_end_the_process_and_a_lost_one_does() {
    let (guard, api, _) = guard(&[ENFORCE]);
    api.refuse_with(410);
    let hostile = with("function-url", "/rawPath", HOSTILE);
    assert_eq!(pass_through(&guard, invocation("r1", &hostile)).await, None);

    // A port that was free a moment ago: nobody listens there.
    let free = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let guard = guard.with_runtime_api(format!("http://{free}").parse().unwrap());
    let never = tower::service_fn(|_: LambdaInvocation| async { unreachable!() });
    let outcome: Result<(), _> = guard.layer(never).oneshot(invocation("r2", &hostile)).await;
    assert!(outcome.is_err());
}

#[tokio::test]
async fn the_status_record_says_what_is_on_and_what_is_not() {
    let (guard, _, lines) = guard(&[
        ENFORCE,
        ("GUARD_INSPECT", "sql,path"),
        ("GUARD_ON_BLOCK", "partial"),
        ("GUARD_EGRESS_ALLOW", "api.example.com:443"),
        ("GUARD_LIMIT_DEPTH", "40"),
    ]);
    let _ = guard.layer(());
    let _ = guard.clone().layer(());
    let lines = lines.lock().unwrap();
    let [status] = lines.as_slice() else {
        panic!("one record awaited, got {lines:?}")
    };
    assert_eq!(status["type"], "status");
    assert_eq!(status["mode"], "enforce");
    assert_eq!(status["tier"], "middleware");
    assert_eq!(status["families"], serde_json::json!(["path", "sql"]));
    assert_eq!(status["limits"]["depth"], 40);
    assert_eq!(status["policy"].as_str().unwrap().len(), 16);
    let problems = status["problems"].to_string();
    for wanted in [
        "GUARD_EGRESS_ALLOW: not enforced",
        "GuardLayer::responses_of",
    ] {
        assert!(problems.contains(wanted), "{problems}");
    }
}
