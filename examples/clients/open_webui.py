"""Open WebUI, unmodified, at the loopback proxy: its server is started without internet, its settings name our URL and key, and its first
account chats, streams, calls a tool, embeds, reads a file and asks about it. PyTorch, 3 GB with what it brings, is left out: Open WebUI needs
it to embed by itself, and our proxy embeds."""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import uuid
from pathlib import Path

from told import Client

url, key = os.environ["OPENAI_BASE_URL"], os.environ["OPENAI_API_KEY"]
client = Client("Open WebUI", "open-webui")
with socket.socket() as probe:
    probe.bind(("127.0.0.1", 0))
    port = probe.getsockname()[1]
at, headers = f"http://127.0.0.1:{port}", {}


def ask(path, body=None, form=None):
    """Asks the server as its page does; gives the text of the answer."""
    request = urllib.request.Request(at + path, headers={"content-type": "application/json", **headers})
    if body is not None:
        request.data = json.dumps(body).encode()
    if form is not None:
        mark, (name, text) = uuid.uuid4().hex, form
        request.add_header("content-type", f"multipart/form-data; boundary={mark}")
        head = f'--{mark}\r\ncontent-disposition: form-data; name="file"; filename="{name}"\r\ncontent-type: text/plain\r\n\r\n'
        request.data = f"{head}{text}\r\n--{mark}--\r\n".encode()
    try:
        with urllib.request.urlopen(request, timeout=180) as answer:
            return answer.read().decode()
    except urllib.error.HTTPError as error:
        raise AssertionError(f"{path}: {error.code} {error.read().decode()[:500]}") from None


def pieces(stream):
    chunks = [json.loads(line[6:]) for line in stream.splitlines() if line.startswith("data: {")]
    return [choice["delta"] for chunk in chunks for choice in chunk.get("choices", [])]


def started(server):
    for left in range(360, -1, -1):
        try:
            return ask("/health")
        except OSError:
            assert left and server.poll() is None, "Open WebUI does not start"
            time.sleep(0.5)


def talk():
    account = json.loads(ask("/api/v1/auths/signup", {"name": "Ada", "email": "ada@example.org", "password": "Correct-horse-9"}))
    headers["authorization"] = f"Bearer {account['token']}"
    models = [model["id"] for model in json.loads(ask("/api/models"))["data"]]
    character = models[0]
    assert character.startswith("dat:"), models
    client.does("models")
    asked = {"model": character, "messages": [{"role": "user", "content": "Who are you?"}], "max_tokens": 8, "temperature": 0, "seed": 1}
    reply = json.loads(ask("/api/chat/completions", {**asked, "stream": False}))
    text = reply["choices"][0]["message"]["content"]
    assert text, reply
    client.does("a chat")
    told = [delta.get("content") or "" for delta in pieces(ask("/api/chat/completions", {**asked, "stream": True}))]
    assert len(told) > 2 and "".join(told) == text, told
    client.does("a stream")
    leave = {"type": "function", "function": {"name": "leave", "description": "Leaves.", "parameters": {"type": "object", "properties": {}}}}
    calling = {**asked, "max_tokens": 60, "stream": False, "tools": [leave], "tool_choice": "required", "parallel_tool_calls": False}
    (call,) = json.loads(ask("/api/chat/completions", calling))["choices"][0]["message"]["tool_calls"]
    assert call["function"] == {"name": "leave", "arguments": "{}"}, call
    client.does("a tool")
    title = json.loads(ask("/api/v1/tasks/title/completions", {"model": character, "messages": asked["messages"]}))
    assert title["choices"][0]["message"]["content"], title
    client.does("a title for a chat")
    song = "\n".join(f"Verse {verse}: the lamp of the harbour burns for {name}." for verse, name in enumerate(["Ada", "Grace", "Kurt"]))
    file = json.loads(ask("/api/v1/files/?process=true&process_in_background=false", form=("song.txt", song)))
    found = json.loads(ask("/api/v1/retrieval/query/collection", {"collection_names": [f"file-{file['id']}"], "query": "Who is the lamp for?", "k": 1}))
    assert "harbour" in found["documents"][0][0], found
    client.does("a file, embedded by our encoder and found again")
    about = {**asked, "files": [{"type": "file", "id": file["id"]}], "stream": True, "messages": [{"role": "user", "content": "Who is the lamp for?"}]}
    stream = ask("/api/chat/completions", about)
    assert "song.txt" in stream and "".join(delta.get("content") or "" for delta in pieces(stream)), stream[:2000]
    client.does("a question about a file")


with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home, open(Path(home, "log"), "w+") as log:
    # Of a model this small, what it is to look for would often be nothing.
    settings = {
        "ENABLE_RETRIEVAL_QUERY_GENERATION": "false",
        "DATA_DIR": home, "WEBUI_SECRET_KEY": "lazai", "OFFLINE_MODE": "true", "ENABLE_VERSION_UPDATE_CHECK": "false", "ENABLE_OLLAMA_API": "false",
        "CORS_ALLOW_ORIGIN": at, "ANONYMIZED_TELEMETRY": "false", "OPENAI_API_BASE_URL": url, "OPENAI_API_KEY": key,
        "RAG_EMBEDDING_ENGINE": "openai", "RAG_EMBEDDING_MODEL": "encoder", "RAG_OPENAI_API_BASE_URL": url, "RAG_OPENAI_API_KEY": key,
    }
    start = [str(Path(sys.executable).with_name("open-webui")), "serve", "--host", "127.0.0.1", "--port", str(port)]
    server = subprocess.Popen(start, cwd=home, env={**os.environ, **settings}, stdout=log, stderr=subprocess.STDOUT, start_new_session=True)
    try:
        started(server)
        talk()
    except BaseException:
        log.seek(0)
        print(log.read()[-6000:])
        raise
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()
client.end()
