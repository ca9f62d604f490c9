"""The function under test: does what the event asks for, so that a run with Guard can be compared
with one without."""

import json
import os
import time


if "FAIL_AT_START" in os.environ:
    raise RuntimeError("cannot log in with " + os.environ["DB_PASSWORD"])


def handler(event, context):
    # One line for each call: what was blocked leaves none.
    print("HANDLED " + json.dumps(event)[:60], flush=True)
    if isinstance(event, dict) and "pause" in event:
        time.sleep(event["pause"])
    action = event.get("action") if isinstance(event, dict) else None
    if action == "fail":
        raise ValueError(event["message"])
    if action == "leak":
        return {"configuration": dict(os.environ)["DB_PASSWORD"]}
    if action == "exit":
        os._exit(3)
    if action == "write":
        with open("/tmp/left-behind", "w") as file:
            file.write("x")
        return "written"
    if action == "list":
        return os.listdir("/tmp")
    if action == "long":
        return "x" * event["length"]
    return event
