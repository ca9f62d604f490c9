//! Which variables hold secrets.

/// AWS's session token, which presigned URLs hold in percent-encoding.
pub(super) const SESSION_TOKEN: &str = "AWS_SESSION_TOKEN";

/// Parts of names that say that the value is secret.
const SECRET: [&str; 13] = [
    "SECRET",
    "PASSWORD",
    "PASSWD",
    "PASSPHRASE",
    "TOKEN",
    "API_KEY",
    "APIKEY",
    "PRIVATE_KEY",
    "PRIVATEKEY",
    "ENCRYPTION_KEY",
    "SIGNING_KEY",
    "DATABASE_URL",
    "CONNECTION_STRING",
];

/// Ends of names that say that the value tells where a secret is, or something about it.
const ABOUT: [&str; 20] = [
    "_ARN",
    "_NAME",
    "_ID",
    "_URL",
    "_URI",
    "_ENDPOINT",
    "_HOST",
    "_PATH",
    "_FILE",
    "_DIR",
    "_BUCKET",
    "_TABLE",
    "_HEADER",
    "_TYPE",
    "_TTL",
    "_EXPIRY",
    "_EXPIRATION",
    "_LENGTH",
    "_ISSUER",
    "_REGION",
];

/// Shorter values stand in innocent responses.
const SHORTEST: usize = 8;

/// Values that stand in innocent responses all the same.
const COMMON: [&str; 12] = [
    "changeme",
    "development",
    "disabled",
    "localhost",
    "optional",
    "password",
    "placeholder",
    "production",
    "required",
    "secretsmanager",
    "undefined",
    "unlimited",
];

/// Whether a variable called `name` holds a secret.
pub(super) fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    let named = SECRET.iter().any(|part| name.contains(part));
    let public = ["PUBLIC", "PUBLISHABLE"]
        .iter()
        .any(|part| name.contains(part));
    // A database's URL is the secret, not the way to it.
    let about = ABOUT.iter().any(|end| name.ends_with(end)) && !name.ends_with("DATABASE_URL");
    named && !public && !about
}

/// Whether `value` is long and rare enough to be looked for.
pub(super) fn is_worth_it(value: &[u8]) -> bool {
    let digits = value.iter().all(u8::is_ascii_digit);
    let mut kinds = value.to_vec();
    kinds.sort_unstable();
    kinds.dedup();
    value.len() >= SHORTEST
        && kinds.len() > 3
        && !(digits && value.len() < 12)
        && !value.starts_with(b"arn:")
        && !COMMON
            .iter()
            .any(|common| value.eq_ignore_ascii_case(common.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for (name, wanted) in [
            ("AWS_SECRET_ACCESS_KEY", true),
            ("AWS_SESSION_TOKEN", true),
            ("AWS_ACCESS_KEY_ID", false),
            // Bearer tokens of services inside the environment: no function gives them away on
            // purpose, and as they are random they cost no false alarm.
            ("AWS_LAMBDA_METADATA_TOKEN", true),
            ("AWS_CONTAINER_AUTHORIZATION_TOKEN", true),
            ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", false),
            ("DB_PASSWORD", true),
            ("stripe_api_key", true),
            ("JWT_PRIVATE_KEY", true),
            ("DATABASE_URL", true),
            ("DB_SECRET_ARN", false),
            ("SECRET_NAME", false),
            ("TOKEN_TTL", false),
            ("TOKEN_URL", false),
            ("NEXT_PUBLIC_API_KEY", false),
            ("STRIPE_PUBLISHABLE_TOKEN", false),
            ("TABLE", false),
            ("PATH", false),
        ] {
            assert_eq!(is_secret(name), wanted, "{name}");
        }
    }

    #[test]
    fn values() {
        for (value, wanted) in [
            ("", false),
            ("true", false),
            ("1234567", false),
            ("86400000", false),
            ("123456789012", true),
            ("xxxxxxxxxxxx", false),
            ("password", false),
            ("Password", false),
            ("hunter2hunter2", true),
            (
                "arn:aws:secretsmanager:eu-west-1:123456789012:secret:db",
                false,
            ),
        ] {
            assert_eq!(is_worth_it(value.as_bytes()), wanted, "{value}");
        }
    }
}
