"""The official A2A SDK for Python, unmodified, at the loopback proxy and at a node; and a2a-lint, which judges their cards."""

import asyncio
import os
import uuid

import httpx
from a2a.client import A2ACardResolver, ClientConfig, ClientFactory
from a2a.client.card_resolver import parse_agent_card
from a2a.types.a2a_pb2 import GetTaskRequest, Message, Part, Role, SendMessageRequest, TaskState
from a2a_lint.cli import lint

from told import Client

proxy, node = os.environ["OPENAI_BASE_URL"].removesuffix("/v1"), os.environ["LAZAI_NODE_URL"]
key = {"Authorization": f"Bearer {os.environ['OPENAI_API_KEY']}"}


def message(words, **more):
    return SendMessageRequest(message=Message(message_id=str(uuid.uuid4()), role=Role.ROLE_USER, parts=[Part(text=words)], **more))


async def heard(client, request):
    return [event async for event in client.send_message(request)]


# ANCHOR: agent
async def ask(proxy, key, words):
    async with httpx.AsyncClient(headers={"Authorization": f"Bearer {key}"}, timeout=60) as http:
        card = await A2ACardResolver(http, proxy).get_agent_card()
        client = ClientFactory(ClientConfig(httpx_client=http, streaming=False)).create(card)
        async for event in client.send_message(message(words)):
            return event.task.artifacts[0].parts[0].text
# ANCHOR_END: agent


async def main():
    table = Client("A2A SDK for Python", "a2a-sdk")
    assert await ask(proxy, os.environ["OPENAI_API_KEY"], "Who are you?")
    async with httpx.AsyncClient(headers=key, timeout=60) as http:
        card = await A2ACardResolver(http, proxy).get_agent_card()
        (skill,) = card.skills
        table.does("cards of the proxy and of one character")
        for base in (proxy, f"{proxy}/a2a/{skill.id}"):
            card = await A2ACardResolver(http, base).get_agent_card()
            whole = ClientFactory(ClientConfig(httpx_client=http, streaming=False)).create(card)
            (event,) = await heard(whole, message("Who are you?"))
            task = event.task
            assert task.status.state == TaskState.TASK_STATE_COMPLETED and task.artifacts[0].parts[0].text, task
            assert (await whole.get_task(GetTaskRequest(id=task.id))).artifacts == task.artifacts
            streaming = ClientFactory(ClientConfig(httpx_client=http, streaming=True)).create(card)
            events = await heard(streaming, message("And then?", context_id=task.context_id))
            assert events[0].task.context_id == task.context_id and events[-1].status_update.status.state == TaskState.TASK_STATE_COMPLETED
            assert "".join(event.artifact_update.artifact.parts[0].text for event in events if event.HasField("artifact_update"))
        table.does("a message, its task, and another in its context, streamed")
        # An agent of the protocol's version 0.3: its card names nothing else.
        old = (await http.get(f"{proxy}/.well-known/agent-card.json")).json()
        for field in ("supportedInterfaces", "securityRequirements"):
            old.pop(field)
        legacy = ClientFactory(ClientConfig(httpx_client=http, streaming=False)).create(parse_agent_card(old))
        (event,) = await heard(legacy, message("Who are you?"))
        assert event.task.status.state == TaskState.TASK_STATE_COMPLETED, event
        table.does("the same in version 0.3 of the protocol")
    async with httpx.AsyncClient(timeout=60) as http:
        card = await A2ACardResolver(http, node).get_agent_card()
        (event,) = await heard(ClientFactory(ClientConfig(httpx_client=http)).create(card), message("Who are you?"))
        assert event.task.status.state == TaskState.TASK_STATE_INPUT_REQUIRED, event
        required = event.task.status.message.metadata["x402.payment.required"]
        assert required["accepts"][0]["extra"]["model"] == skill.id, required
    table.does("a node's answer: what payment it wants")
    for url, is_live in ((proxy, False), (node, True)):
        findings, _ = await lint(url, is_live, 30)
        assert not [finding for finding in findings if finding["level"] != "info"], findings
    table.does("a2a-lint finds nothing")
    table.end()


asyncio.run(main())
