//! Triggers that carry an HTTP request.
//!
//! No header is the platform's: a load balancer keeps what a client wrote into `X-Forwarded-For`
//! and `X-Amzn-Trace-Id` ("Request tracing" in the load balancers' guide), and what is left
//! (`X-Forwarded-Port`, `X-Forwarded-Proto`) gains nothing from being left out.

use super::{BASE64, CALLER, HEADER, HEADERS, Node, PLAIN, PLATFORM, Role, object, principal};

/// One table for every shape of request: the names that they share mean the same in all of them.
pub(super) static REQUEST: Node = object(&[
    ("version", &PLATFORM),
    ("routeKey", &PLATFORM),
    ("resource", &PLATFORM),
    ("path", &CALLER),
    ("rawPath", &CALLER),
    ("rawQueryString", &CALLER),
    ("httpMethod", &CALLER),
    ("headers", &HEADERS),
    ("multiValueHeaders", &HEADERS),
    ("cookies", &HEADER),
    ("queryStringParameters", &CALLER),
    ("multiValueQueryStringParameters", &CALLER),
    ("pathParameters", &CALLER),
    ("stageVariables", &PLATFORM),
    ("requestContext", &CONTEXT),
    ("body", &BODY),
    ("isBase64Encoded", &PLATFORM),
]);

/// The request that an authorizer is asked about. `methodArn` and `routeArn` end in the request's
/// path, so they are the caller's.
pub(super) static AUTHORIZER: Node = object(&[
    ("version", &PLATFORM),
    ("type", &PLATFORM),
    ("methodArn", &CALLER),
    ("routeArn", &CALLER),
    ("authorizationToken", &HEADER),
    ("identitySource", &HEADER),
    ("routeKey", &PLATFORM),
    ("resource", &PLATFORM),
    ("path", &CALLER),
    ("rawPath", &CALLER),
    ("rawQueryString", &CALLER),
    ("httpMethod", &CALLER),
    ("headers", &HEADERS),
    ("multiValueHeaders", &HEADERS),
    ("cookies", &HEADER),
    ("queryStringParameters", &CALLER),
    ("multiValueQueryStringParameters", &CALLER),
    ("pathParameters", &CALLER),
    ("stageVariables", &PLATFORM),
    ("requestContext", &CONTEXT),
]);

static BODY: Node = Node {
    role: Role::Body,
    ..PLAIN
};

static CONTEXT: Node = object(&[
    ("accountId", &PLATFORM),
    ("apiId", &PLATFORM),
    ("connectedAt", &PLATFORM),
    ("connectionId", &PLATFORM),
    ("domainName", &PLATFORM),
    ("domainPrefix", &PLATFORM),
    ("elb", &PLATFORM),
    ("eventType", &PLATFORM),
    ("extendedRequestId", &PLATFORM),
    ("messageDirection", &PLATFORM),
    ("messageId", &PLATFORM),
    ("protocol", &PLATFORM),
    ("requestId", &PLATFORM),
    ("requestTime", &PLATFORM),
    ("requestTimeEpoch", &PLATFORM),
    ("resourceId", &PLATFORM),
    ("resourcePath", &PLATFORM),
    ("routeKey", &PLATFORM),
    ("stage", &PLATFORM),
    ("time", &PLATFORM),
    ("timeEpoch", &PLATFORM),
    ("path", &CALLER),
    ("httpMethod", &CALLER),
    ("authentication", &CALLER),
    ("authorizer", &AUTHORIZED),
    ("http", &HTTP),
    ("identity", &IDENTITY),
]);

static HTTP: Node = object(&[
    ("method", &CALLER),
    ("path", &CALLER),
    ("protocol", &PLATFORM),
    ("sourceIp", &SOURCE_IP),
    ("userAgent", &HEADER),
]);

static IDENTITY: Node = object(&[
    ("accessKey", &PLATFORM),
    ("accountId", &PLATFORM),
    ("apiKey", &CALLER),
    ("apiKeyId", &PLATFORM),
    ("caller", &PLATFORM),
    ("clientCert", &CALLER),
    ("cognitoAuthenticationProvider", &PLATFORM),
    ("cognitoAuthenticationType", &PLATFORM),
    ("cognitoIdentityId", &PLATFORM),
    ("cognitoIdentityPoolId", &PLATFORM),
    ("principalOrgId", &PLATFORM),
    ("sourceIp", &SOURCE_IP),
    ("user", &PLATFORM),
    ("userAgent", &HEADER),
    ("userArn", &USER_ARN),
]);

/// Claims are signed, but many of them (name, mail address) say what the user wrote about
/// themselves; what a Lambda authorizer answers is anything.
static AUTHORIZED: Node = object(&[
    ("claims", &CLAIMS),
    ("jwt", &JWT),
    ("iam", &IAM),
    ("principalId", &AUTHORIZED_PRINCIPAL),
]);
static JWT: Node = object(&[("claims", &CLAIMS)]);
static CLAIMS: Node = object(&[("sub", &SUBJECT), ("iss", &PLATFORM), ("aud", &PLATFORM)]);
static IAM: Node = object(&[
    ("accessKey", &PLATFORM),
    ("accountId", &PLATFORM),
    ("callerId", &PLATFORM),
    ("cognitoIdentity", &PLATFORM),
    ("principalOrgId", &PLATFORM),
    ("userArn", &USER_ARN),
    ("userId", &PLATFORM),
]);

static SUBJECT: Node = Node {
    principal: Some(("sub", 0)),
    ..PLAIN
};
static USER_ARN: Node = principal("userArn", 0);
static AUTHORIZED_PRINCIPAL: Node = Node {
    principal: Some(("principalId", 1)),
    ..PLAIN
};
static SOURCE_IP: Node = principal("sourceIp", 9);

/// A resolver's context, or a batch of them.
pub(super) static APPSYNC: Node = Node {
    members: &[
        ("arguments", &CALLER),
        ("identity", &APPSYNC_IDENTITY),
        ("info", &APPSYNC_INFO),
        ("prev", &CALLER),
        ("request", &APPSYNC_REQUEST),
        ("source", &CALLER),
        ("stash", &CALLER),
    ],
    items: Some(&APPSYNC),
    ..PLAIN
};
static APPSYNC_INFO: Node = object(&[("fieldName", &PLATFORM), ("parentTypeName", &PLATFORM)]);
static APPSYNC_REQUEST: Node = object(&[("domainName", &PLATFORM), ("headers", &HEADERS)]);
static APPSYNC_IDENTITY: Node = object(&[
    ("accountId", &PLATFORM),
    ("claims", &CLAIMS),
    ("cognitoIdentityId", &PLATFORM),
    ("cognitoIdentityPoolId", &PLATFORM),
    ("defaultAuthStrategy", &PLATFORM),
    ("issuer", &PLATFORM),
    ("sourceIp", &SOURCE_IPS),
    ("sub", &SUBJECT),
    ("userArn", &USER_ARN),
]);
static SOURCE_IPS: Node = Node {
    items: Some(&SOURCE_IP),
    ..PLAIN
};

/// MQTT's password arrives as base64; the request of a device over HTTP is there too.
pub(super) static PROTOCOL_DATA: Node = object(&[
    ("http", &PROTOCOL_HTTP),
    ("mqtt", &PROTOCOL_MQTT),
    ("tls", &CALLER),
]);
static PROTOCOL_HTTP: Node = object(&[("headers", &HEADERS), ("queryString", &CALLER)]);
static PROTOCOL_MQTT: Node = object(&[
    ("clientId", &CLIENT_ID),
    ("password", &BASE64),
    ("username", &CALLER),
]);
static CLIENT_ID: Node = Node {
    principal: Some(("clientId", 2)),
    ..PLAIN
};
