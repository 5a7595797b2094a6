"""Routes that look at everything: the carriers that can be connected, and what wants attention."""

from __future__ import annotations

from fastapi import APIRouter

from voipkit.web import examples
from voipkit.web.answers import ProviderAnswer, WarningCounts
from voipkit.web.calls import Asked
from voipkit.web.problem import ProblemRoute

__all__ = ["routes"]

routes = APIRouter(prefix="/v1", tags=["Overview"], route_class=ProblemRoute)


@routes.get("/voip-providers/metadata", responses=examples.answered(200, [examples.PROVIDER]))
async def provider_metadata(call: Asked) -> list[ProviderAnswer]:
    """List the carriers with their forms: fields to draw, and JSON Schemas to check them with."""
    found = await call.stored(lambda _org_id: call.service.provider_metadata())
    return [ProviderAnswer.of(info) for info in found]


@routes.get("/voip-connection-warnings", responses=examples.answered(200, examples.WARNING_COUNTS))
async def warning_counts(call: Asked) -> WarningCounts:
    """Count the tenant's warnings by their code; the connections' own pages list them."""
    found = await call.stored(call.service.warnings)
    return WarningCounts(total=sum(found.counts.values()), counts=found.counts)
