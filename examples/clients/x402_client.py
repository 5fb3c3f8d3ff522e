"""The official x402 client for Python, unmodified, at a node that sells single replies: pays, and gets its reply."""

import asyncio
import json
import os

from eth_account import Account
from told import Client
from x402 import x402Client
from x402.http.clients import x402HttpxClient
from x402.http.utils import decode_payment_response_header
from x402.mechanisms.evm import EthAccountSigner
from x402.mechanisms.evm.exact.register import register_exact_evm_client

table = Client("x402 for Python", "x402")
node, network = os.environ["LAZAI_NODE_URL"], os.environ["LAZAI_NETWORK"]
account = Account.from_key(os.environ["LAZAI_WALLET_KEY"])


async def main() -> None:
    client = x402Client()
    # By itself, the client pays in the dollars that it knows.
    client.set_spend_controls({"allowed_assets": [{"network": network, "asset": os.environ["LAZAI_DOLLAR"]}]})
    register_exact_evm_client(client, EthAccountSigner(account), networks=network)
    async with x402HttpxClient(client, base_url=node, timeout=120) as http:
        model = (await http.get("/v1/models")).json()["data"][0]["id"]
        asked = {"model": model, "messages": [{"role": "user", "content": "Who are you?"}], "max_tokens": 8}
        answer = await http.post("/v1/chat/completions", json=asked)
        assert answer.status_code == 200, answer.text
        settled = decode_payment_response_header(answer.headers["payment-response"])
        assert settled.success and settled.network == network, settled
        assert settled.payer.lower() == account.address.lower()
        assert answer.json()["choices"][0]["message"]["content"], json.dumps(answer.json())
        table.does("a reply for one signed transfer")


asyncio.run(main())
table.end()
