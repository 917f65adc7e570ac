"""How available an arrangement of components is, exactly and by simulation: ``series(lb, parallel(0.99, 0.99))``."""

from stormlab.availability.evaluation import Importance, evaluate, importance
from stormlab.availability.language import parse
from stormlab.availability.model import Component, Expression
from stormlab.availability.reporting import Report, render, report, to_json

__all__ = [
    "Component",
    "Expression",
    "Importance",
    "Report",
    "evaluate",
    "importance",
    "parse",
    "render",
    "report",
    "to_json",
]
