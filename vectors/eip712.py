"""Writes eip712.json: what eth-account says of everything that is signed in the market.

An implementation that shares nothing with ours. Run by `cargo xtask contracts`, which compares.
"""

import json
import sys

from eth_account import Account
from eth_account.messages import encode_typed_data

KEY = "0x" + "07" * 32
DOMAIN = {
    "name": "LazAI Market",
    "version": "1",
    "chainId": 31337,
    "verifyingContract": "0x1111111111111111111111111111111111111111",
}
ID, ROOT, NODE = "0x" + "a1" * 32, "0x" + "b2" * 32, "0x" + "33" * 20
MAX = 2**128 - 1

MESSAGES = {
    "Attestation": (
        "bytes32 submission,bytes32 statement,bytes32 publicPart,bytes32 ciphertext,bool accepted",
        [ID, ROOT, "0x" + "c3" * 32, "0x" + "d4" * 32, True],
    ),
    "ContributorConsent": (
        "bytes32 submission,bytes32 root,string licence,string consent",
        [ID, ROOT, "CC-BY-4.0", "I agree – fully, naïvely, 同意"],
    ),
    "Offer": (
        "address node,uint64 class,uint32 version,address asset,uint128 promptPrice,uint128 completionPrice,"
        "uint32 promptCeiling,uint32 completionCeiling,uint64 sessionSeconds,uint64 validUntil,uint128 minDeposit,"
        "uint128 quotaDeposit,uint64 series",
        [NODE, 7, 2, "0x" + "44" * 20, 5, MAX, 4096, 512, 3600, 2**63, 1, MAX, 2**64 - 1],
    ),
    "Receipt": (
        "bytes32 session,uint32 turn,bytes32 requestDigest,bytes32 replyDigest,uint64 promptTokens,"
        "uint64 completionTokens,bytes32 tokenizerDigest,uint32 temperatureMilli,uint32 topPMilli,uint64 seed,"
        "bytes32 baseDigest,bytes32 adapterDigest,uint128 cumulative",
        [ID, 3, ROOT, "0x" + "c3" * 32, 120, 40, "0x" + "d4" * 32, 700, 950, 2**64 - 1, "0x" + "e5" * 32,
         "0x" + "f6" * 32, 10**24],
    ),
    "SessionRelease": ("bytes32 session,uint128 redeemed", [ID, MAX]),
    "TrainingRecord": ("bytes32 submission,bytes32 record", [ID, ROOT]),
    "VersionMetadata": (
        "string character,string baseName,bytes32 baseDigest,string baseLicence,bytes32 adapter,bytes32 record,"
        "bytes32 submission,address exex,uint8 rating,uint8 minimumAge,uint8 payment,string consent,"
        "string reportContact,string[] endpoints",
        ["Diva", "SmolLM2", ROOT, "Apache-2.0", "0x" + "c3" * 32, "0x" + "d4" * 32, ID, NODE, 1, 13, 2, "all agreed",
         "mailto:report@example.org", ["https://one.example", ""]],
    ),
    "Voucher": (
        "bytes32 session,address node,uint64 class,uint32 version,uint128 cumulative",
        [ID, NODE, 7, 2, MAX],
    ),
}


def vector(name, fields, values):
    pairs = [field.split(" ") for field in fields.split(",")]
    types = {name: [{"type": kind, "name": field} for kind, field in pairs]}
    message = {field: value for (_, field), value in zip(pairs, values)}
    signable = encode_typed_data(DOMAIN, types, message)
    signed = Account.sign_message(signable, KEY)
    return {
        "type": f"{name}({fields})",
        "message": {field: str(value) if isinstance(value, int) and value is not True else value
                    for field, value in message.items()},
        "domainSeparator": "0x" + signable.header.hex().removeprefix("0x"),
        "structHash": "0x" + signable.body.hex().removeprefix("0x"),
        "digest": "0x" + signed.message_hash.hex().removeprefix("0x"),
        "signature": "0x" + signed.signature.hex().removeprefix("0x"),
    }


vectors = {
    "source": "eth-account",
    "key": KEY,
    "signer": Account.from_key(KEY).address,
    "domain": DOMAIN,
    "vectors": [vector(name, *message) for name, message in MESSAGES.items()],
}
with open(sys.argv[1], "w", encoding="utf-8") as file:
    json.dump(vectors, file, indent=2, ensure_ascii=False)
    file.write("\n")
