// Server-side request forgery: however an address is spelled or resolved, no connection is made to it unless the policy permits.

import { createSecureContext } from 'node:tls';
import { describe, expect, it } from 'vitest';
import { parseRegistryPattern } from '../../../../src/core/registry/reference.ts';
import { Problem } from '../../../../src/core/shared/problem.ts';
import { UpstreamFailure } from '../../../../src/upstream/errors/failure.ts';
import { createAgents } from '../../../../src/upstream/transport/agents.ts';
import { clientOver } from '../../../../src/upstream/transport/client.ts';
import type { Lookup } from '../../../../src/upstream/transport/connector.ts';
import { createEgressPolicy, type EgressPolicy } from '../../../../src/upstream/transport/addresses/egress.ts';
import { defaultLimits } from '../../../../src/upstream/transport/settings.ts';
import { certificate, check, closedPort, secure, startServer, startTcpServer, withCa } from '../../fixtures.ts';
import { basicRegistry, bearerServer } from '../../personalities.ts';

const everything = { egressAllow: ['0.0.0.0/0', '::/0'], egressDeny: [] };

/** Every spelling of loopback that we know; `PORT` is the canary's. */
const loopbackSpellings = [
  [
    '127.0.0.1',
    '127.0.0.2',
    '127.255.255.254',
    '127.1',
    '127.0.1',
    '127.000.000.001',
    '0x7f.1',
    '0x7f000001',
    '0x7f.0.0.1',
    '0X7F.0.0.1',
  ],
  [
    '2130706433',
    '017700000001',
    '0177.0.0.1',
    '0177.1',
    '0x7f.0x0.0x0.0x1',
    '00000177.0.0.1',
    '127.0.0.0x1',
    '127.0.0.01',
    '127.0x1',
  ],
  ['0', '0.0.0.0', '0x0', '00', '0.0', '0.1'],
  ['127.0.0.1.', '127.1.', 'localhost', 'LOCALHOST', 'localhost.', 'localHost', 'a.localhost'],
  [
    '[::1]',
    '[0:0:0:0:0:0:0:1]',
    '[0000::0001]',
    '[::]',
    '[::0]',
    '[::ffff:127.0.0.1]',
    '[::ffff:7f00:1]',
    '[0:0:0:0:0:ffff:127.0.0.1]',
  ],
  [
    '[::127.0.0.1]',
    '[::7f00:1]',
    '[64:ff9b::127.0.0.1]',
    '[64:ff9b::7f00:1]',
    '[64:ff9b:1::7f00:1]',
    '[2002:7f00:1::]',
    '[2002:7f00:0001::1]',
  ],
  ['[::1%25lo]', '[fe80::1%25lo]', '[::1%lo]', '::1', '[::1', '::ffff:127.0.0.1'],
  [
    '１２７.０.０.１',
    '127。0。0。1',
    '127．0．0．1',
    'ⓛⓞⓒⓐⓛⓗⓞⓢⓣ',
    'ｌocalhost',
    '①②⑦.⓪.⓪.①',
    '127.0.0.1\u00ad',
    'loc\u00adalhost',
  ],
  ['%31%32%37.0.0.1', '127.0.0.1%2f', '127%2e0%2e0%2e1', '%6cocalhost', '127.0.0.1%00'],
  [
    'user@127.0.0.1',
    'user:pass@127.0.0.1',
    'example.com@127.0.0.1',
    '127.0.0.1@example.com',
    'example.com:80@127.0.0.1',
    '@127.0.0.1',
  ],
  [
    '127.0.0.1#@example.com',
    'example.com#@127.0.0.1',
    '127.0.0.1?@example.com',
    '127.0.0.1\\@example.com',
    'example.com\\@127.0.0.1',
    '127.0.0.1\\',
  ],
  [
    '127.0.0.1\t',
    '\t127.0.0.1',
    '127.0.\n0.1',
    '127.0.0.1\r\nHost: x',
    '127.0.0.1 example.com',
    '//127.0.0.1',
    '/127.0.0.1',
    '\\\\127.0.0.1',
  ],
  ['http://127.0.0.1', 'https://127.0.0.1', 'https:127.0.0.1', 'file://127.0.0.1', 'rebind.test', 'xn--127-0-0-1'],
].flat();

const metadataSpellings = [
  [
    '169.254.169.254',
    '169.254.170.2',
    '0xa9fea9fe',
    '2852039166',
    '0251.0376.0251.0376',
    '169.254.43518',
    '[::ffff:169.254.169.254]',
    '[64:ff9b::a9fe:a9fe]',
    '[2002:a9fe:a9fe::]',
  ],
  [
    '100.100.100.200',
    '168.63.129.16',
    '192.0.0.192',
    '[fd00:ec2::254]',
    '[fd00:ec2::23]',
    '[fd20:ce::254]',
    '[fe80::1]',
    '[fec0::1]',
  ],
  [
    '0.0.0.0',
    '[::]',
    '224.0.0.1',
    '239.255.255.255',
    '255.255.255.255',
    '240.0.0.1',
    '192.0.2.1',
    '198.51.100.7',
    '203.0.113.9',
    '198.18.0.1',
  ],
  [
    '[ff02::1]',
    '[2001:db8::1]',
    '[2001::1]',
    '[100::1]',
    '[5f00::1]',
    '[3fff::1]',
    '[::ffff:10.0.0.1]',
    '[::10.0.0.1]',
    '[64:ff9b:1::a00:1]',
  ],
].flat();

/** Every name leads to loopback, so that a spelling which passes as a name gains nothing. */
const toLoopback: Lookup = async () => [{ address: '127.0.0.1', family: 4 }];

function canary() {
  return startTcpServer((socket) => socket.destroy());
}

function withPort(spelling: string, port: number): string[] {
  return [`${spelling}:${port}`, spelling];
}

async function reach(url: URL, egress: EgressPolicy, lookup = toLoopback): Promise<unknown> {
  const agents = createAgents({ egress, secureContext: createSecureContext(), limits: defaultLimits, lookup });
  const client = clientOver(agents, { userAgent: 'test', unverifiedOrigin: url.origin });
  try {
    return await client.get({ url, maxBodyBytes: 10, signal: AbortSignal.timeout(5_000) });
  } catch (error) {
    return error;
  } finally {
    await agents.close();
  }
}

describe('spellings of a forbidden address', () => {
  it('are at least 60', () => {
    expect(new Set(loopbackSpellings).size).toBeGreaterThanOrEqual(60);
  });

  it('reach no canary when they are typed as a registry', async () => {
    const { port, connections } = await canary();
    for (const text of loopbackSpellings.flatMap((spelling) => withPort(spelling, port))) {
      const answer = await checkTyped(text);
      expect([text, answer]).toEqual([text, expect.stringMatching(/^(FORBIDDEN_ADDRESS|refused: INVALID_REGISTRY)$/)]);
    }
    expect(connections()).toBe(0);
  });

  async function checkTyped(text: string): Promise<string> {
    try {
      const { host, repository } = parseRegistryPattern(text);
      return (
        await check({ host, repository, secureConnection: false }, { loopbackAllowed: false, lookup: toLoopback })
      ).outcome;
    } catch (error) {
      if (error instanceof Problem) return `refused: ${error.code}`;
      throw error;
    }
  }

  it('reach no canary when they go around the parser', async () => {
    const { port, connections } = await canary();
    for (const host of loopbackSpellings.flatMap((spelling) => withPort(spelling, port))) {
      const answer = await check(
        { host, secureConnection: false },
        { loopbackAllowed: false, lookup: toLoopback },
      ).then(
        ({ outcome }) => outcome,
        (error: unknown) => (error instanceof Problem ? error.code : error),
      );
      expect([host, answer]).toEqual([host, expect.stringMatching(/^(FORBIDDEN_ADDRESS|INVALID_REGISTRY)$/)]);
    }
    expect(connections()).toBe(0);
  });

  it.each(['https', 'http'])('reach no canary when they go straight to the client with %s', async (scheme) => {
    const { port, connections } = await canary();
    const egress = createEgressPolicy({ loopbackAllowed: false, allow: [], deny: [] });
    const urls = loopbackSpellings
      .flatMap((spelling) => withPort(spelling, port))
      .flatMap((host) => URL.parse(`${scheme}://${host}`) ?? []);
    expect(urls.length).toBeGreaterThan(60);
    for (const url of urls) {
      expect([url.href, await reach(url, egress)]).toEqual([
        url.href,
        expect.objectContaining({ outcome: 'FORBIDDEN_ADDRESS' }),
      ]);
    }
    expect(connections()).toBe(0);
  });

  it.each(metadataSpellings)('%s is out of reach even when everything is allowed', async (host) => {
    const url = URL.parse(`https://${host}:4430`);
    const answer =
      url === null
        ? undefined
        : await reach(url, createEgressPolicy({ loopbackAllowed: true, allow: ['0.0.0.0/0', '::/0'], deny: [] }));
    expect(answer).toBeInstanceOf(UpstreamFailure);
    expect(answer).toMatchObject({ outcome: 'FORBIDDEN_ADDRESS' });
  });

  it('control: the same canary is reached when loopback is allowed', async () => {
    const { host, connections } = await canary();
    const egress = createEgressPolicy({ loopbackAllowed: true, allow: [], deny: [] });
    for (const url of [`https://${host}`, `http://${host}`, `https://rebind.test:${host.split(':')[1]}`])
      await reach(new URL(url), egress);
    expect(connections()).toBe(3);
  });
});

describe('DNS rebinding', () => {
  const policy = { egressAllow: [], egressDeny: ['127.0.0.2'] };

  it('a name that flips to a forbidden address between two checks reaches nothing there', async () => {
    const { port } = await secure(basicRegistry);
    const canaryServer = await startServer(basicRegistry, { tls: certificate, address: '127.0.0.2' });
    let address = '127.0.0.1';
    const lookup: Lookup = async () => [{ address, family: 4 }];
    const settings = { ...withCa, ...policy, lookup };
    expect(await check({ host: `localhost:${port}` }, settings)).toMatchObject({ outcome: 'VALID' });
    address = '127.0.0.2';
    expect(await check({ host: `localhost:${canaryServer.port}` }, settings)).toMatchObject({
      outcome: 'FORBIDDEN_ADDRESS',
    });
    expect(canaryServer.connections()).toBe(0);
  });

  it('a connection goes to the answer that was judged: the name is asked once for it', async () => {
    const server = await secure(basicRegistry);
    let calls = 0;
    const lookup: Lookup = async () => {
      calls += 1;
      return [{ address: '127.0.0.1', family: 4 }];
    };
    await check({ host: `localhost:${server.port}` }, { ...withCa, lookup });
    expect(calls).toBe(1);
    expect(server.connections()).toBe(1);
  });

  it.each([
    [['127.0.0.1', '127.0.0.2']],
    [['127.0.0.2', '127.0.0.1']],
    [['127.0.0.1', '169.254.169.254']],
    [['127.0.0.1', '::ffff:127.0.0.2']],
    [['127.0.0.1', 'not-an-address']],
    [['127.0.0.1', 'fe80::1%eth0']],
  ])('one forbidden address among the answers %j refuses the whole name', async (addresses) => {
    const server = await secure(basicRegistry);
    const lookup: Lookup = async () => addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
    const report = await check({ host: `localhost:${server.port}` }, { ...withCa, ...policy, lookup });
    expect(report).toMatchObject({ outcome: 'FORBIDDEN_ADDRESS' });
    expect(`${report.message}${JSON.stringify(report.advice)}${JSON.stringify(report.steps)}`).not.toMatch(
      /127\.0\.0\.|169\.254/,
    );
    expect(server.connections()).toBe(0);
  });

  it('an address that is forbidden once it is connected carries no request', async () => {
    const server = await startServer(basicRegistry);
    let calls = 0;
    const turning: EgressPolicy = { permits: () => calls++ === 0 };
    expect(await reach(new URL(server.origin), turning)).toMatchObject({ outcome: 'FORBIDDEN_ADDRESS' });
    expect(calls).toBe(2);
    expect(server.received).toEqual([]);
  });

  it('a realm that leads to a forbidden address gets no connection', async () => {
    const tokens = await startServer(bearerServer().tokenServer, { tls: certificate, address: '127.0.0.2' });
    const server = await secure(bearerServer({ realm: () => `https://tokens.test:${tokens.port}/token` }).registry);
    const lookup: Lookup = async () => [{ address: '127.0.0.2', family: 4 }];
    const report = await check(
      { host: server.host, trustedRealm: `tokens.test:${tokens.port}` },
      { ...withCa, ...policy, lookup },
    );
    expect(report).toMatchObject({ outcome: 'FORBIDDEN_ADDRESS' });
    expect(report.message).toContain('tokens.test');
    expect(tokens.connections()).toBe(0);
  });
});

describe('the policy', () => {
  const decide = (address: string, settings: { loopbackAllowed?: boolean; allow?: string[]; deny?: string[] } = {}) =>
    createEgressPolicy({ loopbackAllowed: false, allow: [], deny: [], ...settings }).permits(address);

  it.each([
    '10.0.0.1',
    '172.16.0.1',
    '192.168.1.1',
    '100.64.0.1',
    '8.8.8.8',
    '2606:4700::1',
    'fd12:3456::1',
    'fc00::1',
    '64:ff9b::808:808',
    '64:ff9b::a00:1',
  ])('permits %s by default: registries live on private networks', (address) => {
    expect(decide(address)).toBe(true);
  });

  it.each([
    ['10.1.2.3', ['10.0.0.0/8'], [], true],
    ['10.1.2.3', ['10.1.2.3'], [], true],
    ['11.1.2.3', ['10.0.0.0/8'], [], false],
    ['10.1.2.3', ['10.0.0.0/8'], ['10.1.0.0/16'], false],
    ['10.1.2.3', [], ['10.0.0.0/8'], false],
    ['64:ff9b::a01:203', [], ['10.0.0.0/8'], false],
    ['64:ff9b::a01:203', ['10.0.0.0/8'], [], true],
    ['fd12::1', ['10.0.0.0/8'], [], false],
    ['fd12::1', ['fd12::/16'], [], true],
    ['2606:4700::1', [], ['2606:4700::/32'], false],
    ['127.0.0.1', ['127.0.0.0/8'], [], false],
    ['::1', ['::/0'], [], false],
    ['169.254.169.254', ['169.254.0.0/16'], [], false],
  ])('%s with allow %j and deny %j: %s', (address, allow, deny, permitted) => {
    expect(decide(address, { allow, deny })).toBe(permitted);
  });

  it('narrows loopback like any other network', () => {
    expect(decide('127.0.0.1', { loopbackAllowed: true })).toBe(true);
    expect(decide('::1', { loopbackAllowed: true })).toBe(true);
    expect(decide('127.0.0.1', { loopbackAllowed: true, deny: ['127.0.0.1/32'] })).toBe(false);
    expect(decide('127.0.0.1', { loopbackAllowed: true, allow: ['10.0.0.0/8'] })).toBe(false);
  });

  it.each(['64:ff9b::7f00:1', '64:ff9b::', '::ffff:127.0.0.1', '::ffff:8.8.8.8', '::127.0.0.1'])(
    'never treats %s as loopback or a registry',
    (address) => {
      expect(decide(address, { loopbackAllowed: true, allow: ['0.0.0.0/0', '::/0'] })).toBe(false);
    },
  );

  it.each(['', 'example.com', '127.1', '[::1]', '10.0.0.1/8', '::1%lo', '10.0.0.1 '])(
    'permits nothing that is no address: "%s"',
    (address) => {
      expect(decide(address, { loopbackAllowed: true })).toBe(false);
    },
  );

  it.each([
    'example.com',
    '10.0.0.0/33',
    '10.0.0.0/',
    '10.0.0.0/x',
    '10.0.0.0/8/8',
    '::/129',
    'fe80::1%lo',
    '',
    '10.0.0/8',
  ])('refuses the setting "%s"', (entry) => {
    expect(() => decide('10.0.0.1', { allow: [entry] })).toThrow(`"${entry}"`);
  });

  it('an allow list reaches a registry in it, and no other', async () => {
    const inside = await secure(basicRegistry);
    const outside = await startServer(basicRegistry, { tls: certificate, address: '127.0.0.2' });
    const settings = { ...withCa, egressAllow: ['127.0.0.1/32'] };
    expect(await check(inside, settings)).toMatchObject({ outcome: 'VALID' });
    expect(await check(outside, settings)).toMatchObject({ outcome: 'FORBIDDEN_ADDRESS' });
    expect(outside.connections()).toBe(0);
  });
});

it('a forbidden address cannot be used to scan ports: open, closed, and silent ports have the same result', async () => {
  const open = await secure(basicRegistry);
  const silent = await startTcpServer(() => undefined);
  const ports = [open.port, silent.port, await closedPort()];
  const reports = await Promise.all(
    ports.map((port) => check({ host: `127.0.0.1:${port}` }, { ...everything, loopbackAllowed: false })),
  );
  const shown = reports.map((report, index) =>
    JSON.stringify({
      ...report,
      checkedAt: 0,
      durationMs: 0,
      steps: report.steps.map((step) => ({ ...step, durationMs: 0 })),
    }).replaceAll(`:${ports[index]}`, ':PORT'),
  );
  expect(new Set(shown).size).toBe(1);
  expect(open.connections() + silent.connections()).toBe(0);
});
