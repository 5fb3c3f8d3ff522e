"""An agent of Alith, unmodified, with `lazai mcp` among its servers. Alith runs one round: what a tool says is its answer. It starts each server twice."""

from alith import Agent

from lazai_mcp import servers
from scripted_model import Model
from told import Client

client = Client("Alith for Python, by MCP", "alith")


def asked(tool, arguments):
    model = Model(tool, arguments)
    answer = Agent(model="scripted", api_key="none", base_url=model.url, mcp_config_path=servers(apart=True)).prompt("Ask the character who it is.")
    offered = model.end()
    assert "lazai_say" in offered and "lazai_verify" in offered, offered
    return answer


assert "dat:1:1" in (found := asked("lazai_characters", {})), found
client.does("an agent that lists characters")
assert len(said := asked("lazai_say", {"message": "Who are you?", "max_tokens": 6}).strip()) > 5, said
client.does("an agent that asks one, for money")
assert "All links hold" in (verified := asked("lazai_verify", {"character": "dat:1:1"})), verified
client.does("an agent that verifies one")
client.end()
