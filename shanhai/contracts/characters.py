"""How usual a character is in Chinese or western text, in bits of surprise: what tells encodings apart."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from types import MappingProxyType

from shanhai.contracts.drafting.glossary import PERSONAL, SURNAMES, WORDS

_FREQUENT = (
    "的一是了我不人在他有这个上们来到时大地为子中你说生国年着就那和要出也得里后自以会家可下而过天去能对小多然于心学么之都"
    "好看起发当没成只如事把还用第样道想作种开总从无情己面最女但现前些所同日手又行意动方期头经长儿回位分老因很给名法间知世"
    "什两次使身者被高已其进此常与活正感见明问力理点文几定本公特做外相西果走将月十实向声车全信重三机工物气每并别真打太新比"
    "才便再书部水等体却加电主界门利海受听表德少代员许先口由安性马光白或住难望教命花结色更东记处让应直字场平报关放至认接告"
    "入内英军民岁往何度山路带万男边风解任金快原变通师立象数四失满战远格士音轻目条二五六七八九百千零元角吨米斤克升项类别型"
    "备注省市县区镇乡村街社号编码称址姓联系局办科管服务建设房屋楼幢栋室层户网站监测值量级标准据统计额积率温湿压流速北南江河"
    "浙杭州宁波衢龙游湖川庄桥园校医院厂店业农林牧渔商质检验安环保交通运输公司有限责任集团组织党委政府居民群众矛盾纠纷隐患整"
    "改处置结案投诉举报巡查探访老龄养残疾低保补贴男女汉族身份证完成待未正常异常开关停用停运东西左右内外始末初终"
)
"""Characters that are most of simplified text, and of tables of administrations."""
_TRADITIONAL = (
    "這個們來時為說國後會過對學麼還開總從無現經長兒愛給間兩親進話與見問點幾將實聲車書機氣別電門聽員許寫馬樂東記處讓應場報"
    "關張認軍歲覺萬邊風變師數滿戰遠輕條號編碼稱單項狀態類備註聯縣區鎮鄉樓層戶網監測設標準據統計額積噸溫濕壓臺灣廣寧龍遊試"
    "業務質農產園醫院廠檢驗環運輸責團組織黨舉報訪齡養殘補貼漢證異當發動裡沒種樣結東縣長陳劉楊黃趙吳孫馬羅鄭謝韓馮鄧蕭葉"
)
"""Characters of traditional text that simplified text writes otherwise."""
_MARKS = frozenset(
    "，。、；：？！“”‘’（）《》〈〉【】「」『』—…·～－％℃㎡㎥°±×÷²³　／＋＝＜＞＃＊＆＠￥№①②③④⑤⑥⑦⑧⑨"
)
_FULL_WIDTH = (0xFF10, 0xFF5A)
_SIMPLIFIED = frozenset(_FREQUENT) | frozenset("".join((*WORDS, *PERSONAL, SURNAMES)))
_IDEOGRAPHS = ((0x4E00, 0x9FFF), (0xF900, 0xFAFF))
_RARE_IDEOGRAPHS = ((0x3400, 0x4DBF), (0x20000, 0x3FFFF))
_OWN_USE = ((0xE000, 0xF8FF), (0xF0000, 0x10FFFF))

_LETTERS = frozenset("éèàùâêîôûçëïüäößñáíóúãõåøæœìòÉÈÀÇÊÜÄÖÅØÑÁÍÓÚÎÔÂ")
_SIGNS = frozenset("°²³µ€§«»’‘“”–—…·®©£×±½¼º\u00a0")
_LATIN = re.compile("[\u00c0-\u024f]")

# Bits here and below are -log2 of how much of a text such characters are, over how many of them there are:
# half of Chinese text is 450 characters, 1 + log2(450) = 9.8.
_ASCII, _RUN, _BESIDE_LETTER = 4.5, 3.0, 4.0
_AGAIN = 6.0
"""A western character beyond ASCII right after another one: `créée` has it, hardly a second word does."""
_FAULT = 40.0
_BEYOND = re.compile("[^\x00-\x7f]+")
_BESIDE = re.compile("(?<=[a-z])[^\x00-\x7f]|[^\x00-\x7f](?=[a-z])")


def _within(code: int, ranges: tuple[tuple[int, int], ...]) -> bool:
    return any(first <= code <= last for first, last in ranges)


def _chinese(one: str, among: str, frequent: frozenset[str], first: range) -> float:
    """Bits of a character beyond ASCII in Chinese text: by how much of it the characters like it are."""
    if one in frequent:
        return 9.8
    if one in _MARKS or _FULL_WIDTH[0] <= ord(one) <= _FULL_WIDTH[1]:
        return 12.3
    code = ord(one)
    if _within(code, _IDEOGRAPHS):
        encoded = one.encode(among, "ignore")
        usual = 13.1 if encoded and encoded[0] in first else 17.0
        return usual if encoded else 22.0
    if _within(code, _RARE_IDEOGRAPHS):
        return 26.0
    return 34.0 if _within(code, _OWN_USE) or not one.isprintable() else 22.0


def _western(one: str) -> float:
    """Bits of a character beyond ASCII in western text."""
    if one in _LETTERS:
        return 6.0
    if one in _SIGNS:
        return 8.0
    return 10.0 if _LATIN.fullmatch(one) else 14.0


def _of_simplified(one: str) -> float:
    return _chinese(one, "gb2312", _SIMPLIFIED, range(0xB0, 0xD8))


def _of_traditional(one: str) -> float:
    return _chinese(one, "big5", _BIG5, range(0xA4, 0xC7))


def _of_any(one: str) -> float:
    """As UTF-8 has them: of any script."""
    return min(_of_simplified(one), _of_traditional(one), _western(one), 8.0 if one.isalpha() else 34.0)


_BIG5 = frozenset(one for one in _SIMPLIFIED if one.encode("big5", "ignore")) | frozenset(_TRADITIONAL)
_USUAL = {"gb18030": _SIMPLIFIED | _MARKS, "big5": _BIG5 | _MARKS, "cp1252": _LETTERS | _SIGNS}
_FEW, _FEW_FREQUENT, _MOST = 12, 0.15, 0.7
_BITS: Mapping[str, Callable[[str], float]] = MappingProxyType(
    {"utf-8": _of_any, "gb18030": _of_simplified, "big5": _of_traditional, "cp1252": _western}
)


def surprise(texts: list[str | None], encoding: str) -> float:
    """Bits that it takes to tell some texts, as an encoding reads them; the least is the likeliest.

    Args:
        texts: None: the encoding does not read it.
        encoding: one of utf-8, gb18030, big5, cp1252.
    """
    whole = "\n".join(text for text in texts if text is not None)
    runs = _BEYOND.findall(whole)
    counted = Counter("".join(runs))
    bits, bits_of = 0.0, _BITS[encoding]
    for one, many in counted.items():
        bits += many * bits_of(one)
    bits += _ASCII * (len(whole) - counted.total()) + _RUN * len(runs) + _FAULT * texts.count(None)
    if encoding == "cp1252":
        return bits + _AGAIN * (counted.total() - len(runs))
    return bits if encoding == "utf-8" else bits + _BESIDE_LETTER * len(_BESIDE.findall(whole))


def is_unusual(texts: list[str | None], encoding: str) -> bool:
    """Whether hardly any text is like what an encoding gives: of Chinese few characters are frequent, of
    western text many stand side by side or are no usual ones. Of a few characters it is not said.
    """
    runs = _BEYOND.findall("\n".join(text or "" for text in texts))
    counted = Counter("".join(runs))
    frequent = _USUAL.get(encoding)
    if frequent is None or counted.total() < _FEW:
        return False
    share = sum(many for one, many in counted.items() if one in frequent) / counted.total()
    if encoding == "cp1252":
        return share < _MOST or len(runs) < _MOST * counted.total()
    return share < _FEW_FREQUENT
