"""What the simulated Cloudonix answers to each operation; sources are in `voipkit.sandbox.cloudonix`."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from voipkit.sandbox._faults import Json
from voipkit.sandbox._kernel import NO_CONTENT, OK, Call, Reply, Routes
from voipkit.sandbox._state import Shelf, iso8601
from voipkit.sandbox.cloudonix_state import BUILT_IN, DIRECTIONS, TRANSPORTS, Alias, Application, Dnid, Domain, Trunk

if TYPE_CHECKING:
    from voipkit.sandbox.cloudonix import Cloudonix

Item = TypeVar("Item", Application, Dnid, Trunk, Alias)

ROUTES: Routes[Cloudonix] = Routes()
CUSTOMER_LEVEL = frozenset({"customer", "concurrency_limit", "list_domains"})
_CUSTOMER = "/customers/{customer}"
_DOMAIN = _CUSTOMER + "/domains/{domain}"


def _array(cloudonix: Cloudonix, records: list[Json]) -> Reply:
    """Answer a listing, which is one array; one with nothing in it is a 404."""
    return Reply(OK, records) if records or not cloudonix.empty_is_404 else cloudonix.refuse(404)


def _here(cloudonix: Cloudonix, call: Call) -> Domain:
    """Return the domain in the path; the gate has seen that there is one."""
    return cloudonix.domain_of(call) or cloudonix.domain


def _named(items: Shelf[Item], name: str) -> Item | None:
    """Return the object with this id, uuid, name or number."""
    marks = ("uuid", "name", "alias", "source")
    return items.get(name) or next(
        (item for item in items if name in (getattr(item, mark, None) for mark in marks)), None
    )


# --- The customer and its domains -------------------------------------------------------------------------------------


@ROUTES.get("customer", "api", _CUSTOMER)
def _get_customer(cloudonix: Cloudonix, _call: Call) -> Reply:
    profile = {"contact-name": "Ada Example", "contact-email": "voice@example.com"}
    return Reply(OK, _customer(cloudonix) | {"profile": profile, "settings": {}})


@ROUTES.get("concurrency_limit", "api", _CUSTOMER + "/concurrency-limit")
def _get_concurrency_limit(cloudonix: Cloudonix, _call: Call) -> Reply:
    return Reply(OK, {"limit": cloudonix.customer.concurrency_limit})


@ROUTES.get("list_domains", "api", _CUSTOMER + "/domains")
def _list_domains(cloudonix: Cloudonix, _call: Call) -> Reply:
    return _array(cloudonix, [_domain(cloudonix, domain) for domain in cloudonix.domains])


@ROUTES.get("domain", "api", _DOMAIN)
def _get_domain(cloudonix: Cloudonix, call: Call) -> Reply:
    return Reply(OK, _domain(cloudonix, _here(cloudonix, call)))


@ROUTES("update_domain", "PUT", "api", _DOMAIN, write=True)
@ROUTES("patch_domain", "PATCH", "api", _DOMAIN, write=True)
def _update_domain(cloudonix: Cloudonix, call: Call) -> Reply:
    """Change what was sent, whichever verb it came with."""
    domain, sent = _here(cloudonix, call), call.json()
    default = None if sent is None else sent.get("defaultApplication")
    if sent is None or not isinstance(default, int | None) or isinstance(default, bool):
        return cloudonix.refuse(400, detail="defaultApplication must be the number of an application")
    if default is not None and str(default) not in domain.applications:
        return cloudonix.refuse(404)
    if default is not None and call.request.method not in cloudonix.deaf_to_default_application:
        domain.default_application = default
    if isinstance(profile := sent.get("profile"), dict):
        domain.profile |= profile
    for name, attribute in (("registrationFree", "registration_free"), ("active", "active")):
        if isinstance(sent.get(name), bool):
            setattr(domain, attribute, sent[name])
    return Reply(OK, _domain(cloudonix, domain))


@ROUTES.get("list_aliases", "api", _DOMAIN + "/aliases")
def _list_aliases(cloudonix: Cloudonix, call: Call) -> Reply:
    domain = _here(cloudonix, call)
    return _array(cloudonix, [_alias(domain, alias) for alias in domain.aliases])


def _customer(cloudonix: Cloudonix) -> Json:
    customer = cloudonix.customer
    body: Json = {"id": customer.id, "name": customer.name, "uuid": customer.uuid, "active": customer.active}
    return body | _times(0)


def _domain(cloudonix: Cloudonix, domain: Domain) -> Json:
    default = domain.applications.get(str(domain.default_application))
    record: Json = {
        "id": domain.id,
        "tenantId": cloudonix.customer.id,
        "domain": domain.domain,
        "uuid": domain.uuid,
        "active": domain.active,
        "registrationFree": domain.registration_free,
        "profile": domain.profile,
        "aliases": [_alias(domain, alias) for alias in domain.aliases],
        "tenant": _customer(cloudonix),
    }
    if default is not None:
        record |= {"defaultApplication": default.id, "application": _application(domain, default)}
    return record | _times(domain.created)


def _alias(domain: Domain, item: Alias) -> Json:
    record: Json = {"id": item.id, "domainId": domain.id, "alias": item.alias, "active": item.active}
    return record | {"type": item.kind} | _times(item.created)


def _times(created: int) -> Json:
    return {"createdAt": iso8601(created), "modifiedAt": iso8601(created), "deletedAt": None}


# --- DNIDs ------------------------------------------------------------------------------------------------------------


@ROUTES.get("list_dnids", "api", _DOMAIN + "/dnids")
def _list_dnids(cloudonix: Cloudonix, call: Call) -> Reply:
    domain = _here(cloudonix, call)
    return _array(cloudonix, [_dnid(domain, item) for item in domain.dnids])


@ROUTES.get("dnid", "api", _DOMAIN + "/dnids/{id}")
def _get_dnid(cloudonix: Cloudonix, call: Call) -> Reply:
    """Answer one DNID by its id, or by its source (dograh asks so; not in the document)."""
    domain = _here(cloudonix, call)
    item = _named(domain.dnids, call.args["id"])
    return Reply(OK, _dnid(domain, item)) if item else cloudonix.refuse(404)


@ROUTES("create_dnid", "POST", "api", _DOMAIN + "/dnids", write=True)
def _create_dnid(cloudonix: Cloudonix, call: Call) -> Reply:
    """Make a DNID; the answer is empty, so its id is known from the next listing only."""
    made = _make_dnid(cloudonix, call, call.json())
    return made if isinstance(made, Reply) else Reply(NO_CONTENT)


@ROUTES("create_dnid_below", "POST", "api", _DOMAIN + "/applications/{application}/dnids", write=True)
def _create_dnid_below(cloudonix: Cloudonix, call: Call) -> Reply:
    """Make a DNID below its application, and answer it (dograh asks so; not in the current document)."""
    domain = _here(cloudonix, call)
    application = _named(domain.applications, call.args["application"])
    if application is None:
        return cloudonix.refuse(404)
    made = _make_dnid(cloudonix, call, {**(call.json() or {}), "applicationId": application.id})
    return made if isinstance(made, Reply) else Reply(OK, _dnid(domain, made))


@ROUTES("update_dnid", "PUT", "api", _DOMAIN + "/dnids/{id}", write=True)
def _update_dnid(cloudonix: Cloudonix, call: Call) -> Reply:
    """Change what was sent, e.g. the application that takes the calls."""
    domain, sent = _here(cloudonix, call), call.json()
    item = _named(domain.dnids, call.args["id"])
    if item is None:
        return cloudonix.refuse(404)
    if refusal := _refused_dnid(cloudonix, domain, sent, item):
        return refusal
    sent = sent or {}
    if "source" in sent:
        item.dnid = ""
    elif "dnid" in sent:
        item.source = None
    for name, attribute in _DNID_FIELDS.items():
        if name in sent:
            setattr(item, attribute, sent[name])
    return Reply(NO_CONTENT)


@ROUTES("delete_dnid", "DELETE", "api", _DOMAIN + "/dnids/{id}", write=True)
def _delete_dnid(cloudonix: Cloudonix, call: Call) -> Reply:
    domain = _here(cloudonix, call)
    item = _named(domain.dnids, call.args["id"])
    if item is None:
        return cloudonix.refuse(404)
    domain.dnids.remove(str(item.id))
    return Reply(NO_CONTENT)


_DNID_FIELDS = {
    "applicationId": "application_id",
    "messagingApplicationId": "messaging_application_id",
    "dnid": "dnid",
    "source": "source",
    "prefix": "prefix",
    "expression": "expression",
    "asteriskCompatible": "asterisk_compatible",
    "active": "active",
    "global": "is_global",
}
_RULES = ("prefix", "expression", "asteriskCompatible")


def _make_dnid(cloudonix: Cloudonix, call: Call, sent: Json | None) -> Dnid | Reply:
    domain = _here(cloudonix, call)
    if sent is not None and "applicationId" not in sent:
        return cloudonix.refuse(400, detail="applicationId is required")
    if sent is not None and not sent.get("dnid") and not sent.get("source"):
        return cloudonix.refuse(400, detail="dnid or source is required")
    if refusal := _refused_dnid(cloudonix, domain, sent, None):
        return refusal
    item = Dnid(cloudonix.next_id(), 0, cloudonix.mint.tick())
    for name, attribute in _DNID_FIELDS.items():
        if name in (sent or {}):
            setattr(item, attribute, (sent or {})[name])
    return domain.dnids.add(str(item.id), item)


def _refused_dnid(cloudonix: Cloudonix, domain: Domain, sent: Json | None, item: Dnid | None) -> Reply | None:
    """Refuse what the document forbids, and values of the wrong type."""
    if sent is None or not sent.keys() <= {*_DNID_FIELDS, "domainId"}:
        return cloudonix.refuse(400)
    texts = [sent[name] for name in ("dnid", "source") if name in sent]
    if len(texts) > 1 or not all(isinstance(text, str) for text in texts):
        return cloudonix.refuse(400, detail="dnid or source must be text, and they exclude each other")
    flags = [sent.get(name, getattr(item, _DNID_FIELDS[name], False)) for name in (*_RULES, "active", "global")]
    if not all(isinstance(flag, bool) for flag in flags) or sum(flag is True for flag in flags[: len(_RULES)]) > 1:
        return cloudonix.refuse(400, detail="at most one of prefix, expression and asteriskCompatible may be true")
    application = sent.get("applicationId", item.application_id if item else None)
    if not isinstance(application, int) or isinstance(application, bool):
        return cloudonix.refuse(400, detail="applicationId must be a number")
    if "applicationId" in sent and str(application) not in domain.applications:
        return cloudonix.refuse(404)
    source = sent.get("source")
    taken = source is not None and any(other.source == source and other is not item for other in domain.dnids)
    return cloudonix.refuse(500) if taken else None


def _dnid(domain: Domain, item: Dnid) -> Json:
    record: Json = {name: getattr(item, attribute) for name, attribute in _DNID_FIELDS.items()}
    record |= {"id": item.id, "domainId": domain.id, "dnid": item.compiled}
    if application := domain.applications.get(str(item.application_id)):
        record["application"] = _application(domain, application)
    return {name: value for name, value in record.items() if value is not None}


# --- Applications -----------------------------------------------------------------------------------------------------


@ROUTES.get("list_applications", "api", _DOMAIN + "/applications")
def _list_applications(cloudonix: Cloudonix, call: Call) -> Reply:
    domain = _here(cloudonix, call)
    return _array(cloudonix, [_application(domain, item) for item in domain.applications])


@ROUTES.get("application", "api", _DOMAIN + "/applications/{id}")
def _get_application(cloudonix: Cloudonix, call: Call) -> Reply:
    domain = _here(cloudonix, call)
    item = _named(domain.applications, call.args["id"])
    return Reply(OK, _application(domain, item)) if item else cloudonix.refuse(404)


@ROUTES("create_application", "POST", "api", _DOMAIN + "/applications", write=True)
def _create_application(cloudonix: Cloudonix, call: Call) -> Reply:
    domain, sent = _here(cloudonix, call), call.json()
    if refusal := _refused_application(cloudonix, sent, ("name", "type", "url", "method")):
        return refusal
    sent = sent or {}
    if any(item.name == sent["name"] for item in domain.applications):
        return cloudonix.refuse(500)
    item = cloudonix.add_application(str(sent["name"]), domain=domain)
    _change_application(item, sent)
    return Reply(OK, _application(domain, item))


@ROUTES("update_application", "PUT", "api", _DOMAIN + "/applications/{id}", write=True)
@ROUTES("patch_application", "PATCH", "api", _DOMAIN + "/applications/{id}", write=True)
def _update_application(cloudonix: Cloudonix, call: Call) -> Reply:
    """Change an application; PUT must name type, url and method, PATCH (not in the document) what it likes."""
    domain, sent = _here(cloudonix, call), call.json()
    item = _named(domain.applications, call.args["id"])
    if item is None:
        return cloudonix.refuse(404)
    needed = ("type", "url", "method") if call.request.method == "PUT" else ()
    if refusal := _refused_application(cloudonix, sent, needed):
        return refusal
    if item.kind == BUILT_IN:
        return cloudonix.refuse(400, detail="a built-in application cannot be changed")
    _change_application(item, sent or {})
    return Reply(OK, _application(domain, item))


@ROUTES("delete_application", "DELETE", "api", _DOMAIN + "/applications/{id}", write=True)
def _delete_application(cloudonix: Cloudonix, call: Call) -> Reply:
    domain = _here(cloudonix, call)
    item = _named(domain.applications, call.args["id"])
    if item is None:
        return cloudonix.refuse(404)
    if any(dnid.application_id == item.id for dnid in domain.dnids):
        return cloudonix.refuse(500)
    domain.applications.remove(str(item.id))
    return Reply(NO_CONTENT)


def _refused_application(cloudonix: Cloudonix, sent: Json | None, needed: tuple[str, ...]) -> Reply | None:
    if sent is None or any(not sent.get(name) for name in needed):
        return cloudonix.refuse(400, detail=f"{', '.join(needed)} are required")
    good = sent.get("type", "cxml") == "cxml" and sent.get("method", "POST") in ("GET", "POST")
    return None if good else cloudonix.refuse(400, detail="type or method is not valid")


def _change_application(item: Application, sent: Json) -> None:
    for name in ("url", "method", "active"):
        if name in sent:
            setattr(item, name, sent[name])
    if isinstance(profile := sent.get("profile"), dict):
        item.profile |= profile


def _application(domain: Domain, item: Application) -> Json:
    record: Json = {name: getattr(item, name) for name in ("id", "name", "uuid", "active", "profile")}
    record |= {"domainId": domain.id, "type": item.kind}
    if item.kind != BUILT_IN:
        record |= {"url": item.url, "method": item.method}
    return record | _times(item.created)


# --- Trunks -----------------------------------------------------------------------------------------------------------


@ROUTES.get("list_trunks", "api", _DOMAIN + "/trunks")
def _list_trunks(cloudonix: Cloudonix, call: Call) -> Reply:
    domain = _here(cloudonix, call)
    return _array(cloudonix, [_trunk(cloudonix, domain, item) for item in domain.trunks])


@ROUTES.get("trunk", "api", _DOMAIN + "/trunks/{id}")
def _get_trunk(cloudonix: Cloudonix, call: Call) -> Reply:
    domain = _here(cloudonix, call)
    item = _named(domain.trunks, call.args["id"])
    return Reply(OK, _trunk(cloudonix, domain, item)) if item else cloudonix.refuse(404)


@ROUTES("create_trunk", "POST", "api", _DOMAIN + "/trunks", write=True)
def _create_trunk(cloudonix: Cloudonix, call: Call) -> Reply:
    """Make a trunk; its name has letters, digits and hyphens only."""
    domain, sent = _here(cloudonix, call), call.json() or {}
    if any(not sent.get(name) for name in ("name", "ip", "port", "transport", "direction")):
        return cloudonix.refuse(400, detail="name, ip, port, transport and direction are required")
    if refusal := _refused_trunk(cloudonix, sent):
        return refusal
    if any(item.name == sent["name"] for item in domain.trunks):
        return cloudonix.refuse(500)
    item = cloudonix.add_trunk(str(sent["direction"]), str(sent["name"]), str(sent["ip"]), domain=domain)
    _change_trunk(item, sent)
    return Reply(OK, None if cloudonix.creates_silently else _trunk(cloudonix, domain, item))


@ROUTES("update_trunk", "PUT", "api", _DOMAIN + "/trunks/{id}", write=True)
def _update_trunk(cloudonix: Cloudonix, call: Call) -> Reply:
    """Change what was sent; ``active`` is taken too, as dograh sends it (not in the document)."""
    domain, sent = _here(cloudonix, call), call.json()
    item = _named(domain.trunks, call.args["id"])
    if item is None:
        return cloudonix.refuse(404)
    if sent is None:
        return cloudonix.refuse(400)
    if refusal := _refused_trunk(cloudonix, sent):
        return refusal
    _change_trunk(item, sent)
    return Reply(OK, _trunk(cloudonix, domain, item))


@ROUTES("delete_trunk", "DELETE", "api", _DOMAIN + "/trunks/{id}", write=True)
def _delete_trunk(cloudonix: Cloudonix, call: Call) -> Reply:
    domain = _here(cloudonix, call)
    item = _named(domain.trunks, call.args["id"])
    if item is None:
        return cloudonix.refuse(404)
    domain.trunks.remove(str(item.id))
    return Reply(NO_CONTENT)


def _refused_trunk(cloudonix: Cloudonix, sent: Json) -> Reply | None:
    tests: dict[str, Callable[[object], object]] = {
        "name": lambda value: re.fullmatch("[A-Za-z0-9-]+", str(value)),
        "port": lambda value: str(value).isdigit(),
        "transport": lambda value: value in TRANSPORTS,
        "direction": lambda value: value in DIRECTIONS,
        "profile": lambda value: isinstance(value, dict),
        "active": lambda value: isinstance(value, bool),
    }
    wrong = [name for name, good in tests.items() if name in sent and not good(sent[name])]
    return cloudonix.refuse(400, detail=f"{wrong[0]} is not valid") if wrong else None


def _change_trunk(item: Trunk, sent: Json) -> None:
    """Change what was sent; a profile is replaced as a whole."""
    for name in ("ip", "transport", "prefix", "direction", "profile", "active"):
        if name in sent:
            setattr(item, name, sent[name])
    if "port" in sent:
        item.port = str(sent["port"])


def _trunk(cloudonix: Cloudonix, domain: Domain, item: Trunk) -> Json:
    names = ("id", "name", "uuid", "ip", "port", "transport", "prefix", "direction", "profile", "active", "metric")
    record: Json = {name: getattr(item, name) for name in names}
    record |= {"tenantId": cloudonix.customer.id, "domainId": domain.id, "allowGlobal": False, "globalPrefix": None}
    return record | _times(item.created)
