"""What lies in the image: exactly the files that are meant to, a program that needs no library, the certificates of AWS's
endpoints, and an inventory that names what was compiled in."""

import json
import os
import ssl
import struct
from pathlib import Path
from urllib.parse import unquote

from .commands import ROOT, run

SERVICES = ("splitter", "worker", "aggregator")
INVENTORY = "usr/share/doc/annexa/annexa.cdx.json"
CERTIFICATES = "etc/ssl/certs/ca-certificates.crt"
FILES = {
    *("etc/group", "etc/nsswitch.conf", "etc/passwd", CERTIFICATES, INVENTORY, "usr/local/bin/annexa"),
    *(f"usr/local/bin/annexa-{service}" for service in SERVICES),
    *(f"usr/share/doc/annexa/{name}" for name in ("LICENSE", "NOTICE", "third-party-licences.txt")),
}
# What AWS says its endpoints' certificates come from: https://www.amazontrust.com/repository/.
AMAZON = {*(f"Amazon Root CA {n}" for n in range(1, 5)), "Starfield Services Root Certificate Authority - G2"}
# ELF: type of a program that can be loaded anywhere, and of the header that asks for a dynamic linker.
ET_DYN, PT_INTERP = 3, 3


def files(root):
    """All files and links below a folder, as paths in it."""
    return {str(Path(folder, name).relative_to(root)) for folder, _, names in os.walk(root) for name in names}


def program_headers(path):
    """Type of a 64-bit little-endian ELF file, and the types of its program headers."""
    head = path.read_bytes()[:4096]
    assert head[:6] == b"\x7fELF\x02\x01", f"{path} is no 64-bit ELF file"
    kind = struct.unpack_from("<H", head, 16)[0]
    offset = struct.unpack_from("<Q", head, 32)[0]
    size, count = struct.unpack_from("<HH", head, 54)
    return kind, {struct.unpack_from("<I", head, offset + n * size)[0] for n in range(count)}


def crates(target):
    """NAME@VERSION of every crate that is linked for a target, as this machine's cargo knows it."""
    told = run(
        *("cargo", "tree", "--locked", "--offline", "--target", target, "--edges", "normal,no-proc-macro"),
        *("--prefix", "none", "--format", "{p}"),
        cwd=ROOT,
    )
    words = (line.split() for line in told.splitlines())
    return {f"{word[0]}@{word[1].removeprefix('v')}" for word in words if word}


def check(root, report, version):
    """Looks at the root folder of the image."""
    report.same("files in the image", sorted(files(root)), sorted(FILES))
    program = root / "usr/local/bin/annexa"
    for service in SERVICES:
        report.same(f"annexa-{service}", os.readlink(root / f"usr/local/bin/annexa-{service}"), "annexa")
    kind, headers = program_headers(program)
    report.holds("the program needs no dynamic linker", PT_INTERP not in headers, "it asks for one")
    report.holds("the program can be loaded anywhere (PIE)", kind == ET_DYN, f"ELF type {kind}")
    special = [name for name in files(root) if (root / name).lstat().st_mode & 0o6000]
    report.same("files with other rights than their caller's", special, [])
    data = (root / "data").stat()
    report.same("owner of /data", (data.st_uid, data.st_gid), (65532, 65532))
    roots = ssl.create_default_context(cafile=root / CERTIFICATES).get_ca_certs()
    names = {value for one in roots for part in one["subject"] for key, value in part if key == "commonName"}
    names |= {value for one in roots for part in one["subject"] for key, value in part if key == "organizationalUnitName"}
    report.holds(f"Amazon's root certificates, of {len(roots)}", AMAZON <= names, f"without {sorted(AMAZON - names)}")
    inventory(json.loads((root / INVENTORY).read_text()), report, version)


def inventory(bom, report, version):
    """The inventory names each crate that cargo links, with its licence and digest, and no other."""
    report.same("inventory: format", (bom["bomFormat"], bom["specVersion"]), ("CycloneDX", "1.5"))
    about = bom["metadata"]["component"]
    report.same("inventory: of", (about["name"], about["version"]), ("annexa", version))
    target = next(one["value"] for one in bom["metadata"]["properties"] if one["name"] == "annexa:target")
    held = [one for one in bom["components"] if one["purl"].startswith("pkg:cargo/")]
    named = [unquote(one["purl"]).removeprefix("pkg:cargo/") for one in held]
    expected = crates(target) - {f"annexa@{version}"}
    differ = sorted(set(named) ^ expected)
    report.holds(f"inventory: the {len(named)} crates that are linked", not differ and expected, f"differs in {differ}")
    bare = [one["name"] for one in held if not one.get("licenses") or not one.get("hashes")]
    report.same("inventory: crates without licence or digest", bare, [])
    references = [one["bom-ref"] for one in bom["components"]]
    report.same("inventory: entries twice", len(references) - len(set(references)), 0)
    # Debian's source packages of the compiler have its version in their name.
    others = {one["name"].partition("-1")[0] for one in bom["components"] if one not in held}
    report.holds("inventory: the C library, the compiler's, certificates", others == {"glibc", "gcc", "ca-certificates", "rust-std"}, sorted(others))
    unknown = [one["name"] for one in bom["components"] if not one["version"]]
    report.same("inventory: entries without a version", unknown, [])
