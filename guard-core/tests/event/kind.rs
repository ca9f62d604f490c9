//! What sent an event, from its bytes.

use std::collections::BTreeMap;

use guard_core::event::TriggerKind;
use serde_json::Value;

use crate::{corpus, fixtures};

/// The kind that a fixture's name tells.
fn fixture_kind(name: &str) -> TriggerKind {
    let table = [
        ("apigw-v1", TriggerKind::ApiGatewayV1),
        ("apigw-v2", TriggerKind::ApiGatewayV2),
        ("function-url", TriggerKind::FunctionUrl),
        ("websocket", TriggerKind::WebSocket),
        ("alb", TriggerKind::Alb),
        ("authorizer", TriggerKind::Authorizer),
        ("appsync", TriggerKind::AppSync),
        ("sqs", TriggerKind::Sqs),
        ("sns", TriggerKind::Sns),
        ("s3", TriggerKind::S3),
        ("dynamodb", TriggerKind::DynamoDb),
        ("documentdb", TriggerKind::DocumentDb),
        ("kinesis", TriggerKind::Kinesis),
        ("firehose", TriggerKind::Firehose),
        ("eventbridge", TriggerKind::EventBridge),
        ("cognito", TriggerKind::Cognito),
        ("iot", TriggerKind::Iot),
        ("kafka", TriggerKind::Kafka),
        ("activemq", TriggerKind::ActiveMq),
        ("rabbitmq", TriggerKind::RabbitMq),
        ("ses", TriggerKind::Ses),
        ("cloudwatch-logs", TriggerKind::CloudWatchLogs),
        ("step-functions", TriggerKind::Custom),
        ("custom", TriggerKind::Custom),
    ];
    table
        .iter()
        .find(|(prefix, _)| name.starts_with(prefix))
        .expect(name)
        .1
}

/// The kind that a corpus file's name tells; the first prefix that fits decides.
fn corpus_kind(name: &str) -> TriggerKind {
    let name = name.strip_prefix("example-").unwrap_or(name);
    let table = [
        ("dynamodb-event-record", TriggerKind::Custom),
        ("apigw-custom-auth-request", TriggerKind::Authorizer),
        ("apigw-v2-custom-authorizer", TriggerKind::Authorizer),
        ("appsync-lambda-auth-request", TriggerKind::Authorizer),
        ("apigw-websocket", TriggerKind::WebSocket),
        ("apigw-sam-http", TriggerKind::ApiGatewayV2),
        ("apigw-v2-request", TriggerKind::ApiGatewayV2),
        ("apigw-console", TriggerKind::ApiGatewayV1),
        ("apigw-re", TriggerKind::ApiGatewayV1),
        ("apigw-sam-rest", TriggerKind::ApiGatewayV1),
        ("alb-lambda-target-request", TriggerKind::Alb),
        ("lambda-urls-request", TriggerKind::FunctionUrl),
        ("appsync-direct-resolver", TriggerKind::AppSync),
        ("sqs-event", TriggerKind::Sqs),
        ("sns-event", TriggerKind::Sns),
        ("cloudwatch-alarm-sns", TriggerKind::Sns),
        ("cloudwatch-alarm-composite-with", TriggerKind::Custom),
        ("s3-object-lambda", TriggerKind::Custom),
        ("s3-batch-job", TriggerKind::Custom),
        ("s3-", TriggerKind::S3),
        ("dynamodb-", TriggerKind::DynamoDb),
        ("documentdb-", TriggerKind::DocumentDb),
        ("kinesis-firehose-event", TriggerKind::Firehose),
        ("kinesis-analytics", TriggerKind::Custom),
        ("kinesis-event", TriggerKind::Kinesis),
        ("kinesis-time-window", TriggerKind::Kinesis),
        ("firehose-event", TriggerKind::Firehose),
        ("eventbridge-", TriggerKind::EventBridge),
        ("autoscaling-", TriggerKind::EventBridge),
        ("codebuild-", TriggerKind::EventBridge),
        ("codedeploy-lifecycle", TriggerKind::Custom),
        ("codedeploy-", TriggerKind::EventBridge),
        ("codepipeline-job", TriggerKind::Custom),
        ("codepipeline-", TriggerKind::EventBridge),
        ("ecr-", TriggerKind::EventBridge),
        ("ecs-", TriggerKind::EventBridge),
        ("cognito-event", TriggerKind::Cognito),
        ("iot-custom-auth-request", TriggerKind::Iot),
        ("iot-preprovision-hook-request", TriggerKind::Iot),
        ("iot-button", TriggerKind::Iot),
        ("iot-1-click", TriggerKind::Iot),
        ("iot_", TriggerKind::Iot),
        ("kafka-event", TriggerKind::Kafka),
        ("activemq-event", TriggerKind::ActiveMq),
        ("rabbitmq-event", TriggerKind::RabbitMq),
        ("ses-", TriggerKind::Ses),
        ("cloudwatch-logs", TriggerKind::CloudWatchLogs),
        ("cloudwatch_logs", TriggerKind::CloudWatchLogs),
    ];
    // Responses of functions, fragments of events and services without a shape of their own.
    let response = name.contains("response") && !name.contains("optional-response-fields");
    match table.iter().find(|(prefix, _)| name.starts_with(prefix)) {
        Some((_, kind)) if !response => *kind,
        _ => TriggerKind::Custom,
    }
}

#[test]
fn kinds_of_fixtures() {
    for (name, event) in fixtures() {
        assert_eq!(TriggerKind::of(&event), fixture_kind(&name), "{name}");
    }
}

#[test]
fn kinds_of_the_corpus() {
    let mut counts = BTreeMap::new();
    for (name, event) in corpus() {
        let kind = TriggerKind::of(&event);
        assert_eq!(kind, corpus_kind(&name), "{name}");
        *counts.entry(kind).or_insert(0) += 1;
    }
    println!("{counts:?}");
}

#[test]
fn the_order_of_members_does_not_change_the_kind() {
    for (name, event) in fixtures() {
        let Value::Object(members) = serde_json::from_slice(&event).unwrap() else {
            panic!()
        };
        let reversed: serde_json::Map<_, _> = members.into_iter().rev().collect();
        let event = serde_json::to_vec(&Value::Object(reversed)).unwrap();
        assert_eq!(TriggerKind::of(&event), fixture_kind(&name), "{name}");
    }
}

#[test]
fn what_is_nested_does_not_change_the_kind() {
    let mut all = fixtures();
    // Those as they are written only.
    all.truncate(all.len() / 2);
    for (name, event) in &all {
        for (other_name, other) in &all {
            let mut value: Value = serde_json::from_slice(event).unwrap();
            let other_value: Value = serde_json::from_slice(other).unwrap();
            let text = Value::String(String::from_utf8(other.clone()).unwrap());
            put_at_callers_values(&mut value, &other_value, &text);
            value["aPayload"] = other_value;
            let event = serde_json::to_vec(&value).unwrap();
            assert_eq!(
                TriggerKind::of(&event),
                fixture_kind(name),
                "{name}, in it {other_name}"
            );
        }
    }
}

/// Puts other events where a caller's text and keys are.
fn put_at_callers_values(value: &mut Value, object: &Value, text: &Value) {
    for pointer in [
        "/body",
        "/Records/0/body",
        "/Records/0/Sns/Message",
        "/userName",
    ] {
        if let Some(place) = value.pointer_mut(pointer) {
            *place = text.clone();
        }
    }
    let objects = [
        "/headers",
        "/queryStringParameters",
        "/Records/0/messageAttributes",
        "/Records/0/dynamodb/NewImage",
        "/detail",
        "/request/userAttributes",
        "/arguments",
        "/requestContext/authorizer",
    ];
    for pointer in objects {
        if let Some(place) = value.pointer_mut(pointer) {
            *place = object.clone();
        }
    }
}

#[test]
fn hardly_json_is_custom() {
    for event in [
        "",
        " ",
        "{",
        "[",
        "null",
        "\"x\"",
        "{\"Records\":",
        "[[[",
        "{\"Records\":[",
        "}{",
    ] {
        assert_eq!(
            TriggerKind::of(event.as_bytes()),
            TriggerKind::Custom,
            "{event}"
        );
    }
}
