#!/usr/bin/env python3
"""What the quickstart asks of the homeserver beside inviter: accounts, and people who accept invitations.

    homeserver.py register SERVER.json TOKENS.json NAME...
        Registers accounts by the registration shared secret and writes their access tokens to TOKENS.json.

    homeserver.py accept SERVER.json TOKENS.json NAME...
        Lets people join every room that they are invited to.

SERVER.json is the line that `tests/servers/synapse run` prints.
"""

import hashlib
import hmac
import json
import os
import pathlib
import sys
import urllib.error
import urllib.parse
import urllib.request


def request(url, token=None, body=None):
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    data = None if body is None else json.dumps(body).encode()
    if data is not None:
        headers["Content-Type"] = "application/json"
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data, headers), timeout=60) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        sys.exit(f"{url} answered {error.code}: {error.read().decode(errors='replace')}")


def register(server, name):
    url = server["url"] + "/_synapse/admin/v1/register"
    nonce = request(url)["nonce"]
    password = f"password-of-{name}"
    mac = hmac.new(server["registration_shared_secret"].encode(), digestmod=hashlib.sha1)
    mac.update("\0".join([nonce, name, password, "notadmin"]).encode())
    body = {"nonce": nonce, "username": name, "password": password, "admin": False, "mac": mac.hexdigest()}
    return request(url, body=body)["access_token"]


def accept(server, token):
    """Joins the rooms with an invitation and tells how many these are."""
    no_events = json.dumps({"room": {"timeline": {"limit": 0}}})
    query = urllib.parse.urlencode({"filter": no_events, "timeout": 0})
    rooms = request(f"{server['url']}/_matrix/client/v3/sync?{query}", token).get("rooms", {})
    invitations = rooms.get("invite", {})
    for room in invitations:
        room = urllib.parse.quote(room, safe="")
        request(f"{server['url']}/_matrix/client/v3/rooms/{room}/join", token, {})
    return len(invitations)


def main():
    if len(sys.argv) < 5 or sys.argv[1] not in ("register", "accept"):
        sys.exit(__doc__)
    command, server_file, tokens_file, *names = sys.argv[1:]
    server = json.loads(pathlib.Path(server_file).read_text(encoding="utf-8"))
    if command == "register":
        tokens = {name: register(server, name) for name in names}
        # Nobody else may read the tokens, here as in earnest.
        descriptor = os.open(tokens_file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(descriptor, "w", encoding="utf-8") as file:
            json.dump(tokens, file)
        print(f"{len(tokens)} accounts registered: {', '.join(names)}")
    else:
        tokens = json.loads(pathlib.Path(tokens_file).read_text(encoding="utf-8"))
        for name in names:
            print(f"{name} accepts {accept(server, tokens[name])} invitations")


if __name__ == "__main__":
    main()
