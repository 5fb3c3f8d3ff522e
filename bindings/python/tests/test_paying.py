"""Servers that speak x402, paid from Python."""

import base64
import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

import lazai

ASSET, PAYEE = f"0x{'aa' * 20}", f"0x{'bb' * 20}"
PRICE = {
    "scheme": "exact",
    "network": "eip155:84532",
    "amount": "70",
    "asset": ASSET,
    "payTo": PAYEE,
    "maxTimeoutSeconds": 60,
    "extra": {"name": "USDC", "version": "2"},
}


@pytest.fixture
def shop():
    """A server that sells a report for seventy units; it fails at the first payment."""
    nonces = []

    class Shop(BaseHTTPRequestHandler):
        def do_POST(self):
            sent = self.rfile.read(int(self.headers["content-length"]))
            if payment := self.headers["payment-signature"]:
                payment = json.loads(base64.b64decode(payment))
                assert payment["accepted"] == PRICE
                nonces.append(payment["payload"]["authorization"]["nonce"])
                self.send_response(500 if len(nonces) == 1 else 200)
                settled = {"success": True, "transaction": "0x01", "network": PRICE["network"]}
                self.send_header("payment-response", base64.b64encode(json.dumps(settled).encode()).decode())
                body = sent[::-1]
            else:
                required = {"x402Version": 2, "resource": {"url": "/report"}, "accepts": [PRICE]}
                self.send_response(402)
                self.send_header("payment-required", base64.b64encode(json.dumps(required).encode()).decode())
                body = b"{}"
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Shop)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/report", nonces
    server.shutdown()
    server.server_close()


def test_a_report_is_paid_once(shop, tmp_path):
    url, nonces = shop
    limit = lazai.SpendingLimit(network="eip155:84532", asset=ASSET, payment=70, total=100)
    client = lazai.PayingClient.open(tmp_path / "purse.json", lazai.LocalKey.random(), [limit])
    (price,) = client.prices("POST", url, [], b"abc")
    assert (price.amount, price.pay_to) == (70, PAYEE)
    failed = client.buy("POST", url, [], b"abc")
    assert failed.status == 500
    bought = client.buy("POST", url, [], b"abc")
    assert (bought.status, bought.body) == (200, b"cba")
    assert (bought.payment.amount, bought.payment.outcome.success) == (70, True)
    assert len(nonces) == 2 and len(set(nonces)) == 1, "the same payment again"
    with pytest.raises(lazai.LazaiError) as error:
        client.buy("POST", url, [], b"another")
    assert error.value.code == "payment.over_limit"
