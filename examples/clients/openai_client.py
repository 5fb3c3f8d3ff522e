"""The official OpenAI client for Python, unmodified, at the loopback proxy: chats, completes, responds, streams, calls tools, embeds, gets typed errors."""

import asyncio
import concurrent.futures
import enum
import json

import openai
import pydantic

from told import Client

table = Client("OpenAI for Python", "openai")

client = openai.OpenAI(max_retries=0)  # URL and key come from the environment, as with any other endpoint
model = client.models.list().data[0].id
assert client.models.retrieve(model).id == model

question = [{"role": "user", "content": "Who are you?"}]
asked = {"model": model, "messages": question, "max_tokens": 8}
reply = client.chat.completions.create(**asked, temperature=0, seed=1)
text, usage = reply.choices[0].message.content, reply.usage
assert reply.choices[0].finish_reason in ("stop", "length")
assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens and 1 <= usage.completion_tokens <= 8
assert reply.lazai["receipt"]["receipt"]["completion_tokens"] == usage.completion_tokens  # the receipt comes along

# The same question with the same seed, streamed: the same words.
stream = client.chat.completions.create(
    **asked, temperature=0, seed=1, stream=True, stream_options={"include_usage": True}
)
pieces, counted = [], None
for chunk in stream:
    pieces += [choice.delta.content or "" for choice in chunk.choices]
    counted = chunk.usage or counted
assert "".join(pieces) == text and len(pieces) > 2, pieces
assert counted == usage, counted

short = client.chat.completions.create(**{**asked, "max_tokens": 3})
assert short.usage.completion_tokens <= 3
table.does("models, a chat, a stream")

# It ends before a stop string, and says why it ends.
stop = text[len(text) // 2 :][:2]
cut = client.chat.completions.create(**asked, temperature=0, seed=1, stop=[stop, "\u2603"])
assert cut.choices[0].message.content == text[: text.index(stop)] and cut.choices[0].finish_reason == "stop", cut

# Probabilities of its tokens, whole and streamed: of the likeliest token, by the model's own scores.
likely = dict(**asked, temperature=0, seed=1, logprobs=True, top_logprobs=3)
told = client.chat.completions.create(**likely).choices[0].logprobs.content
assert all(token.logprob == token.top_logprobs[0].logprob and len(token.top_logprobs) == 3 for token in told), told
chunks = [choice.logprobs for chunk in client.chat.completions.create(**likely, stream=True) for choice in chunk.choices]
assert [token for logprobs in chunks if logprobs for token in logprobs.content] == told
banned = {str(told[0].model_extra["token_id"]): -100}
other = client.chat.completions.create(**asked, temperature=0, seed=1, logit_bias=banned)
assert other.choices[0].message.content != text
table.does("stop strings, probabilities, biases")

# JSON of a schema, from a model that never heard of it.
schema = {"name": "answer", "strict": True, "schema": {"type": "object", "properties": {"a": {"enum": [1, 2]}}, "required": ["a"], "additionalProperties": False}}
form = {"type": "json_schema", "json_schema": schema}
answer = client.chat.completions.create(**{**asked, "max_tokens": 40}, temperature=0, response_format=form).choices[0]
assert answer.finish_reason == "length" or json.loads(answer.message.content)["a"] in (1, 2), answer
chosen = client.chat.completions.create(**asked, extra_body={"guided_choice": ["yes", "no"]}).choices[0]
assert chosen.message.content in ("yes", "no") and chosen.finish_reason == "stop", chosen



# The helpers for forms and tools, with a schema that refers to itself.
class Mood(enum.Enum):
    glad, sad = "glad", "sad"


class Song(pydantic.BaseModel):
    """Notes a song."""

    mood: Mood
    minutes: int = pydantic.Field(ge=1, le=9)


parsed = client.chat.completions.parse(model=model, messages=question, max_tokens=120, temperature=0, response_format=Song).choices[0].message.parsed
assert parsed.mood in Mood and 1 <= parsed.minutes <= 9, parsed
tools = [openai.pydantic_function_tool(Song, name="note"), {"type": "function", "function": {"name": "stop"}}]
calling = {"model": model, "messages": question, "max_tokens": 160, "seed": 5, "temperature": 0}
choice = client.chat.completions.parse(**calling, tools=tools[:1], tool_choice="required", parallel_tool_calls=False).choices[0]
(call,) = choice.message.tool_calls
assert choice.finish_reason == "tool_calls" and choice.message.content is None
assert (call.function.name, call.function.parsed_arguments.mood in Mood) == ("note", True), call
table.does("forms: JSON of a schema, a choice, `parse`")

# The call streamed, and its result told.
stream = client.chat.completions.create(**calling, tools=tools[:1], tool_choice="required", parallel_tool_calls=False, stream=True)
deltas = [delta for chunk in stream for choice in chunk.choices for delta in choice.delta.tool_calls or []]
assert deltas[0].id and deltas[0].function.name == "note"
assert "".join(delta.function.arguments or "" for delta in deltas) == call.function.arguments
told = [*question, choice.message.model_dump(mode="json", exclude_unset=True), {"role": "tool", "tool_call_id": call.id, "content": "noted"}]
assert client.chat.completions.create(**{**asked, "messages": told}, tools=tools).usage.prompt_tokens > 100
named = {"type": "function", "function": {"name": "stop"}}
(call,) = client.chat.completions.create(**calling, tools=tools, tool_choice=named).choices[0].message.tool_calls
assert (call.function.name, call.function.arguments) == ("stop", "{}"), call
table.does("tools: demanded, streamed, their results")

# A legacy completion: its prompt is a message of the user, so its words are those of the chat.
prompt = {"model": model, "prompt": question[0]["content"], "max_tokens": 8, "temperature": 0, "seed": 1}
completed = client.completions.create(**prompt, logprobs=2)
assert (completed.object, completed.choices[0].text, completed.usage) == ("text_completion", text, usage)
assert "".join(completed.choices[0].logprobs.tokens) == text and len(completed.choices[0].logprobs.top_logprobs[0]) == 2
stream = list(client.completions.create(**{**prompt, "prompt": [prompt["prompt"]]}, stream=True, stream_options={"include_usage": True}))
assert "".join(choice.text for chunk in stream for choice in chunk.choices) == text and stream[-1].usage == usage
table.does("completions")

# A response: its items, its events in their order, its forms and calls; the helper that accumulates.
responding = {"model": model, "input": "Who are you?", "max_output_tokens": 8, "temperature": 0, "extra_body": {"seed": 1}}
response = client.responses.create(**responding)
assert (response.output_text, response.store, response.lazai["receipt"]["receipt"]["prompt_tokens"]) == (text, False, usage.prompt_tokens)
assert (response.usage.input_tokens, response.usage.output_tokens) == (usage.prompt_tokens, usage.completion_tokens)
assert response.status == ("incomplete" if reply.choices[0].finish_reason == "length" else "completed")
events = list(client.responses.create(**responding, stream=True))
assert [event.sequence_number for event in events] == list(range(len(events)))
assert "".join(event.delta for event in events if event.type == "response.output_text.delta") == text
assert events[0].type == "response.created" and events[-1].response.output_text == text
# The helper knows replies that end by themselves only, as of OpenAI's own server.
with client.responses.stream(**{**responding, "extra_body": {"seed": 1, "stop": [stop]}}) as helped:
    assert helped.get_final_response().output_text == cut.choices[0].message.content
parsed = client.responses.parse(model=model, input=question, max_output_tokens=120, temperature=0, text_format=Song).output_parsed
assert parsed.mood in Mood and 1 <= parsed.minutes <= 9, parsed
flat = [{"type": "function", "name": "note", "parameters": tools[0]["function"]["parameters"], "strict": True}]
calls = client.responses.create(model=model, input=question, instructions="You sing.", max_output_tokens=160, temperature=0, tools=flat, tool_choice="required", parallel_tool_calls=False)
(call,) = calls.output
assert (call.type, call.name) == ("function_call", "note") and json.loads(call.arguments)["mood"] in ("glad", "sad"), call
told = [*question, *(item.model_dump(exclude_unset=True) for item in calls.output), {"type": "function_call_output", "call_id": call.call_id, "output": "noted"}]
assert client.responses.create(**{**responding, "input": told}, tools=flat).usage.input_tokens > 100
table.does("responses, whole and streamed")

# Embeddings, by an encoder on this machine: packed, as the client asks by itself, and plain.
encoder = client.models.list().data[-1].id
packed = client.embeddings.create(model=encoder, input=["I sing.", "The rent is due."])
plain = client.embeddings.create(model=encoder, input="I sing.", encoding_format="float")
assert plain.data[0].embedding == packed.data[0].embedding != packed.data[1].embedding and packed.usage.total_tokens > 4
table.does("embeddings")

# A whole conversation, in whose middle something was changed: clients keep it themselves.
edited = question + [{"role": "assistant", "content": "I sing."}, {"role": "user", "content": [{"type": "text", "text": "Where?"}]}]
assert client.chat.completions.create(**{**asked, "messages": edited}).usage.prompt_tokens > usage.prompt_tokens

# Asked again under one key, a request is made and paid once.
keyed = {**asked, "extra_headers": {"Idempotency-Key": "one"}}
once = client.chat.completions.create(**keyed)
paid = json.loads(client.get("/lazai/budget", cast_to=str))["spent"]
again = client.chat.completions.with_raw_response.create(**keyed)
assert (again.parse(), again.headers["idempotent-replayed"]) == (once, "true")
assert json.loads(client.get("/lazai/budget", cast_to=str))["spent"] == paid
try:
    client.chat.completions.create(**{**keyed, "max_tokens": 7})
    raise AssertionError("a key was taken for two requests")
except openai.UnprocessableEntityError as error:
    assert error.code == "loopback.idempotency"
table.does("a request made and paid once under a key")


def refused(kind, code, **request):
    try:
        client.chat.completions.create(**{**asked, **request})
    except kind as error:
        assert error.code == code, (error.code, code)
    else:
        raise AssertionError(f"{code} was expected")


refused(openai.NotFoundError, "request.model", model="gpt-4o")
for wrong in ({"store": True}, {"previous_response_id": "resp_1"}, {"background": True}, {"tools": [{"type": "web_search"}]}):
    try:
        client.responses.create(**responding, **wrong)
        raise AssertionError(f"{wrong} was accepted")
    except openai.BadRequestError as error:
        assert error.code == "request.invalid" and error.param.startswith(next(iter(wrong))), error
refused(openai.BadRequestError, "request.invalid", messages=[])
refused(openai.BadRequestError, "request.invalid", n=9)
refused(openai.BadRequestError, "request.invalid", tool_choice="required")
refused(openai.BadRequestError, "node.setting", logit_bias={"4000000000": 1})
refused(openai.BadRequestError, "node.setting", response_format={"type": "json_schema", "json_schema": {"name": "x", "schema": {"not": {}}}})
refused(openai.BadRequestError, "node.prompt_too_long", messages=[{"role": "user", "content": "la " * 2_500}])
refused(openai.BadRequestError, "node.prompt_too_long", messages=[{"role": "user", "content": "la " * 2_500}], stream=True)
try:
    openai.OpenAI(api_key="another", max_retries=0).models.list()
    raise AssertionError("another key was accepted")
except openai.AuthenticationError as error:
    assert error.code == "loopback.key"
table.does("errors by their types")

# Eight threads at once, and asyncio.
with concurrent.futures.ThreadPoolExecutor(8) as pool:
    replies = list(pool.map(lambda n: client.chat.completions.create(**{**asked, "max_tokens": 2}, seed=n), range(8)))
assert all(r.usage.completion_tokens <= 2 for r in replies)


async def at_once():
    stream = await openai.AsyncOpenAI(max_retries=0).chat.completions.create(**asked, stream=True)
    return [chunk async for chunk in stream]


assert asyncio.run(at_once())[-1].choices[0].finish_reason
budget = json.loads(client.get("/lazai/budget", cast_to=str))
assert 0 < int(budget["spent"]) < int(budget["total"])
table.does("eight threads at once, asyncio")
table.end()
