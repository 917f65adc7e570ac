"""Lessons: predict, then observe. What the notebooks under ``notebooks/`` stand on, and those of an instructor.

Students who predict the outcome of a demonstration understand it better than students who only watch it (Crouch et al.,
"Classroom demonstrations: Learning tools or entertainment?", American Journal of Physics 72, 2004). So a lesson asks,
then plays, then scores and says why.
"""

from __future__ import annotations

from stormlab.lessons.explore import Slider, explore
from stormlab.lessons.lesson import Lesson
from stormlab.lessons.screen import show

__all__ = ["Lesson", "Slider", "explore", "show"]
