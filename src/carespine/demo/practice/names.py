"""Names by cohort of birth and family background: common ones of each, combined by chance.

The lists are short, hand-made selections of names that were common in England for people of that background
and time; a combination may exist, and describes nobody.
"""

from __future__ import annotations

from carespine.demo.practice.chance import Dice

# First year of each cohort of given names for the British list.
_COHORTS = (1900, 1950, 1970, 1990, 2008)

_BRITISH_GIVEN: dict[str, tuple[str, ...]] = {
    "female": (
        "Margaret Joan Dorothy Jean Sheila Patricia Barbara Maureen Doreen Audrey Beryl Brenda Shirley Rita",
        "Susan Linda Christine Carol Janet Jacqueline Julie Karen Helen Deborah Elaine Gillian Lesley Wendy",
        "Sarah Claire Nicola Emma Joanne Rachel Lisa Rebecca Victoria Kelly Michelle Louise Samantha Gemma",
        "Jessica Lauren Sophie Chloe Hannah Charlotte Bethany Megan Olivia Georgia Abigail Eleanor Lucy Amy",
        "Amelia Isla Ava Poppy Evie Freya Florence Willow Ivy Rosie Daisy Matilda Elsie Penelope",
    ),
    "male": (
        "John Peter Ronald Kenneth Derek Brian Dennis Raymond Gordon Norman Roy Geoffrey Alan Donald",
        "David Stephen Michael Paul Keith Graham Colin Ian Nigel Trevor Philip Kevin Martin Barry",
        "Andrew Mark Simon Darren Richard Jason Matthew Christopher Lee Craig Stuart Gareth Neil Adam",
        "Daniel Thomas James Joshua Jack Ryan Luke Liam Connor Callum Jordan Nathan Kieran Samuel",
        "Oliver Noah George Arthur Leo Theo Freddie Archie Henry Alfie Finley Rory Jude Albie",
    ),
}
_BRITISH_FAMILY = (
    "Smith Jones Taylor Brown Williams Wilson Johnson Davies Robinson Wright Thompson Evans Walker White "
    "Roberts Green Hall Wood Jackson Clarke Harrison Hughes Ward Turner Hill Cooper Morris Moore Clark Shaw "
    "Lee Baker Harris Watson Parker Bennett Cook Bailey Carter Marsh Holroyd Sutcliffe Armitage Thackray "
    "Crabtree Ellis Barraclough Fielding Naylor Hepworth Dyson Firth Kitson Lister Pickles Rushworth Haigh"
)

# background: (given names of women, of men, family names)
_ELSEWHERE: dict[str, tuple[str, str, str]] = {
    "european": (
        "Agnieszka Katarzyna Magdalena Joanna Ewa Ana Elena Ioana Maria Zofia",
        "Piotr Krzysztof Tomasz Marcin Andrei Mihai Stefan Marek Jakub Adrian",
        "Kowalski Nowak Wojcik Popescu Ionescu Kaminski Zielinski Dumitru Lewandowski Silva",
    ),
    "indian": (
        "Priya Anjali Sunita Kavita Meena Harpreet Jasleen Pooja Nisha Asha",
        "Raj Sanjay Amit Vikram Harjit Gurdeep Anil Rohan Arjun Suresh",
        "Patel Sharma Singh Kaur Gupta Desai Mistry Sandhu Nair Chauhan",
    ),
    "muslim": (
        "Fatima Aisha Shabana Nasreen Zainab Maryam Rukhsana Sadia Hafsa Amina",
        "Mohammed Imran Tariq Yusuf Bilal Hassan Kamran Ibrahim Rashid Omar",
        "Khan Hussain Ahmed Malik Begum Akhtar Mahmood Iqbal Rahman Chowdhury",
    ),
    "african": (
        "Ngozi Adaeze Abena Chiamaka Folake Amara Efua Yetunde Zodwa Blessing",
        "Emeka Kwame Oluwaseun Chidi Kofi Tunde Tendai Obinna Samuel Yaw",
        "Okafor Mensah Adeyemi Osei Okonkwo Boateng Balogun Moyo Eze Asante",
    ),
    "chinese": (
        "Mei Xiu Li-Hua Wai-Ling Jing Yan Siu-Fong Hui Amy Grace",
        "Wei Jun Ming Chi-Keung Hao Kin-Man Jian Raymond Kevin Tao",
        "Chan Wong Chen Li Zhang Lau Cheung Liu Yip Tang",
    ),
}
_BORN_ABROAD_STYLE = frozenset(_ELSEWHERE)


def _split(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_GIVEN = {sex: tuple(_split(cohort) for cohort in cohorts) for sex, cohorts in _BRITISH_GIVEN.items()}
_FAMILY = _split(_BRITISH_FAMILY)
_ABROAD = {
    background: {"female": _split(women), "male": _split(men), "family": _split(families)}
    for background, (women, men, families) in _ELSEWHERE.items()
}
_TITLES = {"female": ("Mrs", "Ms", "Miss"), "male": ("Mr",)}
_ADULT = 18


def _cohort(birth_year: int) -> int:
    return max(place for place, first in enumerate(_COHORTS) if birth_year >= first)


def given_name(dice: Dice, *, sex: str, birth_year: int, background: str) -> str:
    if background in _BORN_ABROAD_STYLE:
        return dice.pick(_ABROAD[background][sex])
    return dice.pick(_GIVEN[sex][_cohort(birth_year)])


def family_name(dice: Dice, *, background: str) -> str:
    return dice.pick(_ABROAD[background]["family"] if background in _BORN_ABROAD_STYLE else _FAMILY)


def title(dice: Dice, *, sex: str, age: int) -> str:
    if age < _ADULT:
        return "Miss" if sex == "female" else "Master"
    return dice.pick(_TITLES[sex])
