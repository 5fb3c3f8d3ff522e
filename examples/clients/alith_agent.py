"""An agent of Alith, unmodified, at the loopback proxy: with a preamble, a memory, a tool, and embeddings."""

import os

import requests
from alith import Agent, RemoteModelEmbeddings, WindowBufferMemory

from told import Client

client = Client("Alith for Python", "alith")
url, key = os.environ["OPENAI_BASE_URL"], os.environ["OPENAI_API_KEY"]
listed = requests.get(f"{url}/models", headers={"Authorization": f"Bearer {key}"}).json()
models = [model["id"] for model in listed["data"]]
character, encoder = models[0], models[-1]


def add(a: int, b: int) -> int:
    """Adds two numbers."""
    return a + b


def agent(**more):
    # A base URL that ends with a slash: two of them are in the path of each request.
    return Agent(model=character, api_key=key, base_url=f"{url}/", **more)


assert agent(preamble="You sing.").prompt("Who are you?")
client.does("an agent with a preamble")
memory = WindowBufferMemory()
remembering = agent(memory=memory)
assert remembering.prompt("I am Ada.") and remembering.prompt("Who am I?")
assert [message.role for message in memory.messages()] == ["user", "assistant"] * 2
client.does("a memory")
assert agent(tools=[add], preamble="You sing.").prompt("Who are you?")
client.does("a tool, offered")
(vector,) = RemoteModelEmbeddings(encoder, key, url).embed_texts(["hi"])
assert len(vector) > 1
client.does("embeddings")
assert not any("stream" in name for name in dir(Agent))
client.does_not("a stream", "an agent has none")
client.does_not("a tool, called", "an agent cannot demand a call, and the test's model of 135M parameters makes none by itself")
client.end()
