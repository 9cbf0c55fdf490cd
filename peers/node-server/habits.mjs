// What right servers do. Nobody may blame this one for it; without `--habit` it does none of it.

export const HABITS = {
  'closes-after-each-answer': 'ends the connection after each answer',
  'closes-after-each-refusal': 'ends the connection after each refusal',
  'two-requests': 'ends a connection after its second request',
  'hundred-requests': 'ends a connection after its hundredth request',
  'thousand-requests': 'ends a connection after its thousandth request',
  'closes-without-notify': 'ends the socket after each answer, without a word of TLS',
  'ends-before-an-answer': 'ends the connection at every 23rd request instead of answering; says in HTTP/2 that it has not processed it',
  'brake-on-refusals': '429 with Retry-After when 60 requests were refused within a second',
  'busy-now-and-then': '503 with Retry-After at every 211th request',
  'three-challenges': 'two other schemes before Bearer, in one field',
  'challenges-in-two-fields': 'a Bearer challenge of another realm in a field of its own',
  'escaped-quotes': 'a realm with escaped quotes and commas',
  'long-challenge': 'a realm of 3,000 characters',
  'unknown-methods-405': '405 with Allow for methods that it does not know, whoever asks',
  'answers-of-128-kb': 'answers of 131,072 octets',
  'answers-of-8-mb': 'an answer of 8 MiB at every 50th request',
  'refusals-of-200-kb': 'refusals of 200,000 octets',
  'early-hints': '103 before each answer (RFC 8297)',
  'one-stream': 'one stream at a time in HTTP/2',
  'no-tickets': 'no session tickets',
  'ipv4': 'is called by its IPv4 address',
};

const REFUSED = 7; // REFUSED_STREAM: not processed (RFC 9113 section 8.7)
const KNOWN = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'CONNECT'];
let all = 0;
let refusals = [];

/** Settings of the server that go with a habit; `constants` are those of node:crypto. */
export function settings(habit, constants) {
  if (habit === 'one-stream') return { settings: { maxConcurrentStreams: 1 } };
  return habit === 'no-tickets' ? { secureOptions: constants.SSL_OP_NO_RENEGOTIATION | constants.SSL_OP_NO_TICKET } : {};
}

/** The listener with that habit around it. */
export function habitual(habit, serve) {
  return habit === undefined ? serve : (request, response) => around(habit, serve, request, response);
}

async function around(habit, serve, request, response) {
  const has = (name) => habit === name;
  const connection = request.socket.connection ?? {};
  all += 1;
  connection.requests = (connection.requests ?? 0) + 1;
  const now = Date.now();
  refusals = refusals.filter((at) => at > now - 1000);
  if (has('ends-before-an-answer') && all % 23 === 0) return request.stream ? request.stream.close(REFUSED) : request.socket.destroy();
  const brake = has('brake-on-refusals') && refusals.length >= 60;
  if (brake || (has('busy-now-and-then') && all % 211 === 0)) {
    response.writeHead(brake ? 429 : 503, { 'retry-after': '1' });
    return response.end();
  }
  if (has('unknown-methods-405') && !KNOWN.includes(request.method)) {
    response.writeHead(405, { allow: 'GET, POST' });
    return response.end();
  }
  if (has('early-hints')) response.writeEarlyHints({ link: '</style.css>; rel=preload; as=style' });
  const { writeHead, end } = response;
  let status = 200;
  response.writeHead = (code, headers) => {
    status = code;
    if (code === 401) refusals.push(now);
    return writeHead.call(response, code, { ...fields(habit, code, headers ?? {}), ...connectionField(request, leaves(habit, code, connection)) });
  };
  response.end = (content) => {
    const done = () => leaves(habit, status, connection) && leave(habit, request);
    return end.call(response, changed(habit, status, content), done);
  };
  return serve(request, response);
}

/** Whether the connection ends with this answer. */
function leaves(habit, status, { requests }) {
  const most = { 'two-requests': 2, 'hundred-requests': 100, 'thousand-requests': 1000 }[habit] ?? Infinity;
  const each = habit === 'closes-after-each-answer' || habit === 'closes-without-notify';
  return each || (habit === 'closes-after-each-refusal' && status === 401) || requests >= most;
}

/** HTTP/1.1 says so beforehand (RFC 9112 section 9.6). */
function connectionField(request, leaving) {
  return leaving && !request.stream ? { connection: 'close' } : {};
}

function leave(habit, request) {
  const { session } = request.stream ?? {};
  if (habit === 'closes-without-notify') return (session ?? request.socket).destroy();
  // GOAWAY; streams that were begun go on.
  if (session && !session.closed) session.close();
}

function fields(habit, status, headers) {
  const own = headers['www-authenticate'];
  if (status !== 401 || own === undefined) return headers;
  const with_ = (challenge) => ({ ...headers, 'www-authenticate': challenge });
  const realm = (text) => with_(own === 'Bearer' ? `Bearer realm="${text}"` : own.replace('Bearer ', `Bearer realm="${text}", `));
  switch (habit) {
    case 'three-challenges': return with_(`Negotiate, DPoP algs="ES256 PS256", error="use_dpop_nonce", ${own}`);
    case 'challenges-in-two-fields': return with_(['Bearer realm="other", error="invalid_token"', own]);
    case 'escaped-quotes': return realm('the \\"inner\\", or \\\\ outer');
    case 'long-challenge': return realm('r'.repeat(3000));
    default: return headers;
  }
}

function changed(habit, status, content) {
  if (habit === 'answers-of-128-kb' && status === 200) return 'x'.repeat(131_072);
  if (habit === 'answers-of-8-mb' && status === 200 && all % 50 === 1) return Buffer.alloc(8 << 20, 'x');
  if (habit === 'refusals-of-200-kb' && status === 401) return 'x'.repeat(200_000);
  return content;
}
