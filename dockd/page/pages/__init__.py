"""The pages for people, a module each: rendered here, readable without any script, kept current by one where there is one.

A page is a class made of `Parts`, with `add_to(router)`; PAGES names all of them.
"""

from dockd.page.pages.activity import ActivityPage
from dockd.page.pages.bay import BayPage
from dockd.page.pages.bays import BaysPage
from dockd.page.pages.camera import CameraPage
from dockd.page.pages.cameras import CamerasPage
from dockd.page.pages.footage import FootagePage
from dockd.page.pages.front import Front
from dockd.page.pages.handover import Handover
from dockd.page.pages.help import HelpPage
from dockd.page.pages.login import LoginPage
from dockd.page.pages.parts import Parts
from dockd.page.pages.problems import ProblemsPage
from dockd.page.pages.segment import SegmentPage
from dockd.page.pages.sign_in_elsewhere import SignInElsewhere
from dockd.page.pages.static import Static
from dockd.page.pages.system import SystemPage
from dockd.page.pages.wall import Wall

PAGES = (
    Front,
    BaysPage,
    BayPage,
    Wall,
    Handover,
    ProblemsPage,
    FootagePage,
    SegmentPage,
    CamerasPage,
    CameraPage,
    ActivityPage,
    SystemPage,
    HelpPage,
    LoginPage,
    SignInElsewhere,
    Static,
)

__all__ = ["PAGES", "Parts"]
