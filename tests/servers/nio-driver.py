"""A session of one account by matrix-nio: a person at a client, steered by lines of JSON.

Each line on standard input is a request {"id": N, "do": "send", ...} and is answered by one line on standard output,
{"id": N, "ok": {...}} or {"id": N, "error": "..."}, not always in order. What the account sees comes by itself, as
it comes: {"seen": {"kind": ..., ...}}; files come with their content. It ends when standard input is closed.

    login     url, user, password or token   first of all; what happens from then on is seen
    join      room (ID or alias)             -> room
    leave     room
    joined                                   -> rooms
    send      room, body, [html], [thread], [reply_to], [notice]   -> event
    edit      room, event, body, [html], [thread]                  -> event
    file      room, name, type, base64, [thread]                   -> event
    react     room, event, key               -> event
    redact    room, event                    -> event

Kinds of what is seen: message, edit, reaction, redaction, member, invite, encrypted, other, bad (an event that
matrix-nio finds malformed), gap (a room's messages that were left out), logged_out and trouble (of the session).
"""

import asyncio
import base64
import io
import json
import logging
import sys

import nio

# Synapse gives no more events of a room in one answer unless it is told to.
TIMELINE_LIMIT = 100
FILTER = {"room": {"timeline": {"limit": TIMELINE_LIMIT}, "ephemeral": {"types": []}}, "presence": {"types": []}}
LONG_POLL_MS = 20_000
# A homeserver that is away is asked again soon: tests wait for it.
RETRY_SECONDS = 0.3


class Refused(Exception):
    """A request that came to nothing; told to whoever steers."""


def tell(line):
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def seen(kind, **fields):
    tell({"seen": {"kind": kind, **fields}})


def ok(response):
    if isinstance(response, nio.ErrorResponse):
        raise Refused(f"{response.status_code}: {response.message}")
    return response


def relation(content):
    related = content.get("m.relates_to")
    return related if isinstance(related, dict) else {}


def in_thread(content, root):
    """Puts a message into a thread, as clients do that have threads."""
    content["m.relates_to"] = {
        "rel_type": "m.thread",
        "event_id": root,
        "is_falling_back": True,
        "m.in_reply_to": {"event_id": root},
    }


def text(request):
    content = {"msgtype": "m.notice" if request.get("notice") else "m.text", "body": request["body"]}
    if request.get("html") is not None:
        content |= {"format": "org.matrix.custom.html", "formatted_body": request["html"]}
    return content


class Session:
    def __init__(self):
        self.client = None
        self.syncing = None
        self.rooms = set()
        self.events = set()
        # The tasks themselves, since the loop keeps none alive.
        self.downloads = set()

    # ---- requests ----

    async def do_login(self, request):
        # Requests end some time even where the homeserver does not answer; the long poll has a time of its own.
        config = nio.AsyncClientConfig(max_timeout_retry_wait_time=1, request_timeout=30)
        self.client = nio.AsyncClient(request["url"], request["user"], config=config)
        if request.get("token") is not None:
            self.client.access_token = request["token"]
            who = ok(await self.client.whoami())
            self.client.restore_login(who.user_id, who.device_id or "", request["token"])
        else:
            ok(await self.client.login(request["password"], device_name="matrix-nio"))
        self.take(ok(await self.client.sync(timeout=0, sync_filter=FILTER, full_state=True)), first=True)
        self.syncing = asyncio.create_task(self.sync())
        return {"user": self.client.user_id, "device": self.client.device_id}

    async def do_join(self, request):
        return {"room": ok(await self.client.join(request["room"])).room_id}

    async def do_leave(self, request):
        ok(await self.client.room_leave(request["room"]))
        return {}

    async def do_joined(self, _request):
        return {"rooms": ok(await self.client.joined_rooms()).rooms}

    async def put(self, room, kind, content):
        return {"event": ok(await self.client.room_send(room, kind, content)).event_id}

    async def do_send(self, request):
        content = text(request)
        if request.get("thread") is not None:
            in_thread(content, request["thread"])
        if request.get("reply_to") is not None:
            relates = content.setdefault("m.relates_to", {})
            relates["m.in_reply_to"] = {"event_id": request["reply_to"]}
            if "rel_type" in relates:
                relates["is_falling_back"] = False
        return await self.put(request["room"], "m.room.message", content)

    async def do_edit(self, request):
        new = text(request)
        content = {**new, "body": "* " + new["body"], "m.new_content": new}
        content["m.relates_to"] = {"rel_type": "m.replace", "event_id": request["event"]}
        return await self.put(request["room"], "m.room.message", content)

    async def do_file(self, request):
        data = base64.b64decode(request["base64"])
        uploaded, _ = await self.client.upload(
            io.BytesIO(data), content_type=request["type"], filename=request["name"], filesize=len(data)
        )
        content = {
            "msgtype": "m.file",
            "body": request["name"],
            "filename": request["name"],
            "info": {"mimetype": request["type"], "size": len(data)},
            "url": ok(uploaded).content_uri,
        }
        if request.get("thread") is not None:
            in_thread(content, request["thread"])
        return await self.put(request["room"], "m.room.message", content)

    async def do_react(self, request):
        relates = {"rel_type": "m.annotation", "event_id": request["event"], "key": request["key"]}
        return await self.put(request["room"], "m.reaction", {"m.relates_to": relates})

    async def do_redact(self, request):
        return {"event": ok(await self.client.room_redact(request["room"], request["event"])).event_id}

    # ---- what is seen ----

    async def sync(self):
        while True:
            try:
                response = await self.client.sync(timeout=LONG_POLL_MS, sync_filter=FILTER)
            except Exception as error:  # whatever it is, somebody has to hear of it
                seen("trouble", error=repr(error))
                await asyncio.sleep(RETRY_SECONDS)
                continue
            if isinstance(response, nio.SyncError):
                if response.status_code == "M_UNKNOWN_TOKEN":
                    seen("logged_out")
                    return
                seen("trouble", error=f"{response.status_code}: {response.message}")
                await asyncio.sleep(RETRY_SECONDS)
                continue
            self.take(response, first=False)

    def take(self, response, first):
        for room, info in response.rooms.invite.items():
            for event in info.invite_state:
                if isinstance(event, nio.InviteMemberEvent) and event.state_key == self.client.user_id:
                    seen("invite", room=room, sender=event.sender)
        for rooms in (response.rooms.join, response.rooms.leave):
            for room, info in rooms.items():
                if info.timeline.limited and not first and room in self.rooms:
                    seen("gap", room=room)
                for event in info.timeline.events:
                    self.event(room, event)
        self.rooms |= response.rooms.join.keys()
        self.rooms -= response.rooms.leave.keys()

    def event(self, room, event):
        if isinstance(event, (nio.BadEvent, nio.UnknownBadEvent)):
            seen("bad", room=room, source=event.source)
            return
        # An event can come once more, after an answer that was lost.
        if event.event_id in self.events:
            return
        self.events.add(event.event_id)
        fields = {
            "room": room,
            "event": event.event_id,
            "sender": event.sender,
            "at": event.server_timestamp,
        }
        content = event.source.get("content", {})
        match event:
            case nio.RoomMessage():
                self.message(event, content, fields)
            case nio.ReactionEvent():
                seen("reaction", **fields, to=event.reacts_to, key=event.key)
            case nio.RedactionEvent():
                seen("redaction", **fields, of=event.redacts)
            case nio.RoomMemberEvent():
                seen("member", **fields, user=event.state_key, membership=event.membership)
            case nio.MegolmEvent() | nio.UnknownEncryptedEvent():
                seen("encrypted", **fields)
            case _:
                seen("other", **fields, type=event.source.get("type"))

    def message(self, event, content, fields):
        fields |= {"type": content.get("msgtype"), "body": content.get("body")}
        if isinstance(event, nio.RoomMessageFormatted):
            # As matrix-nio understands it.
            fields["html"] = event.formatted_body if event.format == "org.matrix.custom.html" else None
        relates = relation(content)
        if relates.get("rel_type") == "m.replace":
            new = content.get("m.new_content", {})
            fields |= {"of": relates["event_id"], "body": new.get("body"), "html": new.get("formatted_body")}
            seen("edit", **fields)
            return
        fields["thread"] = relates["event_id"] if relates.get("rel_type") == "m.thread" else None
        fields["reply_to"] = relates.get("m.in_reply_to", {}).get("event_id")
        fields["mentions"] = content.get("m.mentions", {}).get("user_ids", [])
        if isinstance(event, nio.RoomMessageMedia):
            task = asyncio.create_task(self.download(event, content, fields))
            self.downloads.add(task)
            task.add_done_callback(self.downloads.discard)
        else:
            seen("message", **fields)

    async def download(self, event, content, fields):
        answer = await self.client.download(mxc=event.url)
        if isinstance(answer, nio.DownloadError):
            file = {"error": f"{answer.status_code}: {answer.message}"}
        else:
            file = {
                "name": content.get("filename", content.get("body")),
                "type": answer.content_type,
                "base64": base64.b64encode(answer.body).decode(),
            }
        seen("message", **fields, file=file)

    async def close(self):
        if self.syncing is not None:
            self.syncing.cancel()
        if self.client is not None:
            await self.client.close()


async def answer(session, line):
    number = None
    try:
        request = json.loads(line)
        number = request["id"]
        done = await getattr(session, "do_" + request["do"])(request)
        tell({"id": number, "ok": done})
    except Refused as error:
        tell({"id": number, "error": str(error)})
    except Exception as error:  # a mistake of the test's, or of this file: the test fails with it
        tell({"id": number, "error": repr(error)})


async def main():
    # What it has to say is said by `trouble`; its warnings would stand between the lines of tests.
    logging.getLogger("nio").setLevel(logging.CRITICAL)
    reader = asyncio.StreamReader(limit=64 << 20)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    session = Session()
    tasks = set()
    try:
        while line := await reader.readline():
            task = asyncio.create_task(answer(session, line))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
    finally:
        await session.close()


asyncio.run(main())
