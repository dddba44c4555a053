// Splits the text of an address into libpq's options: a URL, or the pairs `keyword=value` that some providers show.
// https://www.postgresql.org/docs/15/libpq-connect.html#LIBPQ-CONNSTRING

/** One option of an address. */
export interface Option {
  readonly value: string;
  /** The variable of the environment that it comes from; undefined if the address itself contains it. */
  readonly variable?: string | undefined;
}

/** The options of an address by the names that libpq gives them, with `host`, `port`, `user`, `password`, and `dbname` among them. */
export type Options = ReadonlyMap<string, Option>;

export interface AddressText {
  readonly options: Options;
  /** What is wrong with the text itself. Completes a sentence that begins with the name of the address, and repeats nothing of it. */
  readonly mistakes: readonly string[];
}

const notAUrl = 'is not a valid URL; percent-encode special characters in its password';
const notPairs = 'must be pairs of keyword=value, with values that contain spaces in single quotes';
/** Options of which libpq refuses the empty value, such as that of a template whose variable is not set: the default is weaker than what was meant. */
const neverEmpty = new Set([
  'sslmode',
  'sslnegotiation',
  'channel_binding',
  'target_session_attrs',
  'load_balance_hosts',
]);
const wrongPort = 'has a port that is not a whole number from 1 to 65535';

/** Returns whether a text is the address of a PostgreSQL database in pairs. */
export function isInPairs(text: string): boolean {
  return /^\s*[a-z_]+\s*=/i.test(text);
}

/** Splits an address. Of an option that it has twice, the last value counts, as in libpq, unless both are in the query. */
export function splitAddress(text: string): AddressText {
  return isInPairs(text) ? splitPairs(text) : splitUrl(text);
}

/** Writes options as an address that means the same. */
export function joinAddress(options: Options): string {
  const pairs = [...options].map(([name, { value }]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`);
  return `postgres://?${pairs.join('&')}`;
}

function splitUrl(text: string): AddressText {
  const [, authority, path = '', query = ''] =
    /^postgres(?:ql)?:\/\/([^/?#]*)(?:\/([^?#]*))?(?:\?([^#]*))?$/.exec(text) ?? [];
  if (authority === undefined) return { options: new Map(), mistakes: [notAUrl] };
  const at = authority.lastIndexOf('@');
  const [, user = '', password = ''] = /^([^:]*):?(.*)$/s.exec(authority.slice(0, Math.max(at, 0))) ?? [];
  const mistakes = new Set<string>();
  const options = new Map<string, Option>();
  const put = (name: string, value: string | undefined): void => {
    if (value === undefined) mistakes.add(notAUrl);
    else if (value !== '') options.set(name, { value });
  };
  put('user', decoded(user));
  put('password', decoded(password));
  // The rest of a password with a slash in it.
  put('dbname', path.includes('@') ? undefined : decoded(path));
  const hosts = authority
    .slice(at + 1)
    .split(',')
    .map(splitHost);
  for (const host of hosts) if (typeof host === 'string') mistakes.add(host);
  const places = hosts.filter((host) => typeof host !== 'string');
  if (places.some(({ host }) => host !== '')) put('host', places.map(({ host }) => host).join(','));
  if (places.some(({ port }) => port !== '')) put('port', places.map(({ port }) => port).join(','));
  addQuery(query, options, mistakes);
  return { options, mistakes: [...mistakes] };
}

/** Splits `host:port`, with an IPv6 address in brackets. Returns the mistake if it is neither. */
function splitHost(text: string): { readonly host: string; readonly port: string } | string {
  const [, bracketed, name, port = ''] = /^(?:\[([0-9a-f:.]+)\]|([^:[\]]*))(?::(\d{0,5}))?$/i.exec(text) ?? [];
  if (bracketed === undefined && name === undefined) return notAUrl;
  if (port !== '' && (Number(port) < 1 || Number(port) > 65_535)) return wrongPort;
  const host = bracketed ?? decoded(name ?? '');
  return host === undefined ? notAUrl : { host, port };
}

function addQuery(query: string, options: Map<string, Option>, mistakes: Set<string>): void {
  // The rest of a password with a question mark in it: nothing of it may be repeated.
  if (query.includes('@')) return void mistakes.add(notAUrl);
  const seen = new Set<string>();
  for (const [given, value] of new URLSearchParams(query.replaceAll('+', '%2B'))) {
    // As libpq does for addresses of JDBC.
    const [name, meaning] = given === 'ssl' && value === 'true' ? ['sslmode', 'require'] : [given, value];
    if (seen.has(name)) mistakes.add(`has the option ${shownName(name)} twice`);
    seen.add(name);
    if (isGiven(name, meaning)) options.set(name, { value: meaning });
  }
}

/** Returns whether a value counts: most options stand for their default if they are empty. */
function isGiven(name: string, value: string): boolean {
  return value !== '' || neverEmpty.has(name);
}

/** Returns the name of an option for a message, unless it cannot be one. */
export function shownName(name: string): string {
  return /^[a-z][a-z_]{0,40}$/i.test(name) ? name : 'without a valid name';
}

/** Percent-decodes a part; undefined if that is impossible. */
function decoded(part: string): string | undefined {
  try {
    return decodeURIComponent(part);
  } catch {
    return undefined;
  }
}

function splitPairs(text: string): AddressText {
  const pair = /\s*([a-z_]+)\s*=\s*(?:'((?:[^'\\]|\\.)*)'|((?:[^\s'\\]|\\.)*))(?=\s|$)\s*/iy;
  const options = new Map<string, Option>();
  while (pair.lastIndex < text.length) {
    const [, name, quoted, plain = ''] = pair.exec(text) ?? [];
    if (name === undefined) return { options: new Map(), mistakes: [notPairs] };
    const value = (quoted ?? plain).replaceAll(/\\(.)/gs, '$1');
    if (isGiven(name.toLowerCase(), value)) options.set(name.toLowerCase(), { value });
  }
  return { options, mistakes: [] };
}
