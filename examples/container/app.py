"""Writes the mail that an SNS notification about an order asks for, and answers with it."""

import json
from string import Template

MAIL = Template("To: $customer\nSubject: your order $order\n\n$item is on its way.\n")


def handler(event, context):
    mails = []
    for record in event["Records"]:
        order = json.loads(record["Sns"]["Message"])
        mails.append(MAIL.substitute(order))
    return {"mails": mails}
