"""A city whose deliveries have had every fate, and are all old enough to be purged."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from one_city import HEADER, City
from published import publish_small

from shanhai.ingest.decide import decide

WHO = {"by": "Li Wei", "reason": "as the district asked"}
SECRET = "秘密4711"
RETENTION = {"quarantine_days": 30, "snapshot_days": 90}


def old_city(root: Path) -> City:
    """Deliveries of every kind, all of them old enough to go."""
    city = City(root)
    city.declare(retention=RETENTION, tolerance={"hold": 0.5, "refuse": 0.8})
    city.put("first.csv", f"{HEADER}a,1,2024-01-01\nb,{SECRET},2024-01-01\nz,1,2024-01-01\n")
    city.walk()
    publish_small(city)
    city.now += timedelta(days=60)
    city.put("second.csv", f"{HEADER}a,2,2024-02-01\nz,2,2024-02-01\n")
    city.put("stays.csv", f"{HEADER}c,3,2024-01-01\nd,{SECRET},2024-01-01\n")
    city.put("twin.csv", f"{HEADER}c,3,2024-01-01\nd,{SECRET},2024-01-01\n")
    city.put("back.csv", f"{HEADER}e,5,2024-01-01\nf,{SECRET},2024-01-01\n")
    city.put("bad.csv", f"{HEADER}" + f"g,{SECRET},2024-01-01\n" * 9 + "h,1,2024-01-01\n")
    city.put("waits.csv", f"{HEADER}" + f"i,{SECRET},2024-01-01\n" * 6 + "j,1,2024-01-01\n" * 4)
    city.walk()
    city.now += timedelta(days=10)
    publish_small(city)
    decide(city.node, city.delivery("back"), "withdraw", **WHO)
    city.now += timedelta(days=1)
    city.put("later.csv", f"{HEADER}k,1,2024-01-01\n")
    city.walk()
    publish_small(city)
    city.now += timedelta(days=100)
    return city
