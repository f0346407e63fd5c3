"""What a patient sees of themselves: their summary, their readings, who has looked, what they share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from carespine.devices.erasing import erase_by_consent
from carespine.devices.views import summary_view
from carespine.kernel.clock import london_date
from carespine.kernel.errors import Forbidden, Invalid
from carespine.security.actor import PATIENT_REQUEST, Actor
from carespine.web.pages import people
from carespine.web.pages.access_trail import AccessTrail
from carespine.web.pages.practice_source import plan_of, review_of
from carespine.web.pages.product_source import ProductSource
from carespine.web.pages.readings_source import readings_page
from carespine.web.pages.sharing_choices import SharingChoices
from carespine.web.pages.views import AccessPage, Readings, SharingPage, SummaryPage, Visitor

if TYPE_CHECKING:
    from carespine.kernel.clock import Clock
    from carespine.security.door import Door


@dataclass(frozen=True, slots=True)
class PatientSource:
    """Fills the port `Patient`; every verb acts as the signed-in patient and reaches nobody else."""

    door: Door
    clock: Clock
    trail: AccessTrail
    choices: SharingChoices
    products: ProductSource

    async def summary(self, visitor: Visitor) -> SummaryPage:
        actor, patient_id = _oneself(visitor)
        async with self.door.glance(actor, purpose=PATIENT_REQUEST) as session:
            patient = await people.banner(session, patient_id, today=london_date(self.clock()))
            summary = await summary_view(session, patient_id)
            state, review = await review_of(session, summary)
            return SummaryPage(patient, summary, state, review, **await plan_of(session, patient_id))

    async def readings(self, visitor: Visitor, *, metric: str, page: int) -> Readings:
        actor, patient_id = _oneself(visitor)
        async with self.door.glance(actor, purpose=PATIENT_REQUEST) as session:
            patient = await people.banner(session, patient_id, today=london_date(self.clock()))
            summary = await summary_view(session, patient_id)
            return await readings_page(session, patient, summary, metric=metric, page=page)

    async def access(self, visitor: Visitor, *, page: int) -> AccessPage:
        return await self.trail.page(visitor, page=page)

    async def sharing(self, visitor: Visitor) -> SharingPage:
        return await self.choices.page(visitor, await self.products.certified_apps())

    async def withdraw(self, visitor: Visitor, consent_id: str) -> None:
        await self.choices.withdraw(visitor, consent_id)

    async def erase(self, visitor: Visitor, consent_id: str) -> None:
        """Erase for good what the app of an ended sharing had sent."""
        actor, patient_id = _oneself(visitor)
        async with self.door.enter(actor, purpose=PATIENT_REQUEST) as session:
            await erase_by_consent(session, patient_id=patient_id, consent_id=consent_id)

    async def share(self, visitor: Visitor, *, app: str, data_classes: tuple[str, ...]) -> None:
        chosen = next(
            (choice for choice in await self.products.certified_apps() if choice.value == app), None
        )
        if chosen is None:
            raise Invalid("This app holds no valid certificate now, so nothing can be shared with it.")
        await self.choices.share(visitor, chosen, data_classes)


def _oneself(visitor: Visitor) -> tuple[Actor, str]:
    if visitor.actor is None or visitor.patient_id is None:
        raise Forbidden("This is for patients.")
    return visitor.actor, visitor.patient_id
