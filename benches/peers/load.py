"""Two hundred clients at the loopback proxy, by Locust: most talk and hear streams to their end, some vanish, stall, or send what no client sends.

Run by `cargo xtask bench node`. Reads OPENAI_BASE_URL, OPENAI_API_KEY and LAZAI_MODEL; writes counts and percentiles to LAZAI_REPORT."""

import json
import os
import random
import time

from locust import HttpUser, between, events, task

URL = os.environ["OPENAI_BASE_URL"]
HEADERS = {"Authorization": f"Bearer {os.environ['OPENAI_API_KEY']}", "Content-Type": "application/json"}
MODEL = os.environ["LAZAI_MODEL"]
ASKED = ["Who are you?", "What do you sing about?", "Where do you live?", "Tell me about the rain.", "Sing me a line."]
# What may be answered while replicas are killed and started again: the client asks again later.
PASSES = {429, 502, 503}


def told(environment, kind, name, seconds, length=0, error=None):
    environment.events.request.fire(
        request_type=kind, name=name, response_time=seconds * 1000, response_length=length, exception=error, context={}
    )


class Talker(HttpUser):
    """A person who talks: a question, a stream, a pause."""

    host = URL.removesuffix("/v1")
    wait_time = between(5, 15)

    def body(self, words):
        return {
            "model": MODEL, "stream": True, "max_tokens": 24, "messages": [{"role": "user", "content": words}],
        }

    def ask(self, most=None, pause=0.0):
        """Hears a reply: all of it, or so many pieces, with a pause between two."""
        words = f"{random.choice(ASKED)} ({random.randrange(10**9)})"
        begun, first, pieces = time.perf_counter(), None, 0
        try:
            with self.client.post(
                "/v1/chat/completions", json=self.body(words), headers=HEADERS, stream=True, catch_response=True, timeout=300,
                name="status of a reply",
            ) as answer:
                if answer.status_code in PASSES:
                    answer.success()
                    told(self.environment, "later", str(answer.status_code), time.perf_counter() - begun)
                    return
                if answer.status_code != 200:
                    answer.failure(f"{answer.status_code}: {answer.text[:200]}")
                    return
                ended = False
                for line in answer.iter_lines():
                    if not line.startswith(b"data: "):
                        continue
                    if line == b"data: [DONE]":
                        ended = True
                        break
                    piece = json.loads(line[6:])
                    if "error" in piece:
                        # A node that died in mid-reply, after words were heard.
                        told(self.environment, "broke off", piece["error"].get("code") or "no code", time.perf_counter() - begun)
                        answer.success()
                        return
                    if piece["choices"] and piece["choices"][0]["delta"].get("content"):
                        pieces += 1
                        if first is None:
                            first = time.perf_counter() - begun
                            told(self.environment, "first piece", "reply", first)
                        if most is not None and pieces >= most:
                            answer.success()
                            told(self.environment, "vanished", "in mid-reply", time.perf_counter() - begun)
                            return
                        time.sleep(pause)
                if ended:
                    answer.success()
                    kind = "whole" if pause == 0 else "whole, heard slowly"
                    told(self.environment, kind, "reply", time.perf_counter() - begun)
                else:
                    answer.failure("the stream ended without its end")
        except Exception as error:  # noqa: BLE001 - whatever it is, it is counted
            told(self.environment, "broken line", type(error).__name__, time.perf_counter() - begun, error=error)

    @task(16)
    def talk(self):
        self.ask()

    @task(2)
    def vanish(self):
        self.ask(most=random.randrange(1, 8))

    @task(1)
    def stall(self):
        self.ask(pause=0.3)

    @task(1)
    def garbage(self):
        """What no client sends; each has a refusal of its own."""
        body, refused = random.choice([
            (b"{", 400),
            (b"\x00\xff\xfe" * 1000, 400),
            (json.dumps({"model": MODEL, "messages": "none"}).encode(), 400),
            (json.dumps({"model": "nobody", "messages": [{"role": "user", "content": "hi"}]}).encode(), 404),
            (b"x" * (2 << 20), 413),
        ])
        with self.client.post(
            "/v1/chat/completions", data=body, headers=HEADERS, catch_response=True, timeout=60, name=f"garbage: {refused}",
        ) as answer:
            # The server closes the line on who sends too much: then there is no answer to read.
            if answer.status_code == refused or (answer.status_code == 0 and refused == 413) or answer.status_code in PASSES:
                answer.success()
            else:
                answer.failure(f"{answer.status_code} for what should be {refused}")


@events.quitting.add_listener
def report(environment, **_):
    entries = {}
    for (name, kind), entry in environment.stats.entries.items():
        percentile = {f"p{round(share * 100)}_ms": entry.get_response_time_percentile(share) for share in (0.5, 0.95, 0.99)}
        entries[f"{kind}: {name}"] = {"count": entry.num_requests, "failures": entry.num_failures, **percentile}
    errors = {f"{error.method} {error.name}: {error.error}"[:300]: error.occurrences for error in environment.stats.errors.values()}
    with open(os.environ["LAZAI_REPORT"], "w") as file:
        json.dump({"entries": entries, "errors": errors}, file, indent=2)
