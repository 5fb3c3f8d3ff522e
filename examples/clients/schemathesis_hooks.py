"""What schemathesis sends beside what it makes up: a model that is there, words without calls, and few tokens, since each costs a
moment and money."""

import os

import schemathesis

MODEL = os.environ["LAZAI_MODEL"]


def is_said(message):
    """Results need a call just before; stock clients send those."""
    return not isinstance(message, dict) or not {"tool_calls", "tool_call_id", "call_id"} & message.keys()


# Sealed requests are bytes that nobody can make up: the server must refuse them as its document tells.
schemathesis.serializer.alias("message/ohttp-chunked-req", "application/octet-stream")


@schemathesis.hook
def before_call(context, case, kwargs):
    body, headers = case.body, case.headers
    if isinstance(body, dict):
        # Names that are there by chance are kept: some requests ask for what is not there.
        if isinstance(body.get("model"), str) and len(body["model"]) % 4 != 3:
            body["model"] = MODEL
        for name in ("messages", "input"):
            if isinstance(body.get(name), list) and not all(map(is_said, body[name])):
                body[name] = [{"role": "user", "content": "hi"}]
        for name in ("max_tokens", "max_output_tokens", "max_completion_tokens", "min_tokens", "n"):
            if type(body.get(name)) is int and body[name] > 2:
                body[name] = 2
    # The simplest keys come again and again, each with another body.
    if headers and len(str(headers.get("Idempotency-Key", ""))) < 4:
        headers.pop("Idempotency-Key", None)
