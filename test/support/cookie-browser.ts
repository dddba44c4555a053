// Implements the part of a browser that a sign-in needs: separates the cookies of 127.0.0.1 and localhost, and follows redirects only on request.

export interface Visit {
  readonly status: number;
  readonly location: string | undefined;
  readonly setCookies: readonly string[];
  readonly text: string;
}

export interface CookieBrowser {
  /** Name and value, by host. */
  readonly cookies: Map<string, Map<string, string>>;
  visit(
    url: string,
    init?: {
      readonly method?: string;
      readonly headers?: Readonly<Record<string, string>>;
      readonly body?: URLSearchParams;
    },
  ): Promise<Visit>;
  /** Visits, and follows what it is sent to until an address begins with `end` or nothing sends it on. Gives the last address. */
  follow(url: string, end: string): Promise<{ readonly url: string; readonly visit: Visit | undefined }>;
}

export function openCookieBrowser(): CookieBrowser {
  const cookies: CookieBrowser['cookies'] = new Map();
  const visit: CookieBrowser['visit'] = async (url, { method = 'GET', headers = {}, body } = {}) => {
    const { hostname } = new URL(url);
    const jar = cookies.get(hostname) ?? new Map<string, string>();
    cookies.set(hostname, jar);
    const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join('; ');
    const answer = await fetch(url, {
      method,
      redirect: 'manual',
      headers: { ...headers, ...(cookie === '' ? {} : { cookie }) },
      ...(body === undefined ? {} : { body }),
    });
    const setCookies = answer.headers.getSetCookie();
    for (const line of setCookies) keep(jar, line);
    const location = answer.headers.get('location');
    return {
      status: answer.status,
      location: location === null ? undefined : new URL(location, url).href,
      setCookies,
      text: await answer.text(),
    };
  };
  return {
    cookies,
    visit,
    async follow(url, end) {
      let next = url;
      for (let count = 0; count < 10; count += 1) {
        if (next.startsWith(end)) return { url: next, visit: undefined };
        const visited = await visit(next);
        if (visited.location === undefined) return { url: next, visit: visited };
        next = visited.location;
      }
      throw new Error('it is sent on for ever');
    },
  };
}

function keep(jar: Map<string, string>, line: string): void {
  const [pair = '', ...attributes] = line.split(';').map((part) => part.trim());
  const [name = '', value = ''] = pair.split(/=(.*)/s);
  const isGone =
    value === '' ||
    attributes.some((attribute) => /^max-age=0$/i.test(attribute) || /^expires=.*1970/i.test(attribute));
  if (isGone) jar.delete(name);
  else jar.set(name, value);
}
