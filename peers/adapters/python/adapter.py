"""An adapter for ekmcheck: Session-Binding Proofs verified with PyJWT, or with joserfc, as a resource server would.

    python adapter.py [pyjwt|joserfc]

One JSON object a line in, one a line out (docs/adapters.md). Everything that the library raises is a refusal.
"""

import base64
import hashlib
import hmac
import json
import platform
import re
import sys
from urllib.parse import urlsplit

import cryptography
import joserfc.errors
import joserfc.jwk
import joserfc.jwt
import jwt
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

LABEL = "EXPORTER-oauth-tls-session-bound"
TYP = "tls-binding-proof+jwt"
EC_ALGORITHMS = {"secp256r1": "ES256", "secp384r1": "ES384", "secp521r1": "ES512"}
RSA_ALGORITHMS = ["PS256", "PS384", "PS512", "RS256", "RS384", "RS512"]
# The clock is the question's, so the times are compared here; a proof has no audience.
OPTIONS = {"verify_exp": False, "verify_nbf": False, "verify_iat": False, "verify_aud": False}


class Refused(Exception):
    def __init__(self, check, detail=""):
        super().__init__(detail)
        self.check = check


class Unsupported(Exception):
    pass


def require(holds, check, detail=""):
    if not holds:
        raise Refused(check, detail)


def base64url(octets):
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def same(given, right):
    """Compares text in constant time; nothing else is equal to text."""
    return isinstance(given, str) and hmac.compare_digest(given.encode("utf-8", "surrogatepass"), right.encode())


def algorithms_for(key):
    if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in EC_ALGORITHMS:
        return [EC_ALGORITHMS[key.curve.name]]
    if isinstance(key, ed25519.Ed25519PublicKey):
        return ["EdDSA"]
    if isinstance(key, rsa.RSAPublicKey):
        return RSA_ALGORITHMS
    raise Unsupported(f"keys of the type {type(key).__name__}")


def target_uri(uri, authority):
    """A target URI, or the path alone as in the draft's example, in the form that RFC 9110 section 4.2.3 compares; None
    if it is neither."""
    if uri.startswith("/") and not uri.startswith("//"):
        uri = f"https://{authority}{uri}"
    try:
        parts = urlsplit(uri)
        port = parts.port
    except ValueError:
        return None
    if parts.scheme.lower() != "https" or not parts.hostname or "@" in parts.netloc or re.search("[?#]", uri):
        return None
    host = parts.hostname.lower()
    authority = host if port in (None, 443) else f"{host}:{port}"

    def unreserved(match):
        char = chr(int(match[1], 16))
        return char if re.fullmatch(r"[A-Za-z0-9._~-]", char) else match[0].upper()

    path = re.sub(r"%([0-9A-Fa-f]{2})", unreserved, parts.path or "/")
    return f"https://{authority}{path}"


def with_pyjwt(proof, key, algorithms):
    """What the library verified: header and claims."""
    try:
        header = jwt.get_unverified_header(proof)
        require(header.get("typ") == TYP, "typ", "another typ")
        require(header.get("alg") in algorithms, "alg", "does not fit the key")
        return header, jwt.decode(proof, key, algorithms=algorithms, options=OPTIONS)
    except jwt.InvalidSignatureError as error:
        raise Refused("signature", str(error)) from error
    except jwt.InvalidAlgorithmError as error:
        raise Refused("alg", str(error)) from error
    except jwt.PyJWTError as error:
        raise Refused("format", str(error)) from error


def with_joserfc(proof, key, algorithms):
    """The same."""
    own = joserfc.jwk.import_key(key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    try:
        token = joserfc.jwt.decode(proof, own, algorithms=algorithms)
    except joserfc.errors.BadSignatureError as error:
        raise Refused("signature", str(error)) from error
    except joserfc.errors.UnsupportedAlgorithmError as error:
        raise Refused("alg", str(error)) from error
    except joserfc.errors.JoseError as error:
        raise Refused("format", str(error)) from error
    require(token.header.get("typ") == TYP, "typ", "another typ")
    return token.header, token.claims


LIBRARIES = {
    "pyjwt": (with_pyjwt, f"PyJWT {jwt.__version__}"),
    "joserfc": (with_joserfc, f"joserfc {joserfc.__version__}"),
}
NAME = sys.argv[1] if len(sys.argv) > 1 else "pyjwt"
VERIFY, LIBRARY = LIBRARIES[NAME]


def verify(inputs, policy):
    certificate = base64.b64decode(inputs["certificate"])
    key = x509.load_der_x509_certificate(certificate).public_key()
    algorithms = algorithms_for(key)
    thumbprint = base64url(hashlib.sha256(certificate).digest())

    confirmation = inputs["token_claims"].get("cnf")
    require(isinstance(confirmation, dict), "confirmation", "no cnf")
    require(isinstance(confirmation.get("x5t#S256"), str), "confirmation", "no x5t#S256")
    require(confirmation.get("tls_exp") == LABEL, "confirmation", "no tls_exp")
    require(same(confirmation["x5t#S256"], thumbprint), "certificate", "another certificate")

    header, claims = VERIFY(inputs["proof"], key, algorithms)
    require(same(header.get("x5t#S256"), thumbprint), "x5t", "another certificate")
    require(same(claims.get("ekm"), base64url(bytes.fromhex(inputs["exporter"]))), "ekm")
    token_hash = base64url(hashlib.sha256(inputs["access_token"].encode("ascii")).digest())
    require(same(claims.get("ath"), token_hash), "ath")
    iat, now = claims.get("iat"), inputs["now"]
    require(isinstance(iat, (int, float)) and not isinstance(iat, bool), "iat", "no number")
    require(now - policy["iat_past"] <= iat <= now + policy["iat_future"], "iat", "outside the window")

    request = inputs["request"]
    if "htm" in claims:
        require(claims["htm"] == request["method"], "htm")
    if "htu" in claims:
        authority = request["authority"]
        target = target_uri(request["path"].split("?")[0], authority)
        require(isinstance(claims["htu"], str) and target_uri(claims["htu"], authority) == target, "htu")
    if "jti" in claims:
        # Whether it was seen before is not asked here: every question starts from nothing.
        require(isinstance(claims["jti"], str) and claims["jti"] != "", "jti")


def hello():
    return {
        "answer": "hello",
        "name": f"python-{NAME}",
        "version": "1",
        "language": f"Python {platform.python_version()}",
        "library": f"{LIBRARY}, cryptography {cryptography.__version__}",
        "features": [*EC_ALGORITHMS.values(), "EdDSA", *RSA_ALGORITHMS],
    }


def answer(request):
    command = request.get("command")
    if command == "hello":
        return hello()
    if command != "verify":
        return {"answer": "unsupported", "why": f"the command {command!r:.80}"}
    if not isinstance(request.get("inputs"), dict) or not isinstance(request.get("policy"), dict):
        return {"answer": "unsupported", "why": "verify without inputs and policy"}
    try:
        verify(request["inputs"], request["policy"])
    except Refused as refused:
        return {"answer": "refuse", "check": refused.check, "detail": str(refused)}
    except Unsupported as unsupported:
        return {"answer": "unsupported", "why": str(unsupported)}
    except KeyError as missing:
        return {"answer": "unsupported", "why": f"inputs without {missing}"}
    except Exception as error:  # a server would answer 500: not accepted
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return {"answer": "refuse", "detail": f"{type(error).__name__}: {error}"}
    return {"answer": "accept"}


def main():
    for line in sys.stdin.buffer:
        try:
            request = json.loads(line)
            number = request["id"]
        except (ValueError, TypeError, KeyError):
            print("a line that is no JSON object with an id", file=sys.stderr)
            continue
        print(json.dumps({"id": number, **answer(request)}), flush=True)


if __name__ == "__main__":
    main()
