"""The model of an agent, behind OpenAI's API: it calls the tool that it is told to. (Small models call none by themselves, and what is looked at
is the tool.) A process of its own: an agent of Alith lets nothing else of its process run while it waits."""

import http.server
import json
import subprocess
import sys


class Model:
    def __init__(self, tool, arguments):
        words = [sys.executable, __file__, tool, json.dumps(arguments)]
        self.process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
        self.url = self.process.stdout.readline().strip()

    def end(self):
        """The tools that were offered to it, by its last request."""
        self.process.terminate()
        return json.loads(self.process.communicate()[0].splitlines()[-1])


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        request = json.loads(self.rfile.read(int(self.headers["content-length"])))
        print(json.dumps([tool["function"]["name"] for tool in request.get("tools", [])]), flush=True)
        call = {"id": "call_1", "type": "function", "function": {"name": sys.argv[1], "arguments": sys.argv[2]}}
        message = {"role": "assistant", "content": None, "tool_calls": [call]}
        choice = {"index": 0, "message": message, "finish_reason": "tool_calls", "logprobs": None}
        usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
        body = {"id": "c", "object": "chat.completion", "created": 0, "model": "scripted", "choices": [choice], "usage": usage}
        answer = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print(f"http://127.0.0.1:{server.server_port}/v1", flush=True)
    server.serve_forever()
