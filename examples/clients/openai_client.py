"""The official OpenAI client for Python, unmodified, at the loopback proxy: lists models, chats, streams, gets typed errors."""

import asyncio
import concurrent.futures
import json

import openai

client = openai.OpenAI(max_retries=0)  # URL and key come from the environment, as with any other endpoint
model = client.models.list().data[0].id
assert client.models.retrieve(model).id == model

question = [{"role": "user", "content": "Who are you?"}]
reply = client.chat.completions.create(model=model, messages=question, temperature=0, seed=1)
text, usage = reply.choices[0].message.content, reply.usage
assert reply.choices[0].finish_reason in ("stop", "length")
assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens and 1 <= usage.completion_tokens <= 8
assert reply.lazai["receipt"]["receipt"]["completion_tokens"] == usage.completion_tokens  # the receipt comes along

# The same question with the same seed, streamed: the same words.
stream = client.chat.completions.create(
    model=model, messages=question, temperature=0, seed=1, stream=True, stream_options={"include_usage": True}
)
pieces, counted = [], None
for chunk in stream:
    pieces += [choice.delta.content or "" for choice in chunk.choices]
    counted = chunk.usage or counted
assert "".join(pieces) == text and len(pieces) > 2, pieces
assert counted == usage, counted

short = client.chat.completions.create(model=model, messages=question, max_tokens=3)
assert short.usage.completion_tokens <= 3

# It ends before a stop string, and says why it ends.
stop = text[len(text) // 2 :][:2]
cut = client.chat.completions.create(model=model, messages=question, temperature=0, seed=1, stop=[stop, "\u2603"])
assert cut.choices[0].message.content == text[: text.index(stop)] and cut.choices[0].finish_reason == "stop", cut

# Probabilities of its tokens, whole and streamed: of the likeliest token, by the model's own scores.
likely = dict(model=model, messages=question, temperature=0, seed=1, logprobs=True, top_logprobs=3)
told = client.chat.completions.create(**likely).choices[0].logprobs.content
assert all(token.logprob == token.top_logprobs[0].logprob and len(token.top_logprobs) == 3 for token in told), told
chunks = [choice.logprobs for chunk in client.chat.completions.create(**likely, stream=True) for choice in chunk.choices]
assert [token for logprobs in chunks if logprobs for token in logprobs.content] == told
banned = {str(told[0].model_extra["token_id"]): -100}
other = client.chat.completions.create(model=model, messages=question, temperature=0, seed=1, logit_bias=banned)
assert other.choices[0].message.content != text

# JSON of a schema, from a model that never heard of it.
schema = {"name": "answer", "strict": True, "schema": {"type": "object", "properties": {"a": {"enum": [1, 2]}}, "required": ["a"], "additionalProperties": False}}
form = {"type": "json_schema", "json_schema": schema}
answer = client.chat.completions.create(model=model, messages=question, response_format=form).choices[0]
assert answer.finish_reason == "length" or json.loads(answer.message.content)["a"] in (1, 2), answer
chosen = client.chat.completions.create(model=model, messages=question, extra_body={"guided_choice": ["yes", "no"]}).choices[0]
assert chosen.message.content in ("yes", "no") and chosen.finish_reason == "stop", chosen

# A whole conversation, in whose middle something was changed: clients keep it themselves.
edited = question + [{"role": "assistant", "content": "I sing."}, {"role": "user", "content": [{"type": "text", "text": "Where?"}]}]
assert client.chat.completions.create(model=model, messages=edited).usage.prompt_tokens > usage.prompt_tokens


def refused(kind, code, **request):
    try:
        client.chat.completions.create(**{"model": model, "messages": question, **request})
    except kind as error:
        assert error.code == code, (error.code, code)
    else:
        raise AssertionError(f"{code} was expected")


refused(openai.NotFoundError, "request.model", model="gpt-4o")
refused(openai.BadRequestError, "request.invalid", messages=[])
refused(openai.BadRequestError, "request.invalid", n=9)
refused(openai.BadRequestError, "request.invalid", tool_choice="required")
refused(openai.BadRequestError, "node.setting", logit_bias={"4000000000": 1})
refused(openai.BadRequestError, "node.setting", response_format={"type": "json_schema", "json_schema": {"name": "x", "schema": {"not": {}}}})
refused(openai.BadRequestError, "node.prompt_too_long", messages=[{"role": "user", "content": "la " * 300}])
refused(openai.BadRequestError, "node.prompt_too_long", messages=[{"role": "user", "content": "la " * 300}], stream=True)
try:
    openai.OpenAI(api_key="another", max_retries=0).models.list()
    raise AssertionError("another key was accepted")
except openai.AuthenticationError as error:
    assert error.code == "loopback.key"

# Eight threads at once, and asyncio.
with concurrent.futures.ThreadPoolExecutor(8) as pool:
    replies = list(pool.map(lambda n: client.chat.completions.create(model=model, messages=question, seed=n, max_tokens=2), range(8)))
assert all(r.usage.completion_tokens <= 2 for r in replies)


async def at_once():
    stream = await openai.AsyncOpenAI(max_retries=0).chat.completions.create(model=model, messages=question, stream=True)
    return [chunk async for chunk in stream]


assert asyncio.run(at_once())[-1].choices[0].finish_reason
budget = json.loads(client.get("/lazai/budget", cast_to=str))
assert 0 < int(budget["spent"]) < int(budget["total"])
print(f"openai {openai.__version__} for Python: models, chat, streams, errors; {budget['spent']} base units spent")
