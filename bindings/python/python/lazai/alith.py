"""Characters for agents of Alith: as tools of theirs, and behind the names of Alith's own client.

>>> with Purse(key, nodes=[url], market=folder, budget=100_000) as purse:
...     Agent(model=..., base_url=..., api_key=..., tools=tools(purse)).prompt("Ask Mira who she is.")

Nothing here needs Alith, but ``Agent`` itself, which is Alith's own.
"""

import json
import os
import secrets
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections import deque
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any

import lazai

COINS = "0x" + "0" * 40


class Purse:
    """A loopback proxy in a process of its own: it opens sessions, pays within a budget in base units, and checks every receipt.

    The market is a folder, or a chain (the URL of its node, and the file with the contracts' addresses). What was spent and signed is in
    ``folder``: begun again on it, the budget goes on. ``deposit`` is that of a session, and ``reply`` the most that one may cost; by default
    what the nodes' offers want.
    """

    def __init__(
        self,
        key: lazai.LocalKey,
        *,
        nodes: Sequence[str],
        budget: int,
        market: str | None = None,
        rpc: str | None = None,
        deployment: str | None = None,
        folder: str | None = None,
        deposit: int | None = None,
        reply: int | None = None,
    ) -> None:
        if reply is None or deposit is None:
            offers = [model.offer for node in nodes for model in lazai.NodeClient(node).models()]
            steps = [int(lazai.offer_step(offer)) for offer in offers]
            least = max((int(offer.min_deposit) for offer in offers), default=0)
            reply = max(steps, default=0) if reply is None else reply
            deposit = min(budget, max(least, 4 * reply)) if deposit is None else deposit
        self._kept = tempfile.TemporaryDirectory()
        password = os.path.join(self._kept.name, "password")
        secret = secrets.token_hex(16)
        with open(os.open(password, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secret)
        key.to_keystore(self._kept.name, "key", secret)
        place = ["--market", market] if market else ["--rpc", rpc or "", "--deployment", deployment or ""]
        words = [sys.executable, "-m", "lazai", "--json", "proxy", *place, "--keystore", os.path.join(self._kept.name, "key")]
        words += ["--password-file", password, "--address", "127.0.0.1:0", "--until-input-ends"]
        words += ["--folder", folder or os.path.join(self._kept.name, "proxy")]
        words += ["--budget", str(budget), "--deposit", str(deposit), "--reply", str(reply)]
        for node in nodes:
            words += ["--node", node]
        self._process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        said = json.loads(self._line() or "{}")
        if "url" not in said:
            error = said.get("error", {"code": "io", "message": "the proxy ended before it began"})
            self.close()
            raised = lazai.LazaiError(f"{error['message']} ({error['code']})")
            raised.code, raised.message = error["code"], error["message"]
            raise raised
        self.url: str = said["url"].removesuffix("/v1")
        self.key: str = said["key"]

    def _line(self) -> str:
        return self._process.stdout.readline() if self._process.stdout else ""

    def call(self, tool: str, **arguments: object) -> tuple[str, dict[str, Any]]:
        """Calls a tool of the proxy (those of ``lazai mcp``); gives its words, and its facts. A tool's error has ``error`` among them."""
        params = {"name": tool, "arguments": {name: value for name, value in arguments.items() if value not in (None, "")}}
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}).encode()
        headers = {"content-type": "application/json", "authorization": f"Bearer {self.key}"}
        with urllib.request.urlopen(urllib.request.Request(f"{self.url}/mcp", body, headers)) as answer:
            result = json.load(answer)["result"]
        return result["content"][0]["text"], result["structuredContent"]

    def say(self, message: str, character: str = "", conversation: str = "") -> tuple[str, dict[str, Any]]:
        """What a character says, once it is there, and the facts of it."""
        text, facts = self.call("lazai_say", message=message, character=character, conversation=conversation)
        while facts.get("status") == "working":
            text, facts = self.call("lazai_reply", handle=facts["handle"])
        return text, facts

    def close(self) -> None:
        """Stops the proxy; replies under way are finished."""
        if self._process.stdin:
            self._process.stdin.close()
        self._process.wait()
        if self._process.stdout:
            self._process.stdout.close()
        self._kept.cleanup()

    def __enter__(self) -> "Purse":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


_callbacks: deque[Any] = deque(maxlen=10_000)
"""Callbacks of tools that Alith has the addresses of."""


def _keep_callbacks() -> None:
    """Alith 0.12 frees a tool's callback as soon as it has its address: what an agent calls then is another tool, or no code at all."""
    try:
        from alith import tool  # type: ignore[import-not-found]
    except ImportError:
        return
    make = tool.CFUNC_TYPE
    if getattr(make, "keeps", False):
        return

    def kept(function: Callable[..., bytes]) -> Any:
        callback = make(function)
        _callbacks.append(callback)
        return callback

    kept.keeps = True  # type: ignore[attr-defined]
    tool.CFUNC_TYPE = kept


def tools(purse: Purse) -> list[Callable[..., str]]:
    """Tools for ``Agent(tools=...)``: to list characters, to say something to one, to verify one. What goes wrong is what they say: an agent of
    Alith does not outlive an exception in a tool."""
    _keep_callbacks()

    def told(work: Callable[[], tuple[str, dict[str, Any]]]) -> str:
        try:
            return work()[0]
        except (OSError, ValueError, KeyError) as error:
            return f"io: the proxy does not answer ({type(error).__name__})"

    def lazai_characters() -> str:
        """Lists the characters that answer: id, name, class, version, prices, and what of them is only claimed."""
        return told(lambda: purse.call("lazai_characters"))

    def lazai_say(message: str, character: str = "") -> str:
        """Says something to a character, by its id or name, and gives its reply, which is paid within a budget."""
        return told(lambda: purse.say(message, character))

    def lazai_verify(character: str = "") -> str:
        """Checks what is known of a character, link by link: proved here, attested by validators, or claimed by one party."""
        return told(lambda: purse.call("lazai_verify", character=character))

    return [lazai_characters, lazai_say, lazai_verify]


class NoCounterpart(NotImplementedError):
    """A function of Alith's client that stands for nothing in this market; the message says what does instead."""


_PUBLISHED = "a dataset is proved, encrypted to its execution node and submitted in one act: `lazai create`, then `lazai publish`"
_SERVED = "a node serves under offers that it signs, and is found by its URL: `lazai serve`"
_EARNED = "revenue accrues to the shares of a version, and is claimed: `lazai claim`"
_PAID = "sessions reserve deposits by themselves, and what is not spent comes back"
_MINTED = "tokens are minted by the execution node that trained: `Market.dat` and `Market.tokens` tell of them"
_INSTEAD = {
    **dict.fromkeys(["add_file", "add_file_with_hash", "add_permission_for_file", "get_file_id_by_url", "get_file"], _PUBLISHED),
    **dict.fromkeys(["get_file_permission", "get_file_proof", "get_files_count", "get_public_key"], _PUBLISHED),
    **dict.fromkeys(["request_proof", "complete_job", "add_proof", "get_job", "file_job_ids", "jobs_count", "submit_job"], _PUBLISHED),
    **dict.fromkeys(["add_node", "remove_node", "node_list", "get_node", "update_node_fee", "node_fee", "is_node"], _SERVED),
    **dict.fromkeys(["node_list_at", "active_node_list", "active_node_list_at", "nodes_count", "active_nodes_count"], _SERVED),
    **dict.fromkeys(["add_inference_node", "remove_inference_node", "inference_settlement_fees"], _SERVED),
    **dict.fromkeys(["request_reward", "claim"], _EARNED),
    **dict.fromkeys(["mint_dat", "get_dat_balance", "data_uri"], _MINTED),
    **dict.fromkeys(["delete_user", "get_all_users", "retrieve_inference"], _PAID),
    **dict.fromkeys(["deposit_query", "retrieve_query", "add_query_node", "remove_query_node", "get_query_node"], "nodes answer no queries"),
    **dict.fromkeys(["query_node_list", "get_query_account", "query_settlement_fees"], "nodes answer no queries"),
    **dict.fromkeys(["deposit_training", "retrieve_training", "add_training_node", "remove_training_node"], _PUBLISHED),
    **dict.fromkeys(["get_training_node", "training_node_list", "get_training_account", "training_settlement_fees"], _PUBLISHED),
}


class Wallet:
    """The account that pays."""

    def __init__(self, key: lazai.LocalKey) -> None:
        self.key = key
        self.address: str = key.address


class LazAIClient:
    """Alith's ``LazAIClient``, for consumers: a program that registers, deposits and asks an agent runs with this import in place of Alith's.

    What is deposited for a node is the budget of a proxy on this machine, whose URL is that of the node here: the money stays with the payer until a
    session reserves some of it. What stands for nothing in this market raises ``NoCounterpart``, by its name.

    Without arguments it reads ``PRIVATE_KEY``, as Alith's does, ``LAZAI_MARKET`` (a folder) or ``LAZAI_RPC`` and ``LAZAI_DEPLOYMENT``,
    ``LAZAI_NODES`` (URLs, with commas), and ``LAZAI_FOLDER``, which keeps budgets and receipts.
    """

    def __init__(
        self,
        private_key: str | None = None,
        market: str | None = None,
        rpc: str | None = None,
        deployment: str | None = None,
        nodes: Sequence[str] | None = None,
        folder: str | None = None,
    ) -> None:
        say = os.environ.get
        self.wallet = Wallet(lazai.LocalKey.from_hex(private_key or say("PRIVATE_KEY", "")))
        self._market, self._rpc, self._deployment = market or say("LAZAI_MARKET"), rpc or say("LAZAI_RPC"), deployment or say("LAZAI_DEPLOYMENT")
        self._nodes = list(nodes or filter(None, say("LAZAI_NODES", "").split(",")))
        self._folder = folder or say("LAZAI_FOLDER") or os.path.join(os.path.expanduser("~"), ".lazai", "alith", self.wallet.address)
        os.makedirs(self._folder, mode=0o700, exist_ok=True)
        self._purses: dict[str, Purse] = {}

    def __getattr__(self, name: str) -> Any:
        instead = _INSTEAD.get(name)
        if instead is None:
            raise AttributeError(f"LazAIClient has no {name!r}")

        def missing(*_: object, **__: object) -> None:
            raise NoCounterpart(f"{name}: {instead}")

        return missing

    def _user(self) -> dict[str, Any] | None:
        path = os.path.join(self._folder, "user.json")
        if not os.path.exists(path):
            return None
        with open(path) as file:
            user: dict[str, Any] = json.load(file)
        return user

    def _keep(self, user: dict[str, Any]) -> None:
        path = os.path.join(self._folder, "user.json")
        with open(f"{path}.new", "w") as file:
            json.dump(user, file)
        os.replace(f"{path}.new", path)

    def _registered(self) -> dict[str, Any]:
        user = self._user()
        if user is None:
            raise LookupError(f"{self.wallet.address} is not registered: add_user")
        return user

    def _at(self, node: str) -> list[str]:
        """The URLs of a node."""
        found = [url for url in self._nodes if any(model.offer.node.lower() == node.lower() for model in lazai.NodeClient(url).models())]
        if not found:
            raise LookupError(f"no node {node} at {', '.join(self._nodes) or 'the URLs in LAZAI_NODES, for there are none'}")
        return found

    def get_balance(self, address: str | None = None) -> int:
        """What an account has, in base units of coins."""
        if self._market:
            market = lazai.Market.open_folder(self._market)
        else:
            with open(self._deployment or "") as file:
                market = lazai.Market.on_chain(self._rpc or "", file.read())
        market.refresh()
        return int(market.balance(address or self.wallet.address, COINS))

    def add_user(self, amount: int) -> None:
        """Sets this much of the account's coins aside."""
        if self._user() is not None:
            raise ValueError(f"{self.wallet.address} is registered: deposit")
        self._set_aside({"available": 0, "total": 0, "nodes": {}}, amount)

    def deposit(self, amount: int) -> None:
        """Sets more aside."""
        self._set_aside(self._registered(), amount)

    def _set_aside(self, user: dict[str, Any], amount: int) -> None:
        has = self.get_balance()
        if amount < 0 or user["total"] + amount > has:
            raise ValueError(f"{user['total']} and {amount} more are to be set aside, and the account has {has}")
        self._keep({**user, "available": user["available"] + amount, "total": user["total"] + amount})

    def withdraw(self, amount: int) -> None:
        """Sets less aside."""
        user = self._registered()
        if not 0 <= amount <= user["available"]:
            raise ValueError(f"{user['available']} are available")
        self._keep({**user, "available": user["available"] - amount, "total": user["total"] - amount})

    def deposit_inference(self, node: str, amount: int) -> None:
        """Makes this much of it the budget for a node."""
        user = self._registered()
        if not 0 <= amount <= user["available"]:
            raise ValueError(f"{user['available']} are available")
        nodes = {**user["nodes"], node.lower(): user["nodes"].get(node.lower(), 0) + amount}
        self._keep({**user, "available": user["available"] - amount, "nodes": nodes})
        # Begun again, the proxy has the larger budget.
        if purse := self._purses.pop(node.lower(), None):
            purse.close()

    def get_user(self, user: str) -> tuple[str, int, int, list[str], list[str], list[str]]:
        """The account, what is available and what was set aside, and the nodes that have budgets."""
        if user.lower() != self.wallet.address.lower():
            raise LookupError(f"{user} is not this client's account")
        found = self._registered()
        return self.wallet.address, found["available"], found["total"], [], list(found["nodes"]), []

    def get_inference_account(self, user: str, node: str) -> tuple[str, str, int, int]:
        """The account, the node, 0, and the budget for it."""
        self.get_user(user)
        budget = self._registered()["nodes"].get(node.lower())
        if budget is None:
            raise LookupError(f"nothing is deposited for {node}: deposit_inference")
        return self.wallet.address, node, 0, budget

    def inference_node_list(self) -> list[str]:
        """The nodes that answer."""
        return sorted({model.offer.node for url in self._nodes for model in lazai.NodeClient(url).models()})

    def _purse(self, node: str) -> Purse:
        budget, name = self.get_inference_account(self.wallet.address, node)[3], node.lower()
        if name not in self._purses:
            self._purses[name] = Purse(
                self.wallet.key,
                nodes=self._at(node),
                budget=budget,
                market=self._market,
                rpc=self._rpc,
                deployment=self._deployment,
                folder=os.path.join(self._folder, name),
            )
        return self._purses[name]

    def get_inference_node(self, address: str) -> tuple[str, str, str]:
        """The node, the URL at which it is asked and paid here, and no key: nothing needs one."""
        return address, self._purse(address).url, ""

    def get_request_headers(self, node: str, file_id: int | None = None, nonce: int | None = None) -> dict[str, str]:
        """Headers of requests at that URL. ``file_id`` is the character's class."""
        headers = {"Authorization": f"Bearer {self._purse(node).key}"}
        return headers if file_id is None else {**headers, "X-LazAI-File-ID": str(file_id)}

    def close(self) -> None:
        """Stops the proxies."""
        while self._purses:
            self._purses.popitem()[1].close()


def __getattr__(name: str) -> Any:
    # `from lazai.alith import Agent, LazAIClient` stands for the same line of Alith's.
    if name == "Agent":
        from alith import Agent

        return Agent
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
