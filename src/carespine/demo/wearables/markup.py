"""The markup of an Apple Health export: its head, its elements, its companion document."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from carespine.demo.wearables.clock import Clock
from carespine.demo.wearables.wearer import Source, Wearer

Meta = Sequence[tuple[str, str]]
QUANTITY = "HKQuantityTypeIdentifier"
CATEGORY = "HKCategoryTypeIdentifier"

# Written for this project in the shape of the declarations that Apple puts before the data.
_DOCTYPE = """<!DOCTYPE HealthData [
<!-- HealthKit Export Version: 14 -->
<!ELEMENT HealthData (ExportDate,Me,(Record|Correlation|Workout|ActivitySummary)*)>
<!ATTLIST HealthData locale CDATA #REQUIRED>
<!ELEMENT ExportDate EMPTY>
<!ATTLIST ExportDate value CDATA #REQUIRED>
<!ELEMENT Me EMPTY>
<!ATTLIST Me HKCharacteristicTypeIdentifierDateOfBirth CDATA #REQUIRED
  HKCharacteristicTypeIdentifierBiologicalSex CDATA #REQUIRED
  HKCharacteristicTypeIdentifierBloodType CDATA #REQUIRED
  HKCharacteristicTypeIdentifierFitzpatrickSkinType CDATA #REQUIRED
  HKCharacteristicTypeIdentifierCardioFitnessMedicationsUse CDATA #REQUIRED>
<!ELEMENT Record ((MetadataEntry|HeartRateVariabilityMetadataList)*)>
<!ATTLIST Record type CDATA #REQUIRED unit CDATA #IMPLIED value CDATA #IMPLIED
  sourceName CDATA #REQUIRED sourceVersion CDATA #IMPLIED device CDATA #IMPLIED
  creationDate CDATA #IMPLIED startDate CDATA #REQUIRED endDate CDATA #REQUIRED>
<!ELEMENT Correlation ((MetadataEntry|Record)*)>
<!ATTLIST Correlation type CDATA #REQUIRED sourceName CDATA #REQUIRED sourceVersion CDATA #IMPLIED
  device CDATA #IMPLIED creationDate CDATA #IMPLIED startDate CDATA #REQUIRED endDate CDATA #REQUIRED>
<!ELEMENT Workout ((MetadataEntry|WorkoutStatistics)*)>
<!ATTLIST Workout workoutActivityType CDATA #REQUIRED duration CDATA #IMPLIED durationUnit CDATA #IMPLIED
  sourceName CDATA #REQUIRED sourceVersion CDATA #IMPLIED device CDATA #IMPLIED
  creationDate CDATA #IMPLIED startDate CDATA #REQUIRED endDate CDATA #REQUIRED>
<!ELEMENT WorkoutStatistics EMPTY>
<!ATTLIST WorkoutStatistics type CDATA #REQUIRED startDate CDATA #REQUIRED endDate CDATA #REQUIRED
  sum CDATA #IMPLIED unit CDATA #IMPLIED>
<!ELEMENT ActivitySummary EMPTY>
<!ATTLIST ActivitySummary dateComponents CDATA #IMPLIED activeEnergyBurned CDATA #IMPLIED
  activeEnergyBurnedGoal CDATA #IMPLIED activeEnergyBurnedUnit CDATA #IMPLIED
  appleExerciseTime CDATA #IMPLIED appleExerciseTimeGoal CDATA #IMPLIED
  appleStandHours CDATA #IMPLIED appleStandHoursGoal CDATA #IMPLIED>
<!ELEMENT MetadataEntry EMPTY>
<!ATTLIST MetadataEntry key CDATA #REQUIRED value CDATA #REQUIRED>
<!ELEMENT HeartRateVariabilityMetadataList (InstantaneousBeatsPerMinute*)>
<!ELEMENT InstantaneousBeatsPerMinute EMPTY>
<!ATTLIST InstantaneousBeatsPerMinute bpm CDATA #REQUIRED time CDATA #REQUIRED>
]>
"""
CDA = """<?xml version="1.0"?>
<ClinicalDocument xmlns="urn:hl7-org:v3">
 <title>Health Data Export</title>
</ClinicalDocument>
"""


def head(wearer: Wearer, exported: str) -> Iterator[str]:
    """Everything before the first record."""
    yield '<?xml version="1.0" encoding="UTF-8"?>\n'
    yield _DOCTYPE
    yield f'<HealthData locale="en_GB">\n <ExportDate value="{exported}"/>\n'
    characteristic = "HKCharacteristicTypeIdentifier"
    yield (
        f' <Me {characteristic}DateOfBirth="{wearer.birth_date.isoformat()}"'
        f' {characteristic}BiologicalSex="HKBiologicalSex{wearer.sex.capitalize()}"'
        f' {characteristic}BloodType="HKBloodTypeNotSet"'
        f' {characteristic}FitzpatrickSkinType="HKFitzpatrickSkinTypeNotSet"'
        f' {characteristic}CardioFitnessMedicationsUse="None"/>\n'
    )


class Pen:
    """Writes elements; each device description gets a memory address of its own, as Apple's do."""

    __slots__ = ("_address", "clock")

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self._address = 0x1F2E3D4

    def record(
        self,
        kind: str,
        source: Source,
        *,
        start: int,
        end: int,
        value: object,
        unit: str | None = None,
        created: int | None = None,
        meta: Meta = (),
        inside: str = "",
    ) -> str:
        """A Record element; `kind` is the full type; `inside` is further markup within it."""
        text = self.clock.text
        units = f' unit="{unit}"' if unit else ""
        opening = (
            f' <Record type="{kind}" {source.attributes}{self.device(source)}{units}'
            f' creationDate="{text(created or end + 4)}" startDate="{text(start)}" endDate="{text(end)}"'
            f' value="{value}"'
        )
        if not meta and not inside:
            return f"{opening}/>\n"
        return f"{opening}>\n{entries(meta)}{inside} </Record>\n"

    def device(self, source: Source) -> str:
        if source.device is None:
            return ""
        self._address = (self._address * 1_103_515_245 + 12_345) & 0x7FFF_FFF0
        return f' device="&lt;&lt;HKDevice: 0x2{self._address:08x}&gt;{source.device}"'


def entries(meta: Meta) -> str:
    return "".join(f'  <MetadataEntry key="{key}" value="{value}"/>\n' for key, value in meta)
