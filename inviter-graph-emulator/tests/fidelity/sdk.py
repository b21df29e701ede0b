"""Reads a tenant with Microsoft's own client, and tells what its typed objects held.

The first line of standard input says where the tenant is: {"authority", "graph", "tenant", "client", "secret",
"ca", "key"}. Each further line is a question {"do": NAME, ...}, answered by one line: {"done": ...}, or
{"failed": ...} with what the client's exception held.

Run by sdk.rs with the Python that tests/servers/graph-sdk installs.
"""

import asyncio
import json
import logging
import ssl
import sys
import time
import urllib.parse

import httpx
from azure.core.exceptions import ClientAuthenticationError
from kiota_abstractions.api_error import APIError
from kiota_abstractions.base_request_configuration import RequestConfiguration
from kiota_authentication_azure.azure_identity_authentication_provider import AzureIdentityAuthenticationProvider
from kiota_http.middleware.options import RetryHandlerOption
from kiota_serialization_json.json_serialization_writer_factory import JsonSerializationWriterFactory
from msgraph import GraphServiceClient
from msgraph.generated.models.directory_object_collection_response import DirectoryObjectCollectionResponse
from msgraph.generated.models.group_collection_response import GroupCollectionResponse
from msgraph.generated.models.o_data_errors.o_data_error import ODataError
from msgraph.generated.models.user import User
from msgraph.generated.models.user_collection_response import UserCollectionResponse
from msgraph.graph_request_adapter import GraphRequestAdapter, options
from msgraph_core import GraphClientFactory
from msgraph_core.requests.batch_request_content import BatchRequestContent
from msgraph_core.requests.batch_request_item import BatchRequestItem
from msgraph_core.requests.batch_response_item import BatchResponseItem
from msgraph_core.tasks.page_iterator import PageIterator

import credentials

SCOPE = "https://graph.microsoft.com/.default"
# What a question may say of a request, by the client's names for the parameters.
PARAMETERS = ["select", "top", "filter", "count", "orderby", "expand"]
BODIES = {
    "members": DirectoryObjectCollectionResponse,
    "groups": GroupCollectionResponse,
    "users": UserCollectionResponse,
    "user": User,
}


class Fixed:
    """A credential that is no more than this text, for tokens that nobody issued."""

    def __init__(self, token):
        self.token = token

    def get_token(self, *_scopes, **_options):
        return credentials.AccessToken(self.token, int(time.time()) + 3600)


def graph(settings, credential):
    """The client as its documentation sets it up, at another address than Microsoft's."""
    trust = ssl.create_default_context(cafile=settings["ca"])
    # Without the environment's proxies: the tenant is on this machine.
    http = httpx.AsyncClient(verify=trust, http2=True, timeout=60, trust_env=False)
    http = GraphClientFactory.create_with_default_middleware(client=http, options=options)
    host = urllib.parse.urlparse(settings["graph"]).hostname
    provider = AzureIdentityAuthenticationProvider(credential, scopes=[SCOPE], allowed_hosts=[host])
    adapter = GraphRequestAdapter(provider, http)
    adapter.base_url = settings["graph"].rstrip("/")
    return GraphServiceClient(request_adapter=adapter)


# ---- what the client's objects held ----------------------------------------------------------------------


def held(thing):
    """An object by its class, its properties as they would be sent, and those that the class does not know."""
    writer = JsonSerializationWriterFactory().get_serialization_writer("application/json")
    writer.write_object_value(None, thing)
    return {
        "class": type(thing).__name__,
        "json": json.loads(writer.get_serialized_content()),
        "unknown": sorted(thing.additional_data),
    }


def page_held(page):
    return [held(thing) for thing in page.value]


def failure(error):
    """What an exception of the client held, as far as a program could use it."""
    told = {"exception": type(error).__name__, "text": str(error)}
    if isinstance(error, APIError):
        told["status"] = error.response_status_code
        told["headers"] = {name.lower(): value for name, value in (error.response_headers or {}).items()}
    if isinstance(error, ODataError) and error.error is not None:
        told["code"] = error.error.code
        told["message"] = error.error.message
        told["unknown"] = sorted(error.error.additional_data)
        inner = error.error.inner_error
        if inner is not None:
            told["request_id"] = inner.request_id
            told["client_request_id"] = inner.client_request_id
            told["date"] = inner.date and inner.date.isoformat()
            told["unknown_inner"] = sorted(inner.additional_data)
    if isinstance(error, ClientAuthenticationError):
        told["status"] = error.status_code
        if error.response is not None:
            told["body"] = json.loads(error.response.text())
    return told


# ---- requests --------------------------------------------------------------------------------------------


def builder(client, question):
    """The client's builder of requests for what is asked."""
    what = question["of"]
    if what in ("groups", "users"):
        return getattr(client, what)
    if what == "groups/delta":
        return client.groups.delta
    if what == "users/delta":
        return client.users.delta
    if what == "user":
        return client.users.by_user_id(question["user"])
    group = client.groups.by_group_id(question["group"])
    return {
        "group": lambda: group,
        "members": lambda: group.members,
        "owners": lambda: group.owners,
        "transitiveMembers": lambda: group.transitive_members,
    }[what]()


def configuration(at, question):
    named = {name: question[name] for name in PARAMETERS if name in question}
    parameters = None
    if named:
        # Each builder has its own class of parameters, whose long name only repeats the builder's.
        kind = next(kind for name, kind in vars(type(at)).items() if name.endswith("GetQueryParameters"))
        parameters = kind(**named)
    made = RequestConfiguration(query_parameters=parameters)
    for name, value in question.get("headers", {}).items():
        made.headers.add(name, value)
    if not question.get("retry", True):
        made.options = [RetryHandlerOption(should_retry=False)]
    return made


async def one(client, question):
    """A single object."""
    at = builder(client, question)
    return held(await at.get(configuration(at, question)))


async def pages(client, question):
    """All pages from the first one or from a link on, each asked for by the link of the one before."""
    at = builder(client, question)
    asked = configuration(at, question)
    page = await (at.with_url(question["link"]) if "link" in question else at).get(asked)
    first = page
    found = [page_held(page)]
    while page.odata_next_link:
        page = await at.with_url(page.odata_next_link).get(configuration(at, {"headers": question.get("headers", {})}))
        found.append(page_held(page))
    return {
        "pages": found,
        "count": getattr(first, "odata_count", None),
        "unknown": sorted(set(first.additional_data) | set(page.additional_data)),
        "delta_link": getattr(page, "odata_delta_link", None),
    }


async def iterated(client, question):
    """All objects, by the client's own iterator over pages."""
    at = builder(client, question)
    first = await at.get(configuration(at, question))
    found = []
    iterator = PageIterator(first, client.request_adapter, error_mapping={"XXX": ODataError})
    await iterator.iterate(lambda thing: found.append(held(thing)) or True)
    return found


def batch_item_fields(item, fields=BatchResponseItem.get_field_deserializers):
    """The client takes bodies of a batch for base64 (from 1.10 of its JSON library on), and Graph's are objects."""
    return fields(item) | {"body": lambda node: setattr(item, "body", node)}


BatchResponseItem.get_field_deserializers = batch_item_fields


async def batch(client, question):
    """Several requests as one, put together and taken apart by the client."""
    content = BatchRequestContent()
    for number, part in enumerate(question["requests"]):
        at = builder(client, part)
        request = at.to_get_request_information(configuration(at, part))
        item = BatchRequestItem(request, id=str(number))
        # Once a client was used, it puts whole URLs into batches, which Graph refuses (issue 1116 of its core).
        item.url = item.url.removeprefix(client.request_adapter.base_url)
        content.add_request(item.id, item)
    answer = await client.batch.post(content, {"XXX": ODataError})
    found = []
    for number, part in enumerate(question["requests"]):
        item = answer.get_response_by_id(str(number))
        told = {"status": item.status, "headers": {name.lower(): value for name, value in item.headers.items()}}
        kind = BODIES[part["of"]] if item.status == 200 else ODataError
        body = item.body.get_object_value(kind)
        if kind is ODataError:
            told["failed"] = failure(body)
        else:
            told["values"] = page_held(body) if hasattr(body, "value") else [held(body)]
        found.append(told)
    return found


# ---- the conversation ------------------------------------------------------------------------------------


async def answer(settings, clients, question):
    do = question["do"]
    if do == "certificate":
        return credentials.new_certificate(question["key"])
    if do == "token":
        return await credentials.token(settings, question, SCOPE)
    # A client is kept, with its connections and its token, as a program would.
    login = question.get("with", "secret")
    if login not in clients:
        fixed = login.removeprefix("token ")
        credential = Fixed(fixed) if fixed != login else credentials.make(settings, {"login": login})
        clients[login] = graph(settings, credential)
    return await {"one": one, "pages": pages, "iterated": iterated, "batch": batch}[do](clients[login], question)


async def main():
    # Refusals are answers here: azure-identity would log them as warnings as well.
    logging.disable(logging.WARNING)
    settings = json.loads(sys.stdin.readline())
    clients = {}
    # The loop has nothing else to do while it waits for a line.
    for line in sys.stdin:
        try:
            told = {"done": await answer(settings, clients, json.loads(line))}
        except (APIError, ClientAuthenticationError) as error:
            told = {"failed": failure(error)}
        print(json.dumps(told), flush=True)


asyncio.run(main())
