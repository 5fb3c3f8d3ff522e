"""An agent of Alith, unmodified, at the loopback proxy: with a preamble, a memory, a tool, and embeddings."""

import importlib.metadata
import os

import requests
from alith import Agent, RemoteModelEmbeddings, WindowBufferMemory

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
memory = WindowBufferMemory()
remembering = agent(memory=memory)
assert remembering.prompt("I am Ada.") and remembering.prompt("Who am I?")
assert [message.role for message in memory.messages()] == ["user", "assistant"] * 2
assert agent(tools=[add], preamble="You sing.").prompt("Who are you?")
(vector,) = RemoteModelEmbeddings(encoder, key, url).embed_texts(["hi"])
assert len(vector) > 1
print(f"alith {importlib.metadata.version('alith')}: preamble, memory, tool, embeddings")
