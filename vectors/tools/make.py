"""Writes expected.json: what `transformers` makes of conversations with tools, by templates in the style of each family.

    pip install "transformers==5.*" jinja2 tokenizers
    python make.py

The templates are written for these vectors: each has the forms of its family's own, not its words.
"""

import copy
import json
from pathlib import Path

import jinja2
import transformers
from tokenizers import Tokenizer, models
from transformers import PreTrainedTokenizerFast

HERE = Path(__file__).parent
BOS, EOS = "<s>", "</s>"

WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather of a place, in °C & 'more'.",
        "parameters": {
            "type": "object",
            "properties": {"place": {"type": "string"}, "days": {"type": "integer", "minimum": 1, "maximum": 1.5}},
            "required": ["place"],
        },
    },
}
SING = {"type": "function", "function": {"name": "sing", "parameters": {"type": "object", "properties": {}}}}


def call(id, name, arguments):
    return {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}


def result(id, name, content):
    return {"role": "tool", "tool_call_id": id, "name": name, "content": content}


SYSTEM = {"role": "system", "content": "You sing."}
USER = {"role": "user", "content": "How is it in Zürich?"}
ONE = {"role": "assistant", "content": "", "tool_calls": [call("000000000", "weather", {"place": "Zürich <here>", "days": 2})]}
TWO = {
    "role": "assistant",
    "content": "",
    "tool_calls": [call("000000000", "weather", {"place": "a\n\"b\""}), call("000000001", "sing", {})],
}
RESULT = result("000000000", "weather", '{"degrees": 21.50, "sky": "klar"}')
SECOND = result("000000001", "sing", "la\nla")
SAID = {"role": "assistant", "content": "It is warm."}
AGAIN = {"role": "user", "content": "And tomorrow?"}

CONVERSATIONS = {
    "asked": ([WEATHER, SING], [SYSTEM, USER]),
    "asked without a system message": ([SING], [USER]),
    "called": ([WEATHER, SING], [SYSTEM, USER, ONE, RESULT]),
    "called and said": ([WEATHER], [USER, ONE, RESULT, SAID, AGAIN]),
    "called twice": ([WEATHER, SING], [SYSTEM, USER, TWO, RESULT, SECOND]),
    "called, with nothing to call any more": (None, [SYSTEM, USER, ONE, RESULT, SAID, AGAIN]),
}


def in_steps(messages):
    """Each call with its result: Llama's templates refuse several calls at once."""
    made, results = [], {m["tool_call_id"]: m for m in messages if m["role"] == "tool"}
    for message in messages:
        for one in message.get("tool_calls", []):
            made += [{**message, "tool_calls": [one]}, results[one["id"]]]
        if "tool_calls" not in message and message["role"] != "tool":
            made.append(message)
    return made


def as_text(messages):
    """Granite's template takes calls as a text."""
    made = []
    for message in messages:
        if "tool_calls" in message:
            calls = [one["function"] for one in message["tool_calls"]]
            message = {"role": "assistant", "content": message["content"] + "<|tool_call|>" + json.dumps(calls, ensure_ascii=False)}
        made.append(message)
    return made


def main():
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=Tokenizer(models.BPE()), bos_token=BOS, eos_token=EOS)
    cases = []
    for name in ["blocks", "granite", "hermes", "llama", "mistral"]:
        template = (HERE / f"{name}.jinja").read_text()
        for said, (tools, messages) in CONVERSATIONS.items():
            given = {"llama": in_steps, "granite": as_text}.get(name, lambda m: m)(copy.deepcopy(messages))
            text = tokenizer.apply_chat_template(
                given, tools=tools, chat_template=template, add_generation_prompt=True, tokenize=False
            )
            # As a client of OpenAI sends them: arguments are a text.
            asked = copy.deepcopy(messages)
            for one in (one for message in asked for one in message.get("tool_calls", [])):
                one["function"]["arguments"] = json.dumps(one["function"]["arguments"], ensure_ascii=False)
            cases.append({"template": name, "conversation": said, "tools": tools, "messages": asked, "text": text})
    made = {"transformers": transformers.__version__, "jinja2": jinja2.__version__, "bos": BOS, "eos": EOS, "cases": cases}
    (HERE / "expected.json").write_text(json.dumps(made, ensure_ascii=False, indent=1) + "\n")


main()
