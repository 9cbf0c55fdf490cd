// A resource server for TLS-session-bound access tokens (draft-mw-oauth-tls-session-bound-tokens-06) on Node's TLS, HTTP/2
// and the `jose` package. Written from the draft, and deliberately without a look at ekmcheck's own checks: where the two
// disagree, one of them misread the draft. Section numbers (§) are those of the draft.
//
//   node server.mjs --bundle DIR [--port N] [--fault NAME] [--habit NAME]
import { constants, createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createSecureServer } from 'node:http2';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { createLocalJWKSet, errors, jwtVerify } from 'jose';
import { HABITS, habitual, settings } from './habits.mjs';

const LABEL = 'EXPORTER-oauth-tls-session-bound';
const IAT_PAST = 300; // seconds that a proof may be old when it is first shown on a connection
const COMPACT = /^[\w-]+\.[\w-]+\.[\w-]*$/; // three parts in base64url, of which an unsigned one has two
const IAT_FUTURE = 60; // seconds that a client's clock may be ahead

// Each fault is one mistake that a real server makes; without `--fault` none is made.
const FAULTS = {
  'no-context-exporter': 'the exporter is derived without a context, not with a zero-length one (TLS 1.2 tells them apart)',
  'wrong-label': 'the exporter is derived with a label of an older spelling',
  'ekm-not-compared': 'the exporter value in the proof is not compared',
  'ath-not-compared': 'the token hash in the proof is not compared',
  'iat-not-checked': 'a proof of any age is taken',
  'htm-not-compared': 'the method in the proof is not compared',
  'htu-not-compared': 'the target URI in the proof is not compared',
  'jti-not-remembered': 'a proof with jti may come again',
  'jti-per-connection': 'jti values are forgotten with their connection',
  'signature-not-verified': 'the claims of the proof are read, its signature is not verified',
  'proof-typ-not-checked': 'any signed JWT will do for a proof',
  'proof-x5t-not-compared': 'the thumbprint in the header of the proof is not compared',
  'token-x5t-not-compared': 'cnf.x5t#S256 of the token is not compared with the client certificate',
  'x5t-of-pem': 'the thumbprint is taken over the PEM text, not over the DER',
  'proof-optional': 'a bound token without a proof is served like a bearer token',
  'proof-optional-after-first': 'once a token was bound on a connection, no proof is asked for',
  'cache-by-token': 'a verified binding is cached by the token alone, for all connections',
  'cache-skips-token': 'on a cache hit the token itself is not looked at',
  'status-403': 'refusals of the proof come with 403',
  'no-challenge': 'refusals come without WWW-Authenticate',
  'invalid-token-for-all': 'refusals of the proof say invalid_token',
};

const { values: args } = parseArgs({
  options: { bundle: { type: 'string' }, port: { type: 'string', default: '0' }, fault: { type: 'string' }, faults: { type: 'boolean' }, habit: { type: 'string' }, habits: { type: 'boolean' } },
});
if (args.faults) {
  process.stdout.write(Object.keys(FAULTS).join('\n') + '\n');
  process.exit(0);
}
if (args.habits) {
  process.stdout.write(Object.keys(HABITS).join('\n') + '\n');
  process.exit(0);
}
if (args.habit && !(args.habit in HABITS)) {
  console.error(`unknown habit ${args.habit}; --habits lists them`);
  process.exit(2);
}
if (!args.bundle || (args.fault && !(args.fault in FAULTS))) {
  console.error(args.bundle ? `unknown fault ${args.fault}; --faults lists them` : 'usage: node server.mjs --bundle DIR [--port N] [--fault NAME]');
  process.exit(2);
}
const fault = (name) => args.fault === name;

const read = (name) => readFileSync(join(args.bundle, 'server', name), 'utf8');
const { issuer, audience } = JSON.parse(read('issuer.json'));
const issuerKeys = createLocalJWKSet(JSON.parse(read('jwks.json')));

const sha256 = (data) => createHash('sha256').update(data).digest('base64url');

/** A refusal: what goes onto the wire (§3.5, RFC 6750 §3). */
class Refusal extends Error {
  constructor(code, description, status = 401) {
    super(description);
    this.code = code;
    this.status = status;
  }
}
const invalidToken = (why) => new Refusal('invalid_token', why);
const invalidProof = (why) => new Refusal('invalid_proof', `Session-Binding Proof verification failed: ${why}`);

// ---- the connection

/** Whether a TLS 1.2 session has the extended master secret (RFC 7627): `flags [13]` of OpenSSL's SSL_SESSION, in DER. */
function hasExtendedMasterSecret(session) {
  const tlv = (at) => {
    let length = session[at + 1];
    let start = at + 2;
    if (length > 127) {
      const octets = length & 127;
      length = session.readUIntBE(start, octets);
      start += octets;
    }
    return { tag: session[at], start, end: start + length };
  };
  const sequence = tlv(0);
  for (let at = sequence.start; at < sequence.end; at = tlv(at).end) {
    const { tag, end } = tlv(at);
    if (tag === 0xad) return (session[end - 1] & 1) === 1;
  }
  return false;
}

/** What the server knows of one TLS connection. It hangs on the socket, and so goes when the connection goes. */
function connectionOf(socket) {
  const certificate = socket.getPeerX509Certificate();
  if (!certificate) return undefined;
  // A zero-length Buffer is a context that is present and empty; leaving it out is no context (§2.2, RFC 5705 §4).
  const context = fault('no-context-exporter') ? undefined : Buffer.alloc(0);
  const label = fault('wrong-label') ? 'EXPORTER-OAuth-TLS-Session-Bound' : LABEL;
  return {
    key: certificate.publicKey,
    algorithms: algorithmsFor(certificate.publicKey),
    thumbprint: sha256(fault('x5t-of-pem') ? certificate.toString() : certificate.raw),
    ekm: socket.exportKeyingMaterial(32, label, context).toString('base64url'),
    verified: new Map(), // ath -> hash of the proof that was verified in full on this connection
    jtis: new Map(),
  };
}

/** The algorithms that fit the certificate's key (§2.3.1); the header of the proof chooses among these only. */
function algorithmsFor(key) {
  switch (key.asymmetricKeyType) {
    case 'ec':
      return { prime256v1: ['ES256'], secp384r1: ['ES384'], secp521r1: ['ES512'] }[key.asymmetricKeyDetails.namedCurve] ?? [];
    case 'rsa':
      return ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'];
    case 'ed25519':
      return ['EdDSA', 'Ed25519'];
    default:
      return [];
  }
}

// ---- the checks of §3.3.2, step 5

function bearerToken(request) {
  const fields = request.rawHeaders.filter((name, i) => i % 2 === 0 && name.toLowerCase() === 'authorization');
  if (fields.length === 0) throw new Refusal(undefined, 'no access token');
  if (fields.length > 1) throw new Refusal('invalid_request', 'more than one Authorization field', 400);
  const match = /^Bearer +([A-Za-z0-9._~+/-]+=*)$/i.exec(request.headers.authorization);
  if (!match) throw new Refusal(undefined, 'no Bearer token');
  return match[1];
}

/** b, c and the first half of d: the token, its certificate, and that it wants binding. Gives the claims. */
async function checkToken(token, connection) {
  let claims;
  try {
    const options = { issuer, audience, typ: 'at+jwt', algorithms: ['ES256'], requiredClaims: ['exp'] };
    claims = (await jwtVerify(token, issuerKeys, options)).payload;
  } catch (error) {
    throw invalidToken(`access token: ${error instanceof errors.JOSEError ? error.code : 'malformed'}`);
  }
  const cnf = claims.cnf ?? {};
  if (cnf['x5t#S256'] !== connection.thumbprint && !fault('token-x5t-not-compared')) {
    throw invalidToken('the access token is bound to another certificate');
  }
  // §2.4 leaves no other label; a token that is not bound to a session is not taken here (5d).
  if (cnf.tls_exp !== LABEL) throw invalidToken('the access token is not bound to the TLS session');
  return claims;
}

/** e: the signature, by the certificate of this very connection. Gives header and claims. */
async function openProof(proof, connection) {
  // Node decodes base64url with padding and with white space in it, too; a compact JWS has neither (RFC 7515 §5.2).
  if (!COMPACT.test(proof)) throw invalidProof('malformed');
  try {
    if (fault('signature-not-verified')) {
      const [header, payload] = proof.split('.').slice(0, 2).map((part) => JSON.parse(Buffer.from(part, 'base64url').toString() || '{}'));
      return { protectedHeader: header, payload };
    }
    const typ = fault('proof-typ-not-checked') ? undefined : 'tls-binding-proof+jwt';
    return await jwtVerify(proof, connection.key, { algorithms: connection.algorithms, typ, requiredClaims: ['iat'] });
  } catch (error) {
    throw invalidProof(error instanceof errors.JOSEError ? error.code : 'malformed');
  }
}

/** e to i. Gives whether the proof is good for more than this one request. */
async function checkProof(proof, ath, claims, request, connection) {
  const { protectedHeader, payload } = await openProof(proof, connection);
  if (protectedHeader['x5t#S256'] !== connection.thumbprint && !fault('proof-x5t-not-compared')) {
    throw invalidProof('certificate thumbprint mismatch');
  }
  if (payload.ekm !== connection.ekm && !fault('ekm-not-compared')) throw invalidProof('exporter mismatch');
  if (payload.ath !== ath && !fault('ath-not-compared')) throw invalidProof('access token hash mismatch');

  const age = Date.now() / 1000 - payload.iat;
  if (!(age <= IAT_PAST && age >= -IAT_FUTURE) && !fault('iat-not-checked')) throw invalidProof('iat outside the window');

  const { htm, htu, jti } = payload;
  if (htm !== undefined && htm !== request.method && !fault('htm-not-compared')) throw invalidProof('htm mismatch');
  if (htu !== undefined && !isTarget(htu, request) && !fault('htu-not-compared')) throw invalidProof('htu mismatch');
  if (jti !== undefined) rememberJti(jti, claims.exp, connection);
  return htm === undefined && htu === undefined && jti === undefined;
}

/** Whether `htu` names the target of the request. The draft defines a URI and shows a path: both are taken (§2.3.2.2). */
function isTarget(htu, request) {
  if (typeof htu !== 'string' || /[?#]/.test(htu)) return false;
  const path = request.url.split(/[?#]/)[0];
  if (htu === path) return true;
  const authority = request.authority ?? request.headers.host;
  try {
    return new URL(htu).href === new URL(`https://${authority}${path}`).href;
  } catch {
    return false;
  }
}

const seenJtis = new Map(); // client and jti -> end of the token's life, in seconds

/** i: a jti is good once while the token that it came with lives. No await between look and note: requests cannot race. */
function rememberJti(jti, until, connection) {
  if (typeof jti !== 'string' || jti === '') throw invalidProof('jti identifies nothing');
  if (fault('jti-not-remembered')) return;
  const seen = fault('jti-per-connection') ? connection.jtis : seenJtis;
  const now = Date.now() / 1000;
  for (const [key, end] of seen) if (end < now) seen.delete(key);
  const key = `${connection.thumbprint} ${jti}`;
  if (seen.has(key)) throw invalidProof('jti reuse');
  seen.set(key, until);
}

const verifiedAnywhere = new Map(); // only for the fault cache-by-token

/** b again, on hits too: what the path needs, if it needs more than a token. */
function checkScope(claims, request) {
  const admin = request.url.split(/[?#]/)[0] === '/api/admin';
  if (admin && !`${claims.scope ?? ''}`.split(' ').includes('resource.admin')) {
    throw new Refusal('insufficient_scope', 'resource.admin is needed', 403);
  }
}

/** b to i; gives the claims of the token. */
async function authorize(request) {
  const connection = request.socket.connection;
  if (!connection) throw invalidToken('no client certificate');
  const token = bearerToken(request);
  const ath = sha256(token);
  const cache = fault('cache-by-token') ? verifiedAnywhere : connection.verified;
  // The token may have ended since the last request, so it is looked at on every one.
  const claims = fault('cache-skips-token') && cache.has(ath) ? {} : await checkToken(token, connection);

  const proof = request.headers['session-binding-proof'];
  if (proof === undefined) {
    if (fault('proof-optional') || (fault('proof-optional-after-first') && cache.has(ath))) return claims;
    throw new Refusal('use_session_binding', 'This token requires a Session-Binding Proof');
  }
  // A hit is the same token with the same proof on the same connection; any other proof is verified in full. Only proofs
  // without per-request claims get here, and iat speaks of when the proof was made, so nothing is left to look at (§3.3.1).
  if (cache.has(ath) && (cache.get(ath) === sha256(proof) || fault('cache-by-token'))) return claims;
  if (await checkProof(proof, ath, claims, request, connection)) cache.set(ath, sha256(proof));
  return claims;
}

// ---- HTTP

function refuse(response, refusal) {
  const proofRefused = refusal.code === 'invalid_proof' || refusal.code === 'use_session_binding';
  const status = fault('status-403') && proofRefused ? 403 : refusal.status;
  const code = fault('invalid-token-for-all') && proofRefused ? 'invalid_token' : refusal.code;
  const headers = { 'content-type': 'application/json', 'cache-control': 'no-store' };
  if (!fault('no-challenge')) {
    headers['www-authenticate'] = code ? `Bearer error="${code}", error_description="${refusal.message}"` : 'Bearer';
  }
  response.writeHead(status, headers);
  response.end(JSON.stringify({ error: code ?? 'unauthorized' }));
}

async function serve(request, response) {
  try {
    checkScope(await authorize(request), request);
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end('{"resource":"ok"}');
  } catch (error) {
    if (error instanceof Refusal) return refuse(response, error);
    console.error(`internal error: ${error.stack}`);
    response.writeHead(500);
    response.end();
  }
}

const server = createSecureServer(
  {
    cert: read('server.pem'),
    key: read('server.key'),
    ca: read('client-ca.pem'),
    requestCert: true,
    rejectUnauthorized: true,
    minVersion: 'TLSv1.2',
    allowHTTP1: true,
    // A renegotiation in TLS 1.2 would change the exporter value, and perhaps the client, in the middle of a connection.
    secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
    ...settings(args.habit, constants),
  },
  habitual(args.habit, serve),
);
// Before the listener of the HTTP server itself, so that every request finds its connection known. With HTTP/2 the socket
// of a request is a proxy, no key for a map; but what hangs on the socket is seen through it.
server.prependListener('secureConnection', (socket) => {
  if (socket.getProtocol() === 'TLSv1.2' && !hasExtendedMasterSecret(socket.getSession())) {
    socket.destroy(); // without it the exporter value is not this connection's alone (RFC 7627 §1)
    return;
  }
  socket.setNoDelay(); // or an answer over HTTP/1.1 waits for the client to acknowledge the session tickets
  socket.connection = connectionOf(socket);
});
server.on('sessionError', () => {}); // a client that breaks HTTP/2 loses its session, and nobody else's
server.listen(Number(args.port), '127.0.0.1', () => {
  process.stdout.write(`ready https://${args.habit === 'ipv4' ? '127.0.0.1' : 'localhost'}:${server.address().port}\n`);
});
process.stdin.resume();
process.stdin.on('end', () => process.exit(0));
