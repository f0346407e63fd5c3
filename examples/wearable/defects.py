"""The switchable faults of the service, one for each way a check of the standards must be able to fail.

A sound app has none. `loose_band` has three; the tests of the standards switch each one on alone.
"""

from __future__ import annotations

DEFECTS = {
    "accepts-any-nhs-number": "takes Patients without checking their NHS number",
    "accepts-long-assertion": "takes client assertions that live for an hour",
    "accepts-replayed-assertion": "does not remember which client assertions it has seen",
    "accepts-unsigned-assertion": "believes an assertion that says it has no signature",
    "account-without-second-factor": "attests a privileged account without a second factor",
    "announces-late": "announces a change that breaks clients on the day itself",
    "answers-other-patients": "answers about any patient, not only the client's own",
    "audit-can-be-deleted": "lets the audit trail be deleted",
    "breaks-fhir-rules": "sends resources that break FHIR's rules",
    "breaks-in-a-minor-release": "breaks clients within a major version",
    "cacheable-records": "lets records be kept in caches",
    "closed-licence": "opens nothing under an open licence",
    "data-abroad": "sends data abroad without safeguards",
    "describes-what-it-lacks": "describes a resource that it does not offer",
    "documents-another-answer": "documents another answer than it gives",
    "drops-requests": "answers one request in nine with a server error",
    "drops-the-device": "forgets which device took a reading",
    "dspt-not-met": "has not met the Data Security and Protection Toolkit",
    "endless-waiver": "has a waiver without an end",
    "expired-cyber-essentials": "lets Cyber Essentials expire",
    "expired-security-txt": "publishes a security.txt that has expired",
    "export-loses-readings": "leaves readings out of an export",
    "export-renames": "gives what it exports other ids",
    "forged-documents": "publishes documents that are signed with another key",
    "forgets-refusals": "audits what it did, not what it refused",
    "forgets-request-id": "does not send request ids back",
    "guesses-between-twins": "returns the first of several people who match alike",
    "ignores-consent": "stores readings without consent",
    "ignores-mismatch": "writes to one person what names another",
    "invents-a-code-system": "adds codes of its own making to readings",
    "keeps-duplicates": "stores the same reading again",
    "keeps-functions-to-itself": "has functions that only its own pages can use",
    "keeps-impossible-values": "stores values and times that cannot be",
    "last-writer-wins": "updates without looking at the version",
    "late-notice": "tells users of an incident after hours",
    "leaks-stack-trace": "shows its inside in error messages",
    "lists-what-it-lacks": "lists a function for others that it does not offer",
    "long-tokens": "gives access tokens that live for an hour",
    "loses-time-zone": "keeps the hands of the clock and loses the zone",
    "nameless-components": "lists components without their versions",
    "nameless-waiver": "has a waiver that nobody answers for",
    "never-throttles": "has no limit of requests",
    "no-headroom": "breaks a little above its declared peak",
    "no-hsts": "does not hold browsers to HTTPS",
    "no-verification-status": "does not say whether an NHS number was verified",
    "old-penetration-test": "was tested years ago",
    "open-vulnerability": "leaves a known hole open",
    "registers-another-version": "registers another version than it serves",
    "retires-early": "takes the old version away on the day of the new one",
    "retries-twice": "carries out a retried write again",
    "revoked-keys-live": "goes on trusting keys that were revoked",
    "rewrites-audit": "shows refusals in the audit trail as done",
    "search-ignores-time": "searches without looking at the time",
    "serves-private-key": "publishes its key with the private part",
    "serves-unlisted-version": "serves a version that its list of releases does not have",
    "slow-recovery": "takes half a day to recover",
    "slow-switch": "takes too long to switch a feature off",
    "slow-writes": "is slow at every eighth write",
    "truncates-text": "cuts notes after 255 characters",
    "unassessed-deployment": "went live somewhere without an assessment",
    "uncontrolled-hazard": "knows a hazard and controls it with nothing",
    "unregistered-device": "is a medical device without registration",
}


def chosen(names: list[str]) -> frozenset[str]:
    """The named defects. Raises ValueError for one that is not in the table."""
    unknown = set(names) - set(DEFECTS)
    if unknown:
        raise ValueError(f"there is no defect {', '.join(sorted(unknown))}")
    return frozenset(names)
