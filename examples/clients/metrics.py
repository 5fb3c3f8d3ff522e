"""What a node counts, read by Prometheus' own parser: every family has its kind and its help, and nothing in it is a word of a reply."""

import importlib.metadata
import os
import urllib.request

from prometheus_client.openmetrics.parser import text_string_to_metric_families

with urllib.request.urlopen(f"{os.environ['LAZAI_OPERATIONS_URL']}/metrics") as answer:
    assert answer.headers.get_content_type() == "application/openmetrics-text", answer.headers
    text = answer.read().decode()
families = {family.name: family for family in text_string_to_metric_families(text)}
assert all(family.type != "unknown" and family.documentation for family in families.values()), families
requests = {sample.labels["outcome"]: sample.value for sample in families["lazai_requests"].samples if sample.name.endswith("_total")}
assert requests["served"] > 10, requests
money = {sample.labels["kind"]: sample.value for sample in families["lazai_money_base_units"].samples}
assert money["owed"] >= money["signed"] >= money["redeemed"] and money["signed"] > 0, money
with urllib.request.urlopen(f"{os.environ['LAZAI_OPERATIONS_URL']}/ready") as answer:
    assert answer.status == 200
version = importlib.metadata.version("prometheus-client")
print(f"prometheus-client {version}: {len(families)} families; {requests['served']:.0f} replies, {money['signed']:.0f} base units signed")
