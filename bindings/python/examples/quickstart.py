# ANCHOR: program
"""Cards, money, signatures, provenance: what needs neither node nor ledger."""

import pathlib

import lazai

vectors = pathlib.Path(__file__).parents[3] / "vectors"

# ANCHOR: card
# A card of any format comes in, and goes out as another.
character = lazai.Character.from_bytes((vectors / "characters/charx/card.charx").read_bytes())
print(character.name, "greets:", character.greeting(0, "you"))
pathlib.Path("card.json").write_text(character.to_v2_json())
# ANCHOR_END: card

# Amounts are integers: no digit is lost, and the parts sum to the whole.
parts = lazai.split_revenue(1_000_000_000_000_000_000_000_000_000_001, 7000, 2000, 1000)
print("creator", parts.creator, "node", parts.node, "pool", parts.pool)

# Where does a reply come from? The anchor is what you trust already.
evidence, anchor = ((vectors / "provenance" / name).read_bytes() for name in ("evidence.json", "anchor.json"))
for link in lazai.verify_evidence(evidence, anchor).links:
    print(f"{link.trust!s:10} {link.name}: {link.says}")

# Errors have codes that do not change.
try:
    lazai.LocalKey.from_hex("0x00")
except lazai.LazaiError as error:
    print(error.code, "-", error.message)
# ANCHOR_END: program
