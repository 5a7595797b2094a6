"""What the simulated Vobiz answers about SIP trunks and their parts; sources are in `voipkit.sandbox.vobiz`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from voipkit.sandbox._faults import Json
from voipkit.sandbox._kernel import CREATED, NO_CONTENT, OK, Call, Listing, Reply, Routes, cut
from voipkit.sandbox._state import Shelf, iso8601
from voipkit.sandbox.vobiz_state import DIRECTIONS, Trunk

if TYPE_CHECKING:
    from voipkit.sandbox.vobiz import Vobiz

Item = TypeVar("Item")

ROUTES: Routes[Vobiz] = Routes()
ACCOUNT = "/api/v1/Account/{auth_id}"
DEFAULT_LIMIT, LARGEST_LIMIT = 20, 100
SHORTEST_PASSWORD = 8
_UUIDS = ("primary_uri_uuid", "credential_uuid", "ipacl_uuid")


def by_offset(
    vobiz: Vobiz, call: Call, items: Listing[Item], record: Callable[[Item], Json], *, total: str = "total"
) -> Reply:
    """Answer one page of a listing, by limit and offset.

    Args:
        vobiz: The account.
        call: The request.
        items: The whole listing.
        record: Makes one record.
        total: Name of the total in ``meta``; the documents disagree.
    """
    limit, offset = call.query("limit") or str(DEFAULT_LIMIT), call.query("offset") or "0"
    if not limit.isdigit() or not 1 <= int(limit) <= LARGEST_LIMIT or not offset.isdigit():
        return vobiz.refuse(400, detail="limit must be from 1 to 100, and offset 0 or more")
    number, shift = divmod(int(offset), int(limit))
    page = cut(items[shift:] if shift else items, number, int(limit), call.fault)
    meta = {"limit": page.size, "offset": shift + page.number * page.size, total: page.total + shift}
    return Reply(OK, {"meta": meta, "objects": [record(item) for item in page.items]})


# --- The parts of a trunk ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Part:
    """Describe one kind of object that a trunk is put together from.

    Attributes:
        path: Its name in the path; its listing is below ``/trunks``.
        noun: Its name in operations; ``many`` in the plural.
        fields: Fields that are answered besides the id.
        changeable: Fields that PUT changes; any other that differs is refused.
        shelf: Where an account keeps them.
        make: Makes one from a body, or refuses it.
    """

    path: str
    noun: str
    many: str
    fields: tuple[str, ...]
    changeable: tuple[str, ...]
    shelf: Callable[[Vobiz], Shelf[Any]]
    make: Callable[[Vobiz, Json], Any]

    def record(self, item: Any) -> Json:
        """Return an object as Vobiz answers it."""
        body: Json = {name: getattr(item, name) for name in ("id", *self.fields)}
        hidden = {"password": "<redacted>", "realm": "sip.vobiz.ai"} if self.noun == "credential" else {}
        return body | hidden | {"created_at": iso8601(item.created)}


def _make_credential(vobiz: Vobiz, sent: Json) -> Any:
    user, password = sent.get("username"), sent.get("password")
    if not isinstance(user, str) or not user or len(str(password or "")) < SHORTEST_PASSWORD:
        return vobiz.refuse(400, detail="username is required, and a password of 8 characters or more")
    if any(item.username == user for item in vobiz.sip_credentials):
        return vobiz.refuse(409, "DUPLICATE_USERNAME", "The username is taken")
    return vobiz.add_sip_credential(user, enabled=sent.get("enabled") is not False)


def _make_access_rule(vobiz: Vobiz, sent: Json) -> Any:
    if not sent.get("name") or not sent.get("ip_address"):
        return vobiz.refuse(400, detail="name and ip_address are required")
    return vobiz.add_access_rule(str(sent["ip_address"]), str(sent["name"]), enabled=sent.get("enabled") is not False)


def _make_origination_uri(vobiz: Vobiz, sent: Json) -> Any:
    """Make a URI from ``sip_uri``; the SDK's ``uri`` is not enough."""
    if not sent.get("name") or not str(sent.get("sip_uri", "")).startswith("sip"):
        return vobiz.refuse(400, detail="name and sip_uri are required")
    rest = {name: sent[name] for name in ("priority", "weight", "enabled") if name in sent}
    return vobiz.add_origination_uri(str(sent["sip_uri"]), str(sent["name"]), **rest)


PARTS = (
    Part(
        *("credentials", "credential", "credentials"),
        *(("username", "enabled"), ("enabled",)),
        lambda vobiz: vobiz.sip_credentials,
        _make_credential,
    ),
    Part(
        *("ip-acl", "access_rule", "access_rules"),
        *(("name", "ip_address", "enabled"), ("name", "ip_address", "enabled")),
        lambda vobiz: vobiz.access_rules,
        _make_access_rule,
    ),
    Part(
        *("origination-uris", "origination_uri", "origination_uris"),
        ("name", "uri", "priority", "weight", "enabled", "transport"),
        ("name", "priority", "weight", "enabled"),
        lambda vobiz: vobiz.origination_uris,
        _make_origination_uri,
    ),
)


def _list_parts(part: Part, vobiz: Vobiz, call: Call) -> Reply:
    return by_offset(vobiz, call, part.shelf(vobiz), part.record)


def _get_part(part: Part, vobiz: Vobiz, call: Call) -> Reply:
    item = part.shelf(vobiz).get(call.args["id"])
    return Reply(OK, part.record(item)) if item else vobiz.refuse(404)


def _create_part(part: Part, vobiz: Vobiz, call: Call) -> Reply:
    made = part.make(vobiz, call.json() or {})
    return made if isinstance(made, Reply) else Reply(CREATED, part.record(made))


def _update_part(part: Part, vobiz: Vobiz, call: Call) -> Reply:
    item, sent = part.shelf(vobiz).get(call.args["id"]), call.json() or {}
    if item is None:
        return vobiz.refuse(404)
    for name in part.fields:
        if name in sent and name not in part.changeable and sent[name] != getattr(item, name):
            return vobiz.refuse(400, detail=f"{name} cannot be changed")
    for name in part.changeable:
        if sent.get(name) is not None:
            setattr(item, name, sent[name])
    if part.noun == "origination_uri" and sent.get("sip_uri"):
        item.uri = sent["sip_uri"]
    return Reply(OK, part.record(item))


def _delete_part(part: Part, vobiz: Vobiz, call: Call) -> Reply:
    if call.args["id"] not in part.shelf(vobiz):
        return vobiz.refuse(404)
    part.shelf(vobiz).remove(call.args["id"])
    return Reply(NO_CONTENT)


for _part in PARTS:
    _many, _one = f"{ACCOUNT}/{_part.path}", f"{ACCOUNT}/{_part.path}/{{id}}"
    ROUTES.get(f"list_{_part.many}", "api", f"{ACCOUNT}/trunks/{_part.path}")(partial(_list_parts, _part))
    ROUTES.get(_part.noun, "api", _one)(partial(_get_part, _part))
    ROUTES(f"create_{_part.noun}", "POST", "api", _many, write=True)(partial(_create_part, _part))
    ROUTES(f"update_{_part.noun}", "PUT", "api", _one, write=True)(partial(_update_part, _part))
    ROUTES(f"delete_{_part.noun}", "DELETE", "api", _one, write=True)(partial(_delete_part, _part))


# --- Trunks -----------------------------------------------------------------------------------------------------------

_SETTINGS = ("name", "trunk_status", "secure", "transport", "concurrent_calls_limit", "cps_limit", *_UUIDS)


@ROUTES.get("list_trunks", "api", ACCOUNT + "/trunks")
def _list_trunks(vobiz: Vobiz, call: Call) -> Reply:
    return by_offset(vobiz, call, vobiz.trunks, lambda trunk: _trunk(vobiz, trunk))


@ROUTES.get("trunk", "api", ACCOUNT + "/trunks/{trunk_id}")
def _get_trunk(vobiz: Vobiz, call: Call) -> Reply:
    trunk = vobiz.trunks.get(call.args["trunk_id"])
    return Reply(OK, _trunk(vobiz, trunk)) if trunk else vobiz.refuse(404)


@ROUTES("create_trunk", "POST", "api", ACCOUNT + "/trunks", write=True)
def _create_trunk(vobiz: Vobiz, call: Call) -> Reply:
    sent = call.json() or {}
    if not sent.get("name") or sent.get("trunk_direction") not in DIRECTIONS:
        return vobiz.refuse(400, detail="name and trunk_direction (inbound or outbound) are required")
    if refusal := _refused_settings(vobiz, sent):
        return refusal
    trunk = vobiz.add_trunk(str(sent["trunk_direction"]), str(sent["name"]))
    _set(trunk, sent)
    return Reply(CREATED, _trunk(vobiz, trunk))


@ROUTES("update_trunk", "PUT", "api", ACCOUNT + "/trunks/{trunk_id}", write=True)
def _update_trunk(vobiz: Vobiz, call: Call) -> Reply:
    trunk, sent = vobiz.trunks.get(call.args["trunk_id"]), call.json() or {}
    if trunk is None:
        return vobiz.refuse(404)
    if refusal := _refused_settings(vobiz, sent):
        return refusal
    _set(trunk, sent)
    return Reply(OK, _trunk(vobiz, trunk))


@ROUTES("delete_trunk", "DELETE", "api", ACCOUNT + "/trunks/{trunk_id}", write=True)
def _delete_trunk(vobiz: Vobiz, call: Call) -> Reply:
    """Delete a trunk with no live calls, and with it its credential, access rule and URI; numbers come off it."""
    trunk = vobiz.trunks.get(call.args["trunk_id"])
    if trunk is None:
        return vobiz.refuse(404)
    if trunk.live_calls:
        return vobiz.refuse(409, detail="The trunk has live calls")
    vobiz.trunks.remove(trunk.trunk_id)
    for name, shelf in _shelves(vobiz).items():
        if (id_ := getattr(trunk, name)) in shelf:
            shelf.remove(id_)
    for number in vobiz.numbers:
        if number.trunk_group_id == trunk.trunk_id:
            number.trunk_group_id = None
    return Reply(NO_CONTENT)


def _shelves(vobiz: Vobiz) -> dict[str, Shelf[Any]]:
    """Return the parts that a trunk may name, by field."""
    return dict(zip(_UUIDS, (vobiz.origination_uris, vobiz.sip_credentials, vobiz.access_rules), strict=True))


def _refused_settings(vobiz: Vobiz, sent: Json) -> Reply | None:
    if sent.get("trunk_status") not in (None, "enabled", "disabled"):
        return vobiz.refuse(400, detail="trunk_status must be enabled or disabled")
    for name, shelf in _shelves(vobiz).items():
        if sent.get(name) is not None and str(sent[name]) not in shelf:
            return vobiz.refuse(400, detail=f"{name} was not found")
    return None


def _set(trunk: Trunk, sent: Json) -> None:
    for name in _SETTINGS:
        if sent.get(name) is not None:
            setattr(trunk, name, sent[name])


def _trunk(vobiz: Vobiz, trunk: Trunk) -> Json:
    """Return a trunk; the ids of parts that it does not name are left out."""
    names = ("trunk_id", "name", "trunk_domain", "trunk_status", "trunk_direction", "secure", "transport")
    body: Json = {name: getattr(trunk, name) for name in (*names, "concurrent_calls_limit", "cps_limit")}
    body |= {name: getattr(trunk, name) for name in _UUIDS if getattr(trunk, name)}
    if uri := vobiz.origination_uris.get(trunk.primary_uri_uuid):
        body["inbound_destination"] = uri.uri
    return body
