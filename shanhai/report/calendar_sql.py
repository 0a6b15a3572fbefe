"""The SQL over calendars: which windows were due, when the first delivery of each was pulled, and its day."""

from __future__ import annotations

from datetime import UTC

from shanhai.contracts.sql import quote_literal
from shanhai.contracts.window_keys import is_of_weeks
from shanhai.report.data import ReportData
from shanhai.report.dataset import DatasetFacts
from shanhai.report.statements import Statement


def late(data: ReportData) -> Statement:
    """The windows that are due and for which nothing was pulled."""
    sql = (
        'SELECT dataset, "window", due\nFROM (\n'
        f"{_due_of_all(data)}\n) AS promised\nWHERE came IS NULL\nORDER BY ALL;"
    )
    return Statement("late windows", sql, ("late",), ("dataset", "window"))


def lateness(data: ReportData) -> Statement:
    """How many windows are late."""
    sql = f"SELECT count(*) AS windows\nFROM (\n{_due_of_all(data)}\n) AS promised\nWHERE came IS NULL;"
    return Statement("number of late windows", sql, ("lateness",))


def ratios(data: ReportData, indicator: str) -> str:
    """A and B of an indicator of timeliness for each window that is due, as rows of `facts`."""
    good, extra = "came IS NOT NULL", ""
    if indicator == "punctual_windows":
        good, extra = "came IS NOT NULL AND came <= due", "\n  WHERE since <= due"
    return "\n  UNION ALL\n".join(
        f"  SELECT '{indicator}' AS indicator, dataset, NULL AS delivery,\n"
        f"    ({good})::BIGINT AS a, 1 AS b, day\n"
        f"  FROM (\n{_due(data, one)}\n  ){extra}"
        for one in data.datasets
        if one.calendar
    )


def days(data: ReportData) -> str:
    """`days(delivery, day)` as a table expression: of the window, else of the partition, else of the pull."""
    found = [_days(data, one) for one in data.datasets if one.deliveries]
    none = "  SELECT '' AS delivery, NULL::DATE AS day WHERE false"
    return "days AS (\n{}\n)".format("\n  UNION ALL\n".join(found) or none)


def _days(data: ReportData, dataset: DatasetFacts) -> str:
    contract = dataset.contract
    form = contract.schedule.window if contract else "%Y-%m-%d"
    asked, part = (_begins(key, form, "try_strptime") for key in ("asked", "part"))
    zone = quote_literal(contract.time_zone if contract else "UTC")
    return (
        f"  SELECT delivery, coalesce({asked}, {part},\n"
        f"    timezone({zone}, pulled_at))::DATE AS day\n  FROM ({_pulled(data, dataset)})"
    )


def _begins(key: str, form: str, read: str = "strptime") -> str:
    """The first moment of a window, as SQL over its key; a week is read with a day of it, its Monday."""
    if is_of_weeks(form):
        key, form = f"{key} || ' 1'", f"{form} %u"
    return f"{read}({key}, {quote_literal(form)})"


def _due_of_all(data: ReportData) -> str:
    found = [_due(data, one) for one in data.datasets if one.calendar]
    none = """    SELECT '' AS dataset, '' AS "window", NULL::TIMESTAMPTZ AS due, due AS came WHERE false"""
    return "\n  UNION ALL\n".join(found) or none


def _due(data: ReportData, dataset: DatasetFacts) -> str:
    """The windows of a dataset that are due: dataset, window, day, due, came, since."""
    calendar = dataset.calendar
    if calendar is None:
        return ""
    form, name = quote_literal(calendar.form), quote_literal(str(dataset.id))
    begins = _begins("key", calendar.form)
    wait = f"INTERVAL {round(calendar.due_hours * 3600)} SECOND"
    series = f"generate_series(DATE '{calendar.first}', DATE '{calendar.last}', INTERVAL 1 DAY) AS days(day)"
    return f"""    SELECT * FROM (
      WITH pulled AS ({_pulled(data, dataset)}),
      windows AS (SELECT DISTINCT strftime(day, {form}) AS key FROM {series})
      SELECT {name} AS dataset, key AS "window", {begins}::DATE AS day,
        timezone({quote_literal(calendar.zone)}, {begins} + {wait}) AS due,
        (SELECT min(pulled_at) FROM pulled WHERE asked = key OR part = key) AS came,
        (SELECT min(pulled_at) FROM pulled) AS since
      FROM windows
    ) WHERE due <= {_now(data)}"""


def _pulled(data: ReportData, dataset: DatasetFacts) -> str:
    if not dataset.pulled:
        return "SELECT '' AS delivery, '' AS asked, '' AS part, NULL::TIMESTAMPTZ AS pulled_at WHERE false"
    folder = quote_literal(f"snapshots/deliveries/{dataset.id.district}/{dataset.id.name}/*.json")
    return f"""
        SELECT delivery, "window" AS asked, split_part(delivery, '/', 2) AS part, pulled_at
        FROM read_json({folder},
          columns = {{delivery: 'VARCHAR', "window": 'VARCHAR', pulled_at: 'TIMESTAMPTZ'}})
        WHERE pulled_at <= {_now(data)}
      """


def _now(data: ReportData) -> str:
    return f"TIMESTAMPTZ {quote_literal(data.made_at.astimezone(UTC).isoformat(sep=' '))}"
