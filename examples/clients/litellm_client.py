"""LiteLLM, unmodified, at the loopback proxy: as a library, and its own proxy server in front of ours, with OpenAI's client before it."""

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # else it looks for prices on the internet

import litellm
import openai
import pydantic

from told import Client

url, key = os.environ["OPENAI_BASE_URL"], os.environ["OPENAI_API_KEY"]
models = [model.id for model in openai.OpenAI().models.list()]
character, encoder = models[0], models[-1]
client = Client("LiteLLM", "litellm")
asked = dict(messages=[{"role": "user", "content": "Who are you?"}], max_tokens=8, temperature=0, seed=1)
at = dict(model=f"openai/{character}", api_base=url, api_key=key, num_retries=0)


class Song(pydantic.BaseModel):
    mood: str = pydantic.Field(pattern="^(glad|sad)$")
    minutes: int = pydantic.Field(ge=1, le=9)


tools = [{"type": "function", "function": {"name": "leave", "description": "Leaves.", "parameters": {"type": "object", "properties": {}}}}]
calling = {**asked, "max_tokens": 60, "tools": tools, "tool_choice": "required", "parallel_tool_calls": False}


def talked(create, at, what):
    """A chat, a stream, a form and a tool, through one function."""
    reply = create(**asked, **at)
    text = reply.choices[0].message.content
    assert text and reply.usage.completion_tokens <= 8, reply
    client.does(f"{what}: a chat")
    pieces = [chunk.choices[0].delta.content or "" for chunk in create(**asked, **at, stream=True) if chunk.choices]
    assert len(pieces) > 2 and "".join(pieces) == text, pieces
    client.does(f"{what}: a stream")
    schema = {"type": "json_schema", "json_schema": {"name": "song", "strict": True, "schema": Song.model_json_schema()}}
    form = create(**{**asked, "max_tokens": 120}, **at, response_format=schema)
    Song.model_validate_json(form.choices[0].message.content)
    client.does(f"{what}: JSON of a schema")
    (call,) = create(**calling, **at).choices[0].message.tool_calls
    assert (call.function.name, call.function.arguments) == ("leave", "{}"), call
    deltas = [delta for chunk in create(**calling, **at, stream=True) for choice in chunk.choices for delta in choice.delta.tool_calls or []]
    assert deltas[0].function.name == "leave" and "".join(delta.function.arguments or "" for delta in deltas) == "{}", deltas
    result = {"role": "tool", "tool_call_id": call.id, "content": "gone"}
    said = {"role": "assistant", "content": None, "tool_calls": [call.model_dump()]}
    told = create(**{**asked, "messages": [*asked["messages"], said, result]}, **at, tools=tools)
    assert told.choices[0].finish_reason, told
    client.does(f"{what}: a tool, whole and streamed, and its result")


talked(litellm.completion, at, "library")
vectors = litellm.embedding(model=f"openai/{encoder}", input=["I sing.", "The rent is due."], api_base=url, api_key=key)
assert vectors.data[0]["embedding"] != vectors.data[1]["embedding"]
client.does("library: embeddings")
response = litellm.responses(input="Who are you?", max_output_tokens=8, temperature=0, **at)
assert response.output[0].content[0].text, response
events = [event.type for event in litellm.responses(input="Who are you?", max_output_tokens=8, stream=True, **at)]
assert "response.output_text.delta" in events, events
client.does("library: a response, whole and streamed")
try:
    litellm.completion(**asked, **{**at, "model": "openai/gpt-4o"})
    raise AssertionError("a model that nobody offers was found")
except litellm.NotFoundError:
    pass
try:
    litellm.completion(**{**asked, "messages": [{"role": "user", "content": "la " * 2_500}]}, **at)
    raise AssertionError("a prompt that is too long was taken")
except litellm.BadRequestError:
    pass
client.does("library: errors by their types")

with tempfile.TemporaryDirectory() as home, socket.socket() as probe:
    probe.bind(("127.0.0.1", 0))
    port = probe.getsockname()[1]
    probe.close()
    route = {"model_name": "singer", "litellm_params": {"model": f"openai/{character}", "api_base": url, "api_key": "os.environ/OPENAI_API_KEY"}}
    embeds = {"model_name": "encoder", "litellm_params": {**route["litellm_params"], "model": f"openai/{encoder}"}}
    config = Path(home, "config.yaml")
    config.write_text(json.dumps({"model_list": [route, embeds], "general_settings": {"master_key": "sk-lazai"}}))
    log = open(Path(home, "log"), "w+")
    start = [str(Path(sys.executable).with_name("litellm")), "--config", str(config), "--host", "127.0.0.1", "--port", str(port)]
    server = subprocess.Popen([*start, "--telemetry", "False"], cwd=home, stdout=log, stderr=subprocess.STDOUT)
    try:
        before = f"http://127.0.0.1:{port}"
        for left in range(240, -1, -1):
            try:
                urllib.request.urlopen(f"{before}/health/liveliness", timeout=5).close()
                break
            except OSError:
                assert left and server.poll() is None, "LiteLLM's proxy does not start"
                time.sleep(0.5)
        stock = openai.OpenAI(base_url=f"{before}/v1", api_key="sk-lazai", max_retries=0)
        talked(stock.chat.completions.create, {"model": "singer"}, "proxy")
        data = stock.embeddings.create(model="encoder", input=["I sing.", "The rent is due."]).data
        assert data[0].embedding != data[1].embedding
        client.does("proxy: embeddings")
        response = stock.responses.create(model="singer", input="Who are you?", max_output_tokens=8, temperature=0)
        assert response.output_text, response
        client.does("proxy: a response")
        try:
            stock.chat.completions.create(**{**asked, "messages": [{"role": "user", "content": "la " * 2_500}]}, model="singer")
            raise AssertionError("a prompt that is too long was taken")
        except openai.BadRequestError:
            client.does("proxy: errors by their types")
    except BaseException:
        log.seek(0)
        print(log.read()[-4000:])
        raise
    finally:
        server.kill()
        server.wait()
client.end()
