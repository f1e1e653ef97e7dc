# SPDX-License-Identifier: Apache-2.0
"""By what `ikectl rotate status` knows a CA, of the certificates in a PEM text."""
import base64
import hashlib
import re

BLOCK = re.compile("-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----([A-Za-z0-9+/=\\s]*)-----END")


def fingerprints(pem):
    """SHA-256 of each, as hexadecimal digits without colons."""
    return [hashlib.sha256(base64.b64decode(body)).hexdigest() for body in BLOCK.findall(pem)]


def plain(fingerprint):
    """One that has colons, in the same form."""
    return fingerprint.replace(":", "").lower()


class FilterModule:
    def filters(self):
        return {"ikemesh_fingerprints": fingerprints, "ikemesh_plain": plain}
