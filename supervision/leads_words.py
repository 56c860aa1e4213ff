"""Words of leads: what each indicator is called, its legal element, what else could explain it, what would refute it.

Source: rules §5.1 (legal frame), §5.2 (elements), §5.3 (what a lead carries).
"""

from __future__ import annotations

from dataclasses import dataclass

from kernel.i18n import gettext, marked

ELEMENTS = {
    "40-1": marked("Prepared by one unit or person (Implementing Regulation, Art. 40 item 1)"),
    "40-2": marked("Handled by one unit or person (Implementing Regulation, Art. 40 item 2)"),
    "40-3": marked("One person among the project staff (Implementing Regulation, Art. 40 item 3)"),
    "40-4": marked(
        "Bids abnormally alike or prices differing regularly (Implementing Regulation, Art. 40 item 4)"
    ),
    "40-5": marked("Bids mixed into each other (Implementing Regulation, Art. 40 item 5)"),
    "40-6": marked("Bonds from one account (Implementing Regulation, Art. 40 item 6)"),
    "34": marked("Related or controlling firms in one lot (Implementing Regulation, Art. 34)"),
    "39": marked("Agreement between bidders (Implementing Regulation, Art. 39)"),
    "48-3": marked("Equal co-operation fees to others (Chongqing, Art. 48 item 3)"),
    "clue": marked("A clue, no element of the law by itself"),
}
"""The legal elements."""
HOW = {
    "client": marked("Noted at submission; marks of machines only with consent"),
    "import": marked("Imported from outside by a supervisor"),
    "files": marked("Read from the opened bid documents"),
    "items": marked("Bills of quantities compared line by line"),
    "prices": marked("Computed from the opening record"),
    "registry": marked("From registrations and the company registry"),
    "history": marked("Computed from three years of openings"),
}
"""How evidence was obtained."""
INNOCENT = {
    "agency": marked("one agency or consultant worked lawfully for both"),
    "campus": marked("firms share a building, a network or a proxy"),
    "resold": marked("a second-hand or leased computer"),
    "template": marked("both used one purchased or official template"),
    "former": marked("the author moved from one firm to the other"),
    "quote": marked("a past project or partner is named lawfully"),
    "supplier": marked("both asked one supplier for quotations"),
    "quota": marked("prices follow a public quota or price bulletin"),
    "software": marked("one cost program with equal settings"),
    "bank": marked("a pooled account of a bank or guarantee company"),
    "namesake": marked("namesakes or outdated registrations"),
    "chance": marked("chance: see the stated probability"),
    "market": marked("few qualified firms in this market"),
    "supplies": marked("the payments were for real supplies or subcontracts"),
    "withdrew": marked("the tender was changed after documents were taken"),
}
"""Innocent explanations to check."""
REFUTES = {
    "machine": marked("invoices and inventories that show two computers"),
    "address": marked("access logs of the network operator"),
    "files": marked("earlier versions of the documents with their history"),
    "template": marked("the template itself, from its publisher"),
    "prices": marked("each firm's own quotations and cost sheets"),
    "bank": marked("bank statements of both payers"),
    "people": marked("labour contracts and social insurance records"),
    "registry": marked("a current extract of the company registry"),
    "history": marked("bids in which the firms competed to the end"),
}
"""What would refute a lead."""
KINDS = {
    "device": marked("Devices and addresses"),
    "metadata": marked("Document metadata"),
    "text": marked("Texts and pictures"),
    "items": marked("Bills of quantities"),
    "price": marked("Total prices"),
    "money": marked("Bonds and accounts"),
    "people": marked("People"),
    "equity": marked("Ownership"),
    "history": marked("History"),
}
"""The classes of evidence."""
STATES = {
    "open": marked("To be examined"),
    "asked": marked("Firms asked"),
    "closed": marked("Lead closed"),
}
OUTCOMES = {
    "unfounded": marked("Nothing in it"),
    "explained": marked("Explained by the firms"),
    "transferred": marked("Handed to other authorities"),
    "punished": marked("Decided by this authority"),
}
LIGHTS = {
    "red": marked("Red light"),
    "orange": marked("Orange light"),
    "yellow": marked("Yellow light"),
    "none": marked("No light"),
}
IMPORTS = {
    "bond": marked("Bonds and guarantees"),
    "contact": marked("Contacts"),
    "staff": marked("Key staff"),
    "relation": marked("Registry relations"),
    "device": marked("Authoring devices"),
    "insurance": marked("Social insurance"),
    "payment": marked("Payments after the award"),
    "address": marked("Network addresses"),
}
"""Kinds of imported traces."""
FACTS = {
    "hash": marked("Compared mark"),
    "hashes": marked("Compared marks"),
    "part": marked("Part"),
    "seconds_apart": marked("Seconds apart"),
    "hops": marked("Steps between accounts"),
    "paid_by_it": marked("Paid from it"),
    "same": marked("Equal properties"),
    "author": marked("Author"),
    "editor": marked("Last editor"),
    "company": marked("Company"),
    "manager": marked("Manager"),
    "template": marked("Template"),
    "share": marked("Share"),
    "common": marked("Common word groups"),
    "passage": marked("Longest common passage"),
    "pairs": marked("Pairs compared"),
    "z": marked("Robust z"),
    "items": marked("Items compared"),
    "equal": marked("Equal items"),
    "near": marked("Items at the factor"),
    "factor": marked("Constant factor"),
    "sample": marked("Examples"),
    "count": marked("How many"),
    "errors": marked("Errors"),
    "phrases": marked("Rare phrases"),
    "reference": marked("Reference documents"),
    "seen": marked("Found"),
    "reasons": marked("Reasons"),
    "persons": marked("Persons"),
    "way": marked("Way"),
    "steps": marked("Steps"),
    "joint": marked("Bid together"),
    "jaccard": marked("Jaccard"),
    "lift": marked("Lift"),
    "expected": marked("Expected by chance"),
    "wins": marked("Wins of each"),
    "lots": marked("Lots"),
    "winners": marked("Winners in order"),
    "value": marked("Value"),
    "bids": marked("Bids"),
    "apart": marked("Totals apart"),
    "correlation": marked("Rank correlation"),
    "software": marked("Program"),
    "ids": marked("Identifiers"),
    "pictures": marked("Picture marks"),
    "signs": marked("Signs"),
    "contact": marked("Contact"),
    "took": marked("Took documents"),
    "gone": marked("Stayed away"),
    "alike": marked("Same kind"),
    "entropy": marked("Evenness of winners"),
    "related": marked("Related"),
    "fen_more": marked("Dearer by (fen)"),
    "where": marked("Where"),
    "insured_by": marked("Insured by"),
    "fen": marked("Sums (fen)"),
    "paid_by": marked("Paid by"),
    "side": marked("Side"),
}
"""Keys of raw facts."""
SAID = frozenset(
    {
        marked("independent bids"),
        marked("independent prices, ratios shuffled over the items"),
        marked("the other pairs of this lot"),
        marked("tenders of its category with the same number of bids are exchangeable"),
        marked("bidders permuted inside category and year, all pairs of the city considered"),
        marked("bidders permuted inside category, region and year, all pairs of the city considered"),
        marked("independent bidders inside category, region and year, all threes of the city considered"),
        marked("the order of winners permuted"),
        marked("same legal representative"),
        marked("control of half or more"),
        marked("same buyer contact"),
        marked("same minute"),
        marked("consecutive numbers"),
    }
)
"""Nulls and values of raw facts that stand in the evidence in English; pages show them in the reader's language."""
PARTS = {
    "machine": marked("whole machine"),
    "mac": marked("network card"),
    "disk": marked("disk"),
    "board": marked("main board"),
    "browser": marked("browser"),
    "lock": marked("cost software lock"),
    "certificate": marked("certificate"),
    "file": marked("file identifier"),
    "phone": marked("telephone"),
    "email": marked("e-mail"),
    "agent": marked("person who submitted"),
    "document": marked("whole file"),
    "buyer": marked("the buyer"),
    "agency": marked("the agency"),
    "expert": marked("an expert of the panel"),
    "employs": marked("employer"),
    "employed": marked("earlier employer"),
    "controls": marked("control"),
    "holds": marked("shares"),
    "director": marked("director"),
    "legal": marked("legal representative"),
    "address": marked("registered address"),
    "text": marked("text"),
    "properties": marked("document properties"),
    "True": marked("yes"),
    "False": marked("no"),
}
"""Short values of raw facts."""
TITLES = {
    "D-01": marked("One machine code in several bids"),
    "D-02": marked("Parts of one computer in several bids"),
    "D-03": marked("One lock of the cost software"),
    "D-04": marked("One certificate used for several bidders"),
    "D-05": marked("One file identifier in several bids"),
    "D-06": marked("Submitted from one network address"),
    "D-07": marked("Downloads from one network address"),
    "D-08": marked("Submitted from one browser"),
    "D-09": marked("Submitted in a burst"),
    "D-10": marked("A device seen before with another bidder"),
    "M-01": marked("Documents of one author or origin"),
    "M-02": marked("Documents made together with one program"),
    "M-03": marked("Another bidder named inside a bid"),
    "T-01": marked("Texts nearly the same"),
    "T-02": marked("Texts far more alike than others in this lot"),
    "T-03": marked("The same rare slips"),
    "T-04": marked("The same pictures"),
    "T-05": marked("Identity shown in a blind part"),
    "Q-01": marked("Prices in even steps"),
    "Q-02": marked("Prices in a fixed ratio"),
    "Q-03": marked("One bill is the other times a constant"),
    "Q-04": marked("Equal unit prices"),
    "Q-05": marked("The same errors in the bills"),
    "Q-06": marked("Close totals, unlike items"),
    "Q-07": marked("Prices crowd just under the ceiling"),
    "Q-08": marked("Bids that steer the mean"),
    "Q-09": marked("Severely unbalanced prices"),
    "B-01": marked("Bonds from one account"),
    "B-02": marked("Guarantees bought together"),
    "P-01": marked("One contact, telephone or agent"),
    "P-02": marked("One person among the key staff"),
    "P-03": marked("Key staff insured by another bidder"),
    "B-03": marked("The winner paid equal sums to losers"),
    "E-03": marked("A bidder tied to the buyer's side"),
    "E-01": marked("One legal representative, or control"),
    "E-02": marked("Joined through the company registry"),
    "H-01": marked("Bid together far more than chance"),
    "H-02": marked("A companion that never wins"),
    "H-03": marked("Firms that win in turn"),
    "H-04": marked("An extreme rate of winning"),
    "H-05": marked("Most who took documents stayed away"),
    "H-06": marked("A candidate gave up without a reason"),
}
"""What the indicators are called."""

ABOUT: dict[str, tuple[str, str, tuple[str, ...], str]] = {
    "D-01": ("40-1", "client", ("resold", "agency"), "machine"),
    "D-02": ("40-1", "client", ("resold", "campus"), "machine"),
    "D-03": ("40-1", "files", ("agency", "resold"), "machine"),
    "D-04": ("40-2", "import", ("agency",), "machine"),
    "D-05": ("40-1", "files", ("template", "supplier"), "files"),
    "D-06": ("40-2", "client", ("campus", "agency"), "address"),
    "D-07": ("40-2", "client", ("campus", "agency"), "address"),
    "D-08": ("40-2", "client", ("campus", "agency"), "machine"),
    "D-09": ("40-2", "client", ("campus", "chance"), "address"),
    "D-10": ("40-1", "client", ("resold", "agency"), "machine"),
    "M-01": ("40-1", "files", ("former", "template"), "files"),
    "M-02": ("40-1", "files", ("template", "chance"), "files"),
    "M-03": ("40-5", "files", ("quote",), "files"),
    "T-01": ("40-4", "files", ("template", "former"), "template"),
    "T-02": ("40-4", "files", ("template", "former"), "template"),
    "T-03": ("40-4", "files", ("template", "former"), "template"),
    "T-04": ("40-4", "files", ("template", "quote"), "template"),
    "T-05": ("clue", "files", ("quote",), "files"),
    "Q-01": ("40-4", "prices", ("chance",), "prices"),
    "Q-02": ("40-4", "prices", ("chance",), "prices"),
    "Q-03": ("40-4", "items", ("software", "quota"), "prices"),
    "Q-04": ("40-4", "items", ("quota", "supplier"), "prices"),
    "Q-05": ("40-4", "items", ("template", "software"), "prices"),
    "Q-06": ("40-4", "items", ("software", "chance"), "prices"),
    "Q-07": ("40-4", "prices", ("market", "chance"), "prices"),
    "Q-08": ("39", "prices", ("chance", "market"), "prices"),
    "Q-09": ("clue", "items", ("supplier", "software"), "prices"),
    "B-01": ("40-6", "import", ("bank",), "bank"),
    "B-02": ("40-2", "import", ("bank", "agency"), "bank"),
    "P-01": ("40-2", "registry", ("agency", "namesake"), "people"),
    "P-02": ("40-3", "import", ("former",), "people"),
    "P-03": ("40-3", "import", ("former",), "people"),
    "B-03": ("48-3", "import", ("supplies",), "bank"),
    "E-03": ("34", "registry", ("namesake", "former"), "registry"),
    "E-01": ("34", "registry", ("namesake",), "registry"),
    "E-02": ("clue", "registry", ("namesake", "campus"), "registry"),
    "H-01": ("39", "history", ("market",), "history"),
    "H-02": ("39", "history", ("market", "chance"), "history"),
    "H-03": ("39", "history", ("market", "chance"), "history"),
    "H-04": ("clue", "history", ("market", "chance"), "history"),
    "H-05": ("39", "history", ("withdrew",), "history"),
    "H-06": ("39", "history", ("chance",), "history"),
}
"""Indicator → element, how obtained, innocent explanations, what refutes it."""


@dataclass(frozen=True)
class About:
    """An indicator in words of the current language."""

    title: str
    element: str
    how: str
    innocent: tuple[str, ...]
    refutes: str


def about(code: str) -> About:
    """What people should know about an indicator."""
    element, how, innocent, refutes = ABOUT[code]
    return About(
        gettext(TITLES[code]),
        gettext(ELEMENTS[element]),
        gettext(HOW[how]),
        tuple(gettext(INNOCENT[one]) for one in innocent),
        gettext(REFUTES[refutes]),
    )


def fact_word(key: str) -> str:
    """What a key of raw evidence is called."""
    return gettext(FACTS[key]) if key in FACTS else key


def said_word(text: str) -> str:
    """A null or a value of evidence in the current language; what is no known word comes back as it is."""
    if text in SAID:
        return gettext(text)
    return gettext(PARTS[text]) if text in PARTS else text


def kind_word(kind: str) -> str:
    return gettext(KINDS[kind])


def state_word(state: str) -> str:
    return gettext(STATES[state])


def outcome_word(outcome: str) -> str:
    return gettext(OUTCOMES[outcome]) if outcome else ""


def light_word(light: str) -> str:
    return gettext(LIGHTS[light])


def import_word(kind: str) -> str:
    return gettext(IMPORTS[kind])
