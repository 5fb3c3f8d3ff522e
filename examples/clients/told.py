"""What a client did and could not do, for the table of clients: `cargo xtask clients` names the file that it is told in."""

import importlib.metadata
import json
import os


class Client:
    def __init__(self, name, package):
        self.told = {"client": name, "version": importlib.metadata.version(package), "does": [], "does_not": {}}

    def does(self, what):
        """What was just seen to work."""
        print(f"ok - {what}", flush=True)
        self.told["does"].append(what)

    def does_not(self, what, why):
        """What was just seen not to work."""
        print(f"no - {what}: {why}", flush=True)
        self.told["does_not"][what] = why

    def end(self):
        print(f"{self.told['client']} {self.told['version']}: {', '.join(self.told['does'])}")
        if told := os.environ.get("LAZAI_CLIENTS_TOLD"):
            with open(told, "a") as file:
                file.write(json.dumps(self.told) + "\n")
