"""Reads an agent with agent0-sdk, unmodified: URL, CHAIN, REGISTRY, AGENT. Prints what it found, as JSON."""

import json
import sys

from agent0_sdk import SDK
from web3 import Web3

url, chain, registry, agent = sys.argv[1:]
chain, registry = int(chain), Web3.to_checksum_address(registry)
sdk = SDK(chainId=chain, rpcUrl=url, registryOverrides={chain: {"IDENTITY": registry, "REPUTATION": registry}})
found = sdk.loadAgent(f"{chain}:{agent}").registration_file
print(
    json.dumps(
        {
            "name": found.name,
            "description": found.description,
            "owners": found.owners,
            "x402": found.x402support,
            "active": found.active,
            "trust": [getattr(trust, "value", trust) for trust in found.trustModels],
            "endpoints": [[endpoint.type.value, endpoint.value] for endpoint in found.endpoints],
        }
    )
)
