"""The SQL over refused rows: in which state each is, by the quarantine table and the notes in the ledger."""

from __future__ import annotations

from shanhai.ids import DeliveryId
from shanhai.report.data import ReportData
from shanhai.report.refused import STATES
from shanhai.report.statements import Statement, table, where


def overall(data: ReportData) -> Statement:
    """Refused rows by state over all, and what the ledger counts as quarantined."""
    return Statement("refused rows", f"WITH {_states(data)}\nSELECT\n{_sums()}\nFROM states;", ("refused",))


def by_dataset(data: ReportData) -> Statement:
    """The same by dataset."""
    sql = (
        f"WITH {_states(data)}\nSELECT split_part(delivery, '/', 1) AS dataset,\n{_sums()}\n"
        "FROM states\nGROUP BY ALL\nORDER BY ALL;"
    )
    return Statement("refused rows by dataset", sql, ("refused_by_dataset",), ("dataset",))


def by_delivery(data: ReportData) -> Statement:
    """The same by delivery."""
    sql = f"WITH {_states(data)}\nSELECT delivery,\n{_sums()}\nFROM states\nGROUP BY ALL\nORDER BY ALL;"
    return Statement("refused rows by delivery", sql, ("refused_by_delivery",), ("delivery",))


def of_delivery(data: ReportData, delivery: DeliveryId) -> Statement:
    """The same of one delivery."""
    sql = f"WITH {_states(data, delivery)}\nSELECT\n{_sums()}\nFROM states;"
    return Statement(f"refused rows of {delivery.short}", sql, ("refused_of", delivery.short))


def reasons(data: ReportData, *, delivery: DeliveryId | None = None) -> Statement:
    """Refused rows by the rule that they broke and by state, and the rows that came in with them."""
    group = "reason" if delivery else "dataset, reason"
    same = "" if delivery else "\n    WHERE district || '.' || dataset = broken.dataset"
    counts = ",\n".join(f"  count(*) FILTER (state = '{state}') AS {state}" for state in STATES)
    sql = (
        f"WITH {_refused(data, delivery)},\nbroken AS (\n"
        "  SELECT split_part(delivery, '/', 1) AS dataset, state, unnest(reasons) AS reason FROM refused\n)\n"
        f"SELECT {group}, count(*) AS rows,\n{counts},\n"
        f"  (SELECT sum(rows_in)::BIGINT FROM {table(data, 'ledger')}"
        f"{where(None, delivery, indent='    ') if delivery else same}) AS rows_in\n"
        f"FROM broken\nGROUP BY {group}\nORDER BY ALL;"
    )
    if delivery:
        return Statement(f"reasons of {delivery.short}", sql, ("reasons_of", delivery.short), ("reason",))
    return Statement("reasons", sql, ("reasons",), ("dataset", "reason"))


def decisions(data: ReportData) -> Statement:
    """The entries that decided what becomes of refused rows, newest first."""
    sql = (
        'SELECT delivery, table_version, entry, kind, contract_version, decided_by, reason, "at",\n'
        "  quarantined, loaded, duplicates, superseded\nFROM (\n"
        "  SELECT *, sum(quarantined) OVER (PARTITION BY delivery ORDER BY table_version, entry) AS so_far\n"
        f"  FROM {table(data, 'ledger')}\n)\n"
        "WHERE kind IN ('discard', 'reopen') OR (kind = 'purge' AND list_contains(scope, 'quarantine'))\n"
        "  OR (kind = 'replay' AND (so_far <> 0 OR quarantined <> 0))\n"
        'ORDER BY "at" DESC, table_version DESC, entry DESC;'
    )
    name = "what was decided about refused rows"
    return Statement(name, sql, ("refused_decisions",), ("delivery", "table_version", "entry"))


def _sums() -> str:
    sums = ",\n".join(f"  sum({name})::BIGINT AS {name}" for name in ("refused", *STATES, "quarantined"))
    return f"{sums},\n  sum(quarantined - (open + discarded + purged))::BIGINT AS unaccounted"


def _states(data: ReportData, delivery: DeliveryId | None = None) -> str:
    """`states` by delivery: its refused rows in each state, and what the ledger counts as quarantined."""
    counts = "".join(f",\n      count(*) FILTER (state = '{state}') AS {state}" for state in STATES)
    given = ", ".join(f"coalesce({name}, 0) AS {name}" for name in ("refused", *STATES, "quarantined"))
    return (
        f"{_refused(data, delivery)},\nstates AS (\n  SELECT delivery, {given}\n  FROM (\n"
        f"    SELECT delivery, sum(quarantined)::BIGINT AS quarantined FROM {table(data, 'ledger')}"
        f"{where(None, delivery, indent='    ')}\n    GROUP BY delivery\n  )\n  FULL JOIN (\n"
        f"    SELECT delivery, count(*) AS refused{counts}\n    FROM refused GROUP BY delivery\n"
        "  ) USING (delivery)\n)"
    )


def _refused(data: ReportData, delivery: DeliveryId | None) -> str:
    """`refused`: delivery, reasons and state of each row in quarantine; the text is asked for being there."""
    noted = where(None, delivery, indent="    ", also="kind IN ('discard', 'reopen')")
    return (
        "said AS (\n  SELECT delivery, rule, arg_max(kind, (table_version, entry)) AS kind\n  FROM (\n"
        "    SELECT delivery, unnest(scope) AS rule, kind, table_version, entry\n"
        f"    FROM {table(data, 'ledger')}{noted}\n  ) GROUP BY ALL\n),\n"
        "closed AS (\n  SELECT delivery, list(rule) AS rules FROM said\n"
        "  WHERE kind = 'discard' GROUP BY delivery\n),\n"
        "refused AS (\n  SELECT delivery, reasons,\n"
        "    CASE WHEN released THEN 'released' WHEN raw IS NULL THEN 'purged'\n"
        "      WHEN list_has_any(reasons, rules) THEN 'discarded' ELSE 'open' END AS state\n"
        f"  FROM {table(data, 'quarantine')} LEFT JOIN closed USING (delivery)"
        f"{where(None, delivery, indent='  ')}\n)"
    )
