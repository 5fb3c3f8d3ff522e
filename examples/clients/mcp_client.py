"""The official MCP SDK for Python, unmodified, at `lazai mcp` over the standard streams, and at the loopback proxy over HTTP."""

import asyncio
import os
import time

import httpx2
from mcp import Client as McpClient
from mcp import StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamable_http_client

from lazai_mcp import command
from told import Client

TOOLS = ["lazai_characters", "lazai_say", "lazai_reply", "lazai_verify", "lazai_balance", "lazai_receipts"]


async def call(client, tool, **arguments):
    begun = time.monotonic()
    answer = await client.call_tool(tool, arguments)
    assert time.monotonic() - begun < 3, f"{tool} took {time.monotonic() - begun} s"
    assert answer.content[0].type == "text"
    return answer


async def said(client, **arguments):
    """What a character says, fetched until it is there."""
    answer = await call(client, "lazai_say", **arguments)
    while not answer.is_error and answer.structured_content["status"] == "working":
        answer = await call(client, "lazai_reply", handle=answer.structured_content["handle"])
    return answer


async def talk(client):
    assert [tool.name for tool in (await client.list_tools()).tools] == TOOLS
    listed = await call(client, "lazai_characters")
    (character,) = listed.structured_content["characters"]
    assert character["id"] in listed.content[0].text and character["claimed"]
    reply = await said(client, message="Who are you?", character=character["name"])
    facts = reply.structured_content
    assert reply.content[0].text == facts["text"] and int(facts["receipt"]["price"]) > 0, reply
    more = await said(client, message="And then?", conversation=facts["conversation"])
    assert more.structured_content["receipt"]["prompt_tokens"] > facts["receipt"]["prompt_tokens"]
    verified = (await call(client, "lazai_verify", session=facts["receipt"]["session"], turn=facts["receipt"]["turn"])).structured_content
    assert verified["holds"] and {link["trust"] for link in verified["links"]} >= {"proved", "attested", "claimed"}, verified
    receipts = (await call(client, "lazai_receipts")).structured_content["receipts"]
    assert all(receipt["trust"] == "checked" for receipt in receipts) and len(receipts) >= 2
    balance = (await call(client, "lazai_balance")).structured_content
    assert 0 < int(balance["budget"]["spent"]) < int(balance["budget"]["total"])
    refused = await call(client, "lazai_say", message="Hi", character="dat:9:9")
    assert refused.is_error and refused.content[0].text.startswith("request.model: ")


async def main():
    client = Client("MCP SDK for Python", "mcp")
    name, arguments = command()
    for mode in ("auto", "legacy"):
        async with McpClient(stdio_client(StdioServerParameters(command=name, args=arguments)), mode=mode) as lines:
            await talk(lines)
    client.does("over the standard streams: characters, replies within the budget, provenance, receipts, balance")
    url, key = os.environ["OPENAI_BASE_URL"].removesuffix("/v1") + "/mcp", os.environ["OPENAI_API_KEY"]
    async with httpx2.AsyncClient(headers={"Authorization": f"Bearer {key}"}) as http:
        async with McpClient(streamable_http_client(url, http_client=http)) as proxy:
            await talk(proxy)
    client.does("over HTTP, with the proxy's key: the same")
    client.does("errors of tools by their codes")
    client.end()


asyncio.run(main())
