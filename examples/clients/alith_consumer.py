"""Alith's own example of a consumer, with the first line changed, and the address of a node here."""

import os

ADDRESS = os.environ["LAZAI_NODE_ADDRESS"]

# ANCHOR: consumer
from lazai.alith import Agent, LazAIClient

client = LazAIClient()
try:
    client.get_user(client.wallet.address)
except Exception:
    client.add_user(1000000)
    client.deposit_inference(ADDRESS, 100000)

url = client.get_inference_node(ADDRESS)[1]
agent = Agent(base_url=f"{url}/v1", extra_headers=client.get_request_headers(ADDRESS, file_id=1))
print(agent.prompt("What is Alith?"))
# ANCHOR_END: consumer
client.close()
