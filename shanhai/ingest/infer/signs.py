"""What gives a column away: words for missing, shapes of texts, and how many values have to agree."""

from __future__ import annotations

from shanhai.contracts.drafting.glossary import SURNAMES

MISSING = (
    "-",
    "--",
    "---",
    "—",
    "——",
    "/",
    "\\",
    "\\N",
    "-;",
    "N/A",
    "n/a",
    "NA",
    "null",
    "NULL",
    "None",
)
MISSING_WORDS = ("nan", "NaN", "无", "空", "暂无", "不详", "未知", "缺测", "*", "?", "unknown")
"""These can be values of a text; in a column of numbers or moments they cannot."""
NEARLY_ALL = 0.98
IDENTIFIERS = 0.95
ALMOST_ALL = 0.99
MOSTLY = 0.9
FEWEST_PEOPLE = 3
SLIPS = 0.005
MOMENTS = 400
TEXTS = ("id", "code", "zip", "postcode")
"""Last words of what is a text even if it is written in digits: nobody adds identifiers up."""
SHORT_CODE, LONG_CODE, LONGEST_NUMBER, DAY_DIGITS = 6, 9, 18, 8
MOST_CODES = 40
RARE_CODES = 0.0025
CODE_LENGTH = 48
ROWS_PER_CODE = 15
FREE = frozenset(
    {
        *("name", "title", "address", "remark", "description", "content", "opinion", "place", "id"),
        *("province", "city", "district", "county", "street", "town", "village", "community", "ward", "area"),
    }
)
ISSUED = frozenset({"id", "code", "number", "key", "no", "uuid", "guid", "phone", "zip", "grid", "postcode"})
NAMES = "names of people"
RESIDENT = "[1-9][0-9]{16}[0-9Xx]"
SHAPES: tuple[tuple[str, str], ...] = (
    ("phone numbers", r"(\+?86[- ]?)?1[3-9][0-9]{9}"),
    (
        "licence plates",
        "[京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼][A-Z][·]?[A-Z0-9]{5,6}",
    ),
    ("addresses of e-mail", r"[^@\s]+@[^@\s]+\.[a-zA-Z]{2,}"),
    (NAMES, f"[{SURNAMES}][\u4e00-\u9fff·]{{1,2}}|[A-Z][a-z]+ ([A-Z][.] )?[A-Z][a-z]+"),
)
WIDE = "[\uff10-\uff19\uff21-\uff3a]"
ERROR = "#(REF|N/A|VALUE|DIV/0|NAME|NULL|NUM)[!?]?"
TRUTHS = (
    "true",
    "false",
    "True",
    "False",
    "TRUE",
    "FALSE",
    "是",
    "否",
    "yes",
    "no",
    "Yes",
    "No",
    "Y",
    "N",
    "有",
    "无",
)
DATED = (
    r".*[0-9]{1,4}.*[-/.年: ].*[0-9].*|[0-9]{8}|[0-9]{14}"
    r"|[A-Za-z]{3,9} [0-9]{1,2}, [0-9]{4}.*|[0-9]{1,2}[- ][A-Za-z]{3,9}.*"
)
