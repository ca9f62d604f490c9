// Receives a payment service's webhooks at a function URL: checks the signature, answers with what
// it will do.

import { createHmac, timingSafeEqual } from "node:crypto";

const secret = process.env.WEBHOOK_SECRET ?? "not-set";

function isSigned(body, signature) {
  const expected = createHmac("sha256", secret).update(body).digest();
  const given = Buffer.from(signature, "hex");
  return given.length === expected.length && timingSafeEqual(given, expected);
}

function answer(statusCode, body) {
  return {
    statusCode,
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  };
}

const effects = {
  "payment.succeeded": ({ order }) => ({ order, next: "ship" }),
  "payment.failed": ({ order, reason }) => ({ order, next: "remind", reason }),
};

export async function handler(event) {
  const body = Buffer.from(event.body ?? "", event.isBase64Encoded ? "base64" : "utf8");
  if (!isSigned(body, event.headers["x-signature"] ?? "")) {
    return answer(401, { message: "the signature does not fit" });
  }
  const { type, data } = JSON.parse(body);
  const effect = Object.hasOwn(effects, type) ? effects[type] : undefined;
  return effect ? answer(200, effect(data)) : answer(202, { ignored: type });
}
