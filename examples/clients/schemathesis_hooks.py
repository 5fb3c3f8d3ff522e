"""What schemathesis sends beside what it makes up: a model that is there, and few tokens, since each costs a moment and money."""

import os

import schemathesis

MODEL = os.environ["LAZAI_MODEL"]


@schemathesis.hook
def map_body(context, body):
    if isinstance(body, dict):
        # Names that are there by chance are kept: some requests ask for what is not there.
        if isinstance(body.get("model"), str) and len(body["model"]) % 4:
            body["model"] = MODEL
        for name in ("max_tokens", "max_output_tokens", "max_completion_tokens", "min_tokens", "n"):
            if type(body.get(name)) is int and body[name] > 2:
                body[name] = 2
    return body
