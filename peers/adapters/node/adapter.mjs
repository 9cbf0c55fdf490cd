// An adapter for ekmcheck: Session-Binding Proofs verified with jose, or with jsonwebtoken, as a resource server would.
//
//   node adapter.mjs [jose|jsonwebtoken]
//
// One JSON object a line in, one a line out (docs/adapters.md). Everything that the library throws is a refusal.

import { createHash, timingSafeEqual, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { errors, jwtVerify } from "jose";
import jsonwebtoken from "jsonwebtoken";

const LABEL = "EXPORTER-oauth-tls-session-bound";
const TYP = "tls-binding-proof+jwt";
const EC_ALGORITHMS = { prime256v1: "ES256", secp384r1: "ES384", secp521r1: "ES512" };
const RSA_ALGORITHMS = ["PS256", "PS384", "PS512", "RS256", "RS384", "RS512"];
const LIBRARY = process.argv[2] ?? "jose";
const VERSION = JSON.parse(readFileSync(new URL(`node_modules/${LIBRARY}/package.json`, import.meta.url))).version;

class Refused extends Error {
  constructor(check, detail = "") {
    super(detail);
    this.check = check;
  }
}

class Unsupported extends Error {}

function require(holds, check, detail) {
  if (!holds) throw new Refused(check, detail);
}

const sha256 = (octets) => createHash("sha256").update(octets).digest("base64url");
const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);

// Compares text in constant time; nothing else is equal to text.
function same(given, right) {
  if (typeof given !== "string") return false;
  const [one, other] = [Buffer.from(given), Buffer.from(right)];
  return one.length === other.length && timingSafeEqual(one, other);
}

function algorithmsFor(key) {
  const curve = key.asymmetricKeyDetails?.namedCurve;
  if (key.asymmetricKeyType === "ec" && EC_ALGORITHMS[curve]) return [EC_ALGORITHMS[curve]];
  if (key.asymmetricKeyType === "ed25519" && LIBRARY === "jose") return ["EdDSA"];
  if (key.asymmetricKeyType === "rsa") return RSA_ALGORITHMS;
  throw new Unsupported(`keys of the type ${key.asymmetricKeyType} ${curve ?? ""}`);
}

// A target URI, or the path alone as in the draft's example, in the form that RFC 9110 section 4.2.3 compares; null if
// it is neither.
function targetUri(uri, authority) {
  const full = /^\/(?!\/)/.test(uri) ? `https://${authority}${uri}` : uri;
  if (/[?#\\\s]/.test(full) || !URL.canParse(full)) return null;
  const url = new URL(full);
  if (url.protocol !== "https:" || url.username || url.password) return null;
  const path = url.pathname.replace(/%([0-9a-f]{2})/gi, (escape, hex) => {
    const char = String.fromCharCode(parseInt(hex, 16));
    return /[A-Za-z0-9._~-]/.test(char) ? char : escape.toUpperCase();
  });
  return `https://${url.host}${path}`;
}

// What a library verified: header and claims.
const VERIFIERS = {
  async jose(proof, key, algorithms, now) {
    const options = { algorithms, typ: TYP, requiredClaims: ["ath", "ekm", "iat"], currentDate: new Date(now * 1000) };
    const { payload, protectedHeader } = await jwtVerify(proof, key, options);
    return [protectedHeader, payload];
  },
  async jsonwebtoken(proof, key, algorithms, now) {
    const options = { algorithms, complete: true, clockTimestamp: now };
    const { header, payload } = jsonwebtoken.verify(proof, key, options);
    require(header.typ === TYP, "typ", "another typ");
    require(isObject(payload), "format", "the payload is no object");
    return [header, payload];
  },
};

async function verify(inputs, policy) {
  const der = Buffer.from(inputs.certificate, "base64");
  const key = new X509Certificate(der).publicKey;
  const algorithms = algorithmsFor(key);
  const thumbprint = sha256(der);

  const confirmation = inputs.token_claims.cnf;
  require(isObject(confirmation), "confirmation", "no cnf");
  require(typeof confirmation["x5t#S256"] === "string", "confirmation", "no x5t#S256");
  require(confirmation.tls_exp === LABEL, "confirmation", "no tls_exp");
  require(same(confirmation["x5t#S256"], thumbprint), "certificate", "another certificate");

  const [header, claims] = await VERIFIERS[LIBRARY](inputs.proof, key, algorithms, inputs.now);
  require(same(header["x5t#S256"], thumbprint), "x5t", "another certificate");
  require(same(claims.ekm, Buffer.from(inputs.exporter, "hex").toString("base64url")), "ekm");
  require(same(claims.ath, sha256(inputs.access_token)), "ath");
  require(typeof claims.iat === "number", "iat", "no number");
  require(inputs.now - policy.iat_past <= claims.iat && claims.iat <= inputs.now + policy.iat_future, "iat");

  const { method, authority, path } = inputs.request;
  if (claims.htm !== undefined) require(claims.htm === method, "htm");
  if (claims.htu !== undefined) {
    const target = targetUri(path.split("?")[0], authority);
    require(typeof claims.htu === "string" && targetUri(claims.htu, authority) === target, "htu");
  }
  // Whether a jti was seen before is not asked here: every question starts from nothing.
  if (claims.jti !== undefined) require(typeof claims.jti === "string" && claims.jti !== "", "jti");
}

// Which check it was that the library made.
function checkOf(error) {
  if (error.message === "invalid signature") return "signature";
  if (error.message === "invalid algorithm") return "alg";
  if (error instanceof errors.JWSSignatureVerificationFailed) return "signature";
  if (error instanceof errors.JOSEAlgNotAllowed) return "alg";
  if (error instanceof errors.JOSENotSupported) return "crit";
  if (error instanceof errors.JWTClaimValidationFailed) return error.claim;
  return "format";
}

async function answer({ command, inputs, policy }) {
  if (command === "hello") {
    return {
      answer: "hello",
      name: `node-${LIBRARY}`,
      version: "1",
      language: `JavaScript, Node ${process.versions.node}`,
      library: `${LIBRARY} ${VERSION}, OpenSSL ${process.versions.openssl}`,
      features: [...Object.values(EC_ALGORITHMS), ...(LIBRARY === "jose" ? ["EdDSA"] : []), ...RSA_ALGORITHMS],
    };
  }
  if (command !== "verify") return { answer: "unsupported", why: `the command ${JSON.stringify(command)}` };
  const given = ["certificate", "access_token", "token_claims", "exporter", "now", "request", "proof"];
  if (!isObject(inputs) || !isObject(policy) || given.some((name) => inputs[name] === undefined)) {
    return { answer: "unsupported", why: "verify without all inputs and policy" };
  }
  try {
    await verify(inputs, policy);
    return { answer: "accept" };
  } catch (error) {
    if (error instanceof Unsupported) return { answer: "unsupported", why: error.message };
    if (error instanceof Refused) return { answer: "refuse", check: error.check, detail: error.message };
    if (error instanceof errors.JOSEError || error instanceof jsonwebtoken.JsonWebTokenError)
      return { answer: "refuse", check: checkOf(error), detail: error.message };
    console.error(error); // a server would answer 500: not accepted
    return { answer: "refuse", detail: `${error.name}: ${error.message}` };
  }
}

for await (const line of createInterface({ input: process.stdin, crlfDelay: Infinity })) {
  let request = null;
  try {
    request = JSON.parse(line);
  } catch {
    // Told below, as what is no object is.
  }
  if (!isObject(request) || request.id === undefined) {
    console.error("a line that is no JSON object with an id");
    continue;
  }
  process.stdout.write(`${JSON.stringify({ id: request.id, ...(await answer(request)) })}\n`);
}
