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
refused(openai.BadRequestError, "request.invalid", n=2)
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
