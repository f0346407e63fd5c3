"""eGFR from creatinine by CKD-EPI 2009, and the creatinine that gives an eGFR.

Source: Levey and others, Ann Intern Med 2009;150:604-12, without the ethnicity factor, as NICE NG203 (2021)
has it; valid from age 18.
"""

from __future__ import annotations

UMOL_PER_MG_DL = 88.4
_SCALE, _AGEING, _ABOVE, _FEMALE = 141.0, 0.993, -1.209, 1.018
_KAPPA = {"female": 0.7, "male": 0.9}
_ALPHA = {"female": -0.329, "male": -0.411}


def _at_kappa(sex: str, age: int) -> float:
    """The eGFR where creatinine is exactly kappa, the bend of the curve."""
    return _SCALE * float(_AGEING**age) * (_FEMALE if sex == "female" else 1.0)


def egfr(creatinine_umol: float, *, sex: str, age: int) -> float:
    """mL/min/1.73 m2 from creatinine in umol/L."""
    ratio = creatinine_umol / UMOL_PER_MG_DL / _KAPPA[sex]
    return _at_kappa(sex, age) * float(ratio ** (_ALPHA[sex] if ratio < 1 else _ABOVE))


def creatinine(wanted_egfr: float, *, sex: str, age: int) -> float:
    """The creatinine in umol/L at which `egfr` gives the wanted value."""
    share = wanted_egfr / _at_kappa(sex, age)
    ratio = float(share ** (1 / (_ALPHA[sex] if share > 1 else _ABOVE)))
    return ratio * _KAPPA[sex] * UMOL_PER_MG_DL
