"""What published data sets there are that svct reads, and where they are to be had."""

from dataclasses import dataclass


@dataclass(frozen=True)
class OutsideSet:
    """A published data set; svct reads its files and does not fetch them.

    Args:
        name: What users call it.
        title: What it holds.
        obtain: Where to get it, one line each.
        citation: What to cite.
        reader: The function that reads it.
        protocol: What publications on it do, as far as it matters for a comparison.
    """

    name: str
    title: str
    obtain: tuple[str, ...]
    citation: str
    reader: str
    protocol: tuple[str, ...]


OUTSIDE = {
    found.name: found
    for found in [
        OutsideSet(
            name="lodopab-ct",
            title="42895 simulated parallel-beam scans of chest slices, 1000 views, 513 bins, 362x362 truth",
            obtain=(
                "https://doi.org/10.5281/zenodo.3384092, about 115 GB unpacked",
                "unpack observation_*.zip and ground_truth_*.zip into one folder, patient_ids_rand_*.csv beside them",
            ),
            citation="Leuschner, Schmidt, Otero Baguer and Maass 2021, Sci. Data 8:109",
            reader="svct.data.outside.read_lodopab(folder, 'test', indices=[0, 1])",
            protocol=(
                "4096 photons per ray, Poisson noise, counts of zero raised to 0.1",
                "3553 test slices of 60 patients; PSNR and SSIM over the range of each truth (published_scores)",
                "sparse views: every n-th of the 1000",
            ),
        ),
        OutsideSet(
            name="2detect",
            title="measured fan-beam scans of 5000 slices and 850 unlike them, 3601 views, 1912 pixels, three modes",
            obtain=(
                "raw data: https://doi.org/10.5281/zenodo.8014757 (slices 1 to 1000) and .8014765, .8014786, .8014828, "
                ".8014873, .8014906",
                "reference reconstructions: https://doi.org/10.5281/zenodo.8017582 and .8017603, .8017611, .8017617, "
                ".8017623, .8017652",
            ),
            citation="Kiss, Coban, Batenburg, van Leeuwen and Lucka 2023, Sci. Data 10:576",
            reader="svct.data.outside.read_twodetect(folder / 'slice00001' / 'mode2')",
            protocol=(
                "modes 1 and 2: 90 kV, filtered, one at 90 W and one, noisy, at 3 W; mode 3: 60 kV, 60 W, unfiltered, "
                "with beam hardening",
                "pixels in pairs, last view dropped; reference: accelerated gradient descent on all views",
            ),
        ),
        OutsideSet(
            name="ldct",
            title="AAPM-Mayo Low Dose CT Image and Projection Data: helical scans of heads, chests and abdomens",
            obtain=(
                "https://doi.org/10.7937/9NPB-2637 (The Cancer Imaging Archive), projections and images in DICOM",
                "one folder of .dcm files per scan and dose",
            ),
            citation="Moen et al. 2021, Med. Phys. 48:902",
            reader="svct.data.outside.read_ldct(folder, views=slice(12000, 16000))",
            protocol=(
                "full dose, and reduced dose by noise insertion, of the same patients",
                "the images beside them, read with svct.data.read_volume, serve as the reference",
            ),
        ),
    ]
}
"""The sets by name."""
