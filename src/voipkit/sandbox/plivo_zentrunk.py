"""What the simulated Plivo answers about SIP trunks (Zentrunk); sources are in `voipkit.sandbox.plivo`."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from voipkit.sandbox._faults import Json
from voipkit.sandbox._kernel import ACCEPTED, CREATED, NO_CONTENT, OK, Call, Reply, Routes
from voipkit.sandbox._state import Shelf
from voipkit.sandbox.plivo_replies import ACCOUNT, detach, page_of
from voipkit.sandbox.plivo_state import DIRECTIONS, Trunk

if TYPE_CHECKING:
    from voipkit.sandbox.plivo import Plivo

ROUTES: Routes[Plivo] = Routes()
_UUIDS = ("primary_uri_uuid", "fallback_uri_uuid", "credential_uuid", "ipacl_uuid")


@dataclass(frozen=True)
class Kind:
    """Describe one kind of Zentrunk object.

    Attributes:
        path: Its name in the path.
        noun: Its name in operations; ``many`` in the plural.
        id: Field that holds its id.
        fields: Fields that are answered.
        filters: Query parameters that its listing knows.
        shelf: Where an account keeps them.
        make: Makes one from a body.
        refused: Says what is wrong with a body; the second argument is the object that it would change.
    """

    path: str
    noun: str
    many: str
    id: str
    fields: tuple[str, ...]
    filters: tuple[str, ...]
    shelf: Callable[[Plivo], Shelf[Any]]
    make: Callable[[Plivo, Json], Any]
    refused: Callable[[Plivo, Any, Json], Reply | None]

    def record(self, item: Any) -> Json:
        """Return an object as Plivo answers it."""
        return {name: getattr(item, name) for name in (self.id, *self.fields)}


# --- Bodies -----------------------------------------------------------------------------------------------------------


def _make_trunk(plivo: Plivo, sent: Json) -> Trunk:
    rest = {name: sent[name] for name in ("trunk_status", "secure", *_UUIDS) if sent.get(name) is not None}
    return plivo.add_trunk(str(sent["trunk_direction"]), str(sent["name"]), **rest)


def _refused_trunk(plivo: Plivo, trunk: Trunk | None, sent: Json) -> Reply | None:
    """Ask for what a call needs: a URI to go to (inbound), or somebody who may come in (outbound)."""

    def value(name: str) -> object:
        return sent[name] if sent.get(name) is not None else getattr(trunk, name, None)

    direction = value("trunk_direction")
    if not value("name") or not direction:
        return plivo.refuse(422, detail="name and trunk_direction are required")
    if direction not in DIRECTIONS or value("trunk_status") not in ("enabled", "disabled", None):
        return plivo.refuse(400, detail="trunk_direction or trunk_status is not valid")
    uris = plivo.origination_uris
    shelves: tuple[Shelf[Any], ...] = (uris, uris, plivo.sip_credentials, plivo.access_lists)
    for name, shelf in zip(_UUIDS, shelves, strict=True):
        if sent.get(name) is not None and str(sent[name]) not in shelf:
            return plivo.refuse(400, detail=f"{name} is not valid")
    needed = ("primary_uri_uuid",) if direction == "inbound" else ("credential_uuid", "ipacl_uuid")
    return None if any(map(value, needed)) else plivo.refuse(422, detail=f"{' or '.join(needed)} is required")


def _refused_uri(plivo: Plivo, uri: object, sent: Json) -> Reply | None:
    given = sent.get("name") and sent.get("uri")
    return None if uri or given else plivo.refuse(422, detail="name and uri are required")


def _refused_credential(plivo: Plivo, credential: object, sent: Json) -> Reply | None:
    """Apply Plivo's rules: 5 to 20 characters; the user alphanumeric, the password with a special one."""
    user, password = str(sent.get("username", "")), str(sent.get("password", ""))
    if not credential and not (sent.get("name") and user and password):
        return plivo.refuse(422, detail="name, username and password are required")
    good = re.fullmatch(r"[0-9A-Za-z]{5,20}", user) or not user
    strong = re.fullmatch(r"(?=.*[~!@#$%^&*()_+])[0-9A-Za-z~!@#$%^&*()_+]{5,20}", password) or not password
    return None if good and strong else plivo.refuse(400, detail="username or password is not valid")


def _refused_access_list(plivo: Plivo, access_list: object, sent: Json) -> Reply | None:
    addresses = sent.get("ip_addresses")
    if addresses is not None and not isinstance(addresses, list):
        return plivo.refuse(400, detail="ip_addresses must be a list")
    given = sent.get("name") and addresses
    return None if access_list or given else plivo.refuse(422, detail="name and ip_addresses are required")


def _addresses(sent: Json) -> list[str]:
    found = sent["ip_addresses"]
    return [str(address) for address in found] if isinstance(found, list) else []


KINDS = (
    Kind(
        *("Trunk", "trunk", "trunks", "trunk_id"),
        ("name", "trunk_domain", "trunk_status", "trunk_direction", "secure", *_UUIDS),
        ("trunk_status", "trunk_direction", "secure", *_UUIDS),
        lambda plivo: plivo.trunks,
        _make_trunk,
        _refused_trunk,
    ),
    Kind(
        *("URI", "origination_uri", "origination_uris", "uri_uuid"),
        ("name", "uri", "authentication_needed", "username"),
        ("name",),
        lambda plivo: plivo.origination_uris,
        lambda plivo, sent: plivo.add_origination_uri(
            str(sent["uri"]),
            str(sent["name"]),
            **{key: sent[key] for key in ("authentication_needed", "username") if key in sent},
        ),
        _refused_uri,
    ),
    Kind(
        *("Credential", "credential", "credentials", "credential_uuid"),
        ("name", "username"),
        ("name", "username"),
        lambda plivo: plivo.sip_credentials,
        lambda plivo, sent: plivo.add_sip_credential(str(sent["username"]), str(sent["name"])),
        _refused_credential,
    ),
    Kind(
        *("IPAccessControlList", "access_list", "access_lists", "ipacl_uuid"),
        ("name", "ip_addresses"),
        ("name",),
        lambda plivo: plivo.access_lists,
        lambda plivo, sent: plivo.add_access_list(*_addresses(sent), name=str(sent["name"])),
        _refused_access_list,
    ),
)


# --- Operations -------------------------------------------------------------------------------------------------------


def _list(kind: Kind, plivo: Plivo, call: Call) -> Reply:
    found = list(kind.shelf(plivo))
    for name in kind.filters:
        if (wanted := call.query(name)) is not None:
            found = [item for item in found if _text(getattr(item, name)) == wanted]
    return page_of(plivo, call, found, kind.record, kind.filters, slash=False)


def _text(value: object) -> object:
    """Return a value as a query spells it."""
    return str(value).lower() if isinstance(value, bool) else value


def _get(kind: Kind, plivo: Plivo, call: Call) -> Reply:
    item = kind.shelf(plivo).get(call.args["id"])
    if item is None:
        return plivo.refuse(404)
    record = kind.record(item)
    wrapped = kind.noun == "trunk" and plivo.wraps_trunk
    return Reply(OK, {"api_id": plivo.api_id(), **({"object": record} if wrapped else record)})


def _create(kind: Kind, plivo: Plivo, call: Call) -> Reply:
    sent = call.json() or {}
    if refusal := kind.refused(plivo, None, sent):
        return refusal
    made = kind.make(plivo, sent)
    return Reply(CREATED, {"api_id": plivo.api_id(), "message": "created", kind.id: getattr(made, kind.id)})


def _update(kind: Kind, plivo: Plivo, call: Call) -> Reply:
    """Change the fields that were sent; a list of addresses is replaced as a whole."""
    item, sent = kind.shelf(plivo).get(call.args["id"]), call.json() or {}
    if item is None:
        return plivo.refuse(404)
    if refusal := kind.refused(plivo, item, sent):
        return refusal
    for name in kind.fields:
        if sent.get(name) is not None and name != "trunk_domain":
            setattr(item, name, sent[name])
    return Reply(ACCEPTED, {"api_id": plivo.api_id(), "message": "changed"})


def _delete(kind: Kind, plivo: Plivo, call: Call) -> Reply:
    """Delete it; with a URI go the trunks that lead there, and with a trunk its numbers come off."""
    id_ = call.args["id"]
    if id_ not in kind.shelf(plivo):
        return plivo.refuse(404)
    gone = [id_] if kind.noun == "trunk" else []
    if kind.noun == "origination_uri":
        gone = [trunk.trunk_id for trunk in plivo.trunks if id_ in (trunk.primary_uri_uuid, trunk.fallback_uri_uuid)]
    kind.shelf(plivo).remove(id_)
    for trunk_id in gone:
        if trunk_id in plivo.trunks:
            plivo.trunks.remove(trunk_id)
        detach(plivo, trunk_id)
    return Reply(NO_CONTENT)


for _kind in KINDS:
    _many, _one = f"{ACCOUNT}Zentrunk/{_kind.path}/", f"{ACCOUNT}Zentrunk/{_kind.path}/{{id}}/"
    ROUTES.get(f"list_{_kind.many}", "api", _many)(partial(_list, _kind))
    ROUTES.get(_kind.noun, "api", _one)(partial(_get, _kind))
    ROUTES(f"create_{_kind.noun}", "POST", "api", _many, write=True)(partial(_create, _kind))
    ROUTES(f"update_{_kind.noun}", "POST", "api", _one, write=True)(partial(_update, _kind))
    ROUTES(f"delete_{_kind.noun}", "DELETE", "api", _one, write=True)(partial(_delete, _kind))


@ROUTES.get("misspelled_zentrunk", "api", ACCOUNT + "Zentrunk/{kind}/")
def _misspelled(plivo: Plivo, _call: Call) -> Reply:
    """Answer 503, not 404, to a name that Zentrunk does not know, such as ``IpAccessControlList`` (reported)."""
    return plivo.refuse(503)
