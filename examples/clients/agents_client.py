"""OpenAI's Agents SDK, unmodified, at the loopback proxy: agents with a tool, a typed output, a memory and a handoff, over chat completions and
over responses."""

import asyncio
import enum

import openai
import pydantic
from agents import Agent, ModelBehaviorError, ModelSettings, OpenAIChatCompletionsModel, OpenAIResponsesModel, Runner, SQLiteSession
from agents import function_tool, set_tracing_disabled

from told import Client

set_tracing_disabled(True)  # traces are sent to OpenAI
endpoint = openai.AsyncOpenAI(max_retries=0)  # URL and key come from the environment
noted = []


class Mood(enum.Enum):
    glad, sad = "glad", "sad"


class Song(pydantic.BaseModel):
    mood: Mood
    minutes: int = pydantic.Field(ge=1, le=9)


@function_tool
def note(mood: Mood) -> str:
    """Notes a mood."""
    noted.append(mood)
    return f"noted: {mood.value}"


async def heard(agent, words):
    """Streams a run: the pieces of its text, the kinds of its items, and its end."""
    stream, pieces, kinds = Runner.run_streamed(agent, words), [], []
    async for event in stream.stream_events():
        if event.type == "raw_response_event" and event.data.type == "response.output_text.delta":
            pieces.append(event.data.delta)
        elif event.type == "run_item_stream_event":
            kinds.append(event.item.type)
    return pieces, kinds, stream


async def play(dialect, name):
    """What is seen to work in a dialect, and an agent whose replies are cut."""
    seen = []
    model = dialect((await endpoint.models.list()).data[0].id, endpoint)
    # A reply that ends before its most tokens: see below.
    short = ModelSettings(max_tokens=80, temperature=0, extra_body={"stop": [".", ",", "?"]})
    long = ModelSettings(max_tokens=160, temperature=0)
    calling = ModelSettings(max_tokens=160, temperature=0, tool_choice="required", parallel_tool_calls=False, extra_body={"stop": ["\n\n"]})

    def agent(settings, **more):
        return Agent(name="Singer", instructions="You sing.", model=model, model_settings=settings, **more)

    whole = await Runner.run(agent(short), "Who are you?")
    assert whole.final_output and whole.context_wrapper.usage.output_tokens > 1, whole
    seen.append("an agent")
    pieces, _, stream = await heard(agent(short), "Who are you?")
    assert len(pieces) > 1 and "".join(pieces) == stream.final_output == whole.final_output, pieces
    seen.append("a streamed agent")
    typed = await Runner.run(agent(long, output_type=Song), "A song?")
    assert isinstance(typed.final_output, Song), typed
    seen.append("a typed output")
    for streamed in (False, True):
        noted.clear()
        try:
            if streamed:
                _, kinds, _ = await heard(agent(calling, tools=[note]), "How do you feel?")
            else:
                kinds = [item.type for item in (await Runner.run(agent(calling, tools=[note]), "How do you feel?")).new_items]
            assert kinds[-1] == "message_output_item", kinds
        except ModelBehaviorError as error:  # The last words of so small a model may not end.
            assert "incomplete" in str(error), error
            kinds = ["tool_call_item", "tool_call_output_item"]
        assert len(noted) == 1 and noted[0] in Mood and kinds[:2] == ["tool_call_item", "tool_call_output_item"], (noted, kinds)
    seen.append("a tool, whole and streamed")
    memory = SQLiteSession(name)
    await Runner.run(agent(short), "I am Ada.", session=memory)
    await Runner.run(agent(short), "Who am I?", session=memory)
    assert [item["role"] for item in await memory.get_items()] == ["user", "assistant"] * 2
    seen.append("a memory")
    other = Agent(name="Other", instructions="You dance.", model=model, model_settings=short)
    handed = await Runner.run(agent(calling, handoffs=[other]), "Hand me over.")
    assert handed.last_agent is other and handed.final_output, handed
    seen.append("a handoff")
    return seen, agent(ModelSettings(max_tokens=3, temperature=0))


async def main():
    client = Client("OpenAI Agents SDK", "openai-agents")
    seen, cut = await play(OpenAIChatCompletionsModel, "chat completions")
    assert (await Runner.run(cut, "Who are you?")).final_output
    also, cut = await play(OpenAIResponsesModel, "responses")
    assert also == seen
    for what in seen:
        client.does(f"{what} (chat completions, responses)")
    try:
        await Runner.run(cut, "Who are you?")
        raise AssertionError("a cut response was taken")
    except ModelBehaviorError as error:
        assert "max_output_tokens" in str(error), error
    why = "the SDK raises ModelBehaviorError for `response.incomplete`, whatever server sent it; over chat completions it gives the text"
    client.does_not("a reply over responses that reaches `max_tokens`", why)
    client.end()


asyncio.run(main())
