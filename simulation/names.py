"""Names of a fictional city. Organisations, projects, people and amounts are invented."""

from __future__ import annotations

CITY = "阳光市"
BUYERS = (
    "阳光市城市建设投资中心",
    "阳光市第一人民医院",
    "阳光市教育局",
    "阳光市水务局",
    "阳光市交通运输局",
    "阳光市数据资源局",
)
AGENCY = "衡信招标代理（阳光）有限公司"
KEEPERS = (
    "阳光市公共资源交易中心",
    "阳光市公共资源交易监督管理局",
    "阳光市向阳公证处",
    "阳光市建筑业协会",
)
INSTITUTE = "阳光市工程技术研究院"
_ENGLISH = {
    "阳光市城市建设投资中心": "Sunroad Urban Construction Investment Centre",
    "阳光市第一人民医院": "Sunroad First People's Hospital",
    "阳光市教育局": "Sunroad Education Bureau",
    "阳光市水务局": "Sunroad Water Bureau",
    "阳光市交通运输局": "Sunroad Transport Bureau",
    "阳光市数据资源局": "Sunroad Data Bureau",
    AGENCY: "Hengxin Procurement Agency (Sunroad)",
    KEEPERS[0]: "Sunroad Public Resource Trading Centre",
    KEEPERS[1]: "Sunroad Trading Supervision Bureau",
    KEEPERS[2]: "Xiangyang Notary Office, Sunroad",
    KEEPERS[3]: "Sunroad Construction Association",
    INSTITUTE: "Sunroad Engineering Institute",
}
_STEMS = (
    "晨晖",
    "远山",
    "明渠",
    "和畅",
    "嘉木",
    "云桥",
    "同泽",
    "北辰",
    "启明",
    "长风",
    "清源",
    "新野",
    "博闻",
    "安澜",
    "磐石",
    "青禾",
)
_KINDS = ("建设工程有限公司", "科技股份有限公司", "市政工程有限公司", "实业有限公司")
_FAMILY = "赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨朱秦许何吕施张孔曹严华金魏陶姜"
_GIVEN = ("明远", "思齐", "雅宁", "建国", "晓峰", "文静", "子涵", "志强", "若兰", "海波", "一鸣", "清扬")
WORKS = (
    ("{d}道路改造工程", "路面、排水与照明改造，含交通导改与绿化恢复。"),
    ("{d}中学教学楼新建工程", "框架结构教学楼一栋，含室外工程。"),
    ("{d}污水管网提升工程", "新建与修复污水管道，含检查井与泵站。"),
    ("{d}社区卫生服务中心装修工程", "室内装修、给排水、暖通与弱电。"),
    ("{d}河道综合整治工程", "清淤、护岸与生态修复。"),
    ("{d}人行天桥工程", "钢结构天桥一座，含电梯两部。"),
)
GOODS = (
    ("{d}医院彩色超声诊断设备采购", "彩色多普勒超声诊断仪及三年维保。"),
    ("{d}中小学课桌椅采购", "可升降课桌椅，分批到货安装。"),
    ("{d}政务云存储设备采购", "分布式存储系统与迁移服务。"),
    ("{d}环卫车辆采购", "纯电动洗扫车与垃圾转运车。"),
)
DISTRICTS = ("向阳区", "临江区", "北湖区", "东岭区", "高新区", "南塘区")


def english(name: str) -> str:
    """An English name for a fictional organisation."""
    if name in _ENGLISH:
        return _ENGLISH[name]
    stems = dict(
        zip(
            _STEMS,
            (
                "Chenhui", "Yuanshan", "Mingqu", "Hechang", "Jiamu", "Yunqiao", "Tongze", "Beichen",
                "Qiming", "Changfeng", "Qingyuan", "Xinye", "Bowen", "Anlan", "Panshi", "Qinghe",
            ),
            strict=True,
        )
    )  # fmt: skip
    kinds = dict(zip(_KINDS, ("Construction", "Technology", "Municipal Works", "Industries"), strict=True))
    for stem, latin in stems.items():
        if name.startswith(stem):
            kind = name[len(stem) :].lstrip("0123456789")
            number = name[len(stem) : len(name) - len(kind)]
            return f"{latin}{number} {kinds.get(kind, 'Co.')} Ltd."
    return name


def bidder(index: int) -> str:
    """The name of the n-th bidding firm."""
    kind = _KINDS[(index // len(_STEMS) + index) % len(_KINDS)]
    suffix = "" if index < len(_STEMS) * len(_KINDS) else str(index)
    return f"{_STEMS[index % len(_STEMS)]}{suffix}{kind}"


def person(index: int) -> str:
    """The name of the n-th person."""
    return _FAMILY[index % len(_FAMILY)] + _GIVEN[(index * 7 + index // len(_FAMILY)) % len(_GIVEN)]
