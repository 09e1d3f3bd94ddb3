"""Takes the screenshots of committed reports that stand in reports/screenshots.

    python benchmarks/screenshots.py [FOLDER]

Needs a Chromium or Chrome on the PATH. Run it when a report or the page changes, and look at them.
"""

from __future__ import annotations

import io
import sys
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.report import headless  # noqa: E402 - it stands with the tests

COLOURS = 256
SHOTS = (  # report, width and height in CSS pixels, dark, pixels to one of these
    ("scaling-smollm2-135m-8192", 1440, 2140, False, 1.0),
    ("scaling-smollm2-135m-8192", 1440, 2140, True, 1.0),
    ("scaling-smollm2-135m-8192", 390, 2000, False, 1.5),
    ("scaling-smollm2-135m-8192", 390, 2000, True, 1.5),
    ("quality-demo", 1440, 2140, False, 1.0),
    ("quality-demo", 390, 2000, True, 1.5),
)


def name(report: str, width: int, dark: bool) -> str:
    """The file of a screenshot."""
    kind = report.partition("-")[0]
    return f"{kind}-{'desktop' if width > 600 else 'phone'}-{'dark' if dark else 'light'}.png"


def _reduced(image: Image.Image) -> Image.Image:
    """The image in its own most frequent colours, so that grounds and lines stay as they are."""
    counted = sorted(image.getcolors(1 << 24) or [], reverse=True)[:COLOURS]
    palette = Image.new("P", (1, 1))
    palette.putpalette([part for _, colour in counted for part in colour])
    return image.quantize(palette=palette, dither=Image.Dither.NONE)


def main(folder: Path) -> int:
    """Take them all, each in a palette of its own; 3 where there is no browser."""
    path = headless.found()
    if path is None:
        print(f"no browser: none of {', '.join(headless.NAMES)} is on the PATH", file=sys.stderr)
        return 3
    folder.mkdir(parents=True, exist_ok=True)
    with headless.Chromium(path) as browser:
        for report, width, height, dark, scale in SHOTS:
            url = headless.address(ROOT / "reports" / report / "report.html")
            with browser.page(url, width=width, height=900, dark=dark, scale=scale) as page:
                taken = Image.open(io.BytesIO(page.screenshot(height=height))).convert("RGB")
            file = folder / name(report, width, dark)
            _reduced(taken).save(file, optimize=True)
            print(f"{file.name}: {taken.width} × {taken.height}, {file.stat().st_size // 1024} KiB")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "reports" / "screenshots"))
