"""A small report with one of everything: verdicts, decisions, a correction, publications, an empty table."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from shanhai.contracts.federation import District
from shanhai.contracts.model import (
    Column,
    Contract,
    CsvFormat,
    Delivering,
    Feed,
    FeedValue,
    JsonFormat,
    Partition,
    Source,
    Versions,
    WorkbookFormat,
)
from shanhai.ids import DatasetId, DeliveryId
from shanhai.ingest.books import Counts
from shanhai.ingest.ledger import LedgerRow
from shanhai.ingest.pending import Late
from shanhai.ingest.records import CheckRecord, FindingRecord, State, Validation
from shanhai.report.adopted import AdoptedApplication
from shanhai.report.data import ReportData
from shanhai.report.dataset import DatasetFacts
from shanhai.report.delivery import DeliveryFacts
from shanhai.report.history import HistoryEntry
from shanhai.report.refused import ReasonCount, Refused
from shanhai.warehouse.publications import Publication, PublishedMart

START = datetime(2024, 3, 1, 18, 0, tzinfo=UTC)
LONGYOU = District(
    name="longyou", title="龙游县", area_code="330825", endpoints={"portal": "http://127.0.0.1:9"}
)
GONGSHU = District(
    name="gongshu", title="拱墅区", area_code="330105", endpoints={"api": "http://127.0.0.1:9"}
)

METERS = Contract(
    dataset=DatasetId("longyou", "water_meters"),
    version="1.0.0",
    status="active",
    title="独居老人智能水表读数",
    description="每小时一次的读数，只用于判断水表是否静止。",
    level="community",
    share_class="conditional",
    licence="CC BY 4.0",
    columns=(
        Column(
            name="meter_id",
            source="水表编号",
            type="string",
            title="水表编号",
            required=True,
            pattern=r"[A-Z]{2}\d{8}",
        ),
        Column(name="read_at", source="抄表时间", type="timestamp", title="抄表时间", required=True),
        Column(
            name="flow_m3", source="用水量", type="number", title="用水量", unit="m3", minimum=0, maximum=9
        ),
        Column(
            name="holder_id",
            source="身份证号",
            type="string",
            title="身份证号",
            personal=True,
            validators=("resident_id",),
        ),
    ),
    key=("meter_id", "read_at"),
    source=Source(connector="files", endpoint="portal"),
    format=CsvFormat(encoding="gb18030"),
    delivery=Delivering(partition=Partition(by="window")),
    versions=Versions(rule="latest", by="read_at"),
    path=Path("districts/longyou/water_meters.odcs.yml"),
    digest="a" * 64,
)
EVENTS = METERS.model_copy(
    update={
        "dataset": DatasetId("gongshu", "events"),
        "title": "基层智治事件",
        "format": JsonFormat(),
        "source": Source(connector="rest", endpoint="api"),
        "share_class": "unconditional",
        "level": "district",
        "versions": Versions(),
        "feeds": (Feed(shape="event", columns={"event_id": FeedValue(column="meter_id")}),),
    }
)
VILLAGES = METERS.model_copy(
    update={
        "dataset": DatasetId("gongshu", "villages"),
        "title": "村社名录",
        "format": WorkbookFormat(),
        "key": (),
    }
)


@pytest.fixture
def report() -> ReportData:
    """Every number is made up, and every delivery balances."""
    return sample_report()


def sample_report() -> ReportData:
    """The same, for whoever wants to look at the pages."""
    meters = (
        _delivery(METERS, "2024-03-01", Counts(24_960, 24_404, 213, 96, 247, 0), seed=1),
        _delivery(METERS, "2024-03-02", Counts(24_975, 24_512, 377, 86, 0, 0), seed=2),
        _delivery(METERS, "2024-03-02", Counts(24_975, 24_641, 248, 86, 0, 0), seed=3),
        _delivery(METERS, "2024-03-03", Counts(9_310, 0, 131, 12, 0, 9_167), "held", seed=4, finding=True),
    )
    events = (
        _delivery(EVENTS, "2024-03-01", Counts(41_204, 41_018, 90, 96, 0, 0), seed=5),
        _delivery(EVENTS, "2024-03-02", Counts(39_870, 0, 36_110, 0, 0, 3_760), "refused", seed=6, by="李薇"),
        _delivery(EVENTS, "2024-03-03", Counts(40_555, 0, 81, 7, 0, 40_467), "withdrawn", seed=7, by="王强"),
    )
    gone = DeliveryId(DatasetId("longyou", "noise"), "all", _sha(8))
    return ReportData(
        made_at=START + timedelta(days=3),
        lake="lake",
        versions={"ledger": 12, "quarantine": 9, "publications": 2},
        datasets=(
            DatasetFacts(EVENTS.dataset, EVENTS, GONGSHU, events),
            DatasetFacts(VILLAGES.dataset, VILLAGES, GONGSHU, ()),
            DatasetFacts(
                gone.dataset,
                None,
                None,
                (DeliveryFacts(LedgerRow(gone, "0.9.0", Counts(5, 5), "accepted", "", "")),),
            ),
            DatasetFacts(METERS.dataset, METERS, LONGYOU, meters),
        ),
        publications=_publications(),
        late=(Late(VILLAGES.dataset, "2024-03-03", START + timedelta(days=2)),),
        applications=(
            AdoptedApplication(
                "gongshu",
                "notice_board",
                3,
                _sha(9),
                "李薇",
                START + timedelta(days=1),
                "read with the office",
            ),
        ),
    )


def _delivery(
    contract: Contract,
    partition: str,
    counts: Counts,
    verdict: State = "accepted",
    *,
    seed: int,
    by: str = "",
    finding: bool = False,
) -> DeliveryFacts:
    delivery = DeliveryId(contract.dataset, partition, _sha(seed))
    reason = "rows: 9310, expected 12450 to 49900" if finding else ""
    bad = {"meter_id.pattern": counts.quarantined * 2 // 3, "flow_m3.range": counts.quarantined // 2}
    findings = (
        (FindingRecord(name="rows.vs_median", given="9310", allowed="12450 to 49900"),) if finding else ()
    )
    first = HistoryEntry(
        delivery, "load", "accepted", counts, reason, "", "", "1.0.0", seed, START + timedelta(hours=seed)
    )
    history = [first]
    if by:
        history.append(
            HistoryEntry(
                delivery, "refuse" if verdict == "refused" else "withdraw", verdict, Counts(),
                "区县来电确认为重复发送", by, "", "1.0.0", seed + 1, START + timedelta(hours=seed + 5),
            )
        )  # fmt: skip
    return DeliveryFacts(
        row=LedgerRow(delivery, "1.0.0", counts, verdict, history[-1].reason, by),
        validation=Validation(
            delivery=str(delivery),
            staging="a" * 12,
            contract_version="1.0.0",
            contract_digest="a" * 64,
            verdict=verdict,
            reasons=(),
            checks=tuple(_check(contract, name, bad.get(name, 0), counts.rows_in) for name in _RULES),
            findings=findings,
        ),
        refused=Refused(counts.quarantined),
        quarantine=tuple(ReasonCount(delivery, name, Refused(rows)) for name, rows in bad.items() if rows),
        history=tuple(history),
    )


_RULES = {
    "meter_id.required": "completeness",
    "meter_id.pattern": "accuracy",
    "read_at.required": "completeness",
    "read_at.type": "accuracy",
    "flow_m3.range": "accuracy",
    "holder_id.resident_id": "conformity",
}


def _check(contract: Contract, rule: str, unexpected: int, total: int) -> CheckRecord:
    column = rule.partition(".")[0]
    return CheckRecord(
        rule=rule,
        dimension=_RULES[rule],
        sql=f"SELECT count(*) FROM checked WHERE \"{column}\" IS NULL AND '<b>' <> '&'",
        unexpected=unexpected,
        total=total,
        success=unexpected == 0,
    )


def _publications() -> tuple[Publication, ...]:
    areas = PublishedMart("dim_area", 1, 2_431, "c" * 64)
    first = Publication(
        1, "p" * 32, START, (areas, PublishedMart("fct_event", 1, 41_018, "d" * 64)), (("gongshu.events", 2),)
    )
    second = Publication(
        2,
        "q" * 32,
        START + timedelta(days=1),
        (areas, PublishedMart("fct_event", 2, 81_573, "e" * 64)),
        (("gongshu.events", 3), ("longyou.water_meters", 4)),
    )
    return (first, second)


def _sha(seed: int) -> str:
    return hashlib.sha256(str(seed).encode()).hexdigest()
