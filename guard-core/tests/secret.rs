//! Secrets in responses, whole and in pieces.

use guard_core::secret::{Leak, Secrets};

/// Made up; of the shapes that AWS uses.
const VARIABLES: [(&str, &str); 8] = [
    ("AWS_ACCESS_KEY_ID", "ASIAIOSFODNN7EXAMPLE"),
    (
        "AWS_SECRET_ACCESS_KEY",
        "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
    ),
    (
        "AWS_SESSION_TOKEN",
        "IQoJb3JpZ2luX2VjEXAMPLE//////////wEaCWV1LXdlc3QtMSJHMEUCIQD+EXAMPLE==",
    ),
    ("DB_PASSWORD", "correct \"horse\" battery"),
    ("FEATURE_TOKEN", "true"),
    ("API_KEY", "k7-52c1e0b9f34a"),
    (
        "DB_SECRET_ARN",
        "arn:aws:secretsmanager:eu-west-1:123456789012:secret:db-1a2b3c",
    ),
    ("TABLE", "orders-live"),
];

fn secrets() -> Secrets {
    Secrets::from_variables(VARIABLES)
}

#[test]
fn the_names_are_those_of_secrets() {
    let secrets = secrets();
    let names: Vec<_> = secrets.names().collect();
    assert_eq!(
        names,
        [
            "AWS_SECRET_ACCESS_KEY",
            "AWS_SESSION_TOKEN",
            "DB_PASSWORD",
            "API_KEY"
        ]
    );
    assert!(!secrets.is_empty());
    assert!(Secrets::from_variables([("TABLE", "orders-live")]).is_empty());
    let shown = format!("{secrets:?} {:?}", secrets.scanner());
    assert!(
        shown.contains("DB_PASSWORD") && !shown.contains("horse"),
        "{shown}"
    );
}

#[test]
fn secrets_are_found_as_encoders_write_them() {
    let secrets = secrets();
    for (response, wanted) in [
        (
            r#"{"key":"wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"}"#,
            "AWS_SECRET_ACCESS_KEY",
        ),
        (
            r#"{"key":"wJalrXUtnFEMI\/K7MDENG+bPxRfiCYEXAMPLEKEY"}"#,
            "AWS_SECRET_ACCESS_KEY",
        ),
        (
            r#"{"key":"wJalrXUtnFEMI/K7MDENG\u002BbPxRfiCYEXAMPLEKEY"}"#,
            "AWS_SECRET_ACCESS_KEY",
        ),
        (
            "a=wJalrXUtnFEMI%2FK7MDENG%2BbPxRfiCYEXAMPLEKEY&b",
            "AWS_SECRET_ACCESS_KEY",
        ),
        (
            "a=wJalrXUtnFEMI%2fK7MDENG%2bbPxRfiCYEXAMPLEKEY&b",
            "AWS_SECRET_ACCESS_KEY",
        ),
        // Base64 of `{"k":"k7-52c1e0b9f34a"}`, of the same after one and two more bytes.
        ("eyJrIjoiazctNTJjMWUwYjlmMzRhIn0=", "API_KEY"),
        ("IHsiayI6Ims3LTUyYzFlMGI5ZjM0YSJ9", "API_KEY"),
        ("ICB7ImsiOiJrNy01MmMxZTBiOWYzNGEifQ==", "API_KEY"),
        (
            r#"{"body":"{\"p\":\"correct \\\"horse\\\" battery\"}"}"#,
            "DB_PASSWORD",
        ),
        (r#"{"p":"correct \"horse\" battery"}"#, "DB_PASSWORD"),
        (
            "x IQoJb3JpZ2luX2VjEXAMPLE//////////wEaCWV1LXdlc3QtMSJHMEUCIQD+EXAMPLE== y",
            "AWS_SESSION_TOKEN",
        ),
    ] {
        let found = secrets.find(response.as_bytes());
        assert_eq!(found.map(|leak| leak.name), Some(wanted), "{response}");
    }
}

#[test]
fn responses_without_secrets_pass() {
    let secrets = secrets();
    for response in [
        "",
        "{}",
        r#"{"table":"orders-live","feature":true}"#,
        r#"{"arn":"arn:aws:secretsmanager:eu-west-1:123456789012:secret:db-1a2b3c"}"#,
        // A presigned URL holds the key's id and the session token.
        "https://b.s3.amazonaws.com/k?X-Amz-Credential=ASIAIOSFODNN7EXAMPLE%2F20240924&\
         X-Amz-Security-Token=IQoJb3JpZ2luX2VjEXAMPLE%2F%2F%2F%2F%2F%2F%2F%2F%2F%2FwEaCWV1LXdlc3Q\
         tMSJHMEUCIQD%2BEXAMPLE%3D%3D",
        "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKE",
        "wjalrxutnfemi/k7mdeng+bpxrficyexamplekey",
        "correct horse battery",
    ] {
        assert_eq!(secrets.find(response.as_bytes()), None, "{response}");
    }
}

fn scan<'s>(secrets: &'s Secrets, response: &[u8], cuts: &[usize]) -> Option<Leak<'s>> {
    let mut scanner = secrets.scanner();
    let mut from = 0;
    for cut in cuts.iter().copied().chain([response.len()]) {
        let sent = from as u64;
        let held = scanner.held_back() as u64;
        if let Some(leak) = scanner.feed(&response[from..cut]) {
            // Everything that was not held back could go out before.
            assert!(leak.start >= sent - held);
            return Some(leak);
        }
        from = cut;
    }
    None
}

#[test]
fn what_is_found_does_not_depend_on_the_pieces() {
    let secrets = secrets();
    let secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
    let mut responses = vec![
        format!("{{\"a\":\"{secret}\"}}"),
        format!("{}{secret}", &secret[..20]),
        format!("{}k7-52c1e0b9f34a{}", &secret[..20], &secret[20..]),
        format!("k7-52c1e0b9f34{secret}k7-52c1e0b9f34a"),
        "k7-52c1e0b9f3k7-52c1e0b9f34k7-52c1e0b9f3".to_owned(),
    ];
    responses.push(responses.concat());
    let mut seed = 1_u64;
    for response in &responses {
        let whole = secrets.find(response.as_bytes());
        let bytes = response.as_bytes();
        for cut in 0..=bytes.len() {
            assert_eq!(scan(&secrets, bytes, &[cut]), whole, "{response} at {cut}");
        }
        let each: Vec<usize> = (1..bytes.len()).collect();
        assert_eq!(scan(&secrets, bytes, &each), whole, "{response}");
        for _ in 0..300 {
            let mut cuts = Vec::new();
            let mut at = 0;
            loop {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                at += usize::try_from((seed >> 33) % 17).unwrap();
                if at >= bytes.len() {
                    break;
                }
                cuts.push(at);
            }
            assert_eq!(
                scan(&secrets, bytes, &cuts),
                whole,
                "{response} at {cuts:?}"
            );
        }
    }
}

#[test]
fn nothing_is_held_back_without_reason() {
    let secrets = secrets();
    let mut scanner = secrets.scanner();
    assert_eq!(scanner.feed(b"{\"orders\":[1,2,3]}"), None);
    assert_eq!(scanner.held_back(), 0);
    assert_eq!(scanner.feed(b"... wJalrXUtnF"), None);
    assert_eq!(scanner.held_back(), 10);
    assert_eq!(scanner.feed(b"oops!"), None);
    assert_eq!(scanner.held_back(), 0);
}
