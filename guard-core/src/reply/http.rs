//! The 403 of each HTTP trigger.

use crate::event::TriggerKind;
use crate::json::{members, write_string};

use super::Blocked;

/// The response that makes the trigger answer its caller 403.
pub(super) fn forbidden(blocked: &Blocked<'_>) -> Vec<u8> {
    let mut body = String::from("{\"message\":");
    quote(&mut body, &blocked.message());
    body.push_str(",\"rule\":");
    quote(&mut body, blocked.rule);
    body.push_str(",\"requestId\":");
    quote(&mut body, blocked.request_id);
    body.push('}');

    let mut out = String::from("{\"statusCode\":403");
    if blocked.kind == TriggerKind::Alb {
        // Load balancers refuse an answer without it.
        out.push_str(",\"statusDescription\":\"403 Forbidden\"");
    }
    out.push_str(headers(blocked));
    out.push_str(",\"body\":");
    quote(&mut out, &body);
    out.push_str(",\"isBase64Encoded\":false}");
    out.into_bytes()
}

fn headers(blocked: &Blocked<'_>) -> &'static str {
    match blocked.kind {
        TriggerKind::WebSocket => "",
        // A target group with multi-value headers reads those only, in requests as in answers
        // ("Lambda functions as targets", load balancers' guide).
        TriggerKind::Alb if has_multi_value_headers(blocked.event) => {
            ",\"multiValueHeaders\":{\"content-type\":[\"application/json\"],\
             \"cache-control\":[\"no-store\"]}"
        }
        _ => ",\"headers\":{\"content-type\":\"application/json\",\"cache-control\":\"no-store\"}",
    }
}

fn has_multi_value_headers(event: &[u8]) -> bool {
    members(event).any(|member| member.key == b"multiValueHeaders" && member.is_object())
}

pub(super) fn quote(out: &mut String, text: &str) {
    // A String takes whatever is written.
    let _ = write_string(out, text);
}
