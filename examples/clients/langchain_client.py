"""LangChain, unmodified, at the loopback proxy: talks, streams, answers in forms, calls tools, embeds."""

import enum

import openai
import pydantic
from langchain_core.messages import HumanMessage, SystemMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI, OpenAIEmbeddings

from told import Client

client = Client("LangChain", "langchain-openai")
models = [model.id for model in openai.OpenAI().models.list()]  # URL and key come from the environment
character, encoder = models[0], models[-1]
chat = ChatOpenAI(model=character, max_tokens=8, max_retries=0)
asked = [SystemMessage("You sing."), HumanMessage("Who are you?")]

reply = chat.invoke(asked)
assert reply.content and reply.usage_metadata["output_tokens"] <= 8, reply
pieces = [piece.content for piece in chat.stream(asked)]
assert len(pieces) > 2 and "".join(pieces)
client.does("a chat, a stream")


class Mood(enum.Enum):
    glad, sad = "glad", "sad"


class Song(pydantic.BaseModel):
    """Notes a song."""

    mood: Mood
    minutes: int = pydantic.Field(ge=1, le=9)


# Of the model's own making only the words: whatever it is, the answer is a song.
long = ChatOpenAI(model=character, max_tokens=160, temperature=0, max_retries=0)
for method in ("json_schema", "function_calling"):
    song = long.with_structured_output(Song, method=method).invoke(asked)
    assert isinstance(song, Song) and song.mood in Mood and 1 <= song.minutes <= 9, song
client.does("structured output by schema and by function")


@tool
def add(a: int, b: int) -> int:
    """Adds two numbers."""
    return a + b


@tool
def leave() -> str:
    """Leaves."""
    return "gone"


called = long.bind_tools([leave], tool_choice="required", parallel_tool_calls=False).invoke(asked)
(call,) = called.tool_calls
assert (call["name"], call["args"]) == ("leave", {}), call
result = leave.invoke(call)
assert isinstance(result, ToolMessage) and result.content == "gone"
# The result told, and tools that the model is free to call, by their schemas if it does.
assert chat.bind_tools([add, leave], strict=True).invoke([*asked, called, result]).response_metadata["finish_reason"]
assert chat.bind_tools([add, leave]).invoke(asked).response_metadata["finish_reason"]
client.does("tools: bound, demanded, their results")

embeddings = OpenAIEmbeddings(model=encoder, check_embedding_ctx_length=False)  # else it sends tokens of OpenAI's models
one, two = embeddings.embed_documents(["I sing.", "The rent is due."])
assert embeddings.embed_query("I sing.") == one != two
client.does("embeddings")
client.end()
