"""The pages for people, a module each: rendered here, readable without any script, kept current by one where there is one.

A page is a class made of `Parts`, with `add_to(router)`; PAGES names all of them.
"""

from dockd.page.pages.activity import ActivityPage
from dockd.page.pages.bay import BayPage
from dockd.page.pages.camera import CameraPage
from dockd.page.pages.cameras import CamerasPage
from dockd.page.pages.footage import FootagePage
from dockd.page.pages.front import Front
from dockd.page.pages.help import HelpPage
from dockd.page.pages.login import LoginPage
from dockd.page.pages.parts import Parts
from dockd.page.pages.segment import SegmentPage
from dockd.page.pages.static import Static

PAGES = (Front, BayPage, FootagePage, SegmentPage, CamerasPage, CameraPage, ActivityPage, HelpPage, LoginPage, Static)

__all__ = ["PAGES", "Parts"]
