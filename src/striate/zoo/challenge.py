"""The ImageNet challenge, year by year: who won, with which network, at which error; which printed number is which."""

from __future__ import annotations

from dataclasses import dataclass

# The papers that the numbers are from.
_REVIEW = 'Russakovsky et al. 2015, "ImageNet large scale visual recognition challenge"'
_ALEXNET = "Krizhevsky et al. 2012, table 2"
_ZFNET = "Zeiler & Fergus 2014, table 2"
_VGG = "Simonyan & Zisserman 2014, table 7"
_GOOGLENET = "Szegedy et al. 2014, table 2"
_RESNET = "He et al. 2015, table 5"
_SENET = "Hu et al. 2018, abstract"
_RESULTS = "the challenge's page of results"


@dataclass(frozen=True)
class ChallengeEntry:
    """An entry of the classification task of the ImageNet challenge (ILSVRC), or what it is compared with.

    year      of the challenge
    who       the team, or what is known by its own name
    network   the architecture; "" where there was none with a name
    zoo       its name in ``zoo.create``, or None
    layers    convolutions and dense layers on the longest way; None for shallow methods and for mixtures
    error     percent of the test pictures whose class is not among the five best answers
    place     1 for the winner; 0 for what was not an entry
    how       of how many networks, with which data
    source    where the number stands
    note      other numbers that are printed for it, and what they are
    """

    year: int
    who: str
    network: str
    zoo: str | None
    layers: int | None
    error: float
    place: int
    how: str
    source: str
    note: str = ""


ENTRIES = (
    ChallengeEntry(2010, "NEC-UIUC", "", None, None, 28.2, 1, "SIFT and LBP features, linear SVM", _REVIEW),
    ChallengeEntry(
        2011, "XRCE", "", None, None, 25.8, 1, "Fisher vectors, linear SVM", _REVIEW,
        "26.2 is often printed here: it is the second of 2012",
    ),
    ChallengeEntry(
        2012, "SuperVision", "AlexNet", "alexnet", 8, 15.3, 1, "7 networks, 2 of them learnt from more data first", _ALEXNET,
        "16.4 with 5 networks and no more data; on the validation pictures 15.4 with the 7 networks, 16.6 with one that "
        "learnt from more data, 18.2 with one that did not; 17.0 is one on the pictures of 2010",
    ),
    ChallengeEntry(
        2012, "ISI", "", None, None, 26.2, 2, "Fisher vectors of several features", _ALEXNET,
        "printed for 2011 too",
    ),
    ChallengeEntry(
        2013, "Clarifai", "ZFNet and others", "zfnet", 8, 11.7, 1, "an average of networks", _REVIEW,
        "11.2 with more data; texts call this network ZFNet",
    ),
    ChallengeEntry(
        2013, "ZF", "ZFNet", "zfnet", 8, 13.5, 3, "an average of networks", _RESULTS,
        f"14.8 is an average of 6 networks on the pictures of 2012 ({_ZFNET})",
    ),
    ChallengeEntry(
        2014, "GoogLeNet", "GoogLeNet", "googlenet", 22, 6.7, 1, "7 networks, 144 crops", _GOOGLENET,
        "6.66 and 6.67 are this one",
    ),
    ChallengeEntry(
        2014, "VGG", "VGG-16 and VGG-19", "vgg19", 19, 7.3, 2, "7 networks", _VGG,
        "6.8 with 2 networks after the challenge; it won the localisation task",
    ),
    ChallengeEntry(
        2015, "MSRA", "ResNet-152 and shallower ones", "resnet152", 152, 3.57, 1, "6 networks", _RESNET,
        "4.49 is one ResNet-152 on the validation pictures (table 4)",
    ),
    ChallengeEntry(
        2016, "Trimps-Soushen", "Inception and ResNet together", None, None, 2.99, 1, "networks of several kinds", _RESULTS,
        "no new network; the second was ResNeXt, 3.03",
    ),
    ChallengeEntry(
        2017, "WMW", "SENet-154 and others", None, 154, 2.25, 1, "several networks", _SENET,
        "the last challenge",
    ),
    ChallengeEntry(
        2014, "a trained person", "", None, None, 5.1, 0, "one annotator, 1,500 pictures", _REVIEW,
        "a second, less trained one: 12.0 on 258 pictures",
    ),
)  # fmt: skip


def history(*, winners: bool = False) -> tuple[ChallengeEntry, ...]:
    """The ImageNet challenge from 2010 to 2017, each number with its source; and a person, for comparison.

    winners   only those in first place

    The error is of the entry, mostly an average of several networks and crops.  One network alone errs more:
    ``card(name).top5`` has the accuracy of one.
    """
    return tuple(entry for entry in ENTRIES if entry.place == 1 or not winners)
