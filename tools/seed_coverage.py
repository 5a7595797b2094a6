"""Each operation of the contracts beside ours, over HTTP and in Python, and what we have besides: docs/coverage.md.

tests/web/test_coverage.py runs every row over HTTP and in Python, on every store, and fails for a row that was not run.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["BEYOND", "ROWS", "SEEDS", "Row", "table"]

SEEDS = {
    "001": "VoIP connections",
    "002": "Phone numbers",
    "003": "Twilio provider with an automatic SIP trunk",
    "004": "Telephony configurations",
}
_LATER = "A later issue. Until then: a typed `unsupported` problem, in Python an `Unsupported`."


@dataclass(frozen=True, slots=True)
class Row:
    """One operation.

    Attributes:
        seed: The contract that has it; empty where none has.
        asked: The operation there; likewise.
        http: Method and path of ours.
        python: The method of `ConnectionService`; empty where there is none yet.
        note: What differs, or how it is the same.
        later: True when ours only says that it is not offered yet.
    """

    seed: str
    asked: str
    http: str
    python: str
    note: str = ""
    later: bool = False


_C = "/v1/voip-connections"
_ONE = f"{_C}/{{connection_id}}"
_N = "/v1/phone-numbers"
_NUMBER = f"{_N}/{{phone_number_id}}"
_O = "/organizations/telephony-configs"

ROWS = (
    Row("001", f"GET {_C}", f"GET {_C}", "list", "An array; whole, or in pages by `limit` and the `Link` header."),
    Row("001", f"POST {_C}", f"POST {_C}", "create"),
    Row("001", f"GET {_ONE}", f"GET {_ONE}", "get"),
    Row("001", f"PATCH {_ONE}", f"PATCH {_ONE}", "update", "A name, or a rotation with fresh evidence."),
    Row("001", f"DELETE {_ONE}", f"DELETE {_ONE}", "delete", "`Prefer: return=representation` asks for the report."),
    Row("001", f"POST {_C}/test", f"POST {_C}/test", "test"),
    Row("001", f"POST {_C}/suggest-name", f"POST {_C}/suggest-name", "suggest_name"),
    Row("001", f"GET {_ONE}/available-numbers", f"GET {_ONE}/available-numbers", "available_numbers"),
    Row("001", f"POST {_ONE}/import-numbers", f"POST {_ONE}/import-numbers", "import_numbers"),
    Row("002", f"GET {_N}", f"GET {_N}", "numbers"),
    Row("002", f"POST {_N}", f"POST {_N}", "", _LATER, later=True),
    Row("002", f"GET {_NUMBER}", f"GET {_NUMBER}", "number"),
    Row("002", f"PUT {_NUMBER}", f"PUT {_NUMBER}", "update_number", "As PATCH: what is not sent stays."),
    Row("002", f"PATCH {_NUMBER}", f"PATCH {_NUMBER}", "update_number"),
    Row("002", f"DELETE {_NUMBER}", f"DELETE {_NUMBER}", "release_number"),
    Row("002", f"POST {_NUMBER}/transfer", f"POST {_NUMBER}/transfer", "transfer_number"),
    Row("002", f"GET {_NUMBER}/versions", f"GET {_NUMBER}/versions", "number_versions"),
    Row("002", f"POST {_NUMBER}/verify-voip", f"POST {_NUMBER}/verify-voip", "verify_number"),
    Row(
        "003",
        "Create Twilio provider: validate, store encrypted",
        f"POST {_C}",
        "create",
        "With the evidence of `test`, for every carrier alike.",
    ),
    Row("003", "Available numbers", f"GET {_ONE}/available-numbers", "available_numbers"),
    Row("003", "Import numbers", f"POST {_ONE}/import-numbers", "import_numbers"),
    Row("003", "Link a number to an agent", f"PATCH {_NUMBER}", "update_number"),
    Row("003", "Automatic SIP trunk, guided set-up", f"POST {_C}/test", "test", _LATER, later=True),
    Row("004", f"GET {_O}", f"GET {_C}", "list", "`numbers_imported` and `capacity` are the counts."),
    Row(
        "004",
        f"POST {_O}",
        f"POST {_C}",
        "create",
        "`config` is `credentials`, and the evidence of a test goes with it.",
    ),
    Row("004", f"GET {_O}/{{id}}", f"GET {_ONE}", "get"),
    Row("004", f"PUT {_O}/{{id}}", f"PATCH {_ONE}", "update", "What is not sent stays; a provider cannot be changed."),
    Row("004", f"DELETE {_O}/{{id}}", f"DELETE {_ONE}", "delete", "Its numbers stay, with the link cleared."),
    Row("004", f"POST {_O}/{{id}}/set-default-outbound", f"POST {_ONE}/set-default-outbound", "set_default_outbound"),
    Row("004", f"GET {_O}/{{id}}/phone-numbers", f"GET {_ONE}/phone-numbers", "numbers"),
    Row(
        "004",
        f"POST {_O}/{{id}}/phone-numbers",
        f"POST {_ONE}/phone-numbers",
        "import_numbers",
        "In Python, the label is a second call: `update_number`.",
    ),
    Row(
        "004",
        f"DELETE {_O}/{{id}}/phone-numbers/{{pid}}",
        f"DELETE {_ONE}/phone-numbers/{{phone_number_id}}",
        "release_number",
    ),
    Row(
        "004", "GET /organizations/telephony-providers/metadata", "GET /v1/voip-providers/metadata", "provider_metadata"
    ),
    Row("004", "GET /organizations/telephony-config-warnings", "GET /v1/voip-connection-warnings", "warnings"),
    Row("004", "Concurrency capacity", f"GET {_ONE}", "capacity", "Active numbers; over HTTP the field `capacity`."),
    Row("004", "Warnings of one configuration", f"GET {_ONE}/warnings", "warnings"),
)

BEYOND = (
    Row(
        "", "", f"POST {_ONE}/test", "retest", "Clears `error` when the account is in order again, without a rotation."
    ),
)
"""Our operations that no contract asks for."""


def table() -> str:
    """Return the rows as Markdown: a table for each contract, and one of what none of them asks for."""
    parts = []
    for seed, title in SEEDS.items():
        lines = ["| There | Over HTTP | In Python | Remarks |", "| --- | --- | --- | --- |"]
        for row in (row for row in ROWS if row.seed == seed):
            asked = f"`{row.asked}`" if "/" in row.asked else row.asked
            lines.append(f"| {asked} | {_ours(row)}")
        parts.append(f"## {seed}: {title}\n\n" + "\n".join(lines))
    lines = ["| Over HTTP | In Python | Remarks |", "| --- | --- | --- |", *(f"| {_ours(row)}" for row in BEYOND)]
    parts.append("## In none of them\n\n" + "\n".join(lines))
    return "\n\n".join(parts)


def _ours(row: Row) -> str:
    python = f"`ConnectionService.{row.python}`" if row.python else "none yet"
    return f"`{row.http}` | {python} | {row.note} |"
