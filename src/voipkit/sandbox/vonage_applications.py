"""What the simulated Vonage answers at api.nexmo.com; the facts and their sources are in `voipkit.sandbox.vonage`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from voipkit.sandbox._faults import Json
from voipkit.sandbox._kernel import CREATED, NO_CONTENT, OK, Call, Page, Reply, Routes, cut
from voipkit.sandbox._state import iso8601
from voipkit.sandbox.vonage_state import Application

if TYPE_CHECKING:
    from voipkit.sandbox.vonage import Vonage

ROUTES: Routes[Vonage] = Routes()
APPLICATIONS = "/v2/applications"
DEFAULT_PAGE, LARGEST_PAGE = 10, 100


@ROUTES.get("list_applications", "api", APPLICATIONS)
def _list_applications(vonage: Vonage, call: Call) -> Reply:
    """List applications; an account with none says page 1 of 0."""
    asked, size = call.query("page") or "1", call.query("page_size") or str(DEFAULT_PAGE)
    if not asked.isdigit() or int(asked) < 1:
        return vonage.refuse_parameter("list-validation", "page", "must be 1 or more")
    if not size.isdigit() or not 1 <= int(size) <= LARGEST_PAGE:
        return vonage.refuse_parameter("list-validation", "page_size", "must be between 1 and 100")
    page = cut(vonage.applications, int(asked) - 1, int(size), call.fault)
    return Reply(
        OK,
        {
            "page_size": page.size,
            "page": page.number + 1,
            "total_items": page.total,
            "total_pages": page.pages if page.total else 0,
            "_embedded": {"applications": [_application(item) for item in page.items]},
            "_links": _links(page),
        },
    )


@ROUTES.get("application", "api", APPLICATIONS + "/{id}")
def _get_application(vonage: Vonage, call: Call) -> Reply:
    application = vonage.applications.get(call.args["id"])
    return Reply(OK, _with_key(application)) if application else _missing(vonage, call)


@ROUTES("create_application", "POST", "api", APPLICATIONS, write=True)
def _create_application(vonage: Vonage, call: Call) -> Reply:
    """Create an application; its private key is in this answer and never again."""
    sent = call.json() or {}
    if refusal := _refused(vonage, sent):
        return refusal
    application = vonage.add_application(str(sent["name"]))
    _replace(application, sent)
    made = _application(application)
    private = "-----BEGIN PRIVATE KEY-----\nsimulated\n-----END PRIVATE KEY-----\n"
    return Reply(CREATED, made | {"keys": {"public_key": application.public_key, "private_key": private}})


@ROUTES("update_application", "PUT", "api", APPLICATIONS + "/{id}", write=True)
def _update_application(vonage: Vonage, call: Call) -> Reply:
    """Replace an application: capabilities that are not sent are gone."""
    application, sent = vonage.applications.get(call.args["id"]), call.json() or {}
    if application is None:
        return _missing(vonage, call)
    if refusal := _refused(vonage, sent):
        return refusal
    _replace(application, sent)
    return Reply(OK, _with_key(application))


@ROUTES("delete_application", "DELETE", "api", APPLICATIONS + "/{id}", write=True)
def _delete_application(vonage: Vonage, call: Call) -> Reply:
    if call.args["id"] not in vonage.applications:
        return _missing(vonage, call)
    vonage.applications.remove(call.args["id"])
    return Reply(NO_CONTENT)


@ROUTES.get("list_secrets", "api", "/accounts/{api_key}/secrets")
def _list_secrets(vonage: Vonage, call: Call) -> Reply:
    """List the ids of the account's secrets, never the secrets."""
    if call.args["api_key"] != vonage.api_key:
        detail = f"API key '{call.args['api_key']}' not found"
        return vonage.refuse_problem(404, "invalid-api-key", "Invalid API Key", detail)
    where = f"/accounts/{vonage.api_key}/secrets"
    secret = {"id": vonage.secret_id, "created_at": iso8601(0)}
    links: Json = {"_links": {"self": {"href": f"{where}/{vonage.secret_id}"}}}
    return Reply(OK, {"_links": {"self": {"href": where}}, "_embedded": {"secrets": [links | secret]}})


def _missing(vonage: Vonage, call: Call) -> Reply:
    detail = f"ID '{call.args['id']}' does not exist, or you do not have access"
    return vonage.refuse_problem(404, "not-found", "Not Found", detail)


def _refused(vonage: Vonage, sent: Json) -> Reply | None:
    if not isinstance(sent.get("name"), str) or not sent["name"]:
        return vonage.refuse_parameter("payload-validation", "name", "must not be blank")
    if not isinstance(sent.get("capabilities", {}), dict):
        return vonage.refuse_parameter("payload-validation", "capabilities", "must be an object")
    return None


def _replace(application: Application, sent: Json) -> None:
    application.name = str(sent["name"])
    capabilities, privacy = sent.get("capabilities"), sent.get("privacy")
    application.capabilities = capabilities if isinstance(capabilities, dict) else {}
    application.privacy = privacy if isinstance(privacy, dict) else {"improve_ai": True}


def _application(application: Application) -> Json:
    return {
        "id": application.id,
        "name": application.name,
        "capabilities": application.capabilities,
        "privacy": application.privacy,
        "_links": {"self": {"href": f"{APPLICATIONS}/{application.id}"}},
    }


def _with_key(application: Application) -> Json:
    """Return an application on its own; in a listing it has no key."""
    return _application(application) | {"keys": {"public_key": application.public_key}}


def _links(page: Page[Application]) -> Json:
    def href(number: int) -> Json:
        return {"href": f"{APPLICATIONS}?page_size={page.size}&page={number}"}

    links: Json = {"self": href(page.number + 1), "first": href(1), "last": href(page.pages)}
    return links | ({"next": href(page.number + 2)} if page.more else {})
