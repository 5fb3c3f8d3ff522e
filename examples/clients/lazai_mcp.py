"""How agents start `lazai mcp`: what a user writes into the file of servers of an agent."""

import json
import os
import tempfile


def keystore():
    """The consumer's keystore file, and its password."""
    market = os.environ["LAZAI_MARKET"]
    with open(f"{market}/password") as file:
        return f"{market}/consumer.json", file.read()


def command():
    """The command, and its arguments: a folder of its own, and a budget that the agent cannot leave."""
    market, node = os.environ["LAZAI_MARKET"], os.environ["LAZAI_NODE_URL"]
    arguments = ["mcp", "--market", market, "--keystore", f"{market}/consumer.json", "--password-file", f"{market}/password", "--node", node]
    arguments += ["--budget", "100000", "--deposit", "20000", "--reply", "3000", "--folder", tempfile.mkdtemp()]
    return os.environ["LAZAI_CLI"], arguments


def servers(apart=False):
    """A file of servers, as agents have it. With `apart`, each start has a folder of its own: some agents start a server twice at once."""
    name, arguments = command()
    if apart:
        place = arguments.index("--folder")
        rest = arguments[:place] + arguments[place + 2 :]
        name, arguments = "sh", ["-c", 'exec "$0" "$@" --folder "$(mktemp -d)"', name, *rest]
    path = os.path.join(tempfile.mkdtemp(), "servers.json")
    with open(path, "w") as file:
        json.dump({"mcpServers": {"lazai": {"command": name, "args": arguments}}}, file)
    return path
