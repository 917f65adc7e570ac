"""The embedded proxy server, which speaks the HTTP API of Toxiproxy 2.12.

From the wire up: `stages` does to bytes what a toxic says, `link` strings stages together for one direction of a
connection, `proxy` listens and connects, `registry` keeps the proxies, `api` is the HTTP front, `process` is the
program.
"""
