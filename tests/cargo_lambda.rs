//! The order service under cargo-lambda, whose Runtime API address is a URL with a path.

use guard_tests::cargo_lambda::CargoLambda;
use guard_tests::function::{self, Profile};
use guard_tests::isolation::isolated;
use guard_tests::{fetch, skip};

const ORDERS: &[u8] = br#"{"action":"orders","customer":"alice"}"#;
const LEAK: &[u8] = br#"{"action":"orders","customer":"x' OR '1'='1"}"#;

#[test]
fn answers_with_and_without_guard() {
    if std::env::var_os("GUARD_TESTS_INSIDE").is_none() {
        function::build("order-service", Profile::Debug).expect("the order service builds");
        if let Err(reason) = fetch::CARGO_LAMBDA.path() {
            return skip("cargo-lambda", &reason);
        }
    }
    isolated(|isolation| {
        let function = function::program("order-service", Profile::Debug);
        let mut plain = CargoLambda::start(isolation, &function, &[]).expect("it starts");
        let expected = plain.post(ORDERS).expect("an answer");
        assert_eq!(
            String::from_utf8_lossy(&expected.body)
                .matches("customer")
                .count(),
            2
        );
        let leaked = plain.invoke(LEAK).expect("an answer");
        assert_eq!(leaked.matches("customer").count(), 12, "{leaked}");

        let variables = [("ORDERS_GUARD", "on"), ("GUARD_MODE", "enforce")];
        let mut guarded = CargoLambda::start(isolation, &function, &variables).expect("it starts");
        assert_eq!(guarded.post(ORDERS).expect("an answer"), expected);
        let blocked = guarded.invoke(LEAK).expect("an answer");
        assert!(blocked.contains("Guard.Blocked"), "{blocked}");
        assert!(!blocked.contains("customer"), "{blocked}");
    });
}
