"""The HTTP API: `create_router` for a FastAPI application of yours, `create_app` for one that runs by itself.

    app = FastAPI()
    app.include_router(create_router(service, authenticate=signed_in_user, tenant=organization_of_user))

Needs the extra ``web``. Read on in `router` (what a host passes in), `connections`, `numbers` and `overview` (the
endpoints), `bodies` and `answers` (what goes in and out), `listing` (pages), `problem` (errors), `wording` (what is
said of a wrong field), `calls` (threads) and `app` (`voipkit serve`). No module here does anything that Python callers
of `voipkit.service` would miss.
"""

from voipkit.errors import MissingExtra

try:
    from voipkit.web.app import create_app
    from voipkit.web.router import create_router
except ModuleNotFoundError as error:
    if error.name != "fastapi":
        raise
    raise MissingExtra("voipkit.web needs FastAPI.", fix="pip install 'voipkit[web]'") from error

__all__ = ["create_app", "create_router"]
