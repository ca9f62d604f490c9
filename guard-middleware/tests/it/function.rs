//! Functions as processes of their own: the real runtime between the layer and a Runtime API.
//!
//! The process is this test program again, told by a variable which function to be: settings come
//! from a real environment, records go to a real standard output.

use std::io::Read as _;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use guard_middleware::GuardLayer;
use lambda_runtime::{Error, LambdaEvent, Runtime, StreamResponse, service_fn};
use serde_json::{Value, json};

use crate::bad_events::{raw, typed};
use crate::runtime_api::RuntimeApi;

/// Not a `GUARD_` name: those have to be settings.
const NAME: &str = "TEST_FUNCTION";

/// A function that runs until it is dropped.
pub(crate) struct Function {
    child: Child,
    pub(crate) api: RuntimeApi,
}

impl Function {
    pub(crate) fn start(name: &str, variables: &[(&str, &str)]) -> Self {
        let api = RuntimeApi::start();
        let child = Command::new(std::env::current_exe().unwrap())
            .args([
                "function::function",
                "--exact",
                "--nocapture",
                "--test-threads=1",
            ])
            .env_clear()
            .env(NAME, name)
            .env("AWS_LAMBDA_RUNTIME_API", api.address())
            .env("AWS_LAMBDA_FUNCTION_NAME", "orders")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128")
            .env("AWS_LAMBDA_FUNCTION_VERSION", "1")
            .envs(variables.iter().copied())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        Self { child, api }
    }

    /// Ends the function; the records it wrote.
    pub(crate) fn records(mut self) -> Vec<Value> {
        self.child.kill().unwrap();
        let mut text = String::new();
        self.child
            .stdout
            .take()
            .unwrap()
            .read_to_string(&mut text)
            .unwrap();
        // The test harness leaves words of its own on the first line.
        let lines = text.lines().filter_map(|line| line.get(line.find('{')?..));
        lines
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// Reads standard output from now on, until the function ends.
    fn listen(&mut self) -> std::thread::JoinHandle<String> {
        let mut stdout = self.child.stdout.take().unwrap();
        std::thread::spawn(move || {
            let mut text = String::new();
            stdout.read_to_string(&mut text).unwrap();
            text
        })
    }

    /// Waits for the function to end by itself; what it said on standard error.
    fn end(mut self) -> (bool, String) {
        let mut text = String::new();
        self.child
            .stderr
            .take()
            .unwrap()
            .read_to_string(&mut text)
            .unwrap();
        (self.child.wait().unwrap().success(), text)
    }
}

impl Drop for Function {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Not a test: a function, if the process was started as one.
#[test]
fn function() {
    let Ok(name) = std::env::var(NAME) else {
        return;
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(run(&name)).unwrap();
}

async fn run(name: &str) -> Result<(), Error> {
    let guard = GuardLayer::from_env()?;
    match name {
        "echo" => {
            Runtime::new(guard.responses_of(service_fn(echo)))
                .layer(guard)
                .run()
                .await
        }
        "concurrent" => {
            let handler = guard.responses_of(service_fn(echo));
            Runtime::new(handler).layer(guard).run_concurrent().await
        }
        "batch" => {
            Runtime::new(guard.responses_of(service_fn(batch)))
                .layer(guard)
                .run()
                .await
        }
        "odd" => {
            Runtime::new(guard.responses_of(service_fn(odd)))
                .layer(guard)
                .run()
                .await
        }
        "batch-unwrapped" => Runtime::new(service_fn(batch)).layer(guard).run().await,
        "stream" => {
            Runtime::new(guard.responses_of(service_fn(stream)))
                .layer(guard)
                .run()
                .await
        }
        "http" => {
            let handler = lambda_http::Adapter::from(service_fn(greet));
            Runtime::new(guard.responses_of(handler))
                .layer(guard)
                .run()
                .await
        }
        "http-stream" => {
            let handler = lambda_http::StreamAdapter::from(service_fn(greet_in_pieces));
            Runtime::new(guard.responses_of(handler))
                .layer(guard)
                .run()
                .await
        }
        "typed" => Runtime::new(service_fn(typed)).layer(guard).run().await,
        "typed-plain" => Runtime::new(service_fn(typed)).run().await,
        "raw" => Runtime::new(service_fn(raw)).layer(guard).run().await,
        "raw-plain" => Runtime::new(service_fn(raw)).run().await,
        "value-plain" => Runtime::new(service_fn(echo)).run().await,
        _ => panic!("no function is called {name}"),
    }
}

/// Gives back what it got; panics or fails when asked to.
async fn echo(event: LambdaEvent<Value>) -> Result<Value, Error> {
    if let Some(time) = event.payload["sleep"].as_u64() {
        tokio::time::sleep(Duration::from_millis(time)).await;
    }
    match event.payload["do"].as_str() {
        Some("panic") => panic!("as asked"),
        Some("fail") => Err("as asked".into()),
        Some("leak") => Ok(json!({ "settings": std::env::vars().collect::<Vec<_>>() })),
        _ => Ok(event.payload),
    }
}

/// Fails messages whose body is `bad`.
async fn batch(event: LambdaEvent<Value>) -> Result<Value, Error> {
    let records = event.payload["Records"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let failures = records.iter().filter(|r| r["body"] == "bad");
    let failures: Vec<_> = failures
        .map(|r| json!({ "itemIdentifier": r["messageId"] }))
        .collect();
    Ok(json!({ "batchItemFailures": failures, "seen": records.len() }))
}

/// Answers a batch in a way that no event source understands.
async fn odd(_: LambdaEvent<Value>) -> Result<Value, Error> {
    Ok(json!({ "batchItemFailures": "none" }))
}

type Chunks = tokio_stream::Iter<std::vec::IntoIter<Result<String, Error>>>;

/// Answers the strings of `chunks`; `$SECRET` stands for the secret, `$HALF` and `$REST` for parts.
async fn stream(event: LambdaEvent<Value>) -> Result<StreamResponse<Chunks>, Error> {
    let secret = std::env::var("DB_PASSWORD").unwrap_or_default();
    let (half, rest) = secret.split_at(secret.len() / 2);
    let expand = |text: &str| {
        text.replace("$SECRET", &secret)
            .replace("$HALF", half)
            .replace("$REST", rest)
    };
    let chunks = event.payload["chunks"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let chunks: Vec<_> = chunks
        .iter()
        .map(|chunk| Ok(expand(chunk.as_str().unwrap_or_default())))
        .collect();
    let mut response = StreamResponse::from(tokio_stream::iter(chunks));
    if let Some(value) = event.payload["header"].as_str() {
        response
            .metadata_prelude
            .headers
            .insert("x-value", expand(value).parse()?);
    }
    Ok(response)
}

async fn greet(request: lambda_http::Request) -> Result<String, Error> {
    let path = request.uri().path();
    if path == "/leak" {
        return Ok(std::env::var("DB_PASSWORD")?);
    }
    Ok(format!("Hello from {path}"))
}

async fn greet_in_pieces(
    request: lambda_http::Request,
) -> Result<lambda_http::Response<lambda_http::Body>, Error> {
    Ok(lambda_http::Response::new(greet(request).await?.into()))
}

mod tests {
    use super::*;
    use crate::event::{CLEAN, HOSTILE, queue, with};

    const ENFORCE: (&str, &str) = ("GUARD_MODE", "enforce");
    pub(super) const SECRET: (&str, &str) = ("DB_PASSWORD", "correct horse battery staple");

    #[test]
    fn the_runtime_goes_on_after_a_blocked_event() {
        let function = Function::start("echo", &[ENFORCE]);
        let clean = with("function-url", "/rawPath", CLEAN);
        function.api.push("r1", &clean);
        function
            .api
            .push("r2", &with("function-url", "/rawPath", HOSTILE));
        function.api.push("r3", &clean);
        let answers = function.api.wait_for(3);
        let ids: Vec<_> = answers
            .iter()
            .map(|a| (a.request_id(), a.outcome()))
            .collect();
        assert_eq!(
            ids,
            [("r1", "response"), ("r2", "response"), ("r3", "response")]
        );
        assert_eq!(answers[0].body, clean);
        assert_eq!(answers[1].json()["statusCode"], 403);
        assert_eq!(answers[2].body, clean);
        for answer in &answers {
            let id = format!("invocation-of-{}", answer.request_id());
            assert_eq!(answer.headers["lambda-runtime-invocation-id"], id);
        }

        let records = function.records();
        assert_eq!(records.len(), 2, "{records:?}");
        assert_eq!(records[0]["type"], "status");
        assert_eq!(records[0]["function"], "orders");
        assert_eq!(records[0]["responses"], true);
        assert_eq!(records[1]["function"], "orders");
        assert_eq!(records[1]["verdict"], "block");
    }

    #[test]
    fn failures_and_panics_are_what_they_are_without_guard() {
        let function = Function::start("echo", &[ENFORCE, SECRET]);
        function.api.push("r1", br#"{"do":"panic"}"#);
        function.api.push("r2", br#"{"do":"fail"}"#);
        function.api.push("r3", br#"{"do":"nothing"}"#);
        function.api.push("r4", b"{");
        let answers = function.api.wait_for(4);
        assert_eq!(answers[0].outcome(), "error");
        assert_eq!(
            answers[0].json()["errorMessage"],
            "Lambda panicked: as asked"
        );
        assert_eq!(answers[1].outcome(), "error");
        assert_eq!(answers[1].json()["errorMessage"], "as asked");
        assert_eq!(answers[2].body, br#"{"do":"nothing"}"#);
        assert_eq!(answers[3].outcome(), "error");
    }

    #[test]
    fn concurrent_invocations_are_decided_each_by_itself() {
        let concurrency = ("AWS_LAMBDA_MAX_CONCURRENCY", "4");
        let function = Function::start("concurrent", &[ENFORCE, concurrency, SECRET]);
        for index in 0..16 {
            let body = if index % 2 == 0 { CLEAN } else { HOSTILE };
            let event = json!({ "sleep": 20, "path": body, "index": index });
            function
                .api
                .push(&index.to_string(), event.to_string().as_bytes());
        }
        let answers = function.api.wait_for(16);
        assert_eq!(answers.len(), 16);
        for answer in answers {
            let index: usize = answer.request_id().parse().unwrap();
            if index.is_multiple_of(2) {
                assert_eq!(answer.json()["index"], index);
            } else {
                assert_eq!(answer.json()["errorType"], "Guard.Blocked");
            }
        }
    }

    #[test]
    fn partial_names_blocked_messages_beside_the_handlers_own() {
        let function = Function::start("batch", &[ENFORCE, ("GUARD_ON_BLOCK", "partial")]);
        function.api.push("r1", &queue(&[CLEAN, HOSTILE, "bad"]));
        function.api.push("r2", &queue(&[CLEAN, CLEAN, "bad"]));
        let answers = function.api.wait_for(2);
        let failed = |index: usize| -> Vec<String> {
            let body = answers[index].json();
            let failures = body["batchItemFailures"].as_array().unwrap();
            failures
                .iter()
                .map(|f| f["itemIdentifier"].as_str().unwrap().to_owned())
                .collect()
        };
        assert_eq!(failed(0), ["m2", "m1"]);
        assert_eq!(answers[0].json()["seen"], 2);
        assert_eq!(failed(1), ["m2"]);
        assert_eq!(answers[1].json()["seen"], 3);
    }

    #[test]
    fn partial_without_the_responses_fails_the_batch_and_says_what_to_attach() {
        let variables = [ENFORCE, ("GUARD_ON_BLOCK", "partial")];
        let function = Function::start("batch-unwrapped", &variables);
        function.api.push("r1", &queue(&[CLEAN, HOSTILE]));
        function.api.push("r2", &queue(&[CLEAN, CLEAN]));
        let answers = function.api.wait_for(2);
        assert_eq!(answers[0].outcome(), "error");
        assert_eq!(answers[0].json()["errorType"], "Guard.Blocked");
        assert_eq!(answers[1].outcome(), "response");
        let records = function.records();
        let notice = records.iter().find(|r| r["type"] == "notice").unwrap();
        assert!(
            notice["message"]
                .as_str()
                .unwrap()
                .contains("GuardLayer::responses_of")
        );
        assert_eq!(notice["request_id"], "r1");
    }

    #[test]
    fn a_response_that_cannot_name_blocked_messages_fails_the_batch() {
        let function = Function::start("odd", &[ENFORCE, ("GUARD_ON_BLOCK", "partial")]);
        function.api.push("r1", &queue(&[CLEAN, HOSTILE]));
        function.api.push("r2", &queue(&[CLEAN, CLEAN]));
        let answers = function.api.wait_for(2);
        assert_eq!(answers[0].outcome(), "error");
        assert_eq!(answers[0].json()["errorType"], "Guard.Blocked");
        assert_eq!(answers[1].json()["batchItemFailures"], "none");
    }

    #[test]
    fn an_output_that_nobody_reads_holds_no_invocation_up() {
        let mut function = Function::start("echo", &[]);
        let event = json!({ "paths": vec![HOSTILE; 40] }).to_string();
        // Several times what a pipe holds.
        let start = Instant::now();
        for index in 0..40 {
            function.api.push(&index.to_string(), event.as_bytes());
        }
        assert!(
            function
                .api
                .wait_for(40)
                .iter()
                .all(|a| a.outcome() == "response")
        );
        assert!(
            start.elapsed() < Duration::from_secs(8),
            "{:?}",
            start.elapsed()
        );

        let heard = function.listen();
        // Read until there is room again, which the next records then find.
        std::thread::sleep(Duration::from_millis(200));
        function.api.push("last", event.as_bytes());
        function.api.wait_for(41);
        drop(function);
        let text = heard.join().unwrap();
        let lines = text.lines().filter_map(|line| line.get(line.find('{')?..));
        let lines: Vec<Value> = lines
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        let dropped = lines.iter().find(|line| line["type"] == "dropped").unwrap();
        assert!(dropped["count"].as_u64().unwrap() > 100, "{dropped}");
        let last = lines.iter().filter(|line| line["request_id"] == "last");
        assert_eq!(last.count(), 32);
    }

    #[test]
    fn the_policy_may_be_a_file() {
        let path = std::env::temp_dir().join(format!("policy-{}.toml", std::process::id()));
        std::fs::write(&path, "mode = \"enforce\"\n").unwrap();
        let function = Function::start("echo", &[("GUARD_POLICY", path.to_str().unwrap())]);
        function
            .api
            .push("r1", &with("function-url", "/rawPath", HOSTILE));
        let answers = function.api.wait_for(1);
        std::fs::remove_file(&path).unwrap();
        assert_eq!(answers[0].json()["statusCode"], 403);

        let function = Function::start("echo", &[("GUARD_POLICY", "/nowhere/policy.toml")]);
        let (succeeded, said) = function.end();
        assert!(!succeeded);
        assert!(said.contains("GUARD_POLICY"), "{said}");
    }

    #[test]
    fn the_queue_examples_events_are_what_its_readme_says() {
        let folder = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../examples/rust-handler/events/"
        );
        let event = |name: &str| std::fs::read(format!("{folder}{name}")).unwrap();
        let function = Function::start("batch", &[ENFORCE, ("GUARD_ON_BLOCK", "partial")]);
        function.api.push("r1", &event("orders.json"));
        function.api.push("r2", &event("hostile.json"));
        let answers = function.api.wait_for(2);
        assert_eq!(answers[0].json()["seen"], 2);
        assert_eq!(answers[1].json()["seen"], 1);
        assert_eq!(
            answers[1].json()["batchItemFailures"]
                .as_array()
                .unwrap()
                .len(),
            1
        );
    }

    #[test]
    fn a_response_with_a_secret_is_replaced_in_enforce_and_recorded_in_monitor() {
        let function = Function::start("echo", &[ENFORCE, SECRET]);
        function.api.push("r1", br#"{"do":"leak"}"#);
        function.api.push("r2", br#"{"do":"nothing"}"#);
        let answers = function.api.wait_for(2);
        assert_eq!(answers[0].outcome(), "error");
        assert_eq!(answers[0].json()["errorType"], "Guard.Withheld");
        assert!(!String::from_utf8_lossy(&answers[0].body).contains("horse"));
        assert_eq!(answers[1].body, br#"{"do":"nothing"}"#);
        let records = function.records();
        assert!(!format!("{records:?}").contains("horse"));
        let record = records.iter().find(|r| r["verdict"] == "block").unwrap();
        assert!(record.to_string().contains("DB_PASSWORD"), "{record}");

        let function = Function::start("echo", &[SECRET]);
        function.api.push("r1", br#"{"do":"leak"}"#);
        let answers = function.api.wait_for(1);
        assert_eq!(answers[0].outcome(), "response");
        assert!(String::from_utf8_lossy(&answers[0].body).contains(SECRET.1));
        let records = function.records();
        assert!(records.iter().any(|r| r["verdict"] == "report"));
    }

    #[test]
    fn a_stream_with_a_secret_is_cut_before_it() {
        let function = Function::start("stream", &[ENFORCE, SECRET]);
        let cases: [(&str, Value, bool); 5] = [
            (
                "r1",
                json!({"chunks": ["first ", "second ", "third"]}),
                false,
            ),
            (
                "r2",
                json!({"chunks": ["first ", "$SECRET", " third"]}),
                true,
            ),
            (
                "r3",
                json!({"chunks": ["first ", "key=$HALF", "$REST end", "third"]}),
                true,
            ),
            (
                "r4",
                json!({"chunks": ["first ", "key=$HALF", " and no more"]}),
                false,
            ),
            ("r5", json!({"chunks": ["first ", "key=$HALF"]}), false),
        ];
        for (id, event, _) in &cases {
            function.api.push(id, event.to_string().as_bytes());
        }
        let answers = function.api.wait_for(cases.len());
        for (answer, (id, event, leaks)) in answers.iter().zip(cases) {
            assert_eq!(
                answer.headers["lambda-runtime-function-response-mode"],
                "streaming"
            );
            let body = String::from_utf8_lossy(&answer.body).into_owned();
            let (_, body) = body.split_once("\0\0\0\0\0\0\0\0").unwrap();
            let (half, rest) = SECRET.1.split_at(SECRET.1.len() / 2);
            if leaks {
                assert!(body.starts_with("first "), "{id}: {body}");
                assert!(!body.contains(half) && !body.contains(rest), "{id}: {body}");
                assert!(!body.contains("third"), "{id}: {body}");
                assert!(
                    body.contains("Lambda-Runtime-Function-Error-Type"),
                    "{id}: {body}"
                );
            } else {
                let chunks = event["chunks"].as_array().unwrap().iter();
                let whole: String = chunks.map(|chunk| chunk.as_str().unwrap()).collect();
                assert_eq!(body, whole.replace("$HALF", half), "{id}");
            }
        }
    }

    #[test]
    fn a_secret_in_a_streams_headers_is_seen_before_it_begins() {
        let function = Function::start("stream", &[ENFORCE, SECRET]);
        function
            .api
            .push("r1", br#"{"chunks":["a"],"header":"$SECRET"}"#);
        function
            .api
            .push("r2", br#"{"chunks":["a"],"header":"$HALF"}"#);
        let answers = function.api.wait_for(2);
        assert_eq!(answers[0].outcome(), "error");
        assert_eq!(answers[0].json()["errorType"], "Guard.Withheld");
        assert_eq!(answers[1].outcome(), "response");
    }

    #[test]
    fn lambda_http_handlers_are_guarded_on_both_sides() {
        for name in ["http", "http-stream"] {
            let function = Function::start(name, &[ENFORCE, SECRET]);
            function
                .api
                .push("r1", &with("apigw-v2", "/rawPath", "/orders"));
            function
                .api
                .push("r2", &with("apigw-v2", "/rawPath", HOSTILE));
            function
                .api
                .push("r3", &with("apigw-v2", "/rawPath", "/leak"));
            let answers = function.api.wait_for(3);
            let text = |index: usize| String::from_utf8_lossy(&answers[index].body).into_owned();
            assert!(text(0).contains("Hello from /"), "{name}: {}", text(0));
            assert_eq!(answers[1].json()["statusCode"], 403, "{name}");
            assert!(!text(2).contains("horse"), "{name}: {}", text(2));
        }
    }

    #[test]
    fn a_wrong_policy_ends_init_in_enforce_and_is_told_in_monitor() {
        let wrong = [("GUARD_ON_BLOCK", "retry"), ("GUARD_INSPECT", "sequel")];
        let function = Function::start("echo", &[ENFORCE, wrong[0], wrong[1]]);
        let (succeeded, said) = function.end();
        assert!(!succeeded);
        assert!(
            said.contains("GUARD_ON_BLOCK") && said.contains("GUARD_INSPECT"),
            "{said}"
        );

        let function = Function::start("echo", &wrong);
        function.api.push("r1", b"{}");
        assert_eq!(function.api.wait_for(1)[0].outcome(), "response");
        let records = function.records();
        let problems = records[0]["problems"].to_string();
        assert!(
            problems.contains("retry") && problems.contains("sequel"),
            "{problems}"
        );
    }
}
