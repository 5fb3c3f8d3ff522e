# Opens a session with a character at a node, talks, checks and pays, and gets back what is left of the deposit.
import lazai


def chat(market: lazai.Market, node: str, key: lazai.LocalKey, deposit: int) -> None:
    with market.talk(node, key, deposit) as session:
        for question in ("Who are you?", "And where do you live?"):
            reply = session.say(question, on_text=lambda piece: print(piece, end=""))
            print(f"\n  {reply.completion_tokens} tokens, {reply.owed} base units owed")
