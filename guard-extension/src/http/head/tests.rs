use super::*;

fn endpoint(text: &str) -> Endpoint {
    text.parse().unwrap()
}

#[test]
fn bodies() {
    let cases = [
        ("", Some(Body::NONE)),
        ("Content-Length: 17\r\n", Some(Body::Length(17))),
        (
            "Content-Length: 17\r\nContent-Length: 17\r\n",
            Some(Body::Length(17)),
        ),
        ("Transfer-Encoding: Chunked\r\n", Some(Body::Chunked)),
        ("Content-Length: 17\r\nContent-Length: 18\r\n", None),
        ("Content-Length: 17\r\nTransfer-Encoding: chunked\r\n", None),
        ("Content-Length: +17\r\n", None),
        ("Content-Length: \r\n", None),
        ("Content-Length: 99999999999999999999\r\n", None),
        ("Transfer-Encoding: gzip, chunked\r\n", None),
        (
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
            None,
        ),
    ];
    for (fields, wanted) in cases {
        let head = format!("POST / HTTP/1.1\r\n{fields}\r\n");
        let found = request(head.as_bytes()).ok().map(|head| head.unwrap().body);
        assert_eq!(found, wanted, "{fields}");
    }
    let of = |head: &str, to_head| response(head.as_bytes(), to_head).unwrap().unwrap().body;
    assert_eq!(of("HTTP/1.1 200 OK\r\n\r\n", false), Body::UntilClose);
    assert_eq!(of("HTTP/1.1 204 No\r\n\r\n", false), Body::NONE);
    assert_eq!(
        of("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", true),
        Body::NONE
    );
}

#[test]
fn a_head_is_forwarded_as_it_came_but_for_where_it_goes() {
    let head = b"POST /a?b HTTP/1.1\r\nhost: 127.0.0.1:1\r\nX-Odd:  \tvalue \r\nExpect: \
                 100-continue\r\nContent-Length: 3\r\nUser-Agent: x\r\n\r\nabc";
    let mut out = Vec::new();
    let parsed = request(head).unwrap().unwrap();
    let endpoint = endpoint("http://h:2/base/");
    write_request(head, &parsed, &endpoint, true, &mut out);
    assert_eq!(
        String::from_utf8(std::mem::take(&mut out)).unwrap(),
        "POST /base/a?b HTTP/1.1\r\nHost: h:2\r\nX-Odd:  \tvalue \r\nContent-Length: 3\r\n\
         User-Agent: x\r\n"
    );
    write_request(head, &parsed, &endpoint, false, &mut out);
    assert_eq!(
        String::from_utf8(out).unwrap(),
        "POST /base/a?b HTTP/1.1\r\nHost: h:2\r\nX-Odd:  \tvalue \r\nUser-Agent: x\r\n"
    );
}

#[test]
fn a_head_that_two_may_read_differently_is_refused() {
    for head in [
        "GET / HTTP/1.1\nHost: x\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\n\n",
        "GET / HTTP/1.1\r\nHost: x\r\nhost: y\r\n\r\n",
        "GET / HTTP/1.1\r\nHost : x\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\n y\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\ry\r\n\r\n",
        "GET / HTTP/1.1\r\nA: \0\r\n\r\n",
        "\nGET / HTTP/1.1\r\nHost: x\r\n\r\n",
        "\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n",
        "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
        "POST / HTTP/1.1\r\nConnection: close, Content-Length\r\nContent-Length: 1\r\n\r\n",
        "POST / HTTP/1.1\r\nTransfer-Encoding: chunked, identity\r\n\r\n",
        "POST / HTTP/1.1\r\nTransfer-Encoding: \x0bchunked\r\n\r\n",
        "POST / HTTP/1.1\r\nTransfer-Encoding: xchunked\r\n\r\n",
        "POST / HTTP/1.1\r\nTransfer-Encoding:\r\nContent-Length: 1\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: 1, 1\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: 0x1\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: 1 1\r\n\r\n",
        "GET http://127.0.0.1:9001/2018-06-01/runtime/invocation/next HTTP/1.1\r\n\r\n",
        "GET 127.0.0.1:9001 HTTP/1.1\r\n\r\n",
        "CONNECT 127.0.0.1:9001 HTTP/1.1\r\n\r\n",
        "CONNECT /x HTTP/1.1\r\n\r\n",
        "GET /a b HTTP/1.1\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ] {
        assert!(request(head.as_bytes()).is_err(), "{head:?}");
    }
    for head in [
        "HTTP/1.1 200 OK\nContent-Length: 1\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\n\r\n",
        "HTTP/1.1 200 OK\r\nA: b\r\n Content-Length: 1\r\n\r\n",
        "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
    ] {
        assert!(response(head.as_bytes(), false).is_err(), "{head:?}");
    }
    let mut out = Vec::new();
    let head = b"\r\nGET / HTTP/1.0\r\nA: b\r\n\r\n";
    let parsed = request(head).unwrap().unwrap();
    write_request(head, &parsed, &endpoint("h:2"), true, &mut out);
    assert_eq!(out, b"GET / HTTP/1.0\r\nA: b\r\nHost: h:2\r\n");
}

#[test]
fn any_prefix_of_a_head_is_incomplete() {
    let head = b"GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: a\r\n\r\n";
    for end in 0..head.len() {
        assert_eq!(request(&head[..end]), Ok(None));
    }
    assert!(request(&vec![b'a'; LONGEST + 1]).is_err());
    assert!(request(b"GET / HTTP/1.1\r\n bad\r\n\r\n").is_err());
    assert!(response(b"HTTQ/1.1 200 OK\r\n\r\n", false).is_err());
}

#[test]
fn an_id_that_could_change_a_path_is_none() {
    let head = |id: &str| {
        let head = format!("HTTP/1.1 200 OK\r\nLambda-Runtime-Aws-Request-Id: {id}\r\n\r\n");
        let parsed = response(head.as_bytes(), false).unwrap().unwrap();
        invocation(head.as_bytes(), &parsed).map(|invocation| invocation.request_id)
    };
    assert_eq!(head("7f3c-1"), Some("7f3c-1".to_owned()));
    for id in ["", "a/b", "a b", "a?b"] {
        assert_eq!(head(id), None);
    }
}

#[test]
fn a_head_is_read_when_its_end_has_come() {
    for head in [
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\nrest".as_slice(),
        b"GET / HTTP/1.1\nHost: x\n\nrest",
        b"GET / HTTP/1.1\nHost: x\n\r\nrest",
    ] {
        for step in 1..head.len() {
            let whole = head.len() - b"rest".len();
            let mut seen = 0;
            for at in (step..head.len() + step).step_by(step) {
                let at = at.min(head.len());
                let looks = seen == 0 || (seen < whole + 2 && whole <= at);
                assert!(
                    may_be_whole(&head[..at], seen) == looks || seen >= whole,
                    "{step} {at}"
                );
                seen = at;
            }
        }
    }
    assert!(may_be_whole(&vec![b'a'; LONGEST + 1], LONGEST));
}

#[test]
fn trailers_that_would_change_a_head_are_refused() {
    for good in [
        "\r\n",
        "X: y\r\n\r\n",
        "Lambda-Runtime-Function-Error-Type: E\r\nLambda-Runtime-Function-Error-Body: e30=\r\n\r\n",
    ] {
        assert_eq!(check_trailers(good.as_bytes()), Ok(()), "{good:?}");
    }
    for bad in [
        "Content-Length: 5\r\n\r\n",
        "X: y\r\ntransfer-encoding: chunked\r\n\r\n",
        "Host: x\r\n\r\n",
        "Lambda-Runtime-Invocation-Id: 2\r\n\r\n",
        "Trailer: X\r\n\r\n",
        "no field\r\n\r\n",
        "X : y\r\n\r\n",
        "X: y\r\n",
    ] {
        assert!(check_trailers(bad.as_bytes()).is_err(), "{bad:?}");
    }
}
