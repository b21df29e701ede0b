#!/usr/bin/env python3
"""Reads rooms and members from Synapse's admin API, shows them, and compares them with what should be there.

    read_back.py SERVER.json --expect before|after [--save FILE] [--plan PLAN.json] [--since FILE]

Knows nothing of inviter: what it reads is what the homeserver has, and what it expects is in expected.json.
A difference ends it with an error.

    --save FILE       keeps what was read, for a later --since
    --plan PLAN.json  what `inviter plan --json` announced must be what has happened: compared with the state in
                      the --since FILE, or with an empty server if there is none

The last line is one of JSON: {"rooms": R, "members": M, "changes": N}; "members" counts people who are joined or
invited, room by room, without the bot.
"""

import argparse
import json
import pathlib
import sys
import urllib.parse
import urllib.request

BOT = "inviter"
HERE = pathlib.Path(__file__).resolve().parent


def load(path):
    return json.loads(pathlib.Path(path).read_text(encoding="utf-8"))


class Admin:
    """Synapse's admin API, as the server admin."""

    def __init__(self, server):
        self.url = server["url"] + "/_synapse/admin/v1"
        self.token = server["admin_token"]

    def get(self, path):
        headers = {"Authorization": f"Bearer {self.token}"}
        with urllib.request.urlopen(urllib.request.Request(self.url + path, headers=headers), timeout=60) as answer:
            return json.load(answer)

    def room_ids(self):
        start = 0
        while start is not None:
            page = self.get(f"/rooms?from={start}&limit=50")
            yield from (room["room_id"] for room in page["rooms"])
            start = page.get("next_batch")

    def state(self, room_id):
        return self.get(f"/rooms/{urllib.parse.quote(room_id, safe='')}/state")["state"]


def read(admin, bot):
    """Every room of the server by alias, each with its people, their membership and their level."""
    rooms = {}
    for room_id in admin.room_ids():
        events = admin.state(room_id)
        content = {event["type"]: event["content"] for event in events if event["state_key"] == ""}
        levels = content["m.room.power_levels"]
        alias = content.get("m.room.canonical_alias", {}).get("alias", room_id)
        people = {}
        for event in events:
            membership = event["content"].get("membership")
            user = event["state_key"]
            if event["type"] == "m.room.member" and membership in ("join", "invite") and user != bot:
                level = levels.get("users", {}).get(user, levels.get("users_default", 0))
                people[user] = {"membership": membership, "level": level}
        rooms[alias] = {
            "room_id": room_id,
            "name": content.get("m.room.name", {}).get("name"),
            "encrypted": "m.room.encryption" in content,
            "people": people,
        }
    return rooms


def show(rooms):
    for alias, room in sorted(rooms.items()):
        print(f"  {alias}  \"{room['name']}\"{', encrypted' if room['encrypted'] else ''}")
        for user, entry in sorted(room["people"].items()):
            word = {"join": "joined", "invite": "invited"}[entry["membership"]]
            moderator = "  moderator" if entry["level"] == 50 else ""
            print(f"    {user:24}{word:8}{moderator}".rstrip())


def compare(rooms, expected, server_name):
    wanted = {
        alias: {f"@{name}:{server_name}": level for name, level in people.items()}
        for alias, people in expected.items()
    }
    found = {
        alias: {user: entry["level"] for user, entry in room["people"].items()} for alias, room in rooms.items()
    }
    problems = []
    for alias in sorted(wanted.keys() | found.keys()):
        if alias not in found:
            problems.append(f"{alias} is missing")
        elif alias not in wanted:
            problems.append(f"{alias} should not exist")
        elif wanted[alias] != found[alias]:
            problems.append(f"{alias} has {found[alias]}, and should have {wanted[alias]}")
    return problems


def changes(before, after):
    """What has happened between two states: rooms made, people who came and went, rooms with other levels."""
    counts = {"rooms_created": 0, "invited": 0, "removed": 0, "changed": 0}
    for alias in after.keys() | before.keys():
        people_before = before.get(alias, {}).get("people", {})
        people_after = after.get(alias, {}).get("people", {})
        counts["rooms_created"] += alias not in before
        counts["invited"] += len(people_after.keys() - people_before.keys())
        counts["removed"] += len(people_before.keys() - people_after.keys())
        counts["changed"] += any(
            people_before[user]["level"] != people_after[user]["level"]
            for user in people_before.keys() & people_after.keys()
        )
    return counts


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("server")
    parser.add_argument("--expect", choices=["before", "after"], required=True)
    parser.add_argument("--save")
    parser.add_argument("--plan")
    parser.add_argument("--since")
    options = parser.parse_args()

    server = load(options.server)
    rooms = read(Admin(server), f"@{BOT}:{server['server_name']}")
    show(rooms)
    problems = compare(rooms, load(HERE / "expected.json")[options.expect], server["server_name"])
    happened = changes(load(options.since) if options.since else {}, rooms)
    if options.plan:
        announced = load(options.plan)["counts"]
        for what, count in happened.items():
            if announced[what] != count:
                problems.append(f"the plan announced {what}: {announced[what]}, and it came to {count}")
    for problem in problems:
        print(f"read_back: {problem}", file=sys.stderr)
    if problems:
        return 1
    if options.save:
        pathlib.Path(options.save).write_text(json.dumps(rooms), encoding="utf-8")
    members = sum(len(room["people"]) for room in rooms.values())
    print(json.dumps({"rooms": len(rooms), "members": members, "changes": sum(happened.values())}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
