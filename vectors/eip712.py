"""Writes eip712.json: what eth-account says of everything that is signed in the market.

An implementation that shares nothing with ours. Run by `cargo xtask contracts`, which compares.
"""

import hashlib
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

VERSION = (
    "string character,string baseName,bytes32 baseDigest,string baseLicence,bytes32 adapter,bytes32 record,"
    "bytes32 submission,address exex,uint8 rating,uint8 minimumAge,uint8 payment,string consent,"
    "string reportContact,string[] endpoints"
)
VERSION_VALUES = ["Diva", "SmolLM2", ROOT, "Apache-2.0", "0x" + "c3" * 32, "0x" + "d4" * 32, ID, NODE, 1, 13, 2,
                  "all agreed", "mailto:report@example.org", ["https://one.example", ""]]

# Structs that others refer to.
REFERRED = {"Share": "address contributor,uint64 tokens,bytes32 root", "VersionMetadata": VERSION}


def framed(domain, *parts):
    """SHA-256 over parts behind their lengths, the domain first: `docs/formats.md`, "Digests"."""
    hasher = hashlib.sha256()
    for part in (domain.encode(), *parts):
        hasher.update(len(part).to_bytes(8, "little") + part)
    return "0x" + hasher.hexdigest()


PUBLIC_PART = framed("lazai.pov.public.v1", b"the public part")

MESSAGES = {
    "Attestation": (
        "bytes32 submission,bytes32 content,bool accepted",
        [ID, ROOT, True],
    ),
    "ContributorConsent": (
        "bytes32 submission,bytes32 root,string licence,string consent,uint64 tokens,uint64 total,uint64 class,"
        "uint32 afterVersion,uint16 keepBps",
        [ID, ROOT, "CC-BY-4.0", "I agree – fully, naïvely, 同意", 120, 2**64 - 1, 7, 2, 2500],
    ),
    "CreditOrder": ("bytes32 session,uint32 turn,bytes32 terms,bytes32 order", [ID, 5, ROOT, "0x" + "c3" * 32]),
    "CreditReceipt": (
        "bytes32 session,uint32 turn,bytes32 termsDigest,bytes32 orderDigest,uint32 credits,uint128 cumulative",
        [ID, 5, ROOT, "0x" + "c3" * 32, 256, MAX],
    ),
    "CreditTerms": (
        "address node,uint64 class,uint32 version,address asset,uint128 price,uint32 promptCeiling,"
        "uint32 completionCeiling,bytes publicKey,uint64 soldUntil,uint64 validUntil",
        [NODE, 7, 2, "0x" + "44" * 20, MAX, 4096, 512, "0x" + "3082" * 173, 2**63, 2**64 - 1],
    ),
    "MeasuredVersion": (
        "VersionMetadata version,bytes32 voiceBase,bytes32 voice,uint32 heldOutRecords,uint64 heldOutTokens,uint64 baseLoss,"
        "uint64 promptedLoss,uint64 tunedLoss",
        [dict(zip((field.split(" ")[1] for field in VERSION.split(",")), VERSION_VALUES)), "0x" + "e5" * 32,
         "0x" + "f6" * 32, 2**32 - 1, 2**64 - 1, 4_000_000, 3_500_000, 2**63],
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
    "SpeechReceipt": (
        "bytes32 session,uint32 turn,bytes32 termsDigest,bytes32 requestDigest,bytes32 audioDigest,uint64 characters,"
        "uint64 samples,uint64 seed,uint128 cumulative",
        [ID, 4, ROOT, "0x" + "c3" * 32, "0x" + "d4" * 32, 4096, 7_200_000, 2**64 - 1, 10**24],
    ),
    "SealTerms": ("address node,uint8 keyId,bytes32 publicKey,uint64 validUntil", [NODE, 255, ROOT, 2**64 - 1]),
    "SpeechTerms": (
        "address node,uint64 class,uint32 version,address asset,uint128 characterPrice,uint32 characterCeiling,"
        "bytes32 baseDigest,uint8 voice,bytes32 adapterDigest,uint32 sampleRate,uint64 validUntil,uint64 series",
        [NODE, 7, 2, "0x" + "44" * 20, MAX, 4096, ROOT, 1, "0x" + "00" * 32, 24_000, 2**63, 2**64 - 1],
    ),
    "Submission": (
        "bytes32 statement,bytes32 root,bytes32 proof,bytes32 ciphertext,bytes32 publicPart,bytes sealedKey,"
        "address exex,uint64 class,uint32 afterVersion,uint16 keepBps,Share[] shares",
        [ROOT, "0x" + "c3" * 32, "0x" + "d4" * 32, "0x" + "e5" * 32, PUBLIC_PART, "0x" + "f6" * 32 + "ab" * 48, NODE, 7,
         2, 2500, [{"contributor": NODE, "tokens": 120, "root": ROOT},
                {"contributor": NODE, "tokens": 2**64 - 1, "root": "0x" + "c3" * 32}]],
    ),
    "TrainingDoubt": ("bytes32 submission,uint32 state,address challenger", [ID, 3, NODE]),
    "TrainingRecord": ("bytes32 submission,bytes32 record", [ID, ROOT]),
    "VersionMetadata": (VERSION, VERSION_VALUES),
    "VoicedVersion": (
        "VersionMetadata version,bytes32 voiceBase,bytes32 voice",
        [dict(zip((field.split(" ")[1] for field in VERSION.split(",")), VERSION_VALUES)), "0x" + "e5" * 32,
         "0x" + "f6" * 32],
    ),
    "Voucher": (
        "bytes32 session,address node,uint64 class,uint32 version,uint128 cumulative",
        [ID, NODE, 7, 2, MAX],
    ),
}


def members(fields):
    return [dict(zip(("type", "name"), field.split(" "))) for field in fields.split(",")]


def vector(name, fields, values):
    pairs = [field.split(" ") for field in fields.split(",")]
    referred = {kind: text for kind, text in REFERRED.items()
                if any(pair[0].removesuffix("[]") == kind for pair in pairs)}
    types = {name: members(fields)} | {kind: members(text) for kind, text in referred.items()}
    message = {field: value for (_, field), value in zip(pairs, values)}
    signable = encode_typed_data(DOMAIN, types, message)
    signed = Account.sign_message(signable, KEY)
    return {
        "type": f"{name}({fields})" + "".join(f"{kind}({text})" for kind, text in referred.items()),
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
